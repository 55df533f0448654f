"""The products of a workspace as things that are owned: what each uses, whom it reached, how old it is, who looks at it when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from flows.clock import moment
from flows.ledger.portfolio import all_versions, named_last, reach_since
from flows.ledger.proposals import last_readouts
from flows.ledger.store import open_ledger
from flows.line.rating import ratings
from flows.line.trying import try_words

if TYPE_CHECKING:
    import polars as pl

    from flows.product import Product
    from flows.workspace import Workspace

LATELY = timedelta(days=30)


@dataclass(frozen=True)
class Standing:
    """How a product stands.

    Attributes:
        product, owner, status, message_type: as product.yaml says.
        review_by: the last day on which it speaks before somebody has looked at it again.
        is_overdue: whether that day has passed, so that it says nothing.
        version: the number of the version that is here; None where it was never delivered as it is.
        versions: how many were delivered.
        since: the day on which the first was.
        changed_on: the day on which the version that is here was delivered first.
        dimensions: what it may use of people, in order.
        because: what people can tell from getting it at all.
        variants, levels, holdout: what it tries: names, detail levels, and the share of people that is held out of it alone.
        creep: the highest creep score of its words.
        floor: the share of its brands' customers that it has to reach in thirty days, as product.yaml says.
        people, held_out, messages: since thirty days ago: people who got it, who would have and were held out, and messages.
        verdict, lift, lift_low, lift_high, read_on: what it was called at the last look that was kept (`readout --keep`, or the
            flow `readout`), the lift of what shows that it helped, where that lies at every look, and the day; None before.
        named, open: people of its segment at the last run over everybody, and those of them who might be spoken to; None before.
    """

    product: str
    owner: str
    status: str
    message_type: str
    review_by: date
    is_overdue: bool
    version: int | None
    versions: int
    since: date | None
    changed_on: date | None
    dimensions: tuple[str, ...]
    because: tuple[str, ...]
    variants: tuple[str, ...]
    levels: tuple[int, ...]
    holdout: float
    creep: int
    floor: float
    people: int
    held_out: int
    messages: int
    verdict: str | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    read_on: date | None
    named: int | None
    open: int | None


def standings(workspace: Workspace) -> tuple[Standing, ...]:
    """How each product of a workspace stands today, by name.

    Raises:
        TemplateError: words cannot be tried, see `trying.try_words`.
        LockedError, StateError: the history cannot be read.
    """
    today = moment(None, workspace.settings.zone).as_of
    with open_ledger(workspace.settings) as ledger:
        versions, reach, last = all_versions(ledger), reach_since(ledger, today - LATELY), named_last(ledger)
        read = {row["product"]: row for row in last_readouts(ledger).to_dicts()}
    creep: dict[str, int] = {}
    for tried in try_words(workspace):
        name = tried.product.name
        creep[name] = max(creep.get(name, 0), ratings(workspace, tried)[-1].score)
    reached, named = _by_product(reach), _by_product(last)
    return tuple(
        _standing(
            workspace,
            product,
            today,
            versions,
            creep.get(name, 0),
            reached.get(name, {}) | named.get(name, {}),
            read.get(name, {}),
        )
        for name, product in sorted(workspace.products.items())
    )


def _standing(
    workspace: Workspace,
    product: Product,
    today: date,
    versions: pl.DataFrame,
    creep: int,
    counts: dict[str, int],
    read: dict[str, Any],
) -> Standing:
    mine = versions.filter(product=product.name)
    here = mine.filter(digest=workspace.product_digest(product))
    zone = workspace.settings.timezone
    days = mine["first_delivered_at"].dt.convert_time_zone(zone).dt.date()
    return Standing(
        product=product.name,
        owner=product.owner,
        status=product.status,
        message_type=product.message_type,
        review_by=product.review_by,
        is_overdue=product.is_due(today) and product.review_by < today,
        version=None if here.is_empty() else int(here["number"][0]),
        versions=mine.height,
        since=days[0] if mine.height else None,
        changed_on=None if here.is_empty() else days.filter(mine["number"] == here["number"][0])[0],
        dimensions=tuple(product.dimensions),
        because=tuple(product.because),
        variants=tuple(product.test.variants),
        levels=tuple(sorted(product.test.levels)),
        holdout=workspace.as_drawn(product).test.holdout,
        creep=creep,
        floor=product.floor,
        people=counts.get("people", 0),
        held_out=counts.get("held_out", 0),
        messages=counts.get("messages", 0),
        **{name: read.get(name) for name in ("verdict", "lift", "lift_low", "lift_high")},
        read_on=read.get("as_of"),
        named=counts.get("named"),
        open=counts.get("open"),
    )


def _by_product(rows: pl.DataFrame) -> dict[str, dict[str, int]]:
    return {row.pop("product"): row for row in rows.to_dicts()}
