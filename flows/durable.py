"""Files that survive: private modes, fsync of file and folder, and a rename that never replaces.

Source: the POSIX rules tried in SQLite's and ALICE's crash tests: a file is durable when it *and* the folder that names it
have been fsynced; a rename is the one step that readers see whole or not at all.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from flows.errors import OutboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_SYNCED_AT_ONCE = 4
"""Files, whose threads do nothing but wait for the disk."""
_READ_AT_ONCE = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)


def private_folder(path: Path) -> Path:
    """Make the folder with mode 0700 (its missing parents too) and return it.

    From here on the process makes nothing that others may read, whoever makes it: DuckDB's spill and log, Polars' Parquet.

    Raises:
        OutboxError: it cannot be made or written to.
    """
    os.umask(0o077)
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise OutboxError(
            path, f"this folder cannot be made ({error.strerror})", "give this user the right to write there"
        ) from None
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise OutboxError(
            path, "this is not a folder that can be written to", "give this user the right to write there"
        )
    return path


def plain_size(path: Path) -> int:
    """The bytes of a plain file: a pipe would be waited for, and a device read, without end. Raises OSError."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "this is not a plain file")
    return found.st_size


def write_bytes(path: Path, content: bytes) -> None:
    """Write a private file (0600) whole or not at all: temporary name, fsync, rename over, fsync of the folder."""
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        create_file(temporary, content)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise OutboxError(
            path, f"this file cannot be written ({error.strerror})", "free some space, or mend the rights"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def new_file(path: Path) -> IO[bytes]:
    """A private file that must not exist yet, to be written, and fsynced by `sync_file`. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


class Digests:
    """Size and SHA-256 of files, read by a thread behind who writes them.

    Polars writes into a plain file by itself, with all cores. It hands what it has to a file that digests as an object of
    Python each, which takes as long again. What was written a moment ago comes from memory.
    """

    def __init__(self) -> None:
        """For files that grow, and are not written otherwise."""
        self._pool, self._reading = ThreadPoolExecutor(1), Future[None]()
        self._reading.set_result(None)
        self._found: dict[Path, tuple[int, Any]] = {}
        self._room = memoryview(bytearray(_READ_AT_ONCE))

    def follow(self, path: Path) -> None:
        """Go on with a file of which more was written."""
        self._found.setdefault(path, (0, hashlib.sha256()))
        before = self._reading
        self._reading = self._pool.submit(self._read, path, before)

    def of(self, path: Path) -> tuple[int, str]:
        """The bytes of a file that was followed, and their SHA-256 in hexadecimal. Raises OSError where one could not be read."""
        self._reading.result()
        size, sha256 = self._found[path]
        return size, sha256.hexdigest()

    def _read(self, path: Path, before: Future[None]) -> None:
        before.result()  # it is over; what went wrong there is told by the last one, too
        size, sha256 = self._found[path]
        with path.open("rb", buffering=0) as file:
            file.seek(size)
            while count := file.readinto(self._room):
                sha256.update(self._room[:count])
                size += count
        self._found[path] = size, sha256


def create_file(path: Path, content: bytes) -> None:
    """Create a private file that must not exist yet, and fsync it. Raises OSError, and as `sync_folder`."""
    with new_file(path) as file:
        file.write(content)
        file.flush()
        _sync(file.fileno(), path)


def sync_file(path: Path) -> None:
    """Make a file that others wrote durable and private (0600). Raises as `sync_folder`."""
    path.chmod(0o600)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor, path)
    finally:
        os.close(descriptor)


def sync_files(paths: Iterable[Path]) -> None:
    """As `sync_file`, of many: what one has the disk keep mostly serves the others. Raises as `sync_folder`."""
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        list(pool.map(sync_file, paths))


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OutboxError: the disk does not keep them. What was written before may be lost, so nothing is built on it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor, path)
    finally:
        os.close(descriptor)


def _sync(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        what = f"the disk does not keep what is written ({error.strerror})"
        raise OutboxError(path, what, "look at the disk, then run again") from None


def rename_once(source: Path, destination: Path) -> None:
    """Rename within one file system; fail rather than replace what is there.

    Raises:
        FileExistsError: there is something at `destination` already.
        OSError: with EXDEV where the two are on different file systems.
    """
    result = _LIBC.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(destination), _RENAME_NOREPLACE)
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(destination))


def refuse_special(path: Path) -> None:
    """Refuse a pipe or a folder where a file of ours should be: to open a pipe is to wait for ever. Raises OutboxError."""
    if path.exists() and not path.is_file():
        raise OutboxError(path, "this is no file", "move it away, then run again")


def same_file_system(first: Path, second: Path) -> bool:
    """Whether a rename from one folder to the other is one step."""
    return first.stat().st_dev == second.stat().st_dev


def boot_id() -> str:
    """An id that changes with every start of the machine: what was not synced before it may be gone."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


def no_space(error: Exception) -> bool:
    """Whether an error says that the disk, or the quota, is full. Polars has the number in its text alone."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(f"(os error {number})" in str(error) for number in full)
