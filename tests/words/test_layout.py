from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from markupsafe import Markup

from flows.errors import DataError, TemplateError
from flows.words import (
    Composed,
    Layout,
    Part,
    Words,
    compose,
    fill,
    generic,
    plain,
    read_layout,
    read_words,
    render_layout,
    restore,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

PARTS = (Part("subject", is_html=False), Part("html", is_html=True), Part("text", is_html=False))
WORDS = """
{% block subject %}{% if item %}Your {{ item }} & you{% else %}Your kit{% endif %}{% endblock %}
{% block html %}<p>Hello {{ name }}</p>{% endblock %}
{% block text %}Hello {{ name }}{% endblock %}
"""
LAYOUT = """
{% block html %}
<title>{{ subject }}</title><style>p{a:b}@media x{p{c:d}}</style>
{{ content }}
<a href="{{ unsubscribe_url }}">{{ brand.legal_name }}</a>{% for line in brand.address %}{{ line }}<br>{% endfor %}
{% endblock %}
{% block text %}
{{ content }}
-- {{ brand.legal_name }} {{ unsubscribe_url }}
{% endblock %}
"""
CONTEXTS = {
    "nordtal/DE": {"brand": {"legal_name": "Nordtal & Söhne", "address": ["Weg 1", "Köln"]}},
    "fjell/NO": {"brand": {"legal_name": "Fjell <AS>", "address": ["Oslo"]}},
}
FRAME = pl.DataFrame({"name": ["Ann", "<Bo>", None, "{{x}}"], "item": ["a<b", None, "t&t", "{{{s1}}}"]})
SENDERS = pl.Series(["nordtal/DE", "fjell/NO", "fjell/NO", "nordtal/DE"])
RESERVED = pl.DataFrame({"unsubscribe_url": [f"https://example.com/u/{number}" for number in range(4)]})


def words_in(folder: Path) -> Words:
    (folder / "words.j2").write_text(WORDS, encoding="utf-8")
    return read_words(folder / "words.j2", PARTS, folder, name="words.j2")


def wrapped(folder: Path, layout: str = LAYOUT, contexts: dict[str, dict[str, object]] = CONTEXTS) -> Composed:
    (folder / "layout.j2").write_text(layout, encoding="utf-8")
    read = read_layout(folder / "layout.j2", PARTS, folder, name="layout.j2", slots=["unsubscribe_url"])
    composed = compose(words_in(folder), FRAME)
    return wrap(
        composed, read, senders=SENDERS, contexts=contexts, slots={sender: ["unsubscribe_url"] for sender in contexts}
    )


def test_wrapped_words_are_what_the_layout_makes_of_each_row_by_plain_jinja(tmp_path: Path) -> None:
    composed, words = wrapped(tmp_path), words_in(tmp_path)
    layout = read_layout(tmp_path / "layout.j2", PARTS, tmp_path, name="layout.j2", slots=["unsubscribe_url"])
    rows = zip(FRAME.to_dicts(), SENDERS, RESERVED["unsubscribe_url"], composed.rows.to_dicts(), strict=True)
    filled = {part: fill(composed, part, RESERVED).to_list() for part in ("subject", "html", "text")}
    for number, (row, sender, url, slots) in enumerate(rows):
        said = {part.name: plain(words, part.name, row) for part in PARTS}
        context = {**CONTEXTS[sender], "unsubscribe_url": url, "subject": said["subject"]}
        html = render_layout(layout, "html", {**context, "content": Markup(said["html"])})
        text = render_layout(layout, "text", {**context, "content": said["text"]})
        wanted = {"subject": said["subject"], "html": html, "text": text}
        creative = composed.creatives[slots["key"]]
        assert {part: texts[number] for part, texts in filled.items()} == wanted
        assert {part: restore(generic(creative, part), {**slots, "unsubscribe_url": url}) for part in wanted} == wanted


def test_a_creative_is_made_per_words_and_sender(tmp_path: Path) -> None:
    composed = wrapped(tmp_path)
    assert len(composed.creatives) == 3
    assert set(composed.rows["key"]) == set(composed.creatives)
    body = generic(composed.creatives[composed.rows["key"][0]], "html")
    assert "<title>Your {{{s1_html}}} &amp; you</title>" in body
    assert '<a href="{{{unsubscribe_url}}}">Nordtal &amp; Söhne</a>Weg 1<br>Köln<br>' in body
    assert composed.rows["s1_html"].to_list() == ["a&lt;b", None, "t&amp;t", "{{{s1}}}"]


def test_keys_tell_senders_layouts_and_contexts_apart_and_stay_the_same_otherwise(tmp_path: Path) -> None:
    key = wrapped(tmp_path).rows["key"].to_list()
    assert wrapped(tmp_path).rows["key"].to_list() == key
    assert key[1] != key[2]
    assert set(key).isdisjoint(wrapped(tmp_path, LAYOUT.replace("--", "~~")).rows["key"])
    changed = {**CONTEXTS, "fjell/NO": {"brand": {"legal_name": "Fjell", "address": []}}}
    again = wrapped(tmp_path, contexts=changed).rows["key"].to_list()
    assert [old == new for old, new in zip(key, again, strict=True)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        (
            "{% block html %}{{ content }}{{ brand.postcode }}{% endblock %}",
            "layout.j2:1: 'dict object' has no attribute",
        ),
        ("{% block html %}{{ content }}\n{{ logo }}{% endblock %}", "layout.j2:2: 'logo' is undefined"),
        ("{% block html %}{{ brand.items }}{% endblock %}", "layout.j2:1: 'dict object' has no attribute 'items'"),
        ("{% block html %}{{ content|upper }}{% endblock %}", "layout.j2:1: 'content' can only be printed as it is"),
        ("{% block html %}{% if subject %}x{% endif %}{% endblock %}", "layout.j2:1: 'subject' can only be printed"),
        ("{% block html %}{% set content = 1 %}{% endblock %}", "layout.j2:1: 'content' is taken here"),
        ("{% block html %}{{ brand.name() }}{% endblock %}", "layout.j2:1: a call is not allowed"),
        ("{% block html %}{{ brand.__class__ }}{% endblock %}", "layout.j2:1: a dot is not allowed"),
        ("{% block footer %}x{% endblock %}", "layout.j2:1: the block 'footer' is no part here"),
        ("{% block text %}{{ html }}{% endblock %}", "layout.j2: an HTML part is printed where the layout is text"),
    ],
)
def test_a_layout_that_cannot_be_right_is_refused_with_its_place(layout: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError) as caught:
        wrapped(tmp_path, layout)
    assert str(caught.value).startswith(what)


