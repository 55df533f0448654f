"""The first act of runs that are killed: a process that has imported everything, and forks one for each line that it reads.

A line is `workspace|point|number`. It answers with the run's process id, and with its exit status when it is gone. At a named
point a run kills itself; without one whoever asked may. The product knows nothing of it: functions are wrapped from outside. A
point counts each time it is passed.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from flows import line
from flows.transports import s3, sftp
from flows.workspace import load_workspace

# point: (where the function is, its name, before or after the call); without a place it is a way's
POINTS = {
    "to be noted": ("flows.ledger.carriage", "note", "before"),
    "noted": ("flows.ledger.carriage", "note", "after"),
    "connected": ("flows.line.carrying", "open_way", "after"),
    "uploading": ("upload", "before"),
    "uploaded": ("upload", "after"),
    "file to be noted": ("flows.ledger.carriage", "note_file", "before"),
    "file noted": ("flows.ledger.carriage", "note_file", "after"),
    "revealing": ("reveal", "before"),
    "revealed": ("reveal", "after"),
}


def main() -> None:
    print("ready", flush=True)  # noqa: T201
    for order in sys.stdin:
        workspace, point, number = order.strip().split("|")
        pid = os.fork()
        if not pid:
            _run(workspace, point, int(number))
        print(pid, flush=True)  # noqa: T201
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201


def _run(workspace: str, point: str, number: int) -> None:
    try:
        if point:
            *where, name, when = POINTS[point]
            left = [number]
            for owner in [import_module(where[0])] if where else [s3._Bucket, sftp._Server]:
                setattr(owner, name, _killing(getattr(owner, name), when, left))
        line.recover_now(load_workspace(Path(workspace)))
    finally:
        os._exit(1 if sys.exc_info()[0] else 0)


def _killing(call: Any, when: str, left: list[int]) -> Any:
    def killing(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if when == "before" and not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        made = call(*given, **named)
        if when == "after" and not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    return killing


if __name__ == "__main__":
    main()
