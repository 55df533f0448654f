"""How many people are shown the same facts, by parts or all at once; and what is shown where they are too few."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.schemas import COLUMNS, ROUTED
from flows.stages.crowd import COUNTED, HELD, crowded, lowered, merged, recounted, shown
from flows.wording import WordsKey
from flows.words import Part, Words, read_words
from tests.stages.making import KEY, product

FIELDS = {
    "item": ("last_order",),
    "arrived_on": ("last_order",),
    "first_name": ("name",),
    "city": ("where_i_live",),
    "anniversary": ("last_order", "where_i_live"),
    "greeting": (),
}
DIMENSIONS = ["last_order", "name", "where_i_live"]
OF = product(dimensions=DIMENSIONS)
USUAL = {
    "item": "tent",
    "arrived_on": None,
    "first_name": "Ann",
    "city": None,
    "anniversary": None,
    "greeting": "hello",
}
FLOORS = {"email": 0, "sms": 0, "web": 3, "ads": 3}
TOLD = ["ads"]


def _words(folder: Path, text: str) -> Words:
    (folder / "words.j2").write_text(f"{{% block body %}}{text}{{% endblock %}}", encoding="utf-8")
    return read_words(folder / "words.j2", [Part("body", is_html=False)], folder, name="words.j2")


def _made() -> dict[WordsKey, Words]:
    """The web shows everything, ads the order, SMS the name; e-mail has a variant that shows less."""
    everything = "".join(f"{{{{ {name} }}}}" for name in FIELDS)
    texts = {
        ("web", None): everything,
        ("ads", None): "{{ item }}",
        ("sms", None): "{{ first_name }}",
        ("email", None): everything,
        ("email", "short"): "{% if item %}yours{% endif %}",
    }
    with tempfile.TemporaryDirectory() as name:
        return {WordsKey(*key, locale=None): _words(Path(name), text) for key, text in texts.items()}


WORDS = _made()


def deliveries(*rows: dict, channel: str = "web", of=OF) -> pl.DataFrame:
    """As routing hands them on: each to somebody else unless a row says so; facts are those that the fields have."""
    done = []
    for number, row in enumerate(rows):
        fields = USUAL | {name: value for name, value in row.items() if name in FIELDS}
        known = [
            d for d in of.dimensions if any(fields[name] is not None for name, dims in FIELDS.items() if d in dims)
        ]
        about = {"customer_id": f"c{number:02}", "brand": "nordtal", "product": of.name, "channel": channel, "level": 3}
        done.append({**dict.fromkeys(ROUTED.names()), **about, "facts": known, **row, **fields})
    kinds = {name: column.type for name, column in COLUMNS.items() if name in ROUTED} | dict.fromkeys(FIELDS, pl.String)
    return pl.DataFrame(done, schema=kinds)


def planned(
    rows: pl.DataFrame, *, of=OF, floors=FLOORS, held: pl.DataFrame | None = None, parts: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The deliveries as they are left, and their classes, with the customers cut into parts."""
    part_of = rows["customer_id"].hash(0) % parts
    cut = [shown(rows.filter(part_of == part), of, WORDS, FIELDS, KEY) for part in range(parts)]
    classes = crowded(merged(counts for _, counts in cut), HELD.to_frame() if held is None else held, floors, TOLD)
    return pl.concat(lowered(one, classes, of, FIELDS) for one, _ in cut), classes


def left(*rows: dict, **how) -> list[tuple]:
    """Item, city and first name, and the reason, as they are left."""
    channel, of = how.pop("channel", "web"), how.get("of", OF)
    done, _ = planned(deliveries(*rows, channel=channel, of=of), **how)
    return done.sort("customer_id", "subject_id").select("item", "city", "first_name", "reason").rows()


BERN, ULM = {"city": "Bern"}, {"city": "Ulm"}


def test_a_fact_that_as_many_share_as_there_have_to_be_is_shown():
    assert left(BERN, BERN, BERN) == [("tent", "Bern", "Ann", None)] * 3


def test_below_the_floor_the_last_dimension_goes_and_is_counted_again_at_the_next_level():
    assert left(BERN, BERN, ULM) == [("tent", None, "Ann", None)] * 3


def test_in_the_end_nothing_is_shown():
    assert left({"item": "rope"}, {"item": "stove"}, {}, {}) == [(None, None, None, None)] * 4


def test_the_level_and_the_facts_say_what_is_left():
    done, _ = planned(deliveries(BERN, BERN, ULM))
    assert done.select("level", "facts").rows() == [(2, ["last_order", "name"])] * 3
    done, _ = planned(deliveries({}, {"item": "rope"}))
    assert done.select("level", "facts").rows() == [(0, [])] * 2


def test_names_are_left_aside():
    rows = [{"first_name": name} for name in ("Ann", "Ben", None)]
    assert [row[2] for row in left(*rows)] == ["Ann", "Ben", None]
    assert left({"item": None}, {"item": None, "first_name": "Ben"}) == [
        (None, None, "Ann", None),
        (None, None, "Ben", None),
    ]


