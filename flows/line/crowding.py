"""The crowds of a plan: how many people are shown the same facts, by this run and by what is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, target
from flows.counts import Crowd
from flows.line.frozen import crowds_of
from flows.line.planning import COUNTED_FOLDER, ROUTED_FOLDER
from flows.line.watching import scan_published
from flows.schemas import INSTANT
from flows.stages.crowd import CLASS, HELD, crowded, floors, merged

if TYPE_CHECKING:
    from pathlib import Path

    from flows.plan import Order
    from flows.settings import Settings
    from flows.workspace import Workspace


def read_crowd(workspace: Workspace, folder: Path, order: Order) -> pl.DataFrame:
    """The classes of a run, and how much each may be shown: as `stages.crowd.crowded` yields them.

    A run for a few customers, or a correction, is no crowd: what counts is what a whole run has shown, and what is there already.
    """
    settings = workspace.settings
    counted = merged(pl.read_parquet(file) for file in sorted((folder / COUNTED_FOLDER).glob("*.parquet")))
    there = _held(settings, folder, order)
    if not order.is_whole:
        counted = counted.with_columns(people=pl.lit(0, dtype=pl.UInt32))
        there = pl.concat([there, crowds_of(settings, order.goes_by)]).group_by(CLASS).agg(pl.col("people").max())
    told = [name for name, channel in CHANNELS.items() if channel.needs_yes]  # somebody else learns who it is about
    return crowded(counted, there, floors(settings), told)


def shared(classes: pl.DataFrame) -> pl.DataFrame:
    """What a plan keeps of its crowds: `HELD` of those who are shown something by it, whatever they have in common."""
    left = classes.filter(pl.col("reason").is_null(), pl.col("people") > 0).with_columns(shown="kept")
    return left.group_by(CLASS).agg(pl.col("people").sum()).sort(CLASS)


def crowds(settings: Settings, classes: pl.DataFrame) -> tuple[Crowd, ...]:
    """What a plan says of its crowds, by channel."""
    is_barred = pl.col("reason").is_not_null()
    is_lowered = ~is_barred & pl.col("keeps").is_not_null()
    by_channel = classes.group_by("channel").agg(
        smallest=pl.col("crowd").filter(~is_barred, pl.col("crowd") > 0).min(),
        lowered=pl.col("deliveries").filter(is_lowered).sum(),
        barred=pl.col("deliveries").filter(is_barred).sum(),
    )
    least = floors(settings)
    return tuple(Crowd(floor=least[row["channel"]], **row) for row in by_channel.sort("channel").iter_rows(named=True))


def _held(settings: Settings, folder: Path, order: Order) -> pl.DataFrame:
    """`HELD`: whom state targets show something still, less those for whom this run has something new."""
    new = [
        pl.scan_parquet(file).filter(pl.col("reason").is_null()).select("customer_id", "brand", "product")
        for file in sorted((folder / ROUTED_FOLDER).glob("*.parquet"))
    ]
    found = [HELD.to_frame()]
    for brand, ways in settings.targets.items():
        for channel, name in ways.items():
            if target(name).kind == "state" and floors(settings)[channel] and new:
                members = scan_published(settings, target(name), brand).filter(
                    pl.col("valid_until") > pl.lit(order.present, dtype=INSTANT), pl.col("shown").is_not_null()
                )
                others = members.select("customer_id", *CLASS).join(
                    pl.concat(new), on=["customer_id", "brand", "product"], how="anti"
                )
                once = others.collect().unique(["customer_id", "brand", "product"], keep="first", maintain_order=True)
                found.append(once.group_by(CLASS).agg(people=pl.len()))
    return pl.concat(found)
