"""The workspace's SQL sees views of the tables, narrowed to the customers and the time of a run.

What is outside the scope can neither be seen nor break a run: each view reads its table through a materialised CTE, which is
an optimisation barrier (without it a filter of the segment may run on rows of others first, and fail on them). It costs a half
more than the query itself, so a view that hides no row of its table, as of everybody's mostly, is the table.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from flows.catalogue import Catalogue, Table, Via
from flows.errors import StatementError, nearest
from flows.warehouse.attaching import attach, stamp_of
from flows.warehouse.connection import identifier, translated
from flows.warehouse.keeping import Opening, at_hand, keep
from flows.warehouse.sessions import Session
from flows.warehouse.statements import is_no_function

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

WAREHOUSE = "warehouse"
"""Under what name a session has the warehouse."""
_OURS = f"database_name = '{WAREHOUSE}' AND schema_name = 'main'"
_CHOSEN = "scope.main.chosen"
"""The ids of a scope, in a database of their own: the workspace's SQL may name none."""
_OWN_MEMORY = "4 GiB"
"""For statements of our own: they read definitions, and count."""


@lru_cache(maxsize=4)
def _known_of(_database: Path, _stamp: tuple[tuple[str, int, int], ...]) -> dict[str, bool]:
    """Of a warehouse as it stands: question whether a row is hidden -> answer. Filled by who asks."""
    return {}


@dataclass(frozen=True)
class Scope:
    """Which customers a query is about: everybody (`Scope()`), one part of several, or a few by their ids.

    Attributes:
        part, parts: which part of how many.
        customers: their ids; None means all.
    """

    part: int = 0
    parts: int = 1
    customers: tuple[str, ...] | None = None

    def holds(self, column: str) -> str:
        """SQL that is true of the rows whose customer id, in `column`, is in the scope.

        DuckDB's own hash may differ between versions; the cut into parts is never remembered, so it may. The column is named
        even where everybody is in scope: one that does not exist is then refused at once, and not by the first run in parts.
        """
        conditions = []
        if self.parts > 1:
            conditions.append(f"hash({column}::varchar) % {self.parts} = {self.part}")
        if self.customers is not None:
            conditions.append(f"{column}::varchar IN (FROM {_CHOSEN})")
        return " AND ".join(conditions) or f"({column} IS NULL OR true)"


@dataclass(frozen=True)
class Macro:
    """A macro of the warehouse: the names of what it is given, and the expression that it stands for."""

    parameters: tuple[str, ...]
    body: str


@dataclass(frozen=True)
class Seen:
    """What the workspace's SQL can see through a session of `open_scoped`.

    Attributes:
        columns: table -> its columns, in order.
        views: those of them that are views in the warehouse -> their SELECT.
        macros: macro -> what it stands for.
    """

    columns: Mapping[str, tuple[str, ...]]
    views: Mapping[str, str]
    macros: Mapping[str, Macro]


def seen(session: Session, database: Path) -> Seen:
    """What a session of `open_scoped` shows of its database."""
    shown = (
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = 'memory' AND schema_name = 'main' AND NOT internal GROUP BY table_name"
    )
    columns = {name: tuple(found) for name, found in session.execute(shown)}
    held = definitions(database)
    return Seen(columns, {name: text for name, text in held.views.items() if name in columns}, held.macros)


@dataclass(frozen=True)
class Definitions:
    """What a warehouse holds, without its rows.

    Attributes:
        columns: table or view -> each column and its type as SQL writes it, in order.
        views: view -> its SELECT.
        macros: macro -> what it stands for.
    """

    columns: Mapping[str, tuple[tuple[str, str], ...]]
    views: Mapping[str, str]
    macros: Mapping[str, Macro]

    @property
    def names(self) -> dict[str, list[str]]:
        """Table or view -> its columns."""
        return {table: [name for name, _ in columns] for table, columns in self.columns.items()}


def definitions(database: Path) -> Definitions:
    """The definitions of a warehouse; read once for as long as its files stay as they are."""
    return _read_definitions(database, stamp_of(database))


