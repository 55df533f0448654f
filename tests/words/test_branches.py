"""Conditions of a template file as somebody keeps them: each once, with both sides, and how many rows take which."""

from __future__ import annotations

import polars as pl
import pytest

from flows.words import Part, compose, conditions, read_words
from flows.words.composing import ways

PARTS = (Part("subject", is_html=False), Part("html", is_html=True))


@pytest.fixture
def read(tmp_path):
    """Words whose two blocks are given."""

    def read(subject: str, html: str = ""):
        file = tmp_path / "email.j2"
        file.write_text(
            f"{{% block subject %}}{subject}{{% endblock %}}\n{{% block html %}}{html}{{% endblock %}}", "utf-8"
        )
        return read_words(file, PARTS, tmp_path / "_shared", name="email.j2")

    return read


ROWS = pl.DataFrame({"item": ["tent", "tent", None, "rope"], "name": ["Ann", None, None, "Bo"]})


def sides(words) -> dict[str, dict[bool, int]]:
    taken = ways(words, ROWS)
    return {condition.asks: condition.sides(taken) for condition in conditions(words)}


def test_a_condition_that_is_asked_in_many_places_is_one_with_its_opposite(read):
    words = read(
        "{% if item %}{{ item }}{% else %}Kit{% endif %}", "{% if not item %}Your kit{% else %}It{% endif %} and more"
    )
    assert sides(words) == {"item": {True: 3, False: 1}}
    assert [len(condition.forks) for condition in conditions(words)] == [2]


def test_who_is_not_asked_takes_neither_side(read):
    words = read("{% if item %}{% if name %}{{ name }}{% else %}You{% endif %}{% elif name == 'Ann' %}A{% endif %}.")
    assert sides(words) == {
        "item": {True: 3, False: 1},
        "name": {True: 2, False: 1},
        "name == 'Ann'": {True: 0, False: 1},
    }


def test_a_side_that_nobody_reads_is_there_all_the_same(read):
    words = read("{% if item and not name %}a{% else %}b{% endif %}{% if item and item | length > 100 %}c{% endif %}")
    assert sides(words) == {
        "item and not name": {True: 1, False: 3},
        "item and item | length > 100": {True: 0, False: 4},
    }


def test_ways_count_every_row_once_and_are_as_many_as_there_are_creatives(read):
    words = read("{% if item %}{{ item }}{% endif %}{{ 'x' if name else 'y' }}", "{% if name %}{{ name }}{% endif %}")
    taken = ways(words, ROWS)
    assert sum(taken.values()) == ROWS.height
    assert len(taken) == len(compose(words, ROWS).creatives) == 3
    assert ways(words, ROWS.clear()) == {}


def test_words_without_conditions_have_none(read):
    words = read("Hello {{ name }}")
    assert conditions(words) == ()
    assert ways(words, ROWS) == {(): 4}
