"""The template files on disk, and what each says in every situation: every set of facts, every boolean, awkward values."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache, cached_property
from html.parser import HTMLParser
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import yaml

from flows.channels import CHANNELS
from flows.words import Words, plain, read_words
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TEMPLATES = ROOT / "templates"
SHARED = TEMPLATES / "_shared"
VOID = {"br", "hr", "img", "meta", "link"}
BLOCKS = {"h1", "p", "li"}

# One value per mood and field. "unnamed": a late order of which the item is not known.
MOODS = ("plain", "longest", "apostrophe", "signs", "arabic", "unnamed")
_LONGEST_DAY = dt.date(2026, 9, 23)  # in both languages: Wednesday 23 September, Mittwoch, 23. September
_DAYS = [dt.date(2026, 11, 22), _LONGEST_DAY, dt.date(2026, 5, 1)]
_LATER_DAYS = [dt.date(2026, 11, 25), _LONGEST_DAY, dt.date(2026, 5, 3)]
_SIGNS = 'Pots & <pans> "Ember"'
FIELDS: Mapping[str, list[Any]] = {
    "item": ["Alpine 3 tent", "Summit mountaineering boots", "Children’s walking boots", _SIGNS, "Stove", "order"],
    "item_de": ["Zelt Alpine 3", "Drei-Jahreszeiten-Schlafsack", "Rock ’n’ Rope", _SIGNS, "Kocher", "Bestellung"],
    "other_item": ["Ridge tent", "Three-season sleeping bag", "Men's boots", _SIGNS, "Kettle", "Lantern"],
    "other_item_de": ["Zelt Ridge", "Daunenschlafsack Polar", "Rock 'n' Roll", _SIGNS, "Kessel", "Laterne"],
    "first_name": ["Ann", "Maximiliane-Theodora", "D'Arcy", "<b>O’Neill</b> & Co", "محمد", "José-María"],
    "delivered_on": _DAYS,
    "promised_on": _DAYS,
    "expected_on": _LATER_DAYS,
    "return_by_on": _DAYS,
    "bought_on": _DAYS,
    "is_rescheduled": [False, True],
    "is_sized": [False, True],
    "is_in_stock": [False, True],
}


@dataclass(frozen=True)
class Situation:
    """What is known of a customer: the facts, how awkward they are, and the values of the fields."""

    facts: tuple[str, ...]
    mood: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        flags = [f"{name}={value}" for name, value in self.values.items() if isinstance(value, bool)]
        return f"facts [{', '.join(self.facts)}], {self.mood}, {' '.join(flags)}"


@dataclass(frozen=True)
class File:
    """One file of words: `templates/<product>/<channel>[.<locale>].j2`."""

    path: Path

    @property
    def product(self) -> str:
        return self.path.parent.name

    @property
    def channel(self) -> str:
        return self.path.name.split(".")[0]

    @property
    def locale(self) -> str | None:
        return ".".join(self.path.name.split(".")[1:-1]) or None

    @property
    def name(self) -> str:
        return f"{self.product}/{self.path.name}"

    @cached_property
    def source(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def settings(self) -> dict[str, Any]:
        return yaml.safe_load((self.path.parent / "product.yaml").read_text("utf-8"))

    @cached_property
    def words(self) -> Words:
        name, locale = f"templates/{self.name}", self.locale or "en"
        return read_words(self.path, CHANNELS[self.channel].parts, SHARED, name=name, locale=locale)

    @cached_property
    def _declared(self) -> Mapping[str, Any]:
        segment = ROOT / "sql" / "segments" / f"{self.settings['segment']}.yaml"
        return yaml.safe_load(segment.read_text("utf-8"))["fields"] if segment.exists() else {}

    def dimension(self, field: str) -> str:
        """What a field shows: as its segment says; where there is none yet, the name, or what gives the message away."""
        if field in self._declared:
            return self._declared[field]["dimension"]
        return "name" if field == "first_name" else self.settings["because"][0]

    def examples(self, field: str) -> list[Any]:
        """The values to try; those of the segment for a field that is not in FIELDS."""
        return FIELDS.get(field) or self._declared[field]["examples"]

    @cached_property
    def dimensions(self) -> list[str]:
        """Those that the words use, in the order in which the product lists them."""
        used = {self.dimension(field) for field in self.words.fields}
        assert used <= set(self.settings["dimensions"]), f"{self.name} uses what product.yaml does not list"
        return [dimension for dimension in self.settings["dimensions"] if dimension in used]

    def situations(self, *moods: str) -> Iterator[Situation]:
        """Every set of facts, with every combination of its booleans, in the given moods (all if none is named)."""
        for size in range(len(self.dimensions) + 1):
            for facts in combinations(self.dimensions, size):
                known = [field for field in self.words.fields if self.dimension(field) in facts]
                flags = [field for field in known if isinstance(self.examples(field)[0], bool)]
                for switched in product((False, True), repeat=len(flags)):
                    for mood in moods or MOODS:
                        number = MOODS.index(mood)
                        values = {field: self.examples(field)[number % len(self.examples(field))] for field in known}
                        values = {field: values.get(field) for field in self.words.fields}
                        yield Situation(facts, mood, {**values, **dict(zip(flags, switched, strict=True))})

    def says(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Every part of the words for these values."""
        return {part.name: plain(self.words, part.name, values) for part in self.words.parts}

    @cached_property
    def said(self) -> list[tuple[Situation, dict[str, str]]]:
        """Every situation and what is said in it."""
        return [(situation, self.says(situation.values)) for situation in self.situations()]

    @property
    def literal(self) -> str:
        """What stands in the file without tags: the author's own words."""
        return re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", self.source, flags=re.DOTALL)


@cache
def files() -> tuple[File, ...]:
    """Every file of words of every product, by name."""
    return tuple(File(path) for path in sorted(TEMPLATES.glob("[!_]*/*.j2")))


def products() -> list[str]:
    """The names of the products that have words."""
    return sorted({file.product for file in files()})


class Page(HTMLParser):
    """HTML as people and programs meet it: its tags in order, what does not close, and the text of each block."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.blocks: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)
        if tag in BLOCKS:
            if BLOCKS & set(self.open):
                self.wrong.append(f"<{tag}> stands inside another block")
            self.blocks.append((tag, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> closes nothing, or something else")
        else:
            self.open.pop()
            if tag in BLOCKS:
                kind, text = self.blocks[-1]
                self.blocks[-1] = (kind, re.sub(r"\s*\n\s*", " ", text).strip())

    def handle_data(self, data: str) -> None:
        if BLOCKS & set(self.open):
            kind, text = self.blocks[-1]
            self.blocks[-1] = (kind, text + data)


def paragraphs(text: str) -> list[str]:
    """The paragraphs and list entries of a text part, without the marks of the entries."""
    pieces = re.split(r"\n(?:[ \t]*\n)+|\n(?=(?:-|\d+\.) )", text.strip())
    return [re.sub(r"^(?:-|\d+\.) ", "", piece) for piece in pieces]


def visible(file: File, part: str, text: str) -> list[str]:
    """What people read of a part, block by block."""
    is_html = next(each.is_html for each in file.words.parts if each.name == part)
    return [block for _, block in Page(text).blocks] if is_html else paragraphs(text)
