from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from flows.durations import Duration, Share

duration, share = TypeAdapter(Duration), TypeAdapter(Share)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 days", timedelta(days=5)),
        ("1 day", timedelta(days=1)),
        ("36 hours", timedelta(hours=36)),
        ("1.5 hours", timedelta(minutes=90)),
        (" 2 weeks ", timedelta(days=14)),
        ("90 minutes", timedelta(minutes=90)),
        ("0.5 days", timedelta(hours=12)),
        (timedelta(days=3), timedelta(days=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, expected):
    assert duration.validate_python(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "5 dayz",
        "5",
        "days",
        "5days",
        "-5 days",
        "0 days",
        "5 months",
        "5  ",
        "",
        5,
        None,
        True,
        "5 days ago",
        "1e3 days",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match="write a number and minutes, hours, days or weeks, as in '5 days'"):
        duration.validate_python(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5 %", 0.05), ("5%", 0.05), ("12.5 %", 0.125), ("100 %", 1.0), (0.2, 0.2), (0, 0.0), (1, 1.0), (" 5 % ", 0.05)],
)
def test_a_share_is_a_percentage_or_a_number_from_0_to_1(text, expected):
    assert share.validate_python(text) == expected


@pytest.mark.parametrize(
    "text", ["101 %", "-5 %", 1.01, -0.1, 5, True, False, "half", None, "5", float("nan"), float("inf")]
)
def test_what_is_no_share_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match="write a percentage, as in '5 %', or a number from 0 to 1"):
        share.validate_python(text)
