"""Disks that fail: writes and syncs that are refused, slow ones, and what they gave back changed. Faults come by strace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.errors import StateError
from tests.crash.killing import MAIL, Consumer, all_is_well, killed
from tests.tiny import clock, day

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def run_with(tiny, fault, *paths):
    """`justenough run` on a disk with a fault (strace's `inject`), of these files only where some are named."""
    only = [option for path in paths for option in ("-P", str(path))]
    tracing = ["strace", "-f", "-qq", "-o", "/dev/null", *only, "-e", f"inject={fault}"]
    command = [sys.executable, "-m", "flows.cli", "run", "--workspace", str(tiny.folder)]
    environment = os.environ | {"JUSTENOUGH_NOW": day(1).isoformat(), "PYTHONPATH": str(ROOT)}
    return subprocess.run([*tracing, *command], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("fault", "file"),
    [
        *[(f"fdatasync:error=EIO:when={number}", None) for number in (1, 2, 5, 12, 20, 28)],  # DuckDB's
        *[(f"fsync:error=EIO:when={number}", None) for number in (1, 3, 12, 20, 28, 36, 44, 52, 60)],  # ours
        *[(f"write,pwrite64:error=ENOSPC:when={number}", "ledger.duckdb.wal") for number in (1, 2)],
        ("write,pwrite64:error=ENOSPC:when=1", "ledger.duckdb"),
    ],
)
def test_what_a_disk_refuses_is_said_and_the_next_run_goes_on(second_day, unkilled, tmp_path, fault, file):
    tiny = second_day.copy(tmp_path / "tiny")
    done = run_with(tiny, fault, *([tiny.state / file] if file else []))
    complaints = [line.split()[0] for line in done.stderr.splitlines() if "Error" in line]
    # A checkpoint when the ledger is closed may fail in silence: the write-ahead log still has all of it.
    if done.returncode or fault.startswith("fsync") or file == "ledger.duckdb.wal":
        assert (done.returncode, complaints) == (1, ["OutboxError"]), done.stderr
    tiny.run(at=day(1))
    all_is_well(tiny, Consumer(tiny, greedy=False), unkilled)


@pytest.mark.parametrize("error", ["EACCES", "EROFS", "ENOSPC", "EXDEV"])
def test_a_batch_that_cannot_be_revealed_is_said_and_made_again(second_day, unkilled, tmp_path, error):
    tiny = second_day.copy(tmp_path / "tiny")
    done = run_with(tiny, f"renameat2:error={error}:when=1")
    assert (done.returncode, "the batch cannot be put there" in done.stderr) == (1, True), done.stderr
    tiny.run(at=day(1))
    all_is_well(tiny, Consumer(tiny, greedy=False), unkilled)


def test_a_slow_disk_changes_nothing(second_day, unkilled, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    done = run_with(tiny, "fsync,fdatasync:delay_exit=100000")
    assert done.returncode == 0, done.stderr
    all_is_well(tiny, Consumer(tiny, greedy=False), unkilled)


@pytest.mark.parametrize(
    ("file", "at"),
    [
        ("ledger.duckdb.wal", 0.1),
        *[("ledger.duckdb.wal", at) for at in (0.3, 0.8)],
        *[("ledger.duckdb", at) for at in (0.0, 0.01)],
    ],
)
def test_a_ledger_that_a_disk_gives_back_changed_stops_everything(second_day, unkilled, tmp_path, file, at):
    """The run was killed, so that its last commits stand in the write-ahead log alone."""
    tiny = second_day.copy(tmp_path / "tiny")
    killed(tiny, "sealed", MAIL, Consumer(tiny, greedy=False))
    path, seen = tiny.state / file, tiny.batches()
    whole = path.read_bytes()
    place = int(len(whole) * at)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    with clock(day(1)), pytest.raises(StateError) as caught:
        tiny.run(at=day(1))
    assert caught.value.what == "this database is damaged"
    assert "backup" in caught.value.hint
    assert tiny.batches() == seen
    path.write_bytes(whole)
    tiny.run(at=day(1))
    all_is_well(tiny, Consumer(tiny, greedy=False), unkilled)
