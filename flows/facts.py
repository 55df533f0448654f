"""Facts and the fields that show them: at a lower level there are fewer of both, never other ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.errors import GuardError
from flows.product import MOST_DIMENSIONS
from flows.schemas import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flows.product import Product

REPORT = "nothing was published; please report this"


def highest_level(product: Product, told: Collection[str]) -> int:
    """How many of the product's dimensions may be used beside what is told anyway, so that all together are three at most.

    Args:
        product: gives the dimensions in the order in which they earn their place.
        told: what a message gives away by coming at all.
    """
    most = MOST_DIMENSIONS if product.level is None else product.level
    levels = range(min(len(product.dimensions), most) + 1)
    return max((n for n in levels if len({*told, *product.dimensions[:n]}) <= MOST_DIMENSIONS), default=0)


def at_level(
    rows: pl.DataFrame, level: pl.Expr, dimensions: Sequence[str], fields: Mapping[str, Collection[str]]
) -> pl.DataFrame:
    """`rows` with fewer facts where `level` is lower than theirs; a field stays where all its dimensions do.

    Args:
        rows: with `level`, `facts` and the fields.
        level: the highest that may be, 0..3; null leaves a row as it is.
        dimensions: the product's, in their order.
        fields: field -> its dimensions; none where it says nothing about the person.
    """
    lower = pl.min_horizontal("level", level.cast(COLUMNS["level"].type))
    if not rows.select((lower < pl.col("level")).any()).item():
        return rows  # as of nearly every product: the facts are those of their level already
    kept = _kept(lower, dimensions)
    return rows.with_columns(shown_with(kept, fields), facts=facts_of(kept), level=lower)


def facts_at(level: pl.Expr, dimensions: Sequence[str]) -> pl.Expr:
    """Those of a row's `facts` that are left at a level."""
    return facts_of(_kept(level, dimensions))


def telling(dimensions: Sequence[str], fields: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Each dimension that can be shown -> the fields that have to be there for it to be known.

    A field of several dimensions is missing for the last of them alone. Else whether a later dimension is known, or one that
    is not used at all, would decide whether an earlier one is shown, and so be told with it.
    """
    place_of = {dimension: place for place, dimension in enumerate(dimensions)}
    complete_at = {
        name: max(map(place_of.__getitem__, shown))
        for name, shown in fields.items()
        if shown and place_of.keys() >= set(shown)
    }
    found = {}
    for dimension in dimensions:
        mine = [name for name in complete_at if dimension in fields[name]]
        first = min((complete_at[name] for name in mine), default=None)
        found[dimension] = [name for name in mine if complete_at[name] == first]
    return {dimension: mine for dimension, mine in found.items() if mine}


def check_guarded(rows: pl.DataFrame, product: Product, fields: Mapping[str, Collection[str]]) -> None:
    """Refuse deliveries of a product that would show more of somebody than three dimensions, or than their facts.

    It trusts nothing that was decided or checked before.

    Args:
        rows: with `facts` and the fields.
        product: what people can tell from getting its messages at all counts as well.
        fields: field -> its dimensions; none where it says nothing about the person.

    Raises:
        GuardError: naming dimensions or fields, never a value.
    """
    where = f"templates/{product.name}"
    for (facts,) in rows.select("facts").unique().iter_rows():
        said = sorted({*facts, *product.because})
        if len(said) > MOST_DIMENSIONS:
            raise GuardError(where, f"a message would use {len(said)} dimensions: {', '.join(said)}", REPORT)
    leaking = [
        (pl.col(name).is_not_null() & ~pl.all_horizontal(pl.col("facts").list.contains(of) for of in shown))
        .any()
        .alias(name)
        for name, shown in fields.items()
        if shown
    ]
    leaked = (
        [name for name, is_leaked in rows.select(leaking).row(0, named=True).items() if is_leaked] if leaking else []
    )
    if leaked:
        raise GuardError(where, f"fields that are not among the facts would be shown: {', '.join(leaked)}", REPORT)


def check_audience(where: str, told: Collection[str]) -> None:
    """Refuse an audience whose members have more than three dimensions in common; what is shown comes on top.

    Args:
        where: whose audience it is.
        told: the dimensions by which its members are chosen.

    Raises:
        GuardError: naming the dimensions.
    """
    told = sorted(set(told))
    if len(told) > MOST_DIMENSIONS:
        what = f"an audience would have {len(told)} dimensions in common: {', '.join(told)}"
        raise GuardError(where, what, REPORT)


def facts_of(kept: Mapping[str, pl.Expr]) -> pl.Expr:
    """The dimensions that hold, as a list in their order."""
    facts = [pl.when(is_kept).then(pl.lit(dimension)) for dimension, is_kept in kept.items()]
    return listed(facts, COLUMNS["facts"].type)


def listed(each: Sequence[pl.Expr], kind: pl.DataType) -> pl.Expr:
    """Those of some values of one kind that are not null, as a list of `kind` in their order.

    By way of an array: of a million rows `concat_list` and `drop_nulls` take 9 s for three structs, and this 0.2 s (measured).
    """
    if not each:
        return pl.lit([], dtype=kind)
    return pl.concat_arr(each).arr.to_list().list.eval(pl.element().drop_nulls())


def _kept(level: pl.Expr, dimensions: Sequence[str]) -> dict[str, pl.Expr]:
    return {name: pl.col("facts").list.contains(name) & (level > place) for place, name in enumerate(dimensions)}


def shown_with(kept: Mapping[str, pl.Expr], fields: Mapping[str, Collection[str]]) -> list[pl.Expr]:
    """Every field that says something about the person, null but where all its dimensions hold."""
    nothing = pl.lit(value=False)
    return [
        pl.when(pl.all_horizontal(kept.get(dimension, nothing) for dimension in shown)).then(name).alias(name)
        for name, shown in fields.items()
        if shown
    ]