def test_a_dimension_behind_the_name_goes_before_the_name_and_one_before_it_takes_the_name_along():
    assert left({}, BERN) == [(None, None, None, None)] * 2
    first = product(dimensions=["name", "last_order", "where_i_live"])
    assert left({}, BERN, of=first) == [(None, None, "Ann", None)] * 2


def test_those_who_are_shown_more_are_no_crowd_for_those_who_are_shown_less():
    """Whoever sees the mail of the one from Ulm knows that it goes to nobody in Bern."""
    assert left(BERN, BERN, BERN, ULM) == [("tent", "Bern", "Ann", None)] * 3 + [(None, None, None, None)]


def test_those_of_whom_less_is_known_are_a_crowd_for_those_who_are_shown_less():
    assert left({}, {}, ULM) == [("tent", None, "Ann", None)] * 3


def test_a_field_of_two_dimensions_goes_with_either():
    rows = [{"anniversary": day, "city": "Bern"} for day in ("1 May", "1 May", "2 May")]
    done, _ = planned(deliveries(*rows))
    assert done.select("item", "anniversary", "city").rows() == [("tent", None, None)] * 3


def test_a_field_that_tells_nothing_about_the_person_neither_counts_nor_goes():
    done, _ = planned(deliveries({"greeting": "a"}, {"greeting": "b", "item": "rope"}))
    assert done["greeting"].to_list() == ["a", "b"]
    assert done["item"].to_list() == [None, None]


def test_only_what_the_words_of_the_channel_show_counts():
    assert left(BERN, ULM, {"city": "Chur"}, channel="ads") == [
        ("tent", city, "Ann", None) for city in ("Bern", "Ulm", "Chur")
    ]


def test_an_audience_that_is_too_small_without_any_facts_gets_nothing():
    assert left({}, {}, channel="ads") == [(None, None, None, "CROWD_TOO_SMALL")] * 2
    assert left({}, {"item": "rope"}, {}, channel="ads") == [(None, None, None, None)] * 3


def test_where_any_number_will_do_people_are_counted_and_nothing_else():
    rows = deliveries(BERN, ULM, channel="email")
    done, classes = planned(rows)
    assert_frame_equal(done.drop("shown"), rows.drop("shown"))
    assert classes.select("people", "crowd", "deliveries", "reason").rows() == [(1, 1, 1, None)] * 2


def test_each_brand_and_channel_is_a_crowd_of_its_own():
    rows = pl.concat([deliveries({}, {"brand": "seewind"}), deliveries({}, {}, channel="email")])
    assert planned(rows)[0]["item"].to_list() == [None, None, "tent", "tent"]


def test_a_variant_that_shows_the_same_facts_is_the_same_crowd_and_one_that_shows_fewer_is_not():
    rows = [{"variant": "short"}, {"variant": "short", "city": "Bern"}, {"variant": "other"}, BERN]
    _, classes = planned(deliveries(*rows, channel="email"))
    assert sorted(classes["people"].to_list()) == [1, 3]


def test_deliveries_with_a_reason_or_without_words_are_no_crowd():
    rows = deliveries({}, {}, {"reason": "NO_CONSENT"}, {"channel": "push"})
    done, classes = planned(rows)
    assert done["item"].to_list() == [None, None, None, "tent"]
    assert done["reason"].to_list() == [None, None, "NO_CONSENT", None]
    assert classes["people"].sum() == 2


def test_a_person_with_two_orders_is_one_of_the_crowd():
    same = {"customer_id": "c00"}
    rows = [same | {"subject_id": "o1"}, same | {"subject_id": "o2"}, same | {"subject_id": "o3"}]
    assert left(*rows) == [(None, None, None, None)] * 3
    _, classes = planned(deliveries(*rows, {"customer_id": "c01"}, channel="email"))
    assert classes.select("people", "deliveries").rows() == [(2, 4)]


def test_people_who_are_shown_it_already_count():
    rows = deliveries(BERN)
    now = shown(rows, OF, WORDS, FIELDS, KEY)[0]["shown"].item()
    held = pl.DataFrame([{"product": OF.name, "brand": "nordtal", "channel": "web", "shown": now, "people": 2}], HELD)
    assert planned(rows, held=held)[0]["city"].to_list() == ["Bern"]
    assert planned(rows, held=held.with_columns(people=pl.lit(1, pl.UInt32)))[0]["city"].to_list() == [None]
    assert planned(rows, held=held.with_columns(brand=pl.lit("seewind")))[0]["city"].to_list() == [None]


def test_what_is_shown_is_kept_under_the_key_and_not_in_clear():
    done, classes = planned(deliveries(BERN, channel="email"))
    other = type(KEY)("k2", "ab" * 32)
    assert shown(deliveries(BERN, channel="email"), OF, WORDS, FIELDS, other)[0]["shown"].item() != done["shown"].item()
    assert "Bern" not in str(classes.rows())
    assert done["shown"].str.contains(r"^[0-9a-f]{16}$").all()


