"""A sheet for people who call: whom, on which number, in which language, why, and what to say, as CSV.

It is opened in spreadsheets, which run a text that begins like a formula; such a text gets an apostrophe before it, which they
do not show. Numbers are left alone: one with an apostrophe is dialled by nobody.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from flows.channels import Options, Target


class CallSheetOptions(Options):
    """What a workspace may set.

    Attributes:
        guards_formulas: whether texts that a spreadsheet would run get an apostrophe; a tool that is no spreadsheet shows it.
    """

    guards_formulas: bool = True


def _rows(options: CallSheetOptions, worded: pl.DataFrame) -> pl.DataFrame:
    def text(name: str) -> pl.Expr:
        # Source: OWASP, CSV injection: the characters that begin a formula in one spreadsheet or another.
        is_run = pl.col(name).str.contains(r"^[=+\-@\t\r]")
        return pl.when(options.guards_formulas & is_run).then(pl.lit("'") + pl.col(name)).otherwise(name).alias(name)

    return worded.select(
        "message_id",
        text("customer_id"),
        pl.col("address").alias("phone"),
        "country",
        "locale",
        "time_zone",
        text("headline"),
        text("body"),
        pl.col("action_url").alias("url"),
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _target(options: CallSheetOptions) -> Target:
    return Target(
        name="call_sheet",
        channel="call",
        kind="message",
        file_format="csv",
        most_rows=100_000,  # no limit: more than any call centre does in a day
        rows=partial(_rows, options),
        options=CallSheetOptions,
        made=_target,
    )


TARGET = _target(CallSheetOptions())
