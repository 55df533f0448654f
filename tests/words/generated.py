"""Random templates of the subset, in the contexts that messages have, and random rows of values that are hard to print."""

from __future__ import annotations

import datetime as dt
import functools
import re
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

import polars as pl
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, StrictUndefined, Template, pass_context
from jinja2.sandbox import SandboxedEnvironment

from flows.errors import TemplateError
from flows.words import Part, Words, read_words
from flows.words.filters import TESTS, filters

ALL = settings().max_examples > 100
"""Whether this run is to be thorough, as `make test-all` is."""

PARTS = (Part("subject", is_html=False), Part("html", is_html=True))

MERGE_SYNTAX = [
    *(
        "{{x}}",
        "{{{x}}}",
        "{{{s1}}}",
        "{{#if x}}",
        "{{> x}}",
        "{{!",
        "{{^x}}",
        "{{=<% %>=}}",
    ),  # Handlebars, SES, Mustache
    *("{{ x | upcase }}", "{% x %}", "{%", "#}", "{{ .x }}", "{{ 7*7 }}"),  # Liquid (Braze), Jinja2, Go (listmonk)
    *(
        "%%[x]%%",
        "%%=v(@x)=%%",
        "*|X|*",
        "${x}",
        "[[x]]",
        "<%= x %>",
        "%recipient.x%",
    ),  # AMPscript, Mailchimp and others
    *("{", "}", "}}", "\\", "\\{{x}}", "{\\", "a\\"),
]
WRITING = [
    *("שלום", "مرحبا", "\u202eRTL", "مرحبا <b>Ann</b>", "👨‍👩‍👧", "👩🏽‍💻", "🇩🇪", "e\u0301", "می\u200cخواهم"),
    *(" ", "a b", "x\ny", "x\r\ny", "\t", "None", "nan", "0", "\ufdd0", "x" * 300),
]
PLAIN = ["", "Ann", "ann", "&<>\"'", "O'Brien & Søn", "&amp;", "a=1&b=2?#/%2F+"]
NASTY = [*PLAIN, *MERGE_SYNTAX, *WRITING]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
TEXT = st.sampled_from(NASTY) | st.tuples(st.sampled_from(NASTY), st.sampled_from(NASTY)).map("".join) | ANY_TEXT
FIELDS: dict[str, tuple[pl.DataType, st.SearchStrategy[object]]] = {
    "a": (pl.String(), TEXT),
    "b": (pl.String(), st.sampled_from(NASTY[:4])),
    "n": (pl.Int64(), st.integers(-2, 3) | st.just(2**62)),
    "r": (pl.Float64(), st.sampled_from([0.0, -0.0, 1.5, 0.1 + 0.2, float("nan"), float("inf"), 1e20, 5e-324])),
    "g": (pl.Float32(), st.floats(width=32)),
    "c": (pl.Decimal(9, 2), st.decimals(-9999, 9999, places=2) | st.just(Decimal("0.00"))),
    "f": (pl.Boolean(), st.booleans()),
    "d": (pl.Date(), st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))),
    "t": (pl.Datetime("us", "UTC"), st.datetimes(dt.datetime(1, 1, 2), timezones=st.just(dt.UTC))),  # noqa: DTZ001
    "l": (pl.List(pl.String()), st.lists(st.none() | TEXT, max_size=3)),
    "e": (pl.List(pl.Date()), st.lists(st.none() | st.dates(dt.date(1, 1, 1)), max_size=3)),
    "x": (pl.String(), st.sampled_from(NASTY[:5])),  # also set by templates
    "y": (pl.String(), st.sampled_from(NASTY[:5])),
}
SHARED = """
{% macro m(p, q="Q&") %}{{ p }}{% if q %} <{{ q }}>{% elif p %}!{% endif %}{% endmacro %}
{% macro k(p, q=none) -%}
  {% set x = p or q %}{% if x == "Ann" %}{% set x = "<i>" %}{% set p = q %}{% endif %}
  {{ x }}{{ p|default("-")|upper }}
{%- endmacro %}
{% macro all(items) %}{% if items %}{% for i in items %}{{ loop.index }}{{ i }}{% endfor %}{% endif %}{% endmacro %}
{% macro link(q, label) %}<a href="/s?q={{ q|urlencode }}">{{ label if label else q }}</a>{% endmacro %}
"""
IMPORTS = '{% from "_shared/m.j2" import m, k as kk, all, link %}\n'

