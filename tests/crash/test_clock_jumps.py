"""Clocks that jump a day, and nights in which an hour comes twice or never: nobody hears twice for it, and nothing is kept
longer. Where the program asks the system what time it is, faketime answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.errors import PlanError
from tests.crash.killing import MAIL, WEB, Consumer, killed
from tests.tiny import MORNING, day, make

ROOT = Path(__file__).parents[2]
TWICE = (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
"""Half past two in Berlin, in summer time and then again."""
NEVER = (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 1, tzinfo=UTC))
"""A minute before two in Berlin, and a minute past three."""


@pytest.fixture
def tiny(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.set(timezone="Europe/Berlin")
    return tiny


def program(tiny, *arguments, at, zone="UTC"):
    """The program itself, started at an instant, on a machine in some time zone. Returns its exit code and what it said."""
    offset = (at - datetime.now(UTC)).total_seconds()
    environment = {name: value for name, value in os.environ.items() if name != "JUSTENOUGH_NOW"}
    environment |= {"PYTHONPATH": str(ROOT), "TZ": zone, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    command = ["faketime", "-f", f"{offset:+.0f}s", sys.executable, "-m", "flows.cli", *arguments]
    done = subprocess.run(
        [*command, "--workspace", str(tiny.folder)], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def heard(tiny):
    """Product and message of everything that was sent, sorted; nothing may stand in it twice, nor any help of one person."""
    sent = [
        (row["message_id"], row["customer_id"])
        for batch in tiny.batches()
        if batch.manifest["kind"] == "message"
        for row in batch.rows
    ]
    claims = tiny.history("SELECT message_id FROM claim ORDER BY 1")
    assert sorted((message,) for message, _ in sent) == claims
    assert len(set(sent)) == len(sent)
    helps = tiny.history("SELECT person_key, brand, product, subject_key FROM claim")
    assert len(set(helps)) == len(helps)
    return sorted(sent)


@pytest.mark.slow
@pytest.mark.bad_input(101)
def test_in_the_hour_that_comes_twice_it_is_the_same_day_and_nobody_hears_twice(tiny):
    first = tiny.run(at=TWICE[0])
    before = heard(tiny)
    second = tiny.run(at=TWICE[1])
    assert first.plan.order.as_of == second.plan.order.as_of == TWICE[0].date()
    assert second.plan.people_count == 0
    assert heard(tiny) == before
    claimed = tiny.history("SELECT DISTINCT claimed_at FROM claim")
    assert claimed == [(TWICE[0].replace(tzinfo=None),)]


def test_a_plan_for_a_day_that_has_not_begun_is_not_delivered(tiny):
    plan = tiny.plan(at=day(1))
    with pytest.raises(PlanError) as refused:
        tiny.deliver(plan.order.run_id)
    assert refused.value.what == "2026-11-23 has not begun yet by this machine's clock"
    assert tiny.batches() == []
    assert tiny.history("SELECT count(*) FROM run") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("instants", [TWICE, NEVER])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Anchorage"])
def test_the_program_counts_days_where_the_workspace_is_and_keeps_instants_in_utc(tiny, instants, zone):
    day_there = instants[0].date().isoformat()
    for instant in instants:
        code, said = program(tiny, "run", at=instant, zone=zone)
        assert code == 0, said
    heard(tiny)
    assert {batch.manifest["as_of"] for batch in tiny.batches()} == {day_there}
    instant = instants[0].replace(tzinfo=None)
    for table, column in (("claim", "claimed_at"), ("batch", "published_at"), ("receipt", "consent_checked_at")):
        [(earliest, latest)] = tiny.history(
            f"SELECT min({column}), max({column}) FROM {table} WHERE {column} IS NOT NULL"
        )
        assert instant - timedelta(seconds=2) < earliest <= latest < instant + timedelta(minutes=40), table
    for batch in tiny.batches():
        created = datetime.fromisoformat(batch.manifest["created_at"])
        assert instants[0] - timedelta(seconds=2) < created < instants[1] + timedelta(minutes=30)


@pytest.mark.slow
@pytest.mark.parametrize("jump", [timedelta(hours=hours) for hours in (-24, -2, 2, 24, 25)])
def test_a_clock_that_jumps_between_plan_and_delivery_sends_nothing_twice_and_nothing_too_late(tiny, jump):
    code, said = program(tiny, "plan", at=MORNING)
    assert code == 0, said
    [run] = [path.name for path in (tiny.state / "plans").iterdir()]
    code, said = program(tiny, "deliver", run, at=MORNING + jump)
    if jump <= timedelta(days=-1):
        assert (code, "has not begun yet" in said) == (1, True), said
    elif jump == timedelta(days=1):
        assert (code, "2026-11-22 is over" in said) == (1, True), said
    elif jump > timedelta(days=1):
        assert (code, "this plan expired at 2026-11-23 09:0" in said) == (1, True), said
    else:
        assert code == 0, said
        assert len(heard(tiny)) == 8
    code, said = program(tiny, "run", at=MORNING + timedelta(minutes=30))
    assert code == 0, said
    assert len(heard(tiny)) == 8


@pytest.mark.slow
def test_a_clock_that_was_ahead_for_a_day_loosens_nothing_when_it_is_right_again(tiny):
    tiny.edit("pyproject.toml", "global_holdout", 'caps = ["1 in 2 days"]\nglobal_holdout')
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 1 days")
    tiny.warehouse(
        "DELETE FROM late_orders; DELETE FROM needs WHERE customer_id IN ('c02', 'c05')"
    )  # of shared addresses
    for instant in (day(1), MORNING, MORNING + timedelta(minutes=30)):
        code, said = program(tiny, "run", at=instant)
        assert code == 0, said
        assert len(tiny.history("SELECT 1 FROM claim WHERE message_type = 'marketing'")) == 6
    later = tiny.plan(at=day(2))
    assert later.people["marketing"].passed == 0


@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.parametrize("point", ["message claims committed", "batch staged", "sealed", "renamed", "publishing"])
@pytest.mark.parametrize("jump", [-1, 1])
@pytest.mark.parametrize("target", [MAIL, WEB])
def test_a_clock_that_jumps_a_day_while_a_killed_run_waits_doubles_nothing(second_day, tmp_path, point, jump, target):
    if (point, target) == ("message claims committed", WEB):
        point = "state batch committed"
    tiny = second_day.copy(tmp_path / "tiny")
    consumer = Consumer(tiny, greedy=False)
    killed(tiny, point, target, consumer)
    before = {
        row["message_id"] for batch in tiny.batches() if batch.manifest["kind"] == "message" for row in batch.rows
    }
    tiny.run(at=day(1 + jump))
    after = {message for message, _ in heard(tiny)}
    assert before <= after
    tiny.run(at=day(1) + timedelta(minutes=30))
    assert {message for message, _ in heard(tiny)} >= after
    assert list((tiny.state / "staging").iterdir()) == []
    assert tiny.history("SELECT DISTINCT state FROM run WHERE state NOT IN ('delivered', 'abandoned')") == []
