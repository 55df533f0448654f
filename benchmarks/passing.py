"""Loaded by Dask's scheduler (`--preload`): counts the bytes that pass its sockets, in and out, and keeps the count in a file.

PASSING=FILE dask scheduler --preload benchmarks/passing.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tornado.ioloop import PeriodicCallback
from tornado.iostream import IOStream

_PASSED = {"in": 0, "out": 0}
_EVERY_MS = 500


def dask_setup(_scheduler: object) -> None:
    """Count from here on; called by Dask."""
    read, write = IOStream.read_from_fd, IOStream.write_to_fd

    def read_counted(stream: IOStream, buffer: bytearray | memoryview) -> Any:
        count = read(stream, buffer)
        _PASSED["in"] += count or 0
        return count

    def write_counted(stream: IOStream, data: memoryview) -> int:
        count: int = write(stream, data)
        _PASSED["out"] += count
        return count

    IOStream.read_from_fd, IOStream.write_to_fd = read_counted, write_counted
    PeriodicCallback(_keep, _EVERY_MS).start()


def _keep() -> None:
    Path(os.environ["PASSING"]).write_text(str(sum(_PASSED.values())), "ascii")