@lru_cache(maxsize=4)
def _read_definitions(database: Path, _: tuple[tuple[str, int, int], ...]) -> Definitions:
    with attached(database) as session:
        listed = (
            "SELECT table_name, list([column_name, data_type] ORDER BY column_index) FROM duckdb_columns() "
            f"WHERE {_OURS} GROUP BY table_name ORDER BY table_name"
        )
        columns = {name: tuple(map(tuple, found)) for name, found in session.execute(listed)}
        written = f"SELECT view_name, sql FROM duckdb_views() WHERE {_OURS}"
        views = [] if database.is_dir() else session.execute(written)  # there they are what stands for its tables
        return Definitions(columns, {name: _select_of(text) for name, text in views}, _macros(session))


@contextmanager
def attached(database: Path) -> Iterator[Session]:
    """A session that sees the warehouse as it is, for statements of our own. Raises as `open_scoped`."""
    with Session(memory=_OWN_MEMORY) as session:
        attach(session, database, WAREHOUSE)
        yield session


def _select_of(view: str) -> str:
    """The SELECT in `CREATE VIEW name AS SELECT …;`, as DuckDB writes it: names with blanks in them stand in quotes."""
    return re.sub(r'^CREATE VIEW (?:"(?:[^"]|"")*"|[^\s("])+(?:\s*\([^)]*\))?\s+AS\s+', "", view).rstrip(";\n ")


def _macros(session: Session) -> dict[str, Macro]:
    """The macros of the warehouse that stand for one expression each, and are called as nothing else is."""
    listed = (
        "SELECT function_name, any_value(parameters), any_value(macro_definition) FROM duckdb_functions() "
        f"WHERE {_OURS} AND NOT internal GROUP BY function_name "
        "HAVING count(*) = 1 AND any_value(function_type) = 'macro'"
    )
    rows = session.execute(listed)
    return {name: Macro(tuple(given), body) for name, given, body in rows if is_no_function(name)}


def open_scoped(  # noqa: PLR0913  (what may be seen, and what may be used)
    database: Path,
    catalogue: Catalogue,
    scope: Scope,
    until: datetime,
    *,
    memory: str,
    seconds: float | None = None,
    scratch: Path | None = None,
    lists: bool = False,
    shared: Mapping[str, pl.DataFrame] | None = None,
    looking: bool = False,
    named: Collection[str] | None = None,
) -> Session:
    """A locked session in which the catalogue's tables are views of what is in scope and happened by `until`.

    Args:
        database: the warehouse; opened read-only.
        catalogue: says whose each table's rows are.
        scope: the customers.
        until: UTC instant; rows that happened later are hidden.
        memory: DuckDB's memory limit.
        seconds: how long one query may take; None sets no end.
        scratch: a private folder for what does not fit into it; None lets a query fail rather than spill.
        lists: show the lists of addresses (suppressions), and not the tables of people.
        shared: what sql/shared/ has yielded: tables beside those of the database.
        looking: read no row: see `Session`.
        named: show these tables alone; of customers by their ids hold what is in scope of each: several queries read it once.

    Raises:
        SourceError: the database is missing or unreadable.
        LockedError: another process has it open for writing.
        StatementError: the catalogue names a table or column that the database does not have.
    """
    held, stamp = definitions(database), stamp_of(database)
    given = (database, catalogue, scope, until, memory, seconds, scratch, lists, looking, named and frozenset(named))
    opening = Opening(given, stamp, shared or {})
    if (waiting := at_hand(opening)) is not None:
        return waiting
    session = Session(memory=memory, seconds=seconds, scratch=scratch, looking=looking)
    try:
        attach(session, database, WAREHOUSE)
        is_as_stamped = stamp == stamp_of(database)  # else something was put in the file's place meanwhile
        known = _known_of(database, stamp) if is_as_stamped and not looking else None
        narrow(session, held, catalogue, scope, until, lists=lists, shared=shared, known=known, named=named)
    except BaseException:
        session.close()
        raise
    if is_as_stamped and scope.customers is not None:
        keep(session, opening)
    return session


