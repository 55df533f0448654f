"""E-mail by Braze: custom attributes as CSV for "Import users", and beside them the words in Braze's Liquid.

Each creative is a campaign for users whose attribute `creative` is `c-<creative_id>`. Braze guesses the type of a value, takes
`0130` for an octal number, and keeps the old value where the new one is blank: every value of the words begins with `~`,
which the Liquid takes off again. Values are printed as they are; they have been escaped for where they stand. Liquid inside
HTML comments is not read, so no slot may stand in one. Braze matches headers by case and calls any unknown one a custom
attribute; a user has one row in a file.
Source: braze.com/docs, user_guide/data/unification/user_data/import_users/csv; personalization_and_dynamic_content/liquid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.channels import Creatives, Target
from flows.channels.braces import literal
from flows.channels.recipients import TEXT, attributes, contacts, longest_value
from flows.words import MergeLanguage, Slot, is_words_slot

if TYPE_CHECKING:
    import polars as pl

LONGEST = 255
"""Characters of an attribute. Source: braze.com/docs, setting custom attributes."""


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return attributes(rows, "external_id")


def _slot(slot: Slot) -> str:
    undone = f" | remove_first: '{TEXT}'" if is_words_slot(slot.name) else ""
    return f"{{{{custom_attribute.${{{slot.name}}}{undone}}}}}"


TARGET = Target(
    name="braze",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=10_000_000,  # no limit of Braze's
    most_bytes=500_000_000,  # Source: Braze, CSV import: of attributes
    limit=longest_value(LONGEST - len(TEXT)),
    merge=MergeLanguage(_slot, literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
)
