import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.reasons import CODES, MEANING, RANK, REASONS, first_of, furthest, named, rank

maybe = st.none() | st.sampled_from(CODES)


def test_the_precedence_is_that_of_the_contract():
    expected = (
        "ERASED EXCLUDED SUPPRESSED NO_CONSENT BAD_ADDRESS UNREACHABLE SILENCED_BY_SERVICE STALE_CONTEXT REPEATED CAPPED "
        "BELOW_THRESHOLD OUTRANKED HOLDOUT EXPOSED CROWD_TOO_SMALL OVER_BUDGET AUDIENCE_TOO_SMALL "
        "DUPLICATE_ADDRESS LOCALE_MISMATCH"
    )
    assert list(CODES) == expected.split()
    assert len(set(CODES)) == len(CODES) == len(RANK)


def test_each_reason_says_what_it_is_said_of_and_what_it_means():
    for reason in REASONS:
        assert set(reason.of) <= {"candidate", "delivery"}
        assert reason.of
        assert MEANING[reason.code] == reason.meaning != ""
    assert [r.code for r in REASONS if r.of == ("candidate",)] == [
        "BELOW_THRESHOLD",
        "OUTRANKED",
        "HOLDOUT",
    ]


@pytest.mark.property
@given(rows=st.lists(st.tuples(maybe, maybe, maybe), min_size=1, max_size=20))
def test_the_first_and_the_furthest_are_found_row_by_row(rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    found = frame.select(first=first_of(*map(pl.col, "abc")), last=furthest(*map(pl.col, "abc")))
    for row, (first, last) in zip(rows, found.rows(), strict=True):
        given_reasons = [code for code in row if code]
        assert first == min(given_reasons, key=CODES.index, default=None)
        assert last == max(given_reasons, key=CODES.index, default=None)


def test_a_rank_and_its_name_go_both_ways_and_nothing_stays_nothing():
    frame = pl.DataFrame({"reason": [*CODES, None]})
    assert frame.select(named(rank(pl.col("reason"))))["reason"].to_list() == [*CODES, None]


def test_a_code_that_is_not_in_the_list_is_our_mistake():
    with pytest.raises(pl.exceptions.InvalidOperationError):
        pl.DataFrame({"reason": ["TOO_LATE"]}).select(rank(pl.col("reason")))
