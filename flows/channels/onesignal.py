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
from flows.channels.recipients import put_right

if TYPE_CHECKING:
    from flows.channels import Creatives


_SPACE = r"[\s&&[^ ]]"
"""A blank that is no space."""

_UNSEEN = r"[\p{Cc}\p{Cf}&&[^\x{200d}]]"
"""What cannot be printed, the joiner of emoji left aside."""


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "message_id",
        "customer_id",
        "title",
        "body",
        pl.col("valid_until", "not_before", "not_after").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        subscription_id="address",
        url="action_url",
    )


def _printable(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(f"{_SPACE}+", " ").str.replace_all(_UNSEEN, "").str.strip_chars()


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    title, body = (put_right(pl.col(name), rf"{_SPACE}|{_UNSEEN}|^\s|\s$", _printable) for name in ("title", "body"))
    return rows.select(
        "subscription_id",
        je_title=title,
        je_body=body,
        je_url="url",
        je_message_id="message_id",
        je_valid_until="valid_until",
        je_not_before="not_before",
        je_not_after="not_after",
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
