"""When a message may be sent: quiet hours where the person lives, or where the number is; held, or dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.hours import read_quiet
from flows.schemas import INSTANT
from flows.stages.timing import quiet_hours, strange_zones, timed
from tests.stages.making import product, settings

START = datetime(2026, 11, 22, tzinfo=UTC)
LATE = datetime(2026, 11, 22, 22, tzinfo=UTC)
BERLIN, NEW_YORK, LONDON = "+493012345678", "+12125550123", "+442071234567"
WAYS = {"channels": {"first_of": ["push", "sms", "email"], "also": ["web"]}}


def routed(*rows: dict) -> pl.DataFrame:
    usual = {"customer_id": "c", "product": "care_guide", "brand": "nordtal", "channel": "sms", "address": LONDON,
             "time_zone": "Europe/London", "valid_until": START + timedelta(days=2), "reason": None}  # fmt: skip
    schema = {**dict.fromkeys(usual, pl.String), "valid_until": INSTANT}
    return pl.DataFrame([usual | {"customer_id": f"c{n}"} | row for n, row in enumerate(rows)], schema)


def told(frame: pl.DataFrame) -> list[tuple]:
    """When each may be sent, and what bars it, in the order of the rows."""
    form = "%d %H:%M"
    return frame.select(pl.col("not_before").dt.strftime(form), pl.col("not_after").dt.strftime(form), "reason").rows()


def time(*rows: dict, at: datetime = LATE, product=None, settings=None) -> list[tuple]:
    return told(timed(routed(*rows), {"care_guide": product or _product()}, settings or _settings(), at, START))


def _product(**changes):
    return product(**(WAYS | changes))


def _settings(**quiet):
    return settings(timezone="Europe/Berlin", **quiet)


def test_what_would_arrive_at_night_is_held_until_the_morning_where_the_person_lives():
    rows = [{"time_zone": "Europe/London"}, {"time_zone": "Europe/Berlin", "address": BERLIN}, {"channel": "push", "address": "t",
             "time_zone": "Asia/Kolkata"}]  # fmt: skip
    assert time(*rows) == [
        ("23 08:00", "23 20:00", None),
        ("23 07:00", "23 19:00", None),
        ("23 02:30", "23 14:30", None),
    ]


def test_an_opening_is_the_same_at_each_of_its_minutes_and_begins_no_sooner_than_the_run_s_day():
    first = [time({}, at=START + timedelta(hours=8)), time({}, at=START + timedelta(hours=19, minutes=59))]
    assert first == [[("22 08:00", "22 20:00", None)]] * 2
    honolulu = {"time_zone": "Pacific/Honolulu", "channel": "push"}
    assert time(honolulu, at=START + timedelta(hours=1)) == [("22 00:00", "22 06:00", None)]


def test_where_no_hours_are_quiet_a_message_may_be_sent_as_long_as_it_is_true():
    assert time({"channel": "email", "address": "ann@example.com"}) == [("22 00:00", "24 00:00", None)]


def test_what_holds_has_no_hours():
    assert time({"channel": "web", "address": "c1"}) == [(None, None, None)]


def test_what_is_true_no_longer_in_the_morning_is_dropped_and_so_is_what_may_not_wait():
    short = {"valid_until": START + timedelta(hours=32)}
    longer = {"valid_until": START + timedelta(hours=32, minutes=1)}
    assert time(short, longer) == [("23 08:00", "23 08:00", "STALE_CONTEXT"), ("23 08:00", "23 08:01", None)]
    drops = _product(quiet_hours={"sms": "drop from 20:00 until 08:00"})
    assert [row[2] for row in time({}, {"reason": "NO_CONSENT"}, product=drops)] == ["STALE_CONTEXT", "NO_CONSENT"]
    assert time({}, product=drops, at=START + timedelta(hours=9)) == [("22 08:00", "22 20:00", None)]


def test_what_may_not_wait_says_until_when_it_would_have_to_where_the_person_is():
    rows = routed(
        {"valid_until": START + timedelta(hours=32)},
        {"time_zone": "Europe/Berlin", "address": NEW_YORK, "valid_until": START + timedelta(hours=30)},
        {"time_zone": "Asia/Kolkata", "channel": "push"},
        {"time_zone": "Asia/Kolkata", "channel": "push", "reason": "NO_CONSENT"},
        {},
    )
    drops = _product(quiet_hours={"push": "drop from 20:00 until 08:00"})
    assert timed(rows, {"care_guide": drops}, _settings(), LATE, START)["detail"].to_list() == [
        "it would have to wait until 2026-11-23 08:00 (Europe/London), and is over by then",
        "it would have to wait until 2026-11-23 14:00 (Europe/Berlin), and is over by then",
        "it would have to wait until 2026-11-23 08:00 (Asia/Kolkata), and may not",
        None,
        None,
    ]
    capped = rows.with_columns(reason=pl.lit("CAPPED"), detail=pl.lit("until then"))
    again = timed(capped, {"care_guide": drops}, _settings(), LATE, START)
    assert again["detail"].unique().to_list() == ["until then"]


@pytest.mark.bad_input(38)
def test_quiet_is_what_is_quiet_where_the_person_lives_or_where_the_number_is():
    rows = [
        {
            "time_zone": "Europe/Berlin",
            "address": NEW_YORK,
        },  # until nine at night in Berlin it is not eight in New York
        {"time_zone": "America/New_York", "address": NEW_YORK},
        {"time_zone": "America/Los_Angeles", "address": NEW_YORK},
        {"time_zone": "America/Denver", "address": NEW_YORK, "channel": "push"},  # no number
        {"time_zone": "Asia/Tokyo", "address": NEW_YORK},
    ]
    assert time(*rows) == [
        ("23 13:00", "23 19:00", None),
        ("22 13:00", "23 01:00", None),
        ("22 16:00", "23 01:00", None),
        ("22 15:00", "23 03:00", None),
        ("22 23:00", "23 01:00", None),
    ]


def test_a_number_that_can_be_in_the_zone_of_its_owner_is_there_and_one_that_can_be_anywhere_is_nowhere():
    russian = {"address": "+79161234567", "time_zone": "Asia/Vladivostok"}
    freephone = {"address": "+18005550123", "time_zone": "Europe/London"}
    assert time(russian, freephone, at=START + timedelta(hours=12)) == [
        ("22 22:00", "23 10:00", None),
        ("22 08:00", "22 20:00", None),
    ]


def test_where_it_is_always_quiet_in_one_of_two_places_nothing_is_sent():
    rows, always = routed({"time_zone": "Asia/Tokyo", "address": NEW_YORK}), "hold from 17:00 until 08:00"
    found = timed(rows, {"care_guide": _product()}, _settings(quiet_hours={"default": {"sms": always}}), LATE, START)
    what = "it is always quiet where they are, or where their number is"
    assert found.select("reason", "detail").rows() == [("STALE_CONTEXT", what)]


def test_who_has_no_zone_or_one_that_nobody_knows_is_where_the_setting_says_and_the_latter_are_counted():
    rows = routed({"time_zone": None, "channel": "push"}, {"time_zone": "Europe/Bärlin", "channel": "push"},
                  {"time_zone": "Factory", "channel": "push"}, {"customer_id": "c1", "channel": "sms", "time_zone": "Mars"},
                  {"time_zone": "UTC"})  # fmt: skip
    found = timed(rows, {"care_guide": _product()}, _settings(), LATE, START)
    assert told(found)[:3] == [("23 07:00", "23 19:00", None)] * 3
    assert strange_zones(rows, _settings()) == 2


def test_the_rows_stay_as_they_are_and_in_their_order():
    rows = routed(*({"time_zone": zone} for zone in ("UTC", "Asia/Tokyo", "Europe/Berlin", "UTC", None)))
    found = timed(rows, {"care_guide": _product()}, _settings(), LATE, START)
    assert_frame_equal(found.drop("not_before", "not_after", "detail"), rows)
    assert_frame_equal(timed(found, {"care_guide": _product()}, _settings(), LATE, START), found)
    nobody = timed(rows.clear(), {"care_guide": _product()}, _settings(), LATE, START)
    assert nobody.schema == found.schema


@pytest.mark.parametrize(
    ("own", "of_settings", "kind", "hours"),
    [
        ({}, {}, "marketing", "hold from 20:00 until 08:00"),
        ({}, {}, "service", "none"),
        ({}, {"default": {"sms": "none"}}, "marketing", "none"),
        ({}, {"default": {"sms": "none"}, "nordtal": {"sms": "drop from 21:00 until 09:00"}}, "marketing",
         "drop from 21:00 until 09:00"),
        ({}, {"nordtal": {"push": "none"}}, "marketing", "hold from 20:00 until 08:00"),
        ({"sms": "none"}, {"nordtal": {"sms": "drop from 21:00 until 09:00"}}, "marketing", "none"),
        ({"sms": "hold from 22:00 until 06:00"}, {}, "service", "hold from 22:00 until 06:00"),
        ({"push": "hold from 22:00 until 06:00"}, {"default": {"sms": "hold from 21:00 until 07:00"}}, "service", "none"),
    ],
)  # fmt: skip
def test_hours_are_the_product_s_own_else_for_marketing_the_brand_s_else_everybody_s_else_the_standard(
    own, of_settings, kind, hours
):
    help_ = _product(quiet_hours=own, message_type=kind)
    assert quiet_hours(help_, "nordtal", "sms", settings(quiet_hours=of_settings)) == read_quiet(hours)


def test_email_is_never_quiet_unless_somebody_says_so():
    assert quiet_hours(_product(), "nordtal", "email", settings()) is None
    said = settings(quiet_hours={"default": {"email": "hold from 22:00 until 06:00"}})
    assert quiet_hours(_product(), "nordtal", "email", said) == read_quiet("hold from 22:00 until 06:00")
