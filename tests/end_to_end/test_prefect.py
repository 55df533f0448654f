"""The shipped deployments on a real server and worker: a run by the scheduler, one by hand, and plain calls.

Each runs in a workspace of its own with the same warehouse, key file and clock, and must write the same payload as the command
line.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.keys import load_key
from flows.ledger.lock import run_lock
from flows.sample import build_sample
from flows.settings import load_settings
from tests.canary.failures import FAILURES, made
from tests.canary.scanner import Scanner, layers
from tests.canary.spelling import ID, MAIL, NAME, PHONE
from tests.end_to_end.prefect_processes import ROOT, Processes
from tests.tiny import crowd, make

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1800)]

NOW = "2026-11-20T09:00:00+00:00"
NIGHTLY, SHORT = 'cron: "30 4 * * *"', "interval: 20"


@dataclass(frozen=True)
class Happened:
    """What the processes did: runs as the server tells them, and the workspaces they ran in."""

    processes: Processes
    folders: dict[str, Path]
    scheduled: dict[str, Any]
    by_hand: dict[str, Any]
    second: dict[str, Any]
    plain: dict[str, Any]


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    folder = tmp_path_factory.mktemp("prefect")
    names = ("command_line", "scheduled", "by_hand", "looked_at", "broken")
    folders = {name: workspace(folder / name) for name in names}
    broken = folders["broken"] / "sql" / "customers.sql"
    _replace(broken, "c.email,", "cast(c.email as integer) as email,")
    _replace(folders["scheduled"] / "prefect.yaml", NIGHTLY, SHORT)
    load_key(folder / "key")
    build_sample(folder / "shop.duckdb", ROOT / "sql", as_of=date(2026, 11, 20), customers=4_000)
    environment = {
        "JUSTENOUGH_DATABASE": str(folder / "shop.duckdb"),
        "JUSTENOUGH_HOME": str(folders["scheduled"]),
        "JUSTENOUGH_KEY_FILE": str(folder / "key"),
        "JUSTENOUGH_NOW": NOW,
    }
    processes = Processes(folder, environment)
    try:
        yield _everything(processes, folders)
    finally:
        processes.stop()


@pytest.fixture(autouse=True)
def said(happened: Happened) -> Iterator[None]:
    """What server and worker said; pytest shows it where a test fails."""
    yield
    print(happened.processes.said())  # noqa: T201


def _everything(processes: Processes, folders: dict[str, Path]) -> Happened:
    """All that is looked at below, side by side where it can be: a start of Python with Prefect takes seconds."""
    home = folders["scheduled"]
    processes.start("server", "-m", "prefect", "server", "start", "--port", processes.port, cwd=home)
    processes.start("command_line", "-m", "flows.cli", "run", "--workspace", str(folders["command_line"]), cwd=home)
    processes.until("server", lambda: processes.ask("health"))
    pool = ("work-pool", "create", "local-process", "--type", "process", "--overwrite")
    processes.prefect("pool", "--no-prompt", *pool, cwd=home)
    held = load_settings(folders["by_hand"])
    with contextlib.ExitStack() as lock:
        lock.enter_context(run_lock(held, "the test of two runs"))
        calls = [str(folders[name]) for name in ("looked_at", "by_hand", "broken")]
        for people in (120, 20):
            tiny = make(home.parent / f"{people}_people", people=crowd(people), late=(), brands=["north"])
            tiny.edit("templates/late/product.yaml", "segment: late", "segment: owners")
            tiny.edit("templates/late/product.yaml", "late_days", "interest")
            calls.append(str(tiny.folder))
        calls.append(str(_canaries(home.parent / "canaries")))
        processes.start("plain_calls", str(Path(__file__).with_name("plain_calls.py")), *calls, cwd=home)
        processes.prefect("deploy", "--no-prompt", "deploy", "--all", cwd=home)
        # The workspace is held, so this run waits in state Running, and the next one meets it there.
        worker = ("-m", "prefect", "worker", "start", "--pool", "local-process")
        processes.start("worker", *worker, cwd=home, JUSTENOUGH_LOCK_WAIT_SECONDS="120")
        asked = ("-p", f"workspace={folders['by_hand']}", "-p", "parts=3", "-p", "as_of=2026-11-20")
        said = processes.prefect("by_hand", "deployment", "run", "personalise/manual", *asked, cwd=home)
        by_hand = re.search(r"UUID: (\S+)", said)[1]  # type: ignore[index]
        processes.run_in(by_hand, "RUNNING")
        second = processes.run_in(_run_by_hand(processes, workspace=str(folders["by_hand"])))
        nightly = processes.ask("deployments/name/personalise/nightly")["id"]
        scheduled = processes.until("run of the schedule", lambda: _first_of_schedule(processes, nightly))
        processes.ask(f"deployments/{nightly}/pause_deployment", {})
        plain = processes.finish("plain_calls", 300)
    processes.finish("command_line")
    return Happened(
        processes=processes,
        folders=folders,
        scheduled=processes.run_in(scheduled),
        by_hand=processes.run_in(by_hand),
        second=second,
        plain=json.loads(plain.rpartition("FOUND ")[2].splitlines()[0]),
    )


def _run_by_hand(processes: Processes, **parameters: object) -> str:
    manual = processes.ask("deployments/name/personalise/manual")["id"]
    asked = {"parameters": parameters, "idempotency_key": "second"}
    run: dict[str, str] = processes.ask(f"deployments/{manual}/create_flow_run", asked)
    return run["id"]


def _first_of_schedule(processes: Processes, deployment: str) -> str | None:
    chosen = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
    runs = processes.ask("flow_runs/filter", chosen)
    return runs[0]["id"] if runs else None


# ---- the same payload, whoever starts the run


def test_a_run_that_the_scheduler_made_delivers_what_the_command_line_delivers(happened: Happened):
    states = happened.processes.ask(f"flow_run_states/?flow_run_id={happened.scheduled['id']}")
    history = [state["type"] for state in sorted(states, key=lambda state: state["timestamp"])]
    assert happened.scheduled["auto_scheduled"] is True
    assert happened.scheduled["created_by"]["type"] == "SCHEDULE"
    assert list(dict.fromkeys(history)) == ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"], happened.scheduled["state"]
    assert payload(happened.folders["scheduled"]) == payload(happened.folders["command_line"])


def test_a_run_by_hand_in_three_parts_delivers_what_the_command_line_delivers(happened: Happened):
    assert happened.by_hand["auto_scheduled"] is False
    assert happened.by_hand["state"]["type"] == "COMPLETED", happened.by_hand["state"]
    assert payload(happened.folders["by_hand"]) == payload(happened.folders["command_line"])


def test_a_plan_that_was_looked_at_is_delivered_by_its_name(happened: Happened):
    assert happened.plain["files_before_delivery"] == []
    assert payload(happened.folders["looked_at"]) == payload(happened.folders["command_line"])


def test_there_was_something_to_compare(happened: Happened):
    written = payload(happened.folders["command_line"])
    targets = {name.partition("/")[0] for name in written}
    assert targets == {"ads_audiences", "email_file", "fcm", "ses", "sms_file", "web_profiles", "web_profiles_parquet"}
    # Four thousand customers are too few to be shown ads: no audience has the hundred that share what it tells. Enough of them
    # have bought lately to be left out of other campaigns.
    assert {name.split("/")[-1] for name in written if name.startswith("ads_audiences/")} == {
        "exclude-additions-0001.csv"
    }
    assert happened.plain["people"] > 100


# ---- one run at a time


def test_a_second_run_by_hand_is_cancelled_while_one_is_going_on(happened: Happened):
    assert happened.second["state"]["type"] == "CANCELLED"
    assert "concurrency limit" in happened.second["state"]["message"]


def test_a_run_beside_the_deployments_is_told_who_holds_the_workspace(happened: Happened):
    assert happened.plain["held"].startswith("LockedError")
    assert "the test of two runs, process" in happened.plain["held"]
    failed = [run["state"]["message"] for run in _runs(happened) if run["state"]["type"] == "FAILED"]
    assert any("holds the lock" in message for message in failed)


# ---- the proof


def test_a_proof_that_holds_completes_and_one_that_does_not_fails_with_a_page_that_says_why(happened: Happened):
    assert happened.plain["proven"] == "proven"
    assert happened.plain["unproven"].startswith("DataError sql/segments/owners.yaml:")
    filtered = {"flows": {"name": {"any_": ["prove"]}}}
    runs = happened.processes.ask("flow_runs/filter", filtered)
    ended = [run["state"]["type"] for run in runs if run["state"]["type"] != "SCHEDULED"]  # the nights to come
    assert sorted(ended) == ["COMPLETED", "FAILED"]
    pages = _pages(happened, "prove")
    assert sorted(page.splitlines()[0] for page in pages) == [
        "# tiny: not proven",
        "# tiny: nothing shows what it does not declare",
    ]
    assert not [page for page in pages if "Person" in page]


# ---- what people see


def test_the_page_of_a_plan_shows_both_waterfalls_the_counts_and_a_chart(happened: Happened):
    page = _artifacts(happened, happened.by_hand["id"], "personalise-plan")[0]
    assert "## People\n\n|  | because | marketing | service |" in page
    assert "## Deliveries\n\n|  | because | marketing | service |" in page
    assert "| **get something** |" in page
    assert "| **can leave** |" in page
    assert "| care_guide | ses | nordtal |" in page
    assert "](data:image/svg+xml;base64," in page
    assert "Nothing was delivered" not in page


def test_the_page_of_a_plan_that_was_only_made_says_how_to_deliver_it(happened: Happened):
    pages = [page for run in _runs(happened) for page in _artifacts(happened, run["id"], "personalise-plan")]
    wanted = f"justenough deliver {happened.plain['run_id']} --expect {happened.plain['people']} "
    assert sum("Nothing was delivered" in page for page in pages) == 1
    assert any(wanted in page for page in pages)


def test_the_page_of_a_delivery_names_each_batch(happened: Happened):
    page = _artifacts(happened, happened.scheduled["id"], "personalise-delivery")[0]
    assert "| email_file | seewind | `2026-11-20-1` |" in page
    assert "| ads_audiences | nordtal |" in page


def test_progress_is_seen_in_the_log_and_as_a_bar(happened: Happened):
    logs = happened.processes.ask("logs/filter", {"logs": {"flow_run_id": {"any_": [happened.by_hand["id"]]}}})
    messages = [line["message"] for line in logs]
    assert [f"planned {done} of 3 parts" in messages for done in (1, 2, 3)] == [True] * 3
    assert any(message.startswith("published 1 of 10: ") for message in messages)
    assert _artifacts(happened, happened.by_hand["id"], "personalise-progress")[-1] == 100


def test_a_broken_query_fails_the_run_with_its_place_and_without_a_value(happened: Happened):
    assert happened.plain["broken"].startswith("DataError sql/customers.sql: a value cannot be cast")


# ---- what Prefect must not know


def test_nothing_that_prefect_keeps_or_says_holds_a_customers_data(happened: Happened):
    canaries = identities(happened.folders["command_line"])
    assert len(canaries) > 100
    kept = [path for path in happened.processes.home.rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in kept)
    assert any(path.parent.name == "storage" for path in kept)  # errors are kept there, in base64
    held = [layer for path in [*kept, *happened.processes.logs.iterdir()] for layer in layers(path.read_bytes())]
    assert known(canaries, held) == set()
    outbox = [path.read_bytes() for path in (happened.folders["by_hand"] / "outbox").rglob("*") if path.is_file()]
    assert known(canaries, outbox) == canaries  # what is looked for would be found


def known(canaries: set[str], contents: list[bytes]) -> set[str]:
    """Those that stand in any content: addresses and numbers anywhere, ids and names as words."""
    whole = b"\n".join(contents)
    words = {word.decode() for word in re.findall(rb"[A-Za-z0-9]+", whole)}
    return {name for name in canaries if name in words or (("@" in name or name[0] == "+") and name.encode() in whole)}


def test_the_parameters_of_all_runs_are_paths_dates_and_names(happened: Happened):
    known = {"workspace", "what", "as_of", "products", "targets", "parts", "allow_past", "run_id", "expect", "file"}
    assert {name for run in _runs(happened) for name in run["parameters"]} <= known


def test_of_a_person_whom_all_that_can_go_wrong_is_about_prefect_keeps_and_says_nothing(happened: Happened):
    told = {name: said.partition(":")[0] for name, said in happened.plain["canaries"].items()}
    assert told == {
        "a_kind_that_Polars_has_not": "DataError sql/segments/owners.sql",
        "delivered": "it ran",
        "words_that_fail_on_a_name": "TemplateError templates/care/web.j2",
    }
    assert happened.plain["forgotten"] == ["delivered"]
    refused, read = happened.plain["learnt"]
    assert "odd.csv:1: the header has no column event_id" in refused
    assert read == "COMPLETED: 2 products, 0 sure differences"
    came_in = "| outcomes of people, new | 1 |", "| of people or messages that nobody knows here: nothing is kept | 1 |"
    [page] = _pages(happened, "learn")
    assert [line for line in came_in if line not in page] == []
    assert "care" in _pages(happened, "readout")[0]
    assert _pages(happened, "board")[0].startswith("# tiny: what our messages come to, ")
    assert _kept_and_said(happened) == {}
    _plant(happened.processes)
    planted = _kept_and_said(happened)
    [database] = [name for name in planted if name.endswith("prefect.db")]
    assert {hit.partition(":")[0] for hit in planted[database]} == {"id", "e-mail", "telephone", "name"}


def _canaries(folder: Path) -> Path:
    """Workspaces with one person in each who is spoken to and then to be forgotten, or in whom something fails."""
    delivered = made(folder / "delivered")
    (delivered.state / "inbox/forget").mkdir(parents=True)
    (delivered.state / "inbox/forget/monday.txt").write_text(f"{ID}\n", "utf-8")
    (delivered.state / "inbox/outcomes").mkdir(parents=True)
    told = "event_id,happened_at,outcome,customer_id,message_id,value,channel"
    rows = [f"e{nth},2026-11-20T08:00:00Z,visited,{who},,," for nth, who in enumerate((ID, MAIL))]
    (delivered.state / "inbox/outcomes/week.csv").write_text("\n".join([told, *rows, ""]), "utf-8")
    (delivered.state / "inbox/outcomes/odd.csv").write_text(f"{NAME},{PHONE}\n{MAIL},{ID}\n", "utf-8")
    for name in ("words that fail on a name", "a kind that Polars has not"):
        FAILURES[name].prepare(made(folder / name.replace(" ", "_")))
    return folder


def _kept_and_said(happened: Happened) -> dict[str, set[str]]:
    with happened.processes.still():
        return Scanner().found(happened.processes.home, happened.processes.logs)


def _plant(processes: Processes) -> None:
    """Tell the server of the canary in each way that a flow could: a parameter, a state's message, an artifact, a log."""
    flow = processes.ask("flows/", {"name": "planted"})["id"]
    state = {"type": "PENDING", "message": f"waiting for {MAIL}"}
    run = processes.ask("flow_runs/", {"flow_id": flow, "parameters": {"customer": ID}, "state": state})["id"]
    processes.ask("artifacts/", {"key": "planted", "type": "markdown", "data": f"# {NAME}", "flow_run_id": run})
    line = {"name": "planted", "level": 20, "message": PHONE, "timestamp": NOW, "flow_run_id": run}
    processes.ask("logs/", [line])


