"""Claim, stage, seal, rename, commit: a batch is visible whole or not at all, and never twice.

The order is the proof. Claims come before files, so nothing is doubled; files are durable before the seal, so nothing is lost;
the seal comes before the rename, so no file is without its ledger; and a rename is the only thing that removes a sealed folder
from staging/, so its absence always means that it was published, even when a consumer has taken it away since.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from flows.clock import present
from flows.digests import sha256
from flows.durable import boot_id, private_folder, rename_once, same_file_system, sync_folder
from flows.errors import BalanceError, OutboxError, PlanError, StateError
from flows.keys import load_key
from flows.ledger.carriage import expect
from flows.ledger.consent import barred_since, drain, is_told_since
from flows.ledger.exposure import forget_superseded
from flows.ledger.store import Ledger, open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.keys import Key
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


class Contents(Protocol):
    """What a staged batch holds, as far as the seal has to know it; in pieces, since all of it may be too much to hold."""

    def records(self) -> Iterable[tuple[str, pl.DataFrame]]:
        """Tables of the ledger, with rows that become true with the seal (deliveries, receipts, product versions)."""

    def rows(self) -> Iterable[pl.DataFrame]:
        """The messages in it: `message_id, person_key, brand, channel, topic, address_match`."""

    def is_current(self) -> bool:
        """Whether words and SQL are still those that it was made of."""

    def forbidden(self, ledger: Ledger) -> str | None:
        """Why nothing of it may leave now; None where it may."""

    def fallen(self, ledger: Ledger) -> pl.DataFrame:
        """`message_id, reason` of those that may not leave now, whatever people have told."""

    def leave_out(self, barred: pl.Series) -> int:
        """Write its files again without some messages, by `message_id`; returns how many rows the batch then has."""


@dataclass(frozen=True)
class Sealed:
    """What became of a staged batch.

    Attributes:
        folder: in the outbox; None where nothing was left of it.
        rows: how many it has.
        barred: `message_id, reason` of those that were left out at the seal.
        stopped: why nothing of it may leave as long as a person has not let it; None where it may.
    """

    folder: Path | None
    rows: int
    barred: pl.DataFrame
    stopped: str | None = None


def publish(settings: Settings, batch: Batch, contents: Contents, drain_seen: int) -> Sealed:
    """Seal a staged batch, reveal it by one rename, and commit. Its files must have been synced.

    The inbox is drained first: who has said stop since consent was looked at is left out, and only that person's file is
    written again. Then it is asked whether it may leave at all: a person may have stopped it meanwhile. From then on until the
    batch has appeared nobody else has the ledger.

    Args:
        settings: where everything is.
        batch: claimed before.
        contents: what was staged.
        drain_seen: the number of the latest drain of the inbox when consent was looked at.

    Raises:
        StateError: the batch is no longer claimed: somebody recovered it meanwhile.
        PlanError: words or SQL have changed since it was made; its claims are released then.
        DataError: the inbox cannot be read.
        OutboxError: something of its name is in the outbox already, and the batch is on hold then; or it cannot be put there.
    """
    key = load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        _fence(ledger, batch.batch_id)
        drain(settings, ledger, key)
        if not contents.is_current():
            _give_up(settings, ledger, batch.batch_id, "words or SQL changed while it was made")
            what = "words or SQL have changed while it was delivered"
            raise PlanError(batch.run_id, what, "make a new plan")
        if (why := contents.forbidden(ledger)) is not None:
            _give_up(settings, ledger, batch.batch_id, why)
            return Sealed(None, 0, _NOBODY.to_frame(), why)
        barred = _barred(ledger, drain_seen, contents, key)
        rows = contents.leave_out(barred["message_id"]) if barred.height else batch.row_count
        if rows == 0:
            _give_up(settings, ledger, batch.batch_id, "everybody in it said stop before it was sealed")
            return Sealed(None, 0, barred)
        with ledger.transaction():
            _release(ledger, batch.batch_id, barred)
            for table, added in contents.records():
                ledger.append(table, added)
            ledger.execute(
                """
                UPDATE batch
                SET state = 'sealed', row_count = $rows, manifest_sha256 = $manifest, boot_id = $boot, sealed_at = $at
                WHERE batch_id = $batch
                """,
                {
                    "rows": rows,
                    "manifest": sha256(staged(settings, batch.batch_id) / MANIFEST),
                    "boot": boot_id(),
                    "at": _stamp(),
                    "batch": batch.batch_id,
                },
            )
            expect(ledger, settings, batch.batch_id, batch.target)
        folder = _reveal(settings, ledger, batch.batch_id, batch.target, batch.folder)
        return Sealed(folder, rows, barred)


def _barred(ledger: Ledger, drain_seen: int, contents: Contents, key: Key) -> pl.DataFrame:
    """`message_id, reason` of what has been told since consent was looked at (`consent.barred_since`), or may not leave now."""
    found = [contents.fallen(ledger)]
    if is_told_since(ledger, drain_seen):  # mostly not
        found += [barred_since(ledger, drain_seen, rows, key) for rows in contents.rows()]
    return pl.concat([_NOBODY.to_frame(), *found]).unique("message_id", keep="first", maintain_order=True)


_NOBODY = pl.Schema({"message_id": pl.String(), "reason": pl.String()})


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


def on_hold(ledger: Ledger) -> pl.DataFrame:
    """`batch_id, run_id, row_count, reason` of the batches that wait for a person."""
    return ledger.rows(
        """
        SELECT batch_id, run_id, row_count, reason FROM batch WHERE state = 'hold'
        UNION ALL  -- published here, and in doubt at the other end
        SELECT batch_id, run_id, row_count, c.reason FROM carriage c JOIN batch b USING (batch_id)
        WHERE b.state = 'published' AND c.state = 'hold'
        ORDER BY batch_id
        """
    )


def held_run(ledger: Ledger, batch_id: str) -> str:
    """The run of a batch on hold. Raises StateError where it is not on hold."""
    held = on_hold(ledger)
    found = held.filter(pl.col("batch_id") == batch_id)["run_id"].to_list()
    if not found:
        others = ", ".join(held["batch_id"])
        raise StateError(
            batch_id, "this batch is not on hold", f"on hold: {others}" if others else "no batch is on hold"
        )
    return str(found[0])


def resolve(settings: Settings, batch_id: str, *, is_taken: bool, again: bool = False) -> None:
    """Note what a person knows of a batch on hold: that it has been taken, or that nobody has seen it.

    Args:
        settings: where everything is.
        batch_id: of the batch.
        is_taken: whether it was seen; it is published then, else its claims are released.
        again: whether its run is to deliver it again, from the kept plan, even if this program is killed now.

    Raises:
        StateError: the batch is not on hold.
    """
    with open_ledger(settings) as ledger:
        run_id = held_run(ledger, batch_id)
        if is_taken:
            _note_published(ledger, batch_id)
        else:
            with ledger.transaction():
                _unclaim(ledger, batch_id, "a person said that nobody has seen it")
                if again:
                    ledger.execute("UPDATE run SET state = 'delivering' WHERE run_id = $run", {"run": run_id})
    if staged(settings, batch_id).exists():
        _discard(staged(settings, batch_id))


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


def _give_up(settings: Settings, ledger: Ledger, batch_id: str, reason: str) -> None:
    """Undo a batch that is not going to be sealed."""
    _undo(ledger, batch_id, reason)
    _discard(staged(settings, batch_id))


def _release(ledger: Ledger, batch_id: str, barred: pl.DataFrame) -> None:
    """Give back the claims of messages that do not leave."""
    ledger.execute(
        "DELETE FROM claim WHERE batch_id = $batch AND message_id IN (SELECT message_id FROM barred)",
        {"batch": batch_id},
        barred=barred,
    )


def _undo(ledger: Ledger, batch_id: str, reason: str) -> Recovered:
    """State first; the folder is unlinked only after that, since its absence would mean that it was published."""
    with ledger.transaction():
        _unclaim(ledger, batch_id, reason)
    return Recovered(batch_id, "aborted", reason)


def _unclaim(ledger: Ledger, batch_id: str, reason: str) -> None:
    for table in ("exposure", "receipt", "delivery", "seed", "recall", "claim", "carriage"):
        ledger.execute(f"DELETE FROM {table} WHERE batch_id = $batch", {"batch": batch_id})
    _set_state(ledger, batch_id, "aborted", reason)


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
    except OSError as error:  # it is still staged, so nobody has seen it: the next run undoes it, and makes it again
        what = f"the batch cannot be put there ({error.strerror})"
        raise OutboxError(destination, what, "mend the rights or the disk, then run again") from None
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
