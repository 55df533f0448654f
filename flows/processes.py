"""Processes that are started for something, and end with it: by being asked, by force, or with us where we are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flows.durable import private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "SERVED_BY_JUSTENOUGH"
"""In the environment of all that is started, and of what that starts: what its parent has left behind is known by it."""
GRACE_SECONDS = 20.0
_WITH_US = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "  # PR_SET_PDEATHSIG
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Begins what is told to end whatever becomes of us."""


def start(
    home: Path, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start Python with these arguments; what it says goes to `logs/<name>.log`, and what it said last is kept beside.

    Args:
        home: what it is started for.
        name: of it, among what is started for that.
        arguments: of Python.
        folder: in which it works.
        environment: its own.
    """
    file = private_folder(home / "logs") / f"{name}.log"
    if file.exists():
        file.replace(file.with_suffix(".before.log"))
    with file.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - ours alone
            [sys.executable, "-c", _WITH_US, *arguments],
            cwd=folder,
            env={**environment, MARK: f"{home} {name}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for us: we end them in order
        )


def started_for(home: Path, name: str = "") -> list[int]:
    """The processes that go on of what was started, or of one of these."""
    mark, found = f"{MARK}={home} {name}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(entry.startswith(mark) for entry in (folder / "environ").read_bytes().split(b"\0")):
                found.append(int(folder.name))
    return found


def end(processes: Sequence[int]) -> None:
    """Ask them to end, and make those that do not."""
    tell(processes, signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < until and any(_goes_on(process) for process in processes):
        time.sleep(0.1)
    tell(processes, signal.SIGKILL)


def tell(processes: Sequence[int], what: signal.Signals) -> None:
    """A signal to each that is still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)


def _goes_on(process: int) -> bool:
    """Whether it has not ended, nor is a name that its parent has not struck off."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
