"""Commands wait for no library that they do not need: what is imported is what a child process tells of itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from flows import cli
from flows.app import app, later
from tests.house.tree import ROOT
from tests.tiny import make

HEAVY = {
    "babel",
    "duckdb",
    "email_validator",
    "jinja2",
    "phonenumbers",
    "polars",
    "prefect",
    "pyarrow",
    "pydantic",
    "sqlglot",
    "yaml",
}
TOLD = """
import contextlib, io, json, sys
from flows import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    codes = [cli.main(words) for words in json.loads(sys.argv[1])]
print(json.dumps([codes, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def imported(*commands: list[str]) -> tuple[list[int], set[str]]:
    """What the commands answer, one after another in a process of their own, and the packages that it has then."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    codes, names = json.loads(done.stdout)
    return codes, set(names)


def test_help_needs_none_of_what_does_the_work():
    commands = [name for name in app if not name.startswith("-")]
    asked = [["--help"], ["--version"], *([name, "--help"] for name in commands), ["strings", "export", "--help"]]
    codes, names = imported(*asked)
    assert (set(codes), names & HEAVY) == ({0}, set())
    assert len(commands) > 15


def test_help_shows_the_six_first_commands_in_their_order_and_all_others_below():
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    _, first, more = re.split(r"^╭─ (?:Start here|More) ─+╮$", done.stdout, flags=re.MULTILINE)
    told = [re.findall(r"^│ ([a-z][a-z-]*) ", panel, re.MULTILINE) for panel in (first, more)]
    assert told[0] == ["run", "plan", "preview", "deliver", "check", "explain"]
    assert told[1] == sorted({name for name in app if not name.startswith("-")} - set(told[0]))


def test_a_word_that_is_no_command_needs_none_of_it_either():
    codes, names = imported(["frobnicate"], ["run", "--frobnicate"])
    assert (codes, names & HEAVY) == ([2, 2], set())


def test_a_check_needs_no_prefect(tmp_path):
    tiny = make(tmp_path / "workspace")
    codes, names = imported(["check", "--workspace", str(tiny.folder)])
    assert (codes, names & HEAVY & {"polars", "duckdb", "jinja2"}) == ([0], {"polars", "duckdb", "jinja2"})
    assert not names & {"prefect", "fastapi", "sqlalchemy", "pandas"}


def test_a_module_for_later_is_the_module_itself(tmp_path):
    assert later("flows.line").run is cli.line.run
    with pytest.raises(ModuleNotFoundError):
        later("flows.nothing")
