"""The warehouse as a session sees it: a DuckDB file, or a folder of Parquet, read-only either way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flows.errors import DataError, SourceError
from flows.warehouse.connection import identifier, quote, translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.warehouse.sessions import Session


def attach(session: Session, database: Path, name: str) -> None:
    """Attach the warehouse under the catalog name `name`. Parquet becomes views there, and only its files can be opened then.

    Raises:
        SourceError: the file is missing, unreadable, or no DuckDB database; or the folder holds no Parquet, or what is none.
        LockedError: another process has the file open for writing.
    """
    if database.is_dir():
        _attach_folder(session, database, name)
        return
    if not database.is_file():
        raise SourceError(database, "this database file does not exist", "check the setting `database`")
    with translated(database):
        session.execute(f"ATTACH '{quote(str(database.absolute()))}' AS {name} (READ_ONLY, TYPE duckdb)")


def files_of(database: Path) -> tuple[Path, ...]:
    """The files of a warehouse; none where it is missing."""
    if database.is_dir():
        return tuple(file for files in parquet_tables(database).values() for file in files)
    return (database,) if database.is_file() else ()


def stamp_of(database: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time (ns) and bytes of every file of a warehouse: who writes into it changes them."""
    files = files_of(database)
    log = database.with_name(f"{database.name}.wal")  # what DuckDB has not put into the file yet
    stats = [
        (str(file.relative_to(database.parent)), file.stat()) for file in (*files, *([log] if log.exists() else []))
    ]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def edges_of(database: Path) -> str:
    """A digest of the beginnings and ends of a warehouse's files, the same for a copy of it, wherever that is and however old.

    Whoever writes changes them: DuckDB counts at its file's beginning how often it has, and Parquet ends with the bounds of its
    columns.
    """
    files = files_of(database)
    log = database.with_name(f"{database.name}.wal")
    digest = hashlib.sha256()
    for file in (*files, *([log] if log.exists() else [])):
        size, name = file.stat().st_size, str(file.relative_to(database)) if database.is_dir() else file.suffix
        with file.open("rb") as content:
            begins = content.read(_EDGE)
            content.seek(max(size - _EDGE, 0))
            digest.update(f"{name}\x1f{size}\x1f".encode() + begins + content.read())
    return digest.hexdigest()


_EDGE = 1 << 16


def parquet_tables(folder: Path) -> Mapping[str, tuple[Path, ...]]:
    """Table -> its files: `<table>.parquet`, or all that is below `<table>/`. Links are left alone: they may lead anywhere."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.iterdir()):
        files = sorted(path.rglob("*.parquet")) if path.is_dir() and not path.is_symlink() else [path]
        whole = tuple(file for file in files if file.suffix == ".parquet" and file.is_file() and not file.is_symlink())
        if whole:
            found[path.name.removesuffix(".parquet")] = whole
    return found


def _instead(folder: Path) -> str:
    """What to do about a folder without Parquet, by what is in it."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    texts = [path.name for path in files if {".csv", ".tsv"} & {*path.suffixes}]
    if texts:  # whose types would be guessed anew at each look: 0012 is a number until a B12 comes
        made = f"CREATE TABLE {identifier(texts[0].partition('.')[0])} AS FROM read_csv('{quote(texts[0])}', all_varchar = true)"
        return f"load the CSV into a DuckDB file, each once, with the types that you want: {made}"
    if databases := [path.name for path in files if path.suffix in (".duckdb", ".db", ".ddb")]:
        return f"name the DuckDB file in it: {databases[0]}"
    return "put <table>.parquet, or a folder <table>/ of such files, into it"


def _attach_folder(session: Session, folder: Path, name: str) -> None:
    tables = parquet_tables(folder.absolute())
    if not tables:
        raise SourceError(folder, "there is no Parquet in this folder", _instead(folder))
    session.execute(f"ATTACH ':memory:' AS {name}")
    for table, files in tables.items():
        listed = ", ".join(f"'{quote(str(file))}'" for file in files)
        try:
            with translated(folder / table):
                session.execute(f"CREATE VIEW {name}.main.{identifier(table)} AS FROM read_parquet([{listed}])")
        except DataError:
            what = "a file of this table is no Parquet, or was cut short"
            raise SourceError(folder / table, f"{what}: DuckDB refused it", "write it anew, or take it out") from None
    listed = ", ".join(f"'{quote(str(file))}'" for files in tables.values() for file in files)
    session.execute(f"SET allowed_paths = [{listed}]")
