"""The rules of the protocol, each with a switch: patches from outside that only these tests know."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.ledger import claims, publishing
from flows.line import batches, delivering, watching
from tests.crash.driver import wrap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PUBLISHING = "flows.ledger.publishing"


def switch_off(rules: tuple[str, ...], boot: str | None) -> None:
    """Break some rules in this process, and show it another start of the machine. Call it after points have been laid."""
    if boot is not None:
        publishing.boot_id = lambda: boot
    for rule in rules:
        if rule != RUN_LOCK:
            OFF[rule]()


def _files_before_claims() -> None:
    """The file is revealed first; batch and claims are noted after that."""
    waiting: dict[str, tuple[Any, ...]] = {}

    def claim(ledger: Any, header: Any, pieces: Iterable[pl.DataFrame], valid_until: Any) -> Any:
        wanted = list(pieces)
        batch = claims._numbered(ledger, header, valid_until, sum(piece.height for piece in wanted))
        waiting[batch.batch_id] = (header, wanted, valid_until)
        return batch

    def publish(settings: Any, batch: Any, contents: Any, _drain: int) -> Any:
        destination = publishing.private_folder(settings.outbox / batch.target) / batch.folder
        publishing.rename_once(publishing.staged(settings, batch.batch_id), destination)
        with publishing.open_ledger(settings) as ledger, ledger.transaction():
            claims.claim(ledger, *waiting[batch.batch_id])
            for table, rows in contents.records():
                ledger.append(table, rows)
            publishing._set_state(ledger, batch.batch_id, "published", None)
        return publishing.Sealed(destination, batch.row_count, pl.DataFrame(schema={"reason": pl.String}))

    delivering.claim = claim
    batches.publish = publish


def _rename_before_the_seal() -> None:
    """The folder is revealed while the transaction of its seal is open: its last step before the commit asks for the boot id."""
    seen: list[Path] = []
    boot_id, rename, staged = publishing.boot_id, publishing.rename_once, publishing.staged

    def noted(settings: Any, batch_id: str) -> Path:
        seen[:] = [settings.outbox, staged(settings, batch_id)]
        return seen[1]

    def revealed() -> str:
        outbox, folder = seen
        target, name = folder.name.rsplit("-", 4)[0], "-".join(folder.name.rsplit("-", 4)[1:])
        rename(folder, publishing.private_folder(outbox / target) / name)
        return boot_id()

    publishing.staged = noted
    publishing.boot_id = revealed
    publishing.rename_once = lambda _source, _destination: None


def _rename_replaces() -> None:
    def replace(source: Path, destination: Path) -> None:
        shutil.rmtree(destination, ignore_errors=True)
        source.rename(destination)

    publishing.rename_once = replace


def _revealed_piece_by_piece() -> None:
    def piecemeal(source: Path, destination: Path) -> None:
        destination.mkdir()
        for path in sorted(source.iterdir()):
            time.sleep(0.05)
            path.rename(destination / path.name)
        source.rmdir()

    publishing.rename_once = piecemeal


def _unlinked_before_the_state() -> None:
    recover_batch = publishing._recover_batch

    def recovered(settings: Any, ledger: Any, row: Any) -> Any:
        undo, folder = publishing._undo, publishing.staged(settings, row["batch_id"])

        def unlinked(*given: Any) -> Any:
            publishing._discard(folder)
            return undo(*given)

        publishing._undo = unlinked
        return recover_batch(settings, ledger, row)

    publishing._recover_batch = recovered


def _restarts_go_unnoticed() -> None:
    publishing.boot_id = lambda: "always the same"


def _taken_is_never_published() -> None:
    """What is not in the outbox was never there."""
    recover_batch = publishing._recover_batch

    def recovered(settings: Any, ledger: Any, row: Any) -> Any:
        folder = settings.outbox / row["target"] / f"{row['as_of']}-{row['number']}"
        if row["state"] == "sealed" and not folder.exists():
            return publishing._undo(ledger, row["batch_id"], "it is not in the outbox")
        return recover_batch(settings, ledger, row)

    publishing._recover_batch = recovered


def _seals_do_not_drain() -> None:
    publishing.drain = lambda _settings, _ledger, _key: 0


def _consent_of_the_plan() -> None:
    """What barred nobody when the plan was made bars nobody when it is claimed."""

    def unchecked(rows: pl.DataFrame, *_given: Any) -> pl.DataFrame:
        nothing = pl.lit(None, dtype=pl.String)
        return rows.with_columns(reason=nothing, consent_event=nothing)

    watching.rechecked = unchecked


def _no_fence() -> None:
    wrap(PUBLISHING, "_fence", lambda _call: lambda _ledger, _batch_id: None)


RUN_LOCK = "the run's lock"
OFF = {
    "claims before files": _files_before_claims,
    "the seal before the rename": _rename_before_the_seal,
    "one rename": _revealed_piece_by_piece,
    "a rename never replaces": _rename_replaces,
    "state before unlink": _unlinked_before_the_state,
    "a restart means hold": _restarts_go_unnoticed,
    "absence is the only proof": _taken_is_never_published,
    "every seal drains the inbox": _seals_do_not_drain,
    "consent is checked last": _consent_of_the_plan,
    "the fence": _no_fence,
    RUN_LOCK: None,
}
"""Rule -> what takes it away."""
