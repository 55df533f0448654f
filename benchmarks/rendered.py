"""What rendering.py renders: three templates, each in the languages of all engines, and people to tell.

They are written once, in what Jinja2, minijinja and Liquid have in common: values, `if`, `elif`, `else`, `==`. No tag stands on a
line of its own, because what becomes of such lines differs. Handlebars and Liquid are translated from that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = ("new", "silver", "gold")
_NAMES = ("Ann", "José-María", "Zoë", "Ole", "Mehmet", "Ingeborg", "Li", "Chidi", "Fatima", "Björn")
_ITEMS = ("Alpine 3 tent", "stove & pan set", "down sleeping bag", "trekking poles", "rain shell", "river kayak")
_CITIES = (None, "Freiburg", "Kiel", "Innsbruck", "Kendal", "Malmö")
_ADVICE = (
    "Damp is what ages kit fastest, so hang it or lay it out in the open, away from the heater, before it goes into its bag.",
    "Brush off the dirt once it is dry, then use lukewarm water and a soft cloth, and leave out fabric softener altogether.",
    "A loose thread or a stiff zip takes two minutes today and a day in the workshop in spring, when everybody else comes too.",
    "Coatings wear off where straps rub: look there first, and treat these places alone rather than the whole of it.",
    "What has been folded along the same lines for years breaks along them; roll it, or fold it another way each time.",
    "Poles, pegs and buckles like a drop of silicone oil once a year, and sand between their parts is what they like least.",
    "Keep the receipt with the spare parts, and write the day on it: most makers mend for longer than they have to.",
    "Try everything at home before you leave, at night and with gloves on, because that is when you will need it.",
)
_STYLE = "".join(
    f".{name} {{ margin: 0 auto; padding: {size}px; font: {size}px/1.5 Georgia, serif; color: #22{size}33; max-width: 40em; }}\n"
    for size, name in enumerate(("page", "head", "lead", "story", "note", "foot", "aside", "link"), start=12)
)


@dataclass(frozen=True)
class Template:
    """The words in each language."""

    name: str
    jinja: str
    is_html: bool

    @property
    def liquid(self) -> str:
        """As Liquid has it."""
        return self.jinja.replace("{% elif ", "{% elsif ")

    @property
    def handlebars(self) -> str:
        """As Handlebars has it, which knows no `==`: `eq` is a helper."""
        text = re.sub(r'(if|elif) (\w+) == ("\w+")', r"\1 (eq \2 \3)", self.jinja)
        text = re.sub(r"\{% if (.+?) %\}", r"{{#if \1}}", text)
        text = re.sub(r"\{% elif (.+?) %\}", r"{{else if \1}}", text)
        return text.replace("{% else %}", "{{else}}").replace("{% endif %}", "{{/if}}")


def people(count: int) -> pl.DataFrame:
    """`first_name, item, level, city`: of so many people; one in six has no city, and no first name is told of one in ten."""
    at = pl.int_range(count)

    def each(values: tuple[str | None, ...], step: int) -> pl.Expr:
        return pl.lit(pl.Series(values)).gather((at // step) % len(values))

    number = (at % 997).cast(pl.String)
    return pl.select(
        first_name=pl.when(at % 10 > 0).then(each(_NAMES, 1) + " " + number),
        item=each(_ITEMS, 3),
        level=each(LEVELS, 7),
        city=each(_CITIES, 5),
    )


def _short() -> str:
    return (
        "{% if first_name %}Hi {{ first_name }}, your{% else %}Your{% endif %} {{ item }} has reached you. "
        "Three minutes of care now keep it going for years{% if city %}; we also mend in {{ city }}{% endif %}: "
        "reply GUIDE for the guide."
    )


def _newsletter() -> str:
    return "\n".join([*_head(), *(_story(number) for number in range(31)), *_foot()])


def _branches() -> str:
    return "\n".join([*_head(), *_chapters(77), *_foot()])


def _head() -> Iterator[str]:
    yield f'<html><head><title>Care</title><style>\n{_STYLE}</style></head><body class="page">'
    yield '<h1 class="head">{% if first_name %}{{ first_name }}, your{% else %}Your{% endif %} {{ item }}, for years to come</h1>'
    yield '<p class="lead">Your {{ item }} has reached you{% if city %} in {{ city }}{% endif %}. What keeps it going:</p>'


def _foot() -> Iterator[str]:
    yield '<p class="foot">Just reply; {% if city %}we are near {{ city }}{% else %}we are near{% endif %}. Nordtal Outdoor</p>'
    yield "</body></html>"


def _story(number: int) -> str:
    first, second, third = (_ADVICE[(number * step + step) % len(_ADVICE)] for step in (1, 3, 5))
    return (
        f'<h2 class="story">{number + 1}. Of your {{{{ item }}}}</h2>\n<p class="story">{first} {second}</p>\n'
        f'<p class="note">{third}</p>'
    )


def _chapters(count: int) -> Iterator[str]:
    """Each says something else at each level, and something more to whom a city is known of."""
    for number in range(count):
        new, silver, gold = (
            f"{' '.join(_ADVICE[(number + step * 3) % len(_ADVICE)] for step in range(place, place + 3))} That is for {level}."
            for place, level in enumerate(LEVELS)
        )
        by_level = (
            f'{{% if level == "gold" %}}{gold}{{% elif level == "silver" %}}{silver}{{% else %}}{new}{{% endif %}}'
        )
        yield f'<h2 class="story">{number + 1}. Of your {{{{ item }}}}</h2>'
        yield f'<p class="story">{by_level}{{% if city %}} Ask in {{{{ city }}}} about it.{{% endif %}}</p>'


TEMPLATES = (
    Template("short text", _short(), is_html=False),
    Template("newsletter", _newsletter(), is_html=True),
    Template("branches", _branches(), is_html=True),
)
