import math
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.errors import DataError
from flows.schemas import COLUMNS, INSTANT
from flows.stages.relevance import scored
from tests.stages.making import MOMENT, NOW, candidates, product


def score(relevance: dict | None, **columns: pl.Series) -> pl.DataFrame:
    height = max([1, *(len(column) for column in columns.values())])
    rows = candidates(*({"customer_id": f"c{n}"} for n in range(height)))
    frame = rows.with_columns(pl.lit(None, pl.String).alias("reason"), **columns)
    return scored(frame, product(relevance=relevance), MOMENT)


def terms(frame: pl.DataFrame, name: str) -> list[float]:
    return [{t["name"]: t["log_odds"] for t in row}[name] for row in frame["terms"]]


def test_a_score_is_logistic_over_base_and_terms():
    found = score(
        {"base": -1, "threshold": 0, "is_new": {"strength": "high"}, "visit_count": {"weight": 0.25}},
        is_new=pl.Series([True, False, None]),
        visit_count=pl.Series([2, 0, None], dtype=pl.Int32),
    )
    assert terms(found, "base") == [-1.0, -1.0, -1.0]
    assert terms(found, "is_new") == [2.0, 0.0, 0.0]
    assert terms(found, "visit_count") == [0.5, 0.0, 0.0]
    assert found["score"].to_list() == pytest.approx([1 / (1 + math.exp(-1.5)), 1 / (1 + math.e), 1 / (1 + math.e)])
    assert found["reason"].to_list() == [None, None, None]


def test_strengths_and_defaults_are_those_of_the_contract():
    for strength, size in {"low": 0.5, "medium": 1.0, "high": 2.0}.items():
        found = score({"is_new": {"strength": strength}}, is_new=pl.Series([True]))
        assert (terms(found, "base"), terms(found, "is_new")) == ([-2.0], [size])


def test_a_signal_fades_by_half_in_its_half_life_and_what_lies_ahead_has_not_begun_to_fade():
    ages = [timedelta(0), timedelta(days=5), timedelta(days=10), timedelta(days=-3), timedelta(days=2.5)]
    at = pl.Series([NOW - age for age in ages] + [None], dtype=INSTANT)
    found = score({"threshold": 0, "seen_at": {"weight": 3, "fades_in": "5 days"}}, seen_at=at)
    assert terms(found, "seen_at") == pytest.approx([3, 1.5, 0.75, 3, 3 / math.sqrt(2), 0], abs=1e-12)


def test_a_score_is_the_same_to_the_last_digit_however_many_are_scored_with_it():
    relevance = {"threshold": 0, "seen_at": {"strength": "high", "fades_in": "9 days"}, "visit_count": {"weight": 0.3}}
    at = pl.Series([NOW - timedelta(seconds=7_919 * n) for n in range(200)], dtype=INSTANT)
    visits = pl.Series(range(200), dtype=pl.Int32)
    together = score(relevance, seen_at=at, visit_count=visits)
    alone = pl.concat(score(relevance, seen_at=at[n : n + 1], visit_count=visits[n : n + 1]) for n in range(200))
    assert together["score"].to_list() == alone["score"].to_list()
    assert together["terms"].to_list() == alone["terms"].to_list()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_not_known_adds_nothing(value):
    found = score({"weight_of": {"weight": 2}}, weight_of=pl.Series([value], dtype=pl.Float64))
    assert terms(found, "weight_of") == [0.0]


def test_a_column_without_any_value_adds_nothing_faded_or_not():
    nothing = pl.Series([None, None], dtype=pl.Null)
    found = score({"a": {"weight": 2}, "b_at": {"weight": 2, "fades_in": "1 day"}}, a=nothing, b_at=nothing)
    assert terms(found, "a") == terms(found, "b_at") == [0.0, 0.0]


def test_below_the_threshold_nothing_is_said_and_at_it_it_is():
    found = score({"base": 0, "threshold": 0.5, "x": {"weight": 1}}, x=pl.Series([0.0, -0.001, 0.001]))
    assert found["reason"].to_list() == [None, "BELOW_THRESHOLD", None]


def test_an_earlier_reason_stands():
    rows = candidates({}).with_columns(reason=pl.lit("NO_CONSENT"), x=pl.lit(-9))
    assert scored(rows, product(relevance={"x": {"weight": 1}}), MOMENT)["reason"].to_list() == ["NO_CONSENT"]


def test_a_product_without_relevance_is_as_relevant_as_can_be():
    rows = candidates({}).with_columns(reason=pl.lit(None, pl.String))
    expected = rows.with_columns(score=pl.lit(1.0), terms=pl.lit([], COLUMNS["terms"].type))
    assert_frame_equal(scored(rows, product(), MOMENT), expected)


def test_a_product_of_only_a_base_has_one_score_for_all():
    found = score({"base": 0.0, "threshold": 0.4})
    assert (found["score"].to_list(), terms(found, "base")) == ([0.5], [0.0])


WRONG = {
    "text as a number": ({"x": {"weight": 1}}, pl.Series(["5"]), "turn it into a boolean or a number"),
    "a date as a number": ({"x": {"weight": 1}}, pl.Series([date(2026, 1, 1)]), "give it `fades_in`"),
    "an instant as a number": ({"x": {"weight": 1}}, pl.Series([NOW], dtype=INSTANT), "give it `fades_in`"),
    "a list": ({"x": {"weight": 1}}, pl.Series([[1]]), "turn it into a boolean or a number"),
    "a number that fades": ({"x_at": {"weight": 1, "fades_in": "1 day"}}, pl.Series([5]), "name an …_at column"),
    "a date that fades": (
        {"x_at": {"weight": 1, "fades_in": "1 day"}},
        pl.Series([date(2026, 1, 1)]),
        "name an …_at column",
    ),
}


@pytest.mark.parametrize(("relevance", "column", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_signal_of_the_wrong_kind_is_refused_with_its_query(relevance, column, hint):
    with pytest.raises(DataError) as caught:
        score(relevance, **dict.fromkeys(relevance, column))
    assert caught.value.where == "sql/segments/buyers.sql"
    assert f"the signal '{next(iter(relevance))}' is" in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.property
@given(
    base=st.floats(-5, 5),
    weights=st.lists(st.floats(-4, 4), min_size=1, max_size=4),
    signals=st.lists(st.one_of(st.none(), st.floats(-3, 3)), min_size=4, max_size=4),
    age_hours=st.integers(-50, 2000),
)
def test_the_terms_sum_to_the_log_odds_of_the_score(base, weights, signals, age_hours):
    sizes = {f"s{n}_value": {"weight": weight} for n, weight in enumerate(weights)}
    columns = {name: pl.Series([signals[n]], dtype=pl.Float64) for n, name in enumerate(sizes)}
    columns["seen_at"] = pl.Series([NOW - timedelta(hours=age_hours)], dtype=INSTANT)
    sizes["seen_at"] = {"weight": 1.5, "fades_in": "3 days"}
    found = score({"base": base, "threshold": 0, **sizes}, **columns)
    whole = (
        base + sum(w * (s or 0) for w, s in zip(weights, signals, strict=False)) + 1.5 * 2 ** (-max(age_hours, 0) / 72)
    )
    odds = found["score"].item()
    assert math.log(odds / (1 - odds)) == pytest.approx(whole, abs=1e-6)
    assert sum(term["log_odds"] for term in found["terms"].item()) == pytest.approx(whole, abs=1e-9)
