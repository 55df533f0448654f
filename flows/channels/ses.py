"""E-mail by Amazon SES v2: a line for each call of SendBulkEmail, ready for `boto3.client("sesv2").send_bulk_email(**line)`.

A call carries one creative, as an inline template, and at most fifty recipients with their slots. SES puts `{{s1}}` in as it
is, in HTML too; slots have been escaped for where they stand, and each is given to every recipient whose words have it,
because a missing one makes SES drop the message. One bad address would cost the others of its call their message: addresses
are plain ASCII by then (`flows.addresses.rules`).
"""

from __future__ import annotations

import json
from email.utils import formataddr
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import Creatives, Target
from flows.channels.recipients import recipients
from flows.words import ESCAPES, marked, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RECIPIENTS = 50
"""Of a call. Source: SES, SendBulkEmail; botocore does not check it."""
_LANGUAGE = marked("{{", "}}")
_PARTS = {"Subject": "subject", "Text": "text", "Html": "html"}


def _requests(rows: pl.DataFrame, creatives: Creatives) -> pl.DataFrame:
    place = pl.int_range(pl.len()).over("creative_id")
    calls = (
        rows.select("creative_id", _entries(rows, creatives), call=place // MOST_RECIPIENTS)
        .group_by("creative_id", "call", maintain_order=True)
        .agg("BulkEmailEntries")
    )
    return calls.join(_contents(creatives), on="creative_id", how="left", maintain_order="left").select(
        "FromEmailAddress", "ReplyToAddresses", "DefaultContent", "BulkEmailEntries"
    )


def _entries(rows: pl.DataFrame, creatives: Creatives) -> pl.Series:
    """Recipients: address, slots of the creative and no others, and the headers by which mail programs offer to unsubscribe.

    Rows of the same kind are done together: an expression that chooses makes each kind of all rows.
    """
    named = {name: " ".join(_names(creative)) for name, creative in creatives.items()}
    kinds = pl.DataFrame({"creative_id": list(named), "names": list(named.values())})
    placed = rows.with_row_index("place").join(kinds, on="creative_id", how="left", maintain_order="left")
    placed = placed.with_columns(may_leave=pl.col("unsubscribe_url").is_not_null())
    found, nobody = [], {("", False): placed}
    for (names, may_leave), mine in (placed.partition_by("names", "may_leave", as_dict=True) or nobody).items():
        values = [pl.lit(ESCAPES[name]).alias(name) if name in ESCAPES else pl.col(name) for name in names.split()]
        data = pl.struct(values).struct.json_encode() if values else pl.lit("{}")
        headers = _headers(mine)
        entry = pl.struct(
            Destination=pl.struct(ToAddresses=pl.concat_list("email")),
            ReplacementTags=pl.concat_list(pl.struct(Name=pl.lit("message_id"), Value="message_id")),
            ReplacementHeaders=headers if may_leave else headers.list.head(0),
            ReplacementEmailContent=pl.struct(ReplacementTemplate=pl.struct(ReplacementTemplateData=data)),
        )
        found.append(mine.select("place", BulkEmailEntries=entry))
    return pl.concat(found).sort("place")["BulkEmailEntries"]


def _headers(rows: pl.DataFrame) -> pl.Series:
    """What each recipient's mail program needs to unsubscribe by one click (RFC 8058)."""
    link = pl.concat_str(pl.lit("<"), "unsubscribe_url", pl.lit(">"))
    named = {"List-Unsubscribe": link, "List-Unsubscribe-Post": pl.lit("List-Unsubscribe=One-Click")}
    lines = [rows.select("place", line=pl.struct(Name=pl.lit(name), Value=value)) for name, value in named.items()]
    by_place = pl.concat(lines).sort("place", maintain_order=True).group_by("place", maintain_order=True)
    return by_place.agg("line")["line"]


def _names(creative: Mapping[str, Any]) -> tuple[str, ...]:
    """What a creative's parts name: slots, and braces of its own words."""
    texts = "\n".join(_template(creative).values())
    escapes = [name for name in ESCAPES if f"{{{{{name}}}}}" in texts]
    return (*sorted(creative["slots"]), *escapes)


def _template(creative: Mapping[str, Any]) -> dict[str, str]:
    parts = creative["parts"]
    return {key: _LANGUAGE.put(pieces(parts[part], is_html=part == "html")) for key, part in _PARTS.items()}


def _contents(creatives: Creatives) -> pl.DataFrame:
    """What a call says of its creative: the sender, and the inline template."""
    contents = [
        {
            "creative_id": name,
            "FromEmailAddress": formataddr((creative["sender_name"], creative["sender_email"])),
            "ReplyToAddresses": [creative["reply_to"]],
            "DefaultContent": {
                "Template": {
                    "TemplateContent": _template(creative),
                    "TemplateData": json.dumps(dict(ESCAPES)),
                }
            },
        }
        for name, creative in sorted(creatives.items())
    ]
    return pl.DataFrame(contents)


TARGET = Target(
    name="ses",
    channel="email",
    kind="message",
    file_format="ndjson",
    most_rows=50_000,  # recipients in a file: a thousand calls; no limit of SES
    merge=_LANGUAGE,
    rows=recipients,
    order=("creative_id", "customer_id", "message_id"),
    lines=_requests,
    lines_per_file=True,
    holds_words=True,
)
