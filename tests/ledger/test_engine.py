"""DuckDB goes on between two openings of the ledger; the file, its lock and what went wrong do not."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from flows.errors import StatementError
from flows.ledger import store
from flows.ledger.engine import engine_of
from flows.ledger.store import ledger_at_hand, open_ledger

WRITTEN = "INSERT INTO tombstone VALUES ('p', 'k', TIMESTAMP '2026-11-22')"
FROM_ELSEWHERE = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"


def buried(settings) -> int:
    with open_ledger(settings) as ledger:
        return ledger.rows("FROM tombstone").height


def test_the_file_is_whole_and_free_as_soon_as_the_ledger_is_closed_though_duckdb_goes_on(settings):
    with open_ledger(settings) as ledger, ledger.transaction():
        ledger.execute(WRITTEN)
    before = engine_of(settings.ledger)
    assert {path.name for path in settings.state.iterdir()} == {"ledger.duckdb"}
    subprocess.run([sys.executable, "-c", FROM_ELSEWHERE, settings.ledger, WRITTEN], check=True)
    assert buried(settings) == 2
    assert engine_of(settings.ledger) is before


def test_who_opens_it_within_itself_keeps_it_to_the_end(settings):
    with open_ledger(settings) as outer:
        assert buried(settings) == 0
        with outer.transaction():
            outer.execute(WRITTEN)
    assert buried(settings) == 1


def is_free(settings) -> bool:
    asked = [sys.executable, "-c", FROM_ELSEWHERE, settings.ledger, "FROM tombstone"]
    return not subprocess.run(asked, check=False, capture_output=True).returncode


def test_at_hand_it_stays_open_between_openings_and_is_free_at_the_end(settings):
    with ledger_at_hand(settings):
        assert buried(settings) == 0
        assert not is_free(settings)
        with open_ledger(settings) as ledger, ledger.transaction():
            ledger.execute(WRITTEN)
        assert buried(settings) == 1
    assert {path.name for path in settings.state.iterdir()} == {"ledger.duckdb"}
    assert is_free(settings)


def test_at_hand_a_question_is_asked_once_until_something_is_written(settings):
    with ledger_at_hand(settings):
        asked = "SELECT key_id FROM tombstone WHERE person_key = $person"
        with open_ledger(settings) as ledger:
            first = ledger.rows(asked, {"person": "p"})
            assert ledger.rows(asked, {"person": "p"}) is first
            assert ledger.rows(asked, {"person": "q"}) is not first
            with ledger.transaction():
                ledger.execute(WRITTEN)
                assert ledger.rows(asked, {"person": "p"}).height == 1  # its own
                assert buried(settings) == 0  # another's, who sees it only once it is committed
                assert ledger.rows("FROM tombstone").height == 1
            assert ledger.rows(asked, {"person": "p"}).height == 1
            assert buried(settings) == 1
        with suppress(ZeroDivisionError), open_ledger(settings) as ledger, ledger.transaction():
            ledger.execute("DELETE FROM tombstone")
            raise ZeroDivisionError
        assert buried(settings) == 1


def test_a_ledger_at_hand_is_free_once_another_one_is_opened(settings, tmp_path):
    other = settings.model_copy(update={"ledger": tmp_path / "other" / "ledger.duckdb"})
    with ledger_at_hand(settings):
        assert buried(settings) == 0
        assert buried(other) == 0
        assert is_free(settings)


def test_what_was_written_elsewhere_is_seen_once_the_file_was_let_go(settings, monkeypatch):
    monkeypatch.setattr(store, "_AT_HAND_SECONDS", 0.0)
    with ledger_at_hand(settings):
        assert buried(settings) == 0
        subprocess.run([sys.executable, "-c", FROM_ELSEWHERE, settings.ledger, WRITTEN], check=True)
        assert buried(settings) == 1
    monkeypatch.setattr(store, "_AT_HAND_SECONDS", 60.0)
    for count in (1, 2):
        with ledger_at_hand(settings):
            assert buried(settings) == count
        subprocess.run([sys.executable, "-c", FROM_ELSEWHERE, settings.ledger, WRITTEN], check=True)


def test_at_hand_it_is_free_between_openings_after_some_seconds(settings, monkeypatch):
    monkeypatch.setattr(store, "_AT_HAND_SECONDS", 0.0)
    with ledger_at_hand(settings):
        assert buried(settings) == 0
        assert is_free(settings)


def test_at_hand_who_only_looked_is_no_hindrance_to_who_writes(settings):
    assert buried(settings) == 0
    with ledger_at_hand(settings):
        with open_ledger(settings, read_only=True) as ledger:
            assert ledger.rows("FROM tombstone").is_empty()
        with open_ledger(settings) as ledger, ledger.transaction():
            ledger.execute(WRITTEN)
    assert buried(settings) == 1


def test_an_error_lets_go_of_a_ledger_that_is_at_hand(settings):
    with ledger_at_hand(settings):
        with pytest.raises(StatementError), open_ledger(settings) as ledger, ledger.transaction():
            ledger.execute(f"{WRITTEN}; FROM nothing")
        assert is_free(settings)
        assert buried(settings) == 0
    assert is_free(settings)


def test_after_an_error_duckdb_is_started_anew(settings):
    with open_ledger(settings):
        before = engine_of(settings.ledger)
    with pytest.raises(StatementError), open_ledger(settings) as ledger, ledger.transaction():
        ledger.execute(f"{WRITTEN}; FROM nothing")
    assert engine_of(settings.ledger) is not before
    assert buried(settings) == 0


def test_two_ledgers_are_not_taken_for_each_other(settings, tmp_path):
    state = tmp_path / "other"
    other = settings.model_copy(update={"state": state, "ledger": state / "ledger.duckdb"})
    with open_ledger(settings) as ledger:
        with ledger.transaction():
            ledger.execute(WRITTEN)
        assert buried(other) == 0
    assert (buried(other), buried(settings)) == (0, 1)


def test_a_fork_has_an_engine_of_its_own(settings):
    assert buried(settings) == 0
    pid = os.fork()
    if not pid:
        os._exit(7 if buried(settings) == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    engine = engine_of(settings.ledger)
    pid = os.fork()
    if not pid:
        os._exit(7 if engine_of(settings.ledger) is not engine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_what_does_not_fit_into_memory_goes_beside_the_ledger(settings):
    with open_ledger(settings) as ledger:
        found = ledger.rows("SELECT current_setting('temp_directory') AS folder, current_setting('TimeZone') AS zone")
    assert found.rows() == [(f"{settings.ledger}.tmp", "UTC")]
