"""Over the budget of what may be shown to a person lately there are fewer facts, or nothing."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.ledger.exposure import LATELY
from flows.schemas import COLUMNS
from flows.setting_tables import Exposure
from flows.stages.exposure import exposed, spared
from tests.stages.making import product

FIELDS = {"item": ("last_order",), "first_name": ("name",), "city": ("where_i_live",), "greeting": ()}
DIMENSIONS = ["last_order", "name", "where_i_live"]
OF = product(dimensions=DIMENSIONS, because=["last_order"])
VALUES = {"item": "tent", "first_name": "Ann", "city": "Bern"}
BUDGET = Exposure(in_30_days=4, in_90_days=6)


def lately(**people: tuple[str, str]) -> pl.DataFrame:
    """Person -> what was shown to them in 30 days, and before that in 90."""
    rows = [
        {
            "person_key": person,
            "brand": "nordtal",
            "in_30_days": short.split(),
            "in_90_days": [*short.split(), *long.split()],
        }
        for person, (short, long) in people.items()
    ]
    return pl.DataFrame(rows, LATELY)


def guarded(*facts: list[str], person: str = "ann") -> pl.DataFrame:
    """What the guard hands on, of one person."""
    rows = [
        {"person_key": person, "brand": "nordtal", "reason": None, "level": 3, "facts": known, "greeting": "hello"}
        | {name: VALUES[name] if set(FIELDS[name]) <= set(known) else None for name in VALUES}
        for known in facts
    ]
    kinds = {name: column.type for name, column in COLUMNS.items() if name in rows[0]} | dict.fromkeys(
        FIELDS, pl.String
    )
    return pl.DataFrame(rows, kinds)


def left(short: str, long: str = "", *, facts: list[str] = DIMENSIONS, of=OF, budget=BUDGET) -> tuple:
    """Level, facts and reason that are left, of whom this was shown before."""
    done = spared(guarded(facts), lately(ann=(short, long)), of, FIELDS, budget)
    return done.select("level", "facts", "reason").row(0)


WHOLE = (3, DIMENSIONS, None)


def test_within_the_budget_nothing_changes():
    rows = guarded(DIMENSIONS)
    for before in (lately(), lately(ann=("age", ""), ben=("age health visits basket", ""))):
        assert_frame_equal(spared(rows, before, OF, FIELDS, BUDGET), rows)


def test_over_it_the_last_dimensions_go_and_their_fields():
    assert left("age health") == (2, ["last_order", "name"], None)
    assert left("age health visits") == (1, ["last_order"], None)
    done = spared(guarded(DIMENSIONS), lately(ann=("age health visits", "")), OF, FIELDS, BUDGET)
    assert done.select(*VALUES, "greeting").row(0) == ("tent", None, None, "hello")


def test_what_was_shown_already_costs_nothing_again():
    assert left("last_order name where_i_live age health visits") == WHOLE
    assert left("last_order name age health") == (2, ["last_order", "name"], None)


def test_where_the_product_cannot_be_given_without_something_new_it_is_not_given():
    assert left("age health visits basket") == (0, [], "EXPOSED")
    assert left("age health visits basket", of=product(dimensions=DIMENSIONS)) == (0, [], None)


def test_what_people_can_tell_from_getting_it_counts_though_it_is_no_fact():
    assert left("age health", facts=["name", "where_i_live"]) == (2, ["name"], None)


def test_ninety_days_have_a_budget_of_their_own():
    assert left("", "age health visits basket") == (2, ["last_order", "name"], None)
    assert left("", "age health visits basket questions logging_in") == (0, [], "EXPOSED")
    assert left("age", "last_order name") == (3, DIMENSIONS, None)


def test_a_fact_that_is_not_known_of_the_person_takes_no_room():
    assert left("age health", facts=["last_order", "where_i_live"]) == (3, ["last_order", "where_i_live"], None)


def test_a_service_message_is_never_stopped_nor_made_less():
    service = product(dimensions=DIMENSIONS, because=["last_order"], message_type="service")
    assert left("age health visits basket", of=service) == WHOLE


def test_another_brand_and_another_person_have_a_budget_of_their_own():
    full = lately(ann=("age health visits basket", ""))
    assert_frame_equal(
        spared(guarded(DIMENSIONS, person="ben"), full, OF, FIELDS, BUDGET), guarded(DIMENSIONS, person="ben")
    )
    other = full.with_columns(brand=pl.lit("seewind"))
    assert_frame_equal(spared(guarded(DIMENSIONS), other, OF, FIELDS, BUDGET), guarded(DIMENSIONS))


def test_a_budget_smaller_than_a_message_holds_for_people_who_were_shown_nothing():
    assert left("", budget=Exposure(in_30_days=2, in_90_days=9)) == (2, ["last_order", "name"], None)
    assert left("", budget=Exposure(in_30_days=0, in_90_days=9)) == (0, [], "EXPOSED")


@pytest.mark.parametrize(
    ("message_type", "facts", "before", "reason"),
    [
        ("marketing", ["name"], "age health visits", "EXPOSED"),
        ("marketing", [], "age health visits", None),
        ("marketing", [], "age health visits basket", "EXPOSED"),
        ("marketing", ["name"], "age health visits basket last_order name", None),
        ("service", ["name"], "age health visits basket", None),
    ],
)
def test_a_planned_delivery_is_held_against_what_was_shown_since(message_type, facts, before, reason):
    rows = guarded(facts).with_columns(product=pl.lit(OF.name), message_type=pl.lit(message_type))
    done = exposed(rows, lately(ann=(before, "")), {OF.name: OF}, BUDGET)
    assert_frame_equal(done, rows.with_columns(reason=pl.lit(reason, pl.String)))


def test_a_planned_delivery_keeps_the_reason_it_has():
    rows = guarded(["name"]).with_columns(
        product=pl.lit(OF.name), message_type=pl.lit("marketing"), reason=pl.lit("NO_CONSENT")
    )
    done = exposed(rows, lately(ann=("age health visits basket", "")), {OF.name: OF}, BUDGET)
    assert done["reason"].to_list() == ["NO_CONSENT"]


KNOWN = st.lists(st.sampled_from([*DIMENSIONS, "age", "health", "visits", "basket"]), unique=True, max_size=6)


@pytest.mark.property
@given(
    short=KNOWN,
    long=KNOWN,
    facts=st.lists(st.sampled_from(DIMENSIONS), unique=True),
    order=st.sampled_from(list(itertools.permutations(DIMENSIONS))),
    because=st.lists(st.sampled_from([*DIMENSIONS, "age"]), unique=True, max_size=2),
    budget=st.tuples(st.integers(0, 6), st.integers(0, 8)),
)
def test_nothing_new_is_shown_over_the_budget_and_no_more_is_taken_than_has_to_be(
    short, long, facts, order, because, budget
):
    """Counted again with sets."""
    of = product(dimensions=list(order), because=because)
    known = [name for name in order if name in facts]
    before = lately(ann=(" ".join(short), " ".join(set(long) - set(short))))
    done = spared(guarded(known), before, of, FIELDS, Exposure(in_30_days=budget[0], in_90_days=budget[1]))

    def fits(said: set[str]) -> bool:
        windows = zip((set(short), {*short, *long}), budget, strict=True)
        return all(said <= seen or len(said | seen) <= most for seen, most in windows)

    levels = [n for n in range(4) if fits({*because, *(name for name in known if name in order[:n])})]
    level = max(levels, default=0)
    expected = (level, [name for name in known if name in order[:level]], None if levels else "EXPOSED")
    assert done.select("level", "facts", "reason").row(0) == expected


def test_fields_may_have_the_names_of_the_windows():
    fields = {"in_30_days": ("name",), "in_90_days": ("last_order",)}
    rows = guarded(DIMENSIONS).with_columns(in_30_days=pl.lit("a"), in_90_days=pl.lit("b"))
    done = spared(rows, lately(ann=("age health visits", "")), OF, fields, BUDGET)
    assert done.select("in_30_days", "in_90_days").row(0) == (None, "b")
    assert done.columns == rows.columns
