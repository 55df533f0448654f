"""When a customer can be spoken to again: what is due, what may come again, and what caps and quiet hours leave room for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.caps import zone_or
from flows.durations import whole_days
from flows.hours import STANDARD
from flows.ledger.history import read_history
from flows.ledger.pressure import heard_by
from flows.schemas import frame_schema
from flows.stages.pressure import burdened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.clock import Moment
    from flows.hours import Quiet
    from flows.ledger.store import Ledger
    from flows.workspace import Workspace

Row = dict[str, Any]
HOME = frame_schema("customer_id", "brand", "time_zone")
"""Where a customer is, for each brand that has them."""
DUE = frame_schema("product", "brand", "subject_id", "next_due_on")
"""What a customer is to be considered for on a later day."""


@dataclass(frozen=True)
class Known:
    """What is known of a customer, as of now.

    Attributes:
        persons: their key, and those that they had before it took the place.
        home: `HOME`.
        due: `DUE`.
        decided: brands of which a plan of today decides marketing for them.
    """

    persons: Sequence[str]
    home: pl.DataFrame
    due: pl.DataFrame
    decided: Sequence[str]


def upcoming(workspace: Workspace, ledger: Ledger, known: Known, now: Moment) -> list[Row]:
    """What comes next of each brand that has the customer and a target, in their order.

    Returns:
        `brand, time_zone`; `next_on` (the first day on which marketing can be decided), `caps` (`cap, had, most, is_of_all`, and
        `until`, the local time at which there is room again, or null where there is), `again` (`product, per, had_on, due_on` of
        what cannot come before), `due` (`product, subject_id, on` of what is scheduled), and `quiet` (`channels, then, begins,
        ends`).
    """
    settings = workspace.settings
    people = known.home.with_columns(person_key=pl.lit(known.persons[0]))
    heard = heard_by(ledger, known.persons, settings.caps, now.present)
    burdens = {row["brand"]: row for row in burdened(people, heard, settings, now.present).to_dicts()}
    longest = max((product.once_every.every for product in workspace.products.values()), default=timedelta(0))
    had = read_history(ledger, now.as_of - longest - timedelta(days=1), now.as_of, known.persons)
    zones = people.select("brand", zone_or(settings.timezone))
    found = []
    for brand, zone in zones.filter(pl.col("brand").is_in(list(settings.targets))).sort("brand").iter_rows():
        mine = had.filter(pl.col("brand") == brand)
        caps = list(_caps(workspace, burdens.get(brand, {})))
        is_over = brand in known.decided or not _of_today(mine, now.as_of).is_empty()
        ends = [date.fromisoformat(cap["until"][:10]) for cap in caps if cap["until"] and cap["is_of_all"]]
        found.append(
            {
                "brand": brand,
                "time_zone": zone,
                "next_on": max(now.as_of + timedelta(days=is_over), *ends, now.as_of),
                "caps": caps,
                "again": list(_again(workspace, mine, now.as_of)),
                "due": known.due.filter(pl.col("brand") == brand)
                .select("product", "subject_id", on="next_due_on")
                .to_dicts(),
                "quiet": list(_quiet(workspace, brand)),
            }
        )
    return found


def _of_today(had: pl.DataFrame, today: date) -> pl.DataFrame:
    """One marketing decision a day, whatever came of it."""
    return had.filter((pl.col("message_type") == "marketing") & (pl.col("as_of") >= today))


def _caps(workspace: Workspace, burden: Row) -> Iterator[Row]:
    for place, cap in enumerate(workspace.settings.caps):
        yield {
            "cap": str(cap),
            "had": burden.get(f"_had_{place}", 0),
            "most": cap.most,
            "until": burden.get(f"_until_{place}"),
            "is_of_all": not cap.channels,
        }


def _again(workspace: Workspace, had: pl.DataFrame, today: date) -> Iterator[Row]:
    """What they have had that cannot come again yet, the first to come first; of several subjects the latest tells."""
    latest = dict(had.group_by("product").agg(pl.col("as_of").max()).iter_rows())
    rows = []
    for name, had_on in latest.items():
        product = workspace.products.get(name)
        due_on = had_on + whole_days(product.once_every.every) if product else today
        if product and due_on > today:
            rows.append({"product": name, "per": product.once_every.per, "had_on": had_on, "due_on": due_on})
    yield from sorted(rows, key=lambda row: (row["due_on"], row["product"]))


def _quiet(workspace: Workspace, brand: str) -> Iterator[Row]:
    """The hours at which no marketing of a brand is sent, with the channels that have the same ones."""
    settings = workspace.settings
    hours: dict[Quiet, list[str]] = {}
    for channel in sorted(settings.targets.get(brand, {})):
        given = {**STANDARD, **settings.quiet_hours.get("default", {}), **settings.quiet_hours.get(brand, {})}
        if quiet := given.get(channel):
            hours.setdefault(quiet, []).append(channel)
    for quiet, channels in hours.items():
        yield {"channels": channels, "then": quiet.then, "begins": quiet.begins, "ends": quiet.ends}
