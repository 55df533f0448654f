"""Events on a real server and worker: the page's commands, as they stand, start a run that answers what is in the inbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.prefect_processes import ROOT, Processes
from tests.line.happened import Happened, event
from tests.tiny import day, make

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

SECTION = (ROOT / "docs" / "how-to" / "events.md").read_text("utf-8")
TRIGGER, POST = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[tuple[Processes, Happened]]:
    """A server and a worker, and a workspace after its first day; its deployment looks once a day, not once a minute."""
    folder = tmp_path_factory.mktemp("events")
    tiny = make(folder / "tiny", brands=["north"])
    tiny.run()
    (tiny.state / "inbox/events").mkdir(parents=True)
    schedules = (ROOT / "prefect.yaml").read_text("utf-8")
    (tiny.folder / "prefect.yaml").write_text(schedules.replace("interval: 60", "interval: 86400"), "utf-8")
    own = {"JUSTENOUGH_HOME": str(tiny.folder), "JUSTENOUGH_NOW": day(1).isoformat()}
    processes = Processes(folder, own)
    home = tiny.folder
    try:
        processes.start("server", "-m", "prefect", "server", "start", "--port", processes.port, cwd=home)
        processes.until("server", lambda: processes.ask("health"))
        pool = ("work-pool", "create", "local-process", "--type", "process", "--overwrite")
        processes.prefect("pool", "--no-prompt", *pool, cwd=home)
        processes.prefect("deploy", "--no-prompt", "deploy", "--name", "events", cwd=home)
        processes.start("worker", "-m", "prefect", "worker", "start", "--pool", "local-process", cwd=home)
        yield processes, Happened(tiny)
    finally:
        processes.stop()


def shell(processes: Processes, script: str) -> str:
    bash = shutil.which("bash") or "bash"
    done = subprocess.run(
        [bash, "-euc", script],
        env={**os.environ, **processes.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs(processes: Processes) -> list[dict]:
    found = processes.ask("flow_runs/filter", {"flows": {"name": {"any_": ["respond"]}}})
    return [run for run in found if run["state"]["type"] != "SCHEDULED" or not run["auto_scheduled"]]


def test_the_commands_of_the_readme_start_a_run_that_answers_and_prefect_is_told_of_nobody(started):
    processes, happened = started
    happened.put([event("basket-of-eva", "c05")], "a.csv")
    shell(processes, TRIGGER)
    processes.until("the answer to an event", lambda: not happened.inbox())
    happened.put([event("basket-of-gus", "c07")], "b.csv")
    first = shell(processes, POST)
    processes.until("the answer to a POST", lambda: not happened.inbox())
    assert happened.sent() == {"email_file": {"c05", "c07"}}
    ended = processes.until(
        "the end of both", lambda: [run for run in runs(processes) if run["state"]["type"] == "COMPLETED"][1:]
    )
    assert ended
    told = [run["state"]["message"] for run in runs(processes)]
    assert [each.partition(";")[0] for each in told] == ["1 event of 1 customer: 1 get something"] * 2
    assert '"id"' in first
    everything = b"".join(path.read_bytes() for path in processes.home.rglob("*") if path.is_file())
    everything += processes.said().encode()
    assert not [
        name for name in (b"basket-of-eva", b"basket-of-gus", b'"c05"', b"tie@x.example.com") if name in everything
    ]
