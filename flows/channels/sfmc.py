"""E-mail by Salesforce Marketing Cloud: rows of a sendable data extension as CSV, and beside them the words in its language.

`%%s1%%` prints the field `s1` as it is; it has been escaped for where it stands. Signs that the words have and that would
open AMPscript (`%%`) or the Guide Template Language (`{{`) are printed by a function. All fields of the data extension are
Text, 4000 long, so that leading zeros stay; the file is imported with Overwrite, comma, and double quotes as text qualifier;
each creative is a send to the rows of its `creative_id`.
Unverified: nothing but a reader of our own has seen what AMPscript makes of it.
Source: help.salesforce.com, mc_es_import_file_requirements; developer.salesforce.com, personalization strings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import Creatives, Target
from flows.channels.recipients import contacts, links_of, longest_value, slots_of
from flows.words import MergeLanguage, Slot

if TYPE_CHECKING:
    from re import Match

LONGEST = 4_000
"""Characters of a Text field; a row with more is rejected. Source: Marketing Cloud's data extensions."""


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select(
        pl.col("customer_id").alias("SubscriberKey"),
        pl.col("email").alias("EmailAddress"),
        "message_id",
        "creative_id",
        "valid_until",
        *links_of(rows.columns),
        *slots_of(rows.columns),
    )


def _slot(slot: Slot) -> str:
    return f"%%{slot.name}%%"


def _literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: FBT001 - as `MergeLanguage` has it
    # A run is printed whole: a percent sign beside what prints another one would be taken for a third.
    runs = r"[%{}]{2,}"
    runs += r"|\A[%{}]" if after_slot else ""
    runs += r"|[%{}]\Z" if before_slot else ""
    return re.sub(runs, _printed, text)


def _printed(run: Match[str]) -> str:
    signs = ",".join(f"'{sign}'" for sign in run[0])
    return f"%%=Concat({signs},'')=%%"


TARGET = Target(
    name="sfmc",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no limit of Marketing Cloud's: keeps an import within minutes
    limit=longest_value(LONGEST),
    merge=MergeLanguage(_slot, _literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
    unverified=True,
)
