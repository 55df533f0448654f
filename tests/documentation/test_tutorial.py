"""The tutorial, executed as it stands: every file written, every command called, every output compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.documentation.pages import Block, blocks
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
GAP = "…"


@pytest.mark.slow
def test_every_block_of_the_tutorial_does_what_it_says(tmp_path):
    learner = Learner(tmp_path)
    printed, executed = "", 0
    for block in blocks(TUTORIAL):
        if block.file is not None:
            learner.write(block)
        elif block.language == "sh":
            printed = learner.call(block.text)
        else:
            assert block.language == "text", f"nobody knows what to do with:\n{block.text}"
            assert missing(block.text, printed) is None, printed
        executed += 1
    assert executed == TUTORIAL.count("```") / 2 > 20
    assert {"init", "check", "preview", "plan", "deliver", "explain", "learn", "readout"} <= set(
        re.findall(r"^justenough ([\w-]+)", TUTORIAL, re.MULTILINE)
    )


def test_every_block_of_the_tutorial_is_of_a_kind_that_is_executed():
    assert [block for block in blocks(TUTORIAL) if not block.file and block.language not in {"sh", "text"}] == []


@pytest.mark.parametrize(
    ("shown", "printed", "line"),
    [
        ("a\nb\n", "a\nb\nc\n", None),
        ("a\n…\nc\n", "x\na\nb\nc\n", None),
        ("a 1-… --expect 2\n", "a 1-3f2a1c --expect 2 \n", None),
        ("a\nc\n", "a\nb\nc\n", "c"),
        ("b\n…\na\n", "a\nb\n", "a"),
        ("a\n", "ab\n", "a"),
    ],
)
def test_what_is_shown_is_held_against_what_is_printed(shown, printed, line):
    assert missing(shown, printed) == line


def missing(shown: str, printed: str) -> str | None:
    """The first line that is shown and was not printed next; a line of … stands for any number, … in a line for any text."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    place, is_next = 0, False
    for line in filter(None, (" ".join(each.split()) for each in shown.splitlines())):
        if line == GAP:
            is_next = False
            continue
        pattern = re.compile(re.escape(line).replace(re.escape(GAP), ".*"))
        found = (at for at in range(place, len(lines)) if pattern.fullmatch(lines[at]))
        at = next(found, None)
        if at is None or (is_next and any(lines[place:at])):
            return line
        place, is_next = at + 1, True
    return None


class Learner:
    """Somebody at a terminal in an empty folder, who saves files where the terminal is."""

    def __init__(self, folder: Path) -> None:
        self._kept, programs, home = folder / "kept", folder / "bin", folder / "home"
        for each in (programs, home):
            each.mkdir()
        for name, words in (("python", ""), ("justenough", " -m flows.cli")):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n', "utf-8")
            (programs / name).chmod(0o755)
        own = {"PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home)}
        plain = {key: value for key, value in os.environ.items() if not key.startswith(("JUSTENOUGH_", "PREFECT_"))}
        self._environment, self._where = {**plain, **own}, home

    def write(self, block: Block) -> None:
        path = self._where / (block.file or "")
        assert path.parent.is_dir(), f"there is no folder for {block.file}"
        path.write_text(block.text, "utf-8")

    def call(self, text: str) -> str:
        """What the commands of a block print; the terminal then is where they have left it, with what they have exported."""
        keep = f"\npwd > {self._kept}.folder\nexport -p > {self._kept}.exported\n"
        exported = self._kept.with_suffix(".exported")
        begin = f". {exported}\n" if exported.exists() else ""
        bash = shutil.which("bash") or "bash"
        done = subprocess.run(
            [bash, "-euc", begin + text + keep],
            cwd=self._where,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        self._where = type(self._where)(self._kept.with_suffix(".folder").read_text("utf-8").strip())
        return done.stdout
