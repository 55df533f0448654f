import math
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import Catalogue
from flows.schemas import COLUMNS, INSTANT
from flows.stages.eligibility import latest_consent
from flows.stages.guard import guarded
from tests.stages.making import MOMENT, NOW, candidates, product, said

FIELDS = {
    "item": ("last_order",),
    "arrived_on": ("last_order",),
    "first_name": ("name",),
    "city": ("where_i_live",),
    "greeting": (),
}
OF = product(dimensions=["last_order", "name", "where_i_live"])
USUAL = {"item": "tent", "arrived_on": "2026-11-20", "first_name": "Ann", "city": "Bern", "greeting": "hello"}


def catalogue(**changes: dict) -> Catalogue:
    names = ("last_order", "name", "where_i_live", "age", "health")
    dimensions = {name: {"my": f"my {name}", "columns": ["t.c"], "known": "declared"} for name in names}
    for name, entries in changes.items():
        dimensions[name] |= entries
    return Catalogue.model_validate({"tables": {}, "dimensions": dimensions})


def guard(*rows: dict, of=OF, fields=None, consent: tuple = (), columns=None, **dimensions: dict) -> pl.DataFrame:
    """What the guard makes of candidates that were all decided for; `columns` are added as they are."""
    fields = FIELDS if fields is None else fields
    made = candidates(*(USUAL | {"customer_id": f"c{n}"} | row for n, row in enumerate(rows)), of=of)
    made = made.with_columns(
        country=pl.lit("DE"),
        locale=pl.lit("de-DE"),
        time_zone=pl.lit("UTC"),
        email_reason=pl.lit(None, pl.String),
        email_address=pl.lit("a@example.com"),
        email_match=pl.lit("a@example.com"),
        **(columns or {}),
    )
    decided = made.select("customer_id", "brand", "subject_id", "product", score=pl.lit(0.5))
    agreed = latest_consent(said(*consent), NOW)
    return guarded(decided, made, of, fields, catalogue(**dimensions), agreed, MOMENT)


def facts(*rows: dict, **given) -> list[list[str]]:
    return guard(*rows, **given)["facts"].to_list()


def test_what_is_known_is_used_in_the_order_of_the_product():
    assert facts({}) == [["last_order", "name", "where_i_live"]]
    assert facts({}, of=product(dimensions=["where_i_live", "last_order", "name"])) == [
        ["where_i_live", "last_order", "name"]
    ]


def test_decisions_keep_their_columns_and_get_the_channels_level_facts_and_fields():
    expected = pl.DataFrame(
        {
            "customer_id": ["c0"],
            "brand": ["nordtal"],
            "subject_id": pl.Series([None], dtype=pl.String),
            "product": ["care_guide"],
            "score": [0.5],
            "email_reason": pl.Series([None], dtype=pl.String),
            "email_address": ["a@example.com"],
            "email_match": ["a@example.com"],
            "country": ["DE"],
            "locale": ["de-DE"],
            "time_zone": ["UTC"],
            **{name: [value] for name, value in USUAL.items()},
            "level": pl.Series([3], dtype=pl.Int8),
            "facts": [["last_order", "name", "where_i_live"]],
            "facts_at": pl.Series([[]], dtype=COLUMNS["facts_at"].type),
            "missed": pl.Series([[]], dtype=COLUMNS["missed"].type),
        }
    )
    assert_frame_equal(guard({}), expected, check_column_order=False)


def test_a_dimension_is_present_only_with_all_its_fields():
    found = guard({"arrived_on": None}, {"item": None}, {})
    assert found["facts"].to_list() == [["name", "where_i_live"]] * 2 + [["last_order", "name", "where_i_live"]]
    assert found.select("item", "arrived_on").rows() == [(None, None), (None, None), ("tent", "2026-11-20")]


