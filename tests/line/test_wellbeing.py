"""Whether the last run was well: kept for all runs, and told to Prefect's server once where it changes."""

from __future__ import annotations

import json
import os

import pytest

from flows import cli
from flows.errors import LockedError, PlanError, SourceError, UsageError, WaitingError
from flows.line.wellbeing import watched as watch
from flows.line.wellbeing import wellbeing
from flows.settings import load_settings
from tests.end_to_end.prefect_processes import free_port
from tests.listening import listening
from tests.tiny import MORNING, clock, make

FILE = "health/personalise.json"
EMPTY = SourceError("table needs", "this source is empty", "look at its load")


@pytest.fixture(scope="module")
def settings_of_tiny(tmp_path_factory):
    return load_settings(make(tmp_path_factory.mktemp("tiny"), brands=["north"]).folder)


@pytest.fixture
def settings(settings_of_tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_STATE", str(tmp_path))
    return settings_of_tiny.model_copy(update={"state": tmp_path})


@pytest.fixture
def server(monkeypatch):
    with listening() as heard:
        monkeypatch.setenv("PREFECT_API_URL", f"{heard.url}/api")
        yield heard


def run(settings, problem=None, waits=(), *job, **how) -> list[str]:
    """A run that ends so; what is said of the server."""
    said: list[str] = []
    with (
        pytest.raises(type(problem)) if problem else clock(MORNING),
        watch(settings.workspace, said.append, *job, **how) as left,
    ):
        if problem:
            raise problem
        left(waits)
    return said


def told(heard) -> list[tuple[str, str]]:
    """Event and why, of each that the server was told."""
    events = [event for path, body in heard for event in body if path == "/api/events"]
    return [(event["event"].removeprefix("justenough.health."), event["payload"]["why"]) for event in events]


def test_two_bad_runs_are_told_once_and_that_all_is_well_again_once(settings, server):
    for problem in (None, EMPTY, EMPTY, None, None, EMPTY):
        assert run(settings, problem) == []
    why = "table needs: this source is empty"
    assert told(server) == [("critical", why), ("recovered", "all is well again"), ("critical", why)]
    about = server[0][1][0]
    assert about["resource"]["prefect.resource.id"] == "justenough.workspace.tiny"
    assert (about["payload"]["workspace"], about["payload"]["job"]) == ("tiny", "personalise")


def test_each_job_is_well_by_itself(settings, server):
    run(settings, UsageError("inbox/forget/a.txt", "this is no file of text", "write ids"), (), "learn")
    run(settings)
    run(settings, EMPTY)
    run(settings, None, (), "learn")
    jobs = [event["payload"]["job"] for _, body in server for event in body]
    assert [(job, level) for job, (level, _) in zip(jobs, told(server), strict=True)] == [
        ("learn", "critical"),
        ("personalise", "critical"),
        ("learn", "recovered"),
    ]


def test_what_waits_for_a_person_is_a_warning_and_another_reason_is_no_other_level(settings, server):
    run(settings, waits=["care is paused: more complaints"])
    run(settings, WaitingError("plan p", "it needs 2 approvals", "approve it"))
    assert told(server) == [("warn", "care is paused: more complaints")]
    assert wellbeing(settings).why == "it needs 2 approvals"
    run(settings, EMPTY)
    run(settings, waits=["care is paused: more complaints"])
    assert [level for level, _ in told(server)] == ["warn", "critical", "warn"]


def test_a_run_without_prefect_counts_and_the_next_with_it_tells_what_nobody_was_told(settings, server, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    run(settings, EMPTY)
    assert (wellbeing(settings).level, wellbeing(settings).is_told) == ("critical", False)
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api")
    run(settings, EMPTY)
    assert [level for level, _ in told(server)] == ["critical"]
    monkeypatch.delenv("PREFECT_API_URL")
    run(settings)
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api")
    run(settings, EMPTY)
    assert [level for level, _ in told(server)] == ["critical", "critical"]


def test_a_server_that_is_away_is_named_and_told_by_a_later_run(settings, server, monkeypatch):
    away = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("PREFECT_API_URL", f"{away}/api")
    assert run(settings) == []
    [said] = run(settings, EMPTY)
    assert (
        said == f"Prefect's server at {away} does not answer: a later run tells it that personalise of tiny is critical"
    )
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api")
    assert run(settings, EMPTY) == []
    assert [level for level, _ in told(server)] == ["critical"]
    monkeypatch.setenv("PREFECT_API_URL", "file:///etc/passwd")
    assert run(settings) == ["PREFECT_API_URL: this is no address of a server"]


@pytest.mark.parametrize(
    ("problem", "is_asked"),
    [
        (UsageError("--as-of", "it is in the future", "wait"), False),
        (LockedError("lock", "another run holds it", "try again"), False),
        (PlanError("plan p", "12 people were approved", "look again"), True),
    ],
)
def test_a_wrong_call_and_a_run_that_was_kept_from_starting_say_nothing_of_the_workspace(
    settings, server, problem, is_asked
):
    run(settings, EMPTY)
    run(settings, problem, is_asked=is_asked)
    assert [level for level, _ in told(server)] == ["critical"]
    assert wellbeing(settings).why == "table needs: this source is empty"


def test_a_plan_that_no_person_asked_for_and_that_is_refused_is_critical(settings, server):
    run(settings, PlanError("plan p", "3 % of it fell away", "make a new one"))
    assert told(server) == [("critical", "plan p: 3 % of it fell away")]


def test_what_is_kept_is_for_its_owner_and_quotes_nobody(settings, server):
    run(settings, ValueError("ann@x.example.com"))
    assert told(server) == [("critical", "ValueError")]
    assert (settings.state / FILE).stat().st_mode & 0o777 == 0o600
    assert "ann@" not in (settings.state / FILE).read_text("utf-8")


def test_a_note_that_nobody_can_read_hinders_no_run(settings, server):
    (settings.state / FILE).parent.mkdir()
    (settings.state / FILE).write_text('{"level": "ok", "surprise": 1}', "utf-8")
    run(settings, EMPTY)
    assert [level for level, _ in told(server)] == ["critical"]
    (settings.state / FILE).unlink()
    (settings.state / FILE).mkdir()
    [said] = run(settings, EMPTY)
    assert said.startswith("how this run ended could not be kept")


@pytest.mark.slow
def test_runs_of_the_command_line_go_on_without_the_server_say_so_and_tell_it_when_it_is_back(tmp_path, capsys):
    tiny, now = make(tmp_path, brands=["north"]), str(MORNING.isoformat())
    given = {"JUSTENOUGH_NOW": now, "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    with pytest.MonkeyPatch.context() as patch, listening() as heard:
        for name, value in given.items():
            patch.setenv(name, value)
        assert cli.main(["run", "--workspace", str(tiny.folder)]) == 0
        assert "is away: this goes on without it" in capsys.readouterr().err
        tiny.warehouse("DELETE FROM needs")
        assert cli.main(["run", "--workspace", str(tiny.folder)]) == 1
        assert "a later run tells it that personalise of tiny is critical" in capsys.readouterr().err
        os.environ["PREFECT_API_URL"] = f"{heard.url}/api"
        assert cli.main(["run", "--workspace", str(tiny.folder)]) == 1
        assert told(heard) == [("critical", "table needs: this source is empty")]
        tiny.edit("templates/care/product.yaml", "status: live", "status: nowhere")
        assert cli.main(["run", "--workspace", str(tiny.folder), "--dry-run"]) == 1
        assert json.loads((tiny.state / FILE).read_text())["why"] == "table needs: this source is empty"
        assert cli.main(["run", "--workspace", str(tiny.folder)]) == 1
        assert "product.yaml" in json.loads((tiny.state / FILE).read_text())["why"]
        assert len(told(heard)) == 1
