"""SMS for any gateway: one row per message with its whole text, its encoding and its number of segments."""

from __future__ import annotations

import polars as pl

from flows.channels import Target
from flows.sms_length import measure


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "message_id",
        "customer_id",
        pl.col("address").alias("to"),
        pl.col("sms_sender").alias("sender"),
        "body",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    ).hstack(measure(worded["body"]).select("encoding", "segments"))


TARGET = Target(
    name="sms_file",
    channel="sms",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no gateway's limit: what spreadsheet-bred importers still open
    rows=_rows,
)
