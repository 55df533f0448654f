"""Parquet that is written piece by piece: whole or not at all, and read as if it had come in one."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import OutboxError
from flows.growing import write_pieces

ROWS = pl.DataFrame(
    {
        "customer_id": ["c1", "c2", "c3"],
        "shown": [["a", "b"], [], None],
        "valid_until": [datetime(2026, 11, 22, 9, tzinfo=UTC), None, datetime(2026, 11, 23, tzinfo=UTC)],
        "subject_id": pl.Series([None, None, None], dtype=pl.String),
    }
)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pieces_are_read_as_one_frame_which_only_its_owner_may_read(size, tmp_path):
    path = tmp_path / "new" / "rows.parquet"
    write_pieces(path, ROWS.iter_slices(size))
    assert_frame_equal(pl.read_parquet(path), ROWS)
    assert [(file.name, file.stat().st_mode & 0o777) for file in path.parent.iterdir()] == [("rows.parquet", 0o600)]


def test_pieces_without_rows_are_a_file_with_columns(tmp_path):
    write_pieces(tmp_path / "rows.parquet", [ROWS.clear(), ROWS.clear()])
    assert_frame_equal(pl.read_parquet(tmp_path / "rows.parquet"), ROWS.clear())


def test_who_fails_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "rows.parquet"
    write_pieces(path, [ROWS])

    def some():
        yield ROWS.head(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutboxError) as refused:
        write_pieces(path, some())
    assert refused.value.what == "this file cannot be written (No space left on device)"
    assert_frame_equal(pl.read_parquet(path), ROWS)
    assert list(tmp_path.iterdir()) == [path]
