"""Two kinds of time: `as_of`, the date that identifies a run, and `now`, the instant by which things fade and expire."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from flows.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Moment:
    """When a run takes place.

    Attributes:
        as_of: the date of the run in the workspace's time zone; part of batch names and decision ids.
        now: UTC instant for fading, freshness and validity; for a past `as_of` the end of that day.
        present: UTC instant at which consent, suppressions and exclusions are read: never in the past.
        starts_at: UTC instant at which the day `as_of` starts in the workspace's time zone.
    """

    as_of: date
    now: datetime
    present: datetime
    starts_at: datetime

    @property
    def is_past(self) -> bool:
        """Whether the run is about a day that is over."""
        return self.now < self.present


def present() -> datetime:
    """The true present in UTC, or what `JUSTENOUGH_NOW` fixes it to (an ISO 8601 instant with its zone).

    Raises:
        UsageError: `JUSTENOUGH_NOW` is not such an instant.
    """
    fixed = os.environ.get("JUSTENOUGH_NOW")
    if not fixed:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(fixed)
    except ValueError:
        instant = datetime.min  # noqa: DTZ901  (has no zone, so the next check refuses it)
    if instant.tzinfo is None:
        raise UsageError(
            "JUSTENOUGH_NOW",
            f"'{fixed}' is not an instant with a zone",
            "write it as 2026-11-22T09:00:00+00:00",
        )
    return instant.astimezone(UTC)


def moment(as_of: date | None, zone: ZoneInfo) -> Moment:
    """The moment of a run for `as_of` (default: today in `zone`).

    Raises:
        UsageError: `as_of` lies in the future of the clock.
    """
    at = present()
    today = at.astimezone(zone).date()
    as_of = as_of or today
    if as_of > today:
        hint = "for a rehearsal set JUSTENOUGH_NOW to an instant of that day"
        raise UsageError("--as-of", f"{as_of} is in the future; today is {today}", hint)
    end = midnight(as_of + timedelta(days=1), zone) - timedelta(microseconds=1)
    return Moment(as_of, min(at, end), at, midnight(as_of, zone))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a day starts: of two midnights the first; where the clocks skip it, the moment they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