def test_it_is_noted_as_of_when_each_fact_is_known():
    earlier = NOW - timedelta(days=9)
    since = {"last_order_as_of": NOW, "name_as_of": earlier, "age_as_of": NOW}
    found = guard(since, since | {"item": None, "name_as_of": None})
    noted = [{"dimension": "last_order", "at": NOW}, {"dimension": "name", "at": earlier}]
    assert found["facts_at"].to_list() == [noted, []]
    assert found["facts"].to_list() == [["last_order", "name", "where_i_live"], ["name", "where_i_live"]]


def test_it_is_noted_which_dimensions_are_not_known_and_why():
    fresh, asking = {"fresh_for": "90 days"}, {"needs_consent": "home"}
    seen = {"last_order_as_of": NOW - timedelta(days=91), "first_name": None}
    found = guard(seen, last_order=fresh, where_i_live=asking)
    reasons = {"last_order": "stale", "name": "absent", "where_i_live": "not permitted"}
    assert found["missed"].to_list() == [[{"dimension": name, "why": why} for name, why in reasons.items()]]
    assert found["facts"].to_list() == [[]]
    assert guard(seen | {"item": None}, last_order=fresh)["missed"].to_list()[0][0]["why"] == "absent"


def test_a_missing_order_does_not_cost_the_name():
    found = guard({"item": None, "arrived_on": None, "city": None})
    assert found.select("facts", "first_name", "level").row(0) == (["name"], "Ann", 3)


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        "   ",
        "\u00a0",
        "\u200b",
        "\u200b \ufeff\u2060",
        "\t\n",
        "NULL",
        "none",
        " N/A ",
        "#N/A",
        "nan",
        "Undefined",
        "unknown",
    ],
)
def test_blanks_and_what_exports_write_for_nothing_are_nothing(nothing):
    assert facts({"first_name": nothing}) == [["last_order", "where_i_live"]]


@pytest.mark.parametrize("name", ["Na", "Test", "Ông", "Nil", "None-Smith"])
def test_names_that_look_like_nothing_are_names(name):
    assert guard({"first_name": name})["first_name"].to_list() == [name]


def test_text_is_cleaned_before_it_is_used():
    assert guard({"first_name": "  An\u200bn\n"})["first_name"].item() == "Ann"
    assert guard({"greeting": " a\tb "})["greeting"].item() == "a b"


@pytest.mark.parametrize(
    ("value", "is_there"), [(0, True), (False, True), (0.0, True), (math.nan, False), (math.inf, False)]
)
def test_zero_and_false_are_facts_and_what_is_no_number_is_not(value, is_there):
    fields = {"points": ("name",)}
    found = guard({"points": value}, fields=fields)
    assert found["facts"].to_list() == [["name"] if is_there else []]
    assert found["points"].to_list() == [value if is_there else None]


# Whatever the checks before let through.


def test_a_dimension_that_the_product_does_not_list_is_empty_for_everybody():
    fewer = product(dimensions=["last_order"])
    found = guard({}, {"item": None}, of=fewer)
    assert found["facts"].to_list() == [["last_order"], []]
    assert found.select("item", "first_name", "city", "greeting").rows() == [
        ("tent", None, None, "hello"),
        (None, None, None, "hello"),
    ]


def test_a_product_without_dimensions_says_the_same_to_everybody():
    found = guard({}, {}, of=product())
    assert found["facts"].to_list() == [[], []]
    assert found["level"].to_list() == [0, 0]
    assert found.select("item", "first_name", "city").unique().rows() == [(None, None, None)]


def test_a_fourth_dimension_is_empty_for_everybody():
    four = product(dimensions=["last_order", "name", "where_i_live", "age"])
    found = guard({"born_on": "2001"}, of=four, fields=FIELDS | {"born_on": ("age",)})
    assert found.select("level", "facts", "born_on").row(0) == (3, ["last_order", "name", "where_i_live"], None)


def test_what_people_can_tell_from_getting_it_at_all_counts_towards_the_three():
    told = product(dimensions=["last_order", "name", "where_i_live"], because=["age", "last_order"])
    found = guard({}, of=told)
    assert found.select("level", "facts", "city").row(0) == (2, ["last_order", "name"], None)
    everything_told = product(dimensions=["last_order"], because=["age", "health", "name", "where_i_live"])
    assert guard({}, of=everything_told).select("level", "facts", "item").row(0) == (0, [], None)


