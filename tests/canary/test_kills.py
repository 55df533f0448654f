"""A person is in the memory, the spill and the staging folder of a program that is killed: nothing of them stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.bad_input.test_machine import can_mount
from tests.canary.failures import edited, made
from tests.canary.spelling import MAIL
from tests.canary.test_leaks import ROOT, SCANNER, places_of, started
from tests.canary.watching import watch
from tests.tiny import MORNING

PROGRAM = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
OWNERS = """
SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest + 0 * v.most AS interest
FROM needs n
JOIN people p USING (customer_id, brand)
JOIN (SELECT customer_id, brand, count(DISTINCT page) AS most FROM visits GROUP BY ALL) v USING (customer_id, brand)
"""
pytestmark = pytest.mark.slow


def spilling(folder):
    """A workspace whose segment counts more than the memory holds, each row with an address in it."""
    tiny = made(folder)
    tiny.warehouse(
        f"CREATE TABLE visits AS SELECT p.customer_id, p.brand, '{MAIL}' || md5(i::VARCHAR) || md5((i * 3)::VARCHAR) AS page "
        "FROM people p, range(200000) r(i)"
    )
    edited("sql/dimensions.yaml", "  barred:", "  visits:      {person: customer_id}\n  barred:")(tiny)
    edited("sql/dimensions.yaml", "needs.*,", "needs.*, visits.*,")(tiny)
    (tiny.folder / "sql/segments/owners.sql").write_text(OWNERS, "utf-8")
    tiny.set(memory="512MiB")  # the least; half is DuckDB's
    return tiny


def run_in(tmp_path, tiny):
    return started(tmp_path, "-c", PROGRAM, "run", "--workspace", str(tiny.folder))


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_what_is_spilled_is_for_nobody_elses_eyes_and_goes_with_the_next_run_after_a_kill(tmp_path, killer):
    tiny = spilling(tmp_path / "workspaces/tiny")
    scratch = tiny.state / "scratch"

    def has_spilled(seen):
        return sum(path.stat().st_size for path in seen.spilled if path.exists()) > 2**20

    with run_in(tmp_path, tiny) as child:
        seen = watch(child, tmp_path, has_spilled)
        os.killpg(child.pid, killer)
    assert child.returncode == -killer
    assert seen.lax == set()
    assert any(MAIL.encode() in path.read_bytes() for path in scratch.rglob("*") if path.is_file())  # it would be found
    assert list((tmp_path / "here").iterdir()) == []  # no dump
    with run_in(tmp_path, tiny) as child:
        seen = watch(child, tmp_path)
    assert (child.returncode, bool(seen.spilled), seen.lax) == (0, True, set())
    assert list(scratch.iterdir()) == []
    nothing_leaked(tmp_path)


@pytest.mark.parametrize("place", ["staging/*", "plans/*/decisions", "ledger.duckdb.wal"])
def test_a_run_that_is_killed_leaves_nobody_where_nobody_may_be_nor_does_the_one_that_recovers(tmp_path, place):
    tiny = made(tmp_path / "workspaces/tiny")
    with run_in(tmp_path, tiny) as child:
        watch(child, tmp_path, lambda _: any(tiny.state.glob(place)))
        os.killpg(child.pid, signal.SIGKILL)
    with run_in(tmp_path, tiny) as child:
        seen = watch(child, tmp_path)
    assert (child.returncode, seen.lax) == (0, set())
    assert list((tiny.state / "staging").iterdir()) == []
    nothing_leaked(tmp_path)


@pytest.mark.skipif(not can_mount(), reason="no mount namespaces here")
@pytest.mark.parametrize("place", ["all+524288", ".justenough/membership", ".justenough/plans"])
def test_a_full_disk_is_told_without_anybody(tmp_path, place):
    tiny = made(tmp_path / "tiny")
    command = ["unshare", "-rm", sys.executable, "-m", "tests.bad_input.small_disk", str(tiny.folder), place]
    environment = os.environ | {"JUSTENOUGH_NOW": MORNING.isoformat()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert re.search(rb"OutboxError", done.stdout)
    assert SCANNER.found(stdout=done.stdout, stderr=done.stderr) == {}


def nothing_leaked(folder):
    """Nobody is in what the runs in this folder said, nor in any file but those that may hold them."""
    (folder / "workspaces/tiny/warehouse.duckdb").unlink()  # everybody is in it, and it may be large
    found = places_of(SCANNER.found(folder / "workspaces"))
    assert found.pop("", {}) == {}
    assert {"plans", "batches"} <= set(found)
    assert SCANNER.found(*(folder / name for name in ("stdout", "stderr", "here", "home", "temporary"))) == {}
