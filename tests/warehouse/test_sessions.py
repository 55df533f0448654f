"""SQL that others have written runs in a child: the same rows come back, and what it eats it eats alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import DataError, JustEnoughError, SourceError, StatementError
from flows.warehouse import sessions
from flows.warehouse.connection import connect, query
from flows.warehouse.sessions import Limits, Session

ROOT = Path(__file__).parents[2]


def opened(**given) -> Session:
    return Session(**{"memory": "1 GiB"} | given)


def child_of(session: Session) -> Path:
    """What Linux tells of the process behind a session."""
    return Path("/proc") / str(session._child.id)


def is_gone(folder: Path) -> bool:
    """Whether a process has ended, or does so within ten seconds."""
    for _ in range(1000):
        try:
            if (folder / "stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


VALUES = {
    "numbers": "SELECT i, (i % 200)::UTINYINT AS u, i::HUGEINT AS h, i / 7 AS d, i::DECIMAL(9, 2) AS m, i::REAL AS r",
    "texts": "SELECT 'Søn ' || i AS t, NULL AS n, '' AS e, chr(128512) AS s, i::VARCHAR::BLOB AS b, uuid_v AS v",
    "times": "SELECT DATE '2026-11-22' + i::INT AS d, TIMESTAMP '2026-11-22 05:00:00.123456' AS t, "
    "TIMESTAMPTZ '2026-11-22 05:00:00+02' AS z, TIME '05:00' AS c",
    "nested": "SELECT [i, NULL] AS l, {'a': i, 'b': [1]} AS s, MAP {'k': i} AS m, [1, 2]::INT[2] AS f",
    "choices": "SELECT (CASE WHEN i % 2 = 0 THEN 'a' END)::ENUM ('a', 'b') AS e, i % 3 = 0 AS b",
}


def test_of_statements_that_are_run_at_once_the_one_that_is_refused_is_told_by_its_place():
    asked = [("a:1", "CREATE OR REPLACE VIEW a AS SELECT 1"), ("b:2", "CREATE OR REPLACE VIEW b AS FROM nothing")]
    with opened() as session:
        session.execute_each(asked[:1])
        assert session.execute("FROM a") == [(1,)]
        with pytest.raises(StatementError) as caught:
            session.execute_each(asked)
    assert caught.value.where == "b:2"


def test_no_statement_at_all_is_run_at_once_too():
    with opened() as session:
        session.execute_each([])
        assert session.execute("SELECT 1") == [(1,)]


@pytest.mark.oracle
@pytest.mark.parametrize("rows", [0, 1, 250_001])
@pytest.mark.parametrize("kind", VALUES)
def test_the_rows_are_those_of_a_duckdb_in_this_process(kind, rows):
    text = f"{VALUES[kind]} FROM (SELECT i, '00000000-0000-0000-0000-00000000000a'::UUID AS uuid_v FROM range({rows}) r(i))"
    with opened() as session, connect() as connection:
        expected = query(connection, text)
        enums = [name for name, type_ in expected.schema.items() if isinstance(type_, pl.Enum | pl.Categorical)]
        assert_frame_equal(session.query(text), expected.with_columns(pl.col(enums).cast(pl.String)))


def test_parameters_have_their_types():
    with opened() as session:
        given = {"as_of": date(2026, 11, 22), "now": datetime(2026, 11, 22, 5)}  # noqa: DTZ001  (as the views have it)
        found = session.query("SELECT $as_of AS as_of, $now AS now", given)
    assert found.rows() == [tuple(given.values())]


def test_a_table_that_is_given_is_there():
    rows = pl.DataFrame({"item": ["tent", None], "sold": [2, 3]})
    with opened() as session:
        session.load('"best sold"', rows)
        assert_frame_equal(session.query('FROM "best sold"'), rows)


def test_a_session_sees_nothing_of_the_one_before():
    with opened() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS x; SET threads = 1; SET lock_configuration = true")
        first = session._child
    with opened() as session:
        assert session._child is first
        with pytest.raises(StatementError):
            session.query("FROM t")
        session.execute("SET threads = 2")


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELEC 1", duckdb.ParserException),
        ("SELECT nope", duckdb.BinderException),
        ("FROM nope", duckdb.CatalogException),
        ("SELECT 'x'::INT", duckdb.ConversionException),
        ("SELECT error('x')", duckdb.InvalidInputException),
        ("SELECT 2147483647::INT + i::INT FROM range(9) r(i)", duckdb.OutOfRangeException),
        ("SELECT max(i) FROM range(100000000000) r(i)", duckdb.InterruptException),
        ("SELECT list(i) FROM range(100000000) r(i)", duckdb.OutOfMemoryException),
        ("ATTACH '/nowhere/x.duckdb' AS x", duckdb.IOException),
    ],
)
def test_an_error_is_the_one_of_a_duckdb_in_this_process(statement, kind):
    with opened(memory="100MB", seconds=0.5) as session:
        with pytest.raises(kind) as caught:
            session.execute(statement)
        assert type(caught.value) is kind
        if statement.startswith("SELECT"):
            with pytest.raises(kind) as caught:
                session._ask("query", statement, {})
            assert type(caught.value) is kind
        assert session.query("SELECT 1 AS x").item() == 1


def test_an_error_after_many_rows_leaves_none_of_them_behind():
    fails = "SELECT (CASE WHEN i = 400000 THEN 'Anna' ELSE i::VARCHAR END)::INT AS n FROM range(500000) r(i)"
    with opened() as session:
        with pytest.raises(DataError) as caught:
            session.query(fails, where="sql/segments/s.sql")
        assert (caught.value.where, caught.value.what) == ("sql/segments/s.sql", "a value cannot be cast to INT32")
        assert session.query("SELECT 1 AS x").rows() == [(1,)]


def test_one_that_only_looks_yields_the_columns_and_runs_on_no_row():
    with opened(looking=True) as session:
        found = session.query("SELECT i, error('read')::VARCHAR AS x FROM range(9) r(i)")
    assert_frame_equal(found, pl.DataFrame(schema={"i": pl.Int64, "x": pl.String}))


LITTLE = Limits(memory_bytes=100 * 2**20, cpu_seconds=60, seconds=60, what="too much", hint="take less")
BRIEF = Limits(memory_bytes=2**40, cpu_seconds=0.2, seconds=60, what="too long", hint="be quick")
SOON = Limits(memory_bytes=2**40, cpu_seconds=60, seconds=0.3, what="too late", hint="be quick")
ENDLESS = "SELECT max(i) FROM range(100000000000) r(i)"


@pytest.mark.parametrize(
    ("limits", "statement"),
    [(LITTLE, "SELECT repeat('a', 2000000000) AS x"), (BRIEF, ENDLESS), (SOON, ENDLESS)],
    ids=["memory", "processor", "clock"],
)
def test_what_takes_more_than_it_may_is_ended_and_the_next_begins_anew(limits, statement, tmp_path):
    with opened(scratch=tmp_path, seconds=5) as session:  # then DuckDB stops by itself, and says something else
        session._limits = limits
        first = child_of(session)
        with pytest.raises(StatementError) as caught:
            session.query(statement, where="sql/segments/s.sql")
        assert (caught.value.where, caught.value.what) == ("sql/segments/s.sql", limits.what)
        assert is_gone(first)
    with opened() as session:
        assert session.query("SELECT 1 AS x").item() == 1


def test_where_starting_takes_long_a_statement_may_take_as_much_longer(monkeypatch):
    """As on a machine whose memory is in pieces, on which Python needs two seconds to start."""
    monkeypatch.setattr(sessions, "_IDLE", type(sessions._IDLE)())
    monkeypatch.setattr(sessions, "_USUAL_START_SECONDS", 0.0001)
    with opened() as session:
        session._limits = BRIEF
        assert session.query("SELECT max(i) FROM range(1000000000) r(i)").item() == 999_999_999


def test_a_query_may_take_a_little_more_than_duckdb_and_a_look_little():
    with opened(memory="1.5 GiB", seconds=2) as reading, opened(looking=True) as looking:
        assert (reading._limits.memory_bytes, reading._limits.seconds) == (2.5 * 2**30, 32)
        assert looking._limits is sessions.LOOKING


def test_what_was_spilled_by_one_that_was_ended_is_gone(tmp_path):
    with opened(memory="100MB", scratch=tmp_path) as session:
        child = session._child.id

        def end_it() -> None:
            while not [file for file in tmp_path.rglob("*") if file.is_file()]:
                time.sleep(0.01)
            os.kill(child, signal.SIGKILL)

        with ThreadPoolExecutor(1) as beside:
            beside.submit(end_it)
            with pytest.raises(SourceError):
                session.query("SELECT repeat(i::VARCHAR, 20) AS t FROM range(200000000) r(i) ORDER BY hash(i)")
        assert [file for file in tmp_path.rglob("*") if file.is_file()]
    assert list(tmp_path.iterdir()) == []


def test_one_that_ends_by_itself_is_told_and_takes_nobody_along():
    with opened() as session:
        os.kill(session._child.id, signal.SIGKILL)
        with pytest.raises(SourceError) as caught:
            session.query("SELECT 1 AS x", where="sql/segments/s.sql")
    assert (caught.value.where, caught.value.what) == ("sql/segments/s.sql", "DuckDB ended in the middle of it")
    with opened() as session:
        assert session.query("SELECT 1 AS x").item() == 1


def test_a_child_that_ended_while_nobody_asked_is_not_asked_again():
    with opened() as session:
        child = session._child
    os.kill(child.id, signal.SIGKILL)
    assert is_gone(Path("/proc") / str(child.id))
    with opened() as session:
        assert session.query("SELECT 1 AS x").item() == 1


def test_the_child_has_nothing_of_our_environment_and_leaves_no_core(monkeypatch, tmp_path):
    monkeypatch.setenv("SSH_PASSWORD", "do-not-tell")
    monkeypatch.setattr(sessions, "_IDLE", type(sessions._IDLE)())
    with opened() as session:
        child = child_of(session)
        named = {entry.split(b"=")[0].decode() for entry in (child / "environ").read_bytes().split(b"\0") if entry}
        assert named <= {"LANG", "LC_ALL", "LD_LIBRARY_PATH"}
        limits = (child / "limits").read_text("ascii")
        assert next(line for line in limits.splitlines() if "core file" in line).split()[4] in {"0", "1"}
        session.execute(f"COPY (SELECT 1) TO '{tmp_path}/x.csv'")
        assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o600


ASKS = f"""
import sys
from flows.warehouse.sessions import Session
session = Session(memory="1 GiB")
print(session._child.id, flush=True)
session.query({ENDLESS!r}) if sys.argv[1] == "busy" else sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_the_child_ends_with_a_parent_that_is_killed(state):
    with subprocess.Popen(
        [sys.executable, "-c", ASKS, state], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        time.sleep(0.2)
        parent.kill()
        assert is_gone(child)


def test_threads_have_a_child_each_and_children_serve_again(monkeypatch):
    monkeypatch.setattr(sessions, "_IDLE", type(sessions._IDLE)())

    def ask(number: int) -> tuple[int, int]:
        with opened() as session:
            count = session.query(f"SELECT sum(i) + {number} AS n FROM range(200000) r(i)").item()
            return session._child.id, int(count) - number

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(ask, range(12)))
    assert {count for _, count in found} == {sum(range(200_000))}
    assert len({child for child, _ in found}) <= 3
    assert len(sessions._IDLE) == len({child for child, _ in found})


