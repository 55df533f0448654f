"""Which key the ledger is written under, and writing it under another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.ledger.erasure import TOMBSTONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.ledger.store import Ledger


def key_in_use(ledger: Ledger) -> str | None:
    """The id of the key that people and addresses are noted under; None where the key was never changed."""
    rows = ledger.rows("SELECT key_id FROM key_use ORDER BY since DESC, rowid DESC LIMIT 1")
    return None if rows.is_empty() else str(rows.item())


def note_key(ledger: Ledger, key_id: str) -> None:
    """Note that people and addresses are under a key from now on."""
    with ledger.transaction():
        ledger.append("key_use", pl.DataFrame({"key_id": [key_id], "since": [present()]}))


def rekey(ledger: Ledger, renewed: Mapping[str, pl.DataFrame]) -> int:
    """Write keys anew, all or none, and return how many rows were changed. Tombstones keep theirs.

    Messages and decisions keep their ids: outcomes come back under these, and they are only compared with each other.

    Args:
        ledger: open.
        renewed: column (`person_key`, `address_key`) -> `old, new`.
    """
    changed = 0
    with ledger.transaction():
        for column, pairs in renewed.items():
            tables = ledger.rows(
                "SELECT table_name FROM duckdb_columns() WHERE database_name = current_database() AND column_name = $column",
                {"column": column},
            )
            for table in sorted(set(tables["table_name"]) - {TOMBSTONE}):
                condition = f"FROM pairs WHERE {table}.{column} = pairs.old"
                count = f"SELECT count(*) FROM {table} SEMI JOIN pairs ON {table}.{column} = pairs.old"
                changed += int(ledger.rows(count, pairs=pairs).item())
                ledger.execute(f"UPDATE {table} SET {column} = pairs.new {condition}", pairs=pairs)
    return changed
