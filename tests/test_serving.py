"""What `justenough serve` makes of a form and of automations, what it refuses, and the units for systemd."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli
from flows.automations import lost_runs, notifications
from flows.serving import holds, with_choices
from tests.house.tree import ROOT
from tests.tiny import make

UNITS = ROOT / "docs" / "systemd"


def test_lists_of_names_are_chosen_from_what_there_is_and_nothing_else_changes():
    products = {"type": "array", "items": {"type": "string"}, "default": [], "position": 3}
    targets = {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}}
    rest = {"workspace": {"type": "string"}}
    form = {"title": "Parameters", "properties": {"products": products, "targets": targets, **rest}}
    found = with_choices(form, {"products": ["care", "late"], "targets": ["b"], "workspace": ["x"]})
    assert found == {
        "title": "Parameters",
        "properties": {
            "products": {**products, "items": {"type": "string", "enum": ["care", "late"]}},
            "targets": {**targets, "items": {"type": "string", "enum": ["b"]}},
            **rest,
        },
    }
    assert products["items"] == {"type": "string"}
    assert with_choices({"type": "object"}, {"products": ["care"]}) == {"type": "object", "properties": {}}


def test_an_automation_is_as_it_was_wanted_whatever_the_server_adds_and_in_whatever_order():
    wanted = lost_runs(90)
    trigger = {**wanted["trigger"], "id": "5", "within": 90.0}
    kept = {**wanted, "id": "7", "trigger": trigger, "actions": [{**wanted["actions"][0], "force": False}]}
    assert holds(kept, wanted)
    assert not holds(kept, lost_runs(60))
    change, _ = notifications("block")
    turned = {**change, "trigger": {**change["trigger"], "expect": change["trigger"]["expect"][::-1]}}
    assert holds(turned, change)
    assert not holds(turned, notifications("another block")[0])


def test_only_runs_of_ours_are_watched():
    crash = notifications("block")[1]
    for trigger in (lost_runs(90)["trigger"], crash["trigger"]):
        assert trigger["match_related"] == {
            "prefect.resource.role": "tag",
            "prefect.resource.id": "prefect.tag.justenough",
        }


@pytest.mark.slow
def test_what_cannot_be_served_is_told_with_the_way_out(tmp_path, capsys, monkeypatch):
    tiny = make(tmp_path / "tiny", brands=["north"])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert cli.main(["serve", "--workspace", str(tiny.folder), "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"port {port} is taken" in told
    assert f"justenough serve --port {port + 1}" in told
    assert cli.main(["serve", "--workspace", str(tiny.folder), "--lost-after", "30"]) == 2
    assert "30 seconds are too few" in capsys.readouterr().err
    for port in (0, 99_999):
        assert cli.main(["serve", "--workspace", str(tiny.folder), "--port", str(port)]) == 2
        assert f"there is no port {port}" in capsys.readouterr().err
    monkeypatch.setenv("PREFECT_API_URL", "127.0.0.1:4200")
    assert cli.main(["serve", "--workspace", str(tiny.folder)]) == 2
    assert "write it as http://127.0.0.1:4200/api" in capsys.readouterr().err


@pytest.mark.slow
def test_what_one_left_behind_that_was_killed_is_ended_before_anything_begins(tmp_path, monkeypatch):
    tiny, other = make(tmp_path / "tiny", brands=["north"]), make(tmp_path / "other", brands=["north"])
    left = {}
    for each in (tiny, other):
        monkeypatch.setenv("SERVED_BY_JUSTENOUGH", f"{each.state}/prefect worker")
        left[each] = subprocess.Popen(["sleep", "60"], start_new_session=True)
    monkeypatch.delenv("SERVED_BY_JUSTENOUGH")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert cli.main(["serve", "--workspace", str(tiny.folder), "--port", str(taken.getsockname()[1])]) == 2
    try:
        assert left[tiny].wait(20) == -signal.SIGTERM
        assert left[other].poll() is None
    finally:
        left[other].kill()
        left[other].wait()


@pytest.mark.slow
def test_systemd_takes_the_units_and_finds_that_they_may_do_little(tmp_path):
    assert shutil.which("systemd-analyze"), "this judge comes with systemd: apt-get install systemd"
    names = ["justenough-server.service", "justenough.service"]
    for name in names:
        text = (UNITS / name).read_text("utf-8")
        assert "EnvironmentFile=/etc/justenough/environment" in text
        assert "Restart=on-failure" in text
        (tmp_path / name).write_text(text.replace("/opt/justenough/.venv/bin", str(Path(sys.executable).parent)))
    judged = [["systemd-analyze", "verify", "--man=no", *names]]
    judged += [["systemd-analyze", "security", "--offline=true", "--threshold=30", name] for name in names]
    for command in judged:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_server_of_the_units_writes_nothing_where_it_is_installed():
    text = (UNITS / "justenough-server.service").read_text("utf-8")
    assert "StateDirectory=justenough-server\n" in text
    for written in (
        "PREFECT_HOME=%S/justenough-server ",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY=%S/justenough-server/ui\n",
    ):
        assert f"Environment={written}" in text


def test_the_environment_of_the_units_names_the_server_and_holds_no_secret():
    lines = [line for line in (UNITS / "environment").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert "PREFECT_API_URL=http://127.0.0.1:4200/api" in lines
    assert not [line for line in lines if "AUTH" in line or "PASS" in line]
