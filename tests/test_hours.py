"""Quiet hours as people write them, and the first opening between them, where clocks are changed and where they are not."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.hours import STANDARD, Quiet, opening, read_quiet
from tests.test_caps import ODD

NIGHT = Quiet("hold", time(20), time(8))
NOON = Quiet("hold", time(12), time(14))


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("hold from 20:00 until 08:00", NIGHT),
        ("  drop from  22:30 until 07:15 ", Quiet("drop", time(22, 30), time(7, 15))),
        ("hold from 12:00 until 14:00", NOON),
        ("drop from 00:00 until 23:59", Quiet("drop", time(0), time(23, 59))),
        ("none", None),
    ],
)
def test_quiet_hours_are_read_as_they_are_written(text, quiet):
    assert read_quiet(text) == quiet


@pytest.mark.parametrize(
    "text",
    ["", "20:00-08:00", "hold", "hold from 20:00", "hold from 20 until 8", "hold from 8:00 until 20:00", "None", 1200, None, True,
     "hold from 20:00 until 24:00", "hold from 20:60 until 08:00", "keep from 20:00 until 08:00", "hold from 20:00 to 08:00"],
)  # fmt: skip
def test_what_are_no_quiet_hours_is_refused_with_how_to_write_them(text):
    with pytest.raises(
        ValueError, match=r"are no quiet hours \| write them as in 'hold from 20:00 until 08:00', or 'none'"
    ):
        read_quiet(text)


@pytest.mark.parametrize("at", ["00:00", "20:00"])
def test_hours_that_are_a_whole_day_are_refused(at):
    with pytest.raises(ValueError, match=f"from {at} until {at} is a whole day, or nothing of it"):
        read_quiet(f"hold from {at} until {at}")


def test_marketing_is_quiet_at_night_where_it_makes_a_noise():
    assert STANDARD == {"sms": NIGHT, "push": NIGHT, "call": NIGHT}


@pytest.mark.parametrize(
    ("quiet", "zone", "at", "opens", "closes"),
    [
        # over midnight
        (NIGHT, "UTC", "2026-11-22T07:59", "2026-11-22T08:00", "2026-11-22T20:00"),
        (NIGHT, "UTC", "2026-11-22T08:00", "2026-11-22T08:00", "2026-11-22T20:00"),
        (NIGHT, "UTC", "2026-11-22T19:59", "2026-11-22T08:00", "2026-11-22T20:00"),
        (NIGHT, "UTC", "2026-11-22T20:00", "2026-11-23T08:00", "2026-11-23T20:00"),
        # within a day
        (NOON, "UTC", "2026-11-22T11:59", "2026-11-21T14:00", "2026-11-22T12:00"),
        (NOON, "UTC", "2026-11-22T12:00", "2026-11-22T14:00", "2026-11-23T12:00"),
        # a zone that never changes its clocks, and the two ends of the world
        (NIGHT, "Asia/Kathmandu", "2026-11-22T20:00", "2026-11-23T02:15", "2026-11-23T14:15"),
        (NIGHT, "Pacific/Kiritimati", "2026-11-22T12:00", "2026-11-22T18:00", "2026-11-23T06:00"),
        (NIGHT, "Pacific/Honolulu", "2026-11-22T12:00", "2026-11-22T18:00", "2026-11-23T06:00"),
        # the night in which the clocks are put forward is an hour shorter; back, an hour longer
        (NIGHT, "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T06:00", "2026-03-29T18:00"),
        (NIGHT, "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T07:00", "2026-10-25T19:00"),
        (NIGHT, "America/New_York", "2026-03-08T03:00", "2026-03-08T12:00", "2026-03-09T00:00"),
        (NIGHT, "America/New_York", "2026-11-01T03:00", "2026-11-01T13:00", "2026-11-02T01:00"),
        (NIGHT, "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-03T21:00", "2026-10-04T09:00"),
        (NIGHT, "Australia/Lord_Howe", "2026-04-04T12:00", "2026-04-04T21:30", "2026-04-05T09:30"),
        # the clock skips the time at which the hours end: 02:30 never was, so 03:30, an hour after 01:30 by then
        (Quiet("hold", time(20), time(2, 30)), "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T01:30", "2026-03-29T18:00"),
        (Quiet("hold", time(2, 30), time(8)), "Europe/Berlin", "2026-03-28T22:00", "2026-03-28T07:00", "2026-03-29T00:30"),
        # or has it twice: quiet begins with the first, and ends with the second
        (Quiet("hold", time(20), time(2, 30)), "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T01:30", "2026-10-25T19:00"),
        (Quiet("hold", time(2, 30), time(8)), "Europe/Berlin", "2026-10-24T22:00", "2026-10-24T06:00", "2026-10-25T00:30"),
        (Quiet("hold", time(20), time(1, 45)), "Australia/Lord_Howe", "2026-04-04T12:00", "2026-04-04T15:15", "2026-04-05T09:30"),
        # there is no midnight
        (Quiet("hold", time(20), time(0)), "Africa/Cairo", "2026-04-23T20:00", "2026-04-23T22:00", "2026-04-24T17:00"),
    ],
)  # fmt: skip
def test_the_first_opening_between_quiet_hours_is_found_where_the_person_is(quiet, zone, at, opens, closes):
    assert opening(quiet, {zone}, _utc(at)) == (_utc(opens), _utc(closes))


def test_what_is_quiet_in_either_of_two_zones_is_quiet():
    zones = {"Europe/Berlin", "America/New_York"}
    assert opening(NIGHT, zones, _utc("2026-11-22T09:00")) == (_utc("2026-11-22T13:00"), _utc("2026-11-22T19:00"))


def test_where_it_is_always_quiet_in_one_of_them_nothing_opens():
    assert opening(NIGHT, {"UTC", "Etc/GMT+12"}, _utc("2026-11-22T09:00")) is None


MINUTES = st.integers(0, 366 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n))
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@given(TIMES, TIMES, st.sets(st.sampled_from(ODD), min_size=1, max_size=3), MINUTES)
def test_polars_reads_no_quiet_hour_on_any_clock_within_an_opening_and_only_such_before_it(begins, ends, zones, at):
    if begins == ends:
        return
    quiet = Quiet("hold", begins, ends)
    found = opening(quiet, zones, at)
    until = found[1] if found else at + timedelta(days=2)
    minutes = pl.datetime_range(at, max(until, at + timedelta(days=1)), "1m", eager=True).alias("at").to_frame()
    rows = minutes.with_columns(is_quiet=pl.any_horizontal(_is_quiet(quiet, zone) for zone in zones))
    if found:
        within = rows.filter(pl.col("at") >= max(found[0], at), pl.col("at") < found[1])
        assert not within["is_quiet"].any()
        assert within.height
    before = rows.filter(pl.col("at") < found[0]) if found else rows.filter(pl.col("at") < until)
    # Where the clocks are changed over a time that begins or ends them, hours are quiet for longer, never for less.
    assert before.filter(~pl.col("is_quiet")).height <= 60 * len(zones)


def _is_quiet(quiet: Quiet, zone: str) -> pl.Expr:
    clock = pl.col("at").dt.convert_time_zone(zone).dt.time()
    after, before = clock >= quiet.begins, clock < quiet.ends
    return (after | before) if quiet.ends < quiet.begins else (after & before)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
