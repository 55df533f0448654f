"""Claim, stage, seal, rename, commit: a batch is visible whole or not at all, and never twice.

The order is the proof. Claims come before files, so nothing is doubled; files are durable before the seal, so nothing is lost;
the seal comes before the rename, so no file is without its ledger; and a rename is the only thing that removes a sealed folder
from staging/, so its absence always means that it was published, even when a consumer has taken it away since.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.clock import present
from flows.durable import boot_id, private_folder, rename_once, same_file_system, sync_folder
from flows.errors import BalanceError, OutboxError, StateError
from flows.ledger.exposure import forget_superseded
from flows.ledger.store import Ledger, open_ledger
from flows.plan import sha256

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from flows.ledger.claims import Batch
    from flows.settings import Settings

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Recovered:
    """What became of a batch that a killed run had left behind: published, aborted or hold."""

    batch_id: str
    state: str
    reason: str


def check_folders(settings: Settings) -> None:
    """Make staging and outbox, and refuse them where a rename between them would not be one step.

    Raises:
        OutboxError: one cannot be written to, or they are on different file systems.
    """
    staging, outbox = private_folder(settings.folder("staging")), private_folder(settings.outbox)
    if not same_file_system(staging, outbox):
        raise OutboxError(
            outbox, "outbox and state folder are on different file systems", "set `state` or `outbox` to one"
        )


def refuse_unbalanced(where: str, *, claims: int, rows: int) -> None:
    """What was claimed is what was written, or the run fails.

    Raises:
        BalanceError: with both numbers.
    """
    if claims != rows:
        raise BalanceError(where, f"{claims} rows claimed, {rows} written", "it was not published; please report this")


def staged(settings: Settings, batch_id: str) -> Path:
    """The folder in which a batch is made."""
    return settings.folder("staging", batch_id)


def publish(settings: Settings, batch: Batch, records: dict[str, pl.DataFrame]) -> Path:
    """Seal a staged batch, reveal it by one rename, and commit. Its files must have been synced.

    Args:
        settings: where everything is.
        batch: claimed before.
        records: table of the ledger -> rows that become true with the seal (deliveries, receipts, product versions).

    Returns:
        The folder in the outbox.

    Raises:
        StateError: the batch is no longer claimed: somebody recovered it meanwhile.
        OutboxError: something of its name is in the outbox already; the batch is on hold then.
    """
    source = staged(settings, batch.batch_id)
    with open_ledger(settings) as ledger:
        with ledger.transaction():
            _fence(ledger, batch.batch_id)
            for table, rows in records.items():
                ledger.append(table, rows)
            ledger.execute(
                """
                UPDATE batch SET state = 'sealed', manifest_sha256 = $manifest, boot_id = $boot, sealed_at = $at
                WHERE batch_id = $batch
                """,
                {"manifest": sha256(source / MANIFEST), "boot": boot_id(), "at": _stamp(), "batch": batch.batch_id},
            )
        return _reveal(settings, ledger, batch.batch_id, batch.target, batch.folder)


def recover(settings: Settings) -> list[Recovered]:
    """Finish or undo what a killed run left behind; the first act of every run, under its lock. Harmless when repeated.

    A sealed batch that is still staged was never seen by anybody: it is undone, and the kept plan makes it again with consent
    as it is now. After a restart of the machine that cannot be known for messages: such a batch is put on hold.
    """
    with open_ledger(settings) as ledger:
        left = ledger.rows("SELECT * FROM batch WHERE state IN ('claimed', 'sealed') ORDER BY batch_id")
        found = [_recover_batch(settings, ledger, row) for row in left.iter_rows(named=True)]
        known = set(ledger.rows("SELECT batch_id FROM batch WHERE state = 'hold'")["batch_id"])
    for folder in sorted(settings.folder("staging").iterdir()):
        if folder.name not in known:
            _discard(folder)
    return found


def _recover_batch(settings: Settings, ledger: Ledger, row: dict[str, object]) -> Recovered:
    batch_id, target = str(row["batch_id"]), str(row["target"])
    source = staged(settings, batch_id)
    if row["state"] == "claimed":
        return _undo(ledger, batch_id, "the run ended before the batch was sealed")
    if not source.exists():
        sync_folder(private_folder(settings.outbox / target))
        _note_published(ledger, batch_id)
        return Recovered(batch_id, "published", "the run ended after the batch had appeared")
    if not is_whole(source, str(row["manifest_sha256"])):
        return _undo(ledger, batch_id, "a staged file is not as it was sealed")
    if row["kind"] == "message" and row["boot_id"] != boot_id():
        with ledger.transaction():
            _set_state(ledger, batch_id, "hold", "the machine restarted after the seal")
        return Recovered(batch_id, "hold", "the machine restarted after the seal")
    return _undo(ledger, batch_id, "the run ended before the batch appeared")


def is_whole(folder: Path, manifest_sha256: str) -> bool:
    """Whether a batch's folder has exactly what its manifest says, and the manifest is the sealed one."""
    manifest = folder / MANIFEST
    if not manifest.is_file() or sha256(manifest) != manifest_sha256:
        return False
    files = {entry["name"]: entry["sha256"] for entry in json.loads(manifest.read_bytes())["files"]}
    found = {path.name for path in folder.iterdir()} - {MANIFEST}
    return found == files.keys() and all(sha256(folder / name) == digest for name, digest in files.items())


def _undo(ledger: Ledger, batch_id: str, reason: str) -> Recovered:
    """State first; the folder is unlinked only after that, since its absence would mean that it was published."""
    with ledger.transaction():
        for table in ("exposure", "receipt", "delivery", "claim"):
            ledger.execute(f"DELETE FROM {table} WHERE batch_id = $batch", {"batch": batch_id})
        _set_state(ledger, batch_id, "aborted", reason)
    return Recovered(batch_id, "aborted", reason)


def _reveal(settings: Settings, ledger: Ledger, batch_id: str, target: str, name: str) -> Path:
    source = staged(settings, batch_id)
    destination = private_folder(settings.outbox / target) / name
    try:
        rename_once(source, destination)
    except FileExistsError:
        with ledger.transaction():
            _set_state(ledger, batch_id, "hold", "something of its name is in the outbox")
        hint = "move it away, then run again"
        raise OutboxError(destination, "something of this name is in the outbox already", hint) from None
    sync_folder(destination.parent)
    sync_folder(source.parent)
    _note_published(ledger, batch_id)
    return destination


def _note_published(ledger: Ledger, batch_id: str) -> None:
    with ledger.transaction():
        forget_superseded(ledger, batch_id)
        _set_state(ledger, batch_id, "published", None)


def _fence(ledger: Ledger, batch_id: str) -> None:
    state = ledger.rows("SELECT state FROM batch WHERE batch_id = $batch", {"batch": batch_id})["state"].to_list()
    if state != ["claimed"]:
        what = f"this batch is {state[0] if state else 'unknown'}, and should be claimed"
        raise StateError(batch_id, what, "run again: another run has recovered it")


def _set_state(ledger: Ledger, batch_id: str, state: str, reason: str | None) -> None:
    published_at = _stamp() if state == "published" else None
    ledger.execute(
        "UPDATE batch SET state = $state, reason = $reason, published_at = $at WHERE batch_id = $batch",
        {"state": state, "reason": reason, "at": published_at, "batch": batch_id},
    )


def _discard(folder: Path) -> None:
    shutil.rmtree(folder)
    sync_folder(folder.parent)


def _stamp() -> object:
    return present().replace(tzinfo=None)
