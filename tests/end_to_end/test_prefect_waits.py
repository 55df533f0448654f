"""What waits for a person, asked for by Prefect's API on a real server and worker: no form and no edit on disk publishes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from flows import line
from flows.plan import plan_digest
from flows.settings import load_settings
from flows.stops import stop
from tests.end_to_end.prefect_processes import ROOT, Processes
from tests.tiny import MORNING, Tiny, clock, make

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

RULES = """
[tool.justenough.approval]
approvers = ["anna", "ben"]
over_two = 9
new_version = 1
rise = "50 %"
rise_from = 1

[tool.justenough.approval.wording]
legal = ["lena"]

[tool.justenough.crowd]"""
WORDLESS = RULES.replace("[tool.justenough.approval.wording]", "").replace('legal = ["lena"]', "")


@dataclass(frozen=True)
class Happened:
    """What came of each run, in order: the name and type of its state, what it said, and what had left by then."""

    processes: Processes
    runs: dict[str, tuple[str, str, str, int]]
    ids: dict[str, str]
    plan: str


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    folder = tmp_path_factory.mktemp("waits")
    tiny = make(folder / "tiny", brands=["north"])
    tiny.edit("pyproject.toml", "\n[tool.justenough.crowd]", WORDLESS)
    shutil.copy(ROOT / "prefect.yaml", tiny.folder)
    environment = {"JUSTENOUGH_HOME": str(tiny.folder), "JUSTENOUGH_NOW": MORNING.isoformat()}
    processes = Processes(folder, environment)
    try:
        yield _everything(processes, tiny)
    finally:
        processes.stop()


def _everything(processes: Processes, tiny: Tiny) -> Happened:
    processes.start("server", "-m", "prefect", "server", "start", "--port", processes.port, cwd=tiny.folder)
    processes.until("server", lambda: processes.ask("health"))
    pool = ("work-pool", "create", "local-process", "--type", "process", "--overwrite")
    processes.prefect("pool", "--no-prompt", *pool, cwd=tiny.folder)
    processes.prefect("deploy", "--no-prompt", "deploy", "--all", cwd=tiny.folder)
    processes.start("worker", "-m", "prefect", "worker", "start", "--pool", "local-process", cwd=tiny.folder)
    manual = processes.ask("deployments/name/personalise/manual")["id"]
    runs: dict[str, tuple[str, str, str, int]] = {}
    ids: dict[str, str] = {}

    def run(name: str, **parameters: object) -> None:
        asked = {"parameters": {"workspace": str(tiny.folder), **parameters}, "idempotency_key": name}
        ids[name] = processes.ask(f"deployments/{manual}/create_flow_run", asked)["id"]
        state = processes.run_in(ids[name])["state"]
        claims = tiny.history("SELECT count(*) FROM claim")[0][0]
        runs[name] = (state["name"], state["type"], state["message"], len(tiny.batches()) + claims)

    run("planned and delivered")
    (made,) = (tiny.state / "plans").iterdir()
    named = {"what": "deliver a plan", "run_id": made.name, "expect": 10}
    _forge(tiny, made.name)
    run("with forged approvals", **named)
    with clock(MORNING):
        line.approve(tiny.load(), made.name, 10, "anna")
    run("with one of two", **named)
    before = (made / "plan.json").read_bytes()
    (made / "plan.json").write_bytes(before.replace(b'"rows": ', b'"rows": 1'))
    run("edited", **named)
    (made / "plan.json").write_bytes(before)
    with clock(MORNING):
        line.approve(tiny.load(), made.name, 10, "ben")
        stop(load_settings(tiny.folder), "everything", "everything", "wrong prices", MORNING)
    run("stopped", **named)
    (tiny.state / "stopped/everything.json").unlink()
    run("approved", **named)
    tiny.edit("pyproject.toml", WORDLESS, RULES)
    tiny.warehouse("INSERT INTO late_orders VALUES ('c01', 'north', 'o99', 'rope', 4)")
    run("unsigned")
    return Happened(processes, runs, ids, made.name)


def _forge(tiny: Tiny, run_id: str) -> None:
    """Rows as somebody writes them who has the ledger alone."""
    digest = plan_digest(tiny.state / "plans" / run_id)
    for who in ("anna", "ben"):
        tiny.change(
            "INSERT INTO approval (kind, subject, digest, people_count, approver, parts, approved_at, mac) VALUES "
            f"('plan', '{run_id}', '{digest}', 10, '{who}', '{{}}', '2026-11-22 09:00:00', '{'0' * 128}')"
        )


def test_a_scheduled_run_of_a_plan_that_needs_approval_keeps_it_and_says_how_it_goes_on(happened: Happened):
    name, kind, message, left = happened.runs["planned and delivered"]
    assert (name, kind, left) == ("WaitsForApproval", "COMPLETED", 0)
    assert "nothing was delivered, since it needs 2 approvals: it is for 10 people, more than 9; care " in message
    assert "late was never delivered before; " in message
    assert "and 0 is the most of any run of the 7 days before" in message
    page = _page(happened, "planned and delivered")
    assert f"justenough approve {happened.plan} --expect 10 --as NAME" in page


@pytest.mark.parametrize("name", ["with forged approvals", "with one of two"])
def test_the_form_delivers_nothing_that_is_not_approved(happened: Happened, name: str):
    assert happened.runs[name][:2] == ("WaitsForApproval", "COMPLETED")
    assert happened.runs[name][3] == 0


@pytest.mark.bad_input(113)
def test_the_form_delivers_no_plan_that_was_edited(happened: Happened):
    assert happened.runs["edited"][1] == "FAILED"
    assert "this plan is not as it was made here" in happened.runs["edited"][2]
    assert happened.runs["edited"][3] == 0


def test_the_form_delivers_nothing_that_is_stopped(happened: Happened):
    name, kind, message, left = happened.runs["stopped"]
    assert (name, kind, left) == ("Stopped", "COMPLETED", 0)
    assert "everything is stopped since 2026-11-22 09:00 UTC: wrong prices" in message


def test_the_form_delivers_what_both_have_approved(happened: Happened):
    name, kind, _, left = happened.runs["approved"]
    assert (name, kind) == ("Completed", "COMPLETED")
    assert left > 3


def test_unsigned_words_are_told_to_nobody_and_the_page_says_who_has_to_sign(happened: Happened):
    assert happened.runs["unsigned"][3] == happened.runs["approved"][3]
    assert "care says nothing in en, since legal has not signed its words" in _page(happened, "unsigned")


def _page(happened: Happened, name: str) -> str:
    chosen = {"artifacts": {"flow_run_id": {"any_": [happened.ids[name]]}, "key": {"any_": ["personalise-plan"]}}}
    found: list[dict[str, Any]] = happened.processes.ask("artifacts/filter", chosen)
    return "\n".join(str(each["data"]) for each in found)
