"""A DuckDB in a process of its own, for SQL that others have written: what it eats, it eats alone.

Neither DuckDB's memory limit nor an interruption stops `repeat('a', 1000000000)`, which it computes while it still looks at
the statement. So a statement runs in a child that has no ledger, no key and nothing of our environment, with an eye on what it
takes, and its rows are streamed to us. A child costs a fifth of a second, and serves the next session, too.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import re
import resource
import secrets
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

import duckdb
import polars as pl

from flows.errors import DataError, SourceError, StatementError
from flows.warehouse.connection import leave_no_dump, quote, refuse_name, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType


@dataclass(frozen=True)
class Limits:
    """What a statement may take.

    Attributes:
        memory_bytes: beyond what the child has when the statement comes.
        cpu_seconds: of the processor, on a machine as fast as is usual: how busy it is has no part in it.
        seconds: of the clock.
        what, hint: what is told of one that takes more.
    """

    memory_bytes: float
    cpu_seconds: float
    seconds: float
    what: str
    hint: str


LOOKING = Limits(
    memory_bytes=300 * 2**20,
    cpu_seconds=1,
    seconds=30,
    what="DuckDB takes more than 1 s, or too much memory, to look at this, before it has read a row",
    hint="take out what it has to compute by itself, such as repeat('a', 1000000000), and very long patterns",
)
"""For a statement that reads no row."""
STARTING = Limits(
    memory_bytes=math.inf,
    cpu_seconds=math.inf,
    seconds=120,
    what="DuckDB does not start within two minutes",
    hint="try again when the machine has less to do",
)
"""For the process to be there: Python, DuckDB and Arrow are loaded."""
_USUAL_START_SECONDS = 0.5
"""Of the processor. Where starting takes longer, all takes longer: the machine is slow, or its memory in pieces."""
_BEYOND_BYTES = 2**30
"""What DuckDB may hold beside the memory that it keeps count of."""
_BEYOND_SECONDS = 30.0
"""By how much DuckDB may be late to stop a query by itself."""
_GLANCE_SECONDS = 0.01
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_CHILD = Path(__file__).with_name("serving.py")
_KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""What the child is given of our environment: what an interpreter may need to start."""


def _reading(memory: str, seconds: float | None) -> Limits:
    """For a statement that reads rows, on a DuckDB with these limits of its own; `memory` as it writes it."""
    number, unit = memory.split()
    return Limits(
        memory_bytes=float(number) * _UNITS[unit] + _BEYOND_BYTES,
        cpu_seconds=math.inf,
        seconds=math.inf if seconds is None else seconds + _BEYOND_SECONDS,
        what="it takes more memory, or more time, than a query may",
        hint="write it so that it takes less, or raise the settings `memory` and `query_seconds`",
    )


