"""A workspace that is served with a server that is there already: what is told of it, tried again, lost, and done without it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from flows import cli
from flows.ledger.lock import run_lock
from flows.settings import load_settings
from tests.end_to_end.prefect_processes import ROOT
from tests.end_to_end.serve_processes import Serving, kill, served
from tests.listening import listening
from tests.tiny import MORNING, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.listening import Heard
    from tests.tiny import Tiny

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

EMPTY = "table needs: this source is empty"
FAULTS = """
import os, sys
from pathlib import Path

FOLDER = Path(__file__).parent

def fail_once(event, told):
    if event == "os.mkdir" and isinstance(told[0], (str, os.PathLike)):
        for wish in FOLDER.glob("*.fault"):
            if wish.read_text() in str(told[0]):
                wish.unlink()
                raise RuntimeError("a fault for ann@x.example.com")

sys.addaudithook(fail_once)
"""
"""In each process of Python: the first folder with such a text in its path is not made, though nothing is wrong with the disk."""


@dataclass
class Told:
    """What is served, what people hear, and the folder in which a fault is wished for."""

    serving: Serving
    tiny: Tiny
    heard: Heard
    faults: Path

    def run(self) -> tuple[str, str]:
        """A run by the form; what people are told comes a moment later, if it does."""
        return self.serving.done()

    def people(self, count: int) -> list[str]:
        """The subjects of what people were told, of so many at least."""
        if count:
            self.serving.until(f"{count} notifications", lambda: len(self.heard) >= count, 60)
        return [body["title"] for _, body in self.heard]

    def fail_once(self, part_of_path: str) -> None:
        (self.faults / f"{time.monotonic_ns()}.fault").write_text(part_of_path, "utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    tiny = make(folder / "tiny", brands=["north"])
    tiny.set(notify="ops")
    faults = folder / "faults"
    faults.mkdir()
    (faults / "sitecustomize.py").write_text(FAULTS, "utf-8")
    environment = {"JUSTENOUGH_NOW": MORNING.isoformat(), "JUSTENOUGH_LOCK_WAIT_SECONDS": "300"}
    environment |= {"PYTHONPATH": f"{faults}{os.pathsep}{ROOT}"}
    serving = Serving(folder, environment)
    with listening() as heard:
        try:
            serving.start("server", "-m", "prefect", "server", "start", "--port", serving.port, cwd=folder)
            serving.until("server", lambda: serving.ask("health"))
            serving.serve(tiny, "without", "--lost-after", "40")
            yield Told(serving, tiny, heard, faults)
        finally:
            serving.stop()
            kill(*served(tiny))


@pytest.fixture(autouse=True)
def said(told: Told) -> Iterator[None]:
    """What all of them said; pytest shows it where a test fails."""
    yield
    print(told.serving.said())  # noqa: T201


def test_the_server_that_is_there_is_used_and_a_block_that_is_missing_is_named(told):
    text = told.serving.log("without")
    assert f"tiny is served: http://127.0.0.1:{told.serving.port}\n  server: the one of PREFECT_API_URL; " in text
    assert "  told of changes: no notification block is called 'ops' yet\n" in text
    assert not [command for command in served(told.tiny).values() if " server " in command]
    names = sorted(each["name"] for each in told.serving.ask("automations/filter", {}))
    assert names == ["events__automation_1", "justenough: runs that nobody hears of have crashed"]
    os.kill(told.serving.pid("without"), signal.SIGINT)  # as Ctrl-C does
    assert told.serving._started["without"].wait(300) == 0
    assert served(told.tiny) == {}
    assert told.serving.ask("health") is True  # it is not ours to end
    _make_block(told)
    told.serving.serve(told.tiny, "serve", "--lost-after", "40")
    assert "  told of changes: ops\n" in told.serving.log("serve")
    assert "  looked after: tell of changes\n" in told.serving.log("serve")


def test_another_workspace_does_not_take_its_deployments_over(told, tmp_path):
    other = make(tmp_path / "other", brands=["north"])
    assert told.serving.begin(other, "other").wait(300) == 2
    assert f"it has the deployments of another workspace, {told.tiny.folder}" in told.serving.log("other")


def test_what_fails_once_while_planning_is_tried_again_and_what_fails_while_publishing_is_left_to_the_next_run(told):
    told.fail_once("/staging/")
    kind, why = told.run()
    assert (kind, "RuntimeError at flows/" in why) == ("FAILED", True)
    assert "ann@" not in why
    assert told.tiny.batches() == []
    assert told.people(1) == ["tiny, personalise: critical"]
    told.fail_once("/apart/plan-0000-")
    assert told.run()[0] == "COMPLETED"
    assert list(told.faults.glob("*.fault")) == []
    tasks = told.serving.ask("task_runs/filter", {"limit": 200})
    counts = {(task["name"].split(" for ")[0], task["state"]["type"], task["run_count"]) for task in tasks}
    assert ("part 0", "COMPLETED", 2) in counts
    assert {count for name, kind, count in counts if kind == "FAILED"} == {1}
    assert told.people(2) == ["tiny, personalise: critical", "tiny, personalise: recovered"]
    sent = [row["message_id"] for batch in told.tiny.batches() for row in batch.rows if "message_id" in row]
    assert len(sent) == len(set(sent)) > 0


def test_two_bad_runs_are_told_once_and_recovery_once(told):
    told.heard.clear()
    told.tiny.warehouse("CREATE TABLE kept AS FROM needs; DELETE FROM needs")
    for _ in range(2):
        kind, why = told.run()
        assert (kind, EMPTY in why) == ("FAILED", True)
    assert told.people(1) == ["tiny, personalise: critical"]
    assert told.heard[0][1]["text"] == EMPTY
    told.tiny.warehouse("INSERT INTO needs FROM kept")
    for _ in range(2):
        assert told.run()[0] == "COMPLETED"
    assert told.people(2) == ["tiny, personalise: critical", "tiny, personalise: recovered"]


def test_another_job_that_fails_is_told_too(told):
    told.heard.clear()
    waiting = told.tiny.state / "inbox/outcomes/odd.csv"
    waiting.parent.mkdir(parents=True, exist_ok=True)
    waiting.write_text("nothing,of,this\n1,2,3\n", "utf-8")
    assert told.serving.done("learn/nightly-outcomes")[0] == "FAILED"
    assert told.people(1) == ["tiny, learn: critical"]
    assert "odd.csv" in told.heard[0][1]["text"]
    waiting.unlink()
    assert told.serving.done("learn/nightly-outcomes")[0] == "COMPLETED"
    assert told.people(2)[1:] == ["tiny, learn: recovered"]


def test_runs_of_the_command_line_count_too(told, monkeypatch, capsys):
    told.heard.clear()
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    monkeypatch.setenv("PREFECT_API_URL", told.serving.url)
    told.tiny.warehouse("DELETE FROM needs")
    assert cli.main(["run", "--workspace", str(told.tiny.folder)]) == 1
    assert told.run()[0] == "FAILED"
    assert told.people(1) == ["tiny, personalise: critical"]
    told.tiny.warehouse("INSERT INTO needs FROM kept")
    monkeypatch.delenv("PREFECT_API_URL")  # nobody tells the server, and the next run that can does
    assert cli.main(["run", "--workspace", str(told.tiny.folder)]) == 0
    assert told.people(1) == ["tiny, personalise: critical"]
    assert told.run()[0] == "COMPLETED"
    assert told.people(2) == ["tiny, personalise: critical", "tiny, personalise: recovered"]


def test_of_a_machine_that_is_gone_the_run_crashes_people_are_told_and_the_next_run_goes_on(told):
    told.heard.clear()
    with run_lock(load_settings(told.tiny.folder), "a test"):
        run = told.serving.asked(what="plan only")
        told.serving.run_in(run, "RUNNING")
        told.serving.until("a heartbeat", lambda: _heartbeats(told, run))
        kill(told.serving.pid("serve"), *served(told.tiny))
        began = time.monotonic()
        told.serving.serve(told.tiny, "again", "--lost-after", "40")
        state = told.serving.run_in(run)["state"]
    assert (state["type"], time.monotonic() - began < 120) == ("CRASHED", True)
    assert state["message"].startswith("nothing was heard of it for 40 seconds")
    assert "personalise crashed" in told.people(1)
    assert told.serving.done(what="plan only")[0] == "COMPLETED"


def test_a_server_that_goes_away_keeps_no_run_of_the_command_line_from_being_done(told, monkeypatch, capsys):
    told.serving.stop("again", "server")
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    monkeypatch.setenv("PREFECT_API_URL", told.serving.url)
    assert cli.main(["run", "--workspace", str(told.tiny.folder)]) == 0
    away = f"the Prefect server at 127.0.0.1:{told.serving.port} (PREFECT_API_URL) is away: this goes on without it"
    assert away in capsys.readouterr().err


def _make_block(told: Told) -> None:
    """A webhook, as people make one on the page Blocks."""
    kind = told.serving.ask("block_types/slug/custom-webhook")["id"]
    chosen = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    [schema, *_] = told.serving.ask("block_schemas/filter", chosen)
    hook: dict[str, Any] = {"name": "ops", "url": f"{told.heard.url}/ops", "method": "POST"}
    hook["json_data"] = {"title": "{{subject}}", "text": "{{body}}"}
    about = {"name": "ops", "data": hook, "block_type_id": kind, "block_schema_id": schema["id"]}
    told.serving.ask("block_documents/", about)


def _heartbeats(told: Told, run: str) -> list[Any]:
    chosen = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    found: list[Any] = told.serving.ask("events/filter", {"filter": chosen})["events"]
    return found
