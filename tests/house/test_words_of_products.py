"""No two products share a sentence: what several of them say is a macro of `_shared/`, so that it is mended in one place."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEWEST_WORDS = 4
"""Shorter ones, as "Hello," or "Your order", are nobody's."""

_NOTES = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAGS = re.compile(r"\{%.*?%\}", re.DOTALL)
_VALUES = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_TEXTS = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_INLINE = re.compile(r"</?(?:strong|em|b|i|a|span|bdi)\b[^>]*>")
_ENDS = re.compile(
    r"<[^>]*>"  # of a paragraph, a list entry, a heading
    r"|\n[ \t]*\n"  # of a paragraph of a text part
    r"|\n[ \t]*(?=(?:[-*•]|\d+[.)])\s)"  # of an entry of its lists
    r"|[.!?:;…](?=[\s”“\"’')<]|$)"
)
_WORDS = re.compile(r"[^\W_]+(?:[’'-][^\W_]+)*|\{\}")


def test_no_two_products_share_a_sentence():
    complaints = shared_sentences(ROOT / "templates")
    assert not complaints, "\n".join(complaints)


def test_the_sample_has_sentences_to_compare():
    held = sentences_of(ROOT / "templates")
    assert {product for places in held.values() for product in places} >= {"care_guide", "delayed_order"}
    assert len(held) > 100


ONE = "templates/one/email.j2"
TWO = "templates/two/email.j2"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Dry it before you store it.", "Dry it before you store it."),
        ("First. Dry it before you store it. Then rest.", "dry it before you\nstore it"),
        ("<p><strong>Dry it</strong> before you store it.</p>", "- Dry it before you store it!"),
        ("<li>Dry it before you store it</li>", "1. Dry it before you store it\n2. Rest"),
        ("{% if item %}Dry it before you store it.{% endif %}", "Dry it before you store it."),
        ("Dry your {{ item }} before you store it.", "Dry your {{ tent|upper }} before you store it."),
        ("{{ 'Dry it before you store it.' if item else '' }}", "Dry it before you store it."),
        ("{{ say('Dry it before you store it.') }}", "Dry it before you store it."),
        ("Keep the item&rsquo;s page &amp; label open", "Keep the item’s page & label open"),
        ("„Heb den Beleg gut auf“, sagen wir.", "„Heb den Beleg gut auf“, sagen wir."),
    ],
)
def test_a_sentence_of_two_products_is_seen(tmp_path: Path, one: str, two: str):
    tree = write(tmp_path, {ONE: f"{{% block html %}}{one}{{% endblock %}}", TWO: two})
    assert [complaint.partition(":")[0] for complaint in shared_sentences(tree / "templates")] == [TWO]


def test_a_complaint_names_both_files_the_line_and_the_sentence(tmp_path: Path):
    tree = write(
        tmp_path, {ONE: "x.\nDry it before you store it.", "templates/two/sms.de.j2": "\n\nDry it before you store it."}
    )
    assert shared_sentences(tree / "templates") == [
        "templates/two/sms.de.j2:3: 'dry it before you store it' also stands in templates/one/email.j2:2"
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Hello {{ name }},", "Hello {{ name }},"),
        ("Three minutes now.", "Three minutes now."),
        ("Dry it before you store it.", "Dry it before you pack it."),
        ("{# Dry it before you store it. #}", "Dry it before you store it."),
        ('<a href="https://example.com/dry-it-before-you-store-it">A</a>', '<a href="https://example.com/x">B</a>'),
        (
            "{{ hello(first_name) }} {{ one }} {{ two }} {{ three }}",
            "{{ hello(first_name) }} {{ one }} {{ two }} {{ three }}",
        ),
    ],
)
def test_what_is_short_or_no_sentence_may_be_alike(tmp_path: Path, one: str, two: str):
    assert shared_sentences(write(tmp_path, {ONE: one, TWO: two}) / "templates") == []


def test_one_product_may_repeat_itself_and_anybody_may_say_what_is_shared(tmp_path: Path):
    sentence = "Dry it before you store it."
    paths = ("one/email.j2", "one/sms.j2", "one/web.de.j2", "_shared/closing.j2")
    assert shared_sentences(write(tmp_path, {f"templates/{path}": sentence for path in paths}) / "templates") == []


def shared_sentences(templates: Path) -> list[str]:
    """`file:line: the sentence also stands in file:line`, once per sentence and product after the first one."""
    found = []
    for sentence, places in sentences_of(templates).items():
        (_, first), *others = places.items()
        found += [f"{place}: '{sentence}' also stands in {first}" for _, place in others]
    return sorted(found)


def sentences_of(templates: Path) -> dict[str, dict[str, str]]:
    """Each sentence of the products -> the products that say it -> where they first do."""
    held: dict[str, dict[str, str]] = defaultdict(dict)
    for file in sorted(templates.glob("[!_]*/*.j2")):
        where = f"templates/{file.parent.name}/{file.name}"
        for line, sentence in sentences(file.read_text("utf-8")):
            held[sentence].setdefault(file.parent.name, f"{where}:{line}")
    return held


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """The sentences of a template with their lines: small letters, `{}` for a value, four words of the author's at least.

    A sentence ends at a stop, at a tag of Jinja2 (each branch is wording of its own) and at an element of HTML that is no
    part of a line. Texts inside `{{ … }}` are sentences, too.
    """
    text = _NOTES.sub(_blank, source)
    quoted = [
        (value.start(), each[1] or each[2]) for value in _VALUES.finditer(text) for each in _TEXTS.finditer(value[0])
    ]
    lines = [(source.count("\n", 0, start) + 1, piece) for start, piece in quoted if piece]
    text = html.unescape(_INLINE.sub("", _VALUES.sub("{}", text)))
    lines += [(text.count("\n", 0, start) + 1, piece) for start, piece in _pieces(text)]
    for line, piece in lines:
        words = _WORDS.findall(piece.lower().replace("’", "'"))
        if len([word for word in words if word != "{}"]) >= FEWEST_WORDS:
            yield line, " ".join(words)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for end in re.finditer(f"{_TAGS.pattern}|{_ENDS.pattern}", text, re.DOTALL):
        piece = text[start : end.start()]
        yield start + len(piece) - len(piece.lstrip()), piece
        start = end.end()
    yield start, text[start:]


def _blank(note: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", note[0])
