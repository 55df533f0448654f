"""How far each channel of each brand carries: who has an address, who lets us, for whom there is a help, and with what known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.stages.eligibility import standing
from flows.stages.next_best import UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from flows.product import Product
    from flows.stages.eligibility import Bars
    from flows.workspace import Workspace

COVERED = pl.Schema(
    {
        **dict.fromkeys(("brand", "channel"), pl.String()),
        **dict.fromkeys(("customers", "addressable", "consented", "refused", "named", "fresh"), pl.Int64()),
    }
)
"""`customers` of the brand; of these `addressable` have a good address; of these `consented` may be told something that live
products of marketing are about, and `refused` is who said no to one of these topics on the channel; `named` are people for whom a
live product has a help, who may be told it by the channel; of these `fresh` of whom nothing of it is too old."""
FILLED = pl.Schema({**dict.fromkeys(("brand", "channel", "dimension"), pl.String()), "people": pl.Int64()})
"""Of those who are named, of how many a dimension could be used in some help."""


@dataclass(frozen=True)
class _Topic:
    """A topic of marketing, whichever product it is of: exclusions of one product bar nobody from a channel."""

    topic: str
    name: str = ""
    message_type: str = "marketing"


def channels_of(workspace: Workspace, live: Sequence[Product]) -> list[str]:
    """The channels that a brand has a target for, or a live product words."""
    used = {name for ways in workspace.settings.targets.values() for name in ways}
    used |= {name for product in live for name in product.channels.all}
    return [name for name in CHANNELS if name in used]


def covered(
    bars: Bars, workspace: Workspace, live: Sequence[Product], present: datetime, facts: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What each brand and channel comes to.

    Args:
        bars: who the people are, and what bars speaking to them.
        workspace: gives brands.
        live: the products that speak.
        present: UTC instant.
        facts: product -> `branching.known` of it.

    Returns:
        `COVERED` and `FILLED`.
    """
    names = channels_of(workspace, live)
    people = bars.people.filter(pl.col("brand").is_in(list(workspace.settings.brands))).select(UNIT)
    ways = dict.fromkeys(workspace.settings.brands, dict.fromkeys(names, ""))
    topics = sorted({product.topic for product in live if product.message_type == "marketing"})
    for name in names:
        people = people.with_columns(pl.lit(value=False).alias(f"{name}_is_open"))
    for topic in topics:
        stands = standing(people.select(UNIT), bars, _Topic(topic), [CHANNELS[name] for name in names], ways, present)
        free = stands["reason"].is_null()
        people = people.with_columns(
            (pl.col(f"{name}_is_open") | (stands[f"{name}_reason"].is_null() & free)).alias(f"{name}_is_open")
            for name in names
        )
    named = _named(facts, names)
    found, filled = [COVERED.to_frame()], [FILLED.to_frame()]
    for name in names:
        rows = people.select(*UNIT, is_open=f"{name}_is_open").join(_addressed(name, bars), on=UNIT, how="left")
        rows = rows.join(_refused(name, topics, bars), on=UNIT, how="left")
        wanted = (
            named.filter(pl.col(name)).group_by(UNIT).agg(pl.col("is_fresh").any(), pl.col("facts").explode().unique())
        )
        rows = rows.join(wanted, on=UNIT, how="left")
        counts = rows.group_by("brand").agg(
            customers=pl.len(),
            addressable=pl.col("has_address").sum(),
            consented=(pl.col("is_open") & pl.col("has_address")).sum(),
            refused=pl.col("is_refused").sum(),
            named=pl.col("is_fresh").is_not_null().sum(),
            fresh=pl.col("is_fresh").sum(),
        )
        found.append(counts.with_columns(channel=pl.lit(name)).select(COVERED.names()).cast(COVERED))
        each = rows.select("brand", dimension="facts").explode("dimension").drop_nulls()
        counts = each.group_by("brand", "dimension").agg(people=pl.len()).with_columns(channel=pl.lit(name))
        filled.append(counts.select(FILLED.names()).cast(FILLED))
    return pl.concat(found), pl.concat(filled)


def _named(facts: Mapping[str, pl.DataFrame], names: Sequence[str]) -> pl.DataFrame:
    """`UNIT`, whether each channel is open, `is_fresh` and `facts`, of each candidate who may be spoken to."""
    is_stale = pl.col("missed").list.eval(pl.element().struct.field("why") == "stale").list.any()
    found = []
    for rows in facts.values():
        is_open = [
            (pl.col(f"{name}_reason").is_null() if f"{name}_reason" in rows.columns else pl.lit(value=False)).alias(
                name
            )
            for name in names
        ]
        is_fresh = (pl.col("reason").ne_missing("STALE_CONTEXT") & ~is_stale).fill_null(value=True).alias("is_fresh")
        found.append(rows.select(*UNIT, *is_open, is_fresh, "facts"))
    kinds: dict[str, pl.DataType | type[pl.DataType]] = {
        **dict.fromkeys(UNIT, pl.String),
        **dict.fromkeys((*names, "is_fresh"), pl.Boolean),
        "facts": pl.List(pl.String),
    }
    return pl.concat([pl.DataFrame(schema=kinds), *found])


def _addressed(name: str, bars: Bars) -> pl.DataFrame:
    """`UNIT` and `has_address`."""
    address = CHANNELS[name].address
    fault = f"{address}_fault"
    has_one = pl.col(address).is_not_null()
    has_one = has_one & pl.col(fault).is_null() if fault in bars.people.columns else has_one
    return bars.people.select(*UNIT, has_address=has_one)


def _refused(name: str, topics: Sequence[str], bars: Bars) -> pl.DataFrame:
    """`UNIT` and `is_refused`, of who has said no in some scope."""
    scopes = [
        scope.filter(pl.col("state") == "no").select(UNIT) for topic in topics for scope in bars.said(name, topic)
    ]
    nobody = bars.people.select(UNIT).clear()
    return pl.concat([nobody, *scopes]).unique().with_columns(is_refused=pl.lit(True))  # noqa: FBT003
