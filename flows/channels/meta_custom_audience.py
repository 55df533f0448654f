"""Meta, custom audiences: a CSV for each audience, with hashed e-mail addresses and telephone numbers.

Source: the columns are spelt as in Meta's template for customer lists (facebook.com/business/help/2082575038703844), which may
have fewer of them; the API takes 10,000 rows in a call (developers.facebook.com, custom-audience/users); lists of fewer than 100
people are not to be used. An audience whose name hints at health or money is refused with 471.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from flows.addresses import RULES, email_digest, phone_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, columns, described, members


class Meta(Lengths):
    """What a workspace may set of Meta: of a headline 27 to 40 characters are seen, of the text above the picture 125."""

    headline: int = Field(default=27, ge=1)
    description: int = Field(default=125, ge=1)


_RULES = RULES["meta"]

TARGET = Target(
    name="meta_custom_audience",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=10_000,
    rows=members(email=email_digest(_RULES, pl.col("address")), phone=phone_digest(_RULES, pl.col("phone"))),
    lines=columns("email", "phone"),
    beside=described,
    identity=("audience", "email", "phone"),
    audience="audience",
    file_per="audience",
    smallest=100,
    options=Meta,
)
