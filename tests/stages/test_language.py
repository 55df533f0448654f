"""Nobody is told anything in a language that a help does not speak, or not yet: somebody else's help may win instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from flows.stages.language import spoken
from flows.wording import WordsKey
from tests.stages.making import TODAY, product

if TYPE_CHECKING:
    from datetime import date

EMAIL, SMS = ("email", None), ("sms", None)


def files(*locales: str | None, ways=(EMAIL, SMS)) -> list[WordsKey]:
    return [WordsKey(*way, locale) for way in ways for locale in locales]


def barred(locales, known: list[WordsKey], *people: str | None, as_of: date = TODAY) -> list[str | None]:
    """The locales of those of some people who are not spoken to."""
    rows = pl.DataFrame({"locale": people, "reason": None}, {"locale": pl.String, "reason": pl.String})
    found = spoken(rows, product(locales=locales) if locales else product(), known, "en", as_of)
    assert found["locale"].to_list() == list(people)
    return found.filter(pl.col("reason") == "LOCALE_MISMATCH")["locale"].to_list()


PEOPLE = (None, "en", "en-GB", "de", "de-AT", "fr")


@pytest.mark.parametrize(
    ("locales", "known", "strangers"),
    [
        (None, files(None, "de"), []),
        (None, files("de"), [None, "en", "en-GB", "fr"]),
        (["en", "de"], files(None, "de"), ["fr"]),
        (["en"], files(None, "de"), ["de", "de-AT", "fr"]),
        (["de"], files(None, "de"), [None, "en", "en-GB", "fr"]),
        # de-AT has words of its own, which nobody has listed; and those that are listed are no German's
        (["en", "de"], files(None, "de", "de-AT"), ["de-AT", "fr"]),
        (["de-AT"], files(None, "de", "de-AT"), [None, "en", "en-GB", "de", "fr"]),
        # half a translation is none
        (["en", "de"], [*files(None), *files("de", ways=[EMAIL])], ["de", "de-AT", "fr"]),
        ({"en": "2026-11-01", "de": "2026-11-22"}, files(None, "de"), ["fr"]),
        ({"en": "2026-11-01", "de": "2026-11-23"}, files(None, "de"), ["de", "de-AT", "fr"]),
    ],
)
def test_people_are_spoken_to_in_languages_that_are_live(locales, known, strangers):
    assert barred(locales, known, *PEOPLE) == strangers


def test_what_bars_already_comes_first():
    rows = pl.DataFrame({"locale": ["fr", "fr", "de"], "reason": [None, "CAPPED", None]})
    found = spoken(rows, product(locales=["de"]), files(None, "de"), "en", TODAY)
    assert found["reason"].to_list() == ["LOCALE_MISMATCH", "CAPPED", None]


def test_nobody_is_nobody():
    nobody = pl.DataFrame(schema={"locale": pl.String, "reason": pl.String})
    assert spoken(nobody, product(locales=["de"]), files("de"), "en", TODAY).equals(nobody)
