"""Pinterest, customer lists: a CSV for each audience, one column of hashed e-mail addresses.

Source: the description of CustomerListRequest in Pinterest's SDK for the digests (in small letters, SHA-256); Salesforce and
others say that an audience needs 100 people. No limit on rows is known.
"""

from __future__ import annotations

import polars as pl

from flows.addresses import RULES, email_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, columns, described, members

TARGET = Target(
    name="pinterest_audience",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=1_000_000,  # no limit of Pinterest's that we know
    rows=members(email=email_digest(RULES["pinterest"], pl.col("address"))),
    lines=columns("email"),
    beside=described,
    identity=("audience", "email"),
    audience="audience",
    file_per="audience",
    smallest=100,
    unverified=True,
    options=Lengths,
)
