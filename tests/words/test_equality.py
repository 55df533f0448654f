"""The general proof: whatever a template of the subset says, composing by column says the same as plain Jinja2, per row."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import chevron
import polars as pl
import pytest
from hypothesis import given

from flows.errors import TemplateError
from flows.words import ESCAPES, GENERIC, Creative, Slot, Words, compose, fill, generic, marked, pieces, plain, restore
from tests.words.generated import ALL, CONTEXTS, NASTY, PARTS, Example, examples, many
from tests.words.making import HTML, TEXT, words_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXAMPLES = 2_000 if ALL else 60


def rendered(words: Words, row: Mapping[str, object]) -> dict[str, str] | None:
    """All parts by plain Jinja2; None where some expression fails on the row."""
    try:
        return {part.name: plain(words, part.name, row) for part in PARTS}
    except TemplateError:
        return None


def read_by_others(text: str, slots: Mapping[str, str], *, is_html: bool) -> dict[str, str]:
    """A generic creative as others read it: a Mustache of other make, in both notations, and our pieces in turn."""
    values = {**ESCAPES, **slots}
    read = pieces(text, is_html=is_html)
    assert GENERIC.put(read) == text
    taken = [values[piece.name] if isinstance(piece, Slot) else piece for piece in read]
    return {
        "triple braces": chevron.render(text, values),
        "double braces": chevron.render(marked("{{&", "}}").put(read), values),
        "pieces": "".join(taken),
    }


def compared(example: Example) -> Counter[str]:
    """Hold one example to plain Jinja2; returns what was seen in it."""
    words = example.words
    texts = [rendered(words, row) for row in example.frame.to_dicts()]
    frame = example.frame.filter(pl.Series([text is not None for text in texts], dtype=pl.Boolean))
    wanted = [text for text in texts if text is not None]
    composed = compose(words, frame)
    alone = {part.name: example.alone(part) for part in PARTS}
    filled = {part.name: fill(composed, part.name).to_list() for part in PARTS}
    generics = {
        key: {part.name: generic(creative, part.name) for part in PARTS} for key, creative in composed.creatives.items()
    }
    for number, (row, said, own) in enumerate(zip(frame.to_dicts(), wanted, composed.rows.to_dicts(), strict=True)):
        key, slots = own.pop("key"), {name: value for name, value in own.items() if value is not None}
        for part in PARTS:
            assert alone[part.name].render(row) == said[part.name]
            assert filled[part.name][number] == said[part.name]
            assert restore(generics[key][part.name], slots) == said[part.name]
            others = read_by_others(generics[key][part.name], slots, is_html=part.is_html)
            assert others == dict.fromkeys(others, said[part.name])
        assert set(slots) == set(composed.creatives[key].slots())
    assert set(composed.creatives) == set(composed.rows["key"])
    return Counter(
        {
            "examples": 1,
            "rows": len(texts),
            "rows compared": len(wanted),
            "two or more conditions": example.conditions >= 2,
            "two or more creatives": len(composed.creatives) >= 2,
            **dict.fromkeys(example.contexts, 1),
        }
    )


@pytest.mark.property
@pytest.mark.oracle
@pytest.mark.timeout(3600)
def test_composed_words_equal_plain_jinja_per_row_character_for_character() -> None:
    """And the examples say something: most have several branches, told apart by their rows, and all contexts occur."""
    seen, sources = Counter[str](), set[str]()

    @many(EXAMPLES)
    @given(examples())
    def holds(example: Example) -> None:
        seen.update(compared(example))
        sources.add(example.source)

    holds()
    share = {what: number / seen["examples"] for what, number in seen.items()}
    assert seen["examples"] >= EXAMPLES
    assert len(sources) > 0.9 * EXAMPLES
    assert seen["rows compared"] > 0.8 * seen["rows"]
    assert share["two or more conditions"] > 0.8
    assert share["two or more creatives"] > 0.5
    assert min(share.get(context, 0) for context in CONTEXTS) > 0.4


@pytest.mark.oracle
@pytest.mark.parametrize("value", ["Ann", "{{{s1}}}{{x}}\\{", ""])
def test_braces_and_backslashes_of_the_words_come_through_however_they_stand_beside_slots(value: str) -> None:
    """All texts of up to four such characters: before a slot, between two, after one, and alone."""
    texts = ["".join(letters) for length in range(5) for letters in itertools.product("{}\\x", repeat=length)]
    slot, values = Slot("s1", is_html=False), {"s1": value}
    for text in texts:
        for parts in ((text,), (text, slot), (slot, text), (text, slot, text, slot, text)):
            creative = Creative({"text": tuple(piece for piece in parts if piece != "")})
            said = "".join(value if isinstance(piece, Slot) else piece for piece in parts)
            others = read_by_others(generic(creative, "text"), values, is_html=False)
            assert {**others, "ours": restore(generic(creative, "text"), values)} == dict.fromkeys(
                [*others, "ours"], said
            )
            literal = re.sub(r"\{{3}\w+\}{3}", "|", generic(creative, "text"))
            assert re.search(r"[{}]{2}|[{}\\]\||\|[{}]", literal) is None


class Reader(HTMLParser):
    """What a browser would hand to a person: attributes by name, and the text between tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes.update(attributes)

    def handle_data(self, data: str) -> None:
        self.text += data


IN_CONTEXT = (
    '{% block html %}<a title="{{ a }}" data-a=\'{{ a }}\' href="https://example.com/s?q={{ a|urlencode }}&amp;n=1">{{ a }}</a>'
    "{% endblock %}{% block text %}{{ a }} https://example.com/s?q={{ a|urlencode }}&n=1{% endblock %}"
)


@pytest.mark.oracle
def test_any_value_is_read_back_from_html_attributes_and_urls(tmp_path: Path) -> None:
    """By Python's own readers of HTML and of URLs."""
    values = [*NASTY, *map("".join, itertools.permutations(NASTY, 2))]
    composed = compose(words_from(tmp_path, IN_CONTEXT, HTML, TEXT), pl.DataFrame({"a": values}))
    for value, html, text in zip(values, fill(composed, "html"), fill(composed, "text"), strict=True):
        read = Reader(html)
        url = read.attributes.pop("href") or ""
        assert (read.attributes, read.text) == ({"title": value, "data-a": value}, value)
        assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [("q", value), ("n", "1")]
        assert text == f"{value} {url}"
