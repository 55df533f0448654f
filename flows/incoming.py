"""Files that others have written, read with care: in a child that has no ledger, no key and no environment, and within limits.

The child opens a plain file and nothing else, writes none, and gives back texts. Nothing is guessed: a column is found by its
name in the header, and a file of which it is not clear that it is whole is refused. What was read before that is given back all
the same, for those who must act on it at once. Whoever writes a file may put beside it how many rows it has, and its digest.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import resource
import stat
from codecs import BOM_UTF8
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flows.contained import Limits, contained
from flows.errors import DataError, JustEnoughError, SourceError
from flows.gathered import Incoming
from flows.promises import Promise, manifest_of, read_promise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Parsed = TypeVar("Parsed")
LIMITS = Limits(cpu_seconds=60, memory_bytes=2 * 2**30, quiet_seconds=300)
MOST_BYTES = 128 * 2**20
MOST_LINE_BYTES = 2**20
MOST_FIELD = 2**17  # Source: csv.field_size_limit()
MOST_COLUMNS = 500
MOST_PLACES = 20
"""Rows that cannot be read, of which it is said where they are and why."""
_PACKED = {
    "gzip": rb"\x1f\x8b",
    "zip": rb"PK\x03\x04",
    "Zstandard": rb"\x28\xb5\x2f\xfd",
    "bzip2": rb"BZh\d1AY&SY",
    "xz": rb"\xfd7zXZ",
    "7z": rb"7z\xbc\xaf",
    "Parquet": rb"PAR1",
}
"""How a file begins that is not text."""
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Shape:
    """What a file holds.

    Attributes:
        columns: column -> the names that it may have in a header; other columns are left alone.
        required: those that a file must have, and a row a value of, unless there may be gaps.
        patterns: column -> what a value has to match in full.
        plain: the column that a file without a header holds, one value a line; None: a header there must be.
        in_any_case: whether a header may be written in capitals, as platforms do.
        is_whole: whether one bad row refuses the file; else one in a hundred is borne, and one in any case.
        may_be_empty: whether a header alone is a file.
        has_gaps: whether a row may lack what is required: it says nothing then, and is no bad one.
        may_be_parquet: whether a file of Parquet is read, too; a timestamp in it has to have its zone.
        unfold: for JSON that a platform writes, an object or a list of them a line: from an object to rows, none where it is
            about nothing of ours. It raises KeyError, TypeError or ValueError of what is no such object.
        hint: what to write, as the next step.
    """

    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    hint: str
    patterns: Mapping[str, str] = field(default_factory=dict)
    plain: str | None = None
    in_any_case: bool = False
    is_whole: bool = False
    may_be_empty: bool = False
    has_gaps: bool = False
    may_be_parquet: bool = False
    unfold: Callable[[dict[str, Any]], Iterable[Mapping[str, str | None]]] | None = None


def read_incoming(path: Path, shape: Shape) -> Incoming:
    """The rows of a file: a value a line, CSV with a header, NDJSON or Parquet. What is wrong with it all is its `refusal`.

    Where a manifest is beside it, it is what that says, or refused; one without rows may be promised. Call it before the key
    is read and the ledger opened: a fork would have both.

    Raises:
        SourceError: the file cannot be read: there is none, or it is no plain file, too large, packed or empty.
        DataError: it takes too much to read.
    """
    beside, promised, unread = manifest_of(path), None, None
    try:
        promised = read_with(beside, read_promise) if os.path.lexists(beside) else None
    except JustEnoughError as error:
        unread = error
    taken = ("Parquet",) if shape.may_be_parquet else ()
    found = read_with(path, partial(_rows, shape=shape, promised=promised), taken)
    found.refusal = found.refusal or unread
    return found


def read_with(path: Path, parse: Callable[[bytes, str], Parsed], taken: Sequence[str] = ()) -> Parsed:
    """What `parse`, a function of a module, makes of a file's bytes and its name, in the child; of text, or what is `taken` too.

    Raises as `read_incoming`, and as `parse`.
    """
    [found] = contained(_read, [(path.absolute(), parse, taken)], _too_much, LIMITS)
    return found


def _too_much(job: tuple[Path, Callable[[bytes, str], Parsed], Sequence[str]], what: str) -> DataError:
    return DataError(job[0].name, f"this file {what}", "split it, and look at who wrote it")


def _read(job: tuple[Path, Callable[[bytes, str], Parsed], Sequence[str]]) -> Parsed:
    """In the child."""
    path, parse, taken = job
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return parse(_content(path, taken), path.name)


def _rows(content: bytes, name: str, shape: Shape, promised: Promise | None = None) -> Incoming:
    if promised and promised.rows == 0:
        shape = replace(shape, may_be_empty=True)
    reading = _Reading(content.removeprefix(BOM_UTF8), shape)
    try:
        reading.read()
    except _RefusedError as refused:
        reading.found.refusal = DataError(f"{name}:{refused.line}", refused.what, refused.hint or shape.hint)
    else:
        if promised and (what := promised.broken_by(content, reading.found.records)):
            reading.found.refusal = DataError(name, what, "have it written, or carried here, again")
    return reading.found


def _content(path: Path, taken: Sequence[str]) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise SourceError(path.name, f"this file cannot be read ({why})", "name the file itself") from None
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(path.name, "this is not a plain file", "name the file itself")
    with os.fdopen(opened, "rb") as file:
        if found.st_size > MOST_BYTES:
            what = f"this file has {found.st_size / 2**20:,.0f} MB, and {MOST_BYTES // 2**20} are read"
            raise SourceError(path.name, what, "split it")
        content = file.read(MOST_BYTES)
    for kind, begins in _PACKED.items():
        if kind not in taken and re.match(begins, content):
            raise SourceError(path.name, f"this file is packed ({kind})", "unpack it: what is read is text")
    if not content.removeprefix(BOM_UTF8).strip():
        raise SourceError(path.name, "this file is empty", "look at who wrote it")
    return content


class DoubledKeyError(Exception):
    """Which of two values of one key was meant nobody knows; of two states one may be a no."""


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of its pairs. Raises DoubledKeyError."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise DoubledKeyError
    return dict(pairs)


class _RefusedError(Exception):
    """Why a file is refused, and at which line."""

    def __init__(self, line: int, what: str, hint: str = "") -> None:
        self.line, self.what, self.hint = line, what, hint
        super().__init__(what)


class _Reading:
    """One file on its way."""

    def __init__(self, content: bytes, shape: Shape) -> None:
        self.content, self.shape = content, shape
        self.found = Incoming()
        self.line = 0
        self._is_parquet = shape.may_be_parquet and re.match(_PACKED["Parquet"], content) is not None
        self._open_line = 0 if self._is_parquet or content.endswith(b"\n") else content.count(b"\n") + 1
        self._patterns = {column: re.compile(pattern).fullmatch for column, pattern in shape.patterns.items()}
        self._needed = frozenset(() if shape.has_gaps else shape.required)

    def read(self) -> None:
        for row in self._table() if self._is_parquet else self._written():
            self._take(row)
        total = self.found.count + self.found.bad
        self.found.records = self.found.records or total
        if not self.found.records and not self.shape.may_be_empty:
            raise _RefusedError(self.line, "there is no row in this file")
        if self.found.places and self.found.bad > (0 if self.shape.is_whole else max(1, total // 100)):
            line, why = self.found.places[0]
            raise _RefusedError(line, f"{self.found.bad} of {total} rows cannot be read; this one because {why}")

    def _written(self) -> Iterator[Mapping[str, Any]]:
        """The rows of a file of text."""
        if b"\r" in self.content and b"\n" not in self.content:
            raise _RefusedError(
                1, "its lines end as old Macs ended them", "export it with line ends of Unix or Windows"
            )
        first = self._text(next(self._lines()))
        if self.shape.unfold:
            return self._unfolded(self.shape.unfold)
        if first.startswith("{"):
            return self._objects()
        if self.shape.plain and self._is_plain(first):
            self.found.rows = {self.shape.plain: []}
            return ({self.shape.plain: self._text(line).strip()} for line in self._lines() if line.strip())
        return self._records(first)

    def _table(self) -> Iterator[Mapping[str, Any]]:
        """The rows of a file of Parquet."""
        from flows import parquet  # which takes a while, and is for few files

        try:
            table = parquet.Table(self.content)
            places = self._header(table.names, "")
            self.found.rows = {column: [] for column in places}
            for values in table.rows([table.names[place] for place in places.values()]):
                self.line += 1
                yield dict(zip(places, values, strict=True))
        except parquet.UnreadableError as problem:
            raise _RefusedError(self.line, str(problem), "write it again") from None

    def _lines(self) -> Iterator[bytes]:
        """Lines as the byte for a new line parts them; U+2028 is a letter within one."""
        start, self.line = 0, 0
        while start < len(self.content):
            end = self.content.find(b"\n", start)
            end = len(self.content) if end < 0 else end + 1
            self.line += 1
            if end - start > MOST_LINE_BYTES:
                raise _RefusedError(self.line, f"this line has more than {MOST_LINE_BYTES:,} bytes")
            yield self.content[start:end]
            start = end

    def _text(self, line: bytes) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise _RefusedError(max(self.line, 1), "this is not UTF-8", "export it as UTF-8") from None

    def _is_plain(self, first: str) -> bool:
        names = {name for known in self.shape.columns.values() for name in known}
        written = first.strip().strip('"').lower()
        return not re.search(r"[,;\t]", written) and written not in names

    def _records(self, first: str) -> Iterator[dict[str, str | None]]:
        """The rows of a CSV file, by the columns' names."""
        csv.field_size_limit(MOST_FIELD)
        reader = csv.reader(map(self._text, self._lines()), strict=True)
        try:
            places = self._header(next(reader), first)
            width = self._width
            self.found.rows = {column: [] for column in places}
            for row in reader:
                if len(row) == width:
                    yield {column: row[place].strip() or None for column, place in places.items()}
                elif row:
                    there = {column: row[place].strip() for column, place in places.items() if place < len(row)}
                    self._leave(f"it has {len(row)} fields, and the header {width}", there)
        except csv.Error as problem:
            raise _RefusedError(self.line, f"this is not CSV: {problem}", "export it again") from None

    def _header(self, header: list[str], first: str) -> dict[str, int]:
        """Column -> its place. A name is told only where it is one of ours: without a header it would be somebody's."""
        self._width = len(header)
        if self._width > MOST_COLUMNS:
            raise _RefusedError(1, f"this file has {self._width:,} columns, and {MOST_COLUMNS} are read")
        folded = [name.strip().lower() for name in header]
        names = folded if self.shape.in_any_case else header
        if len(set(names)) < len(names):
            raise _RefusedError(1, "the header names a column twice")
        places: dict[str, int] = {}
        for column, known in self.shape.columns.items():
            found = [place for place, name in enumerate(names) if name in known]
            if not found and any(name in known for name in folded):
                raise _RefusedError(1, f"the header has '{column}' in another spelling", f"write {known[0]}")
            if found:
                places[column] = found[0]
        missing = [column for column in self.shape.required if column not in places]
        if missing:
            delimiter = next((sign for sign in ";\t|" if sign in first), None)
            if delimiter and "," not in first:
                raise _RefusedError(1, f"its columns are parted by {delimiter!r}", "export it with commas between them")
            raise _RefusedError(1, f"the header has no column {missing[0]}")
        return places

    def _objects(self) -> Iterator[dict[str, Any]]:
        """The rows of NDJSON."""
        for row in self._values():
            if not isinstance(row, dict):
                raise _RefusedError(self.line, "this is no JSON object", "export it again")
            yield {column: row.get(column) for column in self.shape.columns}

    def _unfolded(
        self, unfold: Callable[[dict[str, Any]], Iterable[Mapping[str, str | None]]]
    ) -> Iterator[Mapping[str, Any]]:
        """The rows of what somebody else's program writes."""
        for value in self._values():
            for each in value if isinstance(value, list) else [value]:
                self.found.records += 1
                try:
                    rows = list(unfold(each))
                except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
                    self._leave("it is no event as this platform writes them", {})
                    continue
                self.found.others += not rows
                yield from rows

    def _values(self) -> Iterator[Any]:
        """What stands on each line as JSON. Numbers stay the text that they are: an id of twenty digits, or 1E5."""
        self.found.rows = {column: [] for column in self.shape.columns}
        for line in self._lines():
            if not line.strip():
                continue
            try:
                yield json.loads(
                    self._text(line),
                    object_pairs_hook=each_once,
                    parse_constant=self._no_number,
                    parse_int=str,
                    parse_float=str,
                )
            except DoubledKeyError:
                raise _RefusedError(self.line, "a key stands twice", "export it again") from None
            except json.JSONDecodeError:
                raise _RefusedError(self.line, "this is no JSON object, or cut short", "export it again") from None
            except RecursionError:
                raise _RefusedError(self.line, "this is nested too deeply", "export it again") from None

    def _no_number(self, _: str) -> None:
        raise _RefusedError(self.line, "there is NaN in it, which is not JSON", "export it again")

    def _take(self, row: Mapping[str, Any]) -> None:
        for column, value in row.items():
            if why := self._wrong(column, value):
                self._leave(why, row)
                return
        for column, value in row.items():
            self.found.rows[column].append(value)
        self.found.lines.append(self.line)

    def _wrong(self, column: str, value: object) -> str | None:
        if value is None:
            return f"it has no {column}" if column in self._needed else None
        if not isinstance(value, str):
            return f"its {column} is no text"
        if _UNREADABLE.search(value):
            return f"its {column} has a NUL or half a character in it"
        is_one = self._patterns.get(column)
        return f"its {column} is none" if is_one and not is_one(value) else None

    def _leave(self, why: str, row: Mapping[str, Any]) -> None:
        """Count a row that cannot be read. In a line that does not end it is a file that was cut short."""
        self.found.doubtful.append(
            {column: value for column, value in row.items() if value and not self._wrong(column, value)}
        )
        if self.line == self._open_line:
            raise _RefusedError(self.line, "this file is cut short", "export it again")
        self.found.bad += 1
        if len(self.found.places) < MOST_PLACES:
            self.found.places.append((self.line, why))
