"""Who has news: a digest of all that the warehouse holds of each person, and of each table that is about nobody.

It is taken over whole rows, as the workspace's SQL sees them at the moment of a run. So whatever happens to a row shows: it
came late, was corrected where it stands, dated back, given to another person, or deleted; or it has happened only now.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from flows.catalogue import Via
from flows.warehouse.connection import identifier, quote, translated
from flows.warehouse.scope import definitions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.catalogue import Catalogue
    from flows.warehouse.queries import Queries
    from flows.warehouse.sessions import Session

PEOPLE = pl.Schema({"customer_id": pl.String(), "digest": pl.UInt64()})
_ROW = '"the row"'
"""An alias that no column has: what stands for a row would else be a column of that name."""


def digests_of_people(session: Session, catalogue: Catalogue) -> pl.DataFrame:
    """`PEOPLE`: of everybody who has a row in some table, a digest of all their rows in all of them.

    DuckDB's hash is no secret one, and may differ between its versions: compare digests of one version alone.

    Args:
        session: of `open_scoped`, over everybody.
        catalogue: says whose each table's rows are.

    Raises:
        StatementError, SourceError: a table cannot be read.
    """
    personal = [name for name, table in catalogue.tables.items() if table.person is not None]
    if not personal:
        return PEOPLE.to_frame()
    rows = " UNION ALL ".join(_rows(catalogue, name) for name in personal)
    whole = f"SELECT person AS customer_id, hash(sum(digest), count(*)) AS digest FROM ({rows}) GROUP BY person"
    return session.query(f"{whole} HAVING person IS NOT NULL", where="sql/dimensions.yaml").cast(dict(PEOPLE))  # type: ignore[arg-type]


def digests_of_tables(session: Session, tables: Iterable[str]) -> dict[str, str]:
    """Table -> a digest of its rows, in whatever order they stand. Raises as `digests_of_people`."""
    found = {}
    for name in tables:
        rows = f"SELECT hash({_ROW}) AS digest FROM {identifier(name)} AS {_ROW}"
        with translated(f"table {name}"):
            found[name] = str(session.execute(f"SELECT hash(sum(digest), count(*)) FROM ({rows})")[0][0])
    return found


def digest_of_definitions(database: Path) -> str:
    """A digest of what a warehouse is made of, without its rows: tables, views, macros. Raises as `definitions`."""
    return hashlib.sha256(repr(definitions(database)).encode()).hexdigest()


def named_tables(text: str, queries: Queries, catalogue: Catalogue, database: Path) -> list[str]:
    """The tables about nobody that a query may read: every one that it names, or that a macro of the warehouse does.

    A name within a comment, or within a longer one, counts as well: one table too many does no harm.
    """
    macros = "\n".join(macro.body for macro in definitions(database).macros.values())
    said = f"{text}\n{macros}".lower()
    known = {name for name, table in catalogue.tables.items() if not table.personal} | set(queries.shared)
    return sorted(name for name in known if name.lower() in said)


def _rows(catalogue: Catalogue, name: str) -> str:
    """SQL of `person, digest`: whose each row of a table is, and a digest of it. A row that is two people's counts for both."""
    person, about = catalogue.tables[name].person, f"hash({_ROW}, '{quote(name)}') AS digest"
    if not isinstance(person, Via):
        return f"SELECT {identifier(str(person))}::varchar AS person, {about} FROM {identifier(name)} AS {_ROW}"
    way = identifier(person.via)
    owners = f"({_owners(catalogue, person)}) AS owner"
    return f"SELECT owner.person, {about} FROM {identifier(name)} AS {_ROW} JOIN {owners} ON {_ROW}.{way} = owner.way"


def _owners(catalogue: Catalogue, way: Via) -> str:
    """SQL of `way, person`: value of the column -> whose it is."""
    person, column = catalogue.tables[way.to].person, identifier(way.via)
    if not isinstance(person, Via):
        return f"SELECT {column} AS way, {identifier(str(person))}::varchar AS person FROM {identifier(way.to)}"
    further = f"({_owners(catalogue, person)}) AS owner"
    on = f"step.{identifier(person.via)} = owner.way"
    return f"SELECT step.{column} AS way, owner.person FROM {identifier(way.to)} AS step JOIN {further} ON {on}"
