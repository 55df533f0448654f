"""Golden cases: <segment>/<case>/input.sql makes a warehouse of only the rows it needs; expected.csv is what comes out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import read_catalogue, read_segment
from flows.sample import build_sample
from flows.warehouse.connection import connect, query
from flows.warehouse.scope import Scope, open_scoped
from flows.warehouse.statements import check_statement, read_statement

HERE = Path(__file__).parent
SQL = HERE.parent.parent / "sql"
AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
CASES = sorted(path.parent for path in HERE.glob("*/*/input.sql"))
SEGMENTS = sorted(path.stem for path in (SQL / "segments").glob("*.sql"))
# Columns that the line reads itself; every other one is a field or a signal.
OF_THE_LINE = {"customer_id", "brand", "subject_id", "valid_until", "next_due_on"}
SIGNALS = {
    "comparing_items": {"last_viewed_at", "view_count"},
    "delayed_orders": {"late_days"},
    "delivered_recently": {"delivered_at", "opened_care_page"},
    "open_returns": set(),
    "running_low": {"due_at", "bought_count"},
    "unfinished_baskets": {"left_at", "came_back"},
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_segment_yields_the_expected_rows(case: Path, tmp_path: Path) -> None:
    database = _warehouse(tmp_path / "case.duckdb", case / "input.sql")
    found = _segment(database, case.parent.name)
    expected = pl.read_csv(case / "expected.csv", infer_schema=False)
    assert_frame_equal(_as_text(found), expected, check_row_order=False)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_of_an_empty_warehouse_is_empty(segment: str, tmp_path: Path) -> None:
    database = _warehouse(tmp_path / "empty.duckdb", None)
    assert _segment(database, segment).is_empty()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_has_golden_cases_and_keeps_the_rules_for_sql(segment: str) -> None:
    assert sum(case.parent.name == segment for case in CASES) >= 5
    check_statement(_text(segment), f"sql/segments/{segment}.sql", read_catalogue(SQL))


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_yields_its_declared_fields_and_since_when_each_dimension_is_known(
    segment: str, tmp_path: Path
) -> None:
    fields = read_segment(SQL, segment, read_catalogue(SQL)).fields
    since = {f"{dimension}_as_of" for field in fields.values() for dimension in field.dimensions}
    yielded = set(_segment(_warehouse(tmp_path / "empty.duckdb", None), segment).columns) - OF_THE_LINE
    assert yielded == {*fields, *since, *SIGNALS[segment]}
    assert all(len(field.examples) >= 2 for field in fields.values())


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_items_of_the_examples_are_the_same_in_both_languages(segment: str, tmp_path: Path) -> None:
    build_sample(tmp_path / "sample.duckdb", SQL, as_of=AS_OF, customers=1)
    with connect(tmp_path / "sample.duckdb", read_only=True) as connection:
        german = dict(query(connection, "SELECT name, name_de FROM items").iter_rows()) | {"order": "Bestellung"}
    fields = read_segment(SQL, segment, read_catalogue(SQL)).fields
    for name in ("item", "other_item"):
        if name in fields:
            assert [german[item] for item in fields[name].examples] == fields[f"{name}_de"].examples


def _warehouse(path: Path, rows: Path | None) -> Path:
    with connect(path) as connection:
        connection.execute((SQL / "sample" / "01_schema.sql").read_text(encoding="utf-8"))
        if rows is not None:
            connection.execute(rows.read_text(encoding="utf-8"))
    return path


def _text(segment: str) -> str:
    return read_statement(SQL / "segments" / f"{segment}.sql", f"sql/segments/{segment}.sql")


def _segment(database: Path, segment: str) -> pl.DataFrame:
    text = _text(segment)
    given = {"as_of": AS_OF, "now": NOW.replace(tzinfo=None)}
    with open_scoped(database, read_catalogue(SQL), Scope(), NOW, memory="1 GiB") as session:
        return session.query(text, {name: value for name, value in given.items() if f"${name}" in text})


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(instants).dt.strftime("%Y-%m-%d %H:%M:%S")).cast(pl.String)
