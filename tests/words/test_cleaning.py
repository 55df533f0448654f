from __future__ import annotations

import time
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.words import clean
from flows.words.cleaning import MOST_LOOKED_AT

FAMILY, CODER, RAINBOW, GERMANY, KEYCAP = "👨‍👩‍👧", "👩🏽‍💻", "🏳️‍🌈", "🇩🇪", "1️⃣"

CASES = {
    "a line break in a header": ("Ann\r\nBcc: x@example.com", "Ann Bcc: x@example.com"),
    "other line breaks": ("a\u2028b\u2029c\x0bd\te", "a b c d e"),
    "a turned reading direction": ("\u202eevil\u2066x", "evilx"),
    "invisible characters": ("\ufeffA\u200bn\u00adn\u2060", "Ann"),
    "hidden tags": ("Ann\U000e0041\U000e0042", "Ann"),
    "a null character": ("A\x00nn", "Ann"),
    "characters that are none": ("A\ufdd0nn\uffff", "Ann"),
    "decomposed letters": ("e\u0301", "é"),
    "a tower of accents": ("Z" + "\u0335" * 200, "Z" + "\u0335" * 3),
    "a page for a name": ("x" * 500, "x" * 80),
    "a page of flags": (GERMANY * 100, GERMANY * 80),
    "a page of families": (FAMILY * 100, FAMILY * 80),
    "emoji of several characters": (FAMILY + CODER + RAINBOW + KEYCAP, FAMILY + CODER + RAINBOW + KEYCAP),
    "a joiner that joins nothing": ("a\u200db👍🏽\u200d", "ab👍🏽"),
    "the joiner of Hindi": ("क्\u200dष", "क्\u200dष"),
    "the non-joiner of Persian": ("می\u200cخواهم", "می\u200cخواهم"),
    "Hebrew": ("שלום", "שלום"),
    "spaces at the ends": ("  Ann Bo ", "Ann Bo"),
    "several spaces": ("Ann  Bo \n Cid", "Ann Bo Cid"),
    "nothing but space": (" \n ", ""),
    "what reads like a null": ("NULL", "NULL"),
    "null": (None, None),
}


def cleaned(*texts: str | None) -> list[str | None]:
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(clean(pl.col("text")))["text"].to_list()


@pytest.mark.parametrize(("dirty", "clear"), CASES.values(), ids=CASES.keys())
def test_text_is_made_fit_for_words(dirty: str | None, clear: str | None) -> None:
    assert cleaned(dirty) == [clear]


TOWER = "Z" + "\u0335" * 3
MEGABYTE = 2**20
ENDLESS = {
    "letters": ("x", "", "x" * 80),
    "a tower of accents": ("\u0335", "Ann Z", f"Ann {TOWER}"),
    "a tower of mixed accents": ("\u0327\u0335\u0301", "Z", "\u0179" + "\u0335" * 3),
    "accents on nothing": ("\u0335", "", "\u0335" * 3),
    "decomposed letters": ("e\u0301", "", "é" * 80),
    "families": (FAMILY, "Ann ", "Ann " + FAMILY * 76),
    "flags": (GERMANY, "a", "a" + GERMANY * 79),
    "one emoji joined without end": ("👩\u200d", "Ann ", "Ann"),
    "joiners": ("\u200d", "", ""),
    "invisible characters": ("\u200b", "Ann", "Ann"),
    "words in Persian": ("می\u200cخواهم", "", "می\u200cخواهم" * 10),
}


@pytest.mark.parametrize(("unit", "before", "clear"), ENDLESS.values(), ids=ENDLESS.keys())
def test_a_megabyte_in_a_name_gives_what_its_beginning_gives_and_costs_no_more(
    unit: str, before: str, clear: str
) -> None:
    texts = [f"{before}{unit * (MEGABYTE // len(unit.encode()) + 1)}{number}" for number in range(10)]
    cleaned("\u200b")
    started = time.process_time()
    assert cleaned(*texts, "Bo\u200b", None) == [*[clear] * 10, "Bo", None]
    assert time.process_time() - started < 1


@pytest.mark.parametrize("character", [FAMILY, CODER, RAINBOW, KEYCAP, GERMANY, "e\u0301", "👍🏽"])
def test_no_character_is_halved_where_a_text_without_end_is_cut(character: str) -> None:
    for kept in range(1, len(character)):
        tower = "Z" + "\u0335" * (MOST_LOOKED_AT - kept - 1)
        assert cleaned(f"{tower}{character * 3}{'x' * MOST_LOOKED_AT}") == [TOWER]


@pytest.mark.property
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=120), max_size=20))
def test_cleaned_text_holds_no_controls_and_stays_as_it_is_when_cleaned_again(texts: list[str]) -> None:
    once = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(clean(pl.col("text")))
    for text in once["text"]:
        assert not any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in text)
        assert unicodedata.is_normalized("NFC", text)
    assert once.select(clean(pl.col("text"))).equals(once)