def _runs(happened: Happened) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = happened.processes.ask("flow_runs/filter", {})
    return runs


def _artifacts(happened: Happened, run_id: str, key: str) -> list[Any]:
    chosen = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "key": {"any_": [key]}}}
    return [artifact["data"] for artifact in happened.processes.ask("artifacts/filter", chosen)]


def _pages(happened: Happened, key: str) -> list[str]:
    pages = happened.processes.ask("artifacts/filter", {"artifacts": {"key": {"any_": [key]}}})
    return [page["data"] for page in pages]


# ---- workspaces


def workspace(folder: Path) -> Path:
    """A copy of the repository's workspace and of its prefect.yaml."""
    folder.mkdir()
    for name in ("pyproject.toml", "prefect.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("sql", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file.name} has {text.count(old)} times {old!r}"
    file.write_text(text.replace(old, new), "utf-8")


def payload(folder: Path) -> dict[str, str]:
    """File in the outbox -> SHA-256; the manifests, which hold times and run ids, apart."""
    outbox = folder / "outbox"  # beside the batches there is the note of how much has happened
    files = [path for path in outbox.glob("*/*/*") if path.is_file() and path.name != "manifest.json"]
    return {str(file.relative_to(outbox)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def identities(folder: Path) -> set[str]:
    """Ids, addresses, telephone numbers and long first names of those who get something."""
    found: set[str] = set()
    for file in (folder / "outbox").rglob("recipients-*.csv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                found |= {row["customer_id"], row.get("email") or row["to"]}
    for file in (folder / "outbox" / "web_profiles").rglob("additions-*.ndjson"):
        for line in file.read_text("utf-8").splitlines():
            greeting = re.match(r"([A-Z][a-z]{6,}), ", json.loads(line)["payload"]["body"])
            found |= {greeting[1]} if greeting else set()
    return found
