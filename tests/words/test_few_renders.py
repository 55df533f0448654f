"""Few renders: Jinja2 renders once per distinct input of the rows that reach a place, however many rows there are."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from jinja2 import Template
from polars.testing import assert_frame_equal

from flows.errors import TemplateError
from flows.words import Composed, compose
from tests.words.generated import ALL, Example, examples, many
from tests.words.making import HTML, SUBJECT, TEXT, words_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 10_000
CITIES, ITEMS, TIERS = ["Bonn", "Köln", "Ulm"], ["tent", "stove", "rope", "mug", "map"], ["gold", "new", None, ""]
FRAME = pl.select(row=pl.int_range(ROWS)).select(
    city=pl.col("row").map_elements(lambda row: CITIES[row % 3], pl.String),
    item=pl.col("row").map_elements(lambda row: ITEMS[row % 5], pl.String),
    tier=pl.col("row").map_elements(lambda row: TIERS[row % 4], pl.String),
    name=pl.format("Ann {}", "row"),
    day=pl.date(2026, 11, 1) + pl.duration(days=pl.col("row") % 7),
)
MACRO = "{% macro m(p) %}{% if p %}{{ p|upper }}{% else %}nobody{% endif %}{% endmacro %}"


@contextmanager
def renders() -> Iterator[Counter[tuple[str, ...]]]:
    """The values that Jinja2 renders with, noted on their way to it."""
    seen = Counter[tuple[str, ...]]()
    render = Template.render

    def noted(self: Template, *args: dict[str, object]) -> str:
        seen[tuple(f"{name}={value}" for name, value in dict(*args).items())] += 1
        return render(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "render", noted)
        yield seen


def composed(folder: Path, body: str, frame: pl.DataFrame = FRAME) -> tuple[Composed, Counter[tuple[str, ...]]]:
    """A text put to every row, and what was rendered for it."""
    source = f'{{% from "_shared/m.j2" import m %}}{{% block text %}}{body}{{% endblock %}}'
    words = words_from(folder, source, TEXT, shared=MACRO)
    with renders() as seen:
        return compose(words, frame), seen


def once(*columns: str, of: pl.DataFrame = FRAME) -> Counter[tuple[str, ...]]:
    """Each distinct input, one time."""
    rows = of.select(columns).unique().iter_rows()
    return Counter(tuple(f"{name}={value}" for name, value in zip(columns, row, strict=True)) for row in rows)


GOLD, OTHERS = FRAME.filter(pl.col("tier") == "gold"), FRAME.filter(pl.col("tier").ne_missing("gold"))
CASES = {
    "once per distinct value": ("{{ city|upper }}", once("city")),
    "once per distinct pair": ("{{ (city or item)|title }}", once("city", "item")),
    "once per distinct date": ("{{ day|date('full') }}", once("day")),
    "a place twice is a slot once": ("{{ city|upper }}, {{ city|upper }}", once("city")),
    "fields and simple conditions not at all": (
        "{% if tier == 'gold' and city %}{{ name }}{% elif not item %}{{ item or 'x' }}{% endif %}{{ name|default('you') }}",
        Counter(),
    ),
    "a condition once per distinct value": ("{% if city|length > 3 %}far{% endif %}", once("city")),
    "only where the key reaches": (
        "{% if tier == 'gold' %}{{ day|date }}{% else %}{{ item|upper }}{% endif %}",
        once("day", of=GOLD) + once("item", of=OTHERS),
    ),
    "nowhere where no key reaches": (
        "{% if tier == 'platinum' %}{{ name|upper }}{% if name|length > 3 %}x{% endif %}{% endif %}{{ city|upper }}",
        once("city"),
    ),
    "inner conditions only on rows that are there": (
        "{% if tier == 'gold' %}{% if item|length > 3 %}{{ city|upper }}{% endif %}{% endif %}",
        once("item", of=GOLD) + once("city", of=GOLD.filter(pl.col("item").str.len_chars() > 3)),
    ),
    "a set that nothing uses not at all": ("{% set w = name|upper %}{{ city|upper }}", once("city")),
    "only the sets that a place uses": (
        "{% set a = city|upper %}{% set b = name|upper %}{% set c = a|title %}{{ c }}",
        once("city"),
    ),
    "a set only where it is printed": (
        "{% set w = name|upper %}{% if tier == 'gold' and city == 'Ulm' %}{{ w }}{% endif %}",
        once("name", of=GOLD.filter(pl.col("city") == "Ulm")),
    ),
    "both sides of an inline if only where it chooses them": (
        "{{ day|date if tier == 'gold' else item|upper }}",
        once("day", of=GOLD) + once("item", of=OTHERS),
    ),
    "paths that print the same together": (
        "{% if tier == 'gold' %}{% set t = city %}Dear{% else %}{% set t = city %}Hello{% endif %} {{ t|upper }}",
        once("city"),
    ),
    "a macro's condition by column and its places by distinct value": ("{{ m(item) }}", once("item")),
}


@pytest.mark.parametrize(("body", "wanted"), CASES.values(), ids=CASES.keys())
def test_ten_thousand_rows_are_rendered(body: str, wanted: Counter[tuple[str, ...]], tmp_path: Path) -> None:
    _, seen = composed(tmp_path, body)
    assert seen == wanted


def test_no_rows_are_rendered_not_at_all(tmp_path: Path) -> None:
    for body, _ in CASES.values():
        assert composed(tmp_path, body, FRAME.clear())[1] == Counter()


def test_parts_of_the_same_kind_share_what_is_rendered_and_html_has_its_own(tmp_path: Path) -> None:
    source = "".join(f"{{% block {part.name} %}}{{{{ city|upper }}}}{{% endblock %}}" for part in (SUBJECT, HTML, TEXT))
    words = words_from(tmp_path, source, SUBJECT, HTML, TEXT)
    with renders() as seen:
        compose(words, FRAME)
    assert seen == once("city") + once("city")


@pytest.mark.property
@many(300 if ALL else 30)
@given(examples())
def test_more_rows_of_the_same_values_cost_no_render_more_and_change_no_creative(example: Example) -> None:
    words = example.words
    try:
        with renders() as few:
            one = compose(words, example.frame)
    except TemplateError:
        return
    with renders() as more:
        other = compose(words, pl.concat([example.frame] * 50))
    assert more == few
    assert other.creatives == one.creatives
    assert_frame_equal(other.rows, pl.concat([one.rows] * 50))
