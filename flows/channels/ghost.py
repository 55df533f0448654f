"""E-mail by Ghost: members as CSV with a label, and beside them the words for whom bears it, in `wordings.ndjson`.

Ghost has no slots. So whoever is told the same has one label, `je-` and a digest that tells nothing, and each wording is a post
sent to its label: the `html` goes into an HTML card, and Ghost makes the plain text of it. A product for Ghost names nobody, and
its brand has no other links of the recipient's own, or there is a post for each person. Ghost fills `%%{…}%%`, by which it
unsubscribes; where the words or a name have the like, it is shown as it is. A file holds a member once; whether they get mail
stays as it is in Ghost. Ghost's own reader of members is the judge of these files.
Source: github.com/TryGhost/Ghost, members-csv and email-renderer (replacements).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.channels import Creatives, Target
from flows.channels.recipients import in_rounds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_LEAVE = "\ufdd0"
"""No character: where Ghost's own way to unsubscribe goes."""


def _prepared(creative: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = {name: text.replace("{{{unsubscribe_url}}}", _LEAVE) for name, text in creative["parts"].items()}
    return {**creative, "parts": parts}


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    html = pl.col("html").str.replace_all("%%{", "%&#37;{", literal=True)
    said = worded.with_columns(html.str.replace_all(_LEAVE, "%%{unsubscribe_url}%%", literal=True))
    digest: pl.Expr = pl.concat_str("subject", "preheader", "html", separator="\x1f").chash.sha2_256()  # type: ignore[attr-defined]
    rows = said.select(
        "message_id",
        "customer_id",
        pl.col("address").alias("email"),
        (pl.lit("je-") + digest.str.slice(0, 12)).alias("label"),
        "creative_id",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject",
        "preheader",
        "html",
        pl.col("text").str.replace_all(_LEAVE, "", literal=True),
    )
    return in_rounds(rows, worded)


def _lines(rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select("email", labels="label")


def _wordings(rows: pl.DataFrame, _creatives: Creatives) -> Mapping[str, pl.DataFrame]:
    said = rows.select("label", "creative_id", "subject", "preheader", "html")
    return {"wordings.ndjson": said.unique("label", maintain_order=True).sort("label")}


TARGET = Target(
    name="ghost",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=100_000,  # no limit of Ghost's
    prepare=_prepared,
    rows=_rows,
    lines=_lines,
    beside=_wordings,
    file_per="round",
    has_rounds=True,
)
