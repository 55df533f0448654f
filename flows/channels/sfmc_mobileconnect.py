"""SMS by Salesforce Marketing Cloud: a contact file for MobileConnect, with the text as an attribute that the message prints.

The message in MobileConnect is `%%JE_Body%%` and nothing else. Its importer wants headers that begin with an underscore for what
it knows, and numbers without their plus.
Source: Salesforce help, mc_moc_prepare_file_for_import: CSV, 20 MB, `_MobileNumber`, `_Locale`, `_ContactKey`, and no `+`, `-`
or `()` in numbers and keys.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.channels import Options, Target

if TYPE_CHECKING:
    from flows.channels import Creatives


class MobileConnectOptions(Options):
    """What a workspace may set.

    Attributes:
        contact_key: what names a contact there: the customer, as in Email Studio, or the number, where contacts are made of
            numbers. Another one makes second contacts of everybody.
    """

    contact_key: Literal["customer_id", "number"] = "customer_id"


def _rows(worded: pl.DataFrame) -> pl.DataFrame:
    return worded.select(
        "message_id",
        "customer_id",
        # Their locale is a country; of a customer without one it is the one that the language names.
        country=pl.coalesce(pl.col("country").str.to_uppercase(), pl.col("locale").str.extract(r"-([A-Za-z]{2})$")),
        number="address",
        body="body",
        valid_until=pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _lines(options: MobileConnectOptions, rows: pl.DataFrame, _creatives: Creatives) -> pl.DataFrame:
    return rows.select(
        _MobileNumber=_bare("number"),
        _Locale=pl.col("country").fill_null(""),
        _ContactKey=_bare(options.contact_key),
        JE_MessageId="message_id",
        JE_Body="body",
        JE_ValidUntil="valid_until",
    )


def _bare(name: str) -> pl.Expr:
    return pl.col(name).str.replace_all(r"[-+()]", "")


def _target(options: MobileConnectOptions) -> Target:
    return Target(
        name="sfmc_mobileconnect",
        channel="sms",
        kind="message",
        file_format="csv",
        most_rows=1_000_000,  # no limit of theirs in rows
        most_bytes=20 * 10**6,
        rows=_rows,
        lines=partial(_lines, options),
        unverified=True,
        options=MobileConnectOptions,
        made=_target,
    )


TARGET = _target(MobileConnectOptions())