class Session:
    """A database in memory, in a child; `with` lets go of it.

    A question is answered before the next is asked: threads take a session each.

    Attributes:
        keeps: is asked, when it is let go of, whether it goes on for who asks next.
    """

    def __init__(
        self,
        *,
        memory: str,
        seconds: float | None = None,
        scratch: Path | None = None,
        looking: bool = False,
    ) -> None:
        """Open it, in UTC.

        Args:
            memory: DuckDB's memory limit.
            seconds: how long one query may take; None sets no end.
            scratch: a private folder for what does not fit into memory (in plain text: DuckDB writes none encrypted without
                an extension); None lets a query fail rather than spill.
            looking: read no row: a query yields its columns alone, and may take a second and little memory.

        Raises:
            StatementError: `memory` is no size.
        """
        self._child = _opened_child()
        self._limits = LOOKING
        self.keeps: Callable[[Session], bool] = _keeps_nothing
        # The folder may be shared by machines, on each of which a process has this number.
        self._spill = scratch.absolute() / f"{self._child.id}-{secrets.token_hex(4)}" if scratch else None
        # By itself DuckDB would spill rows of people into the folder that it was started in.
        spill = f"SET temp_directory = '{quote(str(self._spill or ''))}'"
        ends = "" if seconds is None else f"SET max_execution_time = {round(seconds * 1000)};"
        with translated("memory"):
            [(limit,)] = self.execute(
                f"SET TimeZone = 'UTC'; SET memory_limit = '{quote(memory)}'; {spill}; {ends}"
                "SELECT current_setting('memory_limit')"
            )
            if not looking:
                self._limits = _reading(limit, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database, and of what it has spilled, unless somebody keeps it for who asks next."""
        if self._child.is_idle and self.keeps(self):
            return
        if self._child.is_idle:
            self._ask("close")
            _IDLE.append(self._child)
        else:
            self._child.end()
        if self._spill is not None:
            shutil.rmtree(self._spill, ignore_errors=True)

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run statements of our own, and return the few rows, of texts and numbers, that the last one yields.

        Raises:
            duckdb.Error: as DuckDB in this process would, to be `translated`.
            StatementError, SourceError: as `query`.
        """
        found = self._ask("execute", statement, dict(parameters or {}) or None)
        return [tuple(row) for row in json.loads(found[0])]

    def execute_each(self, statements: Iterable[tuple[str, str]]) -> None:
        """Run statements of our own: in one question, or where something is wrong with one, one after the other.

        Args:
            statements: the place that an error of each names, and itself; it may run twice.

        Raises:
            StatementError, DataError, SourceError: as `query`.
        """
        asked = list(statements)
        if not asked:  # DuckDB has no answer to a text without a statement
            return
        with suppress(duckdb.Error):
            self.execute("; ".join(text for _, text in asked))
            return
        for where, text in asked:
            with translated(where):
                self.execute(text)

    def load(self, table: str, rows: pl.DataFrame) -> None:
        """Make a table of some rows; its name stands in quotes where it needs them. Raises duckdb.Error."""
        sink = io.BytesIO()
        rows.write_ipc_stream(sink, compat_level=pl.CompatLevel.oldest())
        self._ask("load", table, sink.getvalue())

    def query(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *, where: object = "sql"
    ) -> pl.DataFrame:
        """Run one SELECT, with parameters by name, and return its rows. `where` is the place that an error names.

        Raises:
            StatementError: DuckDB refuses it, or it takes more than it may.
            DataError: it fails on a row.
            SourceError: DuckDB ran out of memory, or ended.
        """
        given = dict(parameters or {})
        with translated(where):
            try:
                if self._limits is LOOKING:  # LIMIT 0 lets DuckDB look at less
                    self._ask("execute", f"EXPLAIN {statement}", given or None, where=where)
                    statement = f"SELECT * FROM ({statement}\n) LIMIT 0"
                parts = self._ask("query", statement, given, where=where)
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                listed = "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal"
                refuse_name(statement, error, where, [name for (name,) in self.execute(listed)])
                raise
        return pl.concat(pl.read_ipc_stream(io.BytesIO(part)) for part in parts)

    def _ask(self, *question: object, where: object = "sql") -> list[bytearray]:
        """The parts of the child's answer."""
        parts, error = list[bytearray](), cast("Exception | None", None)
        for kind, content in self._child.answers(question, self._limits, where):
            if kind == b"E":
                error = _of_duckdb(content.decode())
            elif kind == b"K":
                error = DataError(where, content.decode(), "cast it in the query, to VARCHAR for example")
            else:
                parts.append(content)
        if error is not None:
            raise error
        return parts


def _keeps_nothing(_: Session) -> bool:
    return False


class _Child:
    """A process that runs `serving`."""

    def __init__(self) -> None:
        leave_no_dump()
        self._process = subprocess.Popen(  # noqa: S603  (our own file, by the Python that runs us)
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
        self._questions = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout).raw  # type: ignore[attr-defined]  # poll sees no buffer
        self._heard = select.poll()
        self._heard.register(self._answers, select.POLLIN)
        self._has_started, self._pace = False, 1.0
        self.is_idle = True

    @property
    def id(self) -> int:
        """Of the process."""
        return self._process.pid

    def open(self) -> None:
        """See that it is there, with a database that nobody has used. Raises as `answers`.

        The first time it starts, which tells how slow the machine is.
        """
        list(self.answers(("open",), LOOKING if self._has_started else STARTING, "DuckDB"))
        if not self._has_started:
            self._has_started, self._pace = True, max(1.0, cpu_seconds(self.id) / _USUAL_START_SECONDS)

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):  # of a question that it had not read to its end
            self._questions.close()
        self._answers.close()

    def answers(self, question: tuple[object, ...], limits: Limits, where: object) -> Iterator[tuple[bytes, bytearray]]:
        """Ask, and give back the kind and the content of each part of the answer.

        Raises:
            StatementError: it takes more than it may, and has been ended.
            SourceError: it has ended by itself.
        """
        self.is_idle, asked, used = False, pickle.dumps(question), _Used(self.id)
        try:
            self._questions.write(struct.pack(">I", len(asked)) + asked)
            self._questions.flush()
            while True:
                while not self._heard.poll(_GLANCE_SECONDS * 1000):
                    if used.is_beyond(limits, self._pace):
                        self.end()
                        raise StatementError(where, limits.what, limits.hint)
                kind, size = struct.unpack(">cQ", self._read(9))
                content = self._read(size)
                if kind == b".":
                    break
                yield kind, content
        except (EOFError, BrokenPipeError):
            self.end()
            what = "DuckDB ended in the middle of it"
            raise SourceError(where, what, "run it by hand; the machine may have too little memory for it") from None
        self.is_idle = True

    def _read(self, size: int) -> bytearray:
        content = bytearray(size)
        left = memoryview(content)
        while left:
            count = self._answers.readinto(left)
            if not count:
                raise EOFError
            left = left[count:]
        return content


