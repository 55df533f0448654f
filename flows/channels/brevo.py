"""E-mail by Brevo: contacts as CSV with semicolons, and beside them the words in Brevo's language, which is like Django's.

Each creative is a campaign to the contacts whose attribute `CREATIVE` is `c-<creative_id>`. Attributes are of the kind Text and
in capitals; the import empties what is blank (`emptyContactsAttributes`). Brevo escapes what it prints, so that is switched off
around each value, which has been escaped for where it stands.
Unverified: what an import does to a value is known from its documentation alone.
Source: developers.brevo.com, contacts/import (10 MB, of which 8 are safe); help.brevo.com 360018252080 (escaping).
"""

from __future__ import annotations

import polars as pl

from flows.channels import Creatives, Csv, Target
from flows.channels.braces import literal
from flows.channels.recipients import contacts
from flows.words import MergeLanguage, Slot


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    said = rows.drop("customer_id", "round", "creative_id").with_columns(creative=pl.lit("c-") + rows["creative_id"])
    return said.rename(str.upper).select("EMAIL", pl.all().exclude("EMAIL"))


def _slot(slot: Slot) -> str:
    return f"{{% autoescape off %}}{{{{ contact.{slot.name.upper()} }}}}{{% endautoescape %}}"


TARGET = Target(
    name="brevo",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no limit of Brevo's
    most_bytes=8_000_000,  # Source: Brevo, contacts/import
    csv=Csv(separator=";"),
    merge=MergeLanguage(_slot, literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
    unverified=True,
)