def narrow(  # noqa: PLR0913  (what may be seen)
    session: Session,
    held: Definitions,
    catalogue: Catalogue,
    scope: Scope,
    until: datetime,
    *,
    lists: bool = False,
    shared: Mapping[str, pl.DataFrame] | None = None,
    known: dict[str, bool] | None = None,
    named: Collection[str] | None = None,
) -> None:
    """Make the views of `open_scoped` over what is attached as `warehouse` (see `held`), and its macros; then lock it.

    `known` remembers of views whether they hide a row, for as long as the warehouse stays as it is; without it none is looked at.
    """
    _check_columns(catalogue.without(shared or {}), held.names)
    _check_kinds(catalogue.without(shared or {}), held.columns)
    if scope.customers is not None:
        session.execute("ATTACH ':memory:' AS scope")
        session.load(_CHOSEN, pl.DataFrame({"customer_id": scope.customers}, {"customer_id": pl.String}))
    for name, rows in (shared or {}).items():
        session.load(identifier(name), rows)
    views, is_held = list[tuple[str, str]](), named is not None and scope.customers is not None
    for name in sorted(catalogue.without(shared or {}).tables, key=catalogue.steps):
        table = catalogue.tables[name]
        if (table.personal and (table.address is not None) != lists) or (named is not None and name not in named):
            continue
        where = catalogue.at("tables", name)
        condition = _condition(table, catalogue, scope, until, (named or ()) if is_held else ())
        with translated(where):
            holds = is_held and table.personal
            views.append((where, _view(session, name, condition, scope, known, holds=holds)))
    session.execute_each(views)
    for name, macro in held.macros.items():
        given = ", ".join(map(identifier, macro.parameters))
        with suppress(StatementError), translated(f"the macro {name}"):  # one that reads what is not shown is not there
            session.execute(f"CREATE MACRO {identifier(name)}({given}) AS {macro.body}")
    session.execute(
        "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; "
        "SET enable_external_access = false; SET lock_configuration = true"
    )


def count_rows(database: Path, catalogue: Catalogue) -> dict[str, int]:
    """How many rows each catalogued table has, counted once for as long as its files stay the same. Raises as `open_scoped`."""
    tables = tuple(sorted(catalogue.tables.keys() & definitions(database).columns.keys()))
    return dict(zip(tables, _counted(database, stamp_of(database), tables), strict=True))


@lru_cache(maxsize=4)
def _counted(database: Path, _: tuple[tuple[str, int, int], ...], tables: tuple[str, ...]) -> tuple[int, ...]:
    with attached(database) as session, translated(database):
        counts = (f"(SELECT count(*) FROM {WAREHOUSE}.{identifier(name)})" for name in tables)
        return session.execute(f"SELECT {', '.join(counts)}")[0] if tables else ()


def last_loads(database: Path, catalogue: Catalogue, tables: Iterable[str]) -> dict[str, datetime]:
    """When the newest row of each of some tables came to be known, as a UTC instant; looked up as `count_rows`. Raises as it."""
    asked = []
    for name in tables:
        column = catalogue.tables[name].loaded_at or catalogue.tables[name].happened_at or ""
        asked.append((name, column, catalogue.at("tables", name, "stale_after")))
    return dict(_loaded(database, stamp_of(database), tuple(asked)))


@lru_cache(maxsize=4)
def _loaded(
    database: Path, _: tuple[tuple[str, int, int], ...], asked: tuple[tuple[str, str, str], ...]
) -> tuple[tuple[str, datetime], ...]:
    found = []
    with attached(database) as session:
        for name, column, where in asked:
            with translated(where):
                newest = f"SELECT max({identifier(column)})::TIMESTAMPTZ FROM {WAREHOUSE}.{identifier(name)}"
                at = session.execute(f"SELECT epoch_us(({newest}))")[0][0]
            if at is not None:
                found.append((name, datetime.fromtimestamp(at / 1e6, UTC)))
    return tuple(found)


def _check_columns(catalogue: Catalogue, present: Mapping[str, list[str]]) -> None:
    """Hold the catalogue against the database. Raises StatementError for a table or column that the latter does not have."""
    named = [
        (f"{table}.{column}", catalogue.at("tables", table))
        for table, entry in catalogue.tables.items()
        for column in _named(entry)
    ]
    named += [
        (f"{entry.person.to}.{entry.person.theirs}", catalogue.at("tables", table))
        for table, entry in catalogue.tables.items()
        if isinstance(entry.person, Via)
    ]
    for name, dimension in catalogue.dimensions.items():
        named += [
            (column, catalogue.at("dimensions", name, "columns", n)) for n, column in enumerate(dimension.columns)
        ]
        named += [(column, catalogue.at("dimensions", name, "routing_for", column)) for column in dimension.routing_for]
    named += [(column, catalogue.at("free_text", place)) for place, column in enumerate(catalogue.free_text)]
    for path, where in named:
        table, _, column = path.rpartition(".")
        if table not in present:
            what = f"the table '{table}' is in the catalogue but not in the database"
            raise StatementError(where, what, "take it out, or load it")
        if column != "*" and column.lower() not in {known.lower() for known in present[table]}:
            raise StatementError(
                where, f"the table '{table}' has no column '{column}'", nearest(column, present[table])
            )


