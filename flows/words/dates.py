"""Dates, numbers and amounts of money as people of a locale write them, by the patterns of CLDR."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, list_currencies

if TYPE_CHECKING:
    from collections.abc import Callable

CURRENCIES = frozenset(list_currencies())
STYLES = ("day_month", "weekday", "weekday_day_month", "full", "iso")


def is_spoken(locale: str) -> bool:
    """Whether CLDR knows the language."""
    try:
        _known(locale)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def date_in(locale: str) -> Callable[..., str]:
    """The filter `date` of a locale."""

    def date(value: dt.date, style: str = "day_month") -> str:
        """A date: `22 November`, `22. November`. Styles: `day_month`, `weekday`, `weekday_day_month`, `full`, `iso`."""
        if not isinstance(value, dt.date) or style not in STYLES:
            raise TypeError("not a date, or no style of one")
        if style == "iso":
            return f"{value.year:04}-{value.month:02}-{value.day:02}"
        return format_date(value, _pattern(style, locale), locale=_known(locale))

    return date


def number_in(locale: str) -> Callable[..., str]:
    """The filter `number` of a locale."""

    def number(value: float, decimals: int | None = None) -> str:
        """A number: `1,234.50` for `1234.5|number(2)`, in German `1.234,50`."""
        if isinstance(value, str):
            raise TypeError("a text is not a number")
        if decimals is None:
            return format_decimal(value, locale=_known(locale), decimal_quantization=False)
        if not 0 <= decimals <= 9:
            raise ValueError("decimals are 0 to 9")
        pattern = "#,##0" + (f".{'0' * decimals}" if decimals else "")
        return format_decimal(value, format=pattern, locale=_known(locale))

    return number


def money_in(locale: str) -> Callable[..., str]:
    """The filter `money` of a locale."""

    def money(value: float, currency: str) -> str:
        """An amount: `£1,234.50` for `1234.5|money('GBP')`, in German `1.234,50 £`; each currency with its own decimals."""
        if isinstance(value, str) or currency not in CURRENCIES:
            raise TypeError("a text is no amount, or there is no such currency")
        return format_currency(value, currency, locale=_known(locale))

    return money


@functools.cache
def _known(locale: str) -> Locale:
    """What CLDR knows of the locale, else of its language. Its plain English is American; ours is the rest of the world's."""
    try:
        return Locale.parse("en-GB" if locale == "en" else locale, sep="-")
    except UnknownLocaleError:
        return Locale.parse(locale.partition("-")[0])


@functools.cache
def _pattern(style: str, locale: str) -> str:
    """CLDR's pattern, with months and weekdays written out."""
    if style == "weekday":
        return "EEEE"
    if style == "full":
        return "long"
    written_out, short = ("MMMMd", "MMMd") if style == "day_month" else ("MMMMEEEEd", "MMMEd")
    skeletons = _known(locale).datetime_skeletons
    pattern: str = (skeletons.get(written_out) or skeletons[short]).pattern
    return re.sub("M{3,}", "MMMM", re.sub("E+", "EEEE", pattern))
