"""Where a telephone number is: the time zones that its first digits name."""

from __future__ import annotations

from functools import cache

import polars as pl
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.tzdata import TIMEZONE_DATA

from flows.caps import known_zones

APART = "|"
"""Between the zones of a number."""

_WITH_AREA_CODES = ("1", "52", "54", "55", "62", "86")
"""The calling codes under which a mobile number has the area code of a place. Source: libphonenumber's metadata (a mobile of +1
cannot be told from a landline) and `_GEO_MOBILE_COUNTRIES`."""


def number_zones(number: pl.Expr) -> pl.Expr:
    """The time zones of mobile numbers in E.164 form, with `APART` between; null where the number tells none.

    An area code names one or two; the mobile numbers of most countries name all of the country, and +1 alone is of twenty.
    Source: libphonenumber's table of prefixes, of which the longest that fits counts, as in its `PhoneNumberToTimeZonesMapper`.
    """
    digits = number.str.strip_prefix("+")
    found = [
        digits.str.head(length).replace_strict(zones, default=None, return_dtype=pl.String)
        for length, zones in _by_length().items()
    ]
    return pl.coalesce(found)


@cache
def _by_length() -> dict[int, dict[str, str]]:
    """Length of a prefix, the longest first -> prefix -> its zones."""
    countries = {str(code) for code in COUNTRY_CODE_TO_REGION_CODE}
    known, told = set(known_zones()), dict[int, dict[str, str]]()
    for prefix in sorted(TIMEZONE_DATA, key=len, reverse=True):
        zones = APART.join(name for name in TIMEZONE_DATA[prefix] if name in known)
        if zones and prefix != "1" and (prefix in countries or prefix.startswith(_WITH_AREA_CODES)):
            told.setdefault(len(prefix), {})[prefix] = zones
    return told
