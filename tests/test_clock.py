from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flows.clock import Moment, moment, present
from flows.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def at(monkeypatch, instant: str, as_of: date | None = None, zone: ZoneInfo = BERLIN) -> Moment:
    monkeypatch.setenv("JUSTENOUGH_NOW", instant)
    return moment(as_of, zone)


def test_today_is_a_date_in_the_time_zone_of_the_workspace(monkeypatch):
    assert at(monkeypatch, "2026-11-22T23:30:00+00:00").as_of == date(2026, 11, 23)
    assert at(monkeypatch, "2026-11-22T22:30:00+00:00").as_of == date(2026, 11, 22)
    assert at(monkeypatch, "2026-11-22T22:30:00+00:00", zone=ZoneInfo("Pacific/Kiritimati")).as_of == date(2026, 11, 23)


def test_today_now_is_the_present_and_the_day_starts_at_midnight_there(monkeypatch):
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    found = at(monkeypatch, "2026-11-22T10:00:00+01:00")
    assert found == Moment(date(2026, 11, 22), now, now, datetime(2026, 11, 21, 23, tzinfo=UTC))
    assert not found.is_past


def test_for_a_past_day_now_is_its_end_and_the_present_stays(monkeypatch):
    found = at(monkeypatch, "2026-11-22T09:00:00Z", date(2026, 11, 20))
    end = datetime(2026, 11, 20, 23, tzinfo=UTC) - timedelta(microseconds=1)
    assert found == Moment(
        date(2026, 11, 20), end, datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 19, 23, tzinfo=UTC)
    )
    assert found.is_past


@pytest.mark.bad_input(101)
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_days_on_which_the_clocks_change_have_their_own_length(monkeypatch, day, hours):
    found = at(monkeypatch, "2026-11-22T09:00:00Z", day)
    assert found.now - found.starts_at + timedelta(microseconds=1) == timedelta(hours=hours)


def test_a_day_ahead_of_the_clock_is_refused_with_both_days(monkeypatch):
    with pytest.raises(UsageError) as caught:
        at(monkeypatch, "2026-11-22T09:00:00Z", date(2026, 11, 23))
    assert caught.value.what == "2026-11-23 is in the future; today is 2026-11-22"
    assert "JUSTENOUGH_NOW" in caught.value.hint


def test_the_clock_is_the_true_one_unless_it_is_fixed(monkeypatch):
    monkeypatch.delenv("JUSTENOUGH_NOW", raising=False)
    assert abs(present() - datetime.now(UTC)) < timedelta(seconds=5)
    monkeypatch.setenv("JUSTENOUGH_NOW", "2026-11-22T10:00:00+01:00")
    assert present() == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert present().tzinfo is UTC


@pytest.mark.parametrize("value", ["yesterday", "2026-11-22", "2026-11-22T09:00:00", "2026-13-01T00:00:00Z"])
def test_a_fixed_clock_without_its_zone_is_refused(monkeypatch, value):
    monkeypatch.setenv("JUSTENOUGH_NOW", value)
    with pytest.raises(UsageError) as caught:
        present()
    assert (caught.value.where, caught.value.what) == ("JUSTENOUGH_NOW", f"'{value}' is not an instant with a zone")
