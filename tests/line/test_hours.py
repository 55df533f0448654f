"""Nothing leaves in hours that are quiet where a person is: in the plan, again when it is delivered, and in what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows import line
from flows.counts import Held
from flows.errors import SettingError
from flows.pages.artifacts import plan_page
from flows.pages.sentences import by_hours
from tests.tiny import MORNING, make

NIGHT = datetime(2026, 11, 22, 21, tzinfo=UTC)
ZONES = {"c06": "Europe/Berlin", "c21": "Asia/Kathmandu", "c22": "Mars/Olympus"}


@pytest.fixture(scope="module")
def _by_sms(tmp_path_factory):
    people = [
        ("c01", "north", "ann@x.example.com", None, "Ann", "tent", 3.0),
        *((who, "north", None, f"+49151123456{who[1:]}", "Fay", "rope", 3.0) for who in ZONES),
    ]
    late = [("c06", "north", "o61", "tent", 4)]
    tiny = make(tmp_path_factory.mktemp("hours") / "tiny", brands=["north"], people=people, late=late)
    tiny.warehouse("ALTER TABLE people ADD COLUMN time_zone VARCHAR")
    for who, zone in ZONES.items():
        tiny.warehouse(f"UPDATE people SET time_zone = '{zone}' WHERE customer_id = '{who}'")
    tiny.edit("sql/customers.sql", "phone", "phone, time_zone")
    tiny.set(timezone="Europe/Berlin")
    return tiny


@pytest.fixture
def tiny(_by_sms, tmp_path):
    """By SMS c06 (in Berlin; a late order, too), c21 (in Kathmandu, with a German number) and c22 (nobody knows where)."""
    return _by_sms.copy(tmp_path / "tiny")


def hours(tiny) -> dict[tuple[str, str], tuple[str, str]]:
    """Customer and text -> when each may be sent, of all text messages in the outbox."""
    rows = [row for batch in tiny.batches() if batch.target == "sms_file" for row in batch.rows]
    return {
        (row["customer_id"], "late" if "is late" in row["body"] else "care"): (row["not_before"], row["not_after"])
        for row in rows
    }


def test_text_messages_wait_for_the_morning_and_the_plan_says_so_in_a_line_for_each_channel(tiny):
    done = tiny.run(at=NIGHT)
    assert hours(tiny) == {
        ("c06", "late"): ("2026-11-21T23:00:00Z", "2026-11-23T23:00:00Z"),  # news of an order do not wait
        ("c21", "care"): ("2026-11-23T07:00:00Z", "2026-11-23T14:15:00Z"),
        ("c22", "care"): ("2026-11-23T07:00:00Z", "2026-11-23T19:00:00Z"),
    }
    (mail,) = (row for batch in tiny.batches() if batch.target == "email_file" for row in batch.rows)
    assert [mail[name] for name in ("not_before", "not_after", "valid_until")] == [
        "2026-11-21T23:00:00Z",
        "2026-11-26T23:00:00Z",
        "2026-11-26T23:00:00Z",
    ]
    morning = datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert done.plan.held == (Held(channel="sms", messages=2, since=morning, until=morning),)
    assert done.plan.strange_zones == 1
    lines = [
        "2 sms are held for the quiet hours where people are, until 2026-11-23 07:00 UTC.",
        "1 people have a time zone that nobody knows; the setting `timezone` holds for them.",
    ]
    assert by_hours(done.plan) == lines
    assert all(line in plan_page(done.plan, workspace="tiny") for line in lines)


@pytest.mark.slow
def test_a_run_writes_the_same_bytes_at_every_minute_of_an_opening(tiny, tmp_path):
    found = []
    for minutes in (0, 299):  # the one in Kathmandu may be told until 14:15
        there = tiny.copy(tmp_path / str(minutes))
        there.run(at=MORNING + timedelta(minutes=minutes))
        found.append([(batch.name, batch.payload) for batch in there.batches()])
    assert found[0] == found[1]
    assert found[0]


def test_a_plan_of_the_day_that_is_delivered_at_night_is_held_by_then(tiny):
    planned = tiny.plan(at=MORNING)
    assert planned.held == ()
    tiny.deliver(planned.order.run_id, at=NIGHT)
    assert {when for (_, text), when in hours(tiny).items() if text == "care"} == {
        ("2026-11-23T07:00:00Z", "2026-11-23T14:15:00Z"),
        ("2026-11-23T07:00:00Z", "2026-11-23T19:00:00Z"),
    }


@pytest.mark.slow
def test_what_may_not_wait_is_dropped_in_the_plan_and_counted(tiny):
    tiny.edit(
        "templates/care/product.yaml", "once_every:", "quiet_hours: {sms: drop from 20:00 until 08:00}\nonce_every:"
    )
    done = tiny.run(at=NIGHT)
    assert done.plan.deliveries["marketing"].reasons == {"STALE_CONTEXT": 2}
    assert list(hours(tiny)) == [("c06", "late")]


@pytest.mark.slow
def test_what_may_not_wait_is_dropped_from_a_plan_that_is_delivered_at_night(tiny):
    tiny.edit(
        "templates/care/product.yaml", "once_every:", "quiet_hours: {sms: drop from 20:00 until 08:00}\nonce_every:"
    )
    tiny.set(tolerated_share=1.0)
    done = tiny.deliver(tiny.plan(at=MORNING).order.run_id, at=NIGHT)
    assert {batch.target: batch.dropped for batch in done.published}["sms_file"] == {"STALE_CONTEXT": 2}
    assert list(hours(tiny)) == [("c06", "late")]


@pytest.mark.slow
def test_a_message_that_is_true_no_longer_in_the_morning_is_not_held(tiny):
    tiny.edit("templates/care/product.yaml", "valid_for: 5 days", "valid_for: 24 hours")
    done = tiny.run(at=NIGHT)
    assert done.plan.deliveries["marketing"].reasons == {"STALE_CONTEXT": 2}
    details = {way["detail"] for who in ("c21", "c22") for way in line.explain(tiny.load(), who).deliveries}
    assert details - {None} == {
        "it would have to wait until 2026-11-23 12:45 (Asia/Kathmandu), and is over by then",
        "it would have to wait until 2026-11-23 08:00 (Europe/Berlin), and is over by then",
    }


def test_where_a_platform_takes_no_time_its_files_are_cut_by_it_and_named(tiny):
    tiny.edit("pyproject.toml", 'sms = "sms_file"', 'sms = "twilio"')
    tiny.run(at=NIGHT)
    (batch,) = (seen for seen in tiny.batches() if seen.target == "twilio")
    told = {entry["name"]: (entry["rows"], entry.get("hours")) for entry in batch.manifest["files"]}
    assert told == {
        "recipients-0001.ndjson": (1, None),
        "recipients-20261123T070000Z-20261123T141500Z-0001.ndjson": (1, "2026-11-23T07:00:00Z/2026-11-23T14:15:00Z"),
        "recipients-20261123T070000Z-20261123T190000Z-0001.ndjson": (1, "2026-11-23T07:00:00Z/2026-11-23T19:00:00Z"),
    }
    assert set(batch.payload) == set(told)
    assert all(set(row) == {"_mode", "To", "From", "Body", "ValidityPeriod", "message_id"} for row in batch.rows)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('north = {sms = "hold from 20:00 until 20:00"}', "north.sms: from 20:00 until 20:00 is a whole day, or nothing of it"),
        ('nort = {sms = "none"}', "'nort' is no brand of this workspace"),
        ('default = {web = "none"}', "nothing is sent by 'web', so it has no quiet hours"),
        ('default = {sms = 8}', "default.sms: '8' are no quiet hours"),
    ],
)  # fmt: skip
def test_quiet_hours_that_make_no_sense_are_refused_with_their_place(tiny, table, said):
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        f"[tool.justenough.quiet_hours]\n{table}\n\n[tool.justenough.crowd]",
    )
    with pytest.raises(SettingError) as refused:
        tiny.load()
    assert said in str(refused.value)
