"""guarded, ledger -> spared: fewer facts, or nothing, for whom many different ones were shown lately.

What was shown to a person by one brand is counted in dimensions, each once however often it came, over products and channels;
what people can tell from getting a message at all (`because`) counts as shown. What is known to have been shown already costs
nothing again. Service messages are never stopped, and count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.facts import at_level, facts_at
from flows.product import MOST_DIMENSIONS
from flows.schemas import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.product import Product
    from flows.setting_tables import Exposure

_LIST = COLUMNS["facts"].type


def spared(
    guarded: pl.DataFrame,
    lately: pl.DataFrame,
    product: Product,
    fields: Mapping[str, Collection[str]],
    budget: Exposure,
) -> pl.DataFrame:
    """The decisions of one product with the highest level that the budget has room for; EXPOSED where it has for none.

    Args:
        guarded: as `guard.guarded` yields it, without reasons.
        lately: `ledger.exposure.LATELY`.
        product: gives the dimensions in the order in which they earn their place.
        fields: field -> its dimensions; none where it says nothing about the person.
        budget: how many dimensions may be shown to a person in 30 and in 90 days.
    """
    if product.message_type == "service":
        return guarded
    rows = _with(lately, guarded)
    kinds = rows.select(_KIND).unique()  # a handful: most have the same facts, and were shown nothing
    told = pl.lit(product.because, dtype=_LIST)
    levels = range(MOST_DIMENSIONS + 1)
    fitting = [
        pl.when(_fits(told.list.set_union(facts_at(pl.lit(level), product.dimensions)), budget)).then(
            pl.lit(level, pl.Int8)
        )
        for level in levels
    ]
    rows = rows.join(
        kinds.with_columns(_highest=pl.max_horizontal(fitting)), on=_KIND, how="left", maintain_order="left"
    )
    exposed = pl.when(pl.col("_highest").is_null()).then(pl.lit("EXPOSED"))
    rows = rows.with_columns(reason=pl.coalesce("reason", exposed), _highest=pl.col("_highest").fill_null(0))
    return at_level(rows, pl.col("_highest"), product.dimensions, fields).drop("_highest", *_WINDOWS)


def exposed(
    rows: pl.DataFrame, lately: pl.DataFrame, products: Mapping[str, Product], budget: Exposure
) -> pl.DataFrame:
    """Planned deliveries, EXPOSED where more was shown to the person since than the budget has room for.

    Args:
        rows: with `person_key`, `brand`, `product`, `message_type`, `facts` and `reason`.
        lately: `ledger.exposure.LATELY`, as it is now.
        products: by name: what people can tell from getting their messages at all.
        budget: as in `spared`.
    """
    told = pl.col("product").replace_strict(
        {name: product.because for name, product in products.items()}, return_dtype=_LIST
    )
    numbered = rows.select("person_key", "brand", "product", "facts", "message_type").with_row_index("place")
    marketing = numbered.filter(pl.col("message_type") == "marketing")
    if min(budget.in_30_days, budget.in_90_days) >= MOST_DIMENSIONS:  # a message to anybody else has room
        marketing = marketing.join(lately, on=["person_key", "brand"], how="semi")
    over = _with(lately, marketing).filter(~_fits(told.list.set_union("facts"), budget))["place"]
    is_over = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(over.implode())
    return rows.with_columns(reason=pl.coalesce("reason", pl.when(is_over).then(pl.lit("EXPOSED"))))


_WINDOWS = ("_in_30_days", "_in_90_days")
_KIND = ("facts", *_WINDOWS)


def _with(lately: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    known = lately.rename({name: f"_{name}" for name in ("in_30_days", "in_90_days")})
    joined = rows.join(known, on=["person_key", "brand"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(_WINDOWS).fill_null(pl.lit([], dtype=_LIST)))


def _fits(said: pl.Expr, budget: Exposure) -> pl.Expr:
    """Whether nothing of it is new, or there is room for what is new, in both windows."""
    rooms = []
    for window, most in zip(_WINDOWS, (budget.in_30_days, budget.in_90_days), strict=True):
        new = said.list.set_difference(window).list.len()
        rooms.append((new == 0) | (pl.col(window).list.len() + new <= most))
    return pl.all_horizontal(rooms)
