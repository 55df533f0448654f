"""Days as people write them: `2026-12-24`, or several in a row as `2026-12-24 to 2026-12-26`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\s+to\s+(\d{4}-\d{2}-\d{2}))?")
_SHAPE = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}(\s+to\s+\d{4}-\d{2}-\d{2})?$",
    "examples": ["2026-12-24", "2026-12-24 to 2026-12-26"],
}


class Span(NamedTuple):
    """Some days in a row, both ends among them."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day <= self.last

    def days(self) -> Iterator[date]:
        """Each of them."""
        return (self.first + timedelta(days=on) for on in range((self.last - self.first).days + 1))


def _span(value: object) -> object:
    if isinstance(value, Span):
        return value
    if type(value) is date:
        return Span(value, value)
    match = _DAYS.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        first, last = (date.fromisoformat(text) for text in (match[1], match[2] or match[1])) if match else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise ValueError("these are no days | write one, as 2026-12-24, or several, as 2026-12-24 to 2026-12-26")
    if last < first:
        raise ValueError(f"they end on {last}, before they begin | mend one of the days")
    return Span(first, last)


Days = Annotated[Span, BeforeValidator(_span), PlainSerializer(str), WithJsonSchema(_SHAPE)]
