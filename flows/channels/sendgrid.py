"""E-mail by SendGrid: a line for each request body of `POST /v3/mail/send`, a file for each creative.

A request carries the creative as inline content, and at most a thousand recipients, each address once. SendGrid puts a text in
place of a tag wherever it stands, in values that it has just put there, too; a tag therefore holds the id of its creative, which
no name and no word can know. Values are put in as they are; they have been escaped for where they stand. The layout has the
link to unsubscribe, so SendGrid's own footer is off.
Source: twilio.com/docs/sendgrid, api-reference/mail-send (errors), for-developers/sending-email/substitution-tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import Creatives, Limit, Target
from flows.channels.recipients import recipients
from flows.words import MergeLanguage, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RECIPIENTS = 1_000
"""Of a request. Source: SendGrid, mail-send errors."""

MOST_BYTES = 10_000
"""Of the substitutions of one recipient. Source: SendGrid, mail-send; another page says 50,000."""


def _requests(rows: pl.DataFrame, creatives: Creatives) -> pl.DataFrame:
    """The requests of one creative; who gets it twice, as for two orders, is in another request the second time."""
    creative = creatives[rows["creative_id"][0]]
    nth = pl.int_range(pl.len()).over(pl.col("email").str.to_lowercase())
    placed = rows.with_columns(nth=nth).with_columns(request=pl.int_range(pl.len()).over("nth") // MOST_RECIPIENTS)
    requests = placed.group_by("nth", "request", maintain_order=True).agg(
        personalizations=_personalization(creative, rows)
    )
    head = pl.DataFrame([_head(creative)])
    return pl.concat([requests.drop("nth", "request"), pl.concat([head] * requests.height)], how="horizontal")


def _personalization(creative: Mapping[str, Any], rows: pl.DataFrame) -> pl.Expr:
    """A recipient: address, slots, and the headers by which mail programs offer to unsubscribe (RFC 8058)."""
    said = [pl.concat_list(pl.struct("email")).alias("to"), pl.struct("message_id").alias("custom_args")]
    if creative["slots"]:
        said.append(_substitutions(creative).alias("substitutions"))
    if not rows["unsubscribe_url"].has_nulls():
        leave = pl.concat_str(pl.lit("<"), "unsubscribe_url", pl.lit(">"))
        one_click = pl.lit("List-Unsubscribe=One-Click")
        headers = pl.struct(leave.alias("List-Unsubscribe"), one_click.alias("List-Unsubscribe-Post"))
        said.append(headers.alias("headers"))
    return pl.struct(said)


def _substitutions(creative: Mapping[str, Any]) -> pl.Expr:
    return pl.struct([pl.col(slot).alias(_tag(creative["creative_id"], slot)) for slot in creative["slots"]])


def _sizes(rows: pl.DataFrame, creatives: Creatives) -> pl.Series:
    """The bytes that are filled in for each recipient."""
    used = [creatives[key] for key in rows["creative_id"].unique().sort() if creatives[key]["slots"]]
    each = [
        pl.when(creative_id=creative["creative_id"]).then(_substitutions(creative).struct.json_encode().str.len_bytes())
        for creative in used
    ]
    return rows.select(pl.coalesce(*each, pl.repeat(0, pl.len()))).to_series()


def _head(creative: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says of its creative: sender, subject and content, in which the tags are."""
    language = _language(creative["creative_id"])
    texts = {
        part: language.put(pieces(creative["parts"][part], is_html=part == "html"))
        for part in ("subject", "text", "html")
    }
    return {
        "from": {"email": creative["sender_email"], "name": creative["sender_name"]},
        "reply_to": {"email": creative["reply_to"]},
        "subject": texts["subject"],
        "content": [{"type": "text/plain", "value": texts["text"]}, {"type": "text/html", "value": texts["html"]}],
        "tracking_settings": {"subscription_tracking": {"enable": False}},
    }


def _tag(creative_id: str, slot: str) -> str:
    return f"-{creative_id}.{slot}-"


def _language(creative_id: str) -> MergeLanguage:
    return MergeLanguage(lambda slot: _tag(creative_id, slot.name), lambda text, *_: text)


TARGET = Target(
    name="sendgrid",
    channel="email",
    kind="message",
    file_format="ndjson",
    most_rows=50_000,  # recipients in a file: fifty requests; no limit of SendGrid's
    merge=_language("creative_id"),
    limit=Limit(MOST_BYTES, "bytes filled in", _sizes),
    rows=recipients,
    lines=_requests,
    lines_per_file=True,
    holds_words=True,
    file_per="creative_id",
)
