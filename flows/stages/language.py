"""scored, products -> spoken: nobody is told anything in a language that the help does not speak, or not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.wording import speaks

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from flows.product import Product
    from flows.wording import WordsKey


def spoken(
    scored: pl.DataFrame,
    product: Product,
    files: Collection[WordsKey],
    default_locale: str,
    as_of: date,
    silent: Collection[str] = (),
) -> pl.DataFrame:
    """The candidates of one product, LOCALE_MISMATCH where nothing else bars and it does not speak their language.

    Args:
        scored: of this product, with `locale`.
        product: says which languages are live, and since when.
        files: the product's words.
        default_locale: the language of words without a locale.
        as_of: the date of the run.
        silent: languages whose words somebody has to sign first.
    """
    locales = scored["locale"].unique()
    strange = [locale for locale in locales if not speaks(product, files, locale, default_locale, as_of, silent)]
    is_strange = pl.col("locale").is_in(strange, nulls_equal=True)
    return scored.with_columns(reason=pl.coalesce("reason", pl.when(is_strange).then(pl.lit("LOCALE_MISMATCH"))))
