"""What looks broken in a text is told, and what is merely unusual is not."""

from __future__ import annotations

import pytest

from flows.markup.craft import read_aloud
from flows.markup.reading import Tag, Text, document, tokens
from flows.markup.wholeness import faults, urls


def told(text: str, source: str = "") -> list[str]:
    return [complaint.what for complaint in faults(text, "it", source)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Hello None,", "it prints 'None'"),
        ("It costs nan.", "it prints 'nan'"),
        ("It costs inf.", "it prints 'inf'"),
        ("Hello Undefined", "it prints 'Undefined'"),
        ("Hello {{ name }}", "it prints '{{'"),
        ("Hello {% if %}", "it prints '{%'"),
        ("<bound method x>", "it prints '<bound'"),
        ("It costs 0.30000000000000004", "it prints 0.30000000000000004"),
        ("It costs 1e-05", "it prints 1e-05"),
        ("Hello ,", "it leaves a gap: 'Hello ,'"),
        ("Hello , dry it", "it leaves a gap: 'Hello , dry it'"),
        ("It is here .", "it leaves a gap: 'It is here .'"),
        ("Your  is here", "it leaves a gap: 'Your  is here'"),
        ("For ( ) you", "it leaves a gap: 'For ( ) you'"),
        ("a\n, b", "it leaves a gap: 'a , b'"),
    ],
)
def test_what_is_left_over_or_missing_is_told(text, what):
    assert told(text) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, dry it first.",
        "None of your items",
        "Fit for Nan's Finance, Infinity Ltd.",
        "Only .5 mm, or ,5",
        "Bonjour Anne ! Ça va ?",
        "Rest … and on",
        "  indented\n   - point",
        "From Acme Inc..",
        "(yes) (no)",
        "12.345678 km",
        "ends with blanks  \nand goes on",
    ],
)
def test_good_words_are_left_alone(text):
    assert told(text) == []


def test_two_blanks_that_the_author_typed_are_a_habit():
    assert told("Dry it.  Then go.", "{% block body %}Dry it.  Then go.{% endblock %}") == []
    assert told("Dry it.  Then go.", "{% block body %}Dry it. {{ x }} Then go.{% endblock %}") != []


def test_a_page_of_letters_or_blanks_is_looked_at_at_once():
    assert told("x" * 1_000_000) == []
    assert told(" " * 1_000_000) == []


def test_addresses_are_found_without_the_signs_around_them():
    text = "See https://a.example.com/b?c=1, (http://d.example.com). Mail me: x@y.example.com, either//or"
    assert list(urls(text)) == ["https://a.example.com/b?c=1", "http://d.example.com"]


def test_html_is_read_a_line_for_each_block():
    html = "<style>p {}</style><h1>A\n  b</h1><p>Hello <b>Ann</b>,</p><ul><li>c</li><li> d<br>e</li></ul>"
    root, _ = document([token for token in tokens(html) if isinstance(token, (Tag, Text))])
    assert read_aloud(root) == "A b\nHello Ann,\nc\nd\ne"
