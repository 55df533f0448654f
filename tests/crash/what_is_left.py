"""What a kill has left behind, read from outside before anybody recovers it: a copy of the ledger, and the staging folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tests.crash.shop import WAYS

if TYPE_CHECKING:
    from tests.tiny import Tiny

STATES = (
    "planning",
    "run noted",
    "claimed",
    "claimed, half staged",
    "claimed, staged",
    "sealed",
    "sealed and visible",
    "undone, still staged",
    "between two batches",
    "all published",
    "run ended",
)
"""Where the protocol can stand when a run dies."""


def left_behind(tiny: Tiny, as_of: str) -> dict[str, Any]:
    """`state` (of `STATES`), `published` (targets of the day), `is_open` and `is_staged` (there is something to recover)."""
    ledger = tiny.state / "ledger.duckdb"
    if not ledger.exists():
        return _told("planning", [])
    with tempfile.TemporaryDirectory() as folder:
        for path in tiny.state.glob("ledger.duckdb*"):
            shutil.copy(path, folder)
        with duckdb.connect(str(Path(folder) / ledger.name)) as connection:
            batches = connection.execute("SELECT state, target FROM batch WHERE as_of = $1", [as_of]).fetchall()
            left = connection.execute(
                "SELECT batch_id, state FROM batch WHERE state IN ('claimed', 'sealed')"
            ).fetchall()
            runs = {
                state for (state,) in connection.execute("SELECT state FROM run WHERE as_of = $1", [as_of]).fetchall()
            }
    published = [target for state, target in batches if state == "published"]
    staging = tiny.state / "staging"
    staged = list(staging.iterdir()) if staging.is_dir() else []
    if left:
        [(batch_id, state)] = left
        return _told(_of_a_batch(state, staging / batch_id), published, is_open=True, is_staged=bool(staged))
    if staged:
        return _told("undone, still staged", published, is_staged=True)
    if "delivering" not in runs:
        return _told("run ended" if "delivered" in runs else "planning", published)
    reached = {0: "run noted", WAYS: "all published"}
    return _told(reached.get(len(published), "between two batches"), published)


def _of_a_batch(state: str, folder: Path) -> str:
    if state == "sealed":
        return "sealed" if folder.exists() else "sealed and visible"
    if not folder.exists():
        return "claimed"
    return "claimed, staged" if (folder / "manifest.json").exists() else "claimed, half staged"


def _told(state: str, published: list[str], *, is_open: bool = False, is_staged: bool = False) -> dict[str, Any]:
    return {"state": state, "published": published, "is_open": is_open, "is_staged": is_staged}
