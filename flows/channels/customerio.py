"""E-mail by Customer.io: people as CSV, and beside them the words in Liquid.

Each creative is a broadcast to the people whose attribute `creative` is `c-<creative_id>`. Every value of the words begins with
`~`, so that it is a text and never blank; the Liquid takes it off again. Values are printed as they are; they have been escaped
for where they stand. Names of attributes differ by case (`id` and `ID` are two).
Unverified: what an import does to a value is known from its documentation alone.
Source: customer.io/docs, uploading people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.channels import Creatives, Target
from flows.channels.braces import literal
from flows.channels.recipients import TEXT, attributes, contacts, longest_value
from flows.words import MergeLanguage, Slot, is_words_slot

if TYPE_CHECKING:
    import polars as pl

LONGEST = 1_000
"""Characters of an attribute; not confirmed, and rather few than too many."""


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return attributes(rows, "id")


def _slot(slot: Slot) -> str:
    undone = f" | remove_first: '{TEXT}'" if is_words_slot(slot.name) else ""
    return f"{{{{ customer.{slot.name}{undone} }}}}"


TARGET = Target(
    name="customerio",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no limit of Customer.io's
    most_bytes=100_000_000,  # Source: Customer.io, uploading people
    limit=longest_value(LONGEST - len(TEXT)),
    merge=MergeLanguage(_slot, literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
    unverified=True,
)
