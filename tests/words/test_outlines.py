"""Every branch of some words is laid out, and nothing that cannot stand together where that can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.words import IDENTITY, VALUE, Part, outlines, read_words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def laid(tmp_path: Path):
    def lay(body: str, identity: tuple[str, ...] = ()) -> list[str]:
        (tmp_path / "m.j2").write_text("{% macro m(x) %}<{{ x }}>{% endmacro %}", "utf-8")
        text = f'{{% from "_shared/m.j2" import m %}}{{% block body %}}{body}{{% endblock %}}'
        (tmp_path / "t.j2").write_text(text, "utf-8")
        words = read_words(tmp_path / "t.j2", [Part("body", is_html=True)], tmp_path, name="t.j2")
        found = (text.replace(VALUE, "V").replace(IDENTITY, "I") for text in outlines(words.steps["body"], identity))
        return list(dict.fromkeys(found))

    return lay


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a", {"a"}),
        ("a{{ x }}b{{ 'c' }}", {"aVbV"}),
        ("{% if x %}a{% else %}b{% endif %}", {"a", "b"}),
        ("{% if x %}a{% elif y %}b{% elif z %}c{% endif %}", {"a", "b", "c", ""}),
        ("{{ 'a' if x else y }}", {"V"}),
        ("{% if x %}{% if y %}a{% endif %}b{% endif %}", {"ab", "b", ""}),
        ("{% if x %}a{% endif %}{% if x %}b{% endif %}", {"ab", ""}),
        ("{% if x %}a{% endif %}{% if not x %}b{% endif %}", {"a", "b"}),
        ("{% if x %}{% if not x %}a{% endif %}{% endif %}", {"", "a"}),
        ("{% if x == 1 %}a{% endif %}{% if x == 2 %}b{% endif %}", {"ab", ""}),
        ("{% for x in y %}a{{ x }}{% if x %}b{% endif %}{% else %}c{% endfor %}", {"aVb", "aV", "c"}),
        ("{{ m(x) }}{% set z = x %}{{ z }}", {"<V>V"}),
    ],
)
def test_each_branch_stands_in_some_outline(laid, body, expected):
    assert set(laid(body)) == expected


def test_what_is_set_from_the_brands_own_names_is_the_brands_own(laid):
    assert laid("{{ own }}{{ m(own|upper) }}{% set a = own %}{% set b = x %}{{ a }}{{ b }}", ("own",)) == ["I<I>IV"]
    assert laid("{% set own = x %}{{ own }}", ("own",)) == ["V"]
    assert laid("{{ own or x }}", ("own",)) == ["V"]
