r"""Creatives and slots: the words once, with `{{{s1}}}` where each recipient's slots go.

In a generic creative `{{{name}}}` is the value of a slot, put there as it is: it has been escaped for where it stands. The
words' own braces would be mistaken for one where two touch, so such a brace is written as a slot that every reader can be
given: `{{{lbrace}}}` is `{`, `{{{rbrace}}}` is `}`; and `{{{backslash}}}` is a `\` beside them or a slot, because Handlebars
takes `\{{` for an escaped slot. The rule is the same in HTML and in text, for it changes no text: an entity such as `&#123;`
would not be read back inside `<style>`. `restore` is the whole reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

ESCAPES: Mapping[str, str] = {"lbrace": "{", "rbrace": "}", "backslash": "\\"}
"""What a reader of generic creatives is given beside the slots."""

HTML: Mapping[str, str] = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
"""What HTML escaping replaces, as MarkupSafe does."""

_ESCAPED = {letter: name for name, letter in ESCAPES.items()}
_MARK = re.compile(r"\{\{\{(\w+)\}\}\}")


@dataclass(frozen=True)
class Slot:
    """A place in a creative for a value of the recipient.

    Attributes:
        name: the column that holds the value: `s1`, or a reserved one such as `unsubscribe_url`.
        is_html: whether it stands in HTML (what the column holds is escaped for it).
    """

    name: str
    is_html: bool


Piece = str | Slot


@dataclass(frozen=True)
class Creative:
    """The words of one key: per part its pieces, literal text and slots in turn."""

    parts: Mapping[str, tuple[Piece, ...]]

    def slots(self) -> tuple[str, ...]:
        """The names of the slots it uses, in the order in which they first stand."""
        pieces = (piece for part in self.parts.values() for piece in part)
        return tuple(dict.fromkeys(piece.name for piece in pieces if isinstance(piece, Slot)))


@dataclass(frozen=True)
class MergeLanguage:
    """How a platform that fills slots by itself wants a creative written.

    Attributes:
        slot: a slot -> what prints its value as it is: it has been escaped for where it stands.
        literal: some of the words, whether a slot stands before them, and whether one stands behind them -> what the platform
            prints as these words, whatever of them it would take for its own language.
    """

    slot: Callable[[Slot], str]
    literal: Callable[[str, bool, bool], str]

    def put(self, pieces: Sequence[Piece]) -> str:
        """Words and slots, which follow each other in turn but for slots side by side, in this language."""
        slots = [False, *(isinstance(piece, Slot) for piece in pieces), False]
        return "".join(
            self.slot(piece) if isinstance(piece, Slot) else self.literal(piece, slots[at], slots[at + 2])
            for at, piece in enumerate(pieces)
        )


@dataclass(frozen=True)
class Composed:
    """Rows and their creatives.

    Attributes:
        rows: per delivery, in the order given: `key` (String) and the slots `s1`… (String, already escaped for where they
            stand; null where the creative of the row's key does not have the slot). The columns depend on the words alone.
        creatives: per key, its creative; only keys that occur.
        slots: per part, the slots that any of its creatives may have.
    """

    rows: pl.DataFrame
    creatives: Mapping[str, Creative]
    slots: Mapping[str, tuple[str, ...]]


def is_words_slot(name: str) -> bool:
    """Whether a slot comes from the words (`s1`, or `s1_html` beside it), not from routing."""
    return re.fullmatch(r"s\d+(_html)?", name) is not None


def escaped(column: pl.Expr) -> pl.Expr:
    """A text column escaped for HTML, as MarkupSafe does."""
    return column.str.replace_many(list(HTML), list(HTML.values()))


def marked(opening: str, closing: str) -> MergeLanguage:
    """The language in which a slot is its name between two marks, and the words' own braces are slots where they touch."""

    def literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: FBT001
        # A run is escaped whole: of a backslash that has become a mark, the brace before it would touch the mark.
        runs = r"[{}\\]{2,}"
        runs += r"|\A[{}\\]" if after_slot else ""
        runs += r"|[{}\\]\Z" if before_slot else ""
        return re.sub(runs, lambda run: "".join(f"{opening}{_ESCAPED[letter]}{closing}" for letter in run[0]), text)

    return MergeLanguage(lambda slot: f"{opening}{slot.name}{closing}", literal)


GENERIC = marked("{{{", "}}}")
"""How this program keeps creatives, in plans and in files for tools of any kind."""


def generic(creative: Creative, part: str) -> str:
    """A part of a creative in the generic language."""
    return GENERIC.put(creative.parts[part])


def restore(text: str, slots: Mapping[str, str]) -> str:
    """The exact text of a generic creative for one recipient: the reference reader of `{{{name}}}`."""
    values = {**ESCAPES, **slots}
    return _MARK.sub(lambda mark: values[mark[1]], text)


def pieces(text: str, *, is_html: bool) -> tuple[Piece, ...]:
    """A part of a generic creative as literal text and slots again: the inverse of `generic`, to be filled by column."""
    done: list[Piece] = []
    words, at = "", 0
    for mark in _MARK.finditer(text):
        words += text[at : mark.start()]
        at = mark.end()
        if mark[1] in ESCAPES:
            words += ESCAPES[mark[1]]
        else:
            done += [words, Slot(mark[1], is_html)]
            words = ""
    done.append(words + text[at:])
    return tuple(piece for piece in done if piece != "")