def test_a_fork_has_children_of_its_own():
    with opened() as session:
        mine = session._child.id
    ours, theirs = os.pipe()
    if os.fork() == 0:
        with opened() as session:
            os.write(theirs, str(session._child.id).encode())
        os._exit(0)
    os.wait()
    assert os.read(ours, 20) not in {b"", str(mine).encode()}
    with opened() as session:
        assert session._child.id == mine


def test_an_interrupted_question_leaves_no_half_answer_to_the_next():
    with opened() as session:
        parts = session._child.answers(("query", "SELECT i FROM range(1000000) r(i)", {}), session._limits, "sql")
        next(parts)
        parts.close()
        first = child_of(session)
    assert is_gone(first)
    with opened() as session:
        assert session.query("SELECT 1 AS x").item() == 1


@pytest.mark.parametrize("value", ["INTERVAL 3 DAYS", "union_value(a := 'Anna')"], ids=["interval", "union"])
def test_a_kind_of_column_that_polars_has_not_is_named(value):
    with opened() as session, pytest.raises(DataError) as caught:
        session.query(f"SELECT 1 AS x, {value} AS odd", where="sql/segments/s.sql")
    assert caught.value.where == "sql/segments/s.sql"
    assert caught.value.what.startswith("the column 'odd' is of a kind that cannot be read (")


def test_names_that_are_not_there_get_the_nearest():
    with opened() as session:
        session.execute("CREATE TABLE people AS SELECT 'c1' AS customer_id")
        with pytest.raises(JustEnoughError) as caught:
            session.query("SELECT\n  costumer_id\nFROM people", where="sql/customers.sql")
    assert caught.value.where == "sql/customers.sql:2"
    assert caught.value.hint == "did you mean 'customer_id'?"


def test_values_of_our_own_statements_are_plain():
    with opened() as session:
        found = session.execute(
            "SELECT 'a', 1, ['x', 'y'], NULL, true UNION ALL SELECT 'b', 2, [], 1.5, false ORDER BY 1"
        )
    assert json.dumps(found) == '[["a", 1, ["x", "y"], null, true], ["b", 2, [], "1.5", false]]'


def test_a_child_carries_no_library_that_it_does_not_need():
    """Where a query yields no row, too, which is all that `check` asks: pandas alone would cost it a quarter of a second."""
    with opened() as session:
        assert session.query("SELECT 1 AS a, 'x' AS b WHERE false").schema == {"a": pl.Int32, "b": pl.String}
        assert "pandas" not in (child_of(session) / "maps").read_text("utf-8")
