"""Snapchat, customer list audiences: a CSV for each audience, one column of hashed e-mail addresses.

Source: developers.snap.com, customer lists: a list holds one kind of identifier, so telephone numbers are left out; 100,000 in a
batch and 1,000 people at least, as Salesforce and others say.
"""

from __future__ import annotations

import polars as pl

from flows.addresses import RULES, email_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, columns, described, members

TARGET = Target(
    name="snapchat_audience",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=100_000,
    rows=members(email=email_digest(RULES["snapchat"], pl.col("address"))),
    lines=columns("email"),
    beside=described,
    identity=("audience", "email"),
    audience="audience",
    file_per="audience",
    smallest=1_000,
    unverified=True,
    options=Lengths,
)
