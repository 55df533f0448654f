"""How messages score for creep at each level, what is warned of, and what a ceiling refuses."""

from __future__ import annotations

import pytest

from flows.errors import CreepError
from flows.line import check
from flows.line.rating import check_creep, ratings
from flows.line.trying import try_words
from tests.tiny import MORNING, Tiny, clock, make

PRODUCT, SMS, WEB, MAIL = (f"templates/care/{name}" for name in ("product.yaml", "sms.j2", "web.j2", "email.j2"))


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "w", brands=["north"])


def scores(tiny: Tiny, product: str = "care") -> dict[str, list[int]]:
    """File -> its score at each level."""
    workspace = tiny.load()
    tried = [found for found in try_words(workspace) if found.product.name == product]
    return {found.key.file: [rating.score for rating in ratings(workspace, found)] for found in tried}


def refusal(tiny: Tiny, ceiling: int) -> tuple[str, str, str]:
    tiny.set(creep_ceiling=ceiling)
    workspace = tiny.load()
    with pytest.raises(CreepError) as caught:
        check_creep(workspace, [(found, ratings(workspace, found)) for found in try_words(workspace)])
    return caught.value.where, caught.value.what, caught.value.hint


def warnings(tiny: Tiny) -> list[str]:
    with clock(MORNING):
        return list(check(tiny.load()).warnings)


def test_each_level_adds_what_its_words_use_and_what_getting_it_gives_away_is_there_from_the_start(tiny):
    """An order is observed and of any age (14), named by its item (+4); a name is told by its owner (6)."""
    assert scores(tiny) == {"email.j2": [14, 18, 24], "sms.j2": [16, 20, 20], "web.j2": [17, 21, 30]}


def test_the_facts_of_a_level_are_those_that_the_words_use(tiny):
    workspace = tiny.load()
    sms = next(found for found in try_words(workspace) if found.key.channel == "sms")
    assert [(rating.level, rating.facts) for rating in ratings(workspace, sms)] == [
        (0, ()),
        (1, ("last_order",)),
        (2, ("last_order",)),
    ]


def test_words_of_watching_count_only_at_the_levels_that_say_them(tiny):
    tiny.edit(SMS, "Dry your {% if item %}{{ item }}", "Dry your {% if item %}{{ item }} (we noticed it)")
    assert scores(tiny)["sms.j2"] == [16, 32, 32]


def test_an_audience_is_scored_by_all_that_its_people_are_chosen_by(tiny):
    tiny.advertise(1)
    assert scores(tiny)["ads.j2"] == [19, 19, 19]
    tiny.edit(PRODUCT, "because: [last_order]", "because: []\nunseen: {last_order: it only decides for how long}")
    found = scores(tiny)
    assert (found["ads.j2"], found["email.j2"]) == ([19, 19, 19], [0, 18, 24])


def test_nothing_is_refused_without_a_ceiling_or_up_to_it(tiny):
    for ceiling in ({}, {"creep_ceiling": 30}):
        tiny.set(**ceiling)
        workspace = tiny.load()
        check_creep(workspace, [(found, ratings(workspace, found)) for found in try_words(workspace)])


def test_a_fact_too_many_is_named_with_its_line_and_the_score_without_it(tiny):
    assert refusal(tiny, 29) == (
        f"{WEB}:2",
        "the creep score is 30, and `creep_ceiling` is 29",
        "take name out of these words, and it is 21",
    )


def test_words_of_watching_are_taken_out_before_facts_are(tiny):
    tiny.edit(MAIL, "Three minutes now.", "We’ve noticed your kit.")
    assert refusal(tiny, 33) == (
        f"{MAIL}:2",
        "the creep score is 36, and `creep_ceiling` is 33",
        "take 'we've noticed' out of these words, and it is 24",
    )


def test_words_and_facts_are_told_together_where_one_is_not_enough(tiny):
    tiny.edit(MAIL, "Three minutes now.", "We noticed your kit.")
    assert refusal(tiny, 20)[2] == "take 'we noticed' and name out of these words, and it is 18"


def test_where_no_word_less_is_enough_the_reason_itself_is_named(tiny):
    assert refusal(tiny, 10) == (
        MAIL,
        "the creep score is 24, and `creep_ceiling` is 10",
        "no word less is enough: choose its people by something else than last_order, or leave email out",
    )


def test_a_high_score_is_warned_of_with_the_cheapest_way_out(tiny):
    assert warnings(tiny) == []
    tiny.edit(
        "sql/dimensions.yaml",
        "columns: [needs.*, late_orders.*], known: observed",
        "columns: [needs.*, late_orders.*], known: bought",
    )
    assert scores(tiny)["web.j2"][-1] == 42
    tiny.edit(WEB, "Looking after your", "We see you have a new kit: after your")
    assert warnings(tiny) == [
        f"{WEB}:1: the creep score is 54 of 100; take 'we see you' out of these words, and it is 42"
    ]


def test_a_phrase_of_a_macro_is_told_with_the_file(tiny):
    (tiny.folder / "templates/_shared/said.j2").write_text("{% macro said() %}We noticed.{% endmacro %}", "utf-8")
    text = (tiny.folder / SMS).read_text("utf-8").replace("first:", "first {{ said() }}:")
    (tiny.folder / SMS).write_text('{% from "_shared/said.j2" import said %}' + text, "utf-8")
    assert refusal(tiny, 31)[:2] == (SMS, "the creep score is 32, and `creep_ceiling` is 31")


def test_a_language_in_which_nobody_listens_is_named_once(tiny):
    tiny.speak("fr", "de")
    assert warnings(tiny) == [
        "templates/care/email.fr.j2: no words of watching are known in 'fr', so the creep score counts none there"
    ]
