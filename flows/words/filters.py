"""The filters and tests that templates may use: one table, all pure, none that can grow a text without bound.

An absent value (None) stays absent through every filter but `default`, so that `{{ first_name|upper }}` prints nothing for
a customer without one. No filter depends on whether the part is HTML: escaping comes last, where a value is printed.
`date`, `money` and `number` speak the language of the file that they stand in (`flows.words.dates`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import filters as jinja

from flows.words.dates import CURRENCIES, STYLES, date_in, money_in, number_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

LONGEST = 10_000
"""Characters that a filter may return at most: `replace` and `join` in a row could otherwise grow a text without bound."""


def default(value: object, fallback: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - Jinja2's signature
    """`fallback` where the value is absent; with `true` as second argument also where it is empty, zero or false."""
    return fallback if value is None or (boolean and not value) else value


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
    "first": first,
    "join": join,
    "last": last,
    "length": length,
    "lower": _on_text(str.lower),
    "replace": replace,
    "title": _on_text(jinja.do_title),
    "trim": _on_text(str.strip),
    "truncate": truncate,
    "upper": _on_text(str.upper),
    "urlencode": _on_text(lambda text: quote(text, safe="")),
}


@functools.cache
def filters(locale: str) -> Mapping[str, Callable[..., object]]:
    """All filters that templates may use, as they come out in the language `locale`."""
    on_present = {**_ON_PRESENT, "date": date_in(locale), "money": money_in(locale), "number": number_in(locale)}
    return {
        "default": default,  # by column where it fills a text field; the others once per distinct input
        **{name: _absent_stays(function) for name, function in sorted(on_present.items())},
    }


CHOICES: Mapping[tuple[str, str], Collection[str]] = {("date", "style"): STYLES, ("money", "currency"): CURRENCIES}
"""What an argument of a filter may be, by the names of both."""

TESTS: Mapping[str, Callable[..., bool]] = {
    "none": lambda value: value is None,
    "even": lambda value: value % 2 == 0,
    "odd": lambda value: value % 2 == 1,
}
