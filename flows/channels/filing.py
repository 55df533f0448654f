"""Rows into the files of a target: parted by what each file is of, cut by the platform's caps, written and digested."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import polars as pl

from flows.channels.cutting import Cutter, refuse_longer, written
from flows.durable import Digests, new_file
from flows.openpgp import encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flows.channels import Creatives, Target

HOURS = "hours"
"""The column of a target's rows by which its files are cut where they cannot say when each message may be sent: an ISO 8601
interval, null where that is as long as the message is true."""
_AT_ONCE = 100_000
"""Lines; about 20 MB."""


@dataclass(frozen=True)
class Payload:
    """Rows for one kind of file of a batch.

    Attributes:
        stem: what its files' names begin with.
        mode: what the rows do there: append, replace or remove.
        rows: of the target, in their order; in several pieces where all of them are too many to be held.
        use: `EXCLUDE` where campaigns are to leave these people out, so that there is nothing to be said of them.
    """

    stem: str
    mode: str
    rows: pl.DataFrame | Sequence[pl.DataFrame]
    use: str | None = None

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The rows, in pieces that are not empty."""
        pieces = [self.rows] if isinstance(self.rows, pl.DataFrame) else self.rows
        return (rows for rows in pieces if rows.height)

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(rows.height for rows in self.pieces())

    @property
    def is_held(self) -> bool:
        """Whether it costs nothing to go through the rows once more."""
        return isinstance(self.rows, pl.DataFrame) or len(self.rows) == 1


@dataclass(frozen=True)
class Part:
    """Rows of one file of a payload: all of them, or some that follow each other.

    Attributes:
        kind: the files that are numbered together: what their names begin with in all, and their place among those.
        per: what the manifest calls that of which the file is (`audience`; `per` where it is none), and which one it is.
        lines: what is written of the rows, unless that is made for each file.
    """

    name: str
    kind: tuple[str, int]
    mode: str
    use: str | None
    per: tuple[str, str | None]
    hours: str | None
    rows: pl.DataFrame
    lines: pl.DataFrame | None

    def is_left(self, barred: pl.Series) -> pl.Series:
        """Of each row whether it is none of some messages; what is taken away is none."""
        if "message_id" not in self.rows.columns:
            return pl.repeat(value=True, n=self.rows.height, eager=True)
        return ~self.rows["message_id"].is_in(barred.implode())

    def filter(self, is_left: pl.Series) -> Part:
        """It with some of its rows."""
        lines = self.lines.filter(is_left) if self.lines is not None else None
        return replace(self, rows=self.rows.filter(is_left), lines=lines)


def parts_of(payload: Payload, target: Target, creatives: Creatives) -> Iterator[Part]:
    """A payload cut into files: the same cut for the same rows, in however many pieces they come."""
    kinds: dict[tuple[str | None, str | None], Cutter] = {}

    def part(kind: tuple[str | None, str | None], number: int, rows: pl.DataFrame, lines: pl.DataFrame | None) -> Part:
        value, hours = kind
        told = hours.replace(":", "").replace("-", "").replace("/", "-") if hours else None
        stem = "-".join(text for text in (payload.stem, value, told) if text)
        name = f"{stem}-{number:04}.{target.file_format}{'.pgp' if target.certificate else ''}"
        per = ("audience" if target.audience else "per", value)
        place = (payload.stem, list(kinds).index(kind))
        return Part(name, place, payload.mode, payload.use, per, hours, rows, lines)

    for rows in payload.pieces():
        refuse_longer(rows, creatives, target)
        for kind, mine in _by_kind(rows, target):
            cutter = kinds.setdefault(kind, Cutter(target, creatives))
            yield from (part(kind, *found) for found in cutter.cut(mine))
    for kind, cutter in kinds.items():
        yield from (part(kind, *found) for found in cutter.rest())


