"""Push by Firebase Cloud Messaging: a line for each request body of the HTTP v1 API, `{"message": {…}}`.

A message is dropped by the platforms once it is no longer true. Android and the web count from the moment of sending, which a
file cannot know: there it is the length of the message's life, from the start of its day.
Source: firebase.google.com, docs/reference/fcm/rest/v1/projects.messages.
"""

from __future__ import annotations

import polars as pl

from flows.channels import Creatives, Limit, Target

MOST_BYTES = 4096
"""Of a message in all. Source: FCM, set-message-type; APNs, generating a remote notification, says the same."""

_LONGEST_LIFE_SECONDS = 28 * 86_400  # Source: FCM keeps a message for four weeks at most


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    life = (pl.col("valid_until") - pl.col("valid_from")).dt.total_seconds().clip(0, _LONGEST_LIFE_SECONDS)
    seconds = life.cast(pl.String)
    message = pl.struct(
        token="address",  # noqa: S106 - the column of that name
        notification=pl.struct("title", "body"),
        data=pl.struct("message_id", url="action_url", label="action_label"),  # texts only: the API takes no others
        android=pl.struct(ttl=seconds + "s"),
        apns=pl.struct(headers=pl.struct(pl.col("valid_until").dt.epoch("s").cast(pl.String).alias("apns-expiration"))),
        webpush=pl.struct(headers=pl.struct(TTL=seconds), fcm_options=pl.struct(link="action_url")),
    )
    return worded.select(
        "message_id", "customer_id", pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), message=message
    )


def _requests(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select("message")


TARGET = Target(
    name="fcm",
    channel="push",
    kind="message",
    file_format="ndjson",
    most_rows=100_000,  # no limit of FCM's, which takes one message a request
    limit=Limit(MOST_BYTES, "bytes", lambda rows, _: rows["message"].struct.json_encode().str.len_bytes()),
    rows=_rows,
    lines=_requests,
)
