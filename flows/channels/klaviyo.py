"""E-mail by Klaviyo: profiles as CSV for a list, and beside them the words in Klaviyo's template language, which is Django's.

Each creative is a campaign for the profiles whose property `creative` is `c-<creative_id>`. An import guesses types and keeps
what was there where a value is blank: every value of the words begins with `~`, which the template cuts off. Values are
marked `safe`, because they have been escaped for where they stand and Klaviyo would do it again. A file holds an address once.
Source: help.klaviyo.com 115005078807 and 115005078967 (CSV, 50 MB, the first header, no duplicates);
developers.klaviyo.com, glossary of variable filters.
"""

from __future__ import annotations

import polars as pl

from flows.channels import Creatives, Target
from flows.channels.braces import literal
from flows.channels.recipients import TEXT, as_texts, contacts, links_of
from flows.words import MergeLanguage, Slot, is_words_slot


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select(
        pl.col("email").alias("Email"),
        pl.col("customer_id").alias("External ID"),
        "message_id",
        (pl.lit("c-") + pl.col("creative_id")).alias("creative"),
        "valid_until",
        *links_of(rows.columns),
        *as_texts(rows.columns),
    )


def _slot(slot: Slot) -> str:
    undone = f"|slice:'{len(TEXT)}:'" if is_words_slot(slot.name) else ""
    return f"{{{{ person|lookup:'{slot.name}'{undone}|safe }}}}"


TARGET = Target(
    name="klaviyo",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no limit of Klaviyo's
    most_bytes=50_000_000,  # Source: help.klaviyo.com 115005078807
    merge=MergeLanguage(_slot, literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
)