def test_a_sender_without_a_context_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="nothing to print for the sender fjell/NO"):
        wrapped(tmp_path, contexts={"nordtal/DE": CONTEXTS["nordtal/DE"]})


def test_a_layout_is_taken_apart_once_and_anew_where_it_or_a_macro_of_it_has_changed(tmp_path: Path) -> None:
    file, macro, slots = tmp_path / "layout.j2", tmp_path / "m.j2", ["unsubscribe_url"]
    whole = '{% from "_shared/m.j2" import m %}{% block html %}{{ content }}{{ m(1) }}{% endblock %}'
    file.write_text(whole, encoding="utf-8")
    macro.write_text("{% macro m(x) %}{{ x }}{% endmacro %}", encoding="utf-8")

    def read(slots: Collection[str] = ()) -> Layout:
        return read_layout(file, PARTS, tmp_path, name="layout.j2", slots=slots)

    first = read()
    assert read() is first
    assert read(slots) is not first
    macro.write_text("{% macro m(x) %}as ever{% endmacro %}", encoding="utf-8")
    second = read()
    assert render_layout(second, "html", {"content": "words, "}) == "words, as ever"
    assert second.digest != first.digest
    file.write_text(whole.replace("{{ content }}", "{{ content }} {{ brand }}"), encoding="utf-8")
    assert set(read().names) == {"brand"}


def test_a_reserved_value_that_html_would_not_carry_is_refused(tmp_path: Path) -> None:
    composed = wrapped(tmp_path)
    with pytest.raises(DataError, match="would have to be escaped"):
        fill(composed, "html", RESERVED.with_columns(pl.col("unsubscribe_url") + "?a=1&b=2"))
    with pytest.raises(DataError, match="'unsubscribe_url' has no column"):
        fill(composed, "html")
