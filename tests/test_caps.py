"""A cap as people write it, and when its window begins where somebody lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.caps import WINDOWS, Cap, earliest, read_cap, windows, zone_or

ODD = ("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Havana", "America/Santiago", "America/Asuncion",
       "America/Scoresbysund", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe",
       "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Honolulu")  # fmt: skip
"""Time zones whose clocks are changed at midnight, by half an hour, in the other half of the year, or never."""


@pytest.mark.parametrize(
    ("text", "cap", "told"),
    [
        ("3 in 7 days", Cap(3, (), 7, "day"), "3 messages in 7 days"),
        ("1 in 1 day", Cap(1, (), 1, "day"), "1 message in 1 day"),
        ("1 sms in 24 hours", Cap(1, ("sms",), 24, "hour"), "1 sms message in 24 hours"),
        ("  2   push or sms in 1 hour ", Cap(2, ("push", "sms"), 1, "hour"), "2 push or sms messages in 1 hour"),
        ("10 email or push or sms in 366 days", Cap(10, ("email", "push", "sms"), 366, "day"), None),
    ],
)
def test_a_cap_is_read_as_it_is_written_and_told(text, cap, told):
    assert read_cap(text) == cap
    if told:
        assert str(cap) == told


@pytest.mark.parametrize(
    "text",
    ["", "3", "3 per week", "3 in 7", "3 in days", "0 in 7 days", "3 in 0 days", "-1 in 7 days", "3 in 1.5 days", "3 in 2 weeks",
     "3 in 7 days in 7 days", "3 sms, push in 7 days", "3 sms or in 7 days", "3 SMS in 7 days", 3, None],
)  # fmt: skip
def test_what_is_no_cap_is_refused_with_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"is no cap \| write it as in '3 in 7 days'"):
        read_cap(text)


@pytest.mark.parametrize("text", ["1 in 367 days", "1 in 8785 hours"])
def test_a_cap_looks_back_a_year_at_most(text):
    with pytest.raises(ValueError, match="looks back further than 366 days"):
        read_cap(text)


@pytest.mark.parametrize(
    ("text", "zone", "at", "since"),
    [
        ("1 in 1 day", "UTC", "2026-11-22T09:00", "2026-11-22T00:00"),
        ("1 in 1 day", "UTC", "2026-11-22T00:00", "2026-11-22T00:00"),
        ("1 in 7 days", "UTC", "2026-11-22T09:00", "2026-11-16T00:00"),
        ("1 in 1 day", "Asia/Tokyo", "2026-11-22T14:59", "2026-11-21T15:00"),
        ("1 in 1 day", "Asia/Tokyo", "2026-11-22T15:00", "2026-11-22T15:00"),
        ("1 in 1 day", "Pacific/Honolulu", "2026-11-22T09:00", "2026-11-21T10:00"),
        # the clocks are put forward, and the day is an hour shorter; put back, and it is longer
        ("1 in 1 day", "Europe/Berlin", "2026-03-29T21:59", "2026-03-28T23:00"),
        ("1 in 2 days", "Europe/Berlin", "2026-03-30T09:00", "2026-03-28T23:00"),
        ("1 in 1 day", "Europe/Berlin", "2026-10-25T22:59", "2026-10-24T22:00"),
        ("1 in 1 day", "Europe/Berlin", "2026-10-25T23:00", "2026-10-25T23:00"),
        # there is no midnight: the day starts at one o'clock
        ("1 in 1 day", "Africa/Cairo", "2026-04-24T09:00", "2026-04-23T22:00"),
        ("1 in 1 day", "Africa/Cairo", "2026-04-23T21:59", "2026-04-22T22:00"),
        # there are two: it starts with the first
        ("1 in 1 day", "America/Havana", "2026-11-01T12:00", "2026-11-01T04:00"),
        ("1 in 1 day", "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00"),
        # a day that never was
        ("1 in 1 day", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
        ("1 in 2 days", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
        ("1 in 3 days", "Pacific/Apia", "2011-12-30T10:00", "2011-12-29T10:00"),
        # hours do not care
        ("1 in 24 hours", "Europe/Berlin", "2026-03-29T21:59", "2026-03-28T21:59:00.000001"),
    ],
)
def test_days_are_of_the_calendar_where_somebody_lives_and_hours_roll(text, zone, at, since):
    found = read_cap(text).since(datetime.fromisoformat(at).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found.astimezone(UTC) == datetime.fromisoformat(since).replace(tzinfo=UTC)


def utc(*parts: int) -> datetime:
    """An instant as the ledger has it."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


