"""What has come of windows, and is asked for again: where there are several it waits in files."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from flows.durable import private_folder
from flows.growing import write_pieces
from flows.line.planning import save
from flows.line.rows import Rows
from flows.line.sources import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from flows.settings import Settings


class Shelf:
    """Where what has come of each window waits: in the memory where there is one, else in files that go with it."""

    def __init__(self, folder: Path | None) -> None:
        """In a folder of its own; None holds what is put."""
        self._folder = folder
        self._windows: dict[str, list[Callable[[], pl.DataFrame]]] = {}

    def put(self, **rows: pl.DataFrame) -> None:
        """Put what has come of the next window, each under a name."""
        for name, frame in rows.items():
            windows = self._windows.setdefault(name, [])
            windows.append(self._put(f"{name}-{len(windows):04}", frame))

    def rows(self, name: str) -> Rows:
        """What was put under a name."""
        return Rows.made(self._windows[name])

    def one_file(self, name: str, pieces: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        """What comes in pieces, put together, to be read in others."""
        if self._folder is None:
            return pl.concat(pieces).lazy()
        write_pieces(self._folder / f"{name}.parquet", pieces)
        return pl.scan_parquet(self._folder / f"{name}.parquet")

    def clear(self) -> None:
        """Begin again."""
        self._windows = {}

    def _put(self, name: str, frame: pl.DataFrame) -> Callable[[], pl.DataFrame]:
        if self._folder is None:
            return lambda: frame
        path = self._folder / f"{name}.parquet"
        save(frame, path)
        return lambda: pl.read_parquet(path)


@contextmanager
def shelf(settings: Settings, windows: int) -> Iterator[Shelf]:
    """A shelf for so many windows, which is there as long as the block runs; a killed run's goes with the next one.

    Raises:
        OutboxError: the disk is full, or the folder cannot be written to.
    """
    folder = private_folder(scratch_folder(settings) / secrets.token_hex(4)) if windows > 1 else None
    try:
        yield Shelf(folder)
    finally:
        if folder is not None:
            shutil.rmtree(folder)
