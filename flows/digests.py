"""SHA-256 of files, in hexadecimal."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_untouched(path: Path) -> str | None:
    """SHA-256 of a file, which is not read again while nobody has touched it; None where there is none."""
    if not path.is_file():
        return None
    stat = path.stat()
    return _sha256_of(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


def digest_of(files: Mapping[str, Path]) -> str:
    """One SHA-256 over named files: their names and contents."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\x1f{sha256(files[name])}\x1e".encode())
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def _sha256_of(path: Path, _stamp: tuple[int, ...]) -> str:
    return sha256(path)
