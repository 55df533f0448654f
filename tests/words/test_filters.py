from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from flows.words.filters import LONGEST, TESTS, filters

FILTERS = filters("en")
DAY = dt.date(2026, 11, 22)

CASES = [
    ("capitalize", ["aNN"], "Ann"),
    ("date", [DAY], "22 November"),
    ("date", [dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)], "1 March"),
    ("date", [DAY, "weekday"], "Sunday"),
    ("date", [DAY, "weekday_day_month"], "Sunday 22 November"),
    ("date", [DAY, "full"], "22 November 2026"),
    ("date", [dt.date(999, 1, 2), "iso"], "0999-01-02"),
    ("default", [None, "kit"], "kit"),
    ("default", ["", "kit"], ""),
    ("default", ["", "kit", True], "kit"),
    ("first", [["a", "b"]], "a"),
    ("first", [[]], None),
    ("last", [["a", "b"]], "b"),
    ("last", [[]], None),
    ("join", [["a", None, 1], ", "], "a, , 1"),
    ("length", [["a", "b"]], 2),
    ("lower", ["ÄÖ"], "äö"),
    ("upper", ["straße"], "STRASSE"),
    ("title", ["big o'brien tent"], "Big O'brien Tent"),
    ("trim", [" a "], "a"),
    ("money", [1234.5, "GBP"], "£1,234.50"),
    ("money", [Decimal("1234.5"), "JPY"], "JP¥1,234"),
    ("number", [1234567], "1,234,567"),
    ("number", [1234.5, 2], "1,234.50"),
    ("replace", ["a-b-c", "-", " "], "a b c"),
    ("truncate", ["three season tent", 13], "three season…"),
    ("truncate", ["short", 13], "short"),
    ("truncate", ["unbreakable", 5], "unbr…"),
    ("urlencode", ["a b/ü&"], "a%20b%2F%C3%BC%26"),
]


@pytest.mark.parametrize(("name", "arguments", "wanted"), CASES)
def test_each_filter_prints_what_its_docstring_says(name: str, arguments: list[object], wanted: object) -> None:
    assert FILTERS[name](*arguments) == wanted


def test_every_filter_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(FILTERS)


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"default"}))
def test_what_is_absent_stays_absent(name: str) -> None:
    assert FILTERS[name](None) is None


def test_no_filter_lets_a_text_grow_without_bound() -> None:
    with pytest.raises(ValueError, match="too long"):
        FILTERS["replace"]("a" * 100, "a", "b" * 100 + "c")
    with pytest.raises(ValueError, match="too long"):
        FILTERS["join"](["a"] * 100, "b" * LONGEST)


def test_wrong_types_and_styles_fail() -> None:
    for name, arguments in [
        ("number", ["12"]),
        ("date", [DAY, "soon"]),
        ("date", ["2026"]),
        ("number", [1.5, 99]),
        ("money", ["12", "EUR"]),
        ("money", [12, "EURO"]),
    ]:
        with pytest.raises((TypeError, KeyError, AttributeError, ValueError)):
            FILTERS[name](*arguments)


@pytest.mark.parametrize(
    ("locale", "dates", "numbers"),
    [
        ("en", ["22 November", "Sunday", "Sunday 22 November", "22 November 2026"], ["1,234.50", "1,234"]),
        (
            "en-US",
            ["November 22", "Sunday", "Sunday, November 22", "November 22, 2026"],
            ["1,234.50", "1,234"],
        ),
        (
            "de",
            ["22. November", "Sonntag", "Sonntag, 22. November", "22. November 2026"],
            ["1.234,50", "1.234"],
        ),
        (
            "de-AT",
            ["22. November", "Sonntag", "Sonntag, 22. November", "22. November 2026"],
            ["1.234,50", "1.234"],
        ),
        (
            "sv",
            ["22 november", "söndag", "söndag 22 november", "22 november 2026"],
            ["1\xa0234,50", "1\xa0234"],
        ),
        (
            "de-XK",
            ["22. November", "Sonntag", "Sonntag, 22. November", "22. November 2026"],
            ["1.234,50", "1.234"],
        ),
    ],
)
def test_dates_and_numbers_are_written_as_in_the_language_of_the_file(locale, dates, numbers) -> None:
    spoken = filters(locale)
    assert [spoken["date"](DAY, style) for style in ("day_month", "weekday", "weekday_day_month", "full")] == dates
    assert [spoken["number"](1234.5, 2), spoken["number"](1234)] == numbers
    assert spoken["date"](DAY, "iso") == "2026-11-22"


@pytest.mark.parametrize(
    ("locale", "euros", "yen"),
    [
        ("en", "€1,234.50", "JP¥1,234"),
        ("en-US", "€1,234.50", "¥1,234"),
        ("de", "1.234,50\xa0€", "1.234\xa0¥"),
        ("de-AT", "€\xa01.234,50", "¥\xa01.234"),
        ("fr", "1\u202f234,50\xa0€", "1\u202f234\xa0JPY"),
        ("ja", "€1,234.50", "￥1,234"),
    ],
)
def test_an_amount_is_written_as_in_the_language_of_the_file_and_with_its_currency_s_decimals(
    locale, euros, yen
) -> None:
    money = filters(locale)["money"]
    assert [money(1234.5, "EUR"), money(Decimal("1234.4"), "JPY")] == [euros, yen]


def test_the_tests() -> None:
    assert TESTS["none"](None)
    assert not TESTS["none"]("")
    assert TESTS["even"](2)
    assert TESTS["odd"](1)
