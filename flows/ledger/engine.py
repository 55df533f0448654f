"""DuckDB for the ledger, started once for many openings.

To start it takes 14 ms and to attach a file 2, and a run opens the ledger eighty times.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flows.warehouse.connection import Connection, connect, quote

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class Engine:
    """DuckDB, to which one ledger is attached while somebody has it open: its lock is held no longer than that.

    Attributes:
        is_spent: it ends with the last who has it open. Something was raised, and nobody knows in what state that left it.
        is_known: its tables are this program's, as somebody has seen since it was attached.
        answers: what it has answered, by question. While it is attached nobody else can write into it, so an answer holds until
            somebody here does, or lets it go.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._users = path, 0
        self.is_spent = self.is_known = False
        self._is_attached = self._is_read_only = False
        self._kept_until = 0.0
        self._spare: Connection | None = None  # of who had it open last, while it is kept
        self.answers: dict[tuple[Any, ...], pl.DataFrame] = {}
        self._started = connect()
        self._started.execute(f"SET GLOBAL TimeZone = 'UTC'; SET temp_directory = '{quote(f'{path}.tmp')}'")

    @property
    def is_kept(self) -> bool:
        """Whether it is not let go of between those who have it open."""
        return time.monotonic() < self._kept_until

    @property
    def is_idle(self) -> bool:
        """Whether nobody has the ledger open."""
        return not self._users

    def attach(self, *, read_only: bool) -> Connection:
        """A connection whose database is the ledger."""
        if self.is_idle and self._is_read_only and not read_only:
            self.let_go()
        if self._spare is not None:
            self._users += 1
            connection, self._spare = self._spare, None
            return connection
        connection = self._started.cursor()
        try:
            if not self._is_attached:
                how = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
                connection.execute(f"ATTACH '{quote(str(self._path))}' AS ledger ({how})")
                self._is_attached, self._is_read_only, self.is_known = True, read_only, False
            connection.execute("USE ledger")
        except BaseException:
            connection.close()
            raise
        self._users += 1
        return connection

    def detach(self, connection: Connection) -> None:
        """Take a connection back; with the last one, or later where it is kept, the file is let go, and holds all of it."""
        self._users -= 1
        if self.is_kept and not self.is_spent and self._spare is None:
            self._spare = connection
        else:
            connection.close()
        if self.is_idle and (self.is_spent or not self.is_kept):
            self.let_go()

    def keep(self, seconds: float) -> None:
        """Between those who have it open let the file go only once these are over; `let_go` ends it."""
        self._kept_until = time.monotonic() + seconds

    def let_go(self) -> None:
        """Let the file go that nobody has open; one whose engine is spent is ended with it."""
        self._kept_until = 0.0
        self.answers.clear()
        if not self.is_idle:
            return
        self._close_spare()
        if self._is_attached and not self.is_spent:
            self.is_spent = True
            with suppress(Exception):  # what was committed and cannot be written into the file stays in its log
                self._started.execute("DETACH ledger")
                self.is_spent = False
        self._is_attached = self._is_read_only = False
        if self.is_spent:
            self.end()

    def end(self) -> None:
        """Let go of everything."""
        self._close_spare()
        self._started.close()

    def _close_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None


_ENGINES: dict[tuple[int, Path], Engine] = {}
"""By process, since a fork has none of its parent's threads, and by ledger: one, but for who reads two at a time."""


def engine_of(path: Path) -> Engine:
    """The one of this process for a ledger. Others that are idle end, as does a spent one."""
    process = os.getpid()
    for key, engine in list(_ENGINES.items()):
        if key[0] == process and engine.is_idle and (engine.is_spent or key[1] != path):
            _ENGINES.pop(key).end()
    if (process, path) not in _ENGINES:
        _ENGINES[process, path] = Engine(path)
    return _ENGINES[process, path]
