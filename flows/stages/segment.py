"""warehouse, products -> candidates: who may need which help, with its fields and signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.schemas import INSTANT

if TYPE_CHECKING:
    from flows.clock import Moment
    from flows.keys import Key
    from flows.product import Product


def candidates(rows: pl.DataFrame, product: Product, moment: Moment, key: Key) -> pl.DataFrame:
    """The rows of a segment that are about one product, today.

    Args:
        rows: what the segment's query yielded: the columns of `schemas.SEGMENT`, fields, signals.
        product: the product; rows of brands for which it does not speak are left out.
        moment: rows with `next_due_on` after `as_of` are scheduled: they are no candidates yet.

        key: for `subject_key`.

    Returns:
        `rows` without `next_due_on`, with `product`, `message_type`, `subject_key`, and `valid_until` (UTC): the
        end of the product's `valid_for`, counted from the start of `as_of` so that it does not move during a day, or that
        of the row if it is earlier.
    """
    ends_at = moment.starts_at + product.when.valid_for
    due = pl.col("next_due_on").is_null() | (pl.col("next_due_on") <= moment.as_of)
    return rows.filter(pl.col("brand").is_in(product.brands) & due).select(
        pl.exclude("next_due_on", "valid_until"),
        product=pl.lit(product.name),
        message_type=pl.lit(product.message_type),
        subject_key=key.of(pl.col("subject_id"), only=pl.col("subject_id").is_not_null()),
        valid_until=pl.min_horizontal("valid_until", pl.lit(ends_at, dtype=INSTANT)),
    )
