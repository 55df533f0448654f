"""guarded -> routed: one row per wanted delivery, with the reason where it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.facts import at_level, check_audience, highest_level
from flows.firsts import CAME_BY, entries, first_open
from flows.schemas import ROUTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flows.product import Product
    from flows.settings import Settings

FIRST = "first"


def routed(
    guarded: pl.DataFrame,
    product: Product,
    settings: Settings,
    fields: Mapping[str, Collection[str]],
    targeted: Collection[str],
) -> pl.DataFrame:
    """Every decision of one product, once per lane: the one channel of `first_of`, and each of `also`.

    Where that one has a budget, the other open ones follow, each in a row of its own, up to one without: see `stages.budgets`.

    Args:
        guarded: as `guard.guarded` yields it.
        product: gives the channels.
        settings: gives each brand's target per channel; a channel without one is not wanted.
        fields: the columns that go on to the words -> their dimensions.
        targeted: the dimensions that decide who is in the product's segment.

    Returns:
        The columns of `schemas.ROUTED` and the fields; `shown` is not known yet. `reason` is null where the delivery can be;
        a channel of `first_of` is the first open one, before all the one by which the person came in, and there is always one,
        since else nothing would have been decided.

    Raises:
        GuardError: an audience would have more than three dimensions in common.
    """
    lanes, columns = [], [*ROUTED.names(), *fields]
    for brand in product.brands:
        targets, is_mine = settings.targets.get(brand, {}), pl.col("brand") == brand
        first = [name for name in product.channels.first_of if name in targets]
        ways = _firsts(first, entries(guarded, first), is_mine, _budgeted(product, brand, settings))
        ways += [(name, name, is_mine) for name in product.channels.also if name in targets]
        lanes += [_lane(guarded, lane, name, targets[name]).select(columns, _is_it=is_it) for lane, name, is_it in ways]
    if not lanes:
        return (
            guarded.clear()
            .with_columns(pl.lit(None, kind).alias(name) for name, kind in ROUTED.items())
            .select(columns)
        )
    rows = pl.concat(lane.filter("_is_it").drop("_is_it") for lane in lanes)
    if not rows.filter(_tells_others()).is_empty():
        check_audience(f"templates/{product.name}", {*product.because, *targeted})
    return at_level(rows, _level(product, targeted), product.dimensions, fields)


def carried(decisions: pl.DataFrame, products: Mapping[str, Product], settings: Settings) -> pl.DataFrame:
    """Decisions with the `channel` of `first_of` that carries each, or would: null where all are closed, or there are none.

    Args:
        decisions: `schemas.DECISIONS`, of which `closed` tells it.
        products: by name.
        settings: gives each brand's target per channel.
    """
    done = [decisions.clear().with_columns(channel=pl.lit(None, pl.String))]
    closed = pl.col("closed").list.eval(pl.element().struct.field("channel"))
    for (product, brand), rows in decisions.partition_by("product", "brand", as_dict=True, maintain_order=True).items():
        ways = [way for way in products[product].channels.first_of if way in settings.targets.get(brand, {})]
        done.append(rows.with_columns(channel=first_open(rows, {way: ~closed.list.contains(way) for way in ways})))
    return pl.concat(done)


def _level(product: Product, targeted: Collection[str]) -> pl.Expr:
    """The highest level of each channel; where somebody else learns who is meant, all that people are chosen by is told."""
    level = highest_level(product, {*product.because, *targeted})
    return pl.when(_tells_others()).then(level)


def _tells_others() -> pl.Expr:
    """Whether a channel lets somebody else know who is meant."""
    return pl.col("channel").is_in([name for name, channel in CHANNELS.items() if channel.needs_yes])


def _budgeted(product: Product, brand: str, settings: Settings) -> Collection[str]:
    """The channels of which a brand sends only so many of a product's messages."""
    return () if product.message_type == "service" else settings.budgets_of(brand)


def _firsts(
    channels: Sequence[str], came_by: Sequence[str], is_mine: pl.Expr, budgeted: Collection[str]
) -> list[tuple[str, str, pl.Expr]]:
    """The lane, the channel, and whose it is: the first open one, and what is open behind it while budgets leave a choice."""
    ways, is_settled = [], ~is_mine
    came = {name: (pl.col(CAME_BY) == name).fill_null(value=False) for name in came_by}
    for name, is_theirs in [*came.items(), *((name, ~came.get(name, pl.lit(value=False))) for name in channels)]:
        is_open = pl.col(f"{name}_reason").is_null() & is_theirs
        ways.append((FIRST, name, is_open & ~is_settled))
        if name not in budgeted:
            is_settled |= is_open
    return ways


def _lane(rows: pl.DataFrame, lane: str, channel: str, target: str) -> pl.DataFrame:
    return rows.with_columns(
        lane=pl.lit(lane),
        channel=pl.lit(channel),
        target=pl.lit(target),
        address=pl.col(f"{channel}_address"),
        address_match=pl.col(f"{channel}_match"),
        phone=pl.col(f"{channel}_phone") if CHANNELS[channel].also_by_phone else pl.lit(None, dtype=pl.String),
        consent_event=pl.col(f"{channel}_event"),
        shown=pl.lit(None, dtype=pl.String),
        reason=pl.col(f"{channel}_reason"),
    )
