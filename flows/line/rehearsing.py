"""A rehearsal: what nobody has told yet of people is taken for granted, where seeds alone get what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from flows.settings import Settings

EVENT = "rehearsal"
"""The consent that a receipt of a rehearsal names: nobody has given it."""


def reachable(people: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """People as they are; in a rehearsal with an e-mail address, which nobody has, for each of whom none is known.

    Args:
        people: `schemas.CUSTOMERS` and `person_key`.
        settings: say whether this is a rehearsal; production is none.
    """
    if settings.is_production or not settings.rehearse:
        return people
    made_up = pl.col("person_key").str.head(24) + "@rehearsal.example.com"
    return people.with_columns(email=pl.coalesce("email", made_up))


def agreed(events: pl.DataFrame, people: pl.DataFrame, settings: Settings, *, is_asked: bool) -> pl.DataFrame:
    """What people have said; in a rehearsal of a workspace that does not know, everybody has agreed before anything else.

    Args:
        events: `schemas.CONSENT`.
        people: `customer_id, brand`.
        settings: say whether this is a rehearsal; production is none.
        is_asked: whether the workspace knows what people have agreed to.
    """
    if settings.is_production or not settings.rehearse or is_asked:
        return events
    everything = {name: pl.lit("*") for name in ("channel", "topic")} | {"state": pl.lit("yes")}
    said = (
        people.select("customer_id", "brand")
        .unique()
        .with_columns(event_id=pl.lit(EVENT), happened_at=pl.lit(0).cast(events.schema["happened_at"]), **everything)
    )
    return pl.concat([events, said], how="diagonal_relaxed").select(events.columns)
