"""What many customers would take is reckoned from two measured runs, and the documentation says what comes of its own two."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.estimate import MEASURED, Asked, Measured, rates, read, told
from tests.house.tree import ROOT

SMALL = Measured("here", customers=500_000, parts=4, workers=2, seconds=60.0, part_seconds=60.0, megabytes=250.0)
LARGE = Measured("here", customers=1_000_000, parts=8, workers=2, seconds=118.0, part_seconds=136.0)


def test_what_grows_with_the_parts_and_with_customers_is_told_from_what_does_not():
    found = rates(SMALL, LARGE)
    assert found.past == pytest.approx(4e-6)  # a customer takes 120 µs in four parts, and 136 in eight
    assert found.own == pytest.approx(104e-6)
    assert found.alone == pytest.approx(40e-6)  # 30 s beside the parts, and 50 s of half a million more
    assert found.start == pytest.approx(10)


def test_an_estimate_says_how_long_on_what_and_for_how_much():
    lines = told(SMALL, LARGE, Asked(customers=10_000_000, parts=8, workers=4, per_machine=2, price=3.0)).splitlines()
    assert lines[3:] == [
        "10,000,000 customers, 0.2 billion events, 8 parts, 4 workers on 2 machines:",
        "  parts    0.1 hours (0.4 worker-hours, 24% of it reading past others)",
        "  alone    0.1 hours of one worker, the other machines let go",
        "  in all   0.2 hours, 0 machine-hours, at 3.00 each 1; 5 GB of plan and files",
    ]


def test_runs_that_do_not_go_together_are_refused(tmp_path):
    files = []
    for number, run in enumerate((SMALL, replace(LARGE, customers=500_000))):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(asdict(run)), "utf-8")
    with pytest.raises(SystemExit, match="two runs are needed, of different customers"):
        read(files)


def test_the_documentation_says_what_its_two_runs_come_to():
    estimate = told(*read(sorted(MEASURED.glob("*.json"))), Asked())
    assert f"```text\n{estimate}\n```" in (ROOT / "docs" / "how-to" / "many-machines.md").read_text("utf-8")
