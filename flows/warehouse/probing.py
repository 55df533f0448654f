"""Whether DuckDB can look at a statement at all within a second and a little memory, tried where it does no harm: in a child.

Before a row is read DuckDB computes what stands still in a statement: `repeat('a', 1000000000)` takes gigabytes, which neither
its memory limit nor an interruption stops. The child has the tables' columns and no rows; whatever becomes of it, this
process goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from flows.errors import StatementError
from flows.warehouse.connection import identifier
from flows.warehouse.scope import definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.clock import Moment
    from flows.warehouse.queries import Queries
    from flows.warehouse.scope import Definitions

LOOK_SECONDS = 1.0
"""Of a processor, for one statement."""
MOST_BYTES = 300 * 2**20
_GLANCE_SECONDS = 0.01
_MOST_SECONDS = 30.0
"""Of the clock, for a child that does nothing at all."""
_HARMLESS = set[bytes]()
"""Digests of what this process has had looked at already: statements over these tables and macros."""
_CHILD = Path(__file__).with_name("probed.py")


def probe(database: Path, queries: Queries, moment: Moment) -> None:
    """Have a child look at every statement of a workspace; what else is wrong with one is told when it is bound.

    Raises:
        SourceError, LockedError: the warehouse cannot be read.
        StatementError: DuckDB does not come to an end with a statement, or takes too much memory for it.
    """
    held = definitions(database)
    work: dict[str, object] = {"tables": _tables(held), "macros": _macros(held)}
    work["statements"] = list(_statements(queries).items())
    known = hashlib.sha256(json.dumps(work).encode()).digest()
    if known in _HARMLESS:
        return
    work["given"] = {"as_of": moment.as_of.isoformat(), "now": moment.now.replace(tzinfo=None).isoformat(sep=" ")}
    with subprocess.Popen(  # noqa: S603  (our own file, by the Python that runs us)
        [sys.executable, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            _follow(child, json.dumps(work))
        finally:
            child.kill()
    _HARMLESS.add(known)


def _follow(child: subprocess.Popen[bytes], work: str) -> None:
    """Read the name of each statement as the child begins with it, and an empty line when all is done."""
    given, told, names = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout), b""
    given.write(work.encode() + b"\n")
    given.close()
    looked_at, so_far, until = "sql", math.inf, time.monotonic() + _MOST_SECONDS
    while time.monotonic() < until:
        spent, resident = _spent_seconds(child.pid), _resident_bytes(child.pid)
        if spent - so_far > LOOK_SECONDS or resident > MOST_BYTES:
            break
        if not select.select([told], [], [], _GLANCE_SECONDS)[0]:
            continue
        read = os.read(told.fileno(), 2**16)  # and not readline, which would take later names along and keep them
        names += read
        if names.endswith(b"\n\n"):
            return
        if not read:
            break
        looked_at, so_far, until = names.split(b"\n")[-2].decode(), spent, time.monotonic() + _MOST_SECONDS
    what = f"DuckDB takes more than {LOOK_SECONDS:g} s, or too much memory, to look at this, before it has read a row"
    hint = "take out what it has to compute by itself, such as repeat('a', 1000000000), and very long patterns"
    raise StatementError(looked_at, what, hint)


def _spent_seconds(process: int) -> float:
    """The time of a processor that a process has taken: how busy the machine is has no part in it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):  # it has ended
        return 0.0


def _resident_bytes(process: int) -> int:
    """What a process holds in memory. A limit set by the system would not do: DuckDB then goes on as if nothing were."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, IndexError):  # it has ended
        return 0


def _tables(held: Definitions) -> list[tuple[str, str]]:
    """Table -> the statement that makes it, without a row. What of it cannot be made again is missing."""
    made = {
        name: ", ".join(f"{identifier(column)} {kind}" for column, kind in columns)
        for name, columns in held.columns.items()
    }
    return [(name, f"CREATE TABLE {identifier(name)} ({columns})") for name, columns in made.items()]


def _macros(held: Definitions) -> list[str]:
    return [
        f"CREATE MACRO {identifier(name)}({', '.join(map(identifier, macro.parameters))}) AS {macro.body}"
        for name, macro in held.macros.items()
    ]


def _statements(queries: Queries) -> Mapping[str, tuple[str, str | None]]:
    """File -> its statement, and the table that it makes for the others, if any; these come first."""
    shared = {f"sql/shared/{name}.sql": (text, name) for name, text in queries.shared.items()}
    lists = {f"sql/{name}.sql": (getattr(queries, name), None) for name in ("customers", "consent", "suppressions")}
    exclusions = {f"sql/exclusions/{name}.sql": (text, None) for name, text in queries.exclusions.items()}
    segments = {f"sql/segments/{name}.sql": (text, None) for name, text in queries.segments.items()}
    return {**shared, **{name: found for name, found in lists.items() if found[0]}, **exclusions, **segments}
