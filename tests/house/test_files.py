"""What a file in flows/ may be called, how long it may be, and what no file of this repository holds."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT, Module, modules, write

if TYPE_CHECKING:
    from pathlib import Path

MOST_LINES = 400
KINDS_OF_PROGRAMMING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

# Each pattern is written so that it does not find itself.
UNWANTED = {
    "work left to do": re.compile(r"\b(?:TO[D]O|FIX[M]E|X{3}|HAC[K])\b"),
    "the host of a package registry": re.compile(r"https?://[^/\s]*(?:pyp[i]|python[h]osted|npm[j]s|deb[i]an)"),
    "a path of one machine": re.compile(r"(?<![\w.$})])/(?:work|root|home/\w+|Users/\w+)/"),
    "how the work is organised": re.compile(r"\b[Ii]ssue #?\d"),
}
NOT_OURS = {"LICENSE"}
MADE = {".git", ".venv", ".justenough", "outbox", "build", "dist", "__pycache__", ".hypothesis", ".mypy_cache"}
MADE |= {".pytest_cache", ".ruff_cache", "htmlcov"}


def test_files_of_flows_stay_short():
    complaints = too_long(modules(ROOT))
    assert not complaints, "\n".join(complaints)


def test_names_in_flows_are_of_the_field_and_clear_of_the_standard_library():
    complaints = badly_named(modules(ROOT))
    assert not complaints, "\n".join(complaints)


def test_no_file_holds_loose_ends_or_where_it_was_made():
    complaints = unwanted(ROOT, tracked(ROOT))
    assert not complaints, "\n".join(complaints)


def test_every_file_beside_the_tests_is_text_but_for_small_pictures():
    """A wheel that somebody had downloaded here once went along."""
    ours = [path for path in tracked(ROOT) if path.relative_to(ROOT).parts[0] != "tests"]
    assert len(ours) > 200
    pictures = [path for path in ours if path.parent == ROOT / "docs" and path.suffix == ".png"]
    assert [path.name for path in ours if b"\0" in path.read_bytes() and path not in pictures] == []
    assert [path.name for path in pictures if path.stat().st_size > 60_000] == []


def test_ruff_finds_nothing():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_of_more_than_400_lines_is_seen(tmp_path):
    tree = {"flows/line.py": "\n" * 400, "flows/plan.py": "\n" * 401}
    assert too_long(modules(write(tmp_path, tree))) == ["flows/plan.py: 401 lines, at most 400"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("flows/utils.py", "flows.utils: 'utils' names a kind of programming"),
        ("flows/words/helpers.py", "flows.words.helpers: 'helpers' names a kind of programming"),
        ("flows/common/__init__.py", "flows.common: 'common' names a kind of programming"),
        ("flows/run_manager.py", "flows.run_manager: 'manager' names a kind of programming"),
        ("flows/email.py", "flows.email: hides the standard library's email"),
        ("flows/calendar/__init__.py", "flows.calendar: hides the standard library's calendar"),
    ],
)
def test_a_bad_name_is_seen(tmp_path, path, complaint):
    assert badly_named(modules(write(tmp_path, {path: ""}))) == [complaint]


def test_a_channel_may_bear_a_name_of_the_standard_library(tmp_path):
    assert badly_named(modules(write(tmp_path, {"flows/channels/email.py": ""}))) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("# TO" + "DO: later", "work left to do"),
        ("see https://pyp" + "i.org/x", "the host of a package registry"),
        ("open('/wo" + "rk/main/x')", "a path of one machine"),
        ("for iss" + "ue 7", "how the work is organised"),
    ],
)
def test_unwanted_text_is_seen(tmp_path, text, what):
    write(tmp_path, {"README.md": f"fine\n{text}\n"})
    assert unwanted(tmp_path, tracked(tmp_path)) == [f"README.md:2: {what}"]


def test_a_relative_link_and_a_path_below_a_variable_are_no_path_of_one_machine(tmp_path):
    write(tmp_path, {"README.md": "[home](/home) $HOME/wo" + "rk/ shop.example/wo" + "rk/ work/"})
    assert unwanted(tmp_path, tracked(tmp_path)) == []


def too_long(tree: list[Module]) -> list[str]:
    """A line for each file of more than MOST_LINES lines."""
    counts = {module: len(module.path.read_text("utf-8").splitlines()) for module in tree}
    return [
        f"{module.name.replace('.', '/')}.py: {count} lines, at most {MOST_LINES}"
        for module, count in counts.items()
        if count > MOST_LINES
    ]


def badly_named(tree: list[Module]) -> list[str]:
    """A line for each module named after a kind of programming, or, directly in flows/, as the standard library."""
    found = []
    for module in tree:
        parts = module.name.split(".")
        bad = KINDS_OF_PROGRAMMING & {word for part in parts for word in part.split("_")}
        found += [f"{module.name}: '{name}' names a kind of programming" for name in sorted(bad)]
        # A flow's file entrypoint puts flows/ first on the path, where such a name would be found first.
        if len(parts) == 2 and parts[1] in sys.stdlib_module_names:
            found.append(f"{module.name}: hides the standard library's {parts[1]}")
    return found


def tracked(root: Path) -> list[Path]:
    """The files of the repository that holds `root`; those below `root` that no tool made, when git cannot say."""
    if (root / ".git").exists():
        asked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
        if asked.returncode == 0:
            names = asked.stdout.decode().split("\0")
            return [root / name for name in names if name and (root / name).is_file()]
    return [path for path in sorted(root.rglob("*")) if path.is_file() and not MADE & set(path.parts)]


def unwanted(root: Path, files: list[Path]) -> list[str]:
    """`file:line: what` for each line of a text file that holds something of UNWANTED."""
    found = []
    for path in files:
        try:
            lines = path.read_text("utf-8").splitlines() if path.name not in NOT_OURS else []
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            kinds = [what for what, pattern in UNWANTED.items() if pattern.search(line)]
            found += [f"{path.relative_to(root).as_posix()}:{number}: {what}" for what in kinds]
    return found
