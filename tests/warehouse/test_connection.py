import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import (
    DataError,
    JustEnoughError,
    LockedError,
    OutboxError,
    SourceError,
    StatementError,
)
from flows.warehouse.attaching import attach
from flows.warehouse.connection import connect, query, quote, translated
from flows.warehouse.sessions import Session

SECRET = "anna.secret@example.com"


@pytest.fixture
def database(tmp_path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE people AS SELECT 'c1' AS customer_id, '{SECRET}' AS email, 'x' AS born_on")
    return path


def opened(path: Path) -> Session:
    """A session in which a database is attached, and its tables are seen."""
    session = Session(memory="1 GiB")
    attach(session, path, "warehouse")
    session.execute("USE warehouse")
    return session


def failing(path: Path, statement: str) -> JustEnoughError:
    with opened(path) as session, pytest.raises(JustEnoughError) as caught:
        session.query(statement, where="sql/segments/s.sql")
    assert caught.value.__suppress_context__
    return caught.value


def test_a_query_yields_a_frame_and_takes_parameters_by_name(database):
    with connect(database, read_only=True) as connection:
        found = query(
            connection, "SELECT customer_id, $n AS n FROM people WHERE customer_id = $who", {"n": 5, "who": "c1"}
        )
    assert_frame_equal(found, pl.DataFrame({"customer_id": ["c1"], "n": [5]}), check_dtypes=False)


def test_instants_are_read_in_utc():
    with connect() as connection:
        found = query(
            connection, "SELECT TIMESTAMPTZ '2026-11-22 10:00:00+01' AS at, current_setting('TimeZone') AS zone"
        )
    assert (str(found["at"].item()), found["zone"].item()) == ("2026-11-22 09:00:00+00:00", "UTC")


def test_quotes_in_a_text_are_doubled():
    assert quote("O'Neill's") == "O''Neill''s"


def test_a_missing_database_is_named(tmp_path):
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / "none.duckdb")
    assert (caught.value.what, caught.value.hint) == (
        "this database file does not exist",
        "check the setting `database`",
    )
    with pytest.raises(SourceError) as caught:
        connect(tmp_path / "none.duckdb", read_only=True)
    assert caught.value.what == "this database file does not exist"


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "people.csv").write_text(f"{SECRET}\n" * 2000, "utf-8")
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / "people.csv")
    assert caught.value.what == "this file is not a DuckDB database"
    assert SECRET not in str(caught.value)


def test_a_database_that_another_process_writes_to_is_locked_and_it_says_by_whom(database):
    holds = f"import duckdb, time; c = duckdb.connect({str(database)!r}); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            with pytest.raises(LockedError) as caught:
                opened(database)
            assert caught.value.what == f"process {other.pid} has this database open for writing"
            assert caught.value.exit_code == 75
        finally:
            other.kill()
    started = time.monotonic()
    opened(database)
    assert time.monotonic() - started < 10


def test_an_attached_database_cannot_be_written_to(database):
    with opened(database) as session:
        with pytest.raises(JustEnoughError):
            session.query("DELETE FROM people")
        assert session.query("SELECT count(*) AS n FROM people")["n"].to_list() == [1]


QUOTES_DATA = {
    "a cast": "SELECT email::INTEGER FROM people",
    "a date": "SELECT email::DATE FROM people",
    "an instant": "SELECT strptime(email, '%Y') FROM people",
    "an error by the author": "SELECT error(email) FROM people",
    "a number": "SELECT CAST(email AS DECIMAL(3, 1)) FROM people",
    "a struct": "SELECT email::STRUCT(a INTEGER) FROM people",
    "json": "SELECT json_extract(email, '$.a') FROM people",
    "a pattern": "SELECT regexp_matches('a', '(' || email) FROM people",
    "an enum": "SELECT email::ENUM('a', 'b') FROM people",
    "a list": "SELECT email::INTEGER[] FROM people",
    "a scalar of many": "SELECT (SELECT email FROM people, range(2)) FROM people",
    "base64": "SELECT from_base64(email) FROM people",
    "a union": "SELECT email FROM people UNION ALL SELECT 1 ORDER BY email::INTEGER",
    "a function": "SELECT chr(length(email) * 1000000000) FROM people",
}


