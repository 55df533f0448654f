"""What looks after messages and history is killed at a named point: repeating finishes it, and the ledger is never lost."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import polars as pl
import pytest

from flows import line
from flows.errors import StateError
from flows.ledger.lock import run_lock
from tests.crash.killing import ROOT
from tests.crash.upkeep import BATCH, POINTS, RECIPIENTS, WHO
from tests.line.told import Told, row
from tests.tiny import clock, day, make

pytestmark = pytest.mark.crash

QUICK = {"recall sealed", "outcomes taken"}
THEIRS = ('"c01"', "ann@x.example.com", "4915112345601")
TABLES = ("claim", "decision", "delivery", "exposure", "receipt", "run")


def points(act):
    return [pytest.param(point, marks=[] if point in QUICK else [pytest.mark.slow]) for point in POINTS[act]]


@pytest.fixture(scope="module")
def first_day(tmp_path_factory):
    """A workspace after its first day."""
    tiny = make(tmp_path_factory.mktemp("upkeep") / "tiny", brands=["north"])
    tiny.run()
    return tiny


def killed(tiny, act, point, at):
    environment = os.environ | {"JUSTENOUGH_NOW": at.isoformat(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.crash.upkeep", str(tiny.folder), act, point]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, ""), (point, done.stdout, done.stderr)


def holding(tiny):
    """The files of the state folder that hold something of the person, what state targets hold apart."""
    found = set()
    for path in tiny.state.rglob("*"):
        if path.is_file() and "membership" not in path.parts:
            content = path.read_bytes()
            content += pl.read_parquet(path).write_json().encode() if path.suffix == ".parquet" else b""
            found |= {str(path.relative_to(tiny.state)) for text in THEIRS if text.encode() in content}
    return found


@pytest.mark.parametrize("point", points("forget"))
def test_forgetting_that_was_killed_is_finished_by_repeating_it(first_day, tmp_path, point):
    tiny, unkilled = first_day.copy(tmp_path / "tiny"), first_day.copy(tmp_path / "unkilled")
    with clock(day(1)):
        line.forget(unkilled.load().settings, [WHO])
    killed(tiny, "forget", point, day(1))
    assert tiny.history("SELECT count(*) FROM run") == [(1,)]
    with clock(day(1)):
        line.forget(tiny.load().settings, [WHO])
    assert holding(tiny) == holding(unkilled) == set()
    assert {path.name for path in tiny.state.iterdir()} == {path.name for path in unkilled.state.iterdir()}
    left, expected = tiny.everything(), unkilled.everything()
    for table in TABLES:
        assert left[table] == expected[table], table
    assert [row[:2] for row in left["tombstone"]] == [row[:2] for row in expected["tombstone"]]
    recalled = [{row["message_id"] for row in b.rows} for b in tiny.batches() if b.manifest["kind"] == "recall"]
    assert recalled
    assert all(rows == recalled[0] for rows in recalled)
    tiny.run(at=day(1))
    assert holding(tiny) == set()
    rows = [
        (b.manifest["as_of"], row["_mode"])
        for b in tiny.batches() if b.manifest["kind"] != "recall"
        for row in b.rows if row.get("customer_id") == WHO
    ]  # fmt: skip
    assert sorted(rows) == [("2026-11-22", "append"), ("2026-11-22", "append"), ("2026-11-23", "remove")]
    for table in ("delivery", "receipt", "claim"):
        [(rows, ids)] = tiny.history(f"SELECT count(*), count(DISTINCT message_id) FROM {table}")
        assert rows == ids, table


@pytest.mark.parametrize("point", points("retain"))
def test_retention_that_was_killed_is_finished_by_repeating_it(first_day, tmp_path, point):
    tiny, unkilled = first_day.copy(tmp_path / "tiny"), first_day.copy(tmp_path / "unkilled")
    for one in (tiny, unkilled):
        one.plan(at=day(1))
    at = day(800)
    with clock(at):
        line.retain(unkilled.load())
    killed(tiny, "retain", point, at)
    whole = {batch.target: batch for batch in tiny.batches()}  # each is read as a careful consumer reads it
    with clock(at):
        line.retain(tiny.load())
    assert len(whole) < 3 or point != "a batch moved away"
    assert tiny.batches() == unkilled.batches() == []
    assert tiny.everything() == unkilled.everything()
    assert list((tiny.state / "staging").iterdir()) == []
    left = [sorted(path.name for path in (one.state / "plans").rglob("*")) for one in (tiny, unkilled)]
    assert [name for name in left[0] if "-" not in name] == [name for name in left[1] if "-" not in name]


@pytest.mark.parametrize("point", points("rotate"))
def test_a_new_key_that_was_killed_is_followed_by_the_next_run(first_day, tmp_path, point):
    tiny, unkilled = first_day.copy(tmp_path / "tiny"), first_day.copy(tmp_path / "unkilled")
    old = {key.encode() for (key,) in tiny.history("SELECT person_key FROM claim")}
    unkilled.run(at=day(1))
    killed(tiny, "rotate", point, day(1))
    tiny.run(at=day(1))
    assert told(tiny) == told(unkilled)
    ledger = (tiny.state / "ledger.duckdb").read_bytes()
    assert [key for key in old if key in ledger] == []
    with clock(day(1)), run_lock(tiny.load().settings, "test"):
        assert line.tidy(tiny.load()) == []


@pytest.mark.parametrize("point", points("recall"))
def test_a_recall_that_was_killed_is_finished_by_repeating_it_and_names_each_message_once(first_day, tmp_path, point):
    tiny, unkilled = first_day.copy(tmp_path / "tiny"), first_day.copy(tmp_path / "unkilled")
    with clock(day(1)):
        line.recall(unkilled.load().settings, line.Which(product="care"))
    killed(tiny, "recall", point, day(1))
    with clock(day(1)):
        line.recall(tiny.load().settings, line.Which(product="care"))
    assert called_back(tiny) == called_back(unkilled) == sorted(set(called_back(tiny)))
    assert [row[2:] for row in tiny.everything()["recall"]] == [row[2:] for row in unkilled.everything()["recall"]]
    assert list((tiny.state / "staging").iterdir()) == []


@pytest.mark.parametrize("point", points("correct"))
def test_a_correction_that_was_killed_is_finished_by_the_next_run_or_by_repeating_it(first_day, tmp_path, point):
    tiny = first_day.copy(tmp_path / "tiny")
    with clock(day(1)):
        line.acknowledge(tiny.load().settings, BATCH, "sent")
    killed(tiny, "correct", point, day(1))
    repeated = tiny.copy(tmp_path / "repeated")
    tiny.run(at=day(1))
    for one in (tiny, repeated):
        with clock(day(1)), suppress(StateError):  # of what has been corrected
            line.correct(one.load(), BATCH, RECIPIENTS)
    repeated.run(at=day(1))
    for one in (tiny, repeated):
        again = [b for b in one.batches() if b.manifest["corrects"] == BATCH]
        assert len(again) == 1
        assert len({row["message_id"] for b in again for row in b.rows}) == again[0].manifest["rows"] == RECIPIENTS
        assert one.history("SELECT count(*) FROM claim WHERE attempt = 2") == [(RECIPIENTS,)]
        assert one.history("SELECT DISTINCT state FROM run WHERE state <> 'abandoned'") == [("delivered",)]
        assert list((one.state / "staging").iterdir()) == []


@pytest.mark.parametrize("point", points("learn"))
def test_outcomes_that_a_kill_kept_from_coming_in_come_in_by_repeating_it_and_each_once(first_day, tmp_path, point):
    tiny, unkilled = first_day.copy(tmp_path / "tiny"), first_day.copy(tmp_path / "unkilled")
    for one in (tiny, unkilled):
        told_of_the_first_day(Told(one))
    assert Told(unkilled).waiting().from_sql > 0
    killed(tiny, "learn", point, day(1))
    Told(tiny).waiting()
    left, expected = tiny.everything(), unkilled.everything()
    for table in ("outcome", "scan", "arrival", "acknowledgement", "claim", "delivery"):
        assert left[table] == expected[table], table
        assert expected[table], table
    said = "SELECT person_key, message_id, state, happened_at, drain FROM consent_event"
    assert tiny.history(said) == unkilled.history(said)
    assert Told(tiny).inbox() == Told(unkilled).inbox() == []


def told_of_the_first_day(told):
    """Two files wait, one with its manifest, and the warehouse tells of orders."""
    ids, inbox = told.ids, ".justenough/inbox/outcomes"
    clicks = [row(f"e{n}", "clicked", message=message) for n, message in enumerate(ids.values())]
    file = told.file([row("s", "sent", message=ids["c01"]), *clicks], f"{inbox}/a.csv")
    promise = {"rows": 1 + len(clicks), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    told.file(json.dumps(promise), f"{inbox}/a.csv.manifest.json")
    told.file([row("f", "failed", message=ids["c03"]), row("u", "complained", message=ids["c13"])], f"{inbox}/b.csv")
    columns = "customer_id, 'ordered' AS outcome, since_at + INTERVAL 301 DAY AS happened_at"
    told.file(f"SELECT {columns} FROM needs", "sql/outcomes/orders.sql")


def called_back(tiny):
    return sorted(
        (b.target, row["message_id"]) for b in tiny.batches() if b.manifest["kind"] == "recall" for row in b.rows
    )


def told(tiny):
    return sorted(
        (b.target, b.manifest["as_of"], row["customer_id"], row["_mode"])
        for b in tiny.batches() for row in b.rows if "customer_id" in row
    )  # fmt: skip
