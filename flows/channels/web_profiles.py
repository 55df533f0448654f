"""What a website shows to whom: profiles as NDJSON by customer and product, and the ones to take away."""

from __future__ import annotations

import polars as pl

from flows.channels import Target


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "customer_id",
        "product",
        "message_id",
        "decision_id",
        "variant",
        pl.col("valid_from").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("valid_to"),
        payload=pl.struct("headline", "body", label="action_label", url="action_url"),
    )


TARGET = Target(
    name="web_profiles",
    channel="web",
    kind="state",
    file_format="ndjson",
    most_rows=1_000_000,  # no platform's limit: keeps a file loadable at once
    rows=_rows,
    identity=("customer_id", "product", "message_id"),
)
