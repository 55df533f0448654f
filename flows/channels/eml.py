"""E-mail whole: a file for each message, for any mail server, outbox relay or signer of DKIM; see `mime`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, Creatives, Target
from flows.channels.mime import inlined, message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_PARTS = tuple(part.name for part in CHANNELS["email"].parts)


def _prepared(creative: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**creative, "parts": {**creative["parts"], "html": inlined(creative["parts"]["html"])}}


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "message_id",
        "customer_id",
        "address",
        "sender_name",
        "sender_email",
        "reply_to",
        "unsubscribe_url",
        "valid_from",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        *_PARTS,
    )


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select(message=message())


TARGET = Target(
    name="eml",
    channel="email",
    kind="message",
    file_format="eml",
    most_rows=1,
    prepare=_prepared,
    rows=_rows,
    lines=_lines,
    lines_per_file=True,
)
