"""E-mail by listmonk: subscribers as CSV, a file for the list of each creative, and beside them the words in Go's templates.

A creative is a campaign to the list into which its file was imported, of the format "Raw HTML" and with a template that holds
nothing but `{{ template "content" . }}`. HTML and the plain text beside it go through html/template, which escapes by context,
cuts out comments and would take text for tags: all that is printed, the words too, is a text marked `Safe`. An importer that
finds bad JSON among the attributes drops all of them without a word.
Source: github.com/knadh/listmonk, models/campaigns.go (CompileTemplate), internal/subimporter/importer.go.
"""

from __future__ import annotations

import json
import re

import polars as pl

from flows.channels import Creatives, Target
from flows.channels.recipients import in_rounds, recipients
from flows.words import MergeLanguage, Slot

_CODED = {"{": r"\x7b", "}": r"\x7d", "@": r"\x40"}
"""Signs by which listmonk finds its shorthands (`@TrackLink`) before Go reads the template, as Go's texts may write them."""


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    rounds = in_rounds(recipients(worded), worded)
    return rounds.with_columns(file=pl.concat_str("creative_id", "round", separator="-", ignore_nulls=True)).drop(
        "round"
    )


def _lines(rows: pl.DataFrame, creatives: Creatives) -> pl.DataFrame:
    creative = creatives[rows["creative_id"][0]]
    slots = [name for name in creative["slots"] if name in rows.columns]
    said = ["message_id", "creative_id", "valid_until", *sorted(slots)]
    return rows.select("email", attributes=pl.struct(said).struct.json_encode())


def _slot(slot: Slot) -> str:
    return f"{{{{ Safe .Subscriber.Attribs.{slot.name} }}}}"


def _literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: ARG001, FBT001 - as `MergeLanguage` has it
    quoted = json.dumps(text, ensure_ascii=False)  # what JSON escapes in a text, Go reads the same
    return f"{{{{ Safe {re.sub('[{}@]', lambda sign: _CODED[sign[0]], quoted)} }}}}"


TARGET = Target(
    name="listmonk",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no limit of listmonk's, which commits every 10,000
    merge=MergeLanguage(_slot, _literal),
    rows=_rows,
    lines=_lines,
    file_per="file",
    has_rounds=True,
)
