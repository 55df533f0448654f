r"""Creatives and slots: whole texts by column, or the words once with `{{{s1}}}` where each recipient's slots go.

In a generic creative `{{{name}}}` is the value of a slot, put there as it is: it has been escaped for where it stands. The
words' own braces would be mistaken for one where two touch, so such a brace is written as a slot that every reader can be
given: `{{{lbrace}}}` is `{`, `{{{rbrace}}}` is `}`; and `{{{backslash}}}` is a `\` beside them or a slot, because Handlebars
takes `\{{` for an escaped slot. The rule is the same in HTML and in text, for it changes no text: an entity such as `&#123;`
would not be read back inside `<style>`. `restore` is the whole reader.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    _check_reserved(texts, columns, part)
    few = _few(list(texts.values()), columns)
    at = pl.int_range(len(columns), eager=True)
    done = [pl.DataFrame({"at": at.head(0), "text": pl.Series([], dtype=pl.String)})]
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, pieces in texts.items():
        many = tuple(piece.name for piece in pieces if isinstance(piece, Slot) and piece.name not in few)
        alike.setdefault(many, []).append(key)
    for own, keys in alike.items():
        here = columns["key"].is_in(keys)
        text = _text({key: texts[key] for key in keys}, own, few, columns.filter(here))
        done.append(pl.DataFrame({"at": at.filter(here), "text": text}))
    return pl.concat(done).sort("at")["text"].alias(part)


def _text(
    texts: Mapping[str, Sequence[Piece]], own: Sequence[str], few: Sequence[str], rows: pl.DataFrame
) -> pl.Series:
    """The text of rows in which the same slots stand, one after the other, between what is written once for few values."""
    stretches = {key: _stretches(pieces, few) for key, pieces in texts.items()}
    if len(texts) == 1 and not few:
        between = [pl.lit(_joined(stretch, {})) for each in stretches.values() for stretch in each]
    else:
        values = rows.select("key", *few).unique()
        written = [[_joined(stretch, row) for stretch in stretches[row["key"]]] for row in values.iter_rows(named=True)]
        names = [f"{_BETWEEN}{place}" for place in range(len(own) + 1)]
        values = values.hstack(pl.DataFrame(written, dict.fromkeys(names, pl.String), orient="row"))
        rows = rows.join(values, ["key", *few], "left", nulls_equal=True, maintain_order="left")
        between = [pl.col(name) for name in names]
    places = [place for pair in zip_longest(between, map(pl.col, own)) for place in pair if place is not None]
    # The empty piece of `key` makes it one per row even where no piece is a column.
    return rows.select(text=pl.concat_str([pl.col("key").str.slice(0, 0), *places]))["text"]


def _stretches(pieces: Sequence[Piece], few: Sequence[str]) -> list[list[Piece]]:
    """What stands before, between and behind the slots of which there are many values."""
    stretches: list[list[Piece]] = [[]]
    for piece in pieces:
        if isinstance(piece, Slot) and piece.name not in few:
            stretches.append([])
        else:
            stretches[-1].append(piece)
    return stretches


def _joined(pieces: Sequence[Piece], values: Mapping[str, str | None]) -> str | None:
    """Some pieces with values in their slots; null where one of these is, as Polars has it."""
    texts = [piece if type(piece) is str else values[piece.name] for piece in pieces]  # type: ignore[union-attr]
    try:
        return "".join(texts)  # type: ignore[arg-type]
    except TypeError:  # quicker than to look for it
        return None


def _few(texts: Sequence[Sequence[Piece]], rows: pl.DataFrame) -> list[str]:
    """The slots with few values, where one of them stands in many places: with these words are written once, not row by row."""
    places = Counter(piece.name for pieces in texts for piece in pieces if isinstance(piece, Slot))
    often = {name for name, count in places.items() if count >= _PLACES * len(texts)}
    found = list(places) if often else []
    while found and rows.select("key", *found).n_unique() > min(rows.height // _FEWER, _MOST):
        found.remove(max(found, key=lambda name: rows[name].n_unique()))
    return found if often.intersection(found) else []


_PLACES, _FEWER, _MOST = 4, 8, 1_000
"""To look for values that come again pays for slots in so many places of a text, where rows are so many times as many; and of so
many at the most all texts are held."""
_BETWEEN = "\x1f"


def _check_reserved(texts: Mapping[str, Sequence[Piece]], columns: pl.DataFrame, part: str) -> None:
    used: dict[tuple[str, bool], list[str]] = {}
    for key, pieces in texts.items():
        for slot in {(piece.name, piece.is_html) for piece in pieces if isinstance(piece, Slot)}:
            used.setdefault(slot, []).append(key)
    for (name, is_html), keys in sorted(used.items()):
        if name not in columns.columns:
            hint = "give `fill` its column as `reserved`"
            raise DataError(f"part {part}", f"the slot '{name}' has no column", hint)
        if is_html and not is_words_slot(name):
            values = columns[name].filter(columns["key"].is_in(keys))
            if values.null_count() or values.str.contains_any(list(HTML)).any():
                what = f"a value of '{name}' is missing, or would have to be escaped in HTML"
                raise DataError(f"part {part}", what, "reserved slots hold URLs and codes without & < > \" '")


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
