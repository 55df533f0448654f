"""Push by OneSignal: a CSV of its importer, with the words as tags that the message prints.

The message there is `{{ je_title }}` and `{{ je_body }}`, with `{{ je_url }}` as where it leads. The importer wants UTF-8
without a byte order mark, nothing that cannot be printed, headers in lower case, and one identifier in each row: here the id of
the subscription, which is what `push_token` of customers.sql has to be.
Source: OneSignal, documentation/import (150 MB). It says "no special characters or non-ASCII" of the same file that it wants in
UTF-8; words are written as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import Target

if TYPE_CHECKING:
    from flows.channels import Creatives


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "message_id",
        "customer_id",
        "title",
        "body",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        subscription_id="address",
        url="action_url",
    )


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    def printable(name: str) -> pl.Expr:
        spaced = pl.col(name).str.replace_all(r"[\s&&[^ ]]+", " ")  # single spaces are most of them, and are left alone
        return spaced.str.replace_all(r"[\p{Cc}\p{Cf}&&[^\x{200d}]]", "").str.strip_chars()

    return rows.select(
        "subscription_id",
        je_title=printable("title"),
        je_body=printable("body"),
        je_url="url",
        je_message_id="message_id",
        je_valid_until="valid_until",
    )


TARGET = Target(
    name="onesignal",
    channel="push",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # theirs is in bytes, and comes to about two million
    most_bytes=150 * 10**6,
    rows=_rows,
    lines=_lines,
    unverified=True,
)
