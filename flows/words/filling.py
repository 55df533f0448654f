"""Creatives and slots -> whole texts, by column: what many rows have in common is written once, and no row is looked at alone.

Of the slots of a text some have few values: an item, a city. For each combination that occurs, what stands between the other
slots is written once; then a row is put together of these stretches and of its own values. Texts that differ only in which of
such slots they have are put together at once; and who has none of these gets the text itself, which is held once for all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import DataError
from flows.words.creatives import HTML, Slot, is_words_slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.words.creatives import Composed, Piece


def fill(composed: Composed, part: str, reserved: pl.DataFrame | None = None) -> pl.Series:
    """The whole text of a part for each row.

    Args:
        composed: rows and creatives.
        part: the part's name, which is the name of the series, too.
        reserved: columns for reserved slots, in the order of `composed.rows`.

    Returns:
        The texts (String); null where the value of a slot is missing that the row's creative has.

    Raises:
        DataError: a reserved slot has no column, or a value that would have to be escaped in HTML.
    """
    columns = composed.rows if reserved is None else pl.concat([composed.rows, reserved], how="horizontal")
    texts = {key: creative.parts[part] for key, creative in composed.creatives.items()}
    _check_reserved(texts, columns, part)
    values = _values(texts, columns)
    few = values.columns[1:]
    which = _which(values, columns)
    rows = columns.with_columns(pl.int_range(len(columns)).alias(_AT), which)
    done = [pl.DataFrame({_AT: [], "text": []}, {_AT: pl.Int64, "text": pl.String})]
    for layout, keys in _layouts(texts, few).items():
        is_mine = values["key"].is_in(keys)
        here = rows.select(_AT, _WHICH, *set(layout)).filter(is_mine.gather(rows[_WHICH]))
        mine = values.filter(is_mine)
        among = (is_mine.cum_sum() - 1).gather(here[_WHICH])
        laid = {key: _Laid(texts[key], few, layout) for key in keys}
        # One after the other: the places cost nothing to take along, and a thread for them does.
        done.append(here.select_seq(_AT, text=_text(laid, layout, mine, among)))
    return pl.concat(done).sort(_AT)["text"].alias(part)


def _which(values: pl.DataFrame, columns: pl.DataFrame) -> pl.Series:
    """The place among the different values of those of each row."""
    if values.width == 1:
        return columns["key"].cast(pl.Enum(values["key"])).to_physical().alias(_WHICH)
    rows, numbered = columns.select(values.columns), values.with_row_index(_WHICH)
    return rows.join(numbered, on=values.columns, how="left", nulls_equal=True, maintain_order="left")[_WHICH]


def _layouts(texts: Mapping[str, Sequence[Piece]], few: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """The slots with many values, in the order in which they stand -> keys of texts that have them so, or some of them."""
    slots = {key: [piece.name for piece in pieces if isinstance(piece, Slot)] for key, pieces in texts.items()}
    own = {key: [name for name in names if name not in few] for key, names in slots.items()}
    found: dict[tuple[str, ...], list[str]] = {}
    for key, names in sorted(own.items(), key=lambda item: -len(item[1])):
        layout = next((layout for layout in found if _is_within(names, layout)), tuple(names))
        found.setdefault(layout, []).append(key)
    return found


def _is_within(names: Sequence[str], layout: Sequence[str]) -> bool:
    rest = iter(layout)
    return len(layout) - len(names) <= (_BLANK if names else 0) and all(name in rest for name in names)


class _Laid:
    """A text in a layout: what stands before, between and behind its places, and which of these places it uses."""

    def __init__(self, pieces: Sequence[Piece], few: Sequence[str], layout: Sequence[str]) -> None:
        self.stretches: list[list[Piece]] = [[]]
        self.uses: list[bool] = []
        places = iter(layout)
        for piece in pieces:
            if isinstance(piece, str) or piece.name in few:
                self.stretches[-1].append(piece)
            else:
                self._leave(places, until=piece.name)
        self._leave(places, until=None)

    def _leave(self, places: Iterator[str], until: str | None) -> None:
        """Leave places blank, until there is one of this name."""
        for name in places:
            self.stretches.append([])
            self.uses.append(name == until)
            if name == until:
                break


def _text(laid: Mapping[str, _Laid], layout: Sequence[str], values: pl.DataFrame, among: pl.Series) -> pl.Expr:
    """The text of rows of one layout, where `among` is the place of each row's values among the different ones."""
    rows = [(laid[row["key"]], row) for row in values.iter_rows(named=True)]
    written = [[_joined(stretch, row) for stretch in text.stretches] for text, row in rows]
    between = [[texts[place] for texts in written] for place in range(len(layout) + 1)]
    if not layout:
        return pl.lit(_each(between[0], among))
    places = _common(between[0], among)
    for place, name in enumerate(layout):
        is_used = pl.Series([text.uses[place] for text, _ in rows], dtype=pl.Boolean)
        own = pl.col(name)
        places.append(own if is_used.all() else pl.when(is_used.gather(among)).then(own).otherwise(pl.lit("")))
        places += _common(between[place + 1], among)
    return pl.concat_str(places)


def _common(texts: Sequence[str | None], among: pl.Series) -> list[pl.Expr]:
    """What stands in a place for each row: a constant where it is the same for all, and nothing where that is blank."""
    first = texts[0] if texts else ""
    if first is not None and all(text == first for text in texts):
        return [pl.lit(first)] if first else []
    return [pl.lit(_each(texts, among))]


def _each(texts: Sequence[str | None], among: pl.Series) -> pl.Series:
    """Of some texts that of each row: they are held once."""
    return pl.Series("text", texts, dtype=pl.String).gather(among)


def _joined(pieces: Sequence[Piece], values: Mapping[str, str | None]) -> str | None:
    """Some pieces with values in their slots; null where one of these is, as Polars has it."""
    texts = [piece if type(piece) is str else values[piece.name] for piece in pieces]  # type: ignore[union-attr]
    try:
        return "".join(texts)  # type: ignore[arg-type]
    except TypeError:  # quicker than to look for it
        return None


def _values(texts: Mapping[str, Sequence[Piece]], rows: pl.DataFrame) -> pl.DataFrame:
    """The different values for which words are written once: keys; and slots with few values, where one stands in many places."""
    places = Counter(piece.name for pieces in texts.values() for piece in pieces if isinstance(piece, Slot))
    often = {name for name, count in places.items() if count >= _PLACES * len(texts)}
    most = min(rows.height // _FEWER, _MOST)
    counts = {name: rows[name].n_unique() for name in places} if often else {}
    few = [name for name, count in counts.items() if count <= most]
    while often.intersection(few):
        values = rows.select("key", *few).unique()
        if len(values) <= most:
            return values
        few.remove(max(few, key=lambda name: counts[name]))
    return pl.DataFrame({"key": list(texts)}, {"key": pl.String})


_PLACES, _FEWER, _MOST = 4, 8, 1_000
"""To look for values that come again pays for slots in so many places of a text, where rows are so many times as many; and of so
many at the most all texts are held."""
_BLANK = 4
"""So many places of a layout may a text leave blank: each is looked at in each row."""
_AT, _WHICH = "\x1fat", "\x1fwhich"


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
