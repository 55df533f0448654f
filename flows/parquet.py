"""Parquet that others have written, as texts. It is read in a child with limits (`flows.incoming`): a file can be made to eat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_AT_A_TIME = 65_536
"""Rows."""


class UnreadableError(Exception):
    """Why a file is no table, or a column no text; without what stands in it."""


class Table:
    """A file of Parquet.

    Attributes:
        names: of its columns.
    """

    def __init__(self, content: bytes) -> None:
        try:
            self._file = pa.parquet.ParquetFile(pa.BufferReader(content), pre_buffer=False)
            self._schema = self._file.schema_arrow
        except MemoryError:  # which Arrow's own is, too: the child says so
            raise
        except (pa.ArrowException, OSError):
            raise UnreadableError("this is not Parquet, or cut short") from None
        self.names: list[str] = list(self._schema.names)

    def rows(self, names: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
        """The values of some columns, row by row: numbers as they are written, instants in UTC with their Z.

        Raises:
            UnreadableError: a column is a list, or of another kind that is no text; or the file is damaged.
        """
        try:
            for batch in self._file.iter_batches(_AT_A_TIME, columns=list(names), use_threads=False):
                yield from zip(*(_texts(batch.column(name), name) for name in names), strict=True)
        except MemoryError:
            raise
        except (pa.ArrowException, OSError):
            raise UnreadableError("this file is damaged") from None


def _texts(column: pa.Array, name: str) -> list[str | None]:
    kind = column.type
    try:
        if pa.types.is_dictionary(kind):
            column = column.dictionary_decode()
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            column = column.cast(pa.timestamp("us", "UTC"), safe=False)
        texts: list[str | None] = column.cast(pa.string()).to_pylist()
    except MemoryError:
        raise
    except pa.ArrowException:
        raise UnreadableError(f"its column {name} is no text") from None
    return texts
