"""Rolling runs: whom nothing has happened to since they were last looked at is not looked at again.

What a segment yields of a person depends on that person's rows, on tables about nobody, on the query, and on the time. A digest
tells whether rows and tables are as they were (`warehouse.news`), another whether the query is. What time alone does only the
query can know: one that says `tells_when_due` has a row, with `next_due_on`, for whomever it may name later without anything
having happened. So of such a query those are read of whom the digest is another one, and those whose day has come; every other
query is read over everybody. The candidates are then the same as those of a full run, and so is all that comes of them.

What was seen of people, by their keys, is noted in the state folder when a plan is settled, whatever becomes of the plan: it says
what was read, not what was done about it.
"""

from __future__ import annotations

import io
import secrets
import shutil
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.durable import private_folder, sync_folder, write_bytes
from flows.errors import PlanError
from flows.keys import load_key
from flows.line.deciding import Few
from flows.line.excluding import named
from flows.line.planned import last_whole
from flows.line.vouching import vouched_before
from flows.plan import Rolling
from flows.warehouse.news import named_tables, read_digests

if TYPE_CHECKING:
    from pathlib import Path

    from flows.clock import Moment
    from flows.line.deciding import Decided
    from flows.line.sources import Source
    from flows.line.vouching import Vouched
    from flows.plan import Order
    from flows.settings import Settings
    from flows.warehouse.scope import Scope
    from flows.workspace import Workspace

FOLDER = "rolling"
"""In the state folder: what is noted. In a plan's: what will be."""
AHEAD = timedelta(days=1)
"""People are looked at a day before they may be due: queries reckon in UTC, and in hours, where days are the workspace's."""
_KEY_DIGITS = 32
_NOTES, _PEOPLE, _DUE, _SCOPE = "noted.json", "people.parquet", "due.parquet", "scope.parquet"
_NET = "`full_every` has passed since everybody was read last"
PERSON = pl.Schema({"person": pl.String(), "digest": pl.UInt64()})
DUE = pl.Schema({"person": pl.String(), "segment": pl.String(), "look_on": pl.Date()})


class Notes(BaseModel):
    """What holds for all that was seen of people.

    Attributes:
        as_of, now: of the run that looked last.
        whole_on: the day of the last run that read everything over everybody.
        resting_on: why everything is to be read again -> a digest of what has to be as it was.
        segments: those that told when people come to be due, and were read.
        tables: table about nobody -> a digest of its rows.
        folder: where in this one the people are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    now: datetime
    whole_on: date
    resting_on: dict[str, str]
    segments: tuple[str, ...]
    tables: dict[str, str]
    folder: str


@dataclass(frozen=True)
class _Seen:
    """What the last run noted.

    Attributes:
        notes: of all.
        people: `PERSON`.
        due: `DUE`.
    """

    notes: Notes
    people: pl.DataFrame
    due: pl.DataFrame


@dataclass(frozen=True)
class News:
    """What a rolling run has found before anything is decided.

    Attributes:
        told: for the order.
        notes: what it will note.
        people: `person, digest`, of everybody.
        scope: `customer_id, person` of those to look at again; everybody where nothing is known of before.
    """

    told: Rolling
    notes: Notes
    people: pl.DataFrame
    scope: pl.DataFrame

    def save(self, folder: Path) -> None:
        """Keep it in a plan's folder until that is settled."""
        write_bytes(folder / FOLDER / _NOTES, self.notes.model_dump_json().encode())
        _write(self.people, folder / FOLDER / _PEOPLE)
        _write(self.scope, folder / FOLDER / _SCOPE)


