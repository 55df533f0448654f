"""product.yaml's `success` -> what is counted of each person: whether it helped, whether it paid, and whether it did harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.ledger.tally import WATCHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.product import Product

Role = Literal["helped", "business", "repurchase", "guardrail"]
ABSENCE, AGAIN = "no_", "_again"
REPURCHASE = "ordered_again"
"""Followed for every product, whatever its own success is."""
GUARDRAILS = {"unsubscribed": "no", "complained": "complained", "bounced": "bounced"}
"""Outcome -> the state under which people, or what becomes of addresses, say the same in the inbox."""


@dataclass(frozen=True)
class Metric:
    """A question about a person that has an answer for everybody: did it happen within the product's time?

    Attributes:
        name: as product.yaml says it: `ordered`, `no_care_contact`, `ordered_again`.
        role: why it is asked.
    """

    name: str
    role: Role

    @property
    def is_absence(self) -> bool:
        """Whether it is a success that something has not happened: `no_care_contact`."""
        return self.name.startswith(ABSENCE)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that count. Whatever is ordered after the decision is ordered again, under either name."""
        name = self.name.removeprefix(ABSENCE)
        return (name, name.removesuffix(AGAIN)) if name.endswith(AGAIN) else (name,)


def metrics(product: Product) -> tuple[Metric, ...]:
    """What is asked about a product: its two successes, whether people came back, and the guardrails. None is asked twice."""
    asked: dict[str, Role] = {product.success.helped: "helped"}
    asked.setdefault(product.success.business, "business")
    asked.setdefault(REPURCHASE, "repurchase")
    for name in GUARDRAILS:
        asked.setdefault(name, "guardrail")
    return tuple(Metric(name, role) for name, role in asked.items())


def watched(asked: Sequence[Metric]) -> pl.DataFrame:
    """`WATCHED` for some metrics."""
    rows = [(metric.name, name, False) for metric in asked for name in metric.outcomes]
    rows += [(metric.name, GUARDRAILS[metric.name], True) for metric in asked if metric.role == "guardrail"]
    return pl.DataFrame(rows, WATCHED, orient="row")
