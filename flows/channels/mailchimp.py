"""E-mail by Mailchimp: contacts as CSV, and beside them the words with its merge tags.

Each creative is a campaign to the segment of contacts whose field `CREATIVE` is `c-<creative_id>`. All fields but the address are
of the kind Text; a tag has ten letters at most, so links have short ones. A tag prints its value as it is; it has been escaped
for where it stands. Nothing takes a sign off a value again, so a blank, which might leave what was there, is a character that
nobody sees; and so is what parts `*|` where words or a name have it. A field has 255 bytes, and what is longer would be cut
without a word, an entity in its middle perhaps: whoever is called so, or is told so much, gets nothing by Mailchimp.
Unverified: what an import does to a value, and a campaign to a tag, is known from documentation alone.
Source: mailchimp.com/help, format-guidelines-for-your-import-file (255 bytes, letters beyond ASCII only after the @);
github.com/mailchimp/mc-magento/pull/1150 (ten letters of a tag) and /issues/957 (thirty fields an audience).
"""

from __future__ import annotations

import polars as pl

from flows.channels import Creatives, Limit, Target
from flows.channels.recipients import UNSEEN, contacts, links_of, slots_of
from flows.words import MergeLanguage, Slot

MOST_BYTES = 255
"""Of a text field. Source: Mailchimp, format guidelines."""

_TAGS = {
    "unsubscribe_url": "LEAVE_URL",
    "preferences_url": "CHOOSE_URL",
    "helpful_url": "HELP_URL",
    "unhelpful_url": "NOHELP_URL",
}


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    value = pl.col(slots_of(rows.columns)).str.replace_all("*|", f"*{UNSEEN}|", literal=True)
    return rows.select(
        pl.col("email").alias("Email Address"),
        pl.col("message_id").alias("MESSAGE_ID"),
        (pl.lit("c-") + pl.col("creative_id")).alias("CREATIVE"),
        pl.col("valid_until").alias("UNTIL"),
        *(pl.col(name).alias(_tag(name)) for name in links_of(rows.columns)),
        value.replace("", UNSEEN).name.map(_tag),
    )


def _sizes(rows: pl.DataFrame, creatives: Creatives) -> pl.Series:
    return _lines(rows, creatives).select(pl.max_horizontal(pl.all().str.len_bytes())).to_series()


def _tag(name: str) -> str:
    return _TAGS.get(name, name.upper())


def _slot(slot: Slot) -> str:
    return f"*|{_tag(slot.name)}|*"


def _literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: ARG001, FBT001 - as `MergeLanguage` has it
    return text.replace("*|", f"*{UNSEEN}|")


TARGET = Target(
    name="mailchimp",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=100_000,  # no limit of Mailchimp's that we know
    limit=Limit(MOST_BYTES, "bytes in one field", _sizes),
    merge=MergeLanguage(_slot, _literal),
    rows=contacts,
    lines=_lines,
    file_per="round",
    has_rounds=True,
    unverified=True,
)
