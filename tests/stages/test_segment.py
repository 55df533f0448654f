from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from polars.testing import assert_frame_equal

from flows.clock import Moment
from flows.schemas import INSTANT, SEGMENT
from flows.stages.segment import candidates
from tests.stages.making import KEY, MOMENT, TODAY, product

ENDS = datetime(2026, 11, 27, tzinfo=UTC)
FIVE_DAYS = {"when": {"valid_for": "5 days"}}


def rows(*given: dict) -> pl.DataFrame:
    usual = {"customer_id": "c1", "brand": "nordtal", "subject_id": None, "valid_until": None, "next_due_on": None}
    return pl.DataFrame([usual | {"item": "tent"} | row for row in given], schema={**SEGMENT, "item": pl.String})


def test_candidates_have_their_product_a_key_for_their_subject_and_an_end():
    found = candidates(rows({"subject_id": "o1"}, {"customer_id": "c2"}), product(**FIVE_DAYS), MOMENT, KEY)
    key = pl.DataFrame({"s": ["o1"]}).select(KEY.of(pl.col("s"))).item()
    expected = pl.DataFrame(
        {
            "customer_id": ["c1", "c2"],
            "brand": "nordtal",
            "subject_id": ["o1", None],
            "item": "tent",
            "product": "care_guide",
            "message_type": "marketing",
            "subject_key": [key, None],
            "valid_until": pl.Series([ENDS, ENDS], dtype=INSTANT),
        }
    )
    assert_frame_equal(found, expected)


def test_a_row_ends_with_its_product_or_earlier_but_never_later():
    ends = [ENDS - timedelta(hours=1), ENDS, ENDS + timedelta(days=9), None]
    given = rows(*({"customer_id": f"c{n}", "valid_until": end} for n, end in enumerate(ends)))
    found = candidates(given, product(**FIVE_DAYS), MOMENT, KEY)
    assert found["valid_until"].to_list() == [ENDS - timedelta(hours=1), ENDS, ENDS, ENDS]


def test_the_end_does_not_move_during_a_day_and_follows_the_time_zone_of_the_workspace():
    start = datetime(2026, 11, 22, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    for hour in (1, 9, 22):
        now = datetime(2026, 11, 22, hour, tzinfo=UTC)
        found = candidates(rows({}), product(**FIVE_DAYS), Moment(TODAY, now, now, start), KEY)
        assert found["valid_until"].item() == datetime(2026, 11, 26, 23, tzinfo=UTC)


def test_a_row_that_is_due_later_is_no_candidate_yet():
    dues = [None, date(2026, 11, 21), TODAY, date(2026, 11, 23)]
    given = rows(*({"customer_id": f"c{n}", "next_due_on": due} for n, due in enumerate(dues)))
    assert candidates(given, product(), MOMENT, KEY)["customer_id"].to_list() == ["c0", "c1", "c2"]


def test_rows_of_brands_for_which_the_product_does_not_speak_are_left_out():
    given = rows({"brand": "nordtal"}, {"brand": "seewind"}, {"brand": "other"})
    assert candidates(given, product(brands=["seewind"]), MOMENT, KEY)["brand"].to_list() == ["seewind"]


def test_a_segment_that_yields_nobody_makes_no_candidates():
    found = candidates(rows().clear(), product(), MOMENT, KEY)
    assert found.is_empty()
    assert found.schema == candidates(rows({}), product(), MOMENT, KEY).schema