def look_for_news(source: Source) -> News:
    """Compare everybody, and all else that segments rest on, with what the last run saw.

    Raises:
        StatementError, SourceError: a table cannot be read.
    """
    workspace, moment = source.workspace, source.moment
    settings, queries, catalogue = workspace.settings, workspace.queries, workspace.catalogue
    live = sorted({product.segment for product in workspace.live(moment.as_of)})
    telling = [name for name in live if workspace.segments[name].tells_when_due]
    tables = {name: named_tables(queries.segments[name], catalogue, source.path) for name in telling}
    found = read_digests(source.path, catalogue, set().union(*tables.values()), moment.now, source.shared)
    everybody = found.people.with_columns(person=_keyed(settings, pl.col("customer_id")))
    resting_on = {
        "settings, words or SQL have changed": workspace.inputs_digest,
        "the tables, views or macros of the warehouse have changed": found.definitions,
        "there is a new key": load_key(settings.key_file).key_id,
        "there is a new DuckDB": found.engine,
    }
    notes = Notes(
        as_of=moment.as_of,
        now=moment.now,
        whole_on=moment.as_of,
        resting_on=resting_on,
        segments=tuple(telling),
        tables=dict(found.tables),
        folder=secrets.token_hex(8),
    )
    before = _seen_before(settings)
    because = _why_everybody(before, notes, settings) if telling else "no segment says `tells_when_due`"
    scope = everybody
    if before is not None and because in (None, _NET):
        scope = _to_look_at(before, everybody, moment.as_of)
    told = Rolling(customers=everybody.height, scope=scope.height, because=because)
    if before is not None and because is None:
        whole = {name: why for name in live if (why := _why_whole(name, before.notes, notes, tables.get(name)))}
        told = told.model_copy(update={"few": tuple(name for name in live if name not in whole), "whole": whole})
        notes = notes.model_copy(update={"whole_on": before.notes.whole_on})
    return News(told, notes, everybody.select(PERSON.names()), scope.select("customer_id", "person"))


def found_before(workspace: Workspace, moment: Moment) -> Vouched | None:
    """What the last whole run has found of the same words and SQL; None where they are to be tried anew.

    They are with everybody: where `full_every` has passed, or nothing is noted. A plan that somebody has changed is no reason to
    stop, as it is for an answer: all that it would have told is found out again.
    """
    seen = _seen_before(workspace.settings)
    if seen is None or moment.as_of - seen.notes.whole_on >= workspace.settings.full_every:
        return None
    try:
        return vouched_before(workspace, last_whole(workspace.settings))
    except PlanError:
        return None


def few_of(source: Source, order: Order, scope: Scope, folder: Path, held: pl.LazyFrame) -> Few | None:
    """Whom a part of a run reads some segments of; None where it reads all of them over all of its customers.

    Args:
        source: the warehouse.
        order: of the run.
        scope: the part.
        folder: of the plan.
        held: `customer_id` of what is out there: bars are read for these, too.

    Raises:
        DataError, StatementError: the query of an audience does not yield what it should.
    """
    if order.rolling is None or order.rolling.because is not None:
        return None
    chosen = pl.read_parquet(folder / FOLDER / _SCOPE)["customer_id"]
    told = named(source, scope, order.audiences)
    if told is not None:
        told = sorted({*told, *held.select(pl.col("customer_id").drop_nulls().unique()).collect().to_series()})
    return Few(frozenset(order.rolling.few), replace(scope, customers=tuple(chosen)), told)


def note_due(made: Decided, order: Order, settings: Settings, folder: Path, part: int) -> None:
    """Keep in a plan's folder on which day to look at people again, as the segments of one part tell."""
    if order.rolling is None:
        return
    rows = made.due.with_columns(
        person=_keyed(settings, pl.col("customer_id")),
        look_on=pl.max_horizontal(pl.col("next_due_on").fill_null(order.as_of), pl.lit(order.as_of)),
    )
    _write(rows.select(DUE.names()), folder / FOLDER / f"due-{part:04}.parquet")


def remember(settings: Settings, order: Order, folder: Path) -> dict[str, int]:
    """Note for the next run what this one has seen. Harmless when repeated.

    Returns:
        Segment -> people whom it names today though it had not told of them, where everybody was read to find out.
    """
    if order.rolling is None:
        return {}
    notes = Notes.model_validate_json((folder / FOLDER / _NOTES).read_bytes())
    people = pl.scan_parquet(folder / FOLDER / _PEOPLE).select("person")
    scope = pl.read_parquet(folder / FOLDER / _SCOPE)
    parts = [pl.read_parquet(file) for file in sorted((folder / FOLDER).glob("due-*.parquet"))]
    seen = pl.concat([DUE.to_frame(), *parts]).filter(pl.col("segment").is_in(list(notes.segments)))
    kept = DUE.to_frame()
    before = _seen_before(settings)
    if before is not None and order.rolling.few:
        kept = before.due.filter(pl.col("segment").is_in(list(order.rolling.few)))
        kept = kept.join(scope, on="person", how="anti").join(people.collect(), on="person", how="semi")
    place = private_folder(settings.folder(FOLDER, notes.folder))
    write_bytes(place / _PEOPLE, (folder / FOLDER / _PEOPLE).read_bytes())
    _write(pl.concat([kept, seen]), place / _DUE)
    write_bytes(settings.folder(FOLDER, _NOTES), notes.model_dump_json().encode())
    for old in settings.folder(FOLDER).iterdir():
        if old.is_dir() and old.name != notes.folder:
            shutil.rmtree(old)
    if order.rolling.because != _NET or before is None:
        return {}
    # Of whom a rolling run would have known nothing.
    untold = seen.filter(pl.col("look_on") <= order.as_of, pl.col("segment").is_in(list(before.notes.segments)))
    untold = untold.join(scope, on="person", how="anti")
    return dict(untold.group_by("segment").agg(pl.col("person").n_unique()).sort("segment").iter_rows())