@pytest.mark.parametrize("statement", QUOTES_DATA.values(), ids=QUOTES_DATA.keys())
def test_no_error_quotes_a_customers_data(database, statement):
    error = failing(database, statement)
    assert error.where == "sql/segments/s.sql"
    assert SECRET not in str(error)
    assert "secret" not in repr(error).lower()


def test_a_failed_cast_says_to_what_and_how_to_mend_it(database):
    error = failing(database, "SELECT email::INTEGER FROM people")
    assert isinstance(error, DataError)
    assert error.what == "a value cannot be cast to INT32"
    assert error.hint == "use TRY_CAST, or mend the rows it fails on"
    assert failing(database, "SELECT born_on::DATE FROM people").what.startswith("a value cannot be cast")


@pytest.mark.parametrize("value", ["sent to ANNA", "to type ANNA", "to ANNA' to INT32", "to TIMES ANNA"])
def test_a_value_that_sounds_like_a_kind_is_not_taken_for_one(database, value):
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE people SET email = ?", [value])
    assert failing(database, "SELECT email::INTEGER FROM people").what in {
        "a value cannot be cast to INT32",
        "a value cannot be cast",
    }


def test_what_is_wrong_with_the_statement_itself_is_passed_on(database):
    assert "emial" in failing(database, "SELECT emial FROM people").what
    assert "persons" in failing(database, "SELECT * FROM persons").what
    assert "syntax error" in failing(database, "SELECT FROM WHERE").what
    assert all(
        isinstance(failing(database, text), StatementError) for text in ("SELECT emial FROM people", "SELECT 1 FROM")
    )


def test_an_error_is_two_lines(database):
    assert len(str(failing(database, "SELECT emial\nFROM people")).splitlines()) == 2


def test_a_query_that_needs_more_memory_than_it_may_use_says_what_to_set():
    with Session(memory="20MB") as session, pytest.raises(SourceError) as caught:
        session.query("SELECT list(r::VARCHAR || 'x') FROM range(3000000) t(r)")
    assert (caught.value.what, caught.value.hint) == (
        "DuckDB ran out of memory",
        "raise the setting `memory`, or use more `parts`",
    )


@pytest.mark.parametrize(
    ("message", "kind", "what"),
    [
        ("Could not set lock on file (PID 12)", LockedError, "process 12 has this database open for writing"),
        ("Could not set lock on file", LockedError, "another process has this database open for writing"),
        ("Could not write file", OutboxError, "this file cannot be written"),
        ("No space left on device", OutboxError, "the disk is full"),
        ("something else about anna.secret@example.com", SourceError, "this database cannot be read"),
    ],
)
def test_trouble_with_files_is_told_apart(message, kind, what):
    with pytest.raises(kind) as caught, translated("the warehouse"):
        raise duckdb.IOException(message)
    assert caught.value.what == what
    assert SECRET not in str(caught.value)


def test_what_reaches_outside_the_database_is_refused(tmp_path):
    (tmp_path / "people.csv").write_text(SECRET, "utf-8")
    with Session(memory="1 GiB") as session:
        session.execute("SET enable_external_access = false")
        with pytest.raises(StatementError) as caught:
            session.query(f"SELECT * FROM read_csv('{tmp_path}/people.csv')")
    assert caught.value.what == "it reaches outside the database, which is not allowed"


@pytest.mark.parametrize("name", ["people.csv", "people.duckdb", "people.sqlite", "empty.parquet"])
def test_whatever_its_name_a_file_that_is_no_database_is_refused_without_fetching_anything(tmp_path, name):
    (tmp_path / name).write_bytes(b"SQLite format 3\x00" + bytes(4096) if "sqlite" in name else b"")
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / name)
    assert caught.value.what == "this file is not a DuckDB database"
