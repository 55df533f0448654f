"""Where a telephone number is: the time zones that its first digits name."""

from __future__ import annotations

from functools import cache

import polars as pl
from phonenumbers.tzdata import TIMEZONE_DATA

from flows.caps import known_zones

APART = "|"
"""Between the zones of a number."""


def number_zones(number: pl.Expr) -> pl.Expr:
    """The time zones of numbers in E.164 form, with `APART` between; null where the number tells none.

    An area code names one or two, the mobile numbers of a large country all of it. Source: libphonenumber's table of prefixes,
    of which the longest that fits counts, as in its `PhoneNumberToTimeZonesMapper`.
    """
    digits = number.str.strip_prefix("+")
    found = [
        digits.str.head(length).replace_strict(zones, default=None, return_dtype=pl.String)
        for length, zones in _by_length().items()
    ]
    return pl.coalesce(found)


@cache
def _by_length() -> dict[int, dict[str, str | None]]:
    """Length of a prefix, the longest first -> prefix -> its zones."""
    known = set(known_zones())
    told: dict[int, dict[str, str | None]] = {}
    for prefix in sorted(TIMEZONE_DATA, key=len, reverse=True):
        zones = APART.join(name for name in TIMEZONE_DATA[prefix] if name in known)
        told.setdefault(len(prefix), {})[prefix] = zones or None
    return told
