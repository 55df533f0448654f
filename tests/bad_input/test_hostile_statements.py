"""Statements that reach outside, never end or take all memory: each is refused before a row is read, soon and cheaply.

`«text×100»` in a file stands for the text a hundred times. Beside each statement stands what is told of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.errors import StatementError
from tests.bad_input.catalogue import numbered
from tests.bad_input.hostile import CASES, SEGMENT
from tests.bad_input.refusing import refused, with_page
from tests.tiny import FILES, MORNING, TABLES, crowd, make

ROOT = Path(__file__).parents[2]
STATEMENTS = sorted(file.stem for file in CASES.glob("*.sql"))
NUMBERS = {
    "two_statements": 47,
    "copy_to_a_file": 47,
    "read_text": 47,
    "recursive_for_ever": 48,
    "ten_thousand_columns": 87,
}
pytestmark = pytest.mark.slow

MOST_SECONDS, MOST_BYTES = 2.0, 512 * 2**20


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What `check` says of each, and what that takes."""
    tiny = make(tmp_path_factory.mktemp("hostile") / "w")
    (tiny.folder / "warehouse.duckdb").unlink()
    tiny.warehouse(TABLES)
    asked = [sys.executable, "-m", "tests.bad_input.hostile", str(tiny.folder), *STATEMENTS]
    now = os.environ | {"JUSTENOUGH_NOW": MORNING.isoformat()}
    done = subprocess.run(asked, cwd=ROOT, env=now, capture_output=True, text=True, check=True)
    return dict(zip(STATEMENTS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("case", numbered(STATEMENTS, NUMBERS))
def test_it_is_refused_within_two_seconds_and_half_a_gigabyte(measured, case):
    found = measured[case]
    assert (found["code"], found["told"]) == (1, with_page((CASES / f"{case}.txt").read_text("utf-8")))
    assert found["told"].startswith("StatementError ")
    assert found["seconds"] < MOST_SECONDS
    assert found["bytes"] < MOST_BYTES
    assert found["bytes_of_children"] < MOST_BYTES


def test_there_are_at_least_sixty():
    assert len(STATEMENTS) >= 60


@pytest.mark.bad_input(48)
def test_a_query_that_does_not_end_is_stopped_and_its_file_named(tmp_path):
    """Nothing of it is too much to look at; it is the rows of others, over and over, that never end."""
    tiny = make(tmp_path / "w", people=crowd(3000), late=(), brands=["north"])
    tiny.set(query_seconds=0.5)
    endless = " ".join(f"LEFT JOIN needs AS n{place} ON n{place}.interest > n.interest - 1" for place in range(4))
    (tiny.folder / SEGMENT).write_text(f"{FILES[SEGMENT]} {endless}\n", "utf-8")
    error = refused(tiny, StatementError)
    assert (error.where, error.what) == (SEGMENT, "it took longer than a query may")
    assert "query_seconds" in error.hint
