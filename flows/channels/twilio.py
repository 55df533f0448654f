"""SMS by Twilio: a line for the form of each POST to Messages, ready for `requests.post(url, data=line)`.

The body may have 1,600 characters. A message that waits in Twilio's queue is dropped when there is no time left to send it, or
after the longest time that they keep one.
Source: Twilio, Message resource (`To`, `From`, `Body`, `ValidityPeriod`: 1 to 36,000 seconds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import Limit, Target

if TYPE_CHECKING:
    from flows.channels import Creatives

MOST_CHARACTERS = 1600
LONGEST_WAIT_SECONDS = 36_000


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    life = (pl.col("not_after") - pl.col("not_before")).dt.total_seconds().clip(1, LONGEST_WAIT_SECONDS)
    return worded.select(
        "message_id",
        "customer_id",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        To="address",
        From="sms_sender",
        Body="body",
        ValidityPeriod=life,
    )


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select("To", "From", "Body", "ValidityPeriod", "message_id")


TARGET = Target(
    name="twilio",
    channel="sms",
    kind="message",
    file_format="ndjson",
    most_rows=100_000,  # no limit of Twilio's, which takes one message a request
    limit=Limit(MOST_CHARACTERS, "characters", lambda rows, _: rows["Body"].str.len_chars()),
    rows=_rows,
    lines=_lines,
)
