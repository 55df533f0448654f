"""product.yaml's `success` -> what is counted of each person: did it help, did it pay and how much, did it do harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.ledger.tally import WATCHED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from flows.product import Product

Role = Literal["helped", "business", "value", "repurchase", "guardrail"]
ABSENCE, AGAIN, VALUE = "no_", "_again", "value_of_"
REPURCHASE = "ordered_again"
"""Followed for every product, whatever its own success is."""
GUARDRAILS = {"unsubscribed": "no", "complained": "complained", "bounced": "bounced"}
"""Outcome -> the state under which people, or what becomes of addresses, say the same in the inbox."""


@dataclass(frozen=True)
class Metric:
    """A question about a person that has an answer for everybody: did it happen within the product's time, or how much of it?

    Attributes:
        name: as product.yaml says it: `ordered`, `no_care_contact`, `ordered_again`; `value_of_ordered` for what it was worth.
        role: why it is asked.
    """

    name: str
    role: Role

    @property
    def is_absence(self) -> bool:
        """Whether it is a success that something has not happened: `no_care_contact`."""
        return self.name.startswith(ABSENCE)

    @property
    def is_amount(self) -> bool:
        """Whether it is asked how much: what all that has happened to the person was worth."""
        return self.role == "value"

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that count. Whatever is ordered after the decision is ordered again, under either name.

        Of amounts the first counts of which any have come in: see `watched`.
        """
        name = self.name.removeprefix(ABSENCE)
        return (name, name.removesuffix(AGAIN)) if name.endswith(AGAIN) else (name,)


def metrics(product: Product) -> tuple[Metric, ...]:
    """What is asked about a product: its two successes, the value of one, whether people came back, and the guardrails.

    None is asked twice.
    """
    asked: dict[str, Role] = {product.success.helped: "helped"}
    asked.setdefault(product.success.business, "business")
    if not product.success.business.startswith(ABSENCE):
        asked[f"{VALUE}{product.success.business}"] = "value"
    asked.setdefault(REPURCHASE, "repurchase")
    for name in GUARDRAILS:
        asked.setdefault(name, "guardrail")
    return tuple(Metric(name, role) for name, role in asked.items())


def watched(asked: Sequence[Metric], told: AbstractSet[str]) -> pl.DataFrame:
    """`WATCHED` for some metrics.

    Args:
        asked: the metrics.
        told: the outcomes that have ever come in, and `value_of_…` those that came with a value. Of these the first counts for a
            metric that has several: who tells `ordered` and `ordered_again` of the same order was paid once.
    """
    rows = [(metric.name, name, False) for metric in asked if not metric.is_amount for name in metric.outcomes]
    for metric in asked:
        valued = [name for name in metric.outcomes if name in told]
        if metric.is_amount and valued:
            rows.append((metric.name, valued[0].removeprefix(VALUE), False))
    rows += [(metric.name, GUARDRAILS[metric.name], True) for metric in asked if metric.role == "guardrail"]
    return pl.DataFrame(rows, WATCHED, orient="row")
