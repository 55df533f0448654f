"""How each ad platform knows a person: what it does to an address before it hashes it, and the digest it compares.

A platform finds nobody by a hash of another form, and says nothing of it. All of this is by column, and blank stays null:
the digest of nothing is the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.addresses.rules import EDGES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Rules:
    """What a platform does to an address; all of them cut off spaces and lower the case.

    Attributes:
        one_mailbox: domains at which it takes dots, and whatever follows a plus, for nothing.
        drops_tags: whether it drops what follows a plus before the @ at every domain.
        plus: whether a telephone number keeps its plus.
        least_digits: of a telephone number; one of fewer it refuses.
        encoding: of the digest's 32 bytes.
    """

    one_mailbox: tuple[str, ...] = ()
    drops_tags: bool = False
    plus: bool = False
    least_digits: int = 0
    encoding: Literal["hex", "base64"] = "hex"


RULES: Final[Mapping[str, Rules]] = {
    # Source: google-ads-datamanager-util 0.4, Formatter; Google Ads help 7659867 for the plus.
    "google": Rules(one_mailbox=("gmail.com", "googlemail.com"), plus=True),
    # Source: the templates of LinkedIn, Microsoft, Pinterest and X, which have no telephone numbers.
    "linkedin": Rules(),
    "microsoft": Rules(),
    "pinterest": Rules(),
    "x": Rules(),
    # Source: facebook_business 26.0, serverside.normalize.
    "meta": Rules(least_digits=7),
    # Source: developers.snap.com, customer lists, best practices.
    "snapchat": Rules(),
    # Source: ads.tiktok.com, "List of supported IDs and formats for a customer file": the plus is recommended and may be left
    # out, as in the sample hash beside it. The page of June 2025 drops what follows a plus in an e-mail address, later ones
    # leave it.
    "tiktok": Rules(plus=True),
    # Source: IABTechLab/uid2docs, gs-normalization-encoding; uid2-client 2.9, input_util, for the ten digits.
    "uid2": Rules(one_mailbox=("gmail.com",), plus=True, least_digits=10, encoding="base64"),
}


def email_digest(rules: Rules, address: pl.Expr) -> pl.Expr:
    """The digest by which a platform knows an e-mail address.

    Args:
        rules: the platform's.
        address: as `rules.read_email` leaves it.
    """
    plain = trimmed(address)
    if not rules.one_mailbox and not rules.drops_tags:
        return _digest(plain, rules)
    return _digest(plain.map_batches(lambda text: _mailboxes(text, rules), return_dtype=pl.String), rules)


def _mailboxes(addresses: pl.Series, rules: Rules) -> pl.Series:
    """Addresses less what a platform takes for nothing: few have any of it, and to look at all takes twice as long as hashing."""
    text = pl.col("text")
    has = [text.str.ends_with(f"@{domain}") for domain in rules.one_mailbox]
    has += [text.str.contains("+", literal=True)] if rules.drops_tags else []
    at = addresses.to_frame("text").select(pl.any_horizontal(has).fill_null(value=False).arg_true()).to_series()
    if at.is_empty():
        return addresses
    local, domain = (text.str.split_exact("@", 1).struct.field(f"field_{half}") for half in (0, 1))
    untagged = local.str.split_exact("+", 1).struct.field("field_0")
    mailbox = pl.when(domain.is_in(list(rules.one_mailbox))).then(untagged.str.replace_all(".", "", literal=True))
    known = pl.coalesce(mailbox, untagged) if rules.drops_tags else mailbox
    # Of '+tag@gmail.com' nothing would be left: it stays as it is.
    meant = pl.when(known != "").then(pl.concat_str(known, pl.lit("@"), domain)).otherwise(text)
    return addresses.scatter(at, addresses.gather(at).to_frame("text").select(meant).to_series())


def phone_digest(rules: Rules, number: pl.Expr) -> pl.Expr:
    """The digest by which a platform knows a telephone number; null where it takes none so short.

    Args:
        rules: the platform's.
        number: as `rules.read_phone` leaves it: E.164, from the customer's country. Digits without one are no number of
            anybody's, and platforms that are given them put a plus before them.
    """
    is_taken = number.str.contains(rf"^\+[0-9]{{{max(rules.least_digits, 1)},15}}$")
    return _digest(pl.when(is_taken).then(number if rules.plus else number.str.slice(1)), rules)


def name_digest(name: pl.Expr) -> pl.Expr:
    """The digest of a first or last name: Google's and Meta's packages leave accents and punctuation in it.

    Source: google-ads-datamanager-util 0.4, format_given_name; facebook_business 26.0, serverside.normalize.
    """
    return sha256(trimmed(name))


def postcode(platform: Literal["google", "meta"], code: pl.Expr) -> pl.Expr:
    """A postcode as a platform compares it: Google as it is, in clear; Meta without blanks and what follows a hyphen, hashed.

    Source: as for `name_digest`.
    """
    whole = _none_if_blank(code.str.strip_chars(EDGES))
    if platform == "google":
        return whole
    return sha256(whole.str.to_lowercase().str.replace_all(r"\s", "").str.replace("-.*$", ""))


def country(platform: Literal["google", "meta"], code: pl.Expr) -> pl.Expr:
    """An ISO 3166 country as a platform compares it: Google in capitals, in clear; Meta in small letters, hashed.

    Source: as for `name_digest`.
    """
    whole = _none_if_blank(code.str.strip_chars(EDGES))
    return whole.str.to_uppercase() if platform == "google" else sha256(whole.str.to_lowercase())


def trimmed(text: pl.Expr) -> pl.Expr:
    """Without the blanks around it, in small letters; null where nothing is left."""
    return text.str.strip_chars(EDGES).str.to_lowercase().replace("", None)


def sha256(text: pl.Expr) -> pl.Expr:
    """The digest of a text in small hexadecimals; null of an empty one, and of null."""
    # A `when` would make the text twice: once to compare it, once to take it.
    return text.replace("", None).chash.sha2_256()  # type: ignore[attr-defined, no-any-return]


def _digest(text: pl.Expr, rules: Rules) -> pl.Expr:
    hashed = sha256(text)
    return hashed if rules.encoding == "hex" else hashed.str.decode("hex").bin.encode("base64")


def _none_if_blank(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars(EDGES) != "").then(text)