TEXTS = [
    *(
        "",
        " ",
        "\n",
        "word",
        "  two words\n",
        "<p>",
        "</p>",
        '<a title="',
        "' b='",
        '">',
        "&amp;",
        "?q=",
        "\r\n",
        "\n\n",
    ),
    *("{ ", "}", "\\", "\\\\", "a}", "%%x%%", "*|X|*", "[[x]]", "${x}", "שלום", "👩🏽‍💻", "<style>p{a:b}</style>"),
    *(
        f"{{% raw %}}{text}{{% endraw %}}"
        for text in ("{{{s1}}}", "{{ x }}", "{{", "}}", "{% x %}", "{{#if x}}", "\\{{")
    ),
    "{# a comment #}",
]
URL = "URL"
PLACES: dict[bool, dict[str, list[str]]] = {  # by whether the part is HTML; @ stands for what is printed
    True: {
        "HTML text": ["<p>@</p>", "<li><strong>@</strong>, @</li>\n"],
        "double-quoted attribute": ['<img alt="@" src="/x.png">', '<td title="for @ (@)">x</td>'],
        "single-quoted attribute": ["<p title='@'>x</p>", "<p lang='en' data-x='@-@'>x</p>"],
        URL: ['<a href="https://example.com/s?q=@&amp;n=@">x</a>', "<a href='/@/@'>x</a>"],
    },
    False: {"text": ["Hello @, ", "@: @\n", "[@]"], URL: ["https://example.com/s?q=@&n=@\n", "https://example.com/@ "]},
}
CONTEXTS = frozenset(name for places in PLACES.values() for name in places)

CONSTANTS = ['"Ann"', "'<&>'", "''", "0", "1", "2.5", "true", "false", "none", "'{{{'", "-1"]
NAMES = ["a", "a", "a", "b", "n", "r", "g", "c", "f", "d", "t", "x", "y"]
FILTERED = [
    *(
        "a|upper",
        "b|lower",
        "a|title",
        "a|default('-')",
        "b|default('<', true)",
        "n|number",
        "d|date",
        "d|date('full')",
    ),
    *(
        "c|number(1)",
        "a|replace('a', '<')",
        "a|urlencode",
        "b|length",
        "l|join(' & ')",
        "l|first",
        "l|last|default('?')",
    ),
    *(
        "x|trim|capitalize",
        "y|truncate(4)",
        "e|first|date('iso')",
        "e|length",
        "a|replace('{', '}}')",
        "r|default('-')",
    ),
]
TESTED = [
    *(
        "a",
        "b",
        "n and n > 1",
        "a in ['Ann', '']",
        "b not in ('Ann',)",
        "x == 'Ann'",
        "y != a",
        "d is none",
        "l",
        "f",
        "f",
    ),
    *("n is not none and n is even", "not l", "a and not b", "r", "g", "c", "a == none", "l and l|length > 1"),
    *(
        "b and 'n' in b",
        "not (a or b)",
        "x",
        "y",
        "not x",
        "x == 'Ann' and y",
        "t is none",
        "e",
        "c and c > 1",
        "not f",
    ),
]
MAY_FAIL = ["n > 1", "l|length > 1", "'n' in a", "r|number(1)"]


