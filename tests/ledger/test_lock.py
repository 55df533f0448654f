"""One run at a time; the lock is gone with the process that held it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.errors import LockedError
from flows.ledger.lock import run_lock

ROOT = Path(__file__).parents[2]


def holding(settings, then="sys.stdin.read()"):
    """Another process that holds the lock."""
    code = f"""
import pathlib, sys, time
from flows.ledger.lock import run_lock
from flows.settings import Settings
state = pathlib.Path({str(settings.state)!r})
with run_lock(Settings(workspace=state, name="t", state=state, targets={{}}, brands={{}}), "justenough run"):
    print("held", flush=True)
    {then}
"""
    command = [sys.executable, "-c", code]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_lock_that_is_held_is_refused_with_its_holder(settings):
    with holding(settings) as holder:
        with pytest.raises(LockedError) as refused, run_lock(settings, "justenough plan"):
            pass
        holder.stdin.close()
    assert refused.value.what == f"justenough run, process {holder.pid} holds the lock"
    assert refused.value.exit_code == 75


def test_a_lock_is_waited_for_as_long_as_the_settings_say(settings):
    patient = settings.model_copy(update={"lock_wait_seconds": 20})
    with holding(settings, then="time.sleep(0.5)"), run_lock(patient, "justenough plan"):
        assert (settings.state / "lock").read_text().startswith("justenough plan, process ")


def test_a_lock_is_free_when_its_holder_was_killed(settings):
    holder = holding(settings)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    before = time.monotonic()
    with run_lock(settings, "justenough plan"):
        assert time.monotonic() - before < 1


def test_a_lock_is_free_again_after_an_error(settings):
    with pytest.raises(KeyError), run_lock(settings, "justenough run"):
        raise KeyError
    with run_lock(settings, "justenough run"):
        assert oct((settings.state / "lock").stat().st_mode & 0o777) == "0o600"
