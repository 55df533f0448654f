"""Files that tell of outcomes, as frames: ours (CSV, NDJSON, Parquet), and what platforms write, by their adapters.

Every file is read in a child of its own, before the key is read and the ledger opened. What says stop is found in all that can be
read, also of a file that is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.adapters import FILE, STATES, STOPS, adapters, shape_of
from flows.clock import present
from flows.durable import sync_folder
from flows.errors import DataError, JustEnoughError, SourceError, UsageError, nearest
from flows.gathered import Incoming
from flows.incoming import MOST_PLACES, read_incoming
from flows.promises import MANIFEST, manifest_of
from flows.schemas import INSTANT
from flows.tokens import ID_DIGITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.incoming import Shape
    from flows.settings import Settings

INBOX = ("inbox", "outcomes")
OURS = "file"
"""Where an outcome is from that a file of our own form tells."""
_TEXTS = dict.fromkeys(FILE.columns, pl.String)
_ROWS = pl.Schema({"line": pl.Int64, **_TEXTS})
CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Report:
    """A file that tells of outcomes.

    Attributes:
        path: of the file.
        source: the adapter that made rows of it, or `OURS`.
        rows: `line`, and the columns of `FILE` as texts: what could be read of it, whatever becomes of it.
        found: what else is known of it; its rows are in `rows`.
        refusal: why nothing of it is taken in, but what says stop.
        stamp: of the file that was read; another may take its name since.
    """

    path: Path
    source: str
    rows: pl.DataFrame = field(default_factory=_ROWS.to_frame)
    found: Incoming = field(default_factory=Incoming)
    refusal: JustEnoughError | None = None
    stamp: tuple[int, ...] = ()

    @property
    def written(self) -> float:
        """When the file was written that was read, in seconds since 1970; long ago where none was."""
        return self.stamp[2] / 1e9 if self.stamp else 0.0


@dataclass(frozen=True)
class Refused:
    """A file of which nothing was taken in but what says stop."""

    where: str
    what: str
    hint: str


def read_reports(files: Sequence[Path], adapter: str | None) -> list[Report]:
    """Read files by the adapter of that name, or as our own.

    Raises:
        UsageError: there is no such adapter.
    """
    shape_of(adapter)
    return [_read(path, adapter) for path in dict.fromkeys(files)]


def waiting(settings: Settings) -> list[Report]:
    """Read what is in the inbox: files of our own form, and in a folder of an adapter's name what that platform wrote.

    Names that begin with a dot are not looked at: whoever writes a file there moves it in whole.
    """
    inbox, found = settings.folder(*INBOX), []
    for path in sorted(inbox.glob("[!.]*")):
        if not path.is_dir() or path.is_symlink():
            found += [_read(path, None)] if _is_report(path) else []
        elif path.name in adapters():
            found += [_read(each, path.name) for each in sorted(path.glob("[!.]*")) if _is_report(each)]
        else:
            refusal = UsageError(
                "/".join((*INBOX, path.name)), "there is no such adapter", nearest(path.name, adapters())
            )
            found.append(Report(path, path.name, refusal=refusal))
    return found


def told_files(settings: Settings) -> list[Path]:
    """All files of outcomes and of events in the inbox, whole or not."""
    folders = [settings.folder("inbox", name) for name in ("outcomes", "events")]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def _is_report(path: Path) -> bool:
    """Whether it is one. A manifest goes with its file; alone it waits for it."""
    return not path.name.endswith(MANIFEST)


def _read(path: Path, adapter: str | None) -> Report:
    return read_report(path, shape_of(adapter), adapter or OURS)


def read_report(path: Path, shape: Shape, source: str) -> Report:
    """Read a file of that shape."""
    stamp = _stamp(path)
    try:
        found = read_incoming(path, shape)
    except (SourceError, DataError) as problem:
        return Report(path, source, refusal=problem, stamp=stamp)
    refusal = found.refusal
    if refusal is None and found.bad and not found.count + found.others:  # one bad row is borne, but beside others
        line, why = found.places[0]
        refusal = DataError(f"{path.name}:{line}", f"no row can be read; this one because {why}", shape.hint)
    texts = {name: found.values(name) for name in shape.columns}
    rows = pl.DataFrame({"line": found.lines, **texts}, {"line": pl.Int64, **dict.fromkeys(texts, pl.String)})
    found.rows.clear()  # a million rows are as many objects here, seven times
    return Report(path, source, rows, found, refusal, stamp)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        seen = path.lstat()
    except OSError:  # it is gone, or never was
        return ()
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns)


def remove(report: Report) -> None:
    """Drop a file of the inbox that the ledger has taken in. Its manifest goes first: alone it would wait for a file."""
    if _stamp(report.path) != report.stamp:
        return
    for path in (manifest_of(report.path), report.path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def stops(reports: Sequence[Report]) -> pl.DataFrame:
    """Who said stop, as `stopping.stop` takes it, by all rows that can be read."""
    frames = [pl.DataFrame(schema={**_TEXTS, "source": pl.String})]
    for report in reports:
        told = (report.rows.drop("line"), pl.DataFrame(report.found.doubtful, _TEXTS))
        said = [rows.filter(pl.col("outcome").is_in(list(STOPS))) for rows in told]
        frames += [rows.with_columns(source=pl.lit(report.source)) for rows in said]
    state = pl.col("outcome").replace_strict(STOPS, return_dtype=pl.String)
    columns = ("message_id", "customer_id", "channel", "source")
    return pl.concat(frames).select(*columns, state=state, happened_at=instant())


def refused(found: Sequence[Report]) -> tuple[Refused, ...]:
    """The files of which nothing is taken in."""
    return tuple(Refused(each.where, each.what, each.hint) for report in found if (each := report.refusal))


def places(found: Sequence[Report], wrong: pl.DataFrame) -> tuple[str, ...]:
    """Where the first bad rows are, and why they are: file, line, and what is wrong, never what stands there.

    Args:
        found: files.
        wrong: `at` (the place of its report), `line, why` of rows that could be read, and are bad all the same.
    """
    listed = [
        (at, *place) for at, report in enumerate(found) if report.refusal is None for place in report.found.places
    ]
    listed += wrong.sort("at", "line").head(MOST_PLACES).rows()
    return tuple(f"{found[at].path.name}:{line}: {why}" for at, line, why in sorted(listed)[:MOST_PLACES])


def rows_of(reports: Sequence[Report]) -> pl.DataFrame:
    """The rows of files that are not refused.

    Returns:
        `at` (the place of its report), `line`, `source`, `kind` (event), the columns of `FILE` in their types, and `why`: what is
        wrong with a row, or null.
    """
    frames = [pl.DataFrame(schema={"at": pl.Int64, "line": pl.Int64, "source": pl.String, **_TEXTS})]
    for number, report in enumerate(reports):
        if report.refusal is None:
            place = {"at": pl.lit(number, pl.Int64), "source": pl.lit(report.source)}
            frames.append(report.rows.with_columns(**place).select(frames[0].columns))
    read = pl.concat(frames).with_columns(
        message_id=pl.col("message_id").str.head(ID_DIGITS),
        happened_at=instant(),
        value=pl.col("value").cast(pl.Float64, strict=False),
        written=pl.col("value"),
    )
    return read.with_columns(why=_why(), kind=pl.lit("event")).drop("written")


def instant() -> pl.Expr:
    """`happened_at`, whose form has been looked at, as an instant; null where there is no such day or hour."""
    text = pl.col("happened_at").str.replace(" ", "T", literal=True).str.replace("Z", "+00:00", literal=True)
    whole = text.str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False).cast(INSTANT)


def _why() -> pl.Expr:
    """What is wrong with a row by itself."""
    is_state = pl.col("outcome").is_in(STATES)
    found = {
        "its happened_at is none": pl.col("happened_at").is_null(),
        "its happened_at lies ahead": pl.col("happened_at") > pl.lit(present() + CLOCKS_DIFFER),
        "its value is none": pl.col("written").is_not_null() & ~pl.col("value").is_finite().fill_null(value=False),
        "it has no message_id, and tells of a message": is_state & pl.col("message_id").is_null(),
        "it has neither customer_id nor message_id": pl.all_horizontal(pl.col("customer_id", "message_id").is_null()),
    }
    return pl.coalesce(pl.when(is_so).then(pl.lit(why)) for why, is_so in found.items())
