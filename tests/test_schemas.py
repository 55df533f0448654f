from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows import schemas
from flows.errors import DataError
from flows.schemas import COLUMNS, INSTANT, conform, frame_schema, is_taken

FRAMES = ("CUSTOMERS", "CONSENT", "SUPPRESSIONS", "EXCLUSIONS", "SEGMENT", "HISTORY", "DECISIONS", "ROUTED")


def test_every_frame_is_built_from_the_columns_that_stand_once():
    for name in FRAMES:
        schema = getattr(schemas, name)
        assert schema == frame_schema(*schema.names())
    assert all(column.meaning for column in COLUMNS.values())


def test_a_frame_comes_out_in_the_order_and_kinds_of_its_schema():
    given = pl.DataFrame({"happened_at": [date(2026, 1, 1)], "more": [1], "customer_id": [7]})
    expected = pl.DataFrame(
        {"customer_id": ["7"], "happened_at": [datetime(2026, 1, 1, tzinfo=UTC)], "until": [None]},
        schema=frame_schema("customer_id", "happened_at", "until"),
    )
    assert_frame_equal(conform(given, expected.schema, where="q", optional=["until"]), expected)


AT = datetime(2026, 11, 22, 9)  # noqa: DTZ001  (as DuckDB yields a TIMESTAMP)
CASTS = [
    (pl.Series(["x"]), pl.String(), ["x"]),
    (pl.Series([5]), pl.String(), ["5"]),
    (pl.Series(["x"], dtype=pl.Categorical), pl.String(), ["x"]),
    (pl.Series(["x"], dtype=pl.Enum(["x"])), pl.String(), ["x"]),
    (pl.Series([None]), pl.String(), [None]),
    (pl.Series([None]), INSTANT, [None]),
    (pl.Series([None]), pl.Date(), [None]),
    (pl.Series([AT]), INSTANT, [AT.replace(tzinfo=UTC)]),
    (pl.Series([AT]).dt.cast_time_unit("ns"), INSTANT, [AT.replace(tzinfo=UTC)]),
    (pl.Series([AT]).dt.replace_time_zone("Europe/Berlin"), INSTANT, [AT.replace(hour=8, tzinfo=UTC)]),
    (pl.Series([AT]), pl.Date(), [date(2026, 11, 22)]),
]


@pytest.mark.parametrize(("column", "wanted", "expected"), CASTS)
def test_what_can_be_taken_for_the_kind_that_is_wanted_is(column, wanted, expected):
    found = conform(column.alias("c").to_frame(), pl.Schema({"c": wanted}), where="q")
    assert (found.schema["c"], found["c"].to_list()) == (wanted, expected)


@pytest.mark.parametrize(
    ("column", "wanted", "kinds"),
    [
        (pl.Series([1.5]), pl.String(), "a number, and should be text"),
        (pl.Series([True]), pl.String(), "true or false, and should be text"),
        (pl.Series(["2026-01-01"]), INSTANT, "text, and should be an instant"),
        (pl.Series([5]), pl.Date(), "a number, and should be a date"),
        (pl.Series([["x"]]), pl.String(), "a list, and should be text"),
        (pl.Series([timedelta(1)]), pl.String(), "Duration(time_unit='us'), and should be text"),
    ],
)
def test_what_cannot_is_refused_with_file_and_kinds(column, wanted, kinds):
    with pytest.raises(DataError) as caught:
        conform(column.alias("c").to_frame(), pl.Schema({"c": wanted}), where="sql/q.sql")
    assert (caught.value.where, caught.value.hint) == ("sql/q.sql", "cast it in the query")
    assert caught.value.what == f"the column 'c' is {kinds}"


def test_a_missing_column_gets_the_nearest_name():
    with pytest.raises(DataError) as caught:
        conform(pl.DataFrame({"costumer_id": ["x"]}), frame_schema("customer_id"), where="sql/q.sql")
    assert (caught.value.what, caught.value.hint) == (
        "the column 'customer_id' is missing",
        "did you mean 'costumer_id'?",
    )


@pytest.mark.parametrize(
    "name", [*COLUMNS, "sms_reason", "web_match", "s1", "s12_html", "sender", "is_past", "_x", "unsubscribe_url"]
)
def test_a_column_of_the_line_is_taken(name):
    assert is_taken(name)


@pytest.mark.parametrize(
    "name", ["item", "first_name", "return_reason", "size", "s", "shipping_address", "last_seen_at", "email_count"]
)
def test_other_names_are_free(name):
    assert not is_taken(name)
