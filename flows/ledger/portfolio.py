"""What the history knows of products: their versions, and how many people each has spoken to lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from datetime import date

    from flows.ledger.store import Ledger

VERSIONS = pl.Schema(
    {
        "product": pl.String(),
        "number": pl.Int32(),
        "digest": pl.String(),
        "first_delivered_at": pl.Datetime("us", "UTC"),
    }
)


def all_versions(ledger: Ledger) -> pl.DataFrame:
    """`VERSIONS` of every product that was ever delivered, the oldest first."""
    rows = ledger.rows(
        "SELECT product, number, digest, first_delivered_at FROM product_version ORDER BY product, number"
    )
    zoned = pl.col("first_delivered_at").dt.replace_time_zone("UTC")
    return rows.with_columns(zoned).cast(dict(VERSIONS))  # type: ignore[arg-type]


def reach_since(ledger: Ledger, day: date) -> pl.DataFrame:
    """Of each product, from a day on: `product`, `people` who got it, `held_out` who would have, `messages` that were claimed."""
    rows = ledger.rows(
        """
        WITH decided AS (
            SELECT product, count(DISTINCT person_key) FILTER (reason IS NULL) AS people,
                count(DISTINCT person_key) FILTER (reason = 'HOLDOUT') AS held_out
            FROM decision WHERE as_of >= $day GROUP BY product
        ),
        claimed AS (SELECT product, count(*) AS messages FROM claim WHERE as_of >= $day GROUP BY product)
        SELECT product, people, held_out, coalesce(messages, 0) AS messages
        FROM decided LEFT JOIN claimed USING (product) ORDER BY product
        """,
        {"day": day},
    )
    return rows.cast({"product": pl.String, **dict.fromkeys(("people", "held_out", "messages"), pl.Int64)})


def words_since(ledger: Ledger, day: date) -> pl.DataFrame:
    """Of each template file as it was, from a day on: `words_sha256`, and `people` who were sent it."""
    rows = ledger.rows(
        """
        SELECT words_sha256, count(DISTINCT person_key) AS people
        FROM receipt JOIN delivery USING (message_id) JOIN decision USING (decision_id)
        WHERE receipt.as_of >= $day GROUP BY words_sha256 ORDER BY words_sha256
        """,
        {"day": day},
    )
    return rows.cast({"words_sha256": pl.String, "people": pl.Int64})


def named_last(ledger: Ledger) -> pl.DataFrame:
    """Of each product, by the last run over everybody that delivered it: `product`, `named` by its segment, `open` to be told."""
    rows = ledger.rows(
        """
        SELECT product, row_count AS named, open_count AS open
        FROM segment_count JOIN run USING (run_id) WHERE state = 'delivered'
        QUALIFY row_number() OVER (PARTITION BY product ORDER BY started_at DESC) = 1 ORDER BY product
        """
    )
    return rows.cast({"product": pl.String, "named": pl.Int64, "open": pl.Int64})


def volumes_since(ledger: Ledger, day: date) -> pl.DataFrame:
    """Of each product and channel, from a day on: `product, channel`, claimed `messages`, and the `days` with decisions."""
    rows = ledger.rows(
        """
        WITH told AS (SELECT product, count(DISTINCT as_of) AS days FROM decision WHERE as_of >= $day GROUP BY product)
        SELECT product, channel, count(*) AS messages, any_value(days) AS days
        FROM claim JOIN told USING (product) WHERE as_of >= $day GROUP BY product, channel ORDER BY product, channel
        """,
        {"day": day},
    )
    return rows.cast({"product": pl.String, "channel": pl.String, "messages": pl.Int64, "days": pl.Int64})
