"""Files of Parquet that are written piece by piece, so that not all of their rows have to be held."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from flows.durable import private_folder, sync_file, sync_folder
from flows.errors import OutboxError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ROWS_PER_GROUP = 100_000
"""What is read of sorted rows to find some of them."""


def write_pieces(path: Path, pieces: Iterable[pl.DataFrame]) -> None:
    """Write frames of the same columns into one private file, whole or not at all; the disk keeps it.

    Args:
        path: of the file.
        pieces: at least one. Each is let go before the next one is asked for.

    Raises:
        OutboxError: it cannot be written.
    """
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, pieces)
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        what = f"this file cannot be written ({error.strerror or error})"
        raise OutboxError(path, what, "free some space, or mend the rights") from None
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, pieces: Iterable[pl.DataFrame]) -> None:
    writer = None
    try:
        for piece in pieces:
            table = piece.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pa.parquet.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
            writer.write_table(table, row_group_size=_ROWS_PER_GROUP)
    finally:
        if writer is not None:
            writer.close()
