"""What a person has to decide about products, the most urgent first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from flows.ledger.proposals import open_proposals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from flows.ledger.store import Ledger
    from flows.workspace import Workspace

Kind = Literal["paused", "overdue", "stop", "review", "scale", "use_less_data"]
"""In the order of urgency: what says nothing until somebody has looked, what does no good, what soon says nothing, what could do
more. That a test goes on is no decision."""


@dataclass(frozen=True)
class Waiting:
    """What a person has to decide.

    Attributes:
        product: about which product.
        kind: what it is.
        says: it in a sentence.
        step: what to do.
    """

    product: str
    kind: Kind
    says: str
    step: str


def waiting(workspace: Workspace, ledger: Ledger, today: date) -> list[Waiting]:
    """All that waits on a day, the most urgent first."""
    found = [*_to_look_at(workspace, today), *_proposed(ledger)]
    return sorted(found, key=lambda each: (get_args(Kind).index(each.kind), each.product))


def _to_look_at(workspace: Workspace, today: date) -> Iterator[Waiting]:
    for pause in workspace.pauses.values():
        says = f"It says nothing, since it is paused: {pause.why}."
        yield Waiting(pause.product, "paused", says, f"when it may speak: justenough resume {pause.product}")
    for product in workspace.overdue(today):
        says = (
            f"It says nothing, since its review date {product.review_by} has passed: {product.owner} should look at it."
        )
        yield Waiting(product.name, "overdue", says, _new_date(product.name))
    for product in workspace.due_soon(today):
        says = f"It speaks until {product.review_by} and no longer: {product.owner} should look at it."
        yield Waiting(product.name, "review", says, _new_date(product.name))


def _new_date(product: str) -> str:
    return f"set a new review_by in templates/{product}/product.yaml"


def _proposed(ledger: Ledger) -> Iterator[Waiting]:
    for row in open_proposals(ledger).to_dicts():
        if row["kind"] in get_args(Kind):
            yield Waiting(row["product"], row["kind"], row["says"], f"justenough accept {row['id']}")
