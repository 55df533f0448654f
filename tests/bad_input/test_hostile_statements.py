"""Statements that reach outside, never end or take all memory: each is refused before a row is read, soon and cheaply.

`«text×100»` in a file stands for the text a hundred times. Beside each statement stands what is told of it.
"""

from __future__ import annotations

import re
import resource
import time
from pathlib import Path

import pytest

from flows import cli
from flows.errors import StatementError
from tests.bad_input.refusing import refused
from tests.tiny import FILES, MORNING, TABLES, Tiny, crowd, make

CASES = Path(__file__).parent / "hostile_statements"
STATEMENTS = sorted(file.stem for file in CASES.glob("*.sql"))
SEGMENT = "sql/segments/owners.sql"
MOST_SECONDS, MOST_BYTES = 2.0, 512 * 2**20


@pytest.fixture(scope="module")
def without_a_row(tmp_path_factory) -> Tiny:
    tiny = make(tmp_path_factory.mktemp("hostile") / "w")
    (tiny.folder / "warehouse.duckdb").unlink()
    tiny.warehouse(TABLES)
    return tiny


@pytest.mark.parametrize("case", STATEMENTS)
def test_it_is_refused_within_two_seconds_and_half_a_gigabyte(without_a_row, monkeypatch, capsys, case):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    text = (CASES / f"{case}.sql").read_bytes().decode()
    (without_a_row.folder / SEGMENT).write_text(expanded(text), "utf-8", newline="")
    spent, memory = seconds(), bytes_taken()
    code = cli.main(["check", "--workspace", str(without_a_row.folder)])
    spent, memory = seconds() - spent, bytes_taken() - memory
    told = capsys.readouterr().err.replace(str(without_a_row.folder), "<workspace>")
    assert (code, told) == (1, (CASES / f"{case}.txt").read_text("utf-8"))
    assert told.startswith("StatementError ")
    assert spent < MOST_SECONDS
    assert memory < MOST_BYTES
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MOST_BYTES


def test_there_are_at_least_sixty():
    assert len(STATEMENTS) >= 60


def test_a_query_that_does_not_end_is_stopped_and_its_file_named(tmp_path):
    """Nothing of it is too much to look at; it is the rows of others, over and over, that never end."""
    tiny = make(tmp_path / "w", people=crowd(3000), late=(), brands=["north"])
    tiny.set(query_seconds=0.5)
    endless = " ".join(f"LEFT JOIN needs AS n{place} ON n{place}.interest > n.interest - 1" for place in range(4))
    (tiny.folder / SEGMENT).write_text(f"{FILES[SEGMENT]} {endless}\n", "utf-8")
    error = refused(tiny, StatementError)
    assert (error.where, error.what) == (SEGMENT, "it took longer than a query may")
    assert "query_seconds" in error.hint


def expanded(text: str) -> str:
    return re.sub("«(.*?)×([0-9]+)»", lambda found: found[1] * int(found[2]), text, flags=re.DOTALL)


def seconds() -> float:
    own, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + children.ru_utime + children.ru_stime


def bytes_taken() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
