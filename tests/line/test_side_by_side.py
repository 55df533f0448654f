"""What works while a run is under way: whoever asks, tells or says stop does not wait for its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.ledger.lock import run_lock
from flows.ledger.store import open_ledger
from tests.tiny import MORNING, make

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("side") / "tiny", brands=["north"])
    tiny.run()
    return tiny


def call(tiny, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": MORNING.isoformat()}
    command = [sys.executable, "-m", "flows.cli", *arguments, "--workspace", str(tiny.folder), "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_asking_telling_and_saying_stop_go_on_beside_a_run_and_another_run_does_not(delivered):
    with run_lock(delivered.load().settings, "justenough run"):
        asked = call(delivered, "explain", "c01")
        told = call(delivered, "acknowledge", "email_file-2026-11-22-1", "loaded")
        said = call(delivered, "opt-out", "c13")
        again = call(delivered, "run")
        answers = [process.communicate()[0] for process in (asked, told, said, again)]
    assert [process.returncode for process in (asked, told, said, again)] == [0, 0, 0, 75]
    assert json.loads(answers[1]) == {
        "batch": "email_file-2026-11-22-1",
        "state": "loaded",
        "released": 0,
        "messages": None,
        "stopped": 0,
        "unreadable": 0,
    }
    assert "justenough run, process" in answers[3]


def test_whoever_needs_the_history_waits_for_a_seal_to_end(delivered):
    with open_ledger(delivered.load().settings):
        asked = call(delivered, "explain", "c01")
        time.sleep(2)
        assert asked.poll() is None or asked.returncode != 0  # it cannot have read what is open here
    answer, complaint = asked.communicate()
    assert (asked.returncode, complaint) == (0, "")
    assert "care" in answer
