"""Rows in windows: in their order, each once, and no customer in two of them."""

from __future__ import annotations

import polars as pl
import pytest

from flows.line.rows import Rows

ROWS = pl.DataFrame(
    {
        "creative_id": ["k2", "k1", "k1", "k2", "k1", "k1", "k2", "k1"],
        "customer_id": ["c3", "c1", "c5", "c1", "c2", "c1", "c4", "c3"],
        "message_id": ["m3", "m1", "m5", "m8", "m2", "m6", "m4", "m7"],
    }
)


@pytest.fixture(params=[1, 2, 3, 7], autouse=True)
def most(request, monkeypatch) -> int:
    monkeypatch.setattr(Rows, "most", request.param)
    return request.param


@pytest.mark.parametrize("order", [("customer_id", "message_id"), ("creative_id", "customer_id", "message_id")])
def test_windows_have_every_row_once_in_the_order_in_which_they_are_written(order, most):
    found = Rows.read(ROWS.lazy(), order)
    assert len(found) > 1
    assert pl.concat([rows.sort(order) for rows in found]).equals(ROWS.sort(order))
    kept = [set(rows.select(order[:-1]).rows()) for rows in found]
    assert sum(map(len, kept)) == len(set.union(*kept))  # what is the same but for its id is in one of them
    assert max(rows.height for rows in found) <= most + 2  # one customer has three messages
    assert min(rows.height for rows in found) > 0


def test_what_is_few_enough_is_one_window_and_read_once(most):
    few, seen = ROWS.head(most), []
    found = Rows.read(few.lazy(), ("customer_id", "message_id")).map(lambda rows: (seen.append(rows), rows)[1])
    assert (len(found), len(seen)) == (1, 1)
    assert [rows.equals(few) for rows in (*found, *found)] == [True, True]
    assert len(seen) == 1


def test_a_change_holds_for_every_window_each_time():
    order = ("customer_id", "message_id")
    found = Rows.read(ROWS.lazy(), order).map(lambda rows: rows.filter(pl.col("creative_id") == "k1")).map(_louder)
    expected = _louder(ROWS.filter(pl.col("creative_id") == "k1").sort(order))
    for _ in range(2):
        assert pl.concat([rows.sort(order) for rows in found]).equals(expected)


def test_a_few_more_are_where_their_order_puts_them():
    order = ("customer_id", "message_id")
    few = pl.DataFrame({"creative_id": "k0", "customer_id": ["b", "c2", "zz"], "message_id": ["s1", "s2", "s3"]})
    found = Rows.read(ROWS.lazy(), order).along(few)
    assert pl.concat([rows.sort(order) for rows in found]).equals(pl.concat([ROWS, few]).sort(order))


def test_a_window_is_a_share_where_rows_are_large():
    order = ("creative_id", "customer_id", "message_id")
    assert len(Rows.read(ROWS.lazy(), order, 100)) == ROWS.select(order[:2]).n_unique()


def _louder(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("message_id").str.to_uppercase())
