"""LinkedIn, matched audiences: a CSV for each audience, with hashed e-mail addresses in LinkedIn's whole template.

Source: linkedin.com/help/lms/answer/a1489764: the template's header must not be changed, so the columns for what we do not tell
stay empty; at most 300,000 rows and 20 MB; no audience serves below 300 members.
"""

from __future__ import annotations

import polars as pl
from pydantic import Field

from flows.addresses import RULES, email_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, columns, described, members


class LinkedIn(Lengths):
    """What a workspace may set of LinkedIn: so much is seen of a headline and of the text above the picture."""

    headline: int = Field(default=70, ge=1)
    description: int = Field(default=150, ge=1)


TARGET = Target(
    name="linkedin_audience",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=300_000,
    most_bytes=20_000_000,
    rows=members(email=email_digest(RULES["linkedin"], pl.col("address"))),
    lines=columns("email", "firstname", "lastname", "jobtitle", "employeecompany", "country", "googleaid"),
    beside=described,
    identity=("audience", "email"),
    audience="audience",
    file_per="audience",
    smallest=300,
    options=LinkedIn,
)
