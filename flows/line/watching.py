"""What is out there already, held by state targets or still to be sent: it is looked at again with the people a plan is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, target
from flows.clock import present
from flows.keys import load_key, load_keys
from flows.ledger.membership import scan_members
from flows.ledger.recalls import recallable
from flows.ledger.runs import all_published, decided_at, last_published
from flows.ledger.store import open_ledger
from flows.line.ending import ENDED, ended
from flows.line.planned import read_planned
from flows.line.rows import Rows, by_customer
from flows.line.seeding import SEED, addresses
from flows.schemas import INSTANT, frame_schema
from flows.stages.claims import MEMBERS
from flows.stages.eligibility import rechecked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from flows.channels import Target
    from flows.line.sources import Source
    from flows.plan import Order
    from flows.settings import Settings
    from flows.stages.eligibility import Bars
    from flows.workspace import Workspace

LOOKED_AT = frame_schema(
    "message_id",
    "valid_until",
    "customer_id",
    "brand",
    "product",
    "channel",
    "address",
    "address_match",
    "phone",
    "person_key",
)
"""What has to be known of a message to tell what bars it."""
OUT_THERE = pl.Schema({**LOOKED_AT, **frame_schema("subject_id"), "decided_at": INSTANT})
"""What is held, or may be sent still, of products that there are still; and as of when an outcome may have ended its need."""

_KNOWN_OF_MEMBERS = [name for name in MEMBERS if name in {*OUT_THERE, "decision_id"} - {"person_key"}]


def scan_published(settings: Settings, to: Target, brand: str) -> pl.LazyFrame:
    """`MEMBERS` that a state target holds by the last batch that was published. Raises StateError where they are gone."""
    with open_ledger(settings) as ledger:
        last = last_published(ledger, to.name, brand)
    return scan_members(settings, to.name, brand, last, MEMBERS)


def held_since(settings: Settings, targets: Collection[str]) -> dict[str, str | None]:
    """`target/brand` of the state targets among some -> the batch that each holds."""
    with open_ledger(settings) as ledger:
        published = all_published(ledger)
    return {f"{name}/{brand}": published.get((name, brand)) for name, brand in _states(settings, targets)}


def looked_at_alone(order: Order) -> tuple[str, ...]:
    """Whom a run that answers events looks at, and nobody else; none for any other run, which looks at all that is out there."""
    return order.customers if order.events else ()


def out_there_in_pieces(
    workspace: Workspace, targets: Collection[str], only: Sequence[str] = ()
) -> Iterator[pl.DataFrame]:
    """`OUT_THERE`: what all state targets among some hold, and the messages of any target that may be sent still.

    Where customers are named, of them alone. As much at a time as is held of `Rows`; one piece at least.
    """
    settings = workspace.settings
    with open_ledger(settings) as ledger:
        published = all_published(ledger)
    for name, brand in _states(settings, targets):
        members = scan_members(settings, name, brand, published.get((name, brand)), MEMBERS).select(*_KNOWN_OF_MEMBERS)
        if only:  # they are few enough for one window
            members = members.filter(pl.col("customer_id").is_in(list(only)))
        for held in Rows.within(members, [pl.lit(True)] if only else by_customer(members)):  # noqa: FBT003
            with open_ledger(settings) as ledger:
                began = decided_at(ledger, held["decision_id"])
            yield _of_today(workspace, held.join(began, on="decision_id", how="left"))
    yield to_be_sent(workspace, waiting(settings, only))


def waiting(settings: Settings, only: Sequence[str] = ()) -> pl.DataFrame:
    """`ledger.recalls.OPEN`: what may be sent still; where customers are named, to them."""
    with open_ledger(settings) as ledger:
        rows = recallable(ledger, present())
    if not only:
        return rows
    people = pl.DataFrame({"customer_id": only}, {"customer_id": pl.String})
    keyed = pl.concat(people.select(person_key=key.of(pl.col("customer_id"))) for key in load_keys(settings.key_file))
    return rows.join(keyed, on="person_key", how="semi", maintain_order="left")


def to_be_sent(workspace: Workspace, waiting: pl.DataFrame) -> pl.DataFrame:
    """`OUT_THERE` of some `ledger.recalls.OPEN` whose plans are kept."""
    claimed = waiting.select("message_id", "valid_until", decided_at="claimed_at")
    # Only ads go by a telephone number beside the address, and nothing of theirs is sent.
    planned = read_planned(workspace.settings, waiting).with_columns(phone=pl.lit(None, pl.String))
    return _of_today(workspace, planned.join(claimed, on="message_id"))


def _of_today(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """`OUT_THERE` of products that there are still, whichever key was in use when it was published."""
    key = load_key(workspace.settings.key_file)
    known = rows.filter(pl.col("product").is_in(list(workspace.products)))
    return known.with_columns(person_key=key.of(pl.col("customer_id"))).select(OUT_THERE.names())


def seeds(workspace: Workspace, targets: Collection[str]) -> pl.DataFrame:
    """`SEED` of all that get copies of what goes to some targets."""
    ways = [
        (brand, channel)
        for brand, channels in workspace.settings.targets.items()
        for channel, name in channels.items()
        if name in targets and target(name).kind == "message"
    ]
    return pl.concat([SEED.to_frame(), *(addresses(workspace, brand, channel) for brand, channel in ways)])


def seen(workspace: Workspace, rows: pl.DataFrame, bars: Bars, at: datetime) -> pl.DataFrame:
    """What bars some `LOOKED_AT` now: `message_id, reason, consent_event`, see `eligibility.rechecked`."""
    found = rechecked(
        rows.select(LOOKED_AT.names()), bars, workspace.purposes, CHANNELS, workspace.settings.targets, at
    )
    return found.select("message_id", "reason", "consent_event")


def judged(source: Source, out: pl.DataFrame | pl.LazyFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """`message_id, reason`: why what is out there may be no more: what bars it, `ENDED`, or null where it may.

    Args:
        source: the warehouse.
        out: `OUT_THERE`.
        standing: what `seen` yields of those of it who are customers.
    """
    over = ended(source, out).with_columns(over=pl.lit(ENDED))
    return standing.join(over, on="message_id", how="left").select("message_id", pl.coalesce("reason", "over"))


def _states(settings: Settings, targets: Collection[str]) -> list[tuple[str, str]]:
    """Target and brand of the state targets among some."""
    ways = {(name, brand) for brand, channels in settings.targets.items() for name in channels.values()}
    return sorted((name, brand) for name, brand in ways if name in targets and target(name).kind == "state")
