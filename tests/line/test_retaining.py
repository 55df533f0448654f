"""What names people goes when its time is up; nothing goes that is still needed."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from flows import line
from flows.ledger.lock import run_lock
from tests.tiny import clock, day


@pytest.fixture(scope="module")
def two_days(_north, tmp_path_factory):
    """A workspace after two days: two plans, batches of both, history, addresses, profiles on the web."""
    tiny = _north.copy(tmp_path_factory.mktemp("retaining") / "tiny")
    tiny.warehouse("INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4)")
    tiny.run(at=day(1))
    return tiny


@pytest.fixture
def tiny(two_days, tmp_path):
    return two_days.copy(tmp_path / "tiny")


def retain(tiny, at):
    with clock(at):
        return line.retain(tiny.load())


def plans(tiny):
    """Day of a plan -> the names in its folder."""
    return {path.name[:8]: {file.name for file in path.iterdir()} for path in (tiny.state / "plans").iterdir()}


def test_a_plan_goes_two_weeks_after_it_has_expired(tiny):
    whole = plans(tiny)
    assert set(whole) == {"20261122", "20261123"}
    assert retain(tiny, day(14)).plans == 0
    assert plans(tiny) == whole
    assert retain(tiny, day(15)).plans == 1
    assert plans(tiny) == {"20261123": whole["20261123"]}
    assert retain(tiny, day(15)).plans == 0


@pytest.mark.slow
def test_of_the_last_whole_run_the_crowds_stay_which_name_nobody(tiny):
    tiny.plan(at=day(2), customers=("c13",))
    assert retain(tiny, day(60)).plans == 3
    assert plans(tiny) == {"20261123": {"order.json", "crowd.parquet"}}
    assert retain(tiny, day(61)).plans == 0
    tiny.run(at=day(61), customers=("c13",))  # goes by them


@pytest.mark.slow
def test_the_plan_of_an_unfinished_run_stays_until_the_run_has_ended(tiny):
    run_id = tiny.plan(at=day(2)).order.run_id
    with clock(day(2)), run_lock(tiny.load().settings, "test"):
        line.start(tiny.load(), run_id, expected=None, allow_past=False)
    retain(tiny, day(60))
    assert "plan.json" in plans(tiny)["20261124"]
    tiny.run(at=day(60))
    assert tiny.history(f"SELECT state FROM run WHERE run_id = '{run_id}'") == [("abandoned",)]
    retain(tiny, day(60))
    assert "20261124" not in plans(tiny)


def test_a_plan_that_was_never_finished_goes_too(tiny):
    (tiny.state / "plans" / plans_of(tiny, "20261122") / "plan.json").unlink()
    assert retain(tiny, day(14)).plans == 0
    assert retain(tiny, day(15)).plans == 1


def plans_of(tiny, day_of):
    return next(path.name for path in (tiny.state / "plans").iterdir() if path.name.startswith(day_of))


@pytest.mark.slow
def test_copies_in_the_outbox_go_two_weeks_after_they_must_not_be_loaded_any_more(tiny):
    until = {f"{b.target}/{b.name}": b.manifest["valid_until"] for b in tiny.batches()}
    first = min(until.values())
    last = datetime.fromisoformat(first) + timedelta(days=14)
    assert retain(tiny, last).batches == 0
    assert len(tiny.batches()) == len(until)
    kept = {name for name, time in until.items() if time > first}
    assert kept
    assert retain(tiny, last + timedelta(seconds=1)).batches == len(until) - len(kept)
    assert {f"{b.target}/{b.name}" for b in tiny.batches()} == kept
    assert list((tiny.state / "staging").iterdir()) == []
    tiny.run(at=day(20))  # what has been removed is no sign of anything


@pytest.mark.slow
def test_history_is_kept_as_long_as_a_decision_can_look_back_on_it(tiny):
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        '[tool.justenough.retention]\nhistory = "1 day"\n\n[tool.justenough.crowd]',
    )
    before = tiny.everything()
    for at in (day(2), day(90)):
        assert retain(tiny, at).history == {}
    assert {name: tiny.everything()[name] for name in before} == before
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 120 days")
    assert retain(tiny, day(120)).history == {}
    tiny.edit("templates/care/product.yaml", "every: 120 days", "every: 30 days")
    tiny.edit("pyproject.toml", "[tool.justenough]\n", '[tool.justenough]\ncaps = ["9 in 120 days"]\n')
    assert retain(tiny, day(120)).history == {}
    done = retain(tiny, day(122))  # the first day goes, the second stays
    assert str(done.history_from) == "2026-11-23"
    after = tiny.everything()
    assert set(done.history) == {"claim", "decision", "delivery", "receipt"}
    for table in ("claim", "decision", "receipt"):
        assert tiny.history(f"SELECT DISTINCT as_of::VARCHAR FROM {table}") == [("2026-11-23",)]
        assert len(before[table]) - len(after[table]) == done.history[table]
    for table in ("run", "batch", "tombstone", "product_version", "source"):
        assert after[table] == before[table]


@pytest.mark.slow
def test_history_is_kept_as_long_as_a_cap_looks_back_on_when_it_left(tiny):
    tiny.edit("pyproject.toml", "global_holdout", 'caps = ["9 in 200 days"]\nglobal_holdout')
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        '[tool.justenough.retention]\nhistory = "1 day"\n\n[tool.justenough.crowd]',
    )
    assert retain(tiny, day(200)).history == {}
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:  # as if both had been days that were over
        connection.execute("UPDATE batch SET claimed_at = claimed_at + INTERVAL 5 DAY")
        connection.execute("UPDATE run SET started_at = started_at + INTERVAL 5 DAY")
    assert retain(tiny, day(206)).history == {}
    assert set(retain(tiny, day(208)).history) == {"claim", "decision", "delivery", "receipt"}


def test_history_of_what_holds_still_or_waits_for_a_person_is_kept(tiny):
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        connection.execute("UPDATE batch SET state = 'hold' WHERE target = 'email_file' AND as_of = '2026-11-22'")
        connection.execute(
            "UPDATE delivery SET valid_until = '2099-01-01' WHERE batch_id = 'web_profiles-2026-11-22-1'"
        )
        connection.execute("UPDATE batch SET valid_until = '2099-01-01' WHERE batch_id = 'web_profiles-2026-11-22-1'")
        connection.execute("UPDATE run SET state = 'delivering' WHERE as_of = '2026-11-23'")
    retain(tiny, day(3000))
    kept = tiny.history("SELECT DISTINCT batch_id FROM receipt ORDER BY 1")
    assert kept == [("email_file-2026-11-22-1",), ("web_profiles-2026-11-22-1",)]
    assert tiny.history("SELECT DISTINCT batch_id FROM claim") == [("email_file-2026-11-22-1",)]
    assert tiny.history("SELECT DISTINCT as_of::VARCHAR FROM decision") == [("2026-11-23",)]


@pytest.mark.slow
def test_what_state_targets_hold_stays_so_that_it_can_be_taken_away(tiny):
    held = [path.relative_to(tiny.state) for path in (tiny.state / "membership").rglob("*.parquet")]
    retain(tiny, day(190))
    assert [path.relative_to(tiny.state) for path in (tiny.state / "membership").rglob("*.parquet")] == held
    tiny.says("c01", at=day(3))
    tiny.run(at=day(190))
    assert any(row["_mode"] == "remove" for batch in tiny.batches() for row in batch.rows)


def test_addresses_are_read_anew_once_a_month(tiny):
    def files():
        return sorted(path.name for path in (tiny.state / "addresses").glob("*.parquet"))

    assert len(files()) == 2
    assert retain(tiny, day(2)).addresses == 0
    assert retain(tiny, day(31)).addresses == 0
    assert retain(tiny, day(32)).addresses == 2
    assert files() == []
    assert retain(tiny, day(33)).addresses == 0
