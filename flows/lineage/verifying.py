"""Lineage against what is declared: each field shows the dimensions that its segment's .yaml says, and no other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.catalogue import Via
from flows.errors import CatalogueError, StatementError
from flows.lineage.relations import ROW, Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.catalogue import Catalogue, Segment, Table
    from flows.lineage.relations import Lineage

Found = dict[str, Column]
"""Dimension -> the first of its columns that brings it in."""


@dataclass(frozen=True)
class Verified:
    """What a segment's SQL uses, dimension by dimension.

    Attributes:
        shown: field -> the columns of the warehouse that decide its value, as `orders.ordered_at` or `a row of orders`.
        scored: signal -> the dimensions that decide its value.
        targeted: the dimensions that decide who is in the segment, each with the place, `file:line`, that reads it.
    """

    shown: Mapping[str, tuple[str, ...]]
    scored: Mapping[str, tuple[str, ...]]
    targeted: Mapping[str, str]


def verify(traced: Lineage, name: str, segment: Segment, signals: Iterable[str], catalogue: Catalogue) -> Verified:
    """Hold what a segment declares against what its SQL does; `valid_until` may tell what any of its fields tells.

    Args:
        traced: of sql/segments/<name>.sql.
        name: of the segment.
        segment: its .yaml.
        signals: the columns that any product's relevance reads.
        catalogue: knows which column is part of which dimension.

    Raises:
        CatalogueError: a field depends on another dimension than it declares, on routing, on free text, or on a column that
            is in no entry; a sensitive dimension without a lawful basis is used in any way; with the line of the SQL.
        StatementError: customer_id or brand is not a row's own.
    """
    where = f"sql/segments/{name}.sql"
    due = traced.columns.get("next_due_on", frozenset())  # who is not due yet is not in the segment yet
    targeted = dimensions({*traced.targeted, *due}, where, catalogue)
    _check_keys(traced, where, catalogue)
    for column in sorted(traced.targeted.union(*traced.columns.values())):  # in one order: the first complaint is told
        _check_lawful(column, where, catalogue)
    for field, entry in segment.fields.items():
        if (columns := traced.columns.get(field.lower())) is not None:
            for column in sorted(columns):
                _check_shown(column, field, entry.dimensions, where, catalogue)
            known = {*dimensions(columns, where, catalogue), *targeted}
            for dimension in entry.dimensions:
                if dimension not in known:
                    what = f"field '{field}' shows '{dimension}', of which {where} reads nothing"
                    hint = f"mend its dimension, or the columns of '{dimension}' in sql/dimensions.yaml"
                    raise CatalogueError(segment.at("fields", field), what, hint)
    for dimension in catalogue.dimensions:
        beside = {
            other for entry in segment.fields.values() if dimension in entry.dimensions for other in entry.dimensions
        }
        for column in sorted(traced.columns.get(f"{dimension}_as_of".lower(), ())):
            _check_shown(column, f"{dimension}_as_of", tuple(sorted({dimension, *beside})), where, catalogue)
    told = {dimension for entry in segment.fields.values() for dimension in entry.dimensions} | targeted.keys()
    for column in sorted(traced.columns.get("valid_until", ())):  # stands in what is delivered
        _check_shown(column, "valid_until", tuple(sorted(told)), where, catalogue)
    return Verified(
        shown={
            field: tuple(sorted({str(column) for column in traced.columns.get(field.lower(), ())}))
            for field in segment.fields
        },
        scored={
            signal: tuple(sorted(dimensions(traced.columns.get(signal.lower(), ()), where, catalogue)))
            for signal in signals
        },
        targeted={dimension: f"{where}:{column.line}" for dimension, column in targeted.items()},
    )


def verify_audience(traced: Lineage, name: str, catalogue: Catalogue) -> dict[str, str]:
    """The dimensions that decide who is in sql/audiences/<name>.sql, and until when, each with the place that reads it.

    Raises:
        CatalogueError: a column is in no entry, or is sensitive and without a lawful basis.
        StatementError: customer_id or brand is not a row's own.
    """
    where = f"sql/audiences/{name}.sql"
    _check_keys(traced, where, catalogue)
    deciding = {*traced.targeted, *traced.columns.get("until", ())}
    for column in sorted(deciding.union(*traced.columns.values())):
        _check_lawful(column, where, catalogue)
    return {found: f"{where}:{column.line}" for found, column in dimensions(deciding, where, catalogue).items()}


def verify_customers(traced: Lineage, catalogue: Catalogue) -> None:
    """Hold sql/customers.sql to routing: the country, the locale and the addresses choose words, too.

    Raises:
        CatalogueError: a column depends on a dimension that has no `routing_for` there.
    """
    where = "sql/customers.sql"
    for name, columns in traced.columns.items():
        for column in sorted(columns):
            for dimension in _dimensions_of(column, where, catalogue, lenient=True):
                if not _is_routing(column, catalogue):
                    what = f"'{name}' depends on {column}, which is '{dimension}', and this query is for routing only"
                    hint = f"take it out, or say what for in `routing_for` of '{dimension}' in sql/dimensions.yaml"
                    raise CatalogueError(f"{where}:{column.line}", what, hint)


def dimensions(columns: Iterable[Column], where: str, catalogue: Catalogue) -> Found:
    """The dimensions that some columns are part of, each with the first of its columns; routing is part of none.

    Raises:
        CatalogueError: a column is in no entry.
    """
    found: Found = {}
    for column in sorted(columns):
        for dimension in _dimensions_of(column, where, catalogue):
            found.setdefault(dimension, column)
    return found


def _check_keys(traced: Lineage, where: str, catalogue: Catalogue) -> None:
    """Refuse a customer_id that is somebody else's, and a brand that is chosen by what is known: it chooses the layout."""
    if "customer_id" in traced.columns and "customer_id" not in traced.keys:
        what = "'customer_id' is not the key of one table, unchanged"
        raise StatementError(where, what, "select the column that the catalogue has under `person`, as it is")
    if "brand" in traced.columns and "brand" not in traced.keys:
        found = dimensions(traced.columns["brand"], where, catalogue)
        for dimension, column in found.items():
            what = f"'brand' depends on {column}, which is '{dimension}'"
            hint = "select the brand of the row as it is, or write it as a constant; a brand is who speaks"
            raise StatementError(f"{where}:{column.line}", what, hint)


