"""The only file that imports DuckDB: connections, and its errors in our words without a customer's data."""

from __future__ import annotations

import difflib
import re
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from flows.errors import DataError, JustEnoughError, LockedError, OutboxError, SourceError, StatementError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import polars as pl

Connection = duckdb.DuckDBPyConnection
_MEND = "mend the statement; DuckDB's SQL applies"

# Only names of types: the message quotes the value, too, which may be "to MUNICH".
_KIND = re.compile(
    r"to (?:type )?(U?INT\d+|U?(?:TINY|SMALL|BIG|HUGE)INT|INTEGER|FLOAT|DOUBLE|DECIMAL|"
    r"DATE|TIME(?:STAMP)?(?:TZ|_S|_MS|_NS)?|INTERVAL|BOOL(?:EAN)?|UUID|ENUM)\b"
)


def connect(path: Path | None = None, *, read_only: bool = False) -> Connection:
    """Open a DuckDB file, or a database in memory when `path` is None. The session's time zone is UTC.

    Raises:
        SourceError: the file is missing, unreadable, or not a DuckDB database.
        LockedError: another process has it open for writing.
    """
    leave_no_dump()
    with translated(path or "in memory"):
        connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only)
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def leave_no_dump() -> None:
    """From here on neither this process nor its children leave a core dump: it would hold the people whom they read, in clear.

    One byte, and not none, because the system heeds a limit of none only for files, and pipes the dump all the same where a
    program collects them.

    Source: core(5), "Piping core dumps to a program"; Linux, fs/coredump.c: a limit of 1 ends a dump to a pipe, too.
    """
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0 if most == 0 else 1, most))


def query(
    connection: Connection,
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    where: object = "sql",
) -> pl.DataFrame:
    """Run one SELECT and return its rows. `where` is the place that an error names."""
    with translated(where):
        frame: pl.DataFrame = connection.sql(statement, params=dict(parameters) if parameters else None).pl()
        return frame


def refuse_name(statement: str, error: Exception, where: object, known: Iterable[str]) -> None:
    """Raise for a column or function that is not there: of what is read through a view DuckDB tells no line, and no nearest.

    Args:
        statement: that DuckDB refused.
        error: of DuckDB.
        where: the place that an error names.
        known: the columns that there are.

    Raises:
        StatementError: naming the line, and the nearest name.
    """
    missing = re.search(r'(column (?:named )?"|Function with name )(\w+)', str(error))
    if missing is None:
        return
    name = missing[2]
    lines = [line for line, text in enumerate(statement.splitlines(), start=1) if re.search(rf"\b{name}\b", text)]
    place = f"{where}:{lines[0]}" if lines else where
    if not missing[1].startswith("column"):
        raise StatementError(place, _first_line(error), _MEND) from None
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else _MEND
    raise StatementError(place, f"there is no column '{name}' to be read here", hint) from None


def quote(text: str) -> str:
    """`text` inside a single-quoted SQL literal."""
    return text.replace("'", "''")


def identifier(name: str) -> str:
    """The name of a table or a column as SQL takes any, quotes in it included."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn DuckDB's errors into ours, without what they quote of the data; `from None` hides the original.

    Source: DuckDB 2.0's messages quote cast values, constraint keys and CSV lines (measured), so only messages of the
    parser, the binder and the catalog, which speak of the statement alone, are passed on.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.TransactionException) as error:  # the latter: a commit that could not be written
        raise _io_error(where, str(error)) from None
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise _refused(where, error) from None
    except duckdb.PermissionException:
        what = "it reaches outside the database, which is not allowed"
        raise StatementError(where, what, "load the data into a table of the warehouse first") from None
    except duckdb.ConversionException as error:
        kind = _KIND.search(str(error))
        what = f"a value cannot be cast{f' to {kind[1]}' if kind else ''}"
        raise DataError(where, what, "use TRY_CAST, or mend the rows it fails on") from None
    except duckdb.InterruptException:
        what = "it took longer than a query may"
        raise StatementError(where, what, "write it so that it ends, or raise the setting `query_seconds`") from None
    except duckdb.OutOfMemoryException:
        raise SourceError(
            where, "DuckDB ran out of memory", "raise the setting `memory`, or use more `parts`"
        ) from None
    except duckdb.FatalException:
        what = "the disk does not keep what is written"
        raise OutboxError(where, what, "look at the disk, then run again") from None
    except duckdb.Error as error:
        if "Corrupt" in str(error):
            raise SourceError(where, "this database is damaged", "restore it from your backup") from None
        what = f"DuckDB refused it ({type(error).__name__})"
        raise DataError(where, what, "run the statement by hand to see the rows it fails on") from None


def _refused(where: object, error: Exception) -> JustEnoughError:
    if "encrypted database" in str(error):
        hint = "copy it into one that is not: ATTACH both, then COPY FROM DATABASE … TO …"
        return SourceError(where, "this database is encrypted, and its key is not known here", hint)
    return StatementError(_at(where, error), _first_line(error), _MEND)


_SOURCES = {
    "not a valid DuckDB database": (
        "this file is not a DuckDB database",
        "name a DuckDB file, or a folder of Parquet; load what is anything else into a DuckDB file",
    ),
    "storage version": (
        "this database was written by a newer DuckDB than reads it here",
        "update the package duckdb, or write it with an older STORAGE_VERSION",
    ),
    "does not exist": ("this database file does not exist", "check the setting `database`"),
}
"""What DuckDB's message holds -> what is wrong with a source, and the next step."""


def _io_error(where: object, message: str) -> JustEnoughError:
    if "Could not set lock" in message:
        holder = re.search(r"\(PID (\d+)\)", message)
        who = f"process {holder[1]}" if holder else "another process"
        return LockedError(where, f"{who} has this database open for writing", "wait for it to end, or close it")
    for said, (what, hint) in _SOURCES.items():
        if said in message:
            return SourceError(where, what, hint)
    if "No space left" in message:
        return OutboxError(where, "the disk is full", "free some space and run again")
    if "ould not write" in message:
        return OutboxError(where, "this file cannot be written", "free some space, or mend the rights")
    return SourceError(where, "this database cannot be read", "check that it is whole and that you may read it")


def _at(where: object, error: Exception) -> str:
    """`file:line` in a file of SQL, where DuckDB names the line."""
    line = re.search(r"\n\nLINE (\d+): ", str(error)) if str(where).endswith(".sql") else None
    return f"{where}:{line[1]}" if line else str(where)


def _first_line(error: Exception) -> str:
    text = str(error).split("\n\nLINE", 1)[0].partition(" Error: ")[2].strip()
    return " ".join(text.split())
