"""A seeded small warehouse to try it on: an outdoor retailer with two brands, written by the SQL in sql/sample/."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flows.durable import private_folder, sync_file
from flows.errors import OutboxError, UsageError
from flows.warehouse.connection import connect, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from flows.warehouse.connection import Connection

MOST_CUSTOMERS = 9_999_999  # a customer's id has seven digits
ABANDONED_SECONDS = 3600.0


def build_sample(
    path: Path,
    sql: Path,
    *,
    as_of: date,
    customers: int = 20_000,
    seed: int = 7,
    progress: Callable[[str, int, int], None] = lambda _step, _done, _of: None,
) -> dict[str, int]:
    """Write the sample warehouse to `path`: the same content for the same date, size and seed.

    It is built in a folder of its own beside `path` and takes its name when it is whole, so that a build that is killed
    leaves what was there before.

    Args:
        path: the DuckDB file to write; one that is there is replaced.
        sql: the folder with `sample/*.sql`, run in the order of their names.
        as_of: the day before which everything in the sample has happened (dirt apart).
        customers: how many.
        seed: what the draws start from.
        progress: is told of each file of `sample/`: that it runs, how many are done, and of how many.

    Returns:
        The number of rows of each table.

    Raises:
        UsageError: the number of customers is out of range.
        OutboxError: the folder of `path` cannot be written to.
        StatementError: a file in `sample/` is missing or does not run.
    """
    if not 1 <= customers <= MOST_CUSTOMERS:
        hint = f"ask for 1 to {MOST_CUSTOMERS:,} customers"
        raise UsageError("sample", f"{customers} customers cannot be made", hint)
    building = _building_folder(path)
    try:
        new = building / path.name
        with connect(new) as connection:
            new.chmod(0o600)
            _set(connection, seed=str(int(seed)), customers=str(customers), as_of=f"DATE '{as_of.isoformat()}'")
            files = sorted((sql / "sample").glob("*.sql"))
            for place, file in enumerate(files):
                progress("making the sample", place, len(files))
                with translated(f"sql/sample/{file.name}"):
                    connection.execute(file.read_text(encoding="utf-8"))
            progress("making the sample", len(files), len(files))
            rows = _rows(connection)
            with translated(path.name):
                connection.execute("CHECKPOINT")
        sync_file(new)
        new.replace(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return rows


def _building_folder(path: Path) -> Path:
    """A new private folder beside `path`; those that a killed build has left are removed."""
    prefix = f".{path.name}-building-"
    try:
        private_folder(path.parent)
        for left in path.parent.glob(f"{prefix}*"):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    except OSError:
        hint = "make the folder writable, or set `state` to another one"
        raise OutboxError(path.parent, "the sample warehouse cannot be written here", hint) from None


def _set(connection: Connection, **values: str) -> None:
    for name, value in values.items():
        connection.execute(f"SET VARIABLE {name} = {value}")


def _rows(connection: Connection) -> dict[str, int]:
    tables = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY table_name"
    names = [name for (name,) in connection.execute(tables).fetchall()]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0] for name in names}