def test_no_column_but_the_fields_goes_on():
    found = guard({"secret": "x", "last_order_as_of": NOW, "name_as_of": NOW})
    assert {"secret", "last_order_as_of", "name_as_of", "valid_until"} & set(found.columns) == set()


def test_a_field_that_sounds_like_a_channels_column_stays_a_field():
    found = guard({"return_reason": "too small"}, fields={"return_reason": ("last_order",)})
    assert found.select("facts", "return_reason").row(0) == (["last_order"], "too small")


def test_a_dimension_that_no_words_use_is_no_fact():
    assert facts({}, fields={"item": ("last_order",)}) == [["last_order"]]


def test_a_field_of_two_dimensions_is_one_of_each():
    fields = FIELDS | {"nearest": ("last_order", "where_i_live")}
    found = guard({"nearest": "Bern"}, {"nearest": None}, {"nearest": "Bern", "city": None}, fields=fields)
    assert found["facts"].to_list() == [["last_order", "name", "where_i_live"]] + [["last_order", "name"]] * 2
    assert found["nearest"].to_list() == ["Bern", None, None]
    assert found["item"].to_list() == ["tent"] * 3


def test_whether_a_later_dimension_is_known_does_not_decide_if_an_earlier_one_is():
    """Else a message would tell of a dimension that it may not use, by what it leaves out."""
    fields = FIELDS | {"born_in": ("name", "age")}
    unlisted = guard({"born_in": "x"}, {"born_in": None}, fields=fields)
    assert unlisted["facts"].to_list() == [["last_order", "name", "where_i_live"]] * 2
    assert unlisted["first_name"].to_list() == ["Ann", "Ann"]
    last = product(dimensions=["name", "last_order", "age"])
    assert facts({"born_in": "x"}, {"born_in": None}, of=last, fields=fields) == [
        ["name", "last_order", "age"],
        ["name", "last_order"],
    ]


def test_a_dimension_that_is_shown_only_with_later_ones_is_known_with_the_first_of_them():
    fields = {"nearest": ("last_order", "name"), "whole": ("last_order", "where_i_live")}
    found = guard({"nearest": "a", "whole": "b"}, {"nearest": "a", "whole": None}, fields=fields)
    assert found.select("facts", "nearest", "whole").rows() == [
        (["last_order", "name", "where_i_live"], "a", "b"),
        (["last_order", "name"], "a", None),
    ]


def test_a_dimension_whose_fields_cannot_be_shown_is_no_fact():
    assert facts({"born_in": "x"}, fields={"born_in": ("name", "age")}) == [[]]


def test_words_without_fields_have_no_facts():
    assert facts({}, {}, fields={}) == [[], []]
    assert facts({}, fields={"greeting": ()}) == [[]]


# Fresh.


def test_a_dimension_is_used_as_long_as_it_is_fresh():
    limit = timedelta(days=30)
    seen = [NOW - limit, NOW - limit - timedelta(microseconds=1), None, NOW, NOW + timedelta(days=1)]
    column = {"name_as_of": pl.Series(seen, dtype=INSTANT)}
    found = facts(*[{}] * 5, columns=column, name={"fresh_for": "30 days"})
    assert [("name" in row) for row in found] == [True, False, False, True, True]
    assert [len(row) for row in found] == [3, 2, 2, 3, 3]


def test_a_dimension_that_has_to_be_fresh_and_does_not_say_since_when_is_not_used():
    found = guard({}, name={"fresh_for": "30 days"})
    assert found.select("facts", "first_name").row(0) == (["last_order", "where_i_live"], None)


# Permitted.


