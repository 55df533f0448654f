"""Durations and shares as people write them: `5 days`, `36 hours`, `5 %`."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s+(minute|hour|day|week)s?")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise ValueError("this is not a duration | write a number and minutes, hours, days or weeks, as in '5 days'")
    return float(match[1]) * _UNITS[match[2]]


def _share(value: object) -> object:
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    number = float(match[1]) / (100 if match[2] else 1) if match else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError("this is not a share | write a percentage, as in '5 %', or a number from 0 to 1")
    return float(number)


_DURATION_SHAPE = {
    "type": "string",
    "pattern": r"^(?!0+(\.0+)?\s)\d+(\.\d+)?\s+(minute|hour|day|week)s?$",
    "examples": ["36 hours", "5 days"],
}
SHARE_SHAPE: dict[str, list[object]] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^((100(\.0+)?|\d{1,2}(\.\d+)?)\s*%|0(\.\d+)?|1(\.0+)?)$"},
    ],
    "examples": ["50 %"],
}

Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema(_DURATION_SHAPE)]
Share = Annotated[float, BeforeValidator(_share), WithJsonSchema(SHARE_SHAPE)]


def whole_days(time: timedelta) -> timedelta:
    """Up to the next whole day, since a repetition is counted in dates."""
    return timedelta(days=math.ceil(time / timedelta(days=1)))


def spoken(duration: timedelta) -> str:
    """A duration in the words of people, rounded: `36 hours`, `5 days`."""
    hours = duration / timedelta(hours=1)
    count, unit = (hours, "hour") if hours < 48 else (hours / 24, "day")
    return f"{count:.0f} {unit}{'' if round(count) == 1 else 's'}"