def drop_notes(settings: Settings, before: datetime) -> int:
    """Drop what was noted, by a run before an instant; what half a note leaves, too. Returns the number of files."""
    folder, seen = settings.folder(FOLDER), _seen_before(settings)
    if seen is not None and seen.notes.now >= before:
        return 0
    files = [path for path in folder.rglob("*") if path.is_file()]
    if files:
        shutil.rmtree(folder)
        sync_folder(folder.parent)
    return len(files)


def _keyed(settings: Settings, customer_id: pl.Expr) -> pl.Expr:
    return load_key(settings.key_file).of(customer_id).str.head(_KEY_DIGITS)


def _why_everybody(seen: _Seen | None, notes: Notes, settings: Settings) -> str | None:
    """Why everything is read over everybody; None where it need not be."""
    if seen is None:
        return "nothing is noted of a run before"
    before = seen.notes
    if notes.as_of < before.as_of or notes.now < before.now:
        return "the last run was for a later time"
    changed = [why for why, digest in notes.resting_on.items() if before.resting_on.get(why) != digest]
    if changed:
        return changed[0]
    return _NET if notes.as_of - before.whole_on >= settings.full_every else None


def _why_whole(name: str, before: Notes, notes: Notes, tables: set[str] | None) -> str | None:
    """Why a segment is read over everybody; None where it need not be.

    Args:
        name: of the segment.
        before: what the last run noted.
        notes: what this one will.
        tables: that it may read; None where it does not say when people come to be due.
    """
    if tables is None:
        return "it does not say `tells_when_due`"
    if name not in before.segments:
        return "the last run did not read it"
    changed = sorted(table for table in tables & notes.tables.keys() if before.tables.get(table) != notes.tables[table])
    return f"the table {changed[0]} has changed" if changed else None


def _to_look_at(before: _Seen, everybody: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Those of everybody of whom something is not as it was, or who may be due."""
    due = before.due.filter(pl.col("look_on") <= as_of + AHEAD)
    # By digests of 64 bits, which nearly all find again, rather than by ids: a third of the time.
    then = before.people.rename({"person": "then"})
    changed = everybody.join(then, on="digest", how="left").filter(pl.col("person").ne_missing(pl.col("then")))
    waited_for = everybody.join(due, on="person", how="semi")
    return pl.concat([changed.drop("then"), waited_for]).unique("person").sort("customer_id")


def _seen_before(settings: Settings) -> _Seen | None:
    """What the last run noted; None where there is nothing, or nothing that can be read whole."""
    try:
        notes = Notes.model_validate_json(settings.folder(FOLDER, _NOTES).read_bytes())
        place = settings.folder(FOLDER, notes.folder)
        people = pl.read_parquet(place / _PEOPLE).select(PERSON.names()).cast(dict(PERSON))  # type: ignore[arg-type]
        due = pl.read_parquet(place / _DUE).select(DUE.names()).cast(dict(DUE))  # type: ignore[arg-type]
    except (OSError, ValidationError, pl.exceptions.PolarsError):
        return None
    return _Seen(notes, people, due)


def _write(rows: pl.DataFrame, path: Path) -> None:
    """Write Parquet whole or not at all. Raises OutboxError."""
    content = io.BytesIO()
    rows.write_parquet(content, compression_level=1)  # digits of digests: more of it finds no more
    write_bytes(path, content.getvalue())
