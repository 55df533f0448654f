"""Whether a workspace's SQL fits its warehouse, by the names and kinds of columns alone: no row is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from flows.budget import check_choosing, check_targeting
from flows.errors import CatalogueError
from flows.line.segments import segment_rows
from flows.line.sources import Source, read_shared
from flows.lineage import Verified, check_shared, shape_of, trace, verify, verify_audience, verify_customers
from flows.schemas import spoken
from flows.stages.relevance import check_signals
from flows.warehouse.queries import audience, consent, customers, exclusions, outcomes, suppressions
from flows.warehouse.scope import Scope, seen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.audience import Audience
    from flows.clock import Moment
    from flows.lineage import Shape
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Bound:
    """What a workspace's SQL came to beside its warehouse.

    Attributes:
        files: the names of the files that were bound.
        segments: segment -> what its SQL uses of people.
        audiences: key of an audience -> the dimensions that decide who is in it.
    """

    files: tuple[str, ...]
    segments: Mapping[str, Verified]
    audiences: Mapping[str, tuple[str, ...]]


def bind(workspace: Workspace, path: Path, now: Moment) -> Bound:
    """Have DuckDB bind every query to the warehouse's tables, and hold what they would yield against what is asked of them.

    Then every segment is traced: what each field really depends on, and what it targets.

    Raises:
        SourceError, LockedError: the warehouse cannot be read.
        StatementError: a query, or the catalogue, names what the warehouse does not have.
        DataError: a query does not yield a column that is asked of it, or one of another kind.
        CatalogueError: an example is of another kind than its field; or a field, or who is in an audience, depends on more than
            is declared.
        ProductError, DimensionLimitError: a product does not say why, or not for how many dimensions, people get it.
    """
    queries = workspace.queries
    source = Source(workspace, path, now, read_shared(workspace, path, now, looking=True), looking=True)
    with source.open(Scope(), now.present) as session:
        customers(session, queries, now)
        consent(session, queries, now)
        exclusions(session, queries, now)
        outcomes(session, queries, now)
        for name in queries.audiences:
            audience(session, queries, name, now)
        for name in workspace.segments:
            _check_segment(workspace, name, segment_rows(source, session, name).schema)
        shape = shape_of(seen(session, path), workspace.catalogue, workspace.queries.customers)
    with source.open(Scope(), now.present, lists=True) as session:
        suppressions(session, queries, now)
    for name, text in workspace.queries.shared.items():
        check_shared(text, f"sql/shared/{name}.sql", shape)
    verify_customers(trace(workspace.queries.customers, "sql/customers.sql", shape), workspace.catalogue)
    found = {name: _verified(workspace, name, shape) for name in workspace.segments}
    for product in workspace.products.values():
        ads = {key.file: usage for key, usage in workspace.usages(product).items() if key.channel == "ads"}
        check_targeting(product, ads, found[product.segment])
    chosen = {key: _chosen(workspace, asked, shape) for key, asked in workspace.audiences.items()}
    return Bound(workspace.queries.files, found, chosen)


def _chosen(workspace: Workspace, asked: Audience, shape: Shape) -> tuple[str, ...]:
    """The dimensions that decide who is in an audience; none where a draw does."""
    if not asked.has_query:
        return ()
    where = f"sql/audiences/{asked.name}.sql"
    traced = trace(workspace.queries.audiences[asked.name], where, shape)
    targeted = verify_audience(traced, asked.name, workspace.catalogue)
    check_choosing(asked, targeted)
    return tuple(sorted(targeted))


def _verified(workspace: Workspace, name: str, shape: Shape) -> Verified:
    traced = trace(workspace.queries.segments[name], f"sql/segments/{name}.sql", shape)
    signals = sorted({signal for p in workspace.products.values() if p.segment == name for signal in p.signals})
    return verify(traced, name, workspace.segments[name], signals, workspace.catalogue)


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
