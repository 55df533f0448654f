"""Finds a person in files, folders and streams: in names, in bytes, and in all that these unpack to.

    scanner = Scanner(PERSON)
    scanner.found(tmp_path / "logs", database, stdout=captured)   ->  {"logs/server.log": {"e-mail: URL"}, …}

What is packed is unpacked, several times over: gzip, zlib, bzip2, xz, zstd, zip, tar, base64, SQLite (rows, with those that
are in its write-ahead log), DuckDB and Parquet, whose strings are compressed. What is deleted is found in the raw bytes.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow
import pyarrow.parquet

from tests.canary.spelling import PERSON, spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEEPEST = 5
_LARGE = 100_000
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{32,}(?:(?:\r?\n|\\n)[A-Za-z0-9+/_-]+)*")
"""Lines of it, too, as mail has them, and JSON of them; what is no base64 gives bytes that nothing is found in."""
_TAR_MAGIC = slice(257, 262)


class Scanner:
    """Looks for one person."""

    def __init__(self, person: dict[str, str] = PERSON) -> None:
        self._spellings = spellings(person)
        self._seen: dict[bytes, set[str]] = {}  # by digest: a file that is there in many copies is looked at once
        self._needles = [spelling.needle.decode("latin-1") for spelling in self._spellings]

    def found(self, *places: Path, **streams: bytes | str) -> dict[str, set[str]]:
        """File, by its path from the place's parent on, or stream -> what of the person is in it, as `value: form`."""
        hits = {name: self.in_bytes(_bytes(content)) for name, content in streams.items()}
        for place in places:
            for path in sorted([place, *place.rglob("*")]):
                name = str(path.relative_to(place.parent))
                hits[name] = self.in_names(path.name) | (self.in_file(path) if _is_plain(path) else set())
        return {name: what for name, what in hits.items() if what}

    def in_names(self, name: str) -> set[str]:
        """What the name of a file tells."""
        return {f"{what} in its name" for what in self.in_bytes(name.encode())}

    def in_file(self, path: Path) -> set[str]:
        """What is in a file, and, of a database, in its rows; what its log adds to these counts, too."""
        content, log = path.read_bytes(), _log_of(path)
        known = hashlib.sha256(content + (log.read_bytes() if log else b"")).digest()
        if known not in self._seen:
            rows = {hit for row in rows_of(path, content) for hit in self.in_bytes(row)}
            self._seen[known] = self.in_bytes(content) | rows
        return self._seen[known]

    def in_bytes(self, content: bytes) -> set[str]:
        """What is in a content, and in all that it unpacks to."""
        return {hit for layer in layers(content) for hit in self._in_layer(layer)}

    def _in_layer(self, content: bytes) -> Iterator[str]:
        if len(content) > _LARGE and not self._may_be_in(content):
            return
        lower = content.lower()
        for spelling in self._spellings:
            if spelling.needle in (content if spelling.is_exact else lower):
                yield f"{spelling.value}: {spelling.form}"

    def _may_be_in(self, content: bytes) -> bool:
        """All needles in one pass, a byte a character: of ten megabytes a quarter of the time, of little ones a multiple."""
        text = pl.lit(content.decode("latin-1"))
        return bool(pl.select(text.str.contains_any(self._needles, ascii_case_insensitive=True)).item())


