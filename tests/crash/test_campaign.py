"""Runs are killed again and again, two at once, while people say stop: nothing twice, nothing lost, nothing torn, nobody late."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.what_is_left import STATES

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("kills", "people", "least"),
    [
        pytest.param(30, 160, 0, id="30-kills", marks=pytest.mark.timeout(1800)),
        pytest.param(200, 26_000, 5, id="200-kills-of-52000-rows", marks=[pytest.mark.slow, pytest.mark.timeout(7200)]),
        pytest.param(
            2000,
            26_000,
            5,
            id="2000-kills-of-52000-rows",
            marks=[pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(72000)],
        ),
    ],
)
def test_whenever_runs_are_killed_nothing_is_doubled_lost_torn_or_late(tmp_path, record_property, kills, people, least):
    """Everybody gets one message and a place on the web, so a day's plan has twice as many rows as people."""
    told = campaign(tmp_path, kills=kills, people=people, seed=kills)
    record_property(
        "told", f"{kills} kills left: {told['states']}; {told['stops']} said stop, {told['left_out']} rows fewer"
    )
    assert {fault: told[fault] for fault in ("double", "lost", "torn", "late")} == {
        "double": [],
        "lost": [],
        "torn": [],
        "late": [],
    }
    assert told["kills"]["named"] + told["kills"]["random"] == sum(told["states"].values()) == kills
    assert abs(told["kills"]["named"] - told["kills"]["random"]) <= kills / 5
    assert told["rows"] > 0
    assert told["left_out"] > 0
    assert [state for state in STATES if told["states"].get(state, 0) < least] == []


def campaign(folder, *, kills: int, people: int, seed: int) -> dict:
    command = [
        sys.executable,
        "-m",
        "tests.crash.campaign",
        str(folder),
        "--kills",
        str(kills),
        "--people",
        str(people),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, "--seed", str(seed)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        out, err = child.communicate()
    assert child.returncode == 0, err
    return json.loads(out)
