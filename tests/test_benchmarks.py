"""The benchmark runs, and its table has every stage of the line, for every size."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flows.stages import ORDER
from tests.house.tree import ROOT

SIZES = ("200", "300")


@pytest.mark.slow
def test_the_line_is_measured_stage_by_stage_at_every_size():
    command = [sys.executable, str(ROOT / "benchmarks" / "line.py"), "--customers", *SIZES]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, *lines = printed.splitlines()
    assert [word for word in head.split() if word.isdigit()] == list(SIZES)
    measured = [(row[:24].strip(), row[24:].split()) for row in lines]
    assert [name for name, _ in measured] == [
        "reading from DuckDB",
        "addresses",
        *ORDER,
        "ledger and publishing",
        "the rest",
        "the whole run",
        "(floor)",
        "(building the sample)",
        "(guard, exposure, crowd)",
        "(rows published)",
    ]
    *steps, whole = [[float(number) for number in numbers] for _, numbers in measured[:-4]]
    for size in range(len(SIZES)):
        seconds, cpu, _, peak = zip(*(row[4 * size : 4 * size + 4] for row in steps), strict=True)
        assert all(megabytes > 20 for megabytes in peak)  # each has run
        assert max(peak) == whole[4 * size + 3]
        assert abs(sum(seconds) - whole[4 * size]) < 0.1
        assert abs(sum(cpu) - whole[4 * size + 1]) < 0.1
    assert all(int(rows) > 0 for rows in measured[-1][1])


@pytest.mark.slow
def test_checking_the_sample_takes_a_few_times_what_importing_the_program_does():
    """Some .42 s and 1.3 s of CPU on an idle machine of 2026, where two seconds are what people wait for.

    A ratio holds on a busy one too.
    """
    command = [sys.executable, str(ROOT / "benchmarks" / "check.py"), "--times", "2"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 0.5 < float(printed.splitlines()[-1].split()[1]) < 3.7


@pytest.mark.slow
def test_claims_cost_no_more_for_a_long_history_than_its_end_does():
    """Two million claims of a thousand days, sixty thousand of them in the last thirty; CPU of the same machine, so a ratio."""
    command = [sys.executable, str(ROOT / "benchmarks" / "claims.py"), "--claims", "2000000", "--messages", "50000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "5,000 repeated" in printed
    assert float(printed.splitlines()[-1].split()[1]) < 2


@pytest.mark.slow
def test_a_killed_batch_is_undone_in_less_time_than_people_wait():
    """Some 0.1 s for a hundred thousand messages on a busy machine; ten are allowed for ten times as many."""
    command = [sys.executable, str(ROOT / "benchmarks" / "recovery.py"), "--messages", "100000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(printed.split()[-2]) < 10
