"""The rows of segments: who may need which help, checked against what products and catalogue ask of them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import DataError, nearest
from flows.warehouse.news import named_tables
from flows.warehouse.queries import segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date

    from flows.line.sources import Source
    from flows.next_best import NextBest
    from flows.warehouse.scope import Scope
    from flows.warehouse.sessions import Session
    from flows.workspace import Workspace


def live_segments(workspace: Workspace, as_of: date) -> list[str]:
    """The segments of the products that are live on a day."""
    return sorted({product.segment for product in workspace.live(as_of)})


def read_segment_rows(source: Source, scope: Scope, name: str) -> pl.DataFrame:
    """The rows of a segment, with every field that its .yaml declares and every signal that a product reads.

    Raises:
        DataError: a column is missing: of these, or the `<dimension>_as_of` by which a dimension is fresh; or no row's brand
            is one of the workspace's.
    """
    with source.open(scope, source.moment.now) as session:
        return segment_rows(source, session, name, few=scope.customers is not None)


def read_segments_of_few(source: Source, scope: Scope, names: Collection[str]) -> dict[str, pl.DataFrame]:
    """`read_segment_rows` of several segments, by name. What the tables hold of few people is read once for all of them."""
    if not names:
        return {}
    workspace = source.workspace
    texts = "\n".join(workspace.queries.segments[name] for name in names)
    with source.open(scope, source.moment.now, named=named_tables(texts, workspace.catalogue, source.path)) as session:
        return {name: segment_rows(source, session, name, few=True) for name in names}


def read_contexts(source: Source, scope: Scope, setting: NextBest) -> pl.DataFrame:
    """`customer_id, brand` and what a choice may depend on, as texts: the fields of the segment that `next_best` names.

    Raises:
        DataError: it has two rows for a customer and brand, or a field that is a list.
    """
    name, unit = setting.contexts, ["customer_id", "brand"]
    rows, where = read_segment_rows(source, scope, name), f"sql/segments/{name}.sql"
    if rows.select(unit).is_duplicated().any():
        what = "somebody has two rows, and a choice depends on one"
        raise DataError(where, what, "yield a row for each customer and brand, without a subject")
    fields = list(source.workspace.segments[name].fields)
    nested = [field for field in fields if rows.schema[field].is_nested()]
    if nested:
        raise DataError(where, f"'{nested[0]}' is a list", "yield a text, a number, or true and false")
    return rows.select(*unit, pl.col(fields).cast(pl.String))


@contextmanager
def segments_ahead(source: Source, scope: Scope, names: Sequence[str]) -> Iterator[Iterator[tuple[str, pl.DataFrame]]]:
    """`read_segment_rows` of several, one query after the other, while its caller works on what has been read.

    They start when it is entered. One session for all: `memory` is for one query at a time.
    """
    with source.open(scope, source.moment.now) as session, ThreadPoolExecutor(max_workers=1) as reader:
        asked = deque(
            (name, reader.submit(segment_rows, source, session, name, few=scope.customers is not None))
            for name in names
        )

        def answers() -> Iterator[tuple[str, pl.DataFrame]]:
            while asked:
                name, answer = asked.popleft()
                yield name, answer.result()

        try:
            yield answers()
        finally:
            reader.shutdown(cancel_futures=True)


def segment_rows(source: Source, session: Session, name: str, *, few: bool = False) -> pl.DataFrame:
    """As `read_segment_rows`, in a session that is open; of a few people no row need be of a brand of the workspace."""
    workspace = source.workspace
    rows = segment(session, workspace.queries, name, source.moment, named=workspace.columns(name))
    if rows.height and not few and not rows["brand"].is_in(list(workspace.settings.brands)).any():
        hint = nearest(rows["brand"][0], workspace.settings.brands)  # what stands there may be anything, an address too
        raise DataError(f"sql/segments/{name}.sql", "no row has a brand of this workspace", hint)
    fields = workspace.segments[name].fields.values()
    for dimension in sorted({dimension for field in fields for dimension in field.dimensions}):
        fresh_for, seen = workspace.catalogue.dimensions[dimension].fresh_for, f"{dimension}_as_of"
        if fresh_for is not None and seen not in rows.columns:
            what = f"the column '{seen}' is missing, and '{dimension}' counts only while it is fresh"
            hint = f"select since when it is known, or take `fresh_for` from '{dimension}' in sql/dimensions.yaml"
            raise DataError(f"sql/segments/{name}.sql", what, hint)
    return rows
