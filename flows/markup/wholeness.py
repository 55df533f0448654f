"""Whether a text is whole: nothing in it is left over from a program, and nothing gapes where a fact is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.markup.reading import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OVERS = re.compile(
    r"\b(?:None(?! of\b)|nan|inf|Undefined)\b|\{\{|\}\}|\{%|%\}|object at 0x|<(?:built-in|bound|function)\b"
)
_DIGITS = re.compile(r"\d+\.\d{7,}|\d[\d.]*e[+-]\d\d")
"""What no reader should see: nothing as a word, a tag; and a number with every digit that the machine has of it."""

_GAPES = re.compile(r"(?<=\w) [,.](?=\s|$)|,,|\( ?\)|^[,;.] |(?<=\S) {2,}(?=\S)", re.MULTILINE)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s<>\"]*", re.IGNORECASE)


def faults(text: str, said: str, source: str) -> Iterator[Complaint]:
    """What makes a text look broken.

    Args:
        text: as it comes out.
        said: the case that it came of.
        source: the template's own text: two blanks that its author has typed are a habit, no gap.
    """
    if left := _LEFT_OVERS.search(text):
        yield Complaint(f"{said} prints '{left[0]}'", "give that case words of its own", left[0])
    if digits := _DIGITS.search(text):
        yield Complaint(f"{said} prints {digits[0]}", "print it with |number, or round it in the query", digits[0])
    for gap in _GAPES.finditer(text):
        around = text[max(gap.start() - 12, 0) : gap.end() + 8]
        if gap[0].isspace() and text[gap.start() - 1 : gap.end() + 1] in source:
            continue
        hint = "put the blank, or the sign, into the branch with the fact"
        yield Complaint(f"{said} leaves a gap: '{' '.join(around.strip().splitlines())}'", hint, gap[0])


def urls(text: str) -> Iterator[str]:
    """The addresses that a plain text writes out."""
    for found in _URL.finditer(text):
        yield found[0].rstrip(".,;:!?)")