def test_lowered_deliveries_say_what_they_show_now():
    done, classes = planned(deliveries(BERN, BERN, ULM))
    as_if = shown(deliveries({}), OF, WORDS, FIELDS, KEY)[0]["shown"].item()
    assert done["shown"].to_list() == [as_if] * 3
    assert set(classes["kept"]) == {as_if}


def test_nobody_is_an_empty_frame_of_the_same_columns():
    done, classes = planned(deliveries({}).clear())
    assert (done.schema, done.height, classes.height) == (deliveries({}).schema, 0, 0)
    bare, counts = shown(deliveries({}), product(), WORDS, {"greeting": ()}, KEY)
    assert (bare["shown"].null_count(), counts["level"].to_list(), counts["people"].to_list()) == (0, [0], [1])


PERSON = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from([f"c{n:02}" for n in range(14)]),
        "brand": st.sampled_from(["nordtal", "nordtal", "seewind"]),
        "channel": st.sampled_from(["web", "web", "ads", "email", "push"]),
        "reason": st.sampled_from([None, None, None, "NO_CONSENT"]),
        "item": st.sampled_from(["tent", "tent", "rope", None]),
        "arrived_on": st.sampled_from([None, None, "1 May"]),
        "city": st.sampled_from(["Bern", "Bern", "Ulm", None]),
        "first_name": st.sampled_from(["Ann", "Ben", None]),
    }
)


@pytest.mark.slow
@pytest.mark.property
@given(
    people=st.lists(PERSON, max_size=30),
    order=st.sampled_from(list(itertools.permutations(DIMENSIONS))),
    floor=st.integers(1, 5),
    parts=st.integers(1, 4),
)
def test_no_crowd_below_the_floor_is_shown_anything_however_people_are_cut_into_parts(people, order, floor, parts):
    """Counted again in plain Python, by the values that are left."""
    of = product(dimensions=list(order))
    rows = deliveries(*(person | {"subject_id": f"s{n}"} for n, person in enumerate(people)), of=of)
    floors = {"email": 0, "push": 0, "web": floor, "ads": floor}
    done, classes = planned(rows, of=of, floors=floors)
    in_parts, classes_of_parts = planned(rows, of=of, floors=floors, parts=parts)
    assert_frame_equal(in_parts.sort("subject_id"), done.sort("subject_id"))
    assert_frame_equal(classes_of_parts, classes)
    crowds: dict[tuple, set[str]] = {}
    for before, after in zip(rows.to_dicts(), done.to_dicts(), strict=True):
        fewer = order[: after["level"]]
        assert after["facts"] == [name for name in before["facts"] if name in fewer]
        for name, dims in FIELDS.items():
            assert after[name] == (before[name] if set(dims) <= set(fewer) else None)
        if after["channel"] == "email":
            assert after["level"] == before["level"]
        if after["reason"] is None and after["channel"] in {"web", "ads"}:
            names = ("item",) if after["channel"] == "ads" else ("item", "arrived_on", "city")
            said = tuple(after[name] for name in names)
            crowds.setdefault((after["brand"], after["channel"], *said), set()).add(after["customer_id"])
    for (_, channel, *said), crowd in crowds.items():
        assert len(crowd) >= floor or (channel == "web" and not any(said))


def test_fields_may_have_the_names_of_what_is_counted_here():
    names = ["people", "deliveries", "ladder", "keeps", "kept", "barred", "crowd", "is_first"]
    fields = dict.fromkeys(names, ("last_order",))
    of = product(dimensions=["last_order"])
    with tempfile.TemporaryDirectory() as folder:
        words = {WordsKey("web", None, None): _words(Path(folder), "".join(f"{{{{ {name} }}}}" for name in names))}
    rows = deliveries({}, {}, {}).with_columns(pl.lit(name).alias(name) for name in names)
    rows = rows.with_columns(kept=pl.Series(["a", "a", "b"]), facts=pl.lit(["last_order"]))
    done, counts = shown(rows, of, words, fields, KEY)
    assert sorted(counts["people"].to_list()) == [1, 2]
    left_over = lowered(done, crowded(merged([counts]), HELD.to_frame(), FLOORS, TOLD), of, fields)
    assert left_over.columns == rows.columns
    assert left_over.select(names).unique().rows() == [(None,) * len(names)]


def test_after_budgets_those_who_are_left_are_counted():
    everybody = [
        {"customer_id": "c1", "channel": "email", "shown": "x", "reason": None},
        {"customer_id": "c2", "channel": "email", "shown": "x", "reason": None},
        {"customer_id": "c3", "channel": "email", "shown": "x", "reason": "OVER_BUDGET"},
    ]
    rows = pl.DataFrame([{"product": "p", "brand": "b", **row} for row in everybody])
    about = {"product": "p", "brand": "b", "level": 1, "ladder": ["0", "1", None, None], "people": 3, "deliveries": 3}
    counted = pl.DataFrame([{**about, "channel": way, "shown": "x"} for way in ("email", "sms")], COUNTED)
    left = recounted(counted, rows)
    assert left.schema == COUNTED
    assert left.select("channel", "shown", "people", "deliveries").rows() == [("email", "x", 2, 2)]
