"""The rows of a batch, in windows: so many are held at a time, however many there are.

Windows follow each other in the order in which the rows are written, and the rows of a customer are in one of them where rows are
written by customer. A window is read from the plan, and worked out, anew each time it is asked for; where there is only one it
is held. What takes long to be worked out waits on a `Shelf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, overload

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


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
        return cls.made([lambda: rows])

    @classmethod
    def made(cls, reads: Sequence[Callable[[], pl.DataFrame]]) -> Rows:
        """Rows of which each window is made by a call of its own."""
        return cls([_Window(read, pl.lit(True)) for read in reads])  # noqa: FBT003

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

    @classmethod
    def within(cls, found: pl.LazyFrame, bounds: Sequence[pl.Expr]) -> Rows:
        """Rows that are in files, in windows that were cut before: see `by_customer`."""
        return cls([_Window(found.filter(holds).collect, holds) for holds in bounds])

    def map(self, change: Callable[..., pl.DataFrame], *others: Rows) -> Rows:
        """Each window changed: now where there is one, else each time it is asked for.

        Args:
            change: is given a window, and the same one of `others`.
            others: rows that were cut alike.
        """

        def changed(place: int) -> Callable[[], pl.DataFrame]:
            return lambda: change(*(rows[place] for rows in (self, *others)))

        return Rows([replace(window, read=changed(place)) for place, window in enumerate(self._windows)])

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

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The rows of each window. By their places, an IndexError of who makes one would pass for the end."""
        return (window.read() for window in self._windows)

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


def _joined(window: _Window, few: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    return lambda: pl.concat([window.read(), few.filter(window.holds)], how="diagonal_relaxed")


_SAMPLED = 1_000
"""Ids for each window, of which it is told where that begins."""


def by_customer(*found: pl.LazyFrame) -> list[pl.Expr]:
    """What the customers of each window have in common, in their order: all rows of one are in one of some `Rows.within`.

    Args:
        found: `customer_id` of all rows that are held at the same time, of which a window has at most `Rows.most`, about.
    """
    ids = pl.concat([rows.select("customer_id") for rows in found])
    count = ids.select(pl.len()).collect(engine="streaming").item()
    number = -(-count // Rows.most)
    if number <= 1:
        return [pl.lit(True)]  # noqa: FBT003
    step = max(count // (number * _SAMPLED), 1)
    few = ids.with_row_index().filter(pl.col("index") % step == 0).collect(engine="streaming")["customer_id"].sort()
    starts = [few[place * len(few) // number] for place in range(1, number)]
    ends = [None, *dict.fromkeys(starts), None]
    customer = pl.col("customer_id")
    return [
        pl.all_horizontal(
            pl.lit(True) if begin is None else customer >= begin,  # noqa: FBT003
            pl.lit(True) if end is None else customer < end,  # noqa: FBT003
        )
        for begin, end in pairwise(ends)
    ]
