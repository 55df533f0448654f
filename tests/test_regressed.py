"""A figure that has become worse by more than a fifth is named, and by how much; nothing else is."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from benchmarks.figures import RECORDED, read
from benchmarks.regressed import compared
from tests.house.tree import ROOT

COMMAND = [sys.executable, str(ROOT / "benchmarks" / "regressed.py")]
MEASURED = ("against", "cluster", "evaluating", "line", "prices", "rendering", "rolling", "scaling", "starting")
MACHINE = {"day": "2026-11-22", "cores": "2", "memory": "8 GiB"}


def folder(path, figures, machine=MACHINE, name="slow", frozen=None):
    """A folder with what one benchmark has found: name -> value, and which numbers are better."""
    path.mkdir(exist_ok=True)
    listed = [{"name": name, "value": value, "better": better} for name, (value, better) in figures.items()]
    told = {"benchmark": [f"{name}.py", "--rows", "7"], "machine": machine, "figures": listed, "frozen": frozen or {}}
    (path / f"{name}.json").write_text(json.dumps(told), "utf-8")
    return path


def told(tmp_path, was, now, **named):
    recorded, found = folder(tmp_path / "recorded", was), folder(tmp_path / "found", now, **named)
    done = subprocess.run(
        [*COMMAND, "--recorded", recorded, "--found", found], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def test_what_is_worse_by_more_than_a_fifth_is_named_whichever_way_is_better(tmp_path):
    was = {"run / floor": (2.0, "lower"), "ours / Jinja2": (30.0, "higher"), "check": (1.0, "lower")}
    now = {"run / floor": (2.5, "lower"), "ours / Jinja2": (20.0, "higher"), "check": (1.19, "lower")}
    assert told(tmp_path, was, now) == (
        1,
        [
            "slow.py --rows 7",
            "WORSE   run / floor: was 2, is 2.5 (25% worse)",
            "WORSE   ours / Jinja2: was 30, is 20 (50% worse)",
            "as well check: was 1, is 1.19 (19% worse)",
            "2 figures are worse by more than 20%, or cannot be compared",
        ],
    )


def test_what_is_better_is_no_regression(tmp_path):
    was = {"run / floor": (2.0, "lower"), "ours / Jinja2": (30.0, "higher")}
    now = {"run / floor": (1.0, "lower"), "ours / Jinja2": (60.0, "higher"), "new": (9.0, "lower")}
    code, lines = told(tmp_path, was, now)
    assert (code, [line.partition(" ")[0] for line in lines[1:-1]]) == (0, ["as", "as"])


def test_a_figure_that_is_measured_no_more_is_a_regression(tmp_path):
    code, lines = told(tmp_path, {"run / floor": (2.0, "lower")}, {})
    assert (code, lines[1]) == (1, "WORSE   run / floor: was 2, and is measured no more")


def test_another_machine_is_said_so(tmp_path):
    figures = {"check": (1.0, "lower")}
    _, lines = told(tmp_path, figures, figures, machine={**MACHINE, "cores": "64"})
    assert lines[0] == "slow.py --rows 7  (cores 2 then)"


def test_a_floor_that_is_another_one_than_was_recorded_is_said_so(tmp_path):
    figures = {"run / floor": (2.0, "lower")}
    recorded = folder(tmp_path / "recorded", figures, frozen={"floor": "abc", "script": "def"})
    found = folder(tmp_path / "found", figures, frozen={"floor": "fed", "script": "def"})
    was, now = (read(place / "slow.json") for place in (recorded, found))
    assert compared(was, now)[0] == "OTHER   floor: fed, and abc then: record anew"
    assert [line[:5] for line in compared(was, now)] == ["OTHER", "as we"]
    assert len(compared(was, was)) == 1


@pytest.mark.parametrize("name", MEASURED)
def test_each_benchmark_of_what_is_promised_can_be_recorded(name):
    """Asked of its text: to start all of them takes longer than a test may."""
    tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text("utf-8"))
    called = {ast.unparse(node.func): ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called["add_option"] == "add_option(parser)"
    assert called["write"].startswith("write(asked.figures, ")


def test_a_benchmark_that_is_not_recorded_cannot_be_asked_for(tmp_path):
    recorded = folder(tmp_path / "recorded", {"check": (1.0, "lower")})
    done = subprocess.run([*COMMAND, "fast.py", "--recorded", recorded], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "not recorded: fast.py\n")


def test_what_is_recorded_names_a_benchmark_that_is_there_and_its_machine():
    recorded = {file.stem: read(file) for file in RECORDED.glob("*.json")}
    assert "starting" in recorded
    for name, found in recorded.items():
        assert found.benchmark[0] == f"{name}.py"
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
        assert found.figures
        assert {"day", "cores", "memory", "polars"} <= set(found.machine)
