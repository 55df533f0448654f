"""Which dimensions were shown to whom lately: the last day of each, and no more than ninety days of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.product import MOST_DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from flows.ledger.claims import Batch
    from flows.ledger.store import Ledger
    from flows.setting_tables import Exposure

SHORT, LONG = timedelta(days=30), timedelta(days=90)
LATELY = pl.Schema(
    {
        "person_key": pl.String(),
        "brand": pl.String(),
        "in_30_days": pl.List(pl.String()),
        "in_90_days": pl.List(pl.String()),
    }
)


def shown_lately(ledger: Ledger, as_of: date, budget: Exposure) -> pl.DataFrame:
    """`LATELY`: the dimensions shown in the 30 and 90 days up to a day, of whom three more could be too many.

    Days in the future count as well, so that a clock that is set back loosens nothing.
    """
    rows = ledger.rows(
        """
        WITH shown AS (SELECT * FROM exposure WHERE shown_on > $long),
        busy AS (  -- mostly few: only of these is it asked which dimensions
            SELECT person_key, brand FROM shown GROUP BY ALL HAVING count(*) > least($in_30_days, $in_90_days)
        )
        SELECT person_key, brand,
            list_sort(coalesce(list(dimension) FILTER (shown_on > $short), [])) AS in_30_days,
            list_sort(list(dimension)) AS in_90_days
        FROM (
            SELECT person_key, brand, dimension, max(shown_on) AS shown_on
            FROM shown SEMI JOIN busy USING (person_key, brand) GROUP BY ALL
        )
        GROUP BY person_key, brand
        HAVING len(in_30_days) > $in_30_days OR len(in_90_days) > $in_90_days
        """,
        {
            "short": as_of - SHORT,
            "long": as_of - LONG,
            "in_30_days": budget.in_30_days - MOST_DIMENSIONS,
            "in_90_days": budget.in_90_days - MOST_DIMENSIONS,
        },
    )
    return rows.cast(dict(LATELY))  # type: ignore[arg-type]


def exposures(rows: pl.DataFrame, because: Mapping[str, Sequence[str]], batch: Batch) -> pl.DataFrame:
    """The rows of the table `exposure` that a batch's deliveries make.

    Args:
        rows: with `person_key`, `brand`, `product` and `facts`.
        because: product -> what people can tell from getting its messages at all.
        batch: they are in.
    """
    told = pl.col("product").replace_strict(dict(because), return_dtype=pl.List(pl.String))
    said = rows.select("person_key", "brand", dimension=pl.col("facts").list.set_union(told))
    return (
        said.explode("dimension")
        .drop_nulls("dimension")
        .unique(maintain_order=True)
        .with_columns(shown_on=pl.lit(batch.as_of), batch_id=pl.lit(batch.batch_id))
    )


def forget_superseded(ledger: Ledger, batch_id: str) -> None:
    """Keep the last day of each dimension, and ninety days; call it when a batch is published, in that transaction.

    Until then the day before is kept: a batch that is undone has shown nothing.
    """
    ledger.execute(
        """
        DELETE FROM exposure e USING (SELECT * FROM exposure WHERE batch_id = $batch) n
        WHERE e.person_key = n.person_key AND e.brand = n.brand AND e.dimension = n.dimension
          AND e.batch_id <> n.batch_id AND e.shown_on <= n.shown_on
        """,
        {"batch": batch_id},
    )
    ledger.execute(
        "DELETE FROM exposure WHERE shown_on <= (SELECT as_of FROM batch WHERE batch_id = $batch) - INTERVAL 90 DAY",
        {"batch": batch_id},
    )
