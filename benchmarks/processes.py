"""What Linux tells of a process and of those that it has started: SQL runs in one, new addresses are read in others."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.02


class Peak:
    """The most memory that a process and its descendants hold together, looked at from outside; while it is entered.

    Pages that two of them share count twice.

    Attributes:
        mb: the most that was seen.
    """

    def __init__(self, process: int) -> None:
        self.mb = 0.0
        self._process, self._ended = str(process), threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.mb = max(self.mb, resident_mb([self._process, *descendants(self._process)]))


def resident_mb(processes: Iterable[str]) -> float:
    """The memory that some processes hold; nothing of one that has ended."""
    pages = [told(process, "statm").split() for process in processes]
    return sum(int(each[1]) for each in pages if each) * PAGE_MB


def cpu_of(processes: Iterable[str]) -> float:
    """Seconds of processors that some processes have used; nothing of one that has ended."""
    used = [told(process, "stat").rpartition(")")[2].split()[11:13] for process in processes]
    return sum(int(each) for pair in used for each in pair) / TICKS


def descendants(process: str) -> Iterator[str]:
    """The processes that one has started and that still run, with those that they have."""
    for child in children(process):
        yield child
        yield from descendants(child)


def children(process: str = "self") -> list[str]:
    """The processes that one has started itself and that still run."""
    try:
        tasks = [task.name for task in Path("/proc", process, "task").iterdir()]
    except OSError:
        return []
    return [child for task in tasks for child in told(process, f"task/{task}/children").split()]


def told(process: str, file: str) -> str:
    """What Linux tells of a process; nothing where it has ended."""
    try:
        return Path("/proc", process, file).read_text()
    except OSError:
        return ""
