"""A channel by which somebody has had as many messages as the caps allow is closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.ledger.pressure import HEARD
from flows.schemas import COLUMNS
from flows.stages.pressure import burdened, paced
from tests.stages.making import NOW, product, settings

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WAYS = product(channels={"first_of": ["email", "sms"], "also": ["push", "web"]})


def people(**zones: str | None) -> pl.DataFrame:
    """People of nordtal by their time zones."""
    rows = [(person, "nordtal", person, zone) for person, zone in zones.items()]
    return pl.DataFrame(
        rows, dict.fromkeys(("customer_id", "brand", "person_key", "time_zone"), pl.String), orient="row"
    )


def heard(*messages: tuple) -> pl.DataFrame:
    """Messages of nordtal: to whom, how long ago, and by which channel if not by e-mail."""
    rows = [
        (person, "nordtal", channel[0] if channel else "email", (NOW - ago).replace(tzinfo=None))
        for person, ago, *channel in messages
    ]
    return pl.DataFrame(rows, HEARD, orient="row")


def eligible(*who: str, of=WAYS, reason: str | None = None, **closed: str) -> pl.DataFrame:
    """Candidates of whom nothing but this is in the way, in all and by channel."""
    ways = of.channels.all
    rows = [
        {"person_key": person, "brand": "nordtal", "reason": reason, "detail": "file" if reason == "EXCLUDED" else None}
        | {f"{way}_reason": closed.get(way) for way in ways}
        | {f"{way}_detail": None for way in ways}
        for person in who
    ]
    return pl.DataFrame(rows, dict.fromkeys(rows[0], pl.String))


def left(*messages: tuple, caps: list[str], zone: str | None = "UTC", of=WAYS, at: datetime = NOW, **given) -> dict:
    """What is closed for Ann, channel by channel, and `all` where nothing is left."""
    given_settings = settings(caps=caps, timezone="Europe/Berlin")
    burdens = burdened(people(ann=zone), heard(*messages), given_settings, at)
    rows = eligible("ann", of=of, **given)
    done = paced(rows, burdens, of, given_settings.caps)
    assert done.schema == {**rows.schema, "closed": COLUMNS["closed"].type}
    row = done.row(0, named=True)
    whys = {way: (row[f"{way}_reason"], row[f"{way}_detail"]) for way in of.channels.all}
    closed = [{"channel": way, "reason": why, "detail": detail} for way, (why, detail) in whys.items() if why]
    assert row["closed"] == closed
    found = {way: detail for way, (why, detail) in whys.items() if why == "CAPPED"}
    return found | ({"all": row["detail"]} if row["reason"] == "CAPPED" else {})


def test_below_the_caps_nothing_changes():
    for messages in ([], [("ann", HOUR)], [("bea", HOUR)] * 5):
        burdens = burdened(people(ann="UTC"), heard(*messages), settings(caps=["3 in 7 days"]), NOW)
        done = paced(eligible("ann"), burdens, WAYS, settings(caps=["3 in 7 days"]).caps)
        assert_frame_equal(done.drop("closed"), eligible("ann"))
        assert done["closed"].to_list() == [[]]
    assert left(("ann", HOUR), ("ann", HOUR), caps=[]) == {}


def test_with_as_many_as_the_cap_allows_every_channel_that_sends_is_closed():
    told = "until 2026-11-25 00:00: 2 messages in 7 days"
    assert left(("ann", HOUR), ("ann", 4 * DAY), caps=["2 in 7 days"]) == dict.fromkeys(
        ("email", "sms", "push", "all"), told
    )


def test_a_cap_of_a_channel_leaves_the_next_one_open():
    told = "until 2026-11-23 00:00: 1 email message in 1 day"
    assert left(("ann", HOUR), caps=["1 email in 1 day"]) == {"email": told}
    assert left(("ann", HOUR, "sms"), caps=["1 email in 1 day"]) == {}
    both = left(("ann", HOUR), caps=["1 email or sms in 1 day"])
    assert list(both) == ["email", "sms", "all"]


def test_what_goes_along_needs_room_beside_the_channel_that_carries():
    first = "beside what goes first: "
    assert left(caps=["1 in 1 day"]) == {"push": f"{first}1 message in 1 day"}
    assert left(caps=["2 in 1 day"]) == {}
    assert left(("ann", HOUR), caps=["2 in 1 day"]) == {"push": f"{first}2 messages in 1 day"}
    assert left(caps=["1 push or sms in 1 day"]) == {}  # it goes by e-mail
    one = {"push": f"{first}1 push or sms message in 1 day"}
    assert left(caps=["1 push or sms in 1 day"], email="NO_CONSENT") == one
    along = product(channels={"also": ["push", "email"]})
    assert left(caps=["1 in 1 day"], of=along) == {"email": f"{first}1 message in 1 day"}
    assert left(caps=["1 in 1 day"], of=along, push="UNREACHABLE") == {}
    rows = eligible("ann", "bea").with_columns(came_by=pl.Series(["sms", "email"]))
    caps = settings(caps=["1 push or sms in 1 day"]).caps
    alone = paced(rows, burdened(people(), heard(), settings(), NOW), WAYS, caps)
    assert alone["push_reason"].to_list() == ["CAPPED", None]  # she came in by sms, and goes on by it
    both = left(("ann", HOUR, "push"), caps=["2 in 1 day", "1 push in 1 day"])
    assert both == {"push": "until 2026-11-23 00:00: 1 push message in 1 day"}


def test_what_holds_is_neither_counted_nor_capped():
    only = product(channels={"also": ["web", "ads"]})
    assert left(("ann", HOUR), ("ann", HOUR), caps=["1 in 1 day"], of=only) == {}
    beside = product(channels={"also": ["web", "push"]})
    assert left(("ann", HOUR), caps=["1 in 1 day"], of=beside) == {"push": "until 2026-11-23 00:00: 1 message in 1 day"}
    assert left(caps=["1 in 1 day"], of=beside) == {}


def test_a_service_message_is_never_capped():
    service = product(message_type="service")
    assert left(("ann", HOUR), ("ann", HOUR), caps=["1 in 1 day"], of=service) == {}


def test_what_is_closed_already_keeps_its_reason_and_the_last_open_one_decides():
    found = left(("ann", HOUR), caps=["1 in 1 day"], email="NO_CONSENT")
    assert list(found) == ["sms", "push", "all"]
    assert list(left(("ann", HOUR), caps=["1 in 1 day"], reason="REPEATED")) == ["email", "sms", "push"]
    burdens = burdened(people(ann="UTC"), heard(("ann", HOUR)), settings(caps=["1 in 1 day"]), NOW)
    rows = paced(eligible("ann", reason="EXCLUDED"), burdens, WAYS, settings(caps=["1 in 1 day"]).caps)
    assert rows.select("reason", "detail").row(0) == ("EXCLUDED", "file")


def test_of_several_caps_the_one_that_lasts_longest_is_told_and_of_several_channels_the_one_that_opens_first():
    caps = ["1 in 1 day", "1 in 3 days", "1 sms in 5 days"]
    found = left(("ann", HOUR, "sms"), caps=caps)
    assert found["email"] == found["all"] == "until 2026-11-25 00:00: 1 message in 3 days"
    assert found["sms"] == "until 2026-11-27 00:00: 1 sms message in 5 days"


def test_there_is_room_again_when_the_last_message_too_many_is_out_of_the_window():
    messages = [("ann", 2 * DAY), ("ann", 3 * DAY), ("ann", 5 * DAY)]
    assert left(*messages, caps=["2 in 7 days"])["all"] == "until 2026-11-26 00:00: 2 messages in 7 days"
    found = left(*messages, caps=["3 in 300 hours"])
    assert found["all"] == "until 2026-11-29 21:00: 3 messages in 300 hours"


def test_rolling_hours_end_to_the_microsecond():
    edge = timedelta(microseconds=1)
    assert left(("ann", DAY - edge), caps=["1 in 24 hours"])["all"] == "until 2026-11-22 09:00: 1 message in 24 hours"
    assert "all" not in left(("ann", DAY), caps=["1 in 24 hours"])


def test_a_day_is_that_of_the_person_for_several_time_zones_at_once():
    """Nine in the morning in Greenwich; ten hours before it was eleven at night there, and eight of this morning in Tokyo."""
    zones = {
        "ann": "UTC",
        "bea": "Asia/Tokyo",
        "cid": "Pacific/Honolulu",
        "fay": "America/New_York",
        "dan": "Mars/Olympus",
        "eva": None,
    }
    capped = settings(caps=["1 in 1 day"], timezone="Asia/Tokyo")
    burdens = burdened(people(**zones), heard(*((person, 10 * HOUR) for person in zones)), capped, NOW)
    rows = paced(eligible(*zones), burdens, WAYS, capped.caps)
    told = dict(rows.select("person_key", pl.col("detail").str.slice(6, 10)).iter_rows())
    assert told == {
        "ann": None,
        "bea": "2026-11-23",
        "cid": "2026-11-22",
        "fay": None,
        "dan": "2026-11-23",
        "eva": "2026-11-23",
    }


def test_a_clock_that_is_set_back_loosens_nothing():
    for back in (HOUR, DAY, 3 * DAY, 40 * DAY):
        assert "all" in left(("ann", HOUR), caps=["1 in 1 day"], at=NOW - back)
        assert "all" in left(("ann", HOUR), caps=["1 in 2 hours"], at=NOW - back)


def test_each_brand_has_its_own_caps():
    of_another = heard(("ann", HOUR)).with_columns(brand=pl.lit("seewind"))
    burdens = burdened(people(ann="UTC"), of_another, settings(caps=["1 in 1 day"]), NOW)
    assert paced(eligible("ann"), burdens, WAYS, settings(caps=["1 in 1 day"]).caps)["reason"].to_list() == [None]


SENDING = ["email", "sms", "push"]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    None,
    "Nowhere",
]
CAPS = st.builds(
    lambda most, ways, length, unit: f"{most}{' ' if ways else ''}{' or '.join(ways)} in {length} {unit}s",
    st.integers(1, 4), st.lists(st.sampled_from(SENDING), unique=True, max_size=2), st.integers(1, 9),
    st.sampled_from(["day", "hour"]),
)  # fmt: skip
CHANGES = [
    datetime(2026, month, day, tzinfo=UTC) for month, day in [(3, 29), (4, 5), (4, 24), (10, 25), (11, 1), (11, 22)]
]


@st.composite
def pasts(draw):
    """Some people, what they heard around a day on which clocks are changed somewhere, and when it is."""
    at = draw(st.sampled_from(CHANGES)) + draw(st.timedeltas(-DAY, DAY))
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=4))
    message = st.tuples(st.integers(0, len(zones) - 1), st.timedeltas(-2 * DAY, 9 * DAY), st.sampled_from(SENDING))
    return at, zones, draw(st.lists(message, max_size=12))


@pytest.mark.property
@pytest.mark.oracle
@given(
    past=pasts(),
    caps=st.lists(CAPS, max_size=3, unique=True),
    ways=st.permutations([*SENDING, "web", "ads"]),
    cut=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    shut=st.sets(st.sampled_from([*SENDING, "web"]), max_size=2),
)
def test_every_channel_of_everybody_is_as_a_plain_count_has_it(past, caps, ways, cut, shut):
    """Counted again person by person, in plain Python, by the dates on the wall."""
    at, zones, messages = past
    firsts, along = ways[: cut[0]], ways[cut[0] : cut[0] + cut[1]]
    of = product(channels={"first_of": firsts, "also": along or ([] if firsts else ["web"])})
    who = [f"p{n}" for n in range(len(zones))]
    rows = [(who[n], "nordtal", way, (at - ago).replace(tzinfo=None)) for n, ago, way in messages]
    given_settings = settings(caps=caps, timezone="Europe/Berlin")
    burdens = burdened(
        people(**dict(zip(who, zones, strict=True))), pl.DataFrame(rows, HEARD, orient="row"), given_settings, at
    )
    closed = {way: "NO_CONSENT" for way in shut if way in of.channels.all}
    reason = "NO_CONSENT" if set(of.channels.first_of or of.channels.also) <= set(closed) else None
    done = paced(eligible(*who, of=of, reason=reason, **closed), burdens, of, given_settings.caps)

    def had(person: str, cap: str) -> int:
        zone = zones[who.index(person)]
        there = ZoneInfo(zone if zone in ZONES[:-2] else "Europe/Berlin")
        count = 0
        for heard_by, _, way, then in rows:
            length, left_at = int(cap.split()[-2]), then.replace(tzinfo=UTC)
            days = (at.astimezone(there).date() - left_at.astimezone(there).date()).days
            within = days < length if cap.endswith("days") else at - left_at < timedelta(hours=length)
            count += heard_by == person and within and counts(way, cap)
        return count

    def counts(way: str, cap: str) -> bool:
        named = cap.partition(" in ")[0].split()[1::2]
        return way in SENDING and (not named or way in named)

    for person, row in zip(who, done.iter_rows(named=True), strict=True):
        room = {cap: int(cap.split()[0]) - had(person, cap) for cap in caps}
        expected = dict.fromkeys(of.channels.all) | closed

        def bars(way: str, room=room, expected=expected) -> str | None:
            return expected[way] or ("CAPPED" if any(counts(way, cap) and room[cap] <= 0 for cap in caps) else None)

        expected |= {way: bars(way) for way in of.channels.first_of}
        leaving = [way for way in of.channels.first_of if not expected[way]][:1]
        for way in [*leaving, *of.channels.also]:
            expected[way] = bars(way)
            room |= {cap: left - (counts(way, cap) and not expected[way]) for cap, left in room.items()}
        assert {way: row[f"{way}_reason"] for way in of.channels.all} == expected
        carriers = of.channels.first_of or of.channels.also
        is_capped = reason is None and all(expected[way] for way in carriers)
        assert row["reason"] == ("CAPPED" if is_capped else reason)
