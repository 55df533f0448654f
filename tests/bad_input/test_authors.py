"""What an author can do wrong, as files: each case is laid over the tiny workspace, `gone.txt` names what is taken out of it.

`authors/` is told without a warehouse: here there is none, so whatever opened it would fail in another way.
`authors_and_tables/` is told by the names and kinds of columns: here no table has a row, so whatever looked at rows would.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows import cli
from tests.bad_input.catalogue import numbered
from tests.bad_input.refusing import remembered, with_page
from tests.tiny import MORNING, TABLES, Tiny, make

HERE = Path(__file__).parent
KNOWN = sorted(folder.name for folder in (HERE / "authors").iterdir())
NUMBERS = {
    "layout_empty": 54,
    "layout_without_a_block": 54,
    "field_unknown": 49,
    "product_empty": 62,
    "product_key_twice": 93,
    "segment_sql_two_statements": 47,
}
BOUND = sorted(folder.name for folder in (HERE / "authors_and_tables").iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Tiny:
    return make(tmp_path_factory.mktemp("authors") / "w")


@pytest.fixture(scope="module")
def without_a_warehouse(made, tmp_path_factory) -> Tiny:
    tiny = made.copy(tmp_path_factory.mktemp("known") / "w")
    (tiny.folder / "warehouse.duckdb").unlink()
    return tiny


@pytest.fixture(scope="module")
def without_a_row(made, tmp_path_factory) -> Tiny:
    tiny = made.copy(tmp_path_factory.mktemp("bound") / "w")
    (tiny.folder / "warehouse.duckdb").unlink()
    tiny.warehouse(TABLES)
    return tiny


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("case", numbered(KNOWN, NUMBERS))
def test_a_mistake_is_told_before_the_warehouse_is_opened(without_a_warehouse, tmp_path, say, case, command):
    tiny = laid(without_a_warehouse.copy(tmp_path / "w"), HERE / "authors" / case)
    assert say(command, tiny) == expected(HERE / "authors" / case)
    assert nothing_came_of_it(tiny)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("case", BOUND)
def test_a_mistake_that_only_the_tables_can_tell_is_told_before_a_row_is_read(
    without_a_row, tmp_path, say, case, command
):
    tiny = laid(without_a_row.copy(tmp_path / "w"), HERE / "authors_and_tables" / case)
    assert say(command, tiny) == expected(HERE / "authors_and_tables" / case)
    assert nothing_came_of_it(tiny)


def test_without_a_mistake_nothing_is_told(without_a_warehouse, without_a_row, made, tmp_path, say):
    """Otherwise the cases could all be refused for something else."""
    assert say("check", made) == (0, "")
    assert say("check", without_a_row) == (0, "")
    assert say("check", without_a_warehouse)[1].startswith("SourceError <workspace>/warehouse.duckdb")
    code, told = say("run", without_a_row)
    assert (code, told.splitlines()[0]) == (1, "SourceError table needs: this source is empty")
    ran = made.copy(tmp_path / "w")
    assert say("run", ran)[0] == 0
    assert ran.batches()
    assert remembered(ran)


@pytest.fixture
def say(monkeypatch, capsys):
    """The exit code of a command, and what it complained of."""
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())

    def call(command: str, tiny: Tiny) -> tuple[int, str]:
        code = cli.main([command, "--workspace", str(tiny.folder)])
        told = capsys.readouterr().err.replace(str(tiny.folder), "<workspace>")
        return code, told if code else ""

    return call


def laid(tiny: Tiny, case: Path) -> Tiny:
    """The case's files laid over the workspace."""
    shutil.copytree(case, tiny.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected.txt", "gone.txt"))
    gone = case / "gone.txt"
    for name in gone.read_text("utf-8").splitlines() if gone.exists() else ():
        (tiny.folder / name).unlink()
    return tiny


def expected(case: Path) -> tuple[int, str]:
    """A setting is bad usage (2), everything else a no (1)."""
    text = (case / "expected.txt").read_text("utf-8")
    return (2 if text.startswith("SettingError") else 1), with_page(text)


def nothing_came_of_it(tiny: Tiny) -> bool:
    """Nothing published, no plan kept, nothing remembered."""
    plans = tiny.state / "plans"
    return not tiny.batches() and not (plans.exists() and list(plans.iterdir())) and not remembered(tiny)
