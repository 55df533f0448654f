"""Audiences for any ad platform: who belongs to which, by the hash of their e-mail address, with the words to show them."""

from __future__ import annotations

import polars as pl

from flows.addresses import sha256, trimmed
from flows.channels import Target
from flows.channels.audiences import Lengths, members

TARGET = Target(
    name="ads_audiences",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=100_000,  # Source: the cap of Google's AddOfflineUserDataJobOperations; others take as many or more
    # Source: Meta and most others hash the address trimmed and in lower case; for Google there is a target of its own.
    rows=members(email_sha256=sha256(trimmed(pl.col("address")))),
    identity=("audience", "email_sha256"),
    audience="audience",
    options=Lengths,
)
