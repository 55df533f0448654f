"""What `justenough serve` makes of a form, and of a unit for systemd."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from flows import cli
from flows.serving import with_choices
from tests.tiny import make


def test_lists_of_names_are_chosen_from_what_there_is_and_nothing_else_changes():
    form = {
        "title": "Parameters",
        "required": ["workspace"],
        "properties": {
            "products": {"type": "array", "items": {"type": "string"}, "default": [], "position": 3},
            "targets": {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}},
            "workspace": {"type": "string"},
        },
    }
    found = with_choices(form, {"products": ["care", "late"], "targets": ["b"], "workspace": ["x"]})
    assert found == {
        **form,
        "properties": {
            "products": {
                "type": "array",
                "items": {"type": "string", "enum": ["care", "late"]},
                "default": [],
                "position": 3,
            },
            "targets": {"type": "array", "items": {"type": "string", "enum": ["b"]}},
            "workspace": {"type": "string"},
        },
    }
    assert form["properties"]["products"]["items"] == {"type": "string"}
    assert with_choices({"type": "object"}, {"products": ["care"]}) == {"type": "object", "properties": {}}


@pytest.mark.slow
def test_the_unit_serves_the_workspace_and_systemd_takes_it(tmp_path, capsys):
    tiny = make(tmp_path / "tiny", brands=["north"])
    assert cli.main(["serve", "--systemd", "--port", "4300", "--workspace", str(tiny.folder)]) == 0
    unit = capsys.readouterr().out
    assert f"serve --workspace {tiny.folder} --port 4300" in unit
    if shutil.which("systemd-analyze") is None:
        return
    file = tmp_path / "justenough.service"
    file.write_text(unit.replace("User=justenough\n", ""), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
