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

_CALLING_CODES: Final = "|".join(str(code) for code in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_IN_TEXT: Final = r"[^\s,;:|<>()\[\]\"]+@[^\s,;:|<>()\[\]\"]+"
_FLOAT: Final = r"^(\d+)\.0+$"
_WITH_COUNTRY: Final = r"^(\+|＋|00)"
_NATIONAL: Final = "without country "


def normalised_customers(customers: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """Customers with addresses that can be sent to, in their order.

    Args:
        customers: at least `email`, `phone` and `country` (ISO 3166 alpha-2), nullable strings.
        cache: the folder of addresses read before (see `normalise`).

    Returns:
        `customers` with `email` and `phone` replaced by the form to send to, null where there is none, and with
        `email_fault`, `phone_fault`: why there is none, a key of `rules.FAULTS`, null where all is well;
        `email_match`, `phone_match`: what tells one address from another, null where there is none.
    """
    listed = customers.with_columns(pl.col(name).cast(kind) for name, kind in CUSTOMER.items())
    email = normalise(listed.select(kind=pl.lit("email"), raw="email", region=pl.lit(None, pl.String)), cache)
    phone = normalise(listed.select(kind=pl.lit("phone"), raw="phone", region="country"), cache)
    return customers.with_columns(
        email=email["address"],
        phone=phone["address"],
        email_fault=email["fault"],
        phone_fault=phone["fault"],
        email_match=email.select(email_form(pl.col("address"))).to_series(),
        phone_match=phone["address"],
    )


def suppression_keys(suppressions: pl.DataFrame, people: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """Suppressions with every form under which they bar an address.

    What is suppressed must stay barred however it was noted down: with a name around it, two in one cell, a number
    without its country or its plus. Such a row has several forms. A number without a country bars it in every country
    in which one of `people` has it.

    Args:
        suppressions: at least `channel` and `address`; further columns stay.
        people: at least `phone_match`, as `normalised_customers` yields it.
        cache: the folder of addresses read before (see `normalise`).

    Returns:
        One row per suppression and form, with `address_match`, to be compared with `email_match` and `phone_match`
        of `people`. A row with nothing in it to compare is left out.
    """
    numbered = suppressions.with_row_index("_row")
    written = numbered.select("_row", "channel", raw=pl.col("address").cast(pl.String).str.strip_chars(EDGES))
    push, at = pl.col("channel").eq_missing(pl.lit("push")), pl.col("raw").str.contains("@", literal=True)
    forms = [
        written.filter(push).select("_row", address_match="raw"),
        _email_forms(written.filter(~push, at).select("_row", "raw"), cache),
        _phone_forms(written.filter(~push, ~at).select("_row", "raw"), people, cache),
    ]
    found = pl.concat(forms).filter(pl.col("address_match") != "").unique().sort("_row", "address_match")
    return numbered.join(found, on="_row", how="inner", maintain_order="left_right").drop("_row")


def told_forms(suppressions: pl.DataFrame) -> pl.DataFrame:
    """As `suppression_keys` without knowing people: `form` instead, to be compared with `own_forms` of theirs."""
    nobody = pl.DataFrame(schema={"phone_match": pl.String})
    read = suppression_keys(suppressions, nobody, None).rename({"address_match": "form"})
    digits = pl.col("address").str.replace(_FLOAT, "$1").str.replace_all(r"\D", "").str.strip_chars_start("0")
    is_careless = ~pl.col("address").str.contains("@", literal=True) & ~pl.col("address").str.contains(_WITH_COUNTRY)
    careless = suppressions.filter(is_careless, digits != "").with_columns(form=pl.lit(_NATIONAL) + digits)
    return pl.concat([read.select(careless.columns), careless])


def own_forms(address_match: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The forms of a person's address that tell it from others: as it is, and as a number without its country."""
    return address_match, pl.when(address_match.str.starts_with("+")).then(pl.lit(_NATIONAL) + _national(address_match))


def _email_forms(written: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """`_row, address_match`: the text itself, and whatever in it looks like an address, read where it can be."""
    inside = written.with_columns(pl.col("raw").str.extract_all(_IN_TEXT)).explode("raw").drop_nulls()
    region = pl.lit(None, pl.String)
    read = normalise(pl.concat([written, inside]).with_columns(kind=pl.lit("email"), region=region), cache)
    return pl.concat([read.select("_row", address_match=email_form(pl.col(name))) for name in ("raw", "address")])


def _phone_forms(written: pl.DataFrame, people: pl.DataFrame, cache: Path | None) -> pl.DataFrame:
    """`_row, address_match`: the number as read, else with its plus; and people's numbers that are it but for a country."""
    read = normalise(written.with_columns(kind=pl.lit("phone"), region=pl.lit(None, pl.String)), cache)
    whole = pl.col("raw").str.replace(_FLOAT, "$1")
    digits = whole.str.replace_all(r"\D", "").str.strip_chars_start("0")
    with_country = pl.col("raw").str.contains(_WITH_COUNTRY)
    meant = people.select("phone_match", national=_national(pl.col("phone_match"))).drop_nulls().unique()
    careless = read.filter(~with_country).select("_row", national=digits)
    return pl.concat(
        [
            read.select("_row", address_match="address"),
            read.filter(with_country, digits != "").select("_row", address_match="+" + digits),
            careless.join(meant, on="national").select("_row", address_match="phone_match"),
        ]
    )


def email_form(address: pl.Expr) -> pl.Expr:
    """What tells one e-mail address from another: all of it in lower case.

    Source: RFC 5321 §2.4 lets the case before the @ matter; no mail service of any size makes use of it, and the
    platforms that take hashed addresses lower them whole.
    """
    return address.str.strip_chars(EDGES).str.to_lowercase()


def _national(address: pl.Expr) -> pl.Expr:
    """An E.164 address without its country and leading zeros. No calling code begins another one."""
    return address.str.replace(rf"^\+({_CALLING_CODES})0*", "")
