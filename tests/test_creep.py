"""The creep score: which message scores above which, the lines it is the sum of, and the cheapest way out."""

from __future__ import annotations

from itertools import pairwise

import pytest

from flows.catalogue import Dimension, Segment
from flows.creep import (
    AGES,
    CHANNEL,
    KNOWN,
    PHRASES,
    PRECISION,
    Line,
    Told,
    WayOut,
    given_away,
    is_listened_to,
    lines,
    score,
    told,
    watching,
    way_out,
)
from flows.product import Product
from flows.words import Part, read_words


def entry(known: str = "observed", **others: object) -> Dimension:
    return Dimension.model_validate({"my": "my order", "columns": ["orders.*"], "known": known, **others})


def fact(name: str = "order", precision: str = "named", **about: object) -> Told:
    return Told(name, entry(**about), precision, "item" if precision in {"named", "exact"} else None)


def scored(*facts: Told, channel: str = "email", phrases: tuple[str, ...] = ()) -> int:
    return score(lines(facts, channel, phrases))


@pytest.mark.parametrize(
    "rising",
    [
        [scored(fact(known=known)) for known in ("declared", "observed", "inferred", "bought")],
        [scored(fact()), scored(fact(sensitive=True))],
        [scored(fact(precision=precision)) for precision in ("reason", "class", "named", "exact")],
        [scored(fact(fresh_for=age)) for age in ("7 days", "30 days", "90 days", "365 days", None)],
        [scored(fact(), channel=channel) for channel in ("email", "sms", "push", "ads")],
        [scored(fact(), channel="email"), scored(fact(), channel="web")],
        [scored(), scored(fact("a")), scored(fact("a"), fact("b")), scored(fact("a"), fact("b"), fact("c"))],
        [scored(fact(), phrases=said) for said in ((), ("we noticed",), ("we know you", "we noticed"))],
    ],
    ids=["how it is known", "sensitive", "precision", "age", "channel", "a shared screen", "facts", "words"],
)
def test_what_is_minded_more_scores_more(rising):
    assert all(one < next_one for one, next_one in pairwise(rising)), rising


def test_every_weight_of_the_tables_is_one_of_the_order_that_the_table_tells():
    """A table in another order would be read as another reasoning."""
    for table in (KNOWN, PRECISION):
        assert list(table.values()) == sorted(table.values())
    assert list(AGES) == sorted(AGES)
    assert min(CHANNEL, key=CHANNEL.__getitem__) == "email"
    assert max(CHANNEL, key=CHANNEL.__getitem__) == "ads"


def test_the_score_is_the_sum_of_lines_that_each_say_why():
    name = Told("name", entry("declared", my="my name"), "named", "first_name")
    order = Told("last_order", entry(my="my last order", fresh_for="90 days"), "exact", "delivered_on")
    assert lines([order, name], "push", ["we noticed"]) == (
        Line("last_order", 8, "my last order is observed"),
        Line("last_order", 6, "'delivered_on' says a day, a number or a place"),
        Line("last_order", 3, "it may be up to 90 days"),
        Line("name", 2, "my name is declared"),
        Line("name", 4, "'first_name' names something"),
        Line("push", 6, "2 facts on push"),
        Line("we noticed", 12, "it says 'we noticed'"),
    )
    assert scored(order, name, channel="push", phrases=("we noticed",)) == 41


def test_the_score_ends_at_a_hundred_and_begins_at_nothing():
    worst = [fact(name, "exact", known="bought", sensitive=True) for name in "abc"]
    assert scored(*worst, channel="ads") == 100
    assert scored(channel="ads") == 0


def test_what_people_have_told_us_does_not_age():
    assert scored(fact(known="declared")) == scored(fact(known="declared", fresh_for="7 days"))


@pytest.mark.parametrize(
    ("text", "locale", "found"),
    [
        ("We noticed that you left", "en", ("we noticed",)),
        ("We’ve just noticed it", "en", ("we've just noticed",)),
        ("<p>We <b>have\n noticed</b> it</p>", "en", ("we have noticed",)),
        ("You&#39;ve been looking at boots", "en", ("you've been looking",)),
        ("You recently viewed boots. We know what you need.", "en", ("we know what you", "you recently viewed")),
        ("Chosen based on your browsing.", "en-GB", ("based on your browsing",)),
        ("Uns ist aufgefallen, dass etwas fehlt", "de", ("uns ist aufgefallen",)),
        ("Wir haben bei dir etwas bemerkt", "de-AT", ("wir haben bei dir etwas bemerkt",)),
        ("Du hast dir unsere Zelte angesehen", "de", ("du hast dir unsere zelte angesehen",)),
        ("Aufgrund deiner Besuche", "de", ("aufgrund deiner besuche",)),
        ("We noticed you", "de", ()),
        ("Nous avons remarqué", "fr", ()),
        ("We have seen to it; you know where to look. Unnoticed by us.", "en", ("we have seen",)),
        ("Your tent reached you on Tuesday. Three care tips:", "en", ()),
        ("Where is your order? We let you know.", "en", ()),
        ("Dein Zelt ist da: drei Tipps, damit es lange hält.", "de", ()),
    ],
)
def test_words_of_watching_are_heard_in_their_language(text, locale, found):
    assert watching([text], locale) == found


