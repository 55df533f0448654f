"""Opening the ledger: its tables, its version, its lock, and commits that survive a power cut."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.clock import present
from flows.durable import private_folder, refuse_special, rename_once, sync_file, sync_folder
from flows.errors import DataError, LockedError, OutboxError, SourceError, StateError, StatementError
from flows.ledger.engine import Engine, engine_of
from flows.settings import Settings, shipped
from flows.tokens import ID_DIGITS
from flows.warehouse.connection import Connection, connect, query, quote, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SCHEMA_VERSION = 14
_SHORT_KEYS = 12
"""Since which version keys have `tokens.ID_DIGITS`; before it they had 64."""
_PATIENCE_SECONDS = 10.0
_AT_HAND_SECONDS = 2.0
"""Others who want the ledger wait for it `_PATIENCE_SECONDS`."""
_FEW_ROWS = 1_000
"""So many rows of an answer are kept in memory."""
_PLAIN = (str, int, float, date, type(None))
"""What can be given with a question that is told apart from others by what is given."""

# Parts of a run are threads of one process, and those would share DuckDB's instance of the file: 3 of 96 parts that opened
# the ledger at the same time were refused (ResourceInUseException, measured). A thread may open it within itself.
_ONE_THREAD = threading.RLock()


class Ledger:
    """An open ledger. Every change is one transaction, by set."""

    def __init__(self, path: Path, engine: Engine, connection: Connection) -> None:
        self.path = path
        self._engine, self._connection = engine, connection
        self._is_changing = False

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None, **frames: pl.DataFrame) -> pl.DataFrame:
        """The rows of a SELECT; `frames` can be read in it by their names.

        Where the ledger is at hand a few rows are not asked for again, as long as nothing was written.
        """
        question = (statement, *(parameters or {}).items())
        is_plain = all(isinstance(value, _PLAIN) for value in (parameters or {}).values())
        if frames or not is_plain or self._is_changing or not self._engine.is_kept:
            return self._asked(statement, parameters, frames)
        if (known := self._engine.answers.get(question)) is not None:
            return known
        found = self._asked(statement, parameters, {})
        if found.height <= _FEW_ROWS:
            self._engine.answers[question] = found
        return found

    def _asked(
        self, statement: str, parameters: Mapping[str, Any] | None, frames: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        with self._visible(frames), _undamaged(self.path):
            return query(self._connection, statement, parameters, where=self.path)

    @property
    def is_known(self) -> bool:
        """Whether somebody has seen that its tables are this program's, since the file was opened."""
        return self._engine.is_known

    @is_known.setter
    def is_known(self, known: bool) -> None:
        self._engine.is_known = known

    def version(self) -> int | None:
        """Of its tables. It is asked at every opening, and as a number it is there in half the time of a frame."""
        with _undamaged(self.path):
            found: int | None = self._connection.execute("SELECT max(number) FROM schema_version").fetchall()[0][0]
            return found

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """All statements inside become durable together, or none does.

        DuckDB syncs its files but not the folder that names its write-ahead log, so the folder is synced here: without
        that a power cut could take back an acknowledged commit.
        """
        with _undamaged(self.path):
            self._connection.execute("BEGIN")
            self._is_changing = True
            try:
                yield self
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):  # a commit that failed has been rolled back already, and says so here
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._is_changing = False
                self._engine.answers.clear()
            sync_folder(self.path.parent)

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None, **frames: pl.DataFrame) -> None:
        """Run a statement of a transaction; `frames` can be read in it by their names."""
        self._engine.answers.clear()
        with self._visible(frames), _undamaged(self.path):
            self._connection.execute(statement, dict(parameters) if parameters else None)

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add a frame's rows to a table, by the names of its columns."""
        if frame.height:
            columns = ", ".join(frame.columns)
            self.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM added", added=_naive(frame))

    def rewrite(self) -> None:
        """Take the place of the file by a copy of what is in it: what was deleted stays in a DuckDB file, after VACUUM, too.

        Both files are open, and so locked, until it is done: whoever opens the ledger meanwhile waits, and finds the new one.
        DuckDB syncs the copy as it checkpoints it. (To open it for that once more would let go of its lock: POSIX.)
        Close the ledger afterwards: this one goes on in the old file.
        """
        copy = self.path.with_name(f".{self.path.name}.copy")
        for left in self.path.parent.glob(f"{copy.name}*"):  # of a rewriting that was killed
            left.unlink()
        with _undamaged(self.path):
            self._connection.execute(f"ATTACH '{quote(str(copy))}' AS rewritten")
            copy.chmod(0o600)
            self._connection.execute("COPY FROM DATABASE ledger TO rewritten")
            self._connection.execute("CHECKPOINT rewritten")
            self._connection.execute("CHECKPOINT")  # leaves no write-ahead log that would be taken for the new file's
            self._engine.is_spent = True
        sync_folder(self.path.parent)
        copy.replace(self.path)
        sync_folder(self.path.parent)

    @contextmanager
    def _visible(self, frames: Mapping[str, pl.DataFrame]) -> Iterator[None]:
        for name, frame in frames.items():
            self._connection.register(name, frame.to_arrow())
        try:
            yield
        finally:
            for name in frames:
                self._connection.unregister(name)


