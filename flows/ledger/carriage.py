"""What is on its way to another end: noted before and after each step there that cannot be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.clock import present
from flows.ledger.consent import latest_drain

if TYPE_CHECKING:
    from datetime import datetime

    from flows.ledger.store import Ledger
    from flows.settings import Settings

State = Literal["waiting", "carrying", "carried", "hold", "given_up"]
FileState = Literal["begun", "refused", "arrived"]


@dataclass(frozen=True)
class Carriage:
    """A published batch that is not carried yet.

    Attributes:
        batch_id, run_id, target, brand, kind: of the batch.
        folder: its name below outbox/<target>/.
        manifest_sha256: as it was sealed.
        valid_until: UTC instant.
        destination: where it is going.
        drain: the latest emptying of the inbox when it was sealed.
        begun: files that may have been revealed there.
        arrived: of these, the ones that were.
    """

    batch_id: str
    run_id: str
    target: str
    brand: str
    kind: str
    folder: str
    manifest_sha256: str
    valid_until: datetime
    destination: str
    drain: int
    begun: frozenset[str]
    arrived: frozenset[str]


def expect(ledger: Ledger, settings: Settings, batch_id: str, target: str) -> None:
    """Note with the seal of a batch, in its transaction, that it is to be carried; nothing where its target stays here."""
    if target in settings.transports:
        ledger.execute(
            "INSERT INTO carriage VALUES ($batch, $to, 'waiting', $drain, [], [], NULL, $at)",
            {
                "batch": batch_id,
                "to": settings.transports[target].to,
                "drain": latest_drain(ledger),
                "at": present().replace(tzinfo=None),
            },
        )


def on_their_way(ledger: Ledger) -> list[Carriage]:
    """The published batches that are not carried yet, in the order in which they were claimed."""
    rows = ledger.rows(
        """
        SELECT b.batch_id, b.run_id, b.target, b.brand, b.kind, b.as_of || '-' || b.number AS folder, b.manifest_sha256,
            b.valid_until, c.destination, c.drain, c.begun, c.arrived
        FROM carriage c JOIN batch b USING (batch_id)
        WHERE b.state = 'published' AND c.state IN ('waiting', 'carrying') ORDER BY b.rowid
        """
    ).with_columns(pl.col("valid_until").dt.replace_time_zone("UTC"))
    return [
        Carriage(**{**row, "begun": frozenset(row["begun"]), "arrived": frozenset(row["arrived"])})
        for row in rows.iter_rows(named=True)
    ]


def is_held(ledger: Ledger, target: str, brand: str) -> bool:
    """Whether a batch of a target and brand waits for a person, so that no later one may pass it."""
    statement = f"SELECT 1 FROM {_HELD} AND target = $target AND brand = $brand"
    return not ledger.rows(statement, {"target": target, "brand": brand}).is_empty()


def note(ledger: Ledger, batch_id: str, state: State, reason: str | None = None, to: str | None = None) -> None:
    """Note what became of a batch on its way, and where it is going where that has changed."""
    with ledger.transaction():
        ledger.execute(
            """
            UPDATE carriage SET state = CASE WHEN $state = 'waiting' AND len(begun) > 0 THEN 'carrying' ELSE $state END,
                reason = $reason, destination = coalesce($to, destination), noted_at = $at
            WHERE batch_id = $batch
            """,
            {"state": state, "reason": reason, "to": to, "at": present().replace(tzinfo=None), "batch": batch_id},
        )


def note_file(ledger: Ledger, batch_id: str, file: str, state: FileState) -> None:
    """Note that a file is about to be revealed, that it was refused and so was not, or that it was."""
    change = {
        "begun": "begun = list_distinct(list_append(begun, $file))",
        "refused": "begun = list_filter(begun, lambda name: name <> $file)",
        "arrived": "begun = list_distinct(list_append(begun, $file)), arrived = list_distinct(list_append(arrived, $file))",
    }[state]
    with ledger.transaction():
        ledger.execute(f"UPDATE carriage SET {change} WHERE batch_id = $batch", {"batch": batch_id, "file": file})


def held_kind(ledger: Ledger, batch_id: str) -> str | None:
    """message, state or recall of a batch that waits for a person on its way; None where it does not."""
    rows = ledger.rows(f"SELECT kind FROM {_HELD} AND batch_id = $batch", {"batch": batch_id})
    return None if rows.is_empty() else str(rows.item())


def settle(ledger: Ledger, batch_id: str, state: State) -> None:
    """Note what a person found of a held batch: carried, given_up, or waiting, so that it is carried from the start."""
    with ledger.transaction():
        ledger.execute(
            "UPDATE carriage SET state = $state, reason = 'a person said so', begun = [], arrived = [] WHERE batch_id = $batch",
            {"state": state, "batch": batch_id},
        )


_HELD = "carriage c JOIN batch b USING (batch_id) WHERE b.state = 'published' AND c.state = 'hold'"
