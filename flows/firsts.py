"""Which channel of `first_of` carries a message: the journey goes on where it started, where that way is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CAME_BY = "came_by"
PLACES = {"app": "push", "site": "web"}
"""Where people come in -> the channel by which one speaks to them there; a store or a call centre has none."""


def entries(rows: pl.DataFrame, channels: Sequence[str]) -> list[str]:
    """Those of some channels by which any of these people came in; none where nothing tells."""
    if CAME_BY not in rows.columns:
        return []
    came = set(rows[CAME_BY].unique())
    return [name for name in channels if name in came]


def first_open(rows: pl.DataFrame, is_open: Mapping[str, pl.Expr]) -> pl.Expr:
    """The channel by which each person came in, where it is open; else the first that is; null where none is.

    Args:
        rows: `came_by`, where anything tells.
        is_open: the channels in the order of `first_of` -> whether each is open.
    """
    came = [pl.when(pl.col(CAME_BY) == name, is_open[name]).then(pl.lit(name)) for name in entries(rows, [*is_open])]
    ways = [pl.when(is_one).then(pl.lit(name)) for name, is_one in is_open.items()]
    return pl.coalesce(pl.lit(None, pl.String), *came, *ways)


def in_order(channels: Sequence[str], came_by: str | None) -> list[str]:
    """The channels of `first_of` in the order in which they count for somebody."""
    return sorted(channels, key=lambda name: name != came_by)