def test_a_sensitive_dimension_is_used_with_a_lawful_basis_only():
    healthy = product(dimensions=["health", "name"])
    fields = {"city": ("health",), "first_name": ("name",)}
    assert facts({}, of=healthy, fields=fields, health={"sensitive": True}) == [["name"]]
    lawful = {"sensitive": True, "lawful_basis": "explicit consent"}
    assert facts({}, of=healthy, fields=fields, health=lawful) == [["health", "name"]]


@pytest.mark.parametrize(
    ("events", "is_used"),
    [
        ([], False),
        ([{"topic": "my_name"}], True),
        ([{"topic": "my_name", "brand": "seewind"}], False),
        ([{"topic": "my_name", "customer_id": "c9"}], False),
        ([{"topic": "my_name", "state": "pending"}], False),
        ([{"topic": "my_name", "state": "no"}], False),
        ([{"topic": "other"}], False),
        ([{"topic": "my_name"}, {"topic": "my_name", "channel": "email", "state": "no"}], False),
    ],
)
def test_a_dimension_that_needs_consent_is_used_with_a_yes_to_its_topic_and_no_no(events, is_used):
    consent = tuple({"customer_id": "c0"} | event for event in events) or ({"customer_id": "c9"},)
    found = facts({}, consent=consent, name={"needs_consent": "my_name"})
    assert found == [["last_order", "name", "where_i_live"] if is_used else ["last_order", "where_i_live"]]


def test_consent_to_a_dimension_is_looked_up_for_each_person():
    consent = ({"customer_id": "c1", "topic": "my_name"}, {"customer_id": "c2", "topic": "my_name", "state": "no"})
    found = guard({}, {}, {}, consent=consent, name={"needs_consent": "my_name"})
    assert found["first_name"].to_list() == [None, "Ann", None]


# Whose facts.


def test_each_subject_has_its_own_facts():
    rows = [
        {"customer_id": "c1", "subject_id": s, "item": i} for s, i in [("o1", "tent"), ("o2", None), (None, "rope")]
    ]
    found = guard(*rows)
    assert found.select("subject_id", "item").rows() == [("o1", "tent"), ("o2", None), (None, "rope")]


def test_only_what_was_decided_is_guarded_and_in_its_order():
    made = candidates(*(USUAL | {"customer_id": c} for c in ("c1", "c2", "c3"))).with_columns(
        country=pl.lit("DE"), locale=pl.lit("de"), time_zone=pl.lit("UTC")
    )
    decided = made.select("customer_id", "brand", "subject_id").filter(pl.col("customer_id") != "c2").reverse()
    found = guarded(decided, made, OF, FIELDS, catalogue(), latest_consent(said(), NOW), MOMENT)
    assert found["customer_id"].to_list() == ["c3", "c1"]


def test_nobody_to_guard_is_an_empty_frame_with_the_same_columns():
    some = guard({})
    made = candidates(USUAL).with_columns(country=pl.lit("DE"), locale=pl.lit("de"), time_zone=pl.lit("UTC"))
    decided = made.select("customer_id", "brand", "subject_id").clear()
    found = guarded(decided, made.clear(), OF, FIELDS, catalogue(), latest_consent(said(), NOW), MOMENT)
    assert found.is_empty()
    assert found.schema["facts"] == some.schema["facts"]


def test_the_elements_of_a_list_are_cleaned_and_what_says_nothing_is_left_out():
    things = [["tent\r\nBcc: x@example.com", " ", None, "NULL", "\u202erope"], [], ["x"] * 5000]
    found = guard({}, {}, {}, columns={"item": pl.Series(things, dtype=pl.List(pl.String))})
    assert found["item"].to_list() == [["tent Bcc: x@example.com", "rope"], [], ["x"] * 100]


def test_of_the_dimensions_only_the_first_so_many_are_used_as_level_says():
    of = product(dimensions=["last_order", "name"], level=1)
    assert guard({}, of=of).select("level", "facts").row(0) == (1, ["last_order"])
    assert guard({}, of=product(dimensions=["last_order", "name"], level=0)).select("level", "facts").row(0) == (0, [])
