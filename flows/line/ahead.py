"""What an answer asks of the warehouse, asked by a thread while others look up what the history remembers of the same people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from flows.line.segments import read_segment_rows
from flows.line.sources import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from types import TracebackType

    import polars as pl

    from flows.line.sources import Answers, Source
    from flows.warehouse.scope import Scope


@dataclass(frozen=True)
class _Asked:
    """What is being asked: of whom and as of when, and the answers as they come."""

    source: Source
    scope: Scope
    told: Future[Answers]
    segments: Sequence[tuple[str, Future[pl.DataFrame]]]


class Ahead:
    """Who the people are, and the rows of segments, one query after the other; `with` ends it, whatever it has come to.

    What the thread runs into is raised where its answer is needed.
    """

    def __init__(self) -> None:
        self._asked: _Asked | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def start(self, source: Source, scope: Scope, names: Sequence[str]) -> None:
        """Ask about the people in a scope.

        Args:
            source: the warehouse and the moment.
            scope: the people.
            names: of the segments.
        """
        seen = copy_context()  # so that all of it is asked in the session that is at hand
        told = self._thread.submit(seen.run, ask, source, scope)
        rows = [(name, self._thread.submit(seen.run, read_segment_rows, source, scope, name)) for name in names]
        self._asked = _Asked(source, scope, told, rows)

    def of(
        self, source: Source, scope: Scope, names: Sequence[str]
    ) -> tuple[Answers, Iterator[tuple[str, pl.DataFrame]]] | None:
        """As `start` was told to; None where it was told something else. Raises as `sources.ask`."""
        asked = self._asked
        if asked is None or (asked.source.path, asked.source.moment, asked.scope) != (
            source.path,
            source.moment,
            scope,
        ):
            return None
        if [name for name, _ in asked.segments] != list(names):
            return None
        return asked.told.result(), ((name, rows.result()) for name, rows in asked.segments)
