"""Retention: what names people goes when its time is up, and keyed history when nothing can depend on it any more.

Nothing that is still needed goes: unfinished runs and their plans, batches on hold or that may be loaded, staging, what state
targets hold, and history within the longest `once_every` and what the caps and the exposure budget look back on. Who asked
to be forgotten, runs and batches are noted for good.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.clock import midnight, present
from flows.durable import private_folder, rename_once, sync_folder, write_bytes
from flows.ledger.exposure import LONG
from flows.ledger.lock import run_lock
from flows.ledger.publishing import check_folders, recover, staged
from flows.ledger.recalls import recallable_runs
from flows.ledger.restoring import refuse_restored
from flows.ledger.runs import unfinished_runs
from flows.ledger.store import open_ledger
from flows.line.forgetting import drop_plan
from flows.line.frozen import CROWD_FILE
from flows.line.planned import last_whole
from flows.line.reports import told_files
from flows.line.rolling import drop_notes
from flows.plan import read_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date
    from pathlib import Path

    from flows.settings import Settings
    from flows.workspace import Workspace

_BEGUN = "begun"
_ORDER = "order.json"
_FINISHED = "state NOT IN ('claimed', 'sealed', 'hold')"
_ON_ITS_WAY = """(
    state = 'published' AND batch_id IN (SELECT batch_id FROM carriage WHERE state IN ('waiting', 'carrying', 'hold'))
)"""


@dataclass(frozen=True)
class Retained:
    """What was removed, in counts.

    Attributes:
        plans: of plans nothing is left, or nothing but how many people were shown the same.
        batches: copies in the outbox.
        history: table -> rows.
        history_from: the day from which on the history is kept.
        addresses: files of the addresses that were read.
        notes: of a rolling run.
        told: files of outcomes that waited in the inbox for somebody to mend them.
        pages: that show what some people are told.
    """

    plans: int
    batches: int
    history: dict[str, int]
    history_from: date
    addresses: int
    notes: int
    told: int = 0
    pages: int = 0


def retain(workspace: Workspace) -> Retained:
    """Remove what the settings under `retention` do not keep any more. Harmless when repeated, also after a kill.

    Raises:
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
        OutboxError: something cannot be removed.
    """
    settings, now = workspace.settings, present()
    with run_lock(settings, "justenough retain"):
        check_folders(settings)
        refuse_restored(settings)
        recover(settings)
        oldest = kept_from(workspace, now)
        return Retained(
            plans=_drop_plans(settings, now),
            batches=_drop_batches(settings, now),
            history=_drop_history(settings, oldest, now),
            history_from=oldest,
            addresses=_drop_addresses(settings, now),
            notes=drop_notes(settings, now - settings.retention.plans),
            told=_drop_old(told_files(settings), now - settings.retention.plans),
            pages=_drop_old(settings.folder("pages").glob("*"), now - settings.retention.plans),
        )


def kept_from(workspace: Workspace, now: datetime) -> date:
    """The day from which on history is kept: as long as is set, and never less than what the next decisions look at."""
    settings = workspace.settings
    longest = [product.once_every.every for product in workspace.products.values()]
    longest += [LONG, *(cap.window for cap in settings.caps)]
    kept = max(settings.retention.history, *(time + timedelta(days=1) for time in longest))
    return (now - kept).astimezone(settings.zone).date()


def _drop_plans(settings: Settings, now: datetime) -> int:
    """Drop old plans, unless a run is to finish them, or may call something of them back.

    Of the last whole run that delivered its crowds stay: they name nobody.
    """
    with open_ledger(settings) as ledger:
        needed = {*unfinished_runs(ledger)["run_id"], *recallable_runs(ledger, now)}
    folders = {path.parent.name: path.parent for path in settings.folder("plans").glob(f"*/{_ORDER}")}
    orders = {run_id: read_order(settings, run_id) for run_id in folders}
    kept = last_whole(settings)
    dropped = 0
    for run_id, folder in sorted(folders.items()):
        if run_id in needed or orders[run_id].present + settings.plan_expires > now - settings.retention.plans:
            continue
        if run_id == kept:
            dropped += _drop_but(folder, {_ORDER, CROWD_FILE})
        else:
            drop_plan(folder)
            dropped += 1
    return dropped


def _drop_but(folder: Path, kept: Collection[str]) -> int:
    """Drop all of a plan but some files."""
    gone = [path for path in folder.iterdir() if path.name not in kept]
    for path in sorted(gone, key=lambda path: path.name != "plan.json"):  # first what makes it a plan
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        sync_folder(folder)
    return bool(gone)


def _drop_batches(settings: Settings, now: datetime) -> int:
    """Drop copies of batches that must not be loaded any more. Each leaves the outbox by one rename: nobody sees half of it."""
    with open_ledger(settings) as ledger:
        rows = ledger.rows(
            "SELECT batch_id, target, as_of, number FROM batch "
            f"WHERE {_FINISHED} AND NOT {_ON_ITS_WAY} AND valid_until < $before",
            {"before": (now - settings.retention.batches).replace(tzinfo=None)},
        )
    dropped = 0
    for batch_id, target, as_of, number in rows.iter_rows():
        folder = settings.outbox / target / f"{as_of}-{number}"
        if folder.is_dir():
            leaving = staged(settings, batch_id)
            rename_once(folder, leaving)  # recovery drops what it does not know there
            sync_folder(folder.parent)
            shutil.rmtree(leaving)
            dropped += 1
    return dropped


def _drop_history(settings: Settings, oldest: date, now: datetime) -> dict[str, int]:
    """Drop decisions, and what came of them, of days before the oldest that is kept, unless they hold still.

    An outcome of before goes with the last decision of before about its person: it can be about no other.
    What left for a day that was over is as old as its leaving: that is what the caps count by.
    """
    old = "as_of < $oldest"
    over = f"{_FINISHED} AND {old} AND claimed_at < $oldest AND valid_until < $now"
    of_batches = f"batch_id IN (SELECT batch_id FROM batch WHERE {over})"
    needed = "state = 'delivering' OR started_at >= $oldest"
    over_with = f"happened_at < $since AND person_key NOT IN (SELECT person_key FROM decision WHERE {old})"
    conditions = {
        "receipt": f"{of_batches} AND message_id NOT IN (SELECT message_id FROM delivery WHERE valid_until >= $now)",
        "delivery": f"{of_batches} AND valid_until < $now",
        "seed": of_batches,
        "recall": f"recalled_{of_batches}",
        "claim": of_batches,
        "decision": f"{old} AND valid_until < $now AND run_id NOT IN (SELECT run_id FROM run WHERE {needed})",
        "choice": "decision_id NOT IN (SELECT decision_id FROM decision)",
        "outcome": over_with,
        "scan": over_with,
        "arrival": "message_id NOT IN (SELECT message_id FROM delivery)",
        "event": "answered_at < $since",
    }
    given = {
        "oldest": oldest,
        "now": now.replace(tzinfo=None),
        "since": midnight(oldest, settings.zone).replace(tzinfo=None),
    }
    gone = {}
    with open_ledger(settings) as ledger, ledger.transaction():
        for table, condition in conditions.items():
            used = {name: value for name, value in given.items() if f"${name}" in condition}
            gone[table] = int(ledger.rows(f"SELECT count(*) FROM {table} WHERE {condition}", used).item())
            if gone[table]:
                ledger.execute(f"DELETE FROM {table} WHERE {condition}", used)
    return {table: count for table, count in gone.items() if count}


def _drop_old(files: Iterable[Path], before: datetime) -> int:
    """Drop files that were written so long ago: they name people, or show what they were told."""
    old = [path for path in files if datetime.fromtimestamp(path.lstat().st_mtime, UTC) < before]
    for path in old:
        path.unlink()
        sync_folder(path.parent)
    return len(old)


def _drop_addresses(settings: Settings, now: datetime) -> int:
    """Begin to read addresses anew from time to time, since nobody knows which of them anybody still has."""
    folder = settings.folder("addresses")
    files = [path for path in folder.glob("*.parquet") if path.is_file()]
    begun = folder / _BEGUN
    if files and begun.exists() and datetime.fromisoformat(begun.read_text()) > now - settings.retention.addresses:
        return 0
    is_first = not begun.exists()
    write_bytes(private_folder(folder) / _BEGUN, now.isoformat().encode())
    if is_first:
        return 0
    for path in files:
        path.unlink()
    sync_folder(folder)
    return len(files)
