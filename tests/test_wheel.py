"""What `pip install .` brings: the program, the ledger's SQL and the sample, found from anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by what is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run_in(ROOT, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> Path:
    """A folder in which only the installed wheel, and what it depends on, can be imported."""
    folder = tmp_path_factory.mktemp("elsewhere")
    target = folder / "installed"
    run_in(folder, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(target), str(wheel))
    return folder


def test_the_wheel_holds_flows_and_the_sample_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    shipped = {f"flows/shipped/{top}/{file}" for top in ("docs", "sql", "templates") for file in below(ROOT / top)}
    assert held == {f"flows/{file}" for file in below(ROOT / "flows")} | shipped | {
        "flows/shipped/pyproject.toml",
        "flows/shipped/prefect.yaml",
    }


def test_the_installed_program_tells_its_commands(elsewhere):
    said = justenough(elsewhere, "--help")
    assert all(f" {command} " in said for command in ("run", "plan", "deliver", "check", "explain", "init", "sample"))
    found = run_in(elsewhere, "-c", "import flows; print(flows.__file__)", installed=True)
    assert found.strip() == str(elsewhere / "installed" / "flows" / "__init__.py")


def test_the_installed_program_names_pages_that_came_with_it(elsewhere):
    done = call(elsewhere, "check")
    (see,) = re.findall(r"^  see: (.+)$", done.stderr, re.MULTILINE)
    assert done.returncode == 2
    assert see == str(elsewhere / "installed" / "flows" / "shipped" / "docs" / "reference" / "settings.md")
    assert Path(see).is_file()


@pytest.mark.slow
def test_the_installed_program_starts_a_workspace_and_delivers_from_it(elsewhere):
    justenough(elsewhere, "init", "trial")
    justenough(elsewhere, "sample", "--workspace", "trial", "--customers", "400")
    justenough(elsewhere, "run", "--workspace", "trial")
    assert list((elsewhere / "trial" / "outbox" / "email_file").glob("*/manifest.json"))
    assert {path.name for path in elsewhere.iterdir()} == {"installed", "trial"}


def below(folder: Path) -> set[str]:
    """The files below a folder that no interpreter made, by their names relative to it."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.parent.name != "__pycache__"]
    return {file.relative_to(folder).as_posix() for file in files}


def justenough(folder: Path, *arguments: str) -> str:
    """Call the installed program, to which all is well; what it printed."""
    done = call(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the installed program as the script of the wheel does."""
    script = "import sys; from flows.cli import main; sys.exit(main())"
    environment = os.environ | {"PYTHONPATH": str(folder / "installed")}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def run_in(folder: Path, *arguments: str, installed: bool = False) -> str:
    """Run Python in a folder; what it printed."""
    environment = os.environ | ({"PYTHONPATH": str(folder / "installed")} if installed else {})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
