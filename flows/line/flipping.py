"""Who would get something else by another version: both decide for the same customers at the same instant. Counts only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from flows.audience import CHANNEL, name_of
from flows.keys import draw, load_key
from flows.line.deciding import Past, decide
from flows.line.excluding import read_left_out
from flows.line.remembering import recent_history, recent_messages
from flows.line.sources import Source, read_shared
from flows.line.versions import of_version
from flows.warehouse.queries import count_customers
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.clock import Moment
    from flows.workspace import Workspace

MOST_CUSTOMERS = 20_000
_NAMED = ["product", "brand", "customer_id"]
"""Who is handed over in which audience, by its key."""
_UNIT = ["message_type", "customer_id", "brand", "subject"]


@dataclass(frozen=True)
class Flip:
    """How many people (and subjects, for service) would get `after` instead of `before`; None is nothing."""

    message_type: str
    before: str | None
    after: str | None
    people: int


@dataclass(frozen=True)
class Reach:
    """How many people (and subjects, for service) a product speaks to by both versions, and who is not the same."""

    product: str
    before: int
    after: int
    gained: int
    lost: int


@dataclass(frozen=True)
class LeftOut:
    """How many people of a brand an audience hands over by both versions, and who is not the same.

    Those count whom nothing bars; whether they are enough, and who of them shares an address, is judged over everybody.
    """

    audience: str
    brand: str
    before: int
    after: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Flips:
    """Two versions' decisions about the same customers.

    Attributes:
        now: the instant at which both decide; what was decided earlier that day is not counted as had.
        customers, of: how many were decided for, of how many.
        flips: what people would get instead, the most first.
        reach: of each product that speaks in either version.
        left_out: of each audience that campaigns leave out, and brand, where either version hands anybody over.
        of_brands: how many of those who were decided for are customers of each brand now.
    """

    now: datetime
    customers: int
    of: int
    flips: tuple[Flip, ...]
    reach: tuple[Reach, ...]
    left_out: tuple[LeftOut, ...] = ()
    of_brands: Mapping[str, int] = field(default_factory=dict)


def flips(before: Workspace, after: Workspace, ref: str, path: Path, now: Moment, most: int) -> Flips:
    """Decide by two versions over one warehouse and history, and compare.

    Args:
        before: the other version, on the data of the present one.
        after: the present version.
        ref: what the other version is called.
        path: the warehouse.
        now: the moment of both.
        most: of more customers than that, so many are drawn by a hash of their ids.

    Raises:
        UsageError: the other version's queries do not fit the warehouse.
        StatementError, DataError: this version's do not.
    """
    products = [*before.live(now.as_of), *after.live(now.as_of)]
    history = recent_history(after.settings, products, now.as_of).filter(pl.col("as_of") < now.as_of)
    heard = recent_messages(after.settings, [*before.settings.caps, *after.settings.caps], now.present)
    past = Past(history, heard.filter(pl.col("at") < now.starts_at.replace(tzinfo=None)))
    source = Source(after, path, now, read_shared(after, path, now))
    with source.open(Scope(), now.present) as session:
        total = count_customers(session, after.queries, now)
    scope = Scope(parts=max(1, math.ceil(total / most)))
    people, new, out = _decided(source, scope, past)
    with of_version(ref):
        others, old, were_out = _decided(Source(before, path, now, read_shared(before, path, now)), scope, past)
    drawn = (
        pl.concat([people, others])
        .select("customer_id")
        .unique()
        .sort(draw("compare", pl.col("customer_id")))
        .head(most)
    )
    old, new = (frame.join(drawn, on="customer_id", how="semi") for frame in (old, new))
    pairs = old.rename({"product": "before"}).join(
        new.rename({"product": "after"}), on=_UNIT, how="full", coalesce=True, nulls_equal=True
    )
    names = sorted({product.name for product in products})
    reach = tuple(_reach(name, pairs) for name in names)
    were_out, out = (frame.join(drawn, on="customer_id", how="semi") for frame in (were_out, out))
    of_brands = dict(people.join(drawn, on="customer_id", how="semi").group_by("brand").len().sort("brand").iter_rows())
    return Flips(now.now, drawn.height, total, _flips(pairs), reach, _left_out(were_out, out), of_brands)


def _decided(source: Source, scope: Scope, past: Past) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Customers (`customer_id, brand`); decisions (`_UNIT` and `product`; who is held out gets nothing); and `_NAMED`."""
    workspace = source.workspace
    key = load_key(workspace.settings.key_file)
    made = decide(source, scope, past, key)
    subject = pl.when(pl.col("message_type") == "service").then("subject_id")
    won = made.decisions.filter(pl.col("reason").is_null()).with_columns(subject=subject)
    audiences = {name: audience.because for name, audience in workspace.audiences.items()}
    targets = {ways[CHANNEL] for ways in workspace.settings.targets.values() if CHANNEL in ways}
    named = read_left_out(source, scope, audiences, targets, made.bars, key).filter(pl.col("reason").is_null())
    return made.bars.people.select("customer_id", "brand").unique(), won.select(*_UNIT, "product"), named.select(_NAMED)


def _left_out(before: pl.DataFrame, after: pl.DataFrame) -> tuple[LeftOut, ...]:
    """How many people audiences hand over, from the `_NAMED` of both versions."""
    each = before.with_columns(was=True).join(after.with_columns(has=True), on=_NAMED, how="full", coalesce=True)
    was, has = (pl.col(name).fill_null(value=False) for name in ("was", "has"))
    counts = each.group_by("product", "brand").agg(
        before=was.sum(), after=has.sum(), gained=(has & ~was).sum(), lost=(was & ~has).sum()
    )
    rows = counts.sort("product", "brand").iter_rows(named=True)
    return tuple(LeftOut(audience=name_of(row.pop("product")), **row) for row in rows)


def _flips(pairs: pl.DataFrame) -> tuple[Flip, ...]:
    flipped = pairs.filter(pl.col("before").ne_missing(pl.col("after")))
    counts = flipped.group_by("message_type", "before", "after").len("people")
    ordered = counts.sort("people", "message_type", "before", "after", descending=[True, False, False, False])
    return tuple(Flip(**row) for row in ordered.iter_rows(named=True))


def _reach(product: str, pairs: pl.DataFrame) -> Reach:
    had, has = (pl.col(side).eq_missing(pl.lit(product)) for side in ("before", "after"))
    counts = pairs.select(before=had.sum(), after=has.sum(), gained=(has & ~had).sum(), lost=(had & ~has).sum())
    return Reach(product, **counts.row(0, named=True))
