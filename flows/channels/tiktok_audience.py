"""TikTok, custom audiences from a customer file: a CSV for each audience, with hashed e-mail addresses and telephone numbers.

Source: ads.tiktok.com, "List of supported IDs and formats for a customer file": the header, less than 1 GB, and at least 1,000
entries. Its pages do not agree on what comes before the hash; what they say last, and recommend, holds unless a workspace
knows better: the plus stays in a number (one without is taken as well, and is what their sample hash was made of), and an e-mail
address is in small letters (the page of June 2025 drops what follows a plus before the @).
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from pydantic import Field

from flows.addresses import RULES, email_digest, phone_digest
from flows.channels import Target
from flows.channels.audiences import Lengths, columns, described, members


class TikTok(Lengths):
    """What a workspace may set of TikTok's files.

    Attributes:
        phone_plus: whether a telephone number is hashed with its plus.
        email_tags: whether an e-mail address is hashed with what follows a plus before its @.
        headline, description: their characters; the text of an ad, which is the description, has 100 at most.
    """

    headline: int = Field(default=40, ge=1)
    description: int = Field(default=100, ge=1)

    phone_plus: bool = True
    email_tags: bool = True


def _made(options: TikTok) -> Target:
    rules = replace(RULES["tiktok"], plus=options.phone_plus, drops_tags=not options.email_tags)
    return Target(
        name="tiktok_audience",
        channel="ads",
        kind="state",
        file_format="csv",
        most_rows=1_000_000,  # of 132 bytes each: far below the cap on bytes, which is TikTok's
        most_bytes=1_000_000_000,
        rows=members(
            Email_SHA256=email_digest(rules, pl.col("address")), Phone_SHA256=phone_digest(rules, pl.col("phone"))
        ),
        lines=columns("Email_SHA256", "Phone_SHA256"),
        beside=described,
        identity=("audience", "Email_SHA256", "Phone_SHA256"),
        audience="audience",
        file_per="audience",
        smallest=1_000,
        options=TikTok,
        made=_made,
    )


TARGET = _made(TikTok())
