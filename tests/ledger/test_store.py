"""The ledger is private, has a version, waits for others, and is never half made."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.errors import DataError, LockedError, OutboxError, StateError
from flows.ledger import store
from flows.ledger.store import SCHEMA_VERSION, open_ledger

ROOT = Path(__file__).parents[2]


def test_a_new_ledger_is_private_and_has_its_version(settings):
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT number FROM schema_version").rows() == [(SCHEMA_VERSION,)]
    assert {path.name for path in settings.state.iterdir()} == {"ledger.duckdb"}
    assert oct(settings.ledger.stat().st_mode & 0o777) == "0o600"
    assert oct(settings.state.stat().st_mode & 0o777) == "0o700"


def test_one_who_only_looks_sees_an_empty_ledger_before_the_first_run_and_changes_nothing(settings):
    with open_ledger(settings, read_only=True) as ledger:
        assert ledger.rows("SELECT * FROM claim").is_empty()
        with pytest.raises(DataError), ledger.transaction():
            ledger.execute("DELETE FROM schema_version")
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT * FROM schema_version").height == 1


def test_a_ledger_of_an_earlier_version_is_completed(settings):
    with open_ledger(settings):
        pass
    with duckdb.connect(str(settings.ledger)) as connection:
        columns = connection.execute("DESCRIBE receipt").fetchall()
        connection.execute(
            "ALTER TABLE receipt DROP COLUMN consent_key; ALTER TABLE receipt DROP COLUMN sources_sha256"
        )
        connection.execute("DROP TABLE source; UPDATE schema_version SET number = 1")
    with open_ledger(settings, read_only=True) as ledger:
        assert ledger.rows("SELECT * FROM source").is_empty()
        assert ledger.rows("SELECT number FROM schema_version").rows() == [(1,), (SCHEMA_VERSION,)]
    with duckdb.connect(str(settings.ledger)) as connection:
        assert sorted(connection.execute("DESCRIBE receipt").fetchall()) == sorted(columns)


def test_instants_are_kept_in_utc(settings):
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    with open_ledger(settings) as ledger, ledger.transaction():
        ledger.append("tombstone", pl.DataFrame({"erased_at": [at], "key_id": ["k"], "person_key": ["p"]}))
    with duckdb.connect(str(settings.ledger)) as connection:
        assert connection.execute("FROM tombstone").fetchall() == [("p", "k", at.replace(tzinfo=None))]


def test_a_ledger_that_another_process_has_is_waited_for(settings):
    with open_ledger(settings):
        pass
    with holding(settings, seconds=0.5), open_ledger(settings) as ledger:
        assert ledger.rows("SELECT * FROM claim").is_empty()


def test_the_wait_for_another_process_ends(settings, monkeypatch):
    with open_ledger(settings):
        pass
    monkeypatch.setattr(store, "_PATIENCE_SECONDS", 0.2)
    with holding(settings, seconds=5) as holder:
        before = time.monotonic()
        with pytest.raises(LockedError) as refused, open_ledger(settings):
            pass
        assert time.monotonic() - before < 3
        holder.kill()
    assert refused.value.what == f"process {holder.pid} has this database open for writing"


def test_a_ledger_that_cannot_be_made_leaves_nothing_behind(settings):
    settings.state.mkdir()
    code = """
import pathlib, resource, signal, sys
from flows.errors import OutboxError
from flows.ledger.store import open_ledger
from flows.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
state = pathlib.Path(sys.argv[1])
settings = Settings(workspace=state, name="t", state=state, ledger=state / "ledger.duckdb", targets={}, brands={})
try:
    with open_ledger(settings):
        pass
except OutboxError as error:
    print(error.what)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.state)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "this file cannot be written\n", done.stderr
    assert list(settings.state.iterdir()) == []


def test_a_state_folder_that_is_a_file_is_refused(settings):
    settings.state.write_text("in the way")
    with pytest.raises(OutboxError), open_ledger(settings):
        pass


@pytest.mark.parametrize("damage", ["scrap", "cut"])
def test_a_damaged_ledger_is_never_replaced_by_an_empty_one(settings, damage):
    with open_ledger(settings):
        pass
    content = settings.ledger.read_bytes()
    settings.ledger.write_bytes(b"scrap" * 9999 if damage == "scrap" else content[: len(content) // 3])
    left = settings.ledger.read_bytes()
    with pytest.raises(StateError) as refused, open_ledger(settings) as ledger:
        ledger.rows("SELECT * FROM claim")
    assert refused.value.hint.startswith("restore the state folder from your backup")
    assert settings.ledger.read_bytes() == left


def test_another_database_is_never_taken_for_a_ledger(settings):
    settings.state.mkdir()
    with duckdb.connect(str(settings.ledger)) as connection:
        connection.execute("CREATE TABLE people (customer_id VARCHAR)")
    left = settings.ledger.read_bytes()
    with pytest.raises(StateError) as refused, open_ledger(settings):
        pass
    assert refused.value.what == "this database is not a ledger"
    assert settings.ledger.read_bytes() == left


def holding(settings, seconds):
    """Another process that has the ledger open for so long."""
    code = f"import duckdb, time; c = duckdb.connect({str(settings.ledger)!r}); print('open', flush=True); time.sleep({seconds})"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "open\n"
    return holder


def test_a_ledger_with_longer_keys_is_written_with_the_half_that_counts(settings):
    with open_ledger(settings):
        pass
    at = datetime(2026, 11, 22, 9)  # noqa: DTZ001 - as the ledger keeps it
    with duckdb.connect(str(settings.ledger)) as connection:
        tables = connection.execute("SELECT table_name, sql FROM duckdb_tables() ORDER BY table_name").fetchall()
        connection.execute("INSERT INTO delivery VALUES (?, 'b', ?, 'c', ?)", ["a" * 64, "d" * 64, at])
        connection.execute("INSERT INTO tombstone VALUES (?, 'k', ?)", ["p" * 64, at])
        notice = "20261122T090000-0123456789abcdef-1763802000000000000-1"
        connection.execute(
            "INSERT INTO consent_event (event_id, person_key, brand, channel, topic, state, happened_at, drain, received_at) "
            "VALUES (?, ?, '*', '*', '*', 'no', ?, 1, ?)",
            [notice, "p" * 64, at, at],
        )
        connection.execute("UPDATE schema_version SET number = 11")
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT message_id, decision_id FROM delivery").rows() == [("a" * 32, "d" * 32)]
        assert ledger.rows("SELECT person_key, key_id FROM tombstone").rows() == [("p" * 32, "k")]
        assert ledger.rows("SELECT event_id, person_key FROM consent_event").rows() == [(notice, "p" * 32)]
        assert ledger.rows("SELECT max(number) AS n FROM schema_version").item() == SCHEMA_VERSION
    with duckdb.connect(str(settings.ledger)) as connection:
        assert (
            connection.execute("SELECT table_name, sql FROM duckdb_tables() ORDER BY table_name").fetchall() == tables
        )