_IDLE = deque[_Child]()
os.register_at_fork(after_in_child=_IDLE.clear)  # two who ask through one pipe would hear each other's answers


def _opened_child() -> _Child:
    """One that nobody else asks at the moment, with a new database."""
    while True:
        try:
            child = _IDLE.pop()
        except IndexError:
            child = _Child()
            child.open()
            return child
        with suppress(SourceError):  # it has ended since
            child.open()
            return child


@cache
def start_ahead() -> None:
    """Start this process's first child while there is other work; it takes a fifth of a second."""
    _IDLE.append(_Child())


class _Used:
    """What a process has taken since now; nothing where it has ended, or where the system does not tell."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._from = (self._resident_bytes(), cpu_seconds(process), time.monotonic())

    def is_beyond(self, limits: Limits, pace: float) -> bool:
        """Whether it is more than may be, on a machine on which all takes `pace` times as long as is usual."""
        now = (self._resident_bytes(), cpu_seconds(self._process), time.monotonic())
        most = (limits.memory_bytes, limits.cpu_seconds * pace, limits.seconds)
        return any(used - before > limit for used, before, limit in zip(now, self._from, most, strict=True))

    def _resident_bytes(self) -> float:
        """A limit set by the system would not do: DuckDB then goes on as if nothing were."""
        try:
            return int(Path(f"/proc/{self._process}/statm").read_text("ascii").split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            return 0


def cpu_seconds(process: int) -> float:
    """What a process has used of the processor; 0 where it has ended, or where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0


def _of_duckdb(text: str) -> duckdb.Error:
    """What the child's DuckDB raised, by the kind with which its message begins: `Out of Memory Error: …`."""
    words = text.partition(" Error: ")[0].replace("INTERRUPT", "Interrupt").replace("Out of", "OutOf")
    kind = getattr(duckdb, f"{re.sub('[^A-Za-z]', '', words)}Exception", duckdb.Error)
    return cast("duckdb.Error", kind(text))
