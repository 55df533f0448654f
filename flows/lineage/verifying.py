"""Lineage against what a segment's .yaml declares: each field shows the dimension that it says, and no other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.catalogue import Via
from flows.errors import CatalogueError, nearest
from flows.lineage.tracing import ROW, Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.catalogue import Catalogue, Segment, Table
    from flows.lineage.tracing import Lineage


@dataclass(frozen=True)
class Verified:
    """What a segment's SQL uses.

    Attributes:
        scored: signal -> the dimensions that decide its value.
        targeted: dimension -> the first of its columns that decides who is in the segment.
    """

    scored: Mapping[str, tuple[str, ...]]
    targeted: Mapping[str, Column]


def verify(traced: Lineage, name: str, segment: Segment, signals: Iterable[str], catalogue: Catalogue) -> Verified:
    """Hold what a segment declares against what its SQL does.

    Args:
        traced: of sql/segments/<name>.sql.
        name: of the segment.
        segment: its .yaml.
        signals: the columns that any product's relevance reads.
        catalogue: knows which column is part of which dimension.

    Raises:
        CatalogueError: a field depends on another dimension than it declares, on routing, on free text, or on a column that
            is in no entry; with the line of the SQL.
    """
    where = f"sql/segments/{name}.sql"
    for field, entry in segment.fields.items():
        if field not in traced.columns:
            hint = f"{nearest(field, traced.columns)}; select it, or take it out of sql/segments/{name}.yaml"
            raise CatalogueError(where, f"the query does not yield the field '{field}'", hint)
        for column in sorted(traced.columns[field]):
            _check_column(column, field, entry.dimension, where, catalogue)
    scored = {
        signal: tuple(sorted(dimensions(traced.columns[signal], where, catalogue)))
        for signal in signals
        if signal in traced.columns
    }
    return Verified(scored, dimensions(traced.targeted, where, catalogue))


def dimensions(columns: Iterable[Column], where: str, catalogue: Catalogue) -> dict[str, Column]:
    """The dimensions that some columns are part of, each with the first of its columns; routing is part of none.

    Raises:
        CatalogueError: a column is in no entry.
    """
    found: dict[str, Column] = {}
    for column in sorted(columns):
        for dimension in _dimensions_of(column, where, catalogue):
            found.setdefault(dimension, column)
    return found


def _check_column(column: Column, field: str, declared: str | None, where: str, catalogue: Catalogue) -> None:
    place = f"{where}:{column.line}"
    entry = catalogue.tables[column.table]
    if f"{column.table}.{column.name}" in catalogue.free_text:
        what = f"the field '{field}' depends on {column}, which is free text that somebody typed"
        raise CatalogueError(place, what, "show a fact that was noted as one; free text cannot be shown")
    found = _dimensions_of(column, where, catalogue)
    if not found and column.name in entry.routing:
        what = f"the field '{field}' depends on {column}, which is routing"
        raise CatalogueError(place, what, "routing never reaches the words; show something else")
    for dimension in found:
        if dimension != declared:
            says = f"'{declared}'" if declared else "no dimension"
            what = f"the field '{field}' depends on {column}, which is '{dimension}', and declares {says}"
            hint = "take it out of the value, or of the conditions and joins that choose its row; a condition of the last WHERE"
            raise CatalogueError(place, what, f"{hint} only targets")


def _dimensions_of(column: Column, where: str, catalogue: Catalogue) -> tuple[str, ...]:
    table = catalogue.tables[column.table]
    if not table.personal:
        return ()
    whole = tuple(name for name, entry in catalogue.dimensions.items() if f"{column.table}.*" in entry.columns)
    if column.name == ROW or column.name in _ways(table):
        return whole or _row(column, where)
    own = f"{column.table}.{column.name}"
    named = tuple(name for name, entry in catalogue.dimensions.items() if own in entry.columns)
    if named or whole:
        return named or whole
    if column.name in (*table.routing, table.happened_at, table.loaded_at, "brand"):
        return ()
    hint = f"add it to the `columns` of a dimension, or to `routing` of tables.{column.table}, in sql/dimensions.yaml"
    raise CatalogueError(f"{where}:{column.line}", f"{column} is read here, and is in no entry of the catalogue", hint)


def _ways(table: Table) -> tuple[str, ...]:
    """The column by which rows lead to their person."""
    return (table.person.via,) if isinstance(table.person, Via) else ()


def _row(column: Column, where: str) -> tuple[str, ...]:
    what = f"that somebody has {column} tells something, and no dimension says what"
    if column.name != ROW:
        what = f"{column} leads to a row of somebody, and no dimension says what that tells"
    hint = f"add {column.table}.* to the `columns` of a dimension in sql/dimensions.yaml"
    raise CatalogueError(f"{where}:{column.line}", what, hint)
