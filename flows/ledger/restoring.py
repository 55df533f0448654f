"""Whether the ledger is as old as a backup: what has left since then would leave again, so nothing does.

How much has happened is a number that only grows: runs, batches, tombstones and what was carried, none of which is ever deleted.
It is noted beside the ledger and in the outbox as well. A ledger that was restored alone is behind the one, a state folder that
was restored whole behind the other; and a batch in the outbox that the ledger does not know tells it, too. That consumers have
taken batches, or the outbox is gone, says nothing: what is not there is never compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.durable import write_bytes
from flows.errors import StateError
from flows.ledger.publishing import MANIFEST
from flows.ledger.store import open_ledger

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from flows.ledger.store import Ledger
    from flows.settings import Settings

MARK = ".epoch"


@dataclass(frozen=True)
class Behind:
    """What a ledger does not know of what has happened.

    Attributes:
        events: runs, batches and tombstones.
        forgotten: of these, people who were forgotten.
        batches: in the outbox still.
    """

    events: int
    forgotten: int
    batches: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.events or self.batches)


def refuse_restored(settings: Settings) -> None:
    """Refuse to go on with a ledger from a backup; the first look of whatever sends or forgets, under the run's lock.

    Raises:
        StateError: the ledger is behind what is beside it, or in the outbox.
    """
    with open_ledger(settings) as ledger:
        behind = _behind(settings, ledger)
    if behind:
        lacks = [f"{behind.events:,} runs, batches or erasures"] if behind.events else []
        if behind.batches:
            lacks.append(f"{len(behind.batches):,} batches of the outbox, such as {behind.batches[0]}")
        what = f"this ledger is older than what has left: it lacks {', and '.join(lacks)}"
        hint = "put the newest ledger back; or, so that people may get again what they had since: justenough restored"
        raise StateError(settings.ledger, what, hint)


def accept_restored(settings: Settings) -> Behind:
    """Go on with a ledger from a backup on purpose, and return what it does not know. Call it under the run's lock.

    Names of batches that are in the outbox are not used again, and of those that the backup had claimed the claims hold.
    """
    with open_ledger(settings) as ledger:
        behind = _behind(settings, ledger)
        if behind:
            with ledger.transaction():
                _accept_batches(settings, ledger, behind.batches)
                ledger.append("restored", pl.DataFrame({"missing": behind.events, "accepted_at": present()}))
    mark(settings)
    return behind


def mark(settings: Settings) -> None:
    """Note how much has happened, beside the ledger and in the outbox."""
    with open_ledger(settings) as ledger:
        noted = {"workspace": settings.name, "epoch": _epoch(ledger), "forgotten": _forgotten(ledger)}
    content = json.dumps(noted).encode()
    for path in _marks(settings):
        if not path.exists() or path.read_bytes() != content:
            write_bytes(path, content)


def _behind(settings: Settings, ledger: Ledger) -> Behind:
    noted = [_noted(path, settings.name) for path in _marks(settings)]
    events = max(each["epoch"] for each in noted) - _epoch(ledger)
    forgotten = max(each["forgotten"] for each in noted) - _forgotten(ledger)
    return Behind(max(0, events), max(0, forgotten), tuple(sorted(_unknown(settings, ledger))))


def _marks(settings: Settings) -> tuple[Path, Path]:
    return settings.folder("epoch"), settings.outbox / MARK


def _noted(path: Path, workspace: str) -> dict[str, int]:
    """What a mark says; nothing where there is none, or it is of another workspace with the same outbox."""
    nothing = {"epoch": 0, "forgotten": 0}
    try:
        found = json.loads(path.read_bytes())
        return {name: int(found[name]) for name in nothing} if found["workspace"] == workspace else nothing
    except (OSError, ValueError, KeyError, TypeError):
        return nothing


def _epoch(ledger: Ledger) -> int:
    return int(
        ledger.rows(
            """
            SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM batch) + (SELECT count(*) FROM tombstone)
                + (SELECT count(*) FROM carriage WHERE state IN ('carried', 'given_up'))
                + (SELECT coalesce(sum(missing), 0) FROM restored)
            """
        ).item()
    )


def _forgotten(ledger: Ledger) -> int:
    return int(ledger.rows("SELECT count(*) FROM tombstone").item())


def _unknown(settings: Settings, ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Batch -> manifest: of those in the outbox that the ledger does not know, or believes never to have appeared."""
    rows = ledger.rows("SELECT batch_id FROM batch WHERE state NOT IN ('claimed', 'aborted')")
    known, found = set(rows["batch_id"]), {}
    for path in settings.outbox.glob(f"*/*/{MANIFEST}"):
        batch_id = f"{path.parent.parent.name}-{path.parent.name}"
        manifest = {} if batch_id in known else _manifest(path)
        if manifest.get("workspace") == settings.name and manifest.get("batch_id") == batch_id:
            found[batch_id] = manifest
    return found


def _manifest(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _accept_batches(settings: Settings, ledger: Ledger, batches: tuple[str, ...]) -> None:
    """What was claimed has been published, as it must have been; of the others nothing is known but that there is one."""
    manifests = _unknown(settings, ledger)
    claimed = set(ledger.rows("SELECT batch_id FROM batch WHERE state = 'claimed' AND kind = 'message'")["batch_id"])
    for batch_id in batches:
        if batch_id in claimed:
            ledger.execute(
                "UPDATE batch SET state = 'published', published_at = $at WHERE batch_id = $batch",
                {"at": present().replace(tzinfo=None), "batch": batch_id},
            )
        else:
            ledger.execute("DELETE FROM batch WHERE batch_id = $batch", {"batch": batch_id})
            ledger.append("batch", _lost(manifests[batch_id]))


def _lost(manifest: dict[str, Any]) -> pl.DataFrame:
    """The row of a batch of which the ledger has no claims."""
    row = {name: manifest[name] for name in ("batch_id", "run_id", "target", "brand", "channel", "kind")}
    number, rows = int(manifest["batch_id"].rpartition("-")[2]), int(manifest["rows"]) - int(manifest["seed_rows"])
    return pl.DataFrame(
        {**row, "number": number, "state": "lost", "row_count": rows, "released_count": rows, "claimed_at": present()}
    ).with_columns(
        as_of=pl.lit(manifest["as_of"]).str.to_date(),
        valid_until=pl.lit(manifest["valid_until"]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
    )
