"""The same run on the workers of a cluster, of this machine and by an address, and with two of them killed in the middle.

Each runs in a workspace of its own with the same warehouse, key file and clock, and must write the same payload as the command
line.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from flows.keys import load_key
from flows.sample import build_sample
from tests.canary.scanner import layers
from tests.end_to_end.dask_processes import DaskProcesses, kill_who_delivers, kill_who_works
from tests.end_to_end.prefect_processes import ROOT
from tests.end_to_end.test_prefect import NOW, identities, known, payload, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(1800)]

PARTS = 6
MOST_GROWN_MB = 300


@dataclass(frozen=True)
class Happened:
    """What the processes did: the workspaces they ran in, and what the calls told."""

    processes: DaskProcesses
    folders: dict[str, Path]
    told: dict[str, dict[str, Any]]
    killed: dict[str, int]


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    folder = tmp_path_factory.mktemp("dask")
    folders = {name: workspace(folder / name) for name in ("command_line", "on_this_machine", "killed", "nobody")}
    load_key(folder / "key")
    build_sample(folder / "shop.duckdb", ROOT / "sql", as_of=date(2026, 11, 20), customers=4_000)
    environment = {
        "JUSTENOUGH_DATABASE": str(folder / "shop.duckdb"),
        "JUSTENOUGH_KEY_FILE": str(folder / "key"),
        "JUSTENOUGH_NOW": NOW,
        "JUSTENOUGH_PARTS": str(PARTS),
    }
    processes = DaskProcesses(folder, environment)
    try:
        yield _everything(processes, folder, folders)
    finally:
        processes.stop()


def _everything(processes: DaskProcesses, folder: Path, folders: dict[str, Path]) -> Happened:
    processes.start("command_line", "-m", "flows.cli", "run", "--workspace", str(folders["command_line"]), cwd=folder)
    processes.start_all(folder, workers=2)
    processes.finish("command_line")
    _start(processes, folders, "on_this_machine", JUSTENOUGH_DASK_WORKERS="2")
    told = {"on_this_machine": _told(processes, "on_this_machine")}
    _start(processes, folders, "killed", JUSTENOUGH_DASK_ADDRESS=processes.address)
    state = folders["killed"] / ".justenough"
    killed = {step: kill_who_works(state, step) for step in ("plan", "word")}
    kill_who_delivers(state)
    told["killed"] = _told(processes, "killed")
    processes.stop("worker_0", "worker_1")
    refused = _start(processes, folders, "nobody", JUSTENOUGH_DASK_ADDRESS=processes.address)
    assert refused.wait(300) != 0
    return Happened(processes, folders, told, killed)


def _start(processes: DaskProcesses, folders: dict[str, Path], name: str, **settings: str) -> Any:
    script = str(ROOT / "tests" / "end_to_end" / "on_a_cluster.py")
    return processes.start(name, script, str(folders[name]), cwd=ROOT, JUSTENOUGH_RUNNER="dask", **settings)


def _told(processes: DaskProcesses, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(processes.finish(name).rpartition("FOUND ")[2].splitlines()[0])
    return found


def _noted(happened: Happened, name: str) -> list[dict[str, Any]]:
    plan = happened.folders[name] / ".justenough" / "plans" / happened.told[name]["run_id"]
    noted: list[dict[str, Any]] = json.loads((plan / "parts.json").read_text("utf-8"))
    return noted


@pytest.mark.parametrize("name", ["on_this_machine", "killed"])
def test_a_cluster_delivers_what_the_command_line_delivers(happened: Happened, name: str):
    assert happened.told[name]["parts"] == PARTS
    assert happened.told[name]["people"] > 100
    assert _by_content(happened.folders[name]) == _by_content(happened.folders["command_line"])


def test_parts_are_worked_on_by_two_processes_that_are_not_the_flows(happened: Happened):
    noted = _noted(happened, "on_this_machine")
    assert sorted((each["step"], each["part"]) for each in noted) == [
        (step, part) for step in ("plan", "word") for part in range(PARTS)
    ]
    assert [each["attempts"] for each in noted] == [1] * len(noted)
    seconds: dict[str, float] = defaultdict(float)
    for each in noted:
        seconds[each["worker"]] += each["seconds"]
    first, second = sorted(seconds.values())[-2:]
    assert first + second > 0.9 * sum(seconds.values())
    assert min(first, second) > 0.1 * sum(seconds.values())
    assert f"{os.uname().nodename}-{happened.processes.pid('on_this_machine')}" not in seconds


def test_the_process_of_the_flow_grows_by_little(happened: Happened):
    assert {name: told["grown_mb"] < MOST_GROWN_MB for name, told in happened.told.items()} == {
        "on_this_machine": True,
        "killed": True,
    }


def test_a_part_whose_worker_was_killed_is_done_by_another_once_more(happened: Happened):
    again = {(each["step"], each["part"]): each["attempts"] for each in _noted(happened, "killed")}
    assert {step: again[step, part] for step, part in happened.killed.items()} == {"plan": 2, "word": 2}
    assert "was begun 2 times" in happened.processes.log("killed")


def test_of_a_delivery_whose_worker_was_killed_every_message_is_claimed_once_and_everything_adds_up(happened: Happened):
    folder = happened.folders["killed"]
    with duckdb.connect(str(folder / ".justenough" / "ledger.duckdb"), read_only=True) as ledger:
        [(run, state)] = ledger.sql("SELECT run_id, state FROM run").fetchall()
        [(claims, messages)] = ledger.sql("SELECT count(*), count(DISTINCT (decision_id, lane)) FROM claim").fetchall()
        counted = "SELECT sum(row_count - released_count) FROM batch WHERE kind = 'message' AND state = 'published'"
        [(rows,)] = ledger.sql(counted).fetchall()
        [(receipts,)] = ledger.sql(
            "SELECT count(*) FROM receipt JOIN batch USING (batch_id) WHERE kind = 'message' AND state = 'published'"
        ).fetchall()
    manifests = [json.loads(path.read_bytes()) for path in folder.glob("outbox/*/*/manifest.json")]
    written = sum(manifest["rows"] for manifest in manifests if manifest["kind"] == "message")
    assert (run, state) == (happened.told["killed"]["run_id"], "delivered")
    assert claims == messages == rows == receipts == written


def test_a_cluster_without_workers_is_told_with_the_next_step(happened: Happened):
    said = happened.processes.log("nobody")
    assert f"the cluster at {happened.processes.address} has no workers" in said
    assert "hint: start some with: dask worker ADDRESS --nthreads 1" in said
    assert not (happened.folders["nobody"] / "outbox").exists()


def test_nothing_that_prefect_or_dask_keeps_or_says_holds_a_customers_data(happened: Happened):
    canaries = identities(happened.folders["command_line"])
    assert len(canaries) > 100
    kept = [path for path in happened.processes.home.rglob("*") if path.is_file()]
    held = [layer for path in [*kept, *happened.processes.logs.iterdir()] for layer in layers(path.read_bytes())]
    assert known(canaries, held) == set()


def _by_content(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Target and file -> the digests of what was written; a batch that was made again has another number."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, digest in payload(folder).items():
        target, _, rest = name.partition("/")
        found[target, rest.partition("/")[2]].append(digest)
    return {place: sorted(digests) for place, digests in found.items()}
