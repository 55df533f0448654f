"""`<file>.manifest.json`: what whoever writes a file says of it, so that half of it is not taken for all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = ".manifest.json"
"""What the name of a manifest has more than that of its file."""


@dataclass(frozen=True)
class Promise:
    """What a file is to hold.

    Attributes:
        rows: how many, whatever may be wrong with some of them.
        sha256: of the file, in hexadecimal.
    """

    rows: int
    sha256: str

    def broken_by(self, content: bytes, rows: int) -> str | None:
        """What is wrong with a file of this content in which so many rows were found; None where nothing is."""
        if rows != self.rows:
            return f"this file has {rows:,} rows, and its manifest says {self.rows:,}"
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "this file is not the one that its manifest is about"
        return None


def manifest_of(path: Path) -> Path:
    """Where a file's manifest would be."""
    return path.with_name(f"{path.name}{MANIFEST}")


def read_promise(content: bytes, name: str) -> Promise:
    """What a manifest says. Raises DataError where it does not say it."""
    try:
        found = json.loads(content)
        return Promise(int(found["rows"]), str(found["sha256"]).lower())
    except (ValueError, KeyError, TypeError, RecursionError):
        what, hint = (
            "this does not tell the file's rows and its digest",
            'write {"rows": 12, "sha256": "…"}, or move it away',
        )
        raise DataError(name, what, hint) from None
