"""Whole texts by column: what is written once for few values is what is written row by row."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import polars as pl
import pytest

from flows.words import filling
from flows.words.creatives import Composed, Creative, Slot
from flows.words.filling import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.words.creatives import Piece

ITEM, NAME, CITY, CODE = Slot("s1", True), Slot("s2", True), Slot("s3", True), Slot("code", True)
MANY = ("Of ", ITEM, ": ") * 5
TEXTS = {
    "long": (*MANY, NAME, " and ", *MANY, NAME, " ", CODE),
    "other": ("Else: ", *MANY, NAME, " then ", *MANY, NAME, "!", CODE),
    "bare": (*MANY, "nobody"),
    "plain": ("Nothing of it.",),
}
ROWS = 96


SHORT = {
    "all": ("To ", NAME, ": ", ITEM, ", ", CITY, "."),
    "some": ("Take ", CITY, "!"),
    "turned": (CITY, " is for ", NAME),
    "twice": (NAME, NAME, " has ", CITY),
    "none": ("Nothing of it.",),
}


def composed(rows: pl.DataFrame, texts: Mapping[str, tuple[Piece, ...]] = TEXTS) -> Composed:
    return Composed(rows, {key: Creative({"text": pieces}) for key, pieces in texts.items()}, {})


def by_row(rows: pl.DataFrame, texts: Mapping[str, tuple[Piece, ...]] = TEXTS) -> list[str | None]:
    """Piece by piece; nothing where a value is missing."""
    found = []
    for row in rows.iter_rows(named=True):
        said = [row[piece.name] if isinstance(piece, Slot) else piece for piece in texts[row["key"]]]
        found.append(None if None in said else "".join(said))
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


@pytest.mark.parametrize("spare", [4, 1, 0])
def test_texts_that_have_some_of_the_same_slots_print_these_and_no_others(rows, spare, monkeypatch):
    """However many of them are put together at once, and whether the value that a row lacks is needed or not."""
    monkeypatch.setattr(filling, "_BLANK", spare)
    keys = list(SHORT)
    lacking = rows.with_columns(
        key=pl.Series([keys[place % 5] for place in range(ROWS)]),
        s1=pl.when(pl.int_range(ROWS) % 7 > 0).then("s1"),
        s2=pl.when(pl.int_range(ROWS) % 11 > 0).then("s2"),
        s3=pl.when(pl.int_range(ROWS) % 13 > 0).then("code"),
    )
    found = fill(composed(lacking, SHORT), "text")
    assert found.to_list() == by_row(lacking, SHORT)
    assert 0 < found.null_count() < ROWS / 4


def test_texts_are_put_together_with_those_that_have_their_slots_in_the_same_order():
    assert filling._layouts(SHORT, []) == {
        ("s2", "s1", "s3"): ["all", "some"],
        ("s2", "s2", "s3"): ["twice"],
        ("s3", "s2"): ["turned"],
        (): ["none"],
    }


def test_who_has_no_value_of_ones_own_gets_the_text_that_is_held_once():
    """Of 1.5 GB that are read nothing near that is held."""
    rows = pl.DataFrame({"key": ["none"] * 15_000})
    text = "It is for everybody. " * 5_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = fill(Composed(rows, {"none": Creative({"text": (text,)})}, {}), "text")
    assert found.str.len_bytes().unique().to_list() == [len(text)]
    assert found[-1] == text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


def test_of_nobody_nothing_is_filled():
    none = pl.DataFrame(
        {"key": [], "s1": [], "s2": [], "code": []}, dict.fromkeys(("key", "s1", "s2", "code"), pl.String)
    )
    assert fill(composed(none), "text").equals(pl.Series("text", [], pl.String))
    assert fill(composed(none, {}), "text").equals(pl.Series("text", [], pl.String))
