from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.words import clean

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
    "nothing but space": (" \n ", ""),
    "what reads like a null": ("NULL", "NULL"),
    "null": (None, None),
}


@pytest.mark.parametrize(("dirty", "cleaned"), CASES.values(), ids=CASES.keys())
def test_text_is_made_fit_for_words(dirty: str | None, cleaned: str | None) -> None:
    frame = pl.DataFrame({"text": [dirty]}, schema={"text": pl.String})
    assert frame.select(clean(pl.col("text")))["text"].to_list() == [cleaned]


@pytest.mark.property
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=120), max_size=20))
def test_cleaned_text_holds_no_controls_and_stays_as_it_is_when_cleaned_again(texts: list[str]) -> None:
    once = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(clean(pl.col("text")))
    for text in once["text"]:
        assert not any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in text)
        assert unicodedata.is_normalized("NFC", text)
    assert once.select(clean(pl.col("text"))).equals(once)
