"""guarded -> armed: the detail level that a test has drawn for whom every level that it compares can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.facts import at_level, telling
from flows.keys import draw, drawn
from flows.schemas import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.product import Product


def armed(
    guarded: pl.DataFrame, product: Product, fields: Mapping[str, Collection[str]], workspace: str
) -> pl.DataFrame:
    """The decisions of one product, shown no more than the level that is drawn for them.

    Who lacks something that the highest level would show is in no arm, and keeps what they have: else levels would differ by
    what is known of people, too. A person keeps their arm as long as the shares stay.

    Args:
        guarded: as `guard.guarded` yields it.
        product: gives the levels that are compared, and the dimensions in their order.
        fields: field -> its dimensions; none where it says nothing about the person.
        workspace: its name, part of the salt.

    Returns:
        `guarded` with `drawn_level` (null for who is in no arm), `propensity` times the probability of that draw, and the fields
        and facts of that level.
    """
    levels = product.test.levels
    if not levels:
        return guarded
    needed = telling(product.dimensions[: max(levels)], fields)
    is_whole = pl.all_horizontal(pl.lit(value=True), *(pl.col("facts").list.contains(name) for name in needed))
    u = draw(product.test.salt(f"{workspace}/{product.name}/levels"), pl.when(is_whole).then("customer_id"))
    level, share = drawn(levels, u)
    kind = COLUMNS["drawn_level"].type
    rows = guarded.with_columns(
        drawn_level=pl.when(is_whole).then(level.cast(kind)),
        propensity=pl.when(is_whole).then(pl.col("propensity") * share).otherwise("propensity"),
    )
    return at_level(rows, pl.col("drawn_level"), product.dimensions, fields)
