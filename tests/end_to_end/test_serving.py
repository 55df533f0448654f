"""`justenough serve`: everything in Prefect by one command, on a real server and worker, ended and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from flows.ledger.lock import run_lock
from flows.settings import load_settings
from tests.end_to_end.serve_processes import Serving, kill, served
from tests.tiny import MORNING, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tiny import Tiny

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

FLOWS = ["assess", "forget", "learn", "personalise", "personalise", "prove", "readout", "respond", "retain"]


@pytest.fixture(scope="module")
def by(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Tiny]]:
    folder = tmp_path_factory.mktemp("serving")
    tiny = make(folder / "tiny", brands=["north"])
    serving = Serving(folder, {"JUSTENOUGH_NOW": MORNING.isoformat(), "JUSTENOUGH_LOCK_WAIT_SECONDS": "300"})
    serving.environment["PREFECT_SERVER_UI_ENABLED"] = "true"
    del serving.environment["PREFECT_API_URL"]
    try:
        _begun(serving, tiny)
        yield serving, tiny
    finally:
        serving.stop()
        kill(*served(tiny))


@pytest.fixture(autouse=True)
def said(by: tuple[Serving, Tiny]) -> Iterator[None]:
    """What all of them said; pytest shows it where a test fails."""
    yield
    print(by[0].said())  # noqa: T201


def test_it_says_what_it_started_where_the_page_is_and_what_comes_next(by):
    serving, tiny = by
    told = serving.log("serve").splitlines()
    assert told[0] == f"tiny is served: http://127.0.0.1:{serving.port}"
    assert [line.split("/")[0].strip() for line in told if "/" in line and ": " in line][2 : 2 + len(FLOWS)] == FLOWS
    assert "  personalise/nightly: 30 4 * * * (Europe/Berlin)" in told
    assert "  personalise/manual: by hand" in told
    assert "  told of changes: nobody; the setting `notify` names a notification block" in told
    assert told[-1] == "Next: personalise/manual, Custom run; or wait for the schedules. Ctrl-C ends all of it."
    with urllib.request.urlopen(f"http://127.0.0.1:{serving.port}/") as page:
        assert page.status == 200
    assert [deployment["pull_steps"] for deployment in serving.ask("deployments/filter", {})] == [
        [{"prefect.deployments.steps.set_working_directory": {"directory": str(tiny.folder)}}]
    ] * len(FLOWS)


def test_the_form_offers_the_workspaces_products_and_targets_and_the_server_refuses_others(by):
    serving, _ = by
    form = serving.deployment()["parameter_openapi_schema"]["properties"]
    assert form["products"]["items"]["enum"] == ["care", "late"]
    assert form["targets"]["items"]["enum"] == ["email_file", "sms_file", "web_profiles"]
    for wrong in ({"products": ["nothing"]}, {"targets": ["ses"]}, {"what": "anything"}):
        asked = urllib.request.Request(
            f"{serving.url}/deployments/{serving.deployment()['id']}/create_flow_run",
            json.dumps({"parameters": {"workspace": ".", **wrong}}).encode(),
            {"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked)
        assert refused.value.code == 409, wrong


def test_a_run_by_the_form_is_done_and_its_artifacts_name_the_pages(by):
    serving, tiny = by
    (tiny.state / "pages").mkdir(mode=0o700, parents=True, exist_ok=True)
    (tiny.state / "pages/care.html").write_text("as `justenough preview care` leaves it", "utf-8")
    run = serving.asked(products=["care"])
    assert serving.run_in(run)["state"]["type"] == "COMPLETED"
    [plan] = (tiny.state / "plans").iterdir()
    page = tiny.state / f"pages/{plan.name}.html"
    assert page.is_file()
    chosen = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    kept = {artifact["key"]: artifact["data"] for artifact in serving.ask("artifacts/filter", chosen)}
    named = f"In the workspace's folder: `.justenough/pages/{plan.name}.html`, `.justenough/pages/care.html`."
    assert [named in kept[key] for key in ("personalise-plan", "personalise-delivery")] == [True, True]
    assert "<h2>Delivered</h2>" in page.read_text("utf-8")


def test_assess_by_its_form_leaves_a_page_that_its_artifact_names_and_no_plan(by):
    serving, tiny = by
    before = sorted(tiny.state.glob("plans/*"))
    run = serving.asked("assess/weekly-capability")
    state = serving.run_in(run)["state"]
    assert (state["type"], state["message"]) == ("COMPLETED", "7 of 13 people are reached today")
    chosen = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    (kept,) = serving.ask("artifacts/filter", chosen)
    assert (kept["key"], kept["description"]) == ("assess", "What can be done, and what one thing more would add")
    assert "In the workspace's folder: `.justenough/pages/assess.html`." in kept["data"]
    assert "| 2 | a telephone number, for north: care 2 |" in kept["data"]
    page = (tiny.state / "pages/assess.html").read_text("utf-8")
    assert "tiny: what can be done, 2026-11-22" in page
    assert not [name for name in ("Ann", "c01", "x.example.com") if name in kept["data"] + page]
    assert sorted(tiny.state.glob("plans/*")) == before


def test_who_serves_the_same_a_second_time_is_told_who_does(by):
    serving, tiny = by
    assert serving.begin(tiny, "second", "--port", serving.port).wait(300) == 75
    assert f"justenough serve at http://127.0.0.1:{serving.port}, process {serving.pid('serve')} holds the lock" in (
        serving.log("second")
    )


def test_asked_to_end_it_ends_all_that_it_started_and_the_run_that_goes_on_is_told_to_have_crashed(by):
    serving, tiny = by
    kept = _kept(serving)
    with run_lock(load_settings(tiny.folder), "a test"):
        run = serving.asked(what="plan only")
        serving.run_in(run, "RUNNING")
        assert len(served(tiny, "worker")) >= 2
        os.kill(serving.pid("serve"), signal.SIGTERM)
        assert serving._started["serve"].wait(300) == 0
        assert served(tiny) == {}
        assert _is_free(int(serving.port))
    _begun(serving, tiny)
    assert _kept(serving) == kept
    assert serving.ask(f"flow_runs/{run}")["state"]["type"] == "CRASHED"
    assert serving.done(what="plan only")[0] == "COMPLETED"


def test_killed_it_takes_all_of_it_along_and_the_next_one_finds_its_deployments_again(by):
    serving, tiny = by
    kept, settings = _kept(serving), load_settings(tiny.folder)
    with run_lock(settings, "a test"):
        run = serving.asked(what="plan only")
        serving.run_in(run, "RUNNING")
        kill(serving.pid("serve"))
        serving.until("end of server and worker", lambda: not [*served(tiny, "server"), *_worker(tiny)], 120)
        _begun(serving, tiny)
        assert "prefect.engine" not in " ".join(served(tiny).values())
    assert _kept(serving) == kept
    assert serving.ask(f"flow_runs/{run}")["state"]["type"] == "CRASHED"
    assert serving.done(what="plan only")[0] == "COMPLETED"


def test_a_worker_that_ends_by_itself_ends_all_of_it_and_is_named(by):
    serving, tiny = by
    [worker] = _worker(tiny)
    kill(worker)
    assert serving._started["serve"].wait(300) == 1
    assert "the worker ended by itself, with -9" in serving.log("serve")
    assert served(tiny) == {}


def _begun(serving: Serving, tiny: Tiny) -> None:
    serving.serve(tiny, "serve", "--port", serving.port)


def _worker(tiny: Tiny) -> list[int]:
    return [pid for pid, command in served(tiny, "worker").items() if " worker start " in command]


def _kept(serving: Serving) -> dict[str, str]:
    """Deployments and automations by their ids: the same ones, and none twice."""
    deployments = serving.ask("deployments/filter", {})
    found = {each["id"]: f"{each['flow_id']} {each['name']}" for each in deployments}
    assert len(set(found.values())) == len(FLOWS)
    automations = {each["name"]: each["id"] for each in serving.ask("automations/filter", {})}
    del automations["events__automation_1"]  # of a deployment's trigger, which Prefect makes anew with each deploy
    return found | automations


def _is_free(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) != 0