class Author:
    """Writes a part. `looped` is the variable of the loop that is being written, if any; `contexts` are those written."""

    def __init__(self, random: Random, *, is_html: bool) -> None:
        self.random, self.looped, self.room = random, "", 12
        self.places, self.contexts = PLACES[is_html], set[str]()

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def expression(self, depth: int = 0) -> str:
        if depth < 2 and self.often(0.25):
            left, right = self.expression(depth + 1), self.expression(depth + 1)
            both = [f"({left} {word} {right})" for word in ("and", "or", "==", "!=")]
            return self.one(*both, f"(not {left})", f"({left} if {self.condition()} else {right})")
        kinds = [CONSTANTS, NAMES, NAMES, FILTERED]
        if self.looped:
            kinds.append([self.looped, "loop.index", f"{self.looped}|upper", "loop.first", f"{self.looped} or a"])
        return self.one(*self.random.choice(kinds))

    def condition(self) -> str:
        if self.often(0.01):
            return self.one(*MAY_FAIL)
        return self.one(*TESTED) if self.often(0.85) else self.expression(1)

    def tag(self, inside: str) -> str:
        return f"{{%{self.one('', '', '', '-', '+')} {inside} {self.one('', '', '', '-', '+')}%}}"

    def printed(self) -> str:
        text = self.expression()
        if self.often(0.2):
            text = f"{text} if {self.condition()} else {self.expression()}"
        return f"{{{{{self.one('', '', '-')} {text} {self.one('', '', '-')}}}}}"

    def place(self) -> str:
        """Something printed where a message prints it."""
        context = self.one(*self.places)
        self.contexts.add(context)
        return re.sub("@", lambda _: self.hole(context), self.one(*self.places[context]))

    def hole(self, context: str) -> str:
        value = f"{{{{ {self.expression(1)}|urlencode }}}}" if context == URL else f"{{{{ {self.expression(1)} }}}}"
        if self.room > 0 and self.often(0.2):
            self.room -= 1
            return f"{{% if {self.condition()} %}}{value}{{% else %}}{self.one('x', '-', value)}{{% endif %}}"
        return value

    def call(self) -> str:
        p, q = self.expression(), self.expression()
        calls = [f"m({p})", f"m(p={p}, q={q})", f"m({p}, {q})", f"kk({p}, {q})", f"link({p}, {q})"]
        return f"{{{{ {self.one(*calls, *([] if self.looped else ['all(l)', 'all(e)']))} }}}}"

    def set(self) -> str:
        chosen = f" if {self.condition()} else {self.expression(1)}" if self.often(0.2) else ""
        return self.tag(f"set {self.one('x', 'x', 'y', 'a')} = {self.expression()}{chosen}")

    def fork(self) -> str:
        text = self.tag(f"if {self.condition()}") + self.body()
        if self.often(0.4):
            text += self.tag(f"elif {self.condition()}") + self.body()
        if self.often(0.5):
            text += self.tag("else") + self.body()
        return text + self.tag("endif")

    def loop(self) -> str:
        self.looped, over = self.one("i", "i", "x"), self.one("l", "l", "e")
        text = self.tag(
            f"for {self.looped} in {over}{self.one('', '', f' if {self.looped}', f' if {self.looped} != b')}"
        )
        text += self.body()
        self.looped = ""
        if self.often(0.3):
            text += self.tag("else") + self.body()
        text += self.tag("endfor")
        return text if self.often(0.03) else self.tag(f"if {over}") + text + self.tag("endif")

    def body(self) -> str:
        parts = []
        for _ in range(self.random.randint(1, 4)):
            self.room -= 1
            kinds = [lambda: self.one(*TEXTS), self.printed, self.place, self.place, self.set, self.call]
            if self.room > 0:
                kinds += [self.fork, self.fork]
                kinds += [] if self.looped else [self.loop]
            parts.append(self.random.choice(kinds)())
        return "".join(parts)


@dataclass(frozen=True)
class Example:
    """A template's bodies by part, the contexts in which they print, the template as we read it, and rows."""

    bodies: dict[str, str]
    contexts: frozenset[str]
    words: Words = field(repr=False)
    frame: pl.DataFrame

    @property
    def source(self) -> str:
        return _source(self.bodies)

    @property
    def conditions(self) -> int:
        """The `if` and `elif` that the template itself writes; inline ones and those of macros not counted."""
        return len(re.findall(r"\{%[-+]? (?:el)?if ", self.source))

    def alone(self, part: Part) -> Template:
        """The template as Jinja2 alone reads it, from its text, with nothing of ours but the filters."""
        return _jinja(is_html=part.is_html).from_string(IMPORTS + _block(part.name, self.bodies[part.name]))


def _source(bodies: dict[str, str]) -> str:
    return IMPORTS + "\n".join(_block(name, body) for name, body in bodies.items()) + "\n"


def _block(name: str, body: str) -> str:
    return f"{{% block {name} %}}{body}{{% endblock %}}"


@functools.cache
def _jinja(*, is_html: bool) -> Environment:
    env = SandboxedEnvironment(
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=DictLoader({"_shared/m.j2": SHARED}),
        finalize=pass_context(lambda _, value: "" if value is None else value),
    )
    env.filters, env.tests = dict(filters("en")), dict(TESTS)
    return env


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """A template and up to eight rows for it."""
    row = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in FIELDS.items()})
    rows = draw(st.lists(row, min_size=1, max_size=8))
    frame = pl.DataFrame(rows, schema={name: dtype for name, (dtype, _) in FIELDS.items()})
    # The rows sow the template, too: where hypothesis varies an earlier example, it gets words of its own.
    random = Random(f"{draw(st.integers(0, 2**64))}{rows}")
    while True:
        authors = {part.name: Author(random, is_html=part.is_html) for part in PARTS}
        bodies = {name: author.body() + author.body() for name, author in authors.items()}
        if (words := _read(_source(bodies))) is not None:
            return Example(bodies, frozenset().union(*(author.contexts for author in authors.values())), words, frame)


def _read(source: str) -> Words | None:
    """The template as we read it; None where it sets a name too late for a loop, the one rule that an author does not keep."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.j2").write_text(SHARED, encoding="utf-8")
        (folder / "t.j2").write_text(source, encoding="utf-8")
        try:
            return read_words(folder / "t.j2", PARTS, folder, name="t.j2")
        except TemplateError as error:
            if "is set after a loop has read it" not in error.what:
                raise
            return None


def many(number: int) -> settings:
    """A number of examples, as they come: smaller ones would say no more, and cost minutes."""
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