@contextmanager
def open_ledger(settings: Settings, *, read_only: bool = False) -> Iterator[Ledger]:
    """Open the ledger for a moment, waiting a few seconds where another process has it.

    Args:
        settings: where it is.
        read_only: for those who only look.

    Raises:
        LockedError: another process keeps it.
        StateError: it was written by a newer program, is damaged, or is not a ledger.
        OutboxError: there is none yet, and it cannot be made; or what stands in its place is no file.
    """
    with _ONE_THREAD:
        path = settings.ledger
        private_folder(path.parent)
        refuse_special(path)
        if not path.exists():
            _create(path)
        with _attached(path, read_only=read_only) as ledger:
            is_of_now = ledger.is_known or _version(ledger) >= SCHEMA_VERSION
            if is_of_now:
                ledger.is_known = True
                yield ledger
        if not is_of_now:
            _upgrade(path)
            with _attached(path, read_only=read_only) as ledger:
                yield ledger


@contextmanager
def ledger_at_hand(settings: Settings) -> Iterator[None]:
    """Let go of the ledger between openings only after two seconds: to open it takes 3 ms, and one answer does so sixty times.

    What is committed is as durable as ever. Whoever else wants the ledger waits so much longer.
    """
    with _ONE_THREAD:
        engine = engine_of(settings.ledger)
        engine.keep(_AT_HAND_SECONDS)
    try:
        yield
    finally:
        with _ONE_THREAD:
            engine.let_go()


@contextmanager
def _attached(path: Path, *, read_only: bool = False) -> Iterator[Ledger]:
    """The file as a ledger, of whatever version."""
    engine = engine_of(path)
    connection = _patiently(path, engine, read_only=read_only)
    try:
        yield Ledger(path, engine, connection)
    except BaseException:
        engine.is_spent = True
        raise
    finally:
        engine.detach(connection)


def _patiently(path: Path, engine: Engine, *, read_only: bool) -> Connection:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with _undamaged(path):
                return engine.attach(read_only=read_only)
        except LockedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """DuckDB's errors in our words; what would be a broken source elsewhere is a broken ledger here."""
    try:
        with translated(path):
            yield
    except SourceError as damage:
        hint = "restore the state folder from your backup; with an empty history people would get the same help again"
        raise StateError(path, damage.what, hint) from None


def _create(path: Path) -> None:
    """Make a ledger under another name first, so that a kill or a full disk leaves none rather than half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        connection = connect(temporary)
        try:
            with translated(temporary):
                _make_tables(connection.execute)
                connection.execute("CHECKPOINT")
        finally:
            connection.close()
        sync_file(temporary)
        with suppress(FileExistsError):  # another process was quicker
            rename_once(temporary, path)
        sync_folder(path.parent)
    except (OSError, SourceError, DataError, OutboxError):
        raise OutboxError(path, "this file cannot be written", "free some space, or mend the rights") from None
    finally:
        for left in path.parent.glob(f"{temporary.name}*"):
            left.unlink()


def _upgrade(path: Path) -> None:
    """Add what a ledger of an earlier version lacks: all of it, or nothing."""
    with _attached(path) as ledger, ledger.transaction():
        keyed = _long_keys(ledger) if (ledger.version() or 0) < _SHORT_KEYS else {}
        for table in keyed:
            ledger.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
        _make_tables(ledger.execute)
        for table, columns in keyed.items():
            short = ", ".join(f"left({name}, {ID_DIGITS}) AS {name}" for name in columns)
            ledger.execute(f"INSERT INTO {table} BY NAME SELECT * REPLACE ({short}) FROM {table}_before")
            ledger.execute(f"DROP TABLE {table}_before")


def _long_keys(ledger: Ledger) -> dict[str, list[str]]:
    """Table -> its columns of keys. An `event_id` is one where people did something; of notices it says where they stood."""
    found = ledger.rows(
        """
        SELECT table_name, list(column_name ORDER BY column_index) AS columns FROM duckdb_columns()
        WHERE database_name = current_database() AND (
            column_name IN ('message_id', 'decision_id', 'person_key', 'subject_key', 'address_key', 'consent_key', 'form_key')
            OR (column_name = 'event_id' AND table_name IN ('outcome', 'scan', 'event')))
        GROUP BY table_name ORDER BY table_name
        """
    )
    return dict(found.iter_rows())


def _make_tables(execute: Callable[..., object]) -> None:
    execute(shipped("sql", "ledger", "tables.sql").read_text(encoding="utf-8"))
    stamp = present().replace(tzinfo=None)
    execute("INSERT INTO schema_version VALUES ($number, $stamp)", {"number": SCHEMA_VERSION, "stamp": stamp})


def _version(ledger: Ledger) -> int:
    """The version of a ledger. Raises StateError where it is newer than this program, or no ledger."""
    try:
        found = ledger.version()
    except StatementError:
        raise StateError(ledger.path, "this database is not a ledger", "check the setting `ledger`") from None
    if found is None or found > SCHEMA_VERSION:
        what = f"this ledger has version {found}; this program knows {SCHEMA_VERSION}"
        raise StateError(ledger.path, what, "install the newer program again")
    return found


def _naive(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants without their zone, which is UTC throughout the ledger."""
    zoned = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
    return frame.with_columns(pl.col(name).dt.replace_time_zone(None) for name in zoned)
