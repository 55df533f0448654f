"""One written address -> the address to send to, or what is wrong with it."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Final, Literal

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberType

Kind = Literal["email", "phone"]
Reading = tuple[str | None, str | None]
"""The address to send to and the fault: one of the two is None."""

FAULTS: Final = {
    "absent": "there is none",
    "blank": "nothing but spaces",
    "syntax": "not written as an address",
    "several": "more than one address in one place",
    "non_ascii_local": "letters beyond ASCII before the @, which not every mail server takes",
    "no_region": "a number without its country, of a customer without one",
    "invalid_number": "no number that is in use there",
    "not_mobile": "a number that cannot get text messages: a landline, a service",
    "spreadsheet_damage": "what a spreadsheet left of it, or would run",
}
"""All that can be wrong with an address, in words. A fault never holds the address."""

EDGES: Final = (
    " \t\r\n\v\f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000\ufeff\u200b\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What is cut off both ends: spaces, and the marks without width that come along from web pages and address books."""

MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""The kinds of number that get text messages. In North America no number tells a mobile from a landline."""

REGION_NAMES: Final = {"UK": "GB", "EL": "GR"}
"""Country codes that are in use beside the ones of ISO 3166. Source: the European Union's style guide, annex A5."""

VERSIONS: Final[dict[Kind, str]] = {
    "email": f"1 email-validator {version('email-validator')} idna {version('idna')}",
    "phone": f"1 phonenumbers {version('phonenumbers')}",
}
"""What a kept reading depends on: the number of these rules, raised when they change, and the libraries."""

_SEPARATOR = re.compile(r"[,;|\r\n]")
_SCIENTIFIC = re.compile(r"\+?\d+([.,]\d+)?[eE]\+?\d+")
_FLOAT = re.compile(r"(\+?\d+)\.0+")
_NUMBER = re.compile(r"[+＋]?[\d ().\-/\t\xa0\xad\u2000-\u200b\u2010-\u2015\u202f\u2060\u2212\u3000]+")


def read_email(written: str) -> Reading:
    """The e-mail address in `written`, its domain in ASCII (IDNA 2008), the case before the @ kept.

    Source: RFC 5321 §4.5.3.1 and RFC 3696 erratum 1690 for the lengths, 64 octets before the @ and 254 in all, which
    the library checks; Amazon SES takes no SMTPUTF8, so letters beyond ASCII before the @ are refused.
    """
    text = written.strip(EDGES)
    if not text:
        return None, "blank"
    if text.startswith(("=", "#")):
        return None, "spreadsheet_damage"
    try:
        valid = validate_email(text, check_deliverability=False, strict=True, test_environment=False)
    except EmailNotValidError:
        return None, "several" if text.count("@") > 1 and _SEPARATOR.search(text) else "syntax"
    if valid.ascii_email is None:
        return None, "non_ascii_local"
    return valid.ascii_email, None


def read_domain(written: str) -> str | None:
    """The domain of an e-mail address in ASCII, None if there can be no address at it."""
    address, _ = read_email(f"a@{written}")
    return address[2:] if address else None


def read_phone(written: str, region: str | None) -> Reading:
    """The mobile number in `written` as E.164, read as somebody in `region` would dial it.

    Digits without a plus are a number of the region first, and only where that is none an international number whose
    plus was lost: a wrong reading would reach a stranger.

    Args:
        written: the number as noted down.
        region: the country of its owner, ISO 3166 alpha-2, in either case; None or an unknown one says nothing.
    """
    text = written.strip(EDGES).removeprefix("'")
    if not text:
        return None, "blank"
    if text.startswith(("=", "#")) or _SCIENTIFIC.fullmatch(text):
        return None, "spreadsheet_damage"
    if whole := _FLOAT.fullmatch(text):
        text = whole[1]
    if not _NUMBER.fullmatch(text):
        return None, "several" if _SEPARATOR.search(text) else "syntax"
    home = _region(region)
    readings = [_dialled(candidate, there) for candidate, there in _candidates(text, home)]
    valid = [reading for reading in readings if reading[1] != "invalid_number"]
    if valid:
        return valid[0]
    return None, "invalid_number" if home or text.startswith(("+", "＋", "00")) else "no_region"


def _region(written: str | None) -> str | None:
    code = (written or "").strip().upper()
    code = REGION_NAMES.get(code, code)
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


def _candidates(text: str, home: str | None) -> list[tuple[str, str | None]]:
    """The ways to read a number, the likeliest first."""
    if text.startswith(("+", "＋")):
        return [(text, None)]
    at_home: list[tuple[str, str | None]] = [(text, home)] if home else []
    if text.startswith("00"):
        return [(f"+{text[2:]}", None), *at_home]
    return at_home if text.startswith(("0", "(0")) else [*at_home, (f"+{text}", None)]


def _dialled(text: str, region: str | None) -> Reading:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None, "invalid_number"
    # a number is valid exactly when it has a kind; asking for the kind alone halves the work
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return None, "invalid_number"
    if kind not in MOBILE:
        return None, "not_mobile"
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)}", None
