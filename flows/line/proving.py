"""Whether a segment's fields depend on what they do not declare: shuffle it in a small copy, run the query again, compare.

It knows nothing of how the query is written, and shares no code with what reads that: two proofs that fail in different ways.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.catalogue import Via
from flows.clock import moment
from flows.errors import JustEnoughError
from flows.ledger.lock import run_lock
from flows.line.proof import LEAST_ROWS, LEAST_VALUES, Finding, Proof, Unsteady
from flows.line.request import silent
from flows.line.segments import read_segment_rows
from flows.line.sources import Source, database, existing_database, read_shared
from flows.warehouse.copies import copy_people
from flows.warehouse.queries import customer_keys
from flows.warehouse.scope import Scope
from flows.warehouse.shuffling import Shuffle

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from flows.catalogue import Catalogue
    from flows.line.request import Progress
    from flows.warehouse.copies import Copy
    from flows.workspace import Workspace

MOST_PEOPLE = 3000
"""In the copy for a segment. Half of them may be of the segment; the others bring the values that it leaves out."""
ATTEMPTS = 4
"""Each shuffles a smaller share: where people are chosen by what is shuffled, few rows are left to be compared."""
_SEEDS = 100_000
"""Between two shuffles: each draws with many seeds from its own on."""


@dataclass(frozen=True)
class _Portion:
    """What of a table is shuffled: columns, and, where the rows as such tell something, whose they are.

    Attributes:
        way: the column that leads to a person; None where whose the rows are stays as it is.
        is_direct: whether it holds the person's id.
    """

    columns: tuple[str, ...]
    way: str | None
    is_direct: bool
    brand: str | None


def prove(workspace: Workspace, progress: Progress = silent) -> Proof:
    """Shuffle, in a small copy, every dimension that a field does not declare; nothing that the field shows may change.

    Raises:
        LockedError: the sample has to be built first, and a run holds the workspace.
        SourceError: the warehouse cannot be read, or the copy does not fit into memory.
        StatementError, DataError: a query does not run on the warehouse.
    """
    now = moment(None, workspace.settings.zone)
    path = existing_database(workspace.settings, now.as_of)
    if path is None:
        with run_lock(workspace.settings, "justenough check --prove"):
            path = database(workspace.settings, now.as_of)
    source = Source(workspace, path, now, read_shared(workspace, path, now))
    findings: list[Finding] = []
    unsteady: list[Unsteady] = []
    for place, name in enumerate(workspace.segments):
        progress("proving", place, len(workspace.segments))
        found, by_itself = prove_segment(source, name)
        findings += found
        unsteady += by_itself
    progress("proving", len(workspace.segments), len(workspace.segments))
    return Proof(tuple(findings), tuple(unsteady))


def prove_segment(source: Source, name: str) -> tuple[list[Finding], list[Unsteady]]:
    """As `prove`, of one segment."""
    workspace, text = source.workspace, source.workspace.queries.segments[name]
    with copy_people(
        source.path,
        workspace.catalogue,
        _people(source, name),
        source.moment,
        memory=workspace.settings.query_memory,
        seconds=workspace.settings.query_seconds,
        shared=source.shared,
    ) as copy:
        tables = copy.reads(text)
        declared = _declared(workspace, name, copy.remember(text))
        unsteady = _unsteady(copy, name, declared)
        by_itself = {found.field for found in unsteady}
        open_ones = [entry for entry in declared if entry.field not in by_itself]
        findings = _found(copy, name, open_ones, tables, set())
        _invent(copy)
        copy.remember(text)
        by_itself = {found.field for found in _unsteady(copy, name, open_ones)}
        known = {(finding.field, finding.dimension) for finding in findings if finding.changed}
        more = _found(copy, name, [entry for entry in open_ones if entry.field not in by_itself], tables, known)
    return _together(findings, more), unsteady


def _found(
    copy: Copy,
    name: str,
    declared: Sequence[_Declared],
    tables: Collection[str],
    known: Collection[tuple[str, str]],
) -> list[Finding]:
    """What shuffling each dimension shows of the fields that do not declare it, but for pairs of which that is known."""
    return [
        finding
        for dimension in copy.catalogue.dimensions
        for finding in _shuffled(
            copy, name, dimension, [entry for entry in declared if (entry.field, dimension) not in known], tables
        )
    ]


def _together(findings: Iterable[Finding], more: Iterable[Finding]) -> list[Finding]:
    added = {(finding.field, finding.dimension): finding for finding in more}
    pairs = [(found, added.get((found.field, found.dimension), found)) for found in findings]
    return [
        replace(
            one,
            values=max(one.values, other.values),
            rows=max(one.rows, other.rows),
            changed=one.changed or other.changed,
        )
        for one, other in pairs
    ]


def _invent(copy: Copy) -> None:
    """Make another world of the copy: what nobody here has done yet, somebody may do tomorrow.

    Several people become one, who has the orders of all of them, where a person may have several; and a tenth of the values of
    each column change places within their brand.
    """
    for merging in (True, False):
        for table in copy.tables:
            portion = _portion(copy, table, {"*"}, set(), is_whole=True)
            if not merging and portion.columns:
                copy.change(table, Shuffle("values", _each(portion), 1 / 10, portion.brand), _SEEDS)
            if merging and portion.is_direct and copy.has_several(table):
                copy.change(table, Shuffle("merged"), _SEEDS)
        copy.adopt()


def _people(source: Source, name: str) -> pl.Series:
    """Who is copied: people of the segment, then others, each time the first by a hash of their id."""
    chosen = pl.Series("customer_id", [], pl.String)
    queries, moment_, parts = source.workspace.queries, source.moment, source.workspace.settings.parts or 1
    for part in range(parts):
        rows = read_segment_rows(source, Scope(part, parts), name)["customer_id"].cast(pl.String)
        chosen = _first(pl.concat([chosen, rows]), MOST_PEOPLE // 2)
        if len(chosen) == MOST_PEOPLE // 2:
            break
    for part in range(parts):
        with source.open(Scope(part, parts), moment_.now) as session:
            known = customer_keys(session, queries, moment_)["customer_id"].cast(pl.String)
        others = _first(known.filter(~known.is_in(chosen.implode())), MOST_PEOPLE - len(chosen))
        chosen = pl.concat([chosen, others])
        if len(chosen) == MOST_PEOPLE:
            break
    return chosen


def _first(ids: pl.Series, most: int) -> pl.Series:
    return ids.unique().to_frame("id").sort(pl.col("id").hash(), "id").head(most)["id"].rename(ids.name)


@dataclass(frozen=True)
class _Declared:
    """A column that people may be shown, or by which a fact is held to be fresh, and the dimensions that it may depend on."""

    field: str
    where: str
    dimensions: frozenset[str]


def _declared(workspace: Workspace, name: str, columns: Sequence[str]) -> list[_Declared]:
    """The fields of a segment; and its `<dimension>_as_of`, which let a fact be shown or not, so they tell something too."""
    segment = workspace.segments[name]
    found = [
        _Declared(field, segment.at("fields", field), frozenset(entry.dimensions))
        for field, entry in segment.fields.items()
    ]
    for dimension in workspace.catalogue.dimensions:
        column, showing = f"{dimension}_as_of", [entry for entry in found if dimension in entry.dimensions]
        if column in columns and showing and column not in segment.fields:
            together = frozenset().union(*(entry.dimensions for entry in showing))
            found.append(_Declared(column, showing[0].where, together))
    return found


def _unsteady(copy: Copy, name: str, declared: Sequence[_Declared]) -> list[Unsteady]:
    """Fields that change when nothing but the order of the rows does, or nothing at all."""
    changed = copy.unsteady([entry.field for entry in declared])
    return [
        Unsteady(name, entry.field, entry.where, changed[entry.field]) for entry in declared if changed[entry.field]
    ]


def _shuffled(
    copy: Copy, name: str, dimension: str, declared: Sequence[_Declared], tables: Collection[str]
) -> Iterator[Finding]:
    """What becomes of the fields that do not declare a dimension; together those for which the same is shuffled."""
    groups: list[tuple[dict[str, _Portion], list[Finding]]] = []
    for entry in declared:
        if dimension in entry.dimensions:
            continue
        portions = _portions(copy, dimension, entry.dimensions, tables)
        finding = Finding(name, entry.field, dimension, entry.where, is_read=bool(portions))
        same = next((findings for known, findings in groups if known == portions), None)
        if same is None:
            groups.append((portions, [finding]))
        else:
            same.append(finding)
    for portions, findings in groups:
        yield from _tried(copy, findings, portions) if portions else findings


def _tried(copy: Copy, findings: list[Finding], portions: dict[str, _Portion]) -> list[Finding]:
    values, rows, changed = 0, 0, {finding.field: finding.changed for finding in findings}
    copy.begin()
    for attempt in range(ATTEMPTS):
        for place, shuffles in enumerate(_rounds(portions, 3.0**-attempt)):
            fields = [field for field, count in changed.items() if not count]
            if not fields:
                break
            seed = _SEEDS * (100 * attempt + place + 1)
            moved = sum(copy.change(table, shuffle, seed) for table, shuffle in shuffles.items())
            try:
                rows, others = copy.compare(fields)
            except JustEnoughError:  # such rows do not occur, and the query need not take them
                continue
            finally:
                copy.restore()
            values, changed = max(values, moved), changed | others
        if (values >= LEAST_VALUES and rows >= LEAST_ROWS) or copy.expected_count < LEAST_ROWS:
            break
    return [replace(f, values=values, rows=rows, changed=changed[f.field]) for f in findings]


def _rounds(portions: dict[str, _Portion], least: float) -> Iterator[dict[str, Shuffle]]:
    """Table -> shuffle, for each run of the query. What takes all rows comes first, then what leaves most as they are."""
    third, half = least / 3, least / 2
    columns = {name: portion for name, portion in portions.items() if portion.columns}
    if columns:
        yield {name: Shuffle("values", (p.columns,)) for name, p in columns.items()}
        yield {name: Shuffle("values", _each(p), within=p.brand) for name, p in columns.items()}
        yield {name: Shuffle("values", (p.columns,), third, p.brand) for name, p in columns.items()}
        yield {name: Shuffle("rare", _each(p), third) for name, p in columns.items()}
    ways = {name: (p.way, p.is_direct) for name, p in portions.items() if p.way is not None}
    if ways:
        swapped = {name: way for name, (way, is_direct) in ways.items() if is_direct} or {
            name: way for name, (way, _) in ways.items()
        }
        yield {name: Shuffle("swapped", ((way,),), half) for name, way in swapped.items()}
        yield {name: Shuffle("dealt", ((way,),), third) for name, (way, _) in ways.items()}
        yield {name: Shuffle("removed", share=half) for name in ways}
        yield {name: Shuffle("emptied", share=half) for name in ways}


def _each(portion: _Portion) -> tuple[tuple[str, ...], ...]:
    return tuple((column,) for column in portion.columns)


def _portions(copy: Copy, dimension: str, known: frozenset[str], tables: Collection[str]) -> dict[str, _Portion]:
    """What of each table is shuffled for fields that declare `known`: theirs stays, and so do the ways to it."""
    catalogue = copy.catalogue
    kept = [path for name in known for path in _paths(catalogue, name)]
    ways = set(_ways(catalogue, {table for table, _ in kept}))
    found = {}
    paths = _paths(catalogue, dimension)
    for table in sorted({table for table, _ in paths if table in tables}):
        named = {column for its, column in paths if its == table}
        theirs = {column for its, column in kept if its == table}
        portion = _portion(copy, table, named, theirs, is_whole="*" in named and not theirs and table not in ways)
        if portion.columns or portion.way:
            found[table] = portion
    return found


def _portion(copy: Copy, table: str, named: set[str], theirs: set[str], *, is_whole: bool) -> _Portion:
    keys, columns = _keys(copy.catalogue, table), copy.tables[table]
    person = copy.catalogue.tables[table].person
    return _Portion(
        columns=tuple(
            column
            for column in columns
            if {column.lower(), "*"} & named and not {column.lower(), "*"} & theirs and column.lower() not in keys
        ),
        way=(person.via if isinstance(person, Via) else person) if is_whole else None,
        is_direct=isinstance(person, str),
        brand=next((column for column in columns if column.lower() == "brand"), None),
    )


def _paths(catalogue: Catalogue, dimension: str) -> list[tuple[str, str]]:
    """Tables and columns of a dimension; a view that somebody has declared shows it with all of its columns."""
    named = [path.partition(".") for path in catalogue.dimensions[dimension].columns]
    views = [(name, "*") for name, table in catalogue.tables.items() if table.dimension == dimension]
    return [(table, column.lower()) for table, _, column in named] + views


def _ways(catalogue: Catalogue, tables: Iterable[str]) -> Iterator[str]:
    """The tables through which the rows of others lead to a person."""
    for name in tables:
        person = catalogue.tables[name].person
        while isinstance(person, Via):
            yield person.to
            person = catalogue.tables[person.to].person


def _keys(catalogue: Catalogue, table: str) -> set[str]:
    """The columns of a table by which its rows, or those of others through it, lead to a person."""
    person = catalogue.tables[table].person
    own = {person.via.lower() if isinstance(person, Via) else str(person).lower()}
    return own | {
        entry.person.theirs.lower()
        for entry in catalogue.tables.values()
        if isinstance(entry.person, Via) and entry.person.to == table
    }
