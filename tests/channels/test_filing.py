"""Rows that come in several pieces are in the same files, byte for byte, as rows that come in one."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from flows.channels import filing, targets
from flows.stages.delivery import Payload, leave_out, shaped, write_batch
from tests.channels.test_targets import creative, worded
from tests.stages.making import MOMENT


@pytest.mark.parametrize("name", sorted(targets()))
def test_files_do_not_tell_in_how_many_pieces_their_rows_came(name, tmp_path, monkeypatch):
    to = replace(targets()[name], most_rows=1 if targets()[name].most_rows == 1 else 4)
    whole = _people(to)
    if to.most_bytes:
        size = max(len(content) for content in _written(tmp_path / "size", to, whole, 9).values())
        to = replace(to, most_bytes=size * 3 // 4)
    one = _written(tmp_path / "9", to, whole, 9)
    assert len(one) > 3  # several files
    monkeypatch.setattr(filing, "_AT_ONCE", 2)
    several = _written(tmp_path / "3", to, whole, 3)
    assert several == one


def _people(to) -> pl.DataFrame:
    """Nine deliveries, in the order of the target: two kinds of words, and three of them at any hour."""
    three = worded(to)
    nine = [
        three.with_columns(
            pl.format("{}-{}", name, pl.lit(nth)).alias(name) for name in ("customer_id", "message_id", "address")
        ).with_columns(
            creative_id=pl.lit("k1" if nth else "k2"),
            not_before=pl.lit(MOMENT.starts_at) if nth == 1 else "not_before",
            not_after="valid_until" if nth == 1 else "not_after",
        )
        for nth in range(3)
    ]
    return pl.concat(nine).sort(to.order)


def _written(folder, to, whole: pl.DataFrame, size: int) -> dict[str, bytes]:
    """What is in a batch before and after some messages are left out of it."""
    creatives = {key: creative(to) | {"creative_id": key} for key in ("k1", "k2")}
    pieces = [shaped(piece, creatives, to, MOMENT.starts_at) for piece in whole.iter_slices(size)]
    files = [Payload("rows", "append", pieces)]
    rows = write_batch(folder, files, creatives, to, {})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    left = leave_out(folder, pl.Series(["m1-0", "m3-2"]), files, creatives, to, {"corrected": True})
    assert (rows, left) == (9, 7)
    return before | {f"left/{path.name}": path.read_bytes() for path in folder.iterdir()}
