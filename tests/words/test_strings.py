"""The texts of a template file, one by one, and the file with others in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.words.strings import differences, put, shared_macros, texts
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
{% from "_shared/greeting.j2" import hello %}
{% block subject %}{% if item %}Your {{ item }}{% else %}Your kit{% endif %}{% endblock %}
{% block html %}
<ul>
{% if item %}
  <li>Dry <b>{{ item }}</b> first.</li>
{% endif %}
<li>{{ hello(first_name) }}</li>
<img src="a.png" alt="A tent">
{{ item }} {# a note #}
</ul>
{% endblock %}
"""
MACROS = shared_macros(
    {
        "_shared/greeting.j2": "{% macro hello(name) %}Hello{% endmacro %}{% macro hallo(name) %}Hallo{% endmacro %}",
        "_shared/closing.j2": "{% macro tschuess() %}Bis bald{% endmacro %}",
    }
)


def test_a_text_is_a_line_that_says_something_with_its_part_and_line():
    assert [(text.part, text.line, text.said) for text in texts(FILE)] == [
        ("subject", 2, "{% if item %}Your {{ item }}{% else %}Your kit{% endif %}"),
        ("html", 6, "<li>Dry <b>{{ item }}</b> first.</li>"),
        ("html", 8, "<li>{{ hello(first_name) }}</li>"),
        ("html", 9, '<img src="a.png" alt="A tent">'),
    ]


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("templates/[!_]*/*.j2")), ids=lambda file: f"{file.parent.name}-{file.name}"
)
def test_a_file_with_its_own_texts_put_in_is_itself(file: Path):
    shared = {f"_shared/{each.name}": each.read_text("utf-8") for each in ROOT.glob("templates/_shared/*.j2")}
    whole = file.read_text("utf-8")
    said = {(text.part, text.said): text.said for text in texts(whole)}
    assert said
    assert put(whole, said, shared_macros(shared), {}) == whole


def test_other_texts_bring_their_macros_and_their_fields():
    german = {
        texts(FILE)[0].said: "{% if item %}{{ item }} und du{% else %}Deine Sachen{% endif %}",
        texts(FILE)[1].said: "<li><b>{{ item }}</b> trocknen.</li>",
        texts(FILE)[2].said: "<li>{{ hallo(first_name) }} {{ tschuess() }}</li>",
        texts(FILE)[3].said: '<img src="a.png" alt="Ein Zelt">',
    }
    said = {(text.part, text.said): german[text.said] for text in texts(FILE)}
    assert put(FILE, said, MACROS, {"item": "item_de"}) == (
        """\
{% from "_shared/greeting.j2" import hallo %}
{% from "_shared/closing.j2" import tschuess %}
{% block subject %}{% if item_de %}{{ item_de }} und du{% else %}Deine Sachen{% endif %}{% endblock %}
{% block html %}
<ul>
{% if item_de %}
  <li><b>{{ item_de }}</b> trocknen.</li>
{% endif %}
<li>{{ hallo(first_name) }} {{ tschuess() }}</li>
<img src="a.png" alt="Ein Zelt">
{{ item_de }} {# a note #}
</ul>
{% endblock %}
"""
    )


SOURCE = "<p>{% if item %}Your {{ item }}, {{ first_name }}: {{ day|date }}{% else %}Soon{% endif %}</p>"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("<p>{%- if item -%}{{day|date}}: {{first_name}}, dein {{ item }}{% else %}Bald{% endif %}</p>", []),
        ("<p>{% if item_de %}{{ day|date }}: {{ first_name }}, {{ item_de }}{% else %}Bald{% endif %}</p>", []),
        ("<p>{% if item %}Dein {{ item }}, {{ first_name }}{% else %}Bald{% endif %}</p>", ["lacks {{ day|date }}"]),
        ("<p>{% if item %}{{ item }} {{ item }} {{ first_name }} {{ day|date }}{% else %}B{% endif %}</p>",
         ["has {{ item }} more"]),
        ("<p>{{ item }}, {{ first_name }}: {{ day|date }}</p>",
         ["lacks {% else %}", "lacks {% endif %}", "lacks {% if item %}"]),
        ("{% if item %}{{ item }}, {{ first_name }}: {{ day|date }}{% else %}Bald{% endif %}", ["lacks </p>", "lacks <p>"]),
        ("<p>{% if item %}{{ item }}, {{ vorname }}: {{ day|date }}{% else %}Bald{% endif %}</p>",
         ["lacks {{ first_name }}", "has {{ vorname }} more"]),
        ("<p>{% if item %}{{ item }}, {{ first_name }}: {{ day|date('full') }}{% else %}Bald{% endif %}</p>",
         ["lacks {{ day|date }}", "has {{ day|date('full') }} more"]),
    ],
)  # fmt: skip
def test_what_a_translation_loses_or_invents_is_told(said, wrong):
    assert differences(SOURCE, said, "de", MACROS) == wrong


def test_a_macro_may_be_another_one_of_the_same_person():
    assert differences("{{ hello(first_name) }}", "{{ hallo(first_name) }}", "de", MACROS) == []
    assert differences("{{ hello(first_name) }}", "{{ hallo(item) }}", "de", MACROS) == [
        "lacks {{ a macro(first_name) }}",
        "has {{ a macro(item) }} more",
    ]