def _bytes(content: bytes | str) -> bytes:
    return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def layers(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """A content, and what it unpacks to, however deep."""
    yield content
    if depth < DEEPEST:
        for inner in _unpacked(content):
            yield from layers(inner, depth + 1)


def _unpacked(content: bytes) -> Iterator[bytes]:
    for magic, unpack in _PACKED.items():
        if content.startswith(magic):
            with contextlib.suppress(*_BROKEN):
                yield from unpack(content)
    if content[_TAR_MAGIC] == b"ustar":
        with contextlib.suppress(*_BROKEN):
            yield from _of_tar(content)
    decoded = [_decoded(found[0]) for found in _BASE64.finditer(content)]
    yield from (each for each in decoded if each.startswith(tuple(_PACKED)))
    if any(decoded):
        yield b"\n".join(decoded)


def _decoded(text: bytes) -> bytes:
    """Base64 of either alphabet; of what is cut off in the middle all that is whole."""
    plain = text.replace(rb"\n", b"").translate(bytes.maketrans(b"-_", b"+/"), b"\r\n")
    with contextlib.suppress(binascii.Error):
        return base64.b64decode(
            plain[: len(plain) // 4 * 4] if len(plain) % 4 == 1 else plain + b"=" * (-len(plain) % 4)
        )
    return b""


def _of_zlib(content: bytes) -> Iterator[bytes]:
    yield zlib.decompressobj().decompress(content)


def _of_gzip(content: bytes) -> Iterator[bytes]:
    yield gzip.decompress(content)


def _of_bz2(content: bytes) -> Iterator[bytes]:
    yield bz2.decompress(content)


def _of_xz(content: bytes) -> Iterator[bytes]:
    yield lzma.decompress(content)


def _of_zstd(content: bytes) -> Iterator[bytes]:
    with pyarrow.input_stream(pyarrow.py_buffer(content), compression="zstd") as stream:
        yield stream.read()


def _of_zip(content: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            yield member.filename.encode() + b"\n" + member.comment
            yield archive.read(member)


def _of_tar(content: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            yield f"{member.name}\n{member.linkname}\n{member.uname}".encode()
            if member.isfile() and (file := archive.extractfile(member)):
                yield file.read()


def _of_parquet(content: bytes) -> Iterator[bytes]:
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    yield repr(table.schema.metadata).encode()
    yield from _told(table.column_names)
    columns = [
        column for column in table.columns if not pyarrow.types.is_temporal(column.type)
    ]  # Python has fewer days
    yield from _told(value for column in columns for value in column.to_pylist())


_PACKED: dict[bytes, Callable[[bytes], Iterator[bytes]]] = {
    b"\x1f\x8b": _of_gzip,
    b"\x78\x01": _of_zlib,
    b"\x78\x5e": _of_zlib,
    b"\x78\x9c": _of_zlib,
    b"\x78\xda": _of_zlib,
    b"BZh": _of_bz2,
    b"\xfd7zXZ\0": _of_xz,
    b"\x28\xb5\x2f\xfd": _of_zstd,
    b"PK\x03\x04": _of_zip,
    b"PAR1": _of_parquet,
}
_BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
"""What unpacking says of a content that only begins as if it were packed, or is cut off; its bytes are looked at all the same."""


def rows_of(path: Path, content: bytes) -> Iterator[bytes]:
    """The rows of a database; nothing of another file."""
    read = {b"SQLite format 3\0": _of_sqlite, b"DUCK": _of_duckdb}
    magic = content[8:12] if content[8:12] == b"DUCK" else content[:16]
    if magic in read:
        with tempfile.TemporaryDirectory() as folder:  # a copy: it may be open, and reading its log would change it
            copy, log = Path(folder) / "copy", _log_of(path)
            shutil.copyfile(path, copy)
            if log:
                shutil.copyfile(log, copy.with_name(f"copy{log.name.removeprefix(path.name)}"))
            yield from read[magic](copy)


def _log_of(path: Path) -> Path | None:
    """What a database has not taken over from its write-ahead log."""
    logs = [path.with_name(f"{path.name}{ending}") for ending in ("-wal", ".wal")]
    return next((log for log in logs if log.is_file()), None)


def _of_sqlite(path: Path) -> Iterator[bytes]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        tables = [
            name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            rows = connection.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))
            yield from _told(value for row in rows for value in row)


def _of_duckdb(path: Path) -> Iterator[bytes]:
    with duckdb.connect(str(path), read_only=True) as connection:
        made = "SELECT sql FROM duckdb_tables() UNION ALL SELECT sql FROM duckdb_views()"
        yield from _told(text for (text,) in connection.execute(made).fetchall())
        listed = "SELECT schema_name, table_name FROM duckdb_tables()"
        for schema, table in connection.execute(listed).fetchall():
            rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            yield from _told(value for row in rows for value in row)


def _told(values: Any) -> Iterator[bytes]:
    """Values as texts, side by side; those that are packed themselves, apart."""
    contents = [value if isinstance(value, bytes) else str(value).encode("utf-8", "replace") for value in values]
    yield from (content for content in contents if content.startswith(tuple(_PACKED)))
    yield b"\n".join(contents)
