"""The filters and tests that templates may use: one table, all pure, none that can grow a text without bound.

An absent value (None) stays absent through every filter but `default`, so that `{{ first_name|upper }}` prints nothing for
a customer without one. No filter depends on whether the part is HTML: escaping comes last, where a value is printed.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import filters as jinja

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

LONGEST = 10_000
"""Characters that a filter may return at most: `replace` and `join` in a row could otherwise grow a text without bound."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DATE_STYLES: Mapping[str, Callable[[dt.date], str]] = {
    "day_month": lambda day: f"{day.day} {MONTHS[day.month - 1]}",
    "weekday": lambda day: DAYS[day.weekday()],
    "weekday_day_month": lambda day: f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}",
    "full": lambda day: f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    "iso": lambda day: f"{day.year:04}-{day.month:02}-{day.day:02}",
}


def date(value: dt.date, style: str = "day_month") -> str:
    """A date in English: `22 November`. Styles: `day_month`, `weekday`, `weekday_day_month`, `full`, `iso`."""
    return DATE_STYLES[style](value)


def default(value: object, fallback: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - Jinja2's signature
    """`fallback` where the value is absent; with `true` as second argument also where it is empty, zero or false."""
    return fallback if value is None or (boolean and not value) else value


def number(value: float, decimals: int | None = None) -> str:
    """A number in English: `1,234.50` for `1234.5|number(2)`."""
    if isinstance(value, str):
        raise TypeError("a text is not a number")
    if decimals is None:
        return f"{value:,}"
    if not 0 <= decimals <= 9:
        raise ValueError("decimals are 0 to 9")
    return f"{value:,.{decimals}f}"


def join(value: Sequence[object], separator: str = "") -> str:
    """The elements in a row, with `separator` between them; absent elements print as nothing."""
    texts = ["" if item is None else str(item) for item in value]
    return _bounded(sum(map(len, texts)) + len(separator) * len(texts), lambda: separator.join(texts))


def replace(value: object, old: str, new: str) -> str:
    """`new` in place of every `old`."""
    text = str(value)
    return _bounded(len(text) + text.count(old) * len(new), lambda: text.replace(old, new))


def truncate(value: object, longest: int = 80) -> str:
    """At most `longest` characters: cut between words, with an ellipsis."""
    text = str(value)
    if len(text) <= longest:
        return text
    kept, following = text[: max(longest - 1, 0)], text[max(longest - 1, 0)]
    return (kept.rsplit(" ", 1)[0] if " " in kept and following != " " else kept) + "…"


def first(value: Sequence[object]) -> object:
    """The first element, absent if there is none."""
    return next(iter(value), None)


def last(value: Sequence[object]) -> object:
    """The last element, absent if there is none."""
    return value[-1] if value else None


def length(value: Sequence[object]) -> int:
    """How many elements, or characters, there are."""
    return len(value)


def _bounded(characters: int, text: Callable[[], str]) -> str:
    if characters > LONGEST:
        raise ValueError("the text would grow too long")
    return text()


def _absent_stays(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def on_present(value: object, *args: object, **kwargs: object) -> object:
        return None if value is None else function(value, *args, **kwargs)

    return on_present


def _on_text(function: Callable[[str], str]) -> Callable[[object], str]:
    def on_text(value: object) -> str:
        return function(str(value))

    return on_text


_ON_PRESENT: Mapping[str, Callable[..., object]] = {
    "capitalize": _on_text(str.capitalize),
    "date": date,
    "first": first,
    "join": join,
    "last": last,
    "length": length,
    "lower": _on_text(str.lower),
    "number": number,
    "replace": replace,
    "title": _on_text(jinja.do_title),
    "trim": _on_text(str.strip),
    "truncate": truncate,
    "upper": _on_text(str.upper),
    "urlencode": _on_text(lambda text: quote(text, safe="")),
}
FILTERS: Mapping[str, Callable[..., object]] = {
    "default": default,  # by column where it fills a text field; the others once per distinct input
    **{name: _absent_stays(function) for name, function in _ON_PRESENT.items()},
}
"""All filters that templates may use."""

TESTS: Mapping[str, Callable[..., bool]] = {
    "none": lambda value: value is None,
    "even": lambda value: value % 2 == 0,
    "odd": lambda value: value % 2 == 1,
}
