"""X, list custom audiences: for each audience a text of hashed e-mail addresses, one a line, without a header.

Source: business.x.com and developer.x.com, user data: small letters, SHA-256 in small hexadecimals, no salt; 100 people at least.
The API takes 2,500 operations in a call.
"""

from __future__ import annotations

import polars as pl

from flows.addresses import RULES, email_digest
from flows.channels import Csv, Target
from flows.channels.audiences import Lengths, columns, described, members

TARGET = Target(
    name="x_audience",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=1_000_000,  # no limit on files that we know
    rows=members(email=email_digest(RULES["x"], pl.col("address"))),
    lines=columns("email"),
    beside=described,
    identity=("audience", "email"),
    audience="audience",
    file_per="audience",
    smallest=100,
    csv=Csv(has_header=False),
    unverified=True,
    options=Lengths,
)
