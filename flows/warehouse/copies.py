"""A small copy of the warehouse, in memory alone, whose tables can be changed: what a query depends on then shows in its rows.

The workspace's SQL sees the same views as in a run. Behind them stands for each table either the copy as it was made (`kept`)
or what was last made of it (`changed`). No row goes to a disk or to Python: counts do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import polars as pl

from flows.catalogue import Via
from flows.errors import JustEnoughError, StatementError
from flows.warehouse.attaching import attach
from flows.warehouse.connection import identifier, translated
from flows.warehouse.queries import parameters
from flows.warehouse.scope import Scope, definitions, narrow
from flows.warehouse.sessions import Session
from flows.warehouse.shuffling import PERSON, ROW, Shuffle, shuffled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from flows.catalogue import Catalogue
    from flows.clock import Moment
    from flows.warehouse.scope import Definitions

KEYS = ("customer_id", "brand", "subject_id")
_WHERE = "the copy of the warehouse"
MIXES = (1, 2)
"""Seeds of other orders of the rows."""


@dataclass
class Copy:
    """A small copy of the warehouse; `with` lets go of it.

    Attributes:
        session: locked like that of `open_scoped`.
        catalogue: of the workspace.
        moment: of the run whose rows are looked at.
        tables: table of people -> its columns -> their types.
        others: the tables that say nothing about people.
    """

    session: Session
    catalogue: Catalogue
    moment: Moment
    tables: dict[str, dict[str, str]]
    others: list[str]
    _text: str = ""
    _keys: tuple[str, ...] = ()
    _changed: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def reads(self, text: str) -> frozenset[str]:
        """The tables of people that a query reads: those without which DuckDB cannot bind it."""
        found = set()
        for name in self.tables:
            self.session.execute(f"DROP VIEW warehouse.main.{identifier(name)}")
            try:
                self._columns(text)
            except JustEnoughError:
                found.add(name)
            self._show(name, "kept")
        return frozenset(found)

    def has_several(self, name: str) -> bool:
        """Whether a person may have several rows of a table, of one brand where there are brands."""
        by = ", ".join([PERSON, *(identifier(column) for column in self.tables[name] if column.lower() == "brand")])
        doubled = f"SELECT 1 FROM kept.main.{identifier(name)} GROUP BY {by} HAVING count(*) > 1 LIMIT 1"
        return bool(self.session.execute(doubled))

    def remember(self, text: str) -> list[str]:
        """Keep what a query yields now, to be compared with, and return its columns.

        Raises:
            JustEnoughError: DuckDB refuses the query.
        """
        columns = self._columns(text)
        self._text, self._keys = text, tuple(name for name in KEYS if name in columns)
        self._keep("expected")
        self._keep_mixed("expected")
        return columns

    @property
    def expected_count(self) -> int:
        """How many rows are remembered."""
        count: int = self.session.execute("SELECT count(*) FROM proof.main.expected0")[0][0]
        return count

    def unsteady(self, fields: Sequence[str]) -> dict[str, int]:
        """Field -> in how many of the remembered rows it is another one when only the order of rows has changed."""
        differs = [
            " OR ".join(f"e0.{name} IS DISTINCT FROM e{number}.{name}" for number in range(1, len(MIXES) + 1))
            for name in map(identifier, fields)
        ]
        return self._counted(fields, differs, [f"expected{number}" for number in range(len(MIXES) + 1)])

    def begin(self) -> None:
        """Count anew which rows have been compared."""
        self.session.execute("DELETE FROM proof.main.compared")

    def change(self, name: str, shuffle: Shuffle, seed: int) -> int:
        """Shuffle one table, until `restore`.

        Returns:
            How many values are others than they were; a row that is gone counts as one.
        """
        with translated(_WHERE):
            person = self.catalogue.tables[name].person
            rows = shuffled(name, shuffle, seed, person if isinstance(person, str) else None, self.tables[name])
            self.session.execute(f"CREATE OR REPLACE TABLE changed.main.{identifier(name)} AS {rows}")
            self._changed.add(name)
            self._show(name, "changed")
            pairs = f"kept.main.{identifier(name)} AS k LEFT JOIN changed.main.{identifier(name)} AS c USING ({ROW})"
            others = [f"(k.{column} IS DISTINCT FROM c.{column})::int" for column in map(identifier, self.tables[name])]
            count = f"CASE WHEN c.{PERSON} IS NULL THEN 1 ELSE {' + '.join(others)} END"
            self.session.execute(
                f"INSERT INTO proof.main.touched SELECT DISTINCT unnest([k.{PERSON}, c.{PERSON}]) FROM {pairs} WHERE {count} > 0"
            )
            total: int = self.session.execute(f"SELECT coalesce(sum({count}), 0)::bigint FROM {pairs}")[0][0]
            return total

    def restore(self) -> None:
        """Show all tables as they were copied."""
        for name in self._changed:
            self._show(name, "kept")
        self._changed.clear()
        self.session.execute("DELETE FROM proof.main.touched")

    def adopt(self) -> None:
        """Take the tables as they are shown now for what was copied."""
        for name in _parents_first(self.catalogue, tuple(self._changed)):
            self.session.execute(f"CREATE OR REPLACE TABLE kept.main.{identifier(name)} AS {self._owned(name)}")
        self.restore()

    def compare(self, fields: Sequence[str]) -> tuple[int, dict[str, int]]:
        """Run the query that is remembered again, on the tables as they are shown now.

        Returns:
            How many rows of people whom a shuffle touched have been compared since `begin`, each counted once; and field -> in
            how many rows, of whomever, it is not what it was, in whatever order the rows of the tables stand.

        Raises:
            JustEnoughError: the query fails on these rows.
        """
        self._keep("found")
        self.session.execute(
            f"INSERT INTO proof.main.compared SELECT hash({', '.join(f'e0.{name}' for name in self._keys)}) "
            f"FROM {self._joined(['expected0', 'found0'])} WHERE e0.customer_id::varchar IN (FROM proof.main.touched)"
        )
        rows: int = self.session.execute("SELECT count(DISTINCT row) FROM proof.main.compared")[0][0]
        differs = [f"e0.{name} IS DISTINCT FROM e1.{name}" for name in map(identifier, fields)]
        counts = self._counted(fields, differs, ["expected0", "found0"])
        if any(counts.values()):  # a tie may have been broken in another way: only what never agrees counts
            self._keep_mixed("found")
            before, after = range(len(MIXES) + 1), range(len(MIXES) + 1, 2 * len(MIXES) + 2)
            differs = [
                " AND ".join(f"e{one}.{name} IS DISTINCT FROM e{other}.{name}" for one in before for other in after)
                for name in map(identifier, fields)
            ]
            tables = [f"{name}{number}" for name in ("expected", "found") for number in before]
            counts = self._counted(fields, differs, tables)
        return rows, counts

    def _counted(self, fields: Sequence[str], conditions: Sequence[str], tables: Sequence[str]) -> dict[str, int]:
        """How many of the rows with the same key in all tables, called e0, e1, …, each condition is true of."""
        if not fields:
            return {}
        counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
        return dict(
            zip(
                fields,
                self.session.execute(f"SELECT {counts} FROM {self._joined(tables)}")[0],
                strict=True,
            )
        )

    def _joined(self, tables: Sequence[str]) -> str:
        joined = f"proof.main.{tables[0]} AS e0"
        for number, table in enumerate(tables[1:], start=1):
            same = " AND ".join(f"e0.{name} IS NOT DISTINCT FROM e{number}.{name}" for name in self._keys)
            joined += f" JOIN proof.main.{table} AS e{number} ON {same}"
        return joined

    def _keep(self, table: str, number: int = 0) -> None:
        """The rows whose key stands once: a shuffle may double one, and neither row is then the one of before."""
        rows = f"SELECT * FROM ({self._text}\n) QUALIFY count(*) OVER (PARTITION BY {', '.join(self._keys)}) = 1"
        with translated("sql"):
            self.session.execute(
                f"CREATE OR REPLACE TABLE proof.main.{table}{number} AS {rows}", self._given(self._text)
            )

    def _keep_mixed(self, table: str) -> None:
        """The same with the rows of every table in other orders, on which nothing may depend."""
        for number, seed in enumerate(MIXES, start=1):
            for name in self.tables:
                where = "changed" if name in self._changed else "kept"
                self._show(name, where, f"ORDER BY hash({ROW}, {seed})")
            for name in self.others:
                _show(self.session, name, f"FROM source.main.{identifier(name)} AS t ORDER BY hash(t, {seed})")
            self._keep(table, number)
        for name in self.tables:
            self._show(name, "changed" if name in self._changed else "kept")
        for name in self.others:
            _show(self.session, name, f"FROM source.main.{identifier(name)}")

    def _owned(self, name: str) -> str:
        """The rows of a changed table with whose they are now."""
        changed, person = f"changed.main.{identifier(name)}", self.catalogue.tables[name].person
        if not isinstance(person, Via):
            return f"FROM {changed}"
        way = identifier(person.via)
        joined = f"{changed} AS t LEFT JOIN ({_owners(person)}) AS o ON t.{way} = o.{way} ORDER BY t.{ROW}"
        return f"SELECT t.* REPLACE (o.{PERSON} AS {PERSON}) FROM {joined}"

    def _columns(self, text: str) -> list[str]:
        with translated("sql"):
            return [row[0] for row in self.session.execute(f"DESCRIBE {text}", self._given(text))]

    def _given(self, text: str) -> dict[str, object]:
        return parameters(text, self.moment)

    def _show(self, name: str, where: str, order: str = "") -> None:
        _show(self.session, name, f"SELECT * EXCLUDE ({ROW}, {PERSON}) FROM {where}.main.{identifier(name)} {order}")


def copy_people(
    database: Path,
    catalogue: Catalogue,
    people: pl.Series,
    moment: Moment,
    *,
    memory: str,
    seconds: float,
    shared: Mapping[str, pl.DataFrame],
) -> Copy:
    """Copy all rows of some people into memory, by the ways that the catalogue tells; other tables are read where they are.

    Args:
        database: the warehouse; opened read-only.
        catalogue: says whose each table's rows are.
        people: ids of customers.
        moment: of the run; rows that happened later are hidden, as in a run.
        memory: DuckDB's memory limit. Nothing is spilled to a disk.
        seconds: how long one query may take.
        shared: what sql/shared/ has yielded over everybody.

    Raises:
        SourceError: the database cannot be read, or the copy does not fit into memory.
        LockedError: another process has it open for writing.
        StatementError: the catalogue names a table or column that the database does not have.
    """
    held = definitions(database)
    session = Session(memory=memory, seconds=seconds)
    try:
        return _copied(session, database, held, catalogue, people, moment, shared)
    except BaseException:
        session.close()
        raise


def _copied(
    session: Session,
    database: Path,
    held: Definitions,
    catalogue: Catalogue,
    people: pl.Series,
    moment: Moment,
    shared: Mapping[str, pl.DataFrame],
) -> Copy:
    with translated(_WHERE):
        session.execute("SET threads = 1")
        # In shuffled rows one person may have two rows of a kind: that shall not end the query.
        session.execute("SET scalar_subquery_error_on_multiple_rows = false")
        session.execute(
            "ATTACH ':memory:' AS proof; ATTACH ':memory:' AS kept; ATTACH ':memory:' AS changed; ATTACH ':memory:' AS warehouse"
        )
    attach(session, database, "source")
    session.load("proof.main.people", people.cast(pl.String).unique().sort().alias("person").to_frame())
    session.execute("CREATE TABLE proof.main.touched (person VARCHAR); CREATE TABLE proof.main.compared (row UBIGINT)")
    present = {name for (name,) in session.execute(_PRESENT)}
    # A view that somebody has declared is a record of its own; another goes on reading the tables, as they are shown.
    views = {name: text for name, text in held.views.items() if not _is_border(catalogue, name)}
    own = {name: catalogue.tables[name] for name in catalogue.without(shared).tables if name in present - views.keys()}
    people_tables = [name for name, table in own.items() if table.person is not None]
    with translated(database):
        for name in sorted(present - views.keys() - set(people_tables)):
            _show(session, name, f"FROM source.main.{identifier(name)}")
        for name in _parents_first(catalogue, people_tables):
            _copy(session, catalogue, name)
        session.execute("USE warehouse")
        _show_views(session, views)
        session.execute("USE memory")
    narrow(session, held, catalogue, Scope(), moment.now, shared=shared)
    kinds = {name: _kinds(session, name) for name in people_tables}
    others = sorted(name for name, table in own.items() if not table.personal)
    return Copy(session, catalogue, moment, kinds, others)


_CHOSEN = "(FROM proof.main.people)"
_PRESENT = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = 'source' AND schema_name = 'main'"


def _copy(session: Session, catalogue: Catalogue, name: str) -> None:
    """Copy a table of people; those that its way leads through are there before."""
    source, person = f"source.main.{identifier(name)}", catalogue.tables[name].person
    if isinstance(person, Via):
        joined = f"{source} AS t JOIN ({_owners(person)}) AS o USING ({identifier(person.via)})"
        rows = f"SELECT t.*, row_number() OVER () AS {ROW}, o.{PERSON} FROM {joined}"
    else:
        owner = f"{identifier(str(person))}::varchar"
        rows = f"SELECT *, row_number() OVER () AS {ROW}, {owner} AS {PERSON} FROM {source} WHERE {owner} IN {_CHOSEN}"
    session.execute(f"CREATE TABLE kept.main.{identifier(name)} AS {rows}")
    _show(session, name, f"SELECT * EXCLUDE ({ROW}, {PERSON}) FROM kept.main.{identifier(name)}")


def _is_border(catalogue: Catalogue, name: str) -> bool:
    return name in catalogue.tables and catalogue.tables[name].dimension is not None


def _owners(way: Via) -> str:
    """Value of the column -> whose it is; where dirt has doubled it, one of them."""
    column = f"{identifier(way.theirs)} AS {identifier(way.via)}"
    return f"SELECT {column}, any_value({PERSON}) AS {PERSON} FROM kept.main.{identifier(way.to)} GROUP BY ALL"


def _parents_first(catalogue: Catalogue, names: Iterable[str]) -> list[str]:
    """Each table after those through which its rows lead to a person."""

    def steps(name: str) -> int:
        person = catalogue.tables[name].person
        return 1 + steps(person.to) if isinstance(person, Via) else 0

    return sorted(names, key=steps)


def _kinds(session: Session, name: str) -> dict[str, str]:
    columns = session.execute(f"DESCRIBE warehouse.main.{identifier(name)}")
    return {row[0]: row[1] for row in columns}


def _show_views(session: Session, views: Mapping[str, str]) -> None:
    """Make views, each after those that it reads."""
    waiting = dict(views)
    while waiting:
        before = len(waiting)
        for name, text in list(waiting.items()):
            with suppress(StatementError), translated(name):
                _show(session, name, text)
                del waiting[name]
        if len(waiting) == before:
            _show(session, *next(iter(waiting.items())))


def _show(session: Session, name: str, rows: str) -> None:
    session.execute(f"CREATE OR REPLACE VIEW warehouse.main.{identifier(name)} AS {rows}")
