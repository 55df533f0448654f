"""Caps: how many marketing messages of a brand one person gets within some days or hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from flows.clock import midnight

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = timedelta(days=366)
WINDOWS = pl.Schema(
    {
        "time_zone": pl.String(),
        "windows": pl.List(
            pl.Struct(
                {"cap": pl.Int64, "most": pl.Int64, "channels": pl.List(pl.String), "since": pl.Datetime("us")},
            ),
        ),
    }
)
"""For each time zone the caps by their place in the settings: how many messages, of which channels (none: of all), and since
when one counts (UTC without its zone, as the ledger has it)."""

_CAP = re.compile(r"([1-9]\d{0,5})(?: ([a-z]+(?: or [a-z]+)*))? in ([1-9]\d{0,4}) (day|hour)s?")


@dataclass(frozen=True)
class Cap:
    """At most so many marketing messages of a brand to one person, within some time.

    Attributes:
        most: how many.
        channels: the channels of which they are counted, and which it closes; none are all.
        length: of the window, in its unit.
        unit: day, of the calendar where the person lives, today being the last of them; or hour, back from the very moment.
    """

    most: int
    channels: tuple[str, ...]
    length: int
    unit: Literal["day", "hour"]

    def __str__(self) -> str:
        """As it is told: `3 messages in 7 days`, `1 push or sms message in 24 hours`."""
        of = f"{' or '.join(self.channels)} " if self.channels else ""
        return f"{self.most} {of}message{'s' * (self.most > 1)} in {self.length} {self.unit}{'s' * (self.length > 1)}"

    @property
    def window(self) -> timedelta:
        """How long it looks back, an hour more or less where the clocks are changed."""
        return self.length * (timedelta(days=1) if self.unit == "day" else timedelta(hours=1))

    def covers(self, channel: str) -> bool:
        """Whether messages of a channel count, and are capped."""
        return not self.channels or channel in self.channels

    def since(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant of the window that ends at `at`: what left then, or later, counts, and so does what lies ahead."""
        if self.unit == "hour":
            return at - self.window + timedelta.resolution  # after exactly 24 hours a message counts no more
        return midnight(at.astimezone(zone).date() - timedelta(days=self.length - 1), zone)


def read_cap(text: object) -> Cap:
    """A cap as people write it: `3 in 7 days`, `1 sms in 24 hours`, `2 push or sms in 1 day`.

    Raises:
        ValueError: it is not written like that, or looks back further than a year.
    """
    match = _CAP.fullmatch(" ".join(text.split())) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"'{text}' is no cap | write it as in '3 in 7 days', '1 sms in 24 hours', '2 push or sms in 1 day'"
        )
    channels = tuple(match[2].split(" or ")) if match[2] else ()
    cap = Cap(int(match[1]), channels, int(match[3]), "day" if match[4] == "day" else "hour")
    if cap.window > LONGEST:
        raise ValueError(f"'{text}' looks back further than {LONGEST.days} days | choose a shorter time")
    return cap


def read_caps(given: object) -> object:
    """Caps as people write them; an environment variable has them with commas between.

    Raises:
        ValueError: see `read_cap`.
    """
    written = given.split(",") if isinstance(given, str) else given
    if not isinstance(written, list | tuple):
        return given
    return tuple(cap if isinstance(cap, Cap) else read_cap(cap) for cap in written)


def windows(caps: Sequence[Cap], time_zones: pl.Series, at: datetime) -> pl.DataFrame:
    """The windows of some caps as of an instant: `WINDOWS`, a row for each of the time zones.

    Args:
        caps: of the workspace.
        time_zones: as `zone_or` yields them.
        at: UTC instant.
    """
    rows = []
    for name in time_zones.unique().sort():
        starts = [_naive(cap.since(at, ZoneInfo(name))) for cap in caps]
        told = [
            {"cap": place, "most": cap.most, "channels": list(cap.channels), "since": start}
            for place, (cap, start) in enumerate(zip(caps, starts, strict=True))
        ]
        rows.append((name, told))
    return pl.DataFrame(rows, WINDOWS, orient="row")


def earliest(caps: Sequence[Cap], at: datetime) -> datetime:
    """An instant that no window of these caps reaches behind, whatever the time zone; UTC without its zone."""
    return _naive(at - max(cap.window for cap in caps) - timedelta(days=1))


def zone_or(default: str) -> pl.Expr:
    """The column `time_zone`, with the workspace's where a person has none, or one that nobody knows."""
    return pl.when(pl.col("time_zone").is_in(known_zones())).then("time_zone").otherwise(pl.lit(default))


@cache
def known_zones() -> list[str]:
    """The names of all time zones of a place."""
    return sorted(
        available_timezones() - {"Factory", "localtime"}
    )  # these two are of no place, and Polars refuses them


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
