"""E-mail for a tool that merges by itself: recipients with their slots as CSV, creatives beside them as NDJSON.

The tool fills `{{{s1}}}` with the recipient's column `s1`; slots are escaped already for where they stand.
"""

from __future__ import annotations

import polars as pl

from flows.channels import Target
from flows.words import GENERIC, is_words_slot


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    # Beside s1 there is s1_html where a layout prints a text part, such as the subject, in its HTML.
    slots = [name for name in worded.columns if is_words_slot(name)]
    return worded.select(
        "message_id",
        "customer_id",
        pl.col("address").alias("email"),
        "creative_id",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "unsubscribe_url",
        *slots,
    )


TARGET = Target(
    name="email_file",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no platform's limit: what spreadsheet-bred importers still open
    merge=GENERIC,
    rows=_rows,
)
