"""Push by Apple's notification service: a line for each request, its device, its headers and its body.

`POST /3/device/<token>` with the headers and the payload. A device that is offline is told until the message is no longer true.
The payload says nothing that should not be read on a locked screen: its words have been counted as such (`flows.creep`).
Source: Apple, "Generating a remote notification" (4,096 bytes) and "Sending notification requests to APNs".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import Limit, Options, Target

if TYPE_CHECKING:
    from flows.channels import Creatives

MOST_BYTES = 4096


class ApnsOptions(Options):
    """What a workspace may set.

    Attributes:
        topic: the app's bundle id; without one whoever sends adds it.
    """

    topic: str | None = None


def _rows(options: ApnsOptions, worded: pl.DataFrame) -> pl.DataFrame:
    headers = [
        pl.lit("alert").alias("apns-push-type"),
        pl.col("valid_until").dt.epoch("s").cast(pl.String).alias("apns-expiration"),
        *([pl.lit(options.topic).alias("apns-topic")] if options.topic else []),
    ]
    return worded.select(
        "message_id",
        "customer_id",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        device_token="address",  # noqa: S106 - the column of that name
        headers=pl.struct(headers),
        payload=pl.struct(
            aps=pl.struct(alert=pl.struct("title", "body")),
            message_id="message_id",
            url="action_url",
            label="action_label",
        ),
    )


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select("device_token", "headers", "payload")


def _target(options: ApnsOptions) -> Target:
    return Target(
        name="apns",
        channel="push",
        kind="message",
        file_format="ndjson",
        most_rows=100_000,  # no limit of Apple's, which takes one message a request
        limit=Limit(MOST_BYTES, "bytes", lambda rows, _: rows["payload"].struct.json_encode().str.len_bytes()),
        rows=partial(_rows, options),
        lines=_lines,
        unverified=True,
        options=ApnsOptions,
        made=_target,
    )


TARGET = _target(ApnsOptions())
