"""Runs that are killed while they carry: the next one finishes, or asks; nothing is seen twice, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flows import line
from tests.tiny import MORNING, clock
from tests.transports.servers import KEYS, emptied
from tests.transports.shops import MAIL, later, sent, states, watched, ways

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("killed.py")
BATCH = f"{MAIL}-2026-11-22-1"
FILES = 3

pytestmark = pytest.mark.crash

EACH_FILE = ("uploading", "uploaded", "revealing", "revealed")
PLACES = [("to be noted", 1), ("noted", 1), ("connected", 1), ("to be noted", 2), ("noted", 2)]
PLACES += [(point, number) for point in EACH_FILE for number in (1, FILES)]
PLACES += [(point, number) for point in ("file to be noted", "file noted") for number in (1, 2, 2 * FILES)]


@pytest.fixture(scope="module")
def runs():
    environment = os.environ | KEYS | {"JUSTENOUGH_NOW": MORNING.isoformat(), "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(DRIVER)], env=environment, **pipes) as found:
        assert found.stdout.readline() == "ready\n"
        yield found
        found.stdin.close()


def killed(runs, tiny, point="", number=1, after=None):
    """Run until the point, or for some seconds."""
    runs.stdin.write(f"{tiny.folder}|{point}|{number}\n")
    runs.stdin.flush()
    pid = int(runs.stdout.readline())
    if after is not None:
        time.sleep(after)
        with suppress(ProcessLookupError):  # it was quicker
            os.kill(pid, signal.SIGKILL)
    status = int(runs.stdout.readline())
    assert status in ((-signal.SIGKILL,) if after is None else (-signal.SIGKILL, 0)), (point, number, status)


def seen_once(tiny, end, kill, *, keeps):
    """Kill a run, let the next one go on, and return what has become of the batch."""
    ways(tiny, **{MAIL: end.settings(keeps_files=keeps)})
    with watched(end, greedy=not keeps) as watcher:
        kill()
        later(tiny)
    files, state = sent(tiny), states(tiny)[BATCH]
    assert {name: contents for name, contents in watcher.seen.items() if contents != [files[name]]} == {}
    assert watcher.torn == []
    if state == "carried":
        assert watcher.seen.keys() == files.keys()
    return state


def test_a_run_that_is_killed_while_it_carries_is_finished_by_the_next(runs, waiting, sftp_end):
    assert seen_once(waiting, sftp_end, lambda: killed(runs, waiting, "revealed", 2), keeps=True) == "carried"
    assert sftp_end.list() == sent(waiting)


def test_what_was_taken_before_it_was_noted_is_not_sent_again(runs, waiting, s3_end):
    assert seen_once(waiting, s3_end, lambda: killed(runs, waiting, "revealed", 1), keeps=False) == "hold"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("keeps", [True, False])
def test_wherever_a_run_is_killed_nothing_is_lost_and_nothing_seen_twice(runs, waiting, end, tmp_path, keeps):
    held = []
    for place in PLACES:
        tiny = waiting.copy(tmp_path / "-".join(map(str, place)))
        if (
            seen_once(tiny, emptied(end), lambda tiny=tiny, place=place: killed(runs, tiny, *place), keeps=keeps)
            != "carried"
        ):
            held.append(place)
    if keeps:
        assert held == []
    else:  # what a reader may have taken before it was noted
        assert {point for point, _ in held} <= {"file noted", "revealing", "revealed", "file to be noted"}
        assert ("revealed", 1) in held


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_at_whatever_time_a_run_is_killed_the_next_one_finishes_it(runs, waiting, end, tmp_path):
    draws = random.Random(20261122)
    for number in range(10):
        tiny = waiting.copy(tmp_path / f"tiny-{number}")
        after = draws.uniform(0.05, 2)
        assert (
            seen_once(tiny, emptied(end), lambda tiny=tiny, after=after: killed(runs, tiny, after=after), keeps=True)
            == "carried"
        )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_decisions_of_a_person_hold_whenever_a_run_is_killed(runs, waiting, s3_end):
    ways(waiting, **{MAIL: s3_end.settings()})
    killed(runs, waiting, "revealing", 1)
    assert later(waiting)[BATCH][0] == "hold"
    with clock(MORNING):
        again = line.resolve_hold(waiting.load(), BATCH, "publish")
    assert [each.state for each in again.carried] == ["carried"]
    assert {name.split("/")[0] for name in s3_end.list()} == {f"{MAIL}-2026-11-22-2"}
