"""Whether the need that a message answers has ended: an outcome that its product names under `ends_when` has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.warehouse.news import named_tables
from flows.warehouse.queries import outcomes
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.line.sources import Source
    from flows.product import Product

ENDED = "ended"
"""Why a message must not be sent, or shown, any more whose need has ended."""

_ASKED = ("customer_id", "brand", "product", "subject_id", "message_id", "decided_at")


def ended(source: Source, rows: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """`message_id` of the messages whose need has ended, by what sql/outcomes/ yields now.

    Args:
        source: the warehouse and the workspace.
        rows: `customer_id, brand, product, subject_id, message_id` of messages, and `decided_at` (UTC).

    Raises:
        DataError, StatementError: a query does not yield what it should.
    """
    source = source.at_present()
    products = {name: product for name, product in source.workspace.products.items() if product.ends_when}
    asked = rows.lazy().select(_ASKED).filter(pl.col("product").is_in(list(products))).collect()
    if asked.is_empty() or not source.workspace.queries.outcomes:
        return asked.select("message_id").clear()
    queries, scope = source.workspace.queries, source.about(asked["customer_id"], Scope())
    texts = "\n".join(queries.outcomes.values())
    tables = named_tables(texts, source.workspace.catalogue, source.path) if source.narrow else None
    with source.open(scope, source.moment.present, named=tables) as session:
        found = outcomes(session, queries, source.moment)
    return ended_by(asked, found, products)


def ended_by(rows: pl.DataFrame, found: pl.DataFrame, products: Mapping[str, Product]) -> pl.DataFrame:
    """`message_id` of the messages that an outcome has ended.

    It ends what had been decided when it came to be known: the segment has weighed what was known before. One that names what
    it is about (an order) leaves alone what is about another.

    Args:
        rows: as `ended` takes them.
        found: `schemas.OUTCOMES`.
        products: by name: which outcomes end their needs.
    """
    pairs = [(name, outcome) for name, product in products.items() for outcome in product.ends_when]
    ends = pl.DataFrame(pairs, {"product": pl.String, "outcome": pl.String}, orient="row")
    met = rows.join(ends, on="product").join(found, on=["customer_id", "outcome"], suffix="_then")
    is_of_brand = pl.col("brand_then").is_null() | (pl.col("brand_then") == pl.col("brand"))
    is_about_another = (pl.col("subject_id_then") != pl.col("subject_id")).fill_null(value=False)
    is_new = pl.coalesce("loaded_at", "happened_at") > pl.col("decided_at")
    return met.filter(is_of_brand, is_new, ~is_about_another).select("message_id").unique()
