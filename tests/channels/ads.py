"""What comes to the targets of ad platforms: people whose addresses were noted down badly, and words that are hard to write."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.addresses import normalised_customers
from flows.channels import target
from flows.stages.delivery import Payload, shaped, write_batch
from tests.channels.test_targets import worded
from tests.stages.making import MOMENT

if TYPE_CHECKING:
    from pathlib import Path

    from flows.channels import Target

ADS = (
    "google_customer_match", "meta_custom_audience", "linkedin_audience", "tiktok_audience", "microsoft_customer_list", "uid2",
    "pinterest_audience", "snapchat_audience", "x_audience",
)  # fmt: skip

# As the source has them: e-mail address, telephone, country.
DIRTY = [
    (" ANN.B+x@GMAIL.com ", "07911 123456", "GB"),
    ("a.b@GoogleMail.com", "0044 7911 123457", "US"),
    ("+tag@gmail.com", "+290 51234", "SH"),
    ("o'brien@Example.com", "call me", "DE"),
    ("ann@BÜCHER.example", "0170/1234567", "DE"),
    ("\ufeffeve@example.org", "", "SE"),
    ("\u202aray@example.com\u202c\n", "4.67E+10", "SE"),
    ("Pair@example.com", "0701234567", "SE"),
    ("pAIR@EXAMPLE.com", "0701234568", "SE"),
    ("leading.zero@example.com", "\u202a+46\xa070\u2011123\xa045\xa069", None),
    ("a_b-c=d@sub.gmail.com", "08-123 456 78", "SE"),
    ("x" * 64 + "@example.com", "٠٧٠١٢٣٤٥٦٧", "SE"),
    ("josé@example.com", "0701234571", "SE"),  # the last three cannot be sent to
    ("=cmd|'/c calc'!A0@x.com", None, None),
    (None, "0701234572", "SE"),
]
WORDS = ["Ünï,\"quoted\"; 'x' \u202bעברית\u202c 👩‍🔧", "=1+1 {{s1}} \\ \x0b a"]


@cache
def known() -> pl.DataFrame:
    """`customer_id, address, phone` of those who can be reached."""
    schema = {"email": pl.String, "phone": pl.String, "country": pl.String}
    noted = pl.DataFrame(DIRTY, schema, orient="row").with_row_index("n", 1)
    read = normalised_customers(
        noted.with_columns(customer_id=pl.format("c{}", pl.col("n").cast(pl.String).str.zfill(2))), None
    )
    return read.filter(pl.col("email").is_not_null()).select("customer_id", "phone", address="email")


def content(to: Target) -> pl.DataFrame:
    """These people as rows of a target, in two audiences."""
    people = known()
    one = worded(to).head(1)
    rows = pl.concat([one] * people.height).with_columns(
        people["customer_id"],
        people["phone"],
        people["address"],
        message_id=pl.format("m-{}", people["customer_id"]),
        s1=pl.Series([WORDS[number % 2] for number in range(people.height)]),
    )
    return shaped(rows, {"k1": creative()}, to, MOMENT.starts_at)


def creative() -> dict[str, Any]:
    who = {name: name for name in ("sender_name", "sender_email", "reply_to", "sms_sender")}
    link = {"action_label": "Read on", "action_url": "https://www.example.com/care?a=1&b=2"}
    parts = {"headline": "For you: {{{s1}}}", "description": "Words, \"and\" 'more'"}
    return {"creative_id": "k1", "slots": ["s1"], **who, **link, "parts": parts}


def batch(folder: Path, to: Target, *, added: pl.DataFrame, removed: pl.DataFrame | None = None) -> Path:
    """A batch of these rows, as it would appear in the outbox, but for the manifest's time and names."""
    gone = added.clear().select(to.identity) if removed is None else removed.select(to.identity)
    files = [Payload("removals", "remove", gone), Payload("additions", "append", added)]
    write_batch(folder / "batch", files, {"k1": creative()}, to, {})
    return folder / "batch"


def golden(folder: Path, name: str) -> Path:
    """A batch of all these people that also takes away every third of them."""
    to = target(name)
    rows = content(to)
    return batch(folder, to, added=rows, removed=rows.filter(pl.int_range(pl.len()) % 3 == 1))


def many(to: Target, count: int) -> pl.DataFrame:
    """So many identifiers, no two alike, of one audience: what is taken away has no other columns."""
    numbers = pl.DataFrame({"n": pl.int_range(count, eager=True)})
    digests = [pl.col("n").cast(pl.String).str.zfill(64).alias(name) for name in to.identity[1:]]
    return numbers.select(pl.lit("a-0123456789ab").alias("audience"), *digests)


def requests(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def hexed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
