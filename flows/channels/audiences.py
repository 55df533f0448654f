"""What the files of ad platforms have in common: names that tell nothing, who is meant, and the words to show them.

An audience is a creative and what its slots say, so everybody in it is told the same. Its name is a digest: platforms refuse
names that hint at health or money. It stays the same from day to day; whoever edits the words begins another audience, so the
results of two wordings never mix. The words stand beside the members, in `audiences.ndjson`; `check` tells where they are longer
than a platform in use takes or shows.

Each identifier is enough to be found by, so each is taken away by itself (`stages.claims`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from pydantic import Field

from flows.addresses import sha256
from flows.channels import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flows.channels import Creatives

AUDIENCES = "audiences.ndjson"


class Lengths(Options):
    """What a workspace may set of a platform whose lengths of ads we have from others, or not at all: then the shortest we know.

    Attributes:
        headline: the characters of a headline that it takes, or shows.
        description: those of a description, which some platforms call the text.
    """

    headline: int = Field(default=30, ge=1)
    description: int = Field(default=90, ge=1)

    @property
    def longest(self) -> Mapping[str, int]:
        """As `Target.longest`."""
        return {"headline": self.headline, "description": self.description}


def members(**identifiers: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The `rows` of a target whose platform holds audiences.

    Args:
        identifiers: by the names of their columns, from `address`, an e-mail address, and `phone`, which not everybody has.
    """
    said = pl.concat_str("creative_id", "headline", "description", separator="\x1f")

    def rows(worded: pl.DataFrame) -> pl.DataFrame:
        about = worded.select(said.alias("said")).to_series()
        audiences = about.unique()  # few: named once each
        names = audiences.to_frame().select(pl.lit("a-") + sha256(pl.col("said")).str.slice(0, 12)).to_series()
        return worded.select(
            "message_id",
            about.replace_strict(audiences, names, return_dtype=pl.String).alias("audience"),
            *(digest.alias(name) for name, digest in identifiers.items()),
            pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "headline",
            "description",
            pl.col("action_label").alias("label"),
            pl.col("action_url").alias("url"),
        )

    return rows


def columns(*names: str) -> Callable[[pl.DataFrame, Creatives], pl.DataFrame]:
    """The `lines` of a target whose platform reads these columns, and no others; what we do not know stays empty."""

    def lines(rows: pl.DataFrame, _: Creatives) -> pl.DataFrame:
        return rows.select(name if name in rows.columns else pl.lit(None, pl.String).alias(name) for name in names)

    return lines


def described(rows: pl.DataFrame, _: Creatives) -> Mapping[str, pl.DataFrame]:
    """What is said of audiences: their words, and that everybody who is added agreed to be shown ads by such platforms."""
    words = rows.select("audience", "headline", "description", "label", "url", consent=pl.lit("granted"))
    return {AUDIENCES: words.unique("audience").sort("audience")}
