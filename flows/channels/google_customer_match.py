"""Google Ads, Customer Match: a CSV for each audience, with hashed e-mail addresses and telephone numbers.

Source: support.google.com/google-ads/answer/7659867 and 7475964 for the header, in English whatever the account's language, and
UTF-8 without more; the Data Manager API takes 10,000 members in a request; an audience shows nothing below 100 active users;
a responsive search ad is refused whose headline has more than 30 characters, or whose description has more than 90.
Name, country and postcode are matched only together, and are not given away.
"""

from __future__ import annotations

import polars as pl

from flows.addresses import RULES, email_digest, phone_digest
from flows.channels import Target
from flows.channels.audiences import columns, described, members

_RULES = RULES["google"]

TARGET = Target(
    name="google_customer_match",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=10_000,
    rows=members(Email=email_digest(_RULES, pl.col("address")), Phone=phone_digest(_RULES, pl.col("phone"))),
    lines=columns("Email", "Phone"),
    beside=described,
    identity=("audience", "Email", "Phone"),
    audience="audience",
    file_per="audience",
    smallest=100,
    longest={"headline": 30, "description": 90},
)
