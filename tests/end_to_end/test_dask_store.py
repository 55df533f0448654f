"""The same run on machines that see no common folder: parts travel by a store in S3, and one machine is killed in the middle.

They have the words, the SQL, the warehouse and the key; plan, ledger and outbox are where the flow's process is, with one worker.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pytest

from flows.keys import load_key
from flows.sample import build_sample
from tests.canary.scanner import layers
from tests.end_to_end.dask_processes import DaskProcesses, kill_who_works
from tests.end_to_end.prefect_processes import ROOT
from tests.end_to_end.test_dask import _by_content, _start, _told
from tests.end_to_end.test_prefect import NOW, identities, known, workspace
from tests.transports.servers import BUCKET, KEYS, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.transports.servers import Store

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(1800)]

PARTS = 6
STORE = f"s3://{BUCKET}/in"


@dataclass(frozen=True)
class Happened:
    """What the processes did, and what is left where."""

    processes: DaskProcesses
    folders: dict[str, Path]
    elsewhere: Path
    bucket: Store
    run_id: str
    killed: int


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    folder = tmp_path_factory.mktemp("spread")
    folders = {name: workspace(folder / name) for name in ("command_line", "spread", "homeless")}
    load_key(folder / "key")
    build_sample(folder / "shop.duckdb", ROOT / "sql", as_of=date(2026, 11, 20), customers=4_000)
    with store(folder / "store-log") as bucket:
        environment = {
            "JUSTENOUGH_DATABASE": str(folder / "shop.duckdb"),
            "JUSTENOUGH_KEY_FILE": str(folder / "key"),
            "JUSTENOUGH_NOW": NOW,
            "JUSTENOUGH_PARTS": str(PARTS),
            "JUSTENOUGH_STORE": STORE,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.port}",
            **KEYS,
        }
        processes = DaskProcesses(folder, environment)
        try:
            yield _everything(processes, folder, folders, bucket)
        finally:
            processes.stop()


def _everything(processes: DaskProcesses, folder: Path, folders: dict[str, Path], bucket: Store) -> Happened:
    processes.start("command_line", "-m", "flows.cli", "run", "--workspace", str(folders["command_line"]), cwd=folder)
    processes.start_all(folder, workers=0)
    processes.finish("command_line")
    elsewhere = folder / "elsewhere"
    for number in range(2):
        own = {"JUSTENOUGH_STATE": str(elsewhere), "JUSTENOUGH_LEDGER": str(folder / "nowhere.duckdb")}
        processes.start_worker(f"away_{number}", folder, **own)
    homeless = _start(processes, folders, "homeless", JUSTENOUGH_DASK_ADDRESS=processes.address)
    assert homeless.wait(300) != 0
    processes.start_worker("home", folder, "--resources", "home=1")
    _start(processes, folders, "spread", JUSTENOUGH_DASK_ADDRESS=processes.address)
    killed = kill_who_works(elsewhere, "plan", apart="away/*/plans/*/apart/*")
    told = _told(processes, "spread")
    assert told["parts"] == PARTS
    return Happened(processes, folders, elsewhere, bucket, told["run_id"], killed)


def test_machines_that_see_no_common_folder_deliver_what_the_command_line_delivers(happened: Happened):
    assert _by_content(happened.folders["spread"]) == _by_content(happened.folders["command_line"])
    assert not happened.elsewhere.with_name("nowhere.duckdb").exists()  # and nothing that needs the ledger


def test_a_part_whose_machine_was_lost_is_done_by_another_one_and_half_of_it_was_nowhere(happened: Happened):
    plan = happened.folders["spread"] / ".justenough" / "plans" / happened.run_id
    again = {(each["step"], each["part"]): each["attempts"] for each in json.loads((plan / "parts.json").read_bytes())}
    assert again["plan", happened.killed] == 2
    assert len(again) == 2 * PARTS
    assert f"plan {happened.killed} was begun 2 times" in happened.processes.log("spread")


def test_nothing_of_a_run_stays_in_the_store_or_away_from_home(happened: Happened):
    assert happened.bucket.names() == []
    assert not (happened.elsewhere / "away").exists()
    assert [path for path in happened.elsewhere.rglob("*") if path.is_file()] == []


def test_a_cluster_without_a_worker_at_home_is_told_the_next_step(happened: Happened):
    said = happened.processes.log("homeless")
    assert "no worker offers 'home'" in said
    assert "dask worker ADDRESS --nthreads 1 --resources home=1" in said


def test_nothing_that_prefect_dask_or_the_store_say_holds_a_customers_data(happened: Happened):
    canaries = identities(happened.folders["command_line"])
    said = [*happened.processes.logs.iterdir(), happened.elsewhere.with_name("store-log")]
    held = [layer for path in said for layer in layers(path.read_bytes())]
    assert known(canaries, held) == set()
