"""The first act of a run, killed at a named point: `python killed.py WORKSPACE POINT NUMBER`, or by whoever started it.

The product knows nothing of it: functions are wrapped from outside. A point counts each time it is passed.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# point: where the function is, its name, before or after the call
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


def main(workspace: str, point: str = "", number: str = "1") -> None:
    from flows import line
    from flows.transports import s3, sftp
    from flows.workspace import load_workspace

    if point:
        *where, name, when = POINTS[point]
        owners = [import_module(where[0])] if where else [s3._Bucket, sftp._Server]
        left = [int(number)]
        for owner in owners:
            setattr(owner, name, _killing(getattr(owner, name), when, left))
    print("ready", flush=True)  # noqa: T201
    line.recover_now(load_workspace(Path(workspace)))
    print("alive", flush=True)  # noqa: T201


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
    main(*sys.argv[1:])
