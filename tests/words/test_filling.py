"""Whole texts by column: what is written once for few values is what is written row by row."""

from __future__ import annotations

import polars as pl
import pytest

from flows.words import filling
from flows.words.creatives import Composed, Creative, Slot
from flows.words.filling import fill

ITEM, NAME, CODE = Slot("s1", True), Slot("s2", True), Slot("code", True)
MANY = ("Of ", ITEM, ": ") * 5
TEXTS = {
    "long": (*MANY, NAME, " and ", *MANY, NAME, " ", CODE),
    "other": ("Else: ", *MANY, NAME, " then ", *MANY, NAME, "!", CODE),
    "bare": (*MANY, "nobody"),
    "plain": ("Nothing of it.",),
}
ROWS = 96


def composed(rows: pl.DataFrame) -> Composed:
    return Composed(rows, {key: Creative({"text": pieces}) for key, pieces in TEXTS.items()}, {})


def by_row(rows: pl.DataFrame) -> list[str | None]:
    """Piece by piece; nothing where a value is missing."""
    found = []
    for row in rows.iter_rows(named=True):
        texts = [row[piece.name] if isinstance(piece, Slot) else piece for piece in TEXTS[row["key"]]]
        found.append(None if None in texts else "".join(texts))
    return found


@pytest.fixture
def rows() -> pl.DataFrame:
    """Three items, and a name of each one's own."""
    keys = ["long", "other", "plain", "bare"]
    return pl.DataFrame(
        {
            "key": [keys[place % 4] for place in range(ROWS)],
            "s1": [("tent", "stove", None)[place % 3] for place in range(ROWS)],
            "s2": [f"Ann {place}" for place in range(ROWS)],
            "code": [f"c{place}" for place in range(ROWS)],
        }
    )


def test_a_text_that_prints_few_values_in_many_places_is_what_it_is_row_by_row(rows):
    own = rows.drop("code")
    assert fill(composed(own), "text", rows.select("code")).to_list() == by_row(rows)


def test_values_that_are_each_ones_own_are_not_looked_for(rows, monkeypatch):
    written = []
    monkeypatch.setattr(filling, "_joined", lambda pieces, values: written.append(values) or "")
    fill(composed(rows), "text")
    items = {(row["key"], row["s1"]) for row in written if row}
    assert items == set(rows.select("key", "s1").iter_rows())
    assert {name for row in written for name in row} == {"key", "s1"}


def test_of_more_values_than_are_held_texts_are_written_row_by_row(rows, monkeypatch):
    monkeypatch.setattr(filling, "_MOST", 8)
    assert fill(composed(rows), "text").to_list() == by_row(rows)
    assert filling._values(TEXTS, rows).columns == ["key"]


def test_a_reserved_slot_that_only_some_words_have_may_lack_where_others_stand(rows):
    lacking = rows.with_columns(code=pl.when(pl.col("key").is_in(["long", "other"])).then("code"))
    assert fill(composed(lacking), "text").to_list() == by_row(lacking)
