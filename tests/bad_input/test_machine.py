"""A machine that does not play along: no room on a disk, folders that only may be read, two runs at once, what a crash leaves.

The numbers are those of `catalogue.py`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows import line
from tests.tiny import MORNING

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
NOW = {"JUSTENOUGH_NOW": MORNING.isoformat(), "PYTHONPATH": str(ROOT)}
_DROP_FROM_BOUNDING_SET, _CAP_DAC_OVERRIDE = 24, 1


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and not subprocess.run([unshare, "-rm", "true"], check=False, capture_output=True).returncode
    )


def started(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ | NOW, stdout=pipe, stderr=pipe, text=True, **options)


SLOW = pytest.mark.slow
FULL = [
    ("all+524288", "/w/.justenough/", []),
    pytest.param("all+0", "/w/.justenough/", [], marks=SLOW),
    pytest.param("all+65536", "/w/.justenough/", [], marks=SLOW),
    pytest.param(".justenough/addresses", "addresses", [], marks=SLOW),
    pytest.param(".justenough/membership", ".parquet", ["email_file", "sms_file"], marks=SLOW),
    pytest.param(".justenough/plans", "order.json", [], marks=SLOW),
    pytest.param(".justenough/content", "content", [], marks=SLOW),
    *(pytest.param(f"all+{size}", "", None, marks=SLOW) for size in range(1_000_000, 1_800_000, 200_000)),
]


@pytest.mark.bad_input(98)
@pytest.mark.skipif(not can_mount(), reason="no mount namespaces here")
@pytest.mark.parametrize(("place", "where", "seen"), FULL)
def test_where_no_room_is_left_nothing_is_lost_and_with_room_everything_leaves_once(tiny, place, where, seen):
    asked = ["unshare", "-rm", sys.executable, "-m", "tests.bad_input.small_disk", str(tiny.folder), place]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if seen is None and not found["said"]:  # there was room enough
        seen = ["email_file", "sms_file", "web_profiles"]
    else:
        name, place_told, what, hint, code = found["said"]
        assert (name, code) == ("OutboxError", 1)
        assert where in place_told
        assert "full" in what or "written" in what or "kept" in what or "made" in what
        assert "free some space" in hint or "right to write" in hint
    assert seen is None or found["seen"] == seen
    assert found["then"] == []
    assert len(found["messages"]) == len(set(found["messages"])) == 8
    assert found["claims"] == [8, 8]


@pytest.mark.bad_input(105)
@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("outbox", "this is not a folder that can be written to"),
        pytest.param(".", "this folder cannot be made (Permission denied)", marks=SLOW),
        pytest.param(".justenough", "this is not a folder that can be written to", marks=SLOW),
    ],
)
@pytest.mark.slow
def test_a_folder_that_only_may_be_read_stops_the_run_before_it_claims(tiny, folder, what):
    place = tiny.folder / folder
    place.mkdir(mode=0o700, exist_ok=True)
    place.chmod(0o500)
    done = started("run", "--workspace", str(tiny.folder), preexec_fn=_as_everybody)
    told = done.communicate()[1]
    place.chmod(0o700)
    # Where how the run ended cannot be kept either, that is said before.
    [refused] = [said for said in told.splitlines() if said.startswith("OutboxError ")]
    assert done.returncode == 1
    assert what in refused
    assert "give this user the right to write there" in told
    assert tiny.batches() == []
    assert tiny.everything().get("claim", []) == []
    outcome = tiny.run()
    assert [published.rows for published in outcome.delivered.published] == [7, 1, 10]


def _as_everybody() -> None:
    """Root may write everywhere; not any more after this. For others it fails, and is not needed."""
    ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.bad_input(99, 103)
def test_of_two_schedulers_at_once_one_runs_and_the_other_is_told_to_try_again(tiny):
    runs = [started("run", "--workspace", str(tiny.folder)) for _ in range(2)]
    told = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 75], [0, 0]), told
    refused = "".join(said for run, said in zip(runs, told, strict=True) if run.returncode)
    assert not refused or "holds the lock" in refused
    sent = [row["message_id"] for batch in tiny.batches() if batch.manifest["kind"] == "message" for row in batch.rows]
    assert len(sent) == len(set(sent)) == 8
    assert tiny.history("SELECT count(*) FROM claim") == [(8,)]


@pytest.mark.bad_input(107)
def test_what_a_killed_run_had_spilled_is_gone_after_the_next(tiny):
    """DuckDB takes its own spill away when it ends, and a kill lets it end nothing."""
    spilled = tiny.state / "scratch" / "duckdb_temp_storage_DEFAULT-0.tmp"
    spilled.parent.mkdir(mode=0o700)
    spilled.write_text("ann@x.example.com")
    line.tidy(tiny.load())
    assert not spilled.exists()


@pytest.mark.bad_input(107)
def test_a_process_that_reads_the_warehouse_leaves_no_core_dump(tiny):
    """It would hold everybody whom the process has in memory, in clear."""
    code = (
        "import resource, sys; from flows.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
        "main(['explain', 'c01', '--workspace', sys.argv[1]]); print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    tiny.plan()
    command = [sys.executable, "-c", code, str(tiny.folder)]
    done = subprocess.run(command, env=os.environ | NOW, capture_output=True, text=True, check=True)
    assert resource.getrlimit(resource.RLIMIT_CORE)[1] != 0, "there can be none here, so this shows nothing"
    assert done.stdout.splitlines()[-1] == "1"  # byte: none would not end a dump through a pipe
