"""Forgetting people in the ledger: every row of theirs goes, and a keyed tombstone stays, so that they are never spoken to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present

if TYPE_CHECKING:
    from flows.keys import Key
    from flows.ledger.store import Ledger

TOMBSTONE = "tombstone"


def bury(ledger: Ledger, people: pl.DataFrame, key: Key) -> int:
    """Add a tombstone for each of some people who has none under any key, and return how many are new.

    Args:
        ledger: open.
        people: `customer_id, key_id, person_key`: everybody under each key that is kept.
        key: in use.
    """
    buried = people.join(tombstones(ledger), on=["person_key", "key_id"], how="semi")
    new = people.join(buried, on="customer_id", how="anti").filter(pl.col("key_id") == key.key_id)
    with ledger.transaction():
        ledger.append(TOMBSTONE, new.select("person_key", "key_id", erased_at=pl.lit(present())))
    return new.height


def tombstones(ledger: Ledger) -> pl.DataFrame:
    """`person_key, key_id` of everybody who asked to be forgotten."""
    return ledger.rows(f"SELECT DISTINCT person_key, key_id FROM {TOMBSTONE}").cast(pl.String)


def erase(ledger: Ledger, people: pl.DataFrame) -> dict[str, int]:
    """Delete every row of some people, whatever table it is in, tombstones apart, and return how many of which table went.

    A row is theirs by `person_key`, `decision_id` or `message_id`. A batch remembers how many of its claims went.

    Args:
        ledger: open.
        people: `person_key`.
    """
    columns = _columns(ledger)
    with ledger.transaction():
        theirs = _theirs(ledger, people.select("person_key").unique())
        ledger.execute(
            """
            UPDATE batch SET released_count = coalesce(released_count, 0) + n.erased
            FROM (SELECT batch_id, count(*) AS erased FROM claim JOIN people USING (message_id) GROUP BY batch_id) n
            WHERE batch.batch_id = n.batch_id
            """,
            people=theirs["message_id"],
        )
        gone = {
            table: sum(_delete(ledger, table, name, theirs[name]) for name in theirs if name in names)
            for table, names in columns.items()
            if table != TOMBSTONE
        }
    return {table: count for table, count in gone.items() if count}


def _theirs(ledger: Ledger, people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The names of columns by which rows are some people's -> a frame of that column with what is theirs."""
    decisions = ledger.rows(
        """
        SELECT decision_id FROM decision JOIN people USING (person_key)
        UNION SELECT decision_id FROM claim JOIN people USING (person_key)
        """,
        people=people,
    ).cast(pl.String)
    messages = ledger.rows(
        """
        SELECT message_id FROM claim JOIN people USING (person_key)
        UNION SELECT message_id FROM delivery JOIN decisions USING (decision_id)
        """,
        people=people,
        decisions=decisions,
    ).cast(pl.String)
    return {"person_key": people, "decision_id": decisions, "message_id": messages}


def _delete(ledger: Ledger, table: str, column: str, people: pl.DataFrame) -> int:
    condition = f"FROM {table} WHERE {column} IN (SELECT {column} FROM people)"
    count = int(ledger.rows(f"SELECT count(*) {condition}", people=people).item())
    if count:
        ledger.execute(f"DELETE {condition}", people=people)
    return count


def _columns(ledger: Ledger) -> dict[str, set[str]]:
    """Table -> its columns, tables in alphabetical order."""
    rows = ledger.rows(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal "
        "ORDER BY table_name"
    )
    found: dict[str, set[str]] = {}
    for table, column in rows.iter_rows():
        found.setdefault(table, set()).add(column)
    return found
