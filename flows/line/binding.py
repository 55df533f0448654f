"""Whether a workspace's SQL fits its warehouse, by the names and kinds of columns alone: no row is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import CatalogueError
from flows.line.sources import Source, read_shared, segment_rows
from flows.schemas import spoken
from flows.stages.relevance import check_signals
from flows.warehouse.queries import consent, customers, exclusions, suppressions
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from pathlib import Path

    from flows.clock import Moment
    from flows.workspace import Workspace


def bind(workspace: Workspace, path: Path, now: Moment) -> tuple[str, ...]:
    """Have DuckDB bind every query to the warehouse's tables, and hold what they would yield against what is asked of them.

    Returns:
        The names of the files that were bound.

    Raises:
        SourceError, LockedError: the warehouse cannot be read.
        StatementError: a query, or the catalogue, names what the warehouse does not have.
        DataError: a query does not yield a column that is asked of it, or one of another kind.
        CatalogueError: an example is of another kind than its field.
    """
    bare = replace(workspace, queries=workspace.queries.without_rows())
    source = Source(bare, path, now, read_shared(bare, path, now))
    with source.open(Scope(), now.present) as connection:
        customers(connection, bare.queries, now)
        consent(connection, bare.queries, now)
        exclusions(connection, bare.queries, now)
        for name in workspace.segments:
            _check_segment(workspace, name, segment_rows(source, connection, name).schema)
    with source.open(Scope(), now.present, lists=True) as connection:
        suppressions(connection, bare.queries, now)
    return workspace.queries.files


def _check_segment(workspace: Workspace, name: str, schema: pl.Schema) -> None:
    for product in workspace.products.values():
        if product.segment == name:
            check_signals(product, schema)
    declared = workspace.segments[name]
    for field, entry in declared.fields.items():
        for place, example in enumerate(entry.examples):
            if not _fits(example, schema[field]):
                what = f"the example {example!r} of '{field}' does not fit the column, which is {spoken(schema[field])}"
                hint = "write one of that kind, or cast the column in the query"
                raise CatalogueError(declared.at("fields", field, "examples", place), what, hint)


def _fits(example: object, kind: pl.DataType) -> bool:
    """Whether a value could stand in a column; nothing fits everywhere, and an instant may be written as its day."""
    if example is None or kind == pl.Null:
        return True
    if isinstance(kind, pl.List):
        inner = kind.inner if isinstance(kind.inner, pl.DataType) else kind.inner()
        return isinstance(example, list) and all(_fits(item, inner) for item in example)
    if isinstance(example, bool):
        return kind == pl.Boolean
    if isinstance(example, int | float):
        return kind.is_numeric() and (kind.is_float() or float(example).is_integer())
    if isinstance(example, date):
        return kind.is_temporal()
    return kind == pl.String and isinstance(example, str)
