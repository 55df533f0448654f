"""Quiet hours: times of the day, where a person is, at which nothing is sent to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

if TYPE_CHECKING:
    from collections.abc import Collection

_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_WRITTEN = rf"(hold|drop) from ({_TIME}) until ({_TIME})"
_DAYS_BEFORE, _DAYS = 3, 8
"""As far as is looked for an opening: what is quiet on each of these days is so every day."""


@dataclass(frozen=True)
class Quiet:
    """Hours of the day at which nothing is sent.

    Attributes:
        then: hold: what would go out then waits for their end; drop: it does not go out at all.
        begins, ends: on the clock where the person is; over midnight where `ends` is the earlier one.
    """

    then: Literal["hold", "drop"]
    begins: time
    ends: time


STANDARD = {way: Quiet("hold", time(20), time(8)) for way in ("sms", "push", "call")}
"""Channel -> the quiet hours of marketing unless a setting says otherwise; what lies unread until morning (email) has none.
Source: 47 CFR 64.1200(c)(1) allows calls and texts from 8 a.m. to 9 p.m. where the person is; Florida, Maryland, Oklahoma and
Washington until 8 p.m. only, as does the code of the French operators (AF2M)."""


def read_quiet(text: object) -> Quiet | None:
    """Quiet hours as people write them: `hold from 20:00 until 08:00`, `drop from 22:00 until 07:00`, or `none`.

    Raises:
        ValueError: they are not written like that, or are no part of a day.
    """
    if isinstance(text, Quiet) or text == "none":
        return text if isinstance(text, Quiet) else None
    match = re.fullmatch(_WRITTEN, " ".join(text.split())) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' are no quiet hours | write them as in 'hold from 20:00 until 08:00', or 'none'")
    begins, ends = time.fromisoformat(match[2]), time.fromisoformat(match[4])
    if begins == ends:
        raise ValueError(f"from {match[2]} until {match[4]} is a whole day, or nothing of it | mend one of the times")
    return Quiet("hold" if match[1] == "hold" else "drop", begins, ends)


QuietHours = Annotated[
    Quiet | None,
    BeforeValidator(read_quiet),
    WithJsonSchema(
        {"type": "string", "pattern": f"^({_WRITTEN}|none)$", "examples": ["hold from 20:00 until 08:00", "none"]}
    ),
]


def opening(quiet: Quiet, zones: Collection[str], at: datetime) -> tuple[datetime, datetime] | None:
    """The first stretch of time, of those that end after an instant, that is quiet in none of some time zones.

    Args:
        quiet: the hours.
        zones: IANA names, one at the least.
        at: UTC instant.

    Returns:
        The UTC instants at which it begins and ends; None where it is always quiet in one of them.
    """
    days = [at.date() + timedelta(days=n - _DAYS_BEFORE) for n in range(_DAYS)]
    stretches = sorted(_stretch(quiet, zone, day) for zone in zones for day in days)
    opens = stretches[0][1]
    for begins, ends in stretches:
        if opens < begins and at < begins:
            return opens, begins
        opens = max(opens, ends)
    return None


@cache
def _stretch(quiet: Quiet, zone: str, day: date) -> tuple[datetime, datetime]:
    """The UTC instants at which the quiet hours that begin on a day begin and end.

    A time that the clocks skip or repeat on that day is read in the way that is quiet for longer.
    """
    night = day + timedelta(days=quiet.ends < quiet.begins)
    return min(_readings(day, quiet.begins, zone)), max(_readings(night, quiet.ends, zone))


def _readings(day: date, at: time, zone: str) -> list[datetime]:
    """The instants that a time on the clock may be: two where the clocks are changed over it, else twice the same."""
    local = datetime.combine(day, at, ZoneInfo(zone))
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
