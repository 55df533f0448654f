"""Who has news: a digest of all that segments can see of each person, and of each table that is about nobody.

It is taken over whole rows, of those that have happened by the moment of a run. So whatever becomes of a row shows: it came late,
was corrected where it stands, dated back, given to another person, or deleted; or it has happened only now.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.catalogue import Via
from flows.warehouse.connection import identifier, quote, translated
from flows.warehouse.scope import WAREHOUSE, attached, definitions, has_happened

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.catalogue import Catalogue

PEOPLE = pl.Schema({"customer_id": pl.String(), "digest": pl.UInt64()})
_ROW = '"the row"'
"""An alias that no column has: what stands for a row would else be a column of that name."""


@dataclass(frozen=True)
class Digests:
    """Of a warehouse at a moment. DuckDB's hash may be another one in another version.

    Attributes:
        people: `PEOPLE`: of everybody who has a row.
        tables: table about nobody -> of its rows, in whatever order they stand.
        definitions: of all tables, views and macros, without their rows.
        engine: which DuckDB has made them.
    """

    people: pl.DataFrame
    tables: Mapping[str, str]
    definitions: str
    engine: str


def read_digests(
    database: Path, catalogue: Catalogue, named: Collection[str], until: datetime, shared: Mapping[str, pl.DataFrame]
) -> Digests:
    """Take digests of some tables of a warehouse.

    Args:
        database: the warehouse; opened read-only.
        catalogue: says whose each table's rows are.
        named: the tables.
        until: UTC instant; rows that happened later do not count.
        shared: what sql/shared/ has yielded: tables beside those of the database.

    Raises:
        SourceError, LockedError: the warehouse cannot be read.
        StatementError: the catalogue names a table or column that the database does not have.
    """
    tables = {name: catalogue.tables[name] for name in sorted(named)}
    personal = [name for name, table in tables.items() if table.person is not None]
    others = [name for name, table in tables.items() if not table.personal]
    found = {}
    with attached(database) as session, translated("sql/dimensions.yaml"):
        for name, rows in shared.items():
            session.load(identifier(name), rows)
        for name in others:
            table = identifier(name) if name in shared else _visible(catalogue, name, until)
            rows_of = f"SELECT hash({_ROW}) AS digest FROM {table} AS {_ROW}"
            found[name] = str(session.execute(f"SELECT hash(sum(digest), count(*)) FROM ({rows_of})")[0][0])
        people = PEOPLE.to_frame()
        if personal:
            rows_of = " UNION ALL ".join(_rows(catalogue, name, until) for name in personal)
            whole = (
                f"SELECT person AS customer_id, hash(sum(digest), count(*)) AS digest FROM ({rows_of}) GROUP BY person"
            )
            people = session.query(f"{whole} HAVING person IS NOT NULL", where="sql/dimensions.yaml")
        engine = str(session.execute("SELECT version()")[0][0])
    return Digests(people.cast(dict(PEOPLE)), found, digest_of(database), engine)  # type: ignore[arg-type]


def digest_of(database: Path) -> str:
    """A digest of all tables, views and macros of a warehouse, without their rows. Raises as `scope.definitions`."""
    return hashlib.sha256(repr(definitions(database)).encode()).hexdigest()


def named_tables(text: str, catalogue: Catalogue, database: Path) -> set[str]:
    """The tables that a query may read: every one that it names, or that a macro of the warehouse does.

    A name within a comment, or within a longer one, counts as well: one table too many does no harm.
    """
    macros = "\n".join(macro.body for macro in definitions(database).macros.values())
    said = f"{text}\n{macros}".lower()
    return {name for name, table in catalogue.tables.items() if table.address is None and name.lower() in said}


def _rows(catalogue: Catalogue, name: str, until: datetime) -> str:
    """SQL of `person, digest`: whose each row of a table is, and a digest of it. A row that is two people's counts for both."""
    person, about = catalogue.tables[name].person, f"hash({_ROW}, '{quote(name)}') AS digest"
    table = f"{_visible(catalogue, name, until)} AS {_ROW}"
    if not isinstance(person, Via):
        return f"SELECT {identifier(str(person))}::varchar AS person, {about} FROM {table}"
    owners = f"({_owners(catalogue, person, until)}) AS owner"
    return f"SELECT owner.person, {about} FROM {table} JOIN {owners} ON {_ROW}.{identifier(person.via)} = owner.way"


def _owners(catalogue: Catalogue, way: Via, until: datetime) -> str:
    """SQL of `way, person`: value of the column -> whose it is."""
    person, column, table = catalogue.tables[way.to].person, identifier(way.theirs), _visible(catalogue, way.to, until)
    if not isinstance(person, Via):
        return f"SELECT {column} AS way, {identifier(str(person))}::varchar AS person FROM {table}"
    further = f"({_owners(catalogue, person, until)}) AS owner"
    on = f"step.{identifier(person.via)} = owner.way"
    return f"SELECT step.{column} AS way, owner.person FROM {table} AS step JOIN {further} ON {on}"


def _visible(catalogue: Catalogue, name: str, until: datetime) -> str:
    """SQL of the rows of a table that segments can see."""
    table, column = f"{WAREHOUSE}.main.{identifier(name)}", catalogue.tables[name].happened_at
    return f"(FROM {table} WHERE {has_happened(column, until)})" if column else table
