"""Whom the segments name is held against the last run: a query that lost half of them is not "everybody is served"."""

from __future__ import annotations

import duckdb
import pytest

from flows.errors import SourceError
from flows.line.health import check_people
from tests.tiny import crowd, day, make

RAISE_FALL = "or raise the setting `largest_fall` for one run"


@pytest.fixture(scope="module")
def hundred(tmp_path_factory):
    """A hundred people of `care`, and as many orders of theirs for `late`, after a run."""
    people = crowd(100)
    late = [(person[0], "north", f"o{person[0]}", "tent", 3) for person in people]
    tiny = make(tmp_path_factory.mktemp("hundred") / "tiny", people=people, late=late, brands=["north"])
    return tiny, tiny.run().plan


@pytest.fixture
def tiny(hundred, tmp_path):
    return hundred[0].copy(tmp_path / "tiny")


def keep(tiny, segment, condition):
    """Only some of a segment's people: its tables stay whole."""
    tiny.edit(
        f"sql/segments/{segment}.sql", "USING (customer_id, brand)", f"USING (customer_id, brand) WHERE {condition}"
    )


def remember(tiny, number):
    """Another past: the last run saw so many people of `care`."""
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as ledger:
        ledger.execute(f"UPDATE segment_count SET row_count = {number}, open_count = {number} WHERE product = 'care'")


def refused(tiny, **request):
    before = tiny.everything(), tiny.batches()
    with pytest.raises(SourceError) as caught:
        tiny.run(at=day(1), **request)
    assert (tiny.everything(), tiny.batches()) == before
    assert caught.value.exit_code == 1
    return caught.value.where, caught.value.what, caught.value.hint


@pytest.mark.bad_input(42)
def test_a_run_notes_how_many_people_each_segment_named_and_may_be_spoken_to(delivered):
    tiny, _ = delivered
    counts = tiny.history("SELECT product, row_count, open_count FROM segment_count ORDER BY product")
    # Of `care` c09, c11 and c12 are barred, and c10 has no address; all three late orders are told.
    assert counts == [("care", 15, 11), ("late", 3, 3)]


@pytest.mark.bad_input(42)
def test_a_segment_that_names_far_fewer_people_stops_the_run_before_it_claims(tiny):
    keep(tiny, "owners", "n.customer_id < 'p00049'")
    assert refused(tiny) == (
        "product care",
        "the rows of its segment fell from 100 to 49 since it was last delivered",
        f"look at its query; if it may, say `comes_and_goes: true` in sql/segments/owners.yaml; {RAISE_FALL}",
    )


@pytest.mark.slow
def test_a_fall_that_is_right_is_taken_by_a_setting_and_is_what_the_next_run_goes_by(tiny):
    keep(tiny, "owners", "n.customer_id < 'p00049'")
    tiny.set(largest_fall=0.6)
    tiny.run(at=day(1))
    assert tiny.history("SELECT row_count FROM segment_count WHERE product = 'care' ORDER BY 1") == [(49,), (100,)]


@pytest.mark.bad_input(42)
@pytest.mark.slow
def test_a_segment_that_names_nobody_any_more_stops_what_delivers_it_and_nothing_else(tiny):
    keep(tiny, "owners", "false")
    assert (
        refused(tiny, products=("care",))[1] == "the rows of its segment fell from 100 to 0 since it was last delivered"
    )
    tiny.run(at=day(5), products=("late",))
    said = tiny.history("SELECT product, count(*) FROM segment_count GROUP BY product ORDER BY product")
    assert said == [("care", 1), ("late", 2)]  # what a run does not deliver it does not get used to
    assert refused(tiny)[0] == "product care"


def test_a_segment_that_comes_and_goes_may_name_nobody(tiny, hundred):
    tiny.edit("sql/segments/owners.yaml", "fields:", "comes_and_goes: true\nfields:")
    counts = {"care": 0, "late": 100}
    check_people(tiny.load(), hundred[1].model_copy(update={"candidates": counts, "open_counts": counts}))
    half = hundred[1].model_copy(
        update={"candidates": {"care": 4000, "late": 100}, "open_counts": {"care": 10, "late": 100}}
    )
    remember(tiny, 8000)
    with pytest.raises(SourceError) as caught:
        check_people(tiny.load(), half)
    assert caught.value.what == "the people who may be spoken to fell from 4000 to 10 since it was last delivered"


@pytest.mark.bad_input(42)
def test_people_who_may_all_of_a_sudden_not_be_spoken_to_stop_the_run(tiny):
    tiny.edit("sql/consent.sql", "FROM consents", "FROM consents WHERE customer_id < 'p00020'")
    where, what, hint = refused(tiny)
    assert (where, what) == (
        "product care",
        "the people who may be spoken to fell from 100 to 20 since it was last delivered",
    )
    assert hint.startswith(
        "look at sql/consent.sql, sql/suppressions.sql, sql/exclusions/ and the addresses in sql/cust"
    )


@pytest.mark.bad_input(42)
@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (1000, 2001, "rose from 1000 to 2001"),
        (1000, 2000, None),
        (999, 5000, None),
        (100, 49, "fell from 100 to 49"),
        (100, 50, None),
        (99, 0, None),
    ],
)
def test_a_rise_is_judged_from_a_thousand_people_on_and_a_fall_from_a_hundred(tiny, hundred, before, now, said):
    remember(tiny, before)
    counts = {"care": now, "late": 100}
    plan = hundred[1].model_copy(update={"candidates": counts, "open_counts": counts})
    if said is None:
        check_people(tiny.load(), plan)
        return
    with pytest.raises(SourceError) as caught:
        check_people(tiny.load(), plan)
    assert caught.value.what == f"the rows of its segment {said} since it was last delivered"


def test_who_has_had_the_help_may_still_be_spoken_to(tiny, hundred):
    again = tiny.plan(at=day(1))
    assert again.people["service"].reasons == {"REPEATED": 100}
    assert again.open_counts == hundred[1].open_counts == {"care": 100, "late": 100}


@pytest.mark.slow
def test_a_run_for_a_few_is_held_against_nothing(tiny):
    outcome = tiny.run(at=day(1), customers=("p00003",))
    assert outcome.plan.candidates == {"care": 1, "late": 1}
    assert tiny.history("SELECT product, row_count FROM segment_count ORDER BY 1") == [("care", 100), ("late", 100)]


def test_a_new_product_is_held_against_nothing(tiny, hundred):
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as ledger:
        ledger.execute("DELETE FROM segment_count")
    check_people(tiny.load(), hundred[1])