def _by_kind(rows: pl.DataFrame, target: Target) -> Iterator[tuple[tuple[str | None, str | None], pl.DataFrame]]:
    """Rows by what their files are of, and by when they may be sent."""
    per = [name for name in (target.file_per, HOURS) if name in rows.columns]
    is_one = all(rows[name].n_unique() == 1 for name in per)  # mostly, and parting costs a copy
    for mine in [rows] if is_one else rows.partition_by(per, maintain_order=True):
        value = mine[target.file_per][0] if target.file_per else None
        yield (value, mine[HOURS][0] if HOURS in per else None), mine.drop(HOURS, strict=False)


@dataclass(frozen=True)
class _Written:
    """What is known of a file before it is whole."""

    mode: str
    rows: int
    columns: list[str]
    told: dict[str, str]


class Files:
    """The files of a batch while they are written."""

    def __init__(self, folder: Path, target: Target, creatives: Creatives) -> None:
        self._folder, self._target, self._creatives = folder, target, creatives
        self._digests = Digests()
        self._kinds: dict[str, tuple[str, int]] = {}
        self._files: dict[str, _Written | dict[str, Any]] = {}

    def write(self, part: Part) -> None:
        """Write rows into their file, behind those that are in it."""
        if part.rows.is_empty():
            return
        lines = part.lines if part.lines is not None else written(part.rows, self._creatives, self._target)
        begun = self._files.get(part.name)
        path = self._folder / part.name
        with new_file(path) if begun is None else path.open("ab") as file:
            if self._target.certificate is None:
                for number, piece in enumerate(_in_pieces(lines, self._target)):
                    if number:
                        self._digests.follow(path)
                    _write(piece, file, self._target, is_first=begun is None and number == 0)
            else:  # never in plain text on the disk
                content = io.BytesIO()
                _write(lines, content, self._target)
                file.write(encrypted(content.getvalue(), self._target.certificate))
        self._digests.follow(path)
        entries = (("use", part.use), part.per, (HOURS, part.hours))
        before = begun.rows if isinstance(begun, _Written) else 0
        told = {name: value for name, value in entries if value}
        self._kinds[part.name] = part.kind
        self._files[part.name] = _Written(part.mode, before + part.rows.height, lines.columns, told)

    def keep(self, part: Part, entry: dict[str, Any]) -> None:
        """Note what is in the file of some rows, which was written before."""
        self._kinds[part.name], self._files[part.name] = part.kind, entry

    def entries(self) -> list[dict[str, Any]]:
        """What the manifest says of the files: kind by kind, and each in the order of its numbers. Raises OSError."""
        stems = list(dict.fromkeys(stem for stem, _ in self._kinds.values()))
        ordered = sorted(self._kinds, key=lambda name: (stems.index(self._kinds[name][0]), self._kinds[name][1]))
        return [self._entry(name) for name in ordered]

    def _entry(self, name: str) -> dict[str, Any]:
        file = self._files[name]
        if not isinstance(file, _Written):
            return file
        return entry_of(name, file.mode, file.rows, file.columns, *self._digests.of(self._folder / name)) | file.told


def _in_pieces(lines: pl.DataFrame, target: Target) -> Iterator[pl.DataFrame]:
    """Lines in pieces of which each is digested while the next is written, where the file is the same for it."""
    return lines.iter_slices(_AT_ONCE) if target.file_format in ("csv", "ndjson") else iter([lines])


def _write(lines: pl.DataFrame, file: IO[bytes], target: Target, *, is_first: bool = True) -> None:
    if target.file_format == "csv":
        csv = target.csv
        if is_first:
            file.write((codecs.BOM_UTF8 if csv.has_bom else b"") + csv.preamble.encode())
        file.flush()  # Polars writes past what Python holds back
        lines.write_csv(
            file,
            include_header=csv.has_header and is_first,
            separator=csv.separator,
            quote_style=csv.quotes,
            line_terminator=csv.line_end,
        )
    elif target.file_format == "parquet":
        lines.rechunk().write_parquet(file)  # in one piece, or the bytes would tell how the run was cut into parts
    elif target.file_format == "eml":
        file.write(lines["message"].item().encode())
    else:
        lines.write_ndjson(file)


def entry_of(name: str, mode: str, rows: int, columns: list[str], size: int, sha256: str) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"name": name, "mode": mode, "rows": rows, "bytes": size, "sha256": sha256, "columns": columns}