def _named(table: Table) -> list[str]:
    """The columns that a table's entry names; `*` stands for the table itself."""
    person = table.person.via if isinstance(table.person, Via) else table.person
    return ["*", *filter(None, (person, table.address, table.happened_at, table.loaded_at)), *table.routing]


def _check_kinds(catalogue: Catalogue, present: Mapping[str, Iterable[tuple[str, str]]]) -> None:
    """Times are times, and what leads from row to row can be compared. Raises StatementError, naming the columns' types."""
    kinds = {table: {name.lower(): kind for name, kind in columns} for table, columns in present.items()}
    for name, entry in catalogue.tables.items():
        where = catalogue.at("tables", name)
        for key, column in (("happened_at", entry.happened_at), ("loaded_at", entry.loaded_at)):
            kind = kinds[name][column.lower()] if column else "DATE"
            if not kind.startswith(("DATE", "TIMESTAMP")):
                what = f"`{key}` has to be an instant or a day, and '{name}.{column}' is {kind}"
                raise StatementError(where, what, _CAST.format(table=name))
        if isinstance(entry.person, Via):
            way = entry.person
            own, theirs = kinds[name][way.via.lower()], kinds[way.to][way.theirs.lower()]
            if {"VARCHAR"} < {kind.partition("(")[0] for kind in (own, theirs)} and _is_number(own) | _is_number(
                theirs
            ):
                what = f"'{name}.{way.via}' is {own}, and '{way.to}.{way.theirs}', to which it leads, is {theirs}"
                raise StatementError(where, what, _CAST.format(table=name))


_CAST = "name another column, or a view in the warehouse that casts it: CREATE VIEW … AS SELECT … FROM {table}"


def _is_number(kind: str) -> bool:
    return kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind


def _view(
    session: Session, name: str, condition: str, scope: Scope, known: dict[str, bool] | None, *, holds: bool
) -> str:
    table = f"{WAREHOUSE}.{identifier(name)}"
    if scope == Scope() and known is not None:
        asked = f"SELECT EXISTS (FROM {table} WHERE ({condition}) IS NOT TRUE)"
        if asked not in known:
            known[asked] = session.execute(asked)[0][0]
        if not known[asked]:
            return f"CREATE OR REPLACE VIEW {identifier(name)} AS FROM {table}"
    rows = f"SELECT * FROM {table} WHERE {condition}"
    if holds:
        return f"CREATE OR REPLACE TABLE {identifier(name)} AS {rows}"
    return f"CREATE OR REPLACE VIEW {identifier(name)} AS WITH in_scope AS MATERIALIZED ({rows}) FROM in_scope"


def _condition(table: Table, catalogue: Catalogue, scope: Scope, until: datetime, held: Collection[str] = ()) -> str:
    """SQL that is true of the rows in scope; of `held` tables there are no others in the session."""
    conditions = []
    if isinstance(table.person, str):
        conditions.append(scope.holds(identifier(table.person)))
    elif isinstance(table.person, Via):
        way = table.person
        further = _condition(catalogue.tables[way.to], catalogue, scope, until, held)
        owners = identifier(way.to) if way.to in held else f"{WAREHOUSE}.{identifier(way.to)} WHERE {further}"
        conditions.append(f"{identifier(way.via)} IN (SELECT {identifier(way.theirs)} FROM {owners})")
    if table.happened_at:
        conditions.append(has_happened(table.happened_at, until))
    return " AND ".join(conditions) or "true"


def has_happened(column: str, until: datetime) -> str:
    """SQL that is true of the rows that had happened by then, or of which nobody knows when."""
    instant = f"TIMESTAMP '{until.replace(tzinfo=None).isoformat(sep=' ')}'"
    return f"({identifier(column)} IS NULL OR {identifier(column)} <= {instant})"
