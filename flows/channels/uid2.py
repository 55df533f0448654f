"""Unified ID 2.0, for The Trade Desk and others: requests of the identity map (v3), with hashed e-mail addresses and numbers.

Each line is the body of one request; what it gives back are the UID2s that a platform's audience is made of. Requests go one
after the other.

Source: IABTechLab/uid2docs, post-identity-map: 5,000 items and 1 MB in a request, no requests side by side; digests as Base64
of their bytes. The smallest audience is the workspace's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import RULES, email_digest, phone_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, described, members

if TYPE_CHECKING:
    from flows.channels import Creatives

MOST_ITEMS = 5_000
"""In a request. Source: see above."""

_RULES = RULES["uid2"]
_HASHES = ("email_hash", "phone_hash")


def _requests(rows: pl.DataFrame, _: Creatives) -> pl.DataFrame:
    """One row per request: of as many people as it takes were each there with both."""
    number = pl.int_range(pl.len()) // (MOST_ITEMS // len(_HASHES))
    return rows.group_by(number, maintain_order=True).agg(_HASHES).select(pl.col(_HASHES).list.drop_nulls())


TARGET = Target(
    name="uid2",
    channel="ads",
    kind="state",
    file_format="ndjson",
    most_rows=500_000,  # people in a file: two hundred requests; no limit of UID2's
    rows=members(email_hash=email_digest(_RULES, pl.col("address")), phone_hash=phone_digest(_RULES, pl.col("phone"))),
    lines=_requests,
    lines_per_file=True,
    beside=described,
    identity=("audience", "email_hash", "phone_hash"),
    audience="audience",
    file_per="audience",
    options=Lengths,
)
