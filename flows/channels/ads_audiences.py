"""Audiences for any ad platform: who belongs to which, by the hash of their e-mail address, with the words to show them.

An audience is a creative and what its slots say, so everybody in it is told the same. Its name is a digest and tells
nothing: platforms refuse names that hint at health or money. Whoever edits the words begins another audience, so the
results of two wordings never mix.
"""

from __future__ import annotations

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.channels import Target


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    said = pl.concat_str("creative_id", "headline", "description", separator="\x1f")
    digest: pl.Expr = said.chash.sha2_256()  # type: ignore[attr-defined]
    # Source: Google, Meta and others hash the address trimmed and in lower case; it has been trimmed by then.
    email: pl.Expr = pl.col("address").str.to_lowercase().chash.sha2_256()  # type: ignore[attr-defined]
    return worded.select(
        "message_id",
        (pl.lit("a-") + digest.str.slice(0, 12)).alias("audience"),
        email.alias("email_sha256"),
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "headline",
        "description",
        pl.col("action_label").alias("label"),
        pl.col("action_url").alias("url"),
    )


TARGET = Target(
    name="ads_audiences",
    channel="ads",
    kind="state",
    file_format="csv",
    most_rows=100_000,  # Source: the cap of Google's AddOfflineUserDataJobOperations; others take as many or more
    rows=_rows,
    identity=("audience", "email_sha256"),
    audience="audience",
)
