"""Which addresses are the same one: customers' against each other, and against what must not be written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import phonenumbers
import polars as pl

from flows.addresses.remembered import normalise
from flows.addresses.rules import EDGES

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMER: Final = pl.Schema({"email": pl.String(), "phone": pl.String(), "country": pl.String()})
READ: Final = ("email_fault", "phone_fault", "email_match", "phone_match", "phone_loose")
"""The columns that `normalised_customers` adds."""

_CALLING_CODES: Final = "|".join(str(code) for code in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_IN_TEXT: Final = r"[^\s,;:|<>()\[\]\"]+@[^\s,;:|<>()\[\]\"]+"
_FLOAT: Final = r"^(\d+)\.0+$"
_WITH_COUNTRY: Final = r"^(\+|＋|00)"


def normalised_customers(customers: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """Customers with addresses that can be sent to, in their order.

    Args:
        customers: at least `email`, `phone` and `country` (ISO 3166 alpha-2), nullable strings.
        cache: the folder of addresses read before (see `normalise`).

    Returns:
        `customers` with `email` and `phone` replaced by the form to send to, null where there is none, and with
        `email_fault`, `phone_fault`: why there is none, a key of `rules.FAULTS`, null where all is well;
        `email_match`, `phone_match`: what tells one address from another, null where there is none;
        `phone_loose`: the number without its country, which a careless suppression may hold.
    """
    listed = customers.with_columns(pl.col(name).cast(kind) for name, kind in CUSTOMER.items())
    emails = listed.select(kind=pl.lit("email"), raw="email", region=pl.lit(None, pl.String))
    phones = listed.select(kind=pl.lit("phone"), raw="phone", region="country")
    read = normalise(pl.concat([emails, phones]).unique(), cache)
    email = read.filter(kind="email").select("raw", "address", "fault")
    phone = read.filter(kind="phone").select("raw", "region", "address", "fault")
    return (
        listed.join(
            email.select(email="raw", _email="address", email_fault="fault"),
            on="email",
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .join(
            phone.select(phone="raw", country="region", _phone="address", phone_fault="fault"),
            on=["phone", "country"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(email="_email", phone="_phone")
        .with_columns(email_match=email_form(pl.col("email")), phone_match="phone", phone_loose=_loose())
        .select(*customers.columns, *READ)
    )


def suppression_keys(suppressions: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """Suppressions with every form under which they bar an address.

    What is suppressed must stay barred however it was noted down: with a name around it, two in one cell, a number
    without its country or its plus. Such a row has several forms. A number without a country bars it in every country.

    Args:
        suppressions: at least `channel` and `address`; further columns stay.
        cache: the folder of addresses read before (see `normalise`).

    Returns:
        One row per suppression and form, with `match`: to be compared with `email_match`, and with `phone_match`
        and `phone_loose`, of `normalised_customers`. A row with nothing in it to compare is left out.
    """
    numbered = suppressions.with_row_index("_row")
    address = pl.col("address").cast(pl.String).str.strip_chars(EDGES)
    shown = numbered.select("_row", "channel", raw=address)
    at, push = pl.col("raw").str.contains("@", literal=True), pl.col("channel") == "push"
    written = shown.filter(at & ~push)
    inside = written.select("_row", raw=pl.col("raw").str.extract_all(_IN_TEXT)).explode("raw").drop_nulls()
    emails = pl.concat([written.select("_row", "raw"), inside]).select("_row", "raw", kind=pl.lit("email"))
    phones = shown.filter(~at & ~push).select("_row", "raw", kind=pl.lit("phone"))
    both = pl.concat([emails, phones]).drop_nulls("raw").with_columns(region=pl.lit(None, pl.String))
    read = normalise(both, cache)
    is_phone = pl.col("kind") == "phone"
    whole = pl.col("raw").str.replace(_FLOAT, "$1")
    digits = whole.str.replace_all(r"\D", "").str.strip_chars_start("0")
    international = pl.col("raw").str.contains(_WITH_COUNTRY)
    forms = [
        read.select("_row", match=pl.when(is_phone).then("address").otherwise(email_form(pl.col("address")))),
        read.filter(~is_phone).select("_row", match=email_form(pl.col("raw"))),
        read.filter(is_phone & international, digits != "").select("_row", match="+" + digits),
        read.filter(is_phone & ~international, digits != "").select("_row", match=digits),
        shown.filter(push).select("_row", match="raw"),
    ]
    found = pl.concat(forms).filter(pl.col("match") != "").unique().sort("_row", "match")
    return numbered.join(found, on="_row", how="inner", maintain_order="left_right").drop("_row")


def email_form(address: pl.Expr) -> pl.Expr:
    """What tells one e-mail address from another: all of it in lower case.

    Source: RFC 5321 §2.4 lets the case before the @ matter; no mail service of any size makes use of it, and the
    platforms that take hashed addresses lower them whole.
    """
    return address.str.strip_chars(EDGES).str.to_lowercase()


def _loose() -> pl.Expr:
    """The number of an E.164 address without its country and leading zeros. No calling code begins another one."""
    return pl.col("phone").str.replace(rf"^\+({_CALLING_CODES})0*", "")
