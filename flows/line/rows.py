"""The rows of a batch, in windows: so many are held at a time, however many there are.

Windows follow each other in the order in which the rows are written, and the rows of a customer are in one of them where rows are
written by customer. A window is read from the plan, and worked out, anew each time it is asked for; where there is only one it
is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, overload

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class _Window:
    """Some rows that follow each other.

    Attributes:
        read: makes them.
        holds: whether a row is one of them, by its columns.
    """

    read: Callable[[], pl.DataFrame]
    holds: pl.Expr


class Rows(Sequence[pl.DataFrame]):
    """The windows of some rows."""

    most: ClassVar[int] = 500_000
    """Rows that are held at a time: of e-mail with its words in half a gigabyte."""

    def __init__(self, windows: Sequence[_Window]) -> None:
        """Rows in some windows; where there is one its rows are made now, and held."""
        self._windows = [_held(windows[0])] if len(windows) == 1 else windows

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Rows:
        """Rows that are held."""
        return cls([_Window(lambda: rows, pl.lit(True))])  # noqa: FBT003

    @classmethod
    def read(cls, found: pl.LazyFrame, order: Sequence[str], share: int = 1) -> Rows:
        """Rows that are in files.

        Args:
            found: them.
            order: the columns by which they are written. What is the same in all of them but `message_id` stays together.
            share: a window has at most the so-many-th part of `most`, ties aside.
        """
        by, most = [name for name in order if name != "message_id"], max(cls.most // share, 1)
        count = found.select(pl.len()).collect().item()
        if count <= most:
            return cls.of(found.collect())
        keys, number = found.select(by).collect().sort(by), -(-count // most)
        starts = keys[[place * count // number for place in range(number)]].unique(maintain_order=True)[1:]
        bounds = [pl.lit(True), *map(_is_from, starts.to_dicts()), pl.lit(False)]  # noqa: FBT003
        windows = [begin & ~end for begin, end in pairwise(bounds)]
        return cls([_Window(found.filter(holds).collect, holds) for holds in windows])

    def map(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Rows:
        """Each window changed: now where there is one, else each time it is asked for."""
        return Rows([replace(window, read=_changed(window.read, change)) for window in self._windows])

    def along(self, few: pl.DataFrame) -> Rows:
        """These, and some others, which are held, each in the window where it belongs."""
        return Rows([replace(window, read=_joined(window, few)) for window in self._windows])

    @overload
    def __getitem__(self, place: int) -> pl.DataFrame: ...
    @overload
    def __getitem__(self, place: slice) -> list[pl.DataFrame]: ...
    def __getitem__(self, place: int | slice) -> pl.DataFrame | list[pl.DataFrame]:
        """The rows of a window, or of several."""
        found = self._windows[place]
        return found.read() if isinstance(found, _Window) else [window.read() for window in found]

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._windows)


def _is_from(start: Mapping[str, str]) -> pl.Expr:
    """Whether a row is not before another one, by its columns."""
    *before, last = start
    found = pl.col(last) >= start[last]
    for name in reversed(before):
        found = (pl.col(name) > start[name]) | ((pl.col(name) == start[name]) & found)
    return found


def _held(window: _Window) -> _Window:
    rows = window.read()
    return replace(window, read=lambda: rows)


def _changed(
    read: Callable[[], pl.DataFrame], change: Callable[[pl.DataFrame], pl.DataFrame]
) -> Callable[[], pl.DataFrame]:
    return lambda: change(read())


def _joined(window: _Window, few: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    return lambda: pl.concat([window.read(), few.filter(window.holds)], how="diagonal_relaxed")