CAPS = st.builds(Cap, st.just(1), st.just(()), st.integers(1, 30), st.sampled_from(["day", "hour"]))
CHANGES = st.sampled_from([(2026, 3, 29), (2026, 4, 5), (2026, 4, 24), (2026, 9, 6), (2026, 10, 25), (2026, 11, 1)])
NEARLY = st.timedeltas(timedelta(hours=-2), timedelta(hours=2))


@pytest.mark.property
@pytest.mark.oracle
@given(
    cap=CAPS,
    zone=st.sampled_from(ODD),
    change=CHANGES,
    since=st.timedeltas(-timedelta(days=2), timedelta(days=30)),
    by=NEARLY,
)
def test_what_counts_by_instants_is_what_counts_by_dates(cap, zone, change, since, by):
    """Counted again by the dates on the wall, which know nothing of when a day starts: about where the window should begin."""
    there, at = ZoneInfo(zone), datetime(*change, tzinfo=UTC) + since
    begins = at.astimezone(there).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=cap.length - 1)
    then = (at - timedelta(hours=cap.length) if cap.unit == "hour" else begins.astimezone(UTC)) + by
    if cap.unit == "hour":
        counts = at - then < timedelta(hours=cap.length)
    else:
        counts = (at.astimezone(there).date() - then.astimezone(there).date()).days < cap.length
    assert (then >= cap.since(at, there)) == counts
    assert earliest([cap], at).replace(tzinfo=UTC) <= cap.since(at, there)


def test_the_windows_of_each_time_zone_are_in_the_order_of_the_settings():
    caps = [read_cap("2 sms in 1 day"), read_cap("5 in 2 hours")]
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    found = windows(caps, pl.Series(["UTC", "Asia/Tokyo", "UTC"]), at)
    hours = {"cap": 1, "most": 5, "channels": [], "since": utc(2026, 11, 22, 7, 0, 0, 1)}
    days = {"cap": 0, "most": 2, "channels": ["sms"]}
    rows = [
        ("Asia/Tokyo", [days | {"since": utc(2026, 11, 21, 15)}, hours]),
        ("UTC", [days | {"since": utc(2026, 11, 22)}, hours]),
    ]
    assert_frame_equal(found, pl.DataFrame(rows, WINDOWS, orient="row"))
    assert windows([], pl.Series(["UTC"]), at).rows() == [("UTC", [])]
    assert_frame_equal(windows(caps, pl.Series([], dtype=pl.String), at), WINDOWS.to_frame())


def test_who_has_no_time_zone_or_one_that_nobody_knows_lives_by_the_workspaces():
    given = pl.DataFrame({"time_zone": ["Asia/Tokyo", None, "", "Mars/Olympus", "../UTC", "localtime", "Factory"]})
    found = given.select(zone_or("Europe/Berlin"))["time_zone"].to_list()
    assert found == ["Asia/Tokyo", *["Europe/Berlin"] * 6]


def test_every_time_zone_that_somebody_can_have_is_known_to_polars_too():
    names = pl.DataFrame({"time_zone": sorted(available_timezones())}).select(zone_or("UTC"))["time_zone"].unique()
    at = pl.Series([datetime(2026, 7, 1, tzinfo=UTC)])
    assert names.len() > 400
    for name in names:
        assert at.dt.convert_time_zone(name).dt.date()[0] == at[0].astimezone(ZoneInfo(name)).date()
