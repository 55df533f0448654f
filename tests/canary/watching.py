"""Looks at a program while it runs: what of it anybody on the machine may see, and what its files may be read by."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

PROC = Path("/proc")


@dataclass
class Watched:
    """What was seen.

    Attributes:
        lines: command line and environment of the program and of all that it started.
        limits: command line -> the limits on a dump that it had, in bytes, in their order.
        lax: files and folders that others might have read, with their rights.
        spilled: files of spill.
    """

    lines: set[bytes] = field(default_factory=set)
    limits: dict[bytes, list[str]] = field(default_factory=dict)
    lax: set[tuple[str, str]] = field(default_factory=set)
    spilled: set[Path] = field(default_factory=set)


def watch(child: subprocess.Popen[bytes], folder: Path, until: Callable[[Watched], bool] = lambda _: False) -> Watched:
    """Look until the program ends, or enough has been seen.

    Args:
        child: the program.
        folder: below which state folders and outboxes are.
        until: says whether that is enough.
    """
    seen = Watched()
    while child.poll() is None and not until(seen):
        for process in (child.pid, *descendants(child.pid)):
            with contextlib.suppress(OSError):
                _look_at_process(seen, PROC / str(process))
        for top, _, files in os.walk(folder):  # and not rglob, which fails where a folder goes meanwhile
            if {".justenough", "outbox"} & set(Path(top).parts):
                for path in (Path(top), *(Path(top, name) for name in files)):
                    with contextlib.suppress(OSError):
                        _look_at_file(seen, path)
        time.sleep(0.05)
    return seen


def descendants(process: int) -> list[int]:
    """What a process has started, and what that has."""
    found = []
    with contextlib.suppress(OSError):
        for task in (PROC / str(process) / "task").iterdir():
            found += [int(child) for child in (task / "children").read_text("ascii").split()]
    return found + [further for child in found for further in descendants(child)]


def _look_at_process(seen: Watched, process: Path) -> None:
    command = (process / "cmdline").read_bytes()
    limits = (process / "limits").read_text("ascii")
    seen.lines |= {command, (process / "environ").read_bytes()}
    [limit] = [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")]
    told = seen.limits.setdefault(command, [])
    if told[-1:] != [limit]:
        told.append(limit)


def _look_at_file(seen: Watched, path: Path) -> None:
    rights = path.stat().st_mode & 0o777
    if rights & 0o077:
        seen.lax.add((path.name, oct(rights)))
    if path.parent.parent.name == "scratch":
        seen.spilled.add(path)
