"""Files of events, as frames: what customers did, and by which channel they came in. They are read as outcomes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.clock import present
from flows.durable import private_folder, sync_folder
from flows.firsts import CAME_BY, PLACES
from flows.incoming import Shape
from flows.line.reports import CLOCKS_DIFFER, instant, read_report
from flows.promises import MANIFEST, manifest_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.line.reports import Report
    from flows.settings import Settings

INBOX = ("inbox", "events")
REFUSED = "refused"
"""In the inbox: files that somebody has to look at, out of the way of the next ones."""
EVENTS_FILE = "events.parquet"
"""In a plan's folder: the events that it answers."""
SHAPE = Shape(
    columns={name: (name,) for name in ("event_id", "happened_at", "event", "customer_id", "channel")},
    required=("event_id", "happened_at", "event", "customer_id"),
    patterns={
        "event_id": r"\S.{0,2047}",
        "happened_at": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)",
        "event": "[a-z][a-z_]{0,39}",  # without digits: in a column that was mixed up stand ids
        "customer_id": ".{1,255}",
        "channel": "[a-z][a-z_]{0,19}",
    },
    hint="write event_id, happened_at (as in 2026-11-22T09:00:00Z), event and customer_id; see docs/how-to/events.md",
)
ROWS = pl.Schema({"at": pl.Int64, "line": pl.Int64, **dict.fromkeys(SHAPE.columns, pl.String)})


def read_events_told(files: Sequence[Path]) -> list[Report]:
    """Read files of events."""
    return [read_report(path, SHAPE, "events") for path in dict.fromkeys(files)]


def waiting(settings: Settings) -> list[Path]:
    """The files of the inbox, the oldest names first. What begins with a dot is still being written."""
    inbox = settings.folder(*INBOX)
    return sorted(path for path in inbox.glob("[!.]*") if path.name != REFUSED and not path.name.endswith(MANIFEST))


def put_aside(settings: Settings, report: Report) -> None:
    """Move a file of the inbox, and what is beside it, to where somebody looks at it: it is told of once."""
    aside = private_folder(settings.folder(*INBOX, REFUSED))
    for path in (report.path, manifest_of(report.path)):
        if path.exists() or path.is_symlink():
            path.replace(aside / path.name)
    sync_folder(report.path.parent)
    sync_folder(aside)


def rows_of(reports: Sequence[Report]) -> pl.DataFrame:
    """The rows of files that are not refused.

    Returns:
        `at` (the place of its report), `line`, the columns of `SHAPE` in their types, and `why`: what is wrong with a row, or
        null.
    """
    told = [
        report.rows.with_columns(at=pl.lit(place, pl.Int64)).select(ROWS.names())
        for place, report in enumerate(reports)
        if report.refusal is None
    ]
    rows = pl.concat([ROWS.to_frame(), *told]).with_columns(happened_at=instant())
    is_ahead = pl.col("happened_at") > pl.lit(present() + CLOCKS_DIFFER)
    why = {"its happened_at is none": pl.col("happened_at").is_null(), "its happened_at lies ahead": is_ahead}
    return rows.with_columns(why=pl.coalesce(pl.when(is_so).then(pl.lit(what)) for what, is_so in why.items()))


def read_events(folder: Path) -> pl.DataFrame | None:
    """The events that a plan answers: `ledger.events.EVENTS` and `customer_id`; None where it answers none."""
    file = folder / EVENTS_FILE
    return pl.read_parquet(file) if file.exists() else None


def read_entries(folder: Path) -> pl.DataFrame | None:
    """`customer_id, came_by`: by which of our channels those came in whom a plan answers, the last time that it is told."""
    events = read_events(folder)
    if events is None:
        return None
    came = events.sort("happened_at").select("customer_id", pl.col("channel").replace(PLACES).alias(CAME_BY))
    known = came.filter(pl.col(CAME_BY).is_in(list(CHANNELS)))
    return known.unique("customer_id", keep="last", maintain_order=True)