def test_a_phrase_that_stands_in_several_parts_counts_once():
    assert watching(["We noticed.", "<p>we noticed</p>", "WE NOTICED"], "en") == ("we noticed",)


def test_a_language_without_a_list_is_known_to_have_none():
    assert [is_listened_to(locale) for locale in ("en", "de-CH", "fr")] == [True, True, False]
    assert all(PHRASES.values())


SEGMENT = Segment.model_validate(
    {
        "fields": {
            "item": {"dimension": "order", "examples": ["tent", "rope"]},
            "bought_on": {"dimension": "order", "examples": ["2026-11-20"]},
            "is_late": {"dimension": "order", "examples": [True, False]},
            "points": {"dimension": "points", "examples": [120]},
            "town": {"dimension": "home", "examples": ["Kendal"]},
            "untried": {"dimension": "points", "examples": []},
            "kit": {"dimension": "order", "examples": [["tent", "rope"]]},
            "today": {"dimension": None, "examples": ["2026-11-20"]},
        }
    }
)
CATALOGUE = {
    "order": entry(),
    "points": entry(),
    "home": entry("declared", routing_for={"customers.postcode": ["match"]}),
}


def product(**entries: object) -> Product:
    base = {
        "name": "care",
        "help": {"need": "n", "kind": "teach", "action": {"label": "l", "url": "/"}},
        "owner": "o",
        "status": "live",
        "review_by": "2027-01-01",
        "message_type": "service",
        "topic": "t",
        "brands": ["b"],
        "segment": "s",
        "channels": {"first_of": ["sms"]},
        "once_every": {"every": "1 day"},
        "success": {"helped": "h", "business": "b", "within": "1 day"},
        "dimensions": ["order", "points", "home"],
    }
    return Product.model_validate({**base, **entries})


@pytest.fixture
def says(tmp_path):
    """What a template tells, as (dimension, precision, field)."""

    def call(text: str, facts: tuple[str, ...] = ("order", "points", "home"), given: tuple[str, ...] = ()):
        file = tmp_path / "sms.j2"
        file.write_text(f"{{% block body %}}{text}{{% endblock %}}", "utf-8")
        words = read_words(file, (Part("body", is_html=False),), tmp_path, name="sms.j2")
        found = told(words, product(because=list(given)), given, SEGMENT, CATALOGUE, facts)
        return [(one.dimension, one.precision, one.field) for one in found]

    return call


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ item }}", [("order", "named", "item")]),
        ("{{ kit }}", [("order", "named", "kit")]),
        ("{{ item }} {{ bought_on|date }}", [("order", "exact", "bought_on")]),
        ("{% if is_late %}late{% else %}here{% endif %}", [("order", "class", None)]),
        ("{% if item %}late{% else %}here{% endif %}", [("order", "class", None)]),
        ("{{ is_late }}", [("order", "class", "is_late")]),
        ("{{ points }}", [("points", "exact", "points")]),
        ("{{ untried }}", [("points", "exact", "untried")]),
        ("{{ town }}", [("home", "exact", "town")]),
        ("{{ today|date }}", []),
        ("nothing", []),
    ],
)
def test_a_day_a_number_or_a_place_tells_more_than_a_name_and_that_more_than_a_wording(says, text, found):
    assert says(text) == found


def test_what_is_above_the_level_is_not_told_and_what_the_message_gives_away_always_is(says):
    text = "{{ item }} {{ points }}"
    assert says(text, ("order",)) == [("order", "named", "item")]
    assert says(text, (), given=("points",)) == [("points", "reason", None)]
    assert says(text, ("order",), given=("order",)) == [("order", "named", "item")]


def test_an_audience_tells_the_platform_what_nobody_else_sees():
    held = product(because=["order"], unseen={"points": "only decides for how long"})
    assert given_away(held, "email") == {"order"}
    assert given_away(held, "ads") == {"order", "points"}


A, B, C = (fact(name, "named", fresh_for="7 days") for name in "abc")  # 12 each


@pytest.mark.parametrize(
    ("most", "phrases", "given", "found"),
    [
        (36, (), (), WayOut((), (), 36)),
        (35, (), (), WayOut((), ("c",), 24)),
        (23, (), (), WayOut((), ("c", "b"), 12)),
        (36, ("we noticed",), (), WayOut(("we noticed",), (), 36)),
        (48, ("we know you", "we noticed"), (), WayOut(("we know you",), (), 48)),
        (30, ("we noticed",), (), WayOut(("we noticed",), ("c",), 24)),
        (33, (), ("c",), WayOut((), ("c",), 32)),
        (27, (), ("c",), WayOut((), ("b",), 24)),
        (0, (), ("a",), None),
    ],
    ids=[
        "nothing",
        "the fact that earns least",
        "two facts",
        "words before facts",
        "no more words than need be",
        "words and a fact",
        "what is said of a reason",
        "a reason stays",
        "a reason alone is too much",
    ],
)
def test_the_cheapest_way_out_takes_words_before_facts_and_the_fewest(most, phrases, given, found):
    assert (way_out([A, B, C], "email", phrases, given, most)) == found
