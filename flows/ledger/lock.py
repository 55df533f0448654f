"""The locks of a run: file locks, so that they are gone with the process that held them."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from flows.durable import private_folder, refuse_special
from flows.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.settings import Settings


@contextmanager
def run_lock(settings: Settings, purpose: str) -> Iterator[None]:
    """Hold the workspace's lock; wait up to `lock_wait_seconds` for another run to end.

    Args:
        settings: give the state folder and the patience.
        purpose: what a second run is told, such as `justenough run`.

    Raises:
        LockedError: another run holds it; the error says which process, and doing what.
        OutboxError: what stands in its place is no file.
    """
    with file_lock(private_folder(settings.state) / "lock", purpose, settings.lock_wait_seconds):
        yield


@contextmanager
def file_lock(path: Path, purpose: str, patience_seconds: float) -> Iterator[None]:
    """Hold the lock of a file, which is made where there is none. Raises as `run_lock`.

    Args:
        path: of the file.
        purpose: what others are told who want it.
        patience_seconds: how long another one is waited for.
    """
    refuse_special(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, patience_seconds, str(path))
        os.ftruncate(descriptor, 0)
        with suppress(OSError):  # a full disk: the lock holds all the same, and what the run needs to write will say so
            os.pwrite(descriptor, f"{purpose}, process {os.getpid()}".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, patience_seconds: float, path: str) -> None:
    until = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another run"
                raise LockedError(path, f"{holder} holds the lock", "try again when it has ended") from None
            time.sleep(0.1)
        else:
            return
