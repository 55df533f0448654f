"""E-mail by Mautic: contacts as CSV, and beside them the words with its tokens.

Each creative is a segment e-mail to the contacts whose field `creative` is `c-<creative_id>`. Headers are the aliases of fields,
which are of the kind Textarea. A token prints its value as it is; it has been escaped for where it stands. An import keeps what
was there where a value is blank, or `0`, which PHP calls blank: a character that nobody sees stands in or behind it. The same
parts what words or a name have and Mautic would take for a token.
Unverified: what an import does to a value, and an e-mail to a token, is known from documentation alone.
Source: github.com/mautic/user-documentation, docs/contacts/import_contacts.rst (UTF-8, aliases, times, about a thousand rows);
github.com/mautic/mautic/issues/4267 (what is blank in an import clears nothing).
"""

from __future__ import annotations

import re

import polars as pl

from flows.channels import Creatives, Target
from flows.channels.recipients import UNSEEN, contacts, links_of, put_right, slots_of
from flows.words import MergeLanguage, Slot

_NAMED = r"(\{)([A-Za-z_]+(=[^{}]*)?\})"  # `{name}` or `{name=value}`; no rule of CSS looks so


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    slots = pl.col(slots_of(rows.columns))
    value = put_right(slots, _NAMED, lambda text: text.str.replace_all(_NAMED, f"${{1}}{UNSEEN}${{2}}"))
    return rows.select(
        "email",
        "message_id",
        (pl.lit("c-") + pl.col("creative_id")).alias("creative"),
        pl.col("valid_until").str.replace("T", " ").str.strip_suffix("Z"),
        *links_of(rows.columns),
        value.replace(["", "0"], [UNSEEN, f"0{UNSEEN}"]),
    )


def _slot(slot: Slot) -> str:
    return f"{{contactfield={slot.name}}}"


def _literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: ARG001, FBT001 - as `MergeLanguage` has it
    parted = re.sub(_NAMED, rf"\1{UNSEEN}\2", text)
    return re.sub(r"\{(?=[A-Za-z_]*(=[^{}]*)?\Z)", f"{{{UNSEEN}", parted) if before_slot else parted


TARGET = Target(
    name="mautic",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000,  # Source: Mautic, import contacts: what it advises
    merge=MergeLanguage(_slot, _literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
    unverified=True,
)