def _check_lawful(column: Column, where: str, catalogue: Catalogue) -> None:
    for dimension in _dimensions_of(column, where, catalogue):
        entry = catalogue.dimensions[dimension]
        if entry.sensitive and entry.lawful_basis is None:
            what = f"{column} is read here, and '{dimension}' is sensitive and names no lawful basis"
            raise CatalogueError(
                f"{where}:{column.line}", what, "do without it, or name the basis in sql/dimensions.yaml"
            )


def _check_shown(column: Column, field: str, declared: tuple[str, ...], where: str, catalogue: Catalogue) -> None:
    place = f"{where}:{column.line}"
    if str(column).lower() in {known.lower() for known in catalogue.free_text}:
        what = f"'{field}' depends on {column}, which is free text that somebody typed"
        raise CatalogueError(place, what, "show a fact that was noted as one; free text cannot be shown")
    found = _dimensions_of(column, where, catalogue)
    if not found and column.name in _lower(_table(column, catalogue).routing):
        what = f"'{field}' depends on {column}, which is routing"
        raise CatalogueError(place, what, "routing never reaches the words; show something else")
    for dimension in found:
        if dimension not in declared:
            says = " and ".join(f"'{name}'" for name in declared) or "no dimension"
            what = f"'{field}' depends on {column}, which is '{dimension}', and declares {says}"
            hint = (
                "take it out of the value and of what chooses its row: in the last WHERE, outside of CTEs, it only targets; "
                f"or declare it, as in dimension: [{', '.join((*declared, dimension))}]"
            )
            raise CatalogueError(place, what, hint)


def _dimensions_of(column: Column, where: str, catalogue: Catalogue, *, lenient: bool = False) -> tuple[str, ...]:
    """The dimensions that a column is part of; with `lenient` one in no entry is part of none."""
    table = _table(column, catalogue)
    if table.dimension is not None:
        return (table.dimension,)
    if not table.personal:
        return ()
    own, whole = f"{column.table}.{column.name}", f"{column.table}.*"
    by_name = {name: set(_lower(entry.columns)) for name, entry in catalogue.dimensions.items()}
    named = tuple(name for name, columns in by_name.items() if own in columns)
    wholly = tuple(name for name, columns in by_name.items() if whole in columns)
    if named or wholly:
        return named or wholly
    is_known = column.name in _lower((*table.routing, table.happened_at, table.loaded_at, "brand"))
    if is_known or lenient:
        return ()
    if column.name == ROW or column.name in _ways(table):
        what = f"that somebody has {column} tells something, and no dimension says what"
        if column.name != ROW:
            what = f"{column} leads to a row of somebody, and no dimension says what that tells"
        hint = f"add {whole} to the `columns` of a dimension in sql/dimensions.yaml"
        raise CatalogueError(f"{where}:{column.line}", what, hint)
    hint = f"add it to the `columns` of a dimension, or to `routing` of tables.{column.table}, in sql/dimensions.yaml"
    raise CatalogueError(f"{where}:{column.line}", f"{column} is read here, and is in no entry of the catalogue", hint)


def _is_routing(column: Column, catalogue: Catalogue) -> bool:
    """Whether a column serves to reach people; a row does where its person's key is named so: it makes somebody a customer."""
    key = _table(column, catalogue).person
    name = f"{column.table}.{key.lower()}" if column.name == ROW and isinstance(key, str) else str(column)
    return any(name in _lower(entry.routing_for) for entry in catalogue.dimensions.values())


def _table(column: Column, catalogue: Catalogue) -> Table:
    return next(table for name, table in catalogue.tables.items() if name.lower() == column.table)


def _ways(table: Table) -> tuple[str, ...]:
    """The column by which rows lead to their person."""
    return (table.person.via.lower(),) if isinstance(table.person, Via) else ()


def _lower(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names if name)
