"""Each rule of the protocol is needed: the same scene ends well with it and badly without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.rules import SCENES

ROOT = Path(__file__).parents[2]
FAULTS = ("double", "lost", "torn", "late")
CHEAP = {"every seal drains the inbox"}

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, marks=[] if rule in CHEAP else [pytest.mark.slow]) for rule in SCENES]
)
def test_without_a_rule_the_judge_finds_a_fault(tmp_path, record_property, rule):
    found = verdict(tmp_path, rule, "--off")
    counts = {fault: len(found[fault]) for fault in FAULTS}
    record_property("told", f"without '{rule}': {counts}")
    assert counts[SCENES[rule][1]] > 0


@pytest.mark.slow
@pytest.mark.parametrize("rule", SCENES)
def test_with_the_rule_the_same_scene_has_none(tmp_path, rule):
    found = verdict(tmp_path, rule)
    assert {fault: found[fault] for fault in FAULTS} == {fault: [] for fault in FAULTS}
    assert found["batches"] >= 5


def verdict(folder, rule, *options):
    command = [sys.executable, "-m", "tests.crash.rules", str(folder), rule, *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
