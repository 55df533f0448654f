"""The contrast of texts, by hand and by the examples of WCAG."""

from __future__ import annotations

import pytest

from flows.markup.colours import colour, pale, ratio
from flows.markup.reading import Tag, Text, document, tokens

DARK = "@media (prefers-color-scheme: dark) { %s }"


def found(html: str) -> list[tuple[str, bool]]:
    root, misfit = document([token for token in tokens(html) if isinstance(token, (Tag, Text))])
    assert misfit is None
    return [(each.text, each.is_dark) for each in pale(root)]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("front", "back", "expected"),  # Source: WebAIM's contrast checker
    [("#000", "#fff", 21.0), ("#777777", "#ffffff", 4.48), ("#767676", "#ffffff", 4.54), ("#0000ff", "#ffffff", 8.59)],
)
def test_the_ratio_is_that_of_wcag(front, back, expected):
    one, other = colour(front), colour(back)
    assert one is not None
    assert other is not None
    assert ratio(one, other) == ratio(other, one) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#FA0", (255, 170, 0)),
        ("rgb( 1, 2, 300 )", (1, 2, 255)),
        ("none red", (255, 0, 0)),
        ("linear-gradient(red, blue)", None),
        ("var(--brand)", None),
        ("rebeccapurple", None),
    ],
)
def test_a_colour_is_read_where_it_can_be_told(text, expected):
    assert colour(text) == expected


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color:#777">x</p>',
        '<p style="background-color:#555">x</p>',
        '<table bgcolor="#333333"><tr><td>x</td></tr></table>',
        '<font color="#999999">x</font>',
        "<style>p { color: #999 }</style><p>x</p>",
        "<style>.a p, .b p { color: #999 }</style><div class='c b'><div><p>x</p></div></div>",
        "<style>p { color: #999 !important }</style><p style='color: #000'>x</p>",
        "<style>#a { color: #999 } p.b { color: #000 }</style><p id='a' class='b'>x</p>",
        "<style>p { color: #000 } p { color: #999 }</style><p>x</p>",
        "<div style='color: #999'><p style='color: inherit'>x</p></div>",
    ],
)
def test_a_pale_text_is_found(html):
    assert found(html) == [("x", False)]


@pytest.mark.parametrize(
    "html",
    [
        "<p>x</p>",
        '<p style="color:#767676">x</p>',
        '<p style="color:#fff; display: none">x</p>',
        '<p style="color:#fff; background:url(https://a.example.com/b.png)">x</p>',
        '<p style="color:#fff"><span style="background:#000">x</span></p>',
        "<style>p:hover, p > b, [x] { color: #fff }</style><p>x</p>",
        "<style>@media (max-width: 480px) { p { color: #fff } }</style><p>x</p>",
        "<style>.a p { color: #fff }</style><p>x</p>",
        '<p style="color:#999"> </p>',
    ],
)
def test_a_text_that_can_be_read_or_cannot_be_judged_is_left_alone(html):
    assert found(html) == []


def test_dark_mode_is_looked_at_where_the_document_knows_it():
    dark = DARK % "body { background: #111 !important; color: #eee !important } .small { color: #777 }"
    html = f"<style>{dark}</style><body><p>a</p><p style='color:#333'>b</p><p class='small'>c</p></body>"
    assert found(html) == [("b", True), ("c", True)]
    assert found("<body><p>a</p><p style='color:#333'>b</p></body>") == []
