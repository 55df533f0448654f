r"""Creatives and slots: whole texts by column, or the words once with `{{{s1}}}` where each recipient's slots go.

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

import polars as pl

from flows.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def fill(composed: Composed, part: str, reserved: pl.DataFrame | None = None) -> pl.Series:
    """The whole text of a part for each row, by column.

    Args:
        composed: rows and creatives.
        part: the part's name, which is the name of the series, too.
        reserved: columns for reserved slots, in the order of `composed.rows`.

    Raises:
        DataError: a reserved slot has no column, or a value that would have to be escaped in HTML.
    """
    columns = composed.rows if reserved is None else pl.concat([composed.rows, reserved], how="horizontal")
    texts = {key: creative.parts[part] for key, creative in composed.creatives.items()}
    kinds = list(dict.fromkeys(texts.values()))
    _check_reserved(kinds, columns, part)
    if len(kinds) == 1:
        return columns.select(_text(kinds[0]).alias(part))[part]
    kind_of = {key: kinds.index(pieces) for key, pieces in texts.items()}
    kind = columns["key"].replace_strict(list(kind_of), list(kind_of.values()), return_dtype=pl.UInt32)
    at = pl.int_range(len(columns), eager=True)
    done = [pl.DataFrame({"at": at.head(0), "text": pl.Series([], dtype=pl.String)})]
    for number, pieces in enumerate(kinds):
        here = kind == number
        done.append(
            columns.filter(here).select(_text(pieces).alias("text")).insert_column(0, at.filter(here).alias("at"))
        )
    return pl.concat(done).sort("at")["text"].alias(part)


def _text(pieces: Sequence[Piece]) -> pl.Expr:
    """The text of some pieces; the empty piece of `key` makes it one per row even where no piece is a column."""
    parts = [pl.col(piece.name) if isinstance(piece, Slot) else pl.lit(piece) for piece in pieces]
    return pl.concat_str([pl.col("key").str.slice(0, 0), *parts])


def _check_reserved(kinds: Sequence[Sequence[Piece]], columns: pl.DataFrame, part: str) -> None:
    used = {piece for pieces in kinds for piece in pieces if isinstance(piece, Slot)}
    for slot in sorted(used, key=lambda slot: slot.name):
        if slot.name not in columns.columns:
            hint = "give `fill` its column as `reserved`"
            raise DataError(f"part {part}", f"the slot '{slot.name}' has no column", hint)
        if slot.is_html and not is_words_slot(slot.name):
            unsafe = columns[slot.name].str.contains_any(list(HTML)).any()
            if unsafe or columns[slot.name].null_count():
                what = f"a value of '{slot.name}' is missing, or would have to be escaped in HTML"
                raise DataError(f"part {part}", what, "reserved slots hold URLs and codes without & < > \" '")


def is_words_slot(name: str) -> bool:
    """Whether a slot comes from the words (`s1`, or `s1_html` beside it), not from routing."""
    return re.fullmatch(r"s\d+(_html)?", name) is not None


def escaped(column: pl.Expr) -> pl.Expr:
    """A text column escaped for HTML, as MarkupSafe does."""
    return column.str.replace_many(list(HTML), list(HTML.values()))


def generic(creative: Creative, part: str) -> str:
    """A part of a creative with `{{{s1}}}` for its slots, and the words' own braces escaped where they touch another."""
    pieces = creative.parts[part]
    done: list[str] = []
    for number, piece in enumerate(pieces):
        if isinstance(piece, Slot):
            done.append(f"{{{{{{{piece.name}}}}}}}")
        else:
            done.append(_escape(piece, after_slot=number > 0, before_slot=number + 1 < len(pieces)))
    return "".join(done)


def _escape(text: str, *, after_slot: bool, before_slot: bool) -> str:
    """Escape the runs of braces and backslashes in `text` that hold more than one, or stand beside a slot.

    A run is escaped whole: of a backslash that has become a mark, the brace before it would touch the mark.
    """
    runs = r"[{}\\]{2,}"
    runs += r"|\A[{}\\]" if after_slot else ""
    runs += r"|[{}\\]\Z" if before_slot else ""
    return re.sub(runs, lambda run: "".join(f"{{{{{{{_ESCAPED[letter]}}}}}}}" for letter in run[0]), text)


def restore(text: str, slots: Mapping[str, str]) -> str:
    """The exact text of a generic creative for one recipient: the reference reader of `{{{name}}}`."""
    values = {**ESCAPES, **slots}
    return _MARK.sub(lambda mark: values[mark[1]], text)


def rewritten(text: str, opening: str, closing: str) -> str:
    """A part of a generic creative with its marks in another syntax."""
    return _MARK.sub(lambda mark: f"{opening}{mark[1]}{closing}", text)


def pieces(text: str, *, is_html: bool) -> tuple[Piece, ...]:
    """A part of a generic creative as literal text and slots again: the inverse of `generic`, to be filled by column."""
    done: list[Piece] = []
    at = 0
    for mark in _MARK.finditer(text):
        done.append(text[at : mark.start()])
        done.append(ESCAPES[mark[1]] if mark[1] in ESCAPES else Slot(mark[1], is_html))
        at = mark.end()
    done.append(text[at:])
    return tuple(piece for piece in done if piece != "")
