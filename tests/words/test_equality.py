"""The general proof: whatever a template of the subset says, composing by column says the same as plain Jinja2, per row."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, StrictUndefined, Template, pass_context
from jinja2.sandbox import SandboxedEnvironment

from flows.errors import TemplateError
from flows.words import Part, Words, compose, fill, generic, plain, read_words, restore
from flows.words.filters import TESTS, filters

EXAMPLES = settings().max_examples if settings().max_examples > 100 else 60
PARTS = (Part("subject", is_html=False), Part("html", is_html=True))

NASTY = [
    *(
        "",
        "Ann",
        "ann",
        "&<>\"'",
        "O'Brien & Søn",
        "{{ 7*7 }}",
        "{{{s1}}}",
        "{%",
        "}}",
        "{",
        "}",
        "\\",
        "#}",
        "%%[x]%%",
        "*|FNAME|*",
    ),
    *("${x}", "[[x]]", "<%= x %>", "שלום", "مرحبا", "👨‍👩‍👧", "🇩🇪", " ", "a b", "None", "nan", "x\ny", "0", "\ufdd0"),
]
FIELDS: dict[str, tuple[pl.DataType, st.SearchStrategy[object]]] = {
    "a": (pl.String(), st.sampled_from(NASTY)),
    "b": (pl.String(), st.sampled_from(NASTY[:4])),
    "n": (pl.Int64(), st.integers(-2, 3)),
    "r": (pl.Float64(), st.sampled_from([0.0, -0.0, 1.5, float("nan"), 1e20])),
    "f": (pl.Boolean(), st.booleans()),
    "d": (pl.Date(), st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))),
    "l": (pl.List(pl.String()), st.lists(st.none() | st.sampled_from(NASTY), max_size=3)),
    "x": (pl.String(), st.sampled_from(NASTY[:5])),  # also set by templates
    "y": (pl.String(), st.sampled_from(NASTY[:5])),
}
SHARED = """
{% macro m(p, q="Q&") %}{{ p }}{% if q %} <{{ q }}>{% elif p %}!{% endif %}{% endmacro %}
{% macro k(p, q=none) -%}
  {% set x = p or q %}{% if x == "Ann" %}{% set x = "<i>" %}{% endif %}
  {{ x }}{{ p|default("-")|upper }}
{%- endmacro %}
{% macro all(items) %}{% if items %}{% for i in items %}{{ loop.index }}{{ i }}{% endfor %}{% endif %}{% endmacro %}
"""
IMPORTS = '{% from "_shared/m.j2" import m, k as kk, all %}\n'

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
        "{ ",
        "}",
        "\\",
        "a}",
        "\n\n",
        "?q=",
    ),
    *(
        "{% raw %}{{{s1}}}{% endraw %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{% raw %}{{% endraw %}",
        "{# a comment #}",
        "שלום",
        "👩🏽‍💻",
        "%%x%%",
    ),
]
CONSTANTS = ['"Ann"', "'<&>'", "''", "0", "1", "2.5", "true", "false", "none", "'{{{'", "-1"]
FILTERED = [
    *(
        "a|upper",
        "b|lower",
        "a|title",
        "a|default('-')",
        "b|default('<', true)",
        "n|number",
        "r|number(1)",
        "d|date",
        "d|date('full')",
    ),
    *(
        "a|replace('a', '<')",
        "a|urlencode",
        "b|length",
        "l|join(' & ')",
        "l|first",
        "l|last|default('?')",
        "x|trim|capitalize",
        "y|truncate(4)",
    ),
]
TESTED = [
    *("a", "b", "n and n > 1", "a in ['Ann', '']", "b not in ('Ann',)", "x == 'Ann'", "y != a", "d is none", "l"),
    *(
        "n is not none and n is even",
        "not l",
        "a and not b",
        "r",
        "a == none",
        "l and l|length > 1",
        "b and 'n' in b",
        "not (a or b)",
    ),
    *("x", "y", "not x", "x == 'Ann' and y"),
]
MAY_FAIL = ["n > 1", "l|length > 1", "'n' in a"]


class Author:
    """Writes random templates of the subset. `looped` is the variable of the loop that is being written, if any."""

    def __init__(self, random: Random) -> None:
        self.random, self.looped, self.room = random, "", 14

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def expression(self, depth: int = 0) -> str:
        if depth < 2 and self.often(0.3):
            left, right = self.expression(depth + 1), self.expression(depth + 1)
            chosen = f"({left} if {self.condition()} else {right})"
            return self.one(
                f"({left} and {right})",
                f"({left} or {right})",
                chosen,
                f"(not {left})",
                f"({left} == {right})",
                f"({left} != {right})",
            )
        kinds = [CONSTANTS, ["a", "b", "n", "r", "f", "d", "x", "y"], FILTERED]
        if self.looped:
            kinds.append([self.looped, "loop.index", f"{self.looped}|upper", "loop.first", f"{self.looped} or a"])
        return self.one(*self.random.choice(kinds))

    def condition(self) -> str:
        if self.often(0.02):
            return self.one(*MAY_FAIL)
        return self.one(*TESTED) if self.often(0.8) else self.expression(1)

    def tag(self, inside: str) -> str:
        return f"{{%{self.one('', '', '', '-', '+')} {inside} {self.one('', '', '', '-', '+')}%}}"

    def printed(self) -> str:
        text = self.expression()
        if self.often(0.2):
            text = f"{text} if {self.condition()} else {self.expression()}"
        return f"{{{{{self.one('', '', '-')} {text} {self.one('', '', '-')}}}}}"

    def call(self) -> str:
        p, q = self.expression(), self.expression()
        calls = [f"m({p})", f"m(p={p}, q={q})", f"m({p}, {q})", f"kk({p}, {q})", *([] if self.looped else ["all(l)"])]
        return f"{{{{ {self.one(*calls)} }}}}"

    def set(self) -> str:
        return self.tag(f"set {self.one('x', 'x', 'y', 'a')} = {self.expression()}")

    def fork(self) -> str:
        text = self.tag(f"if {self.condition()}") + self.body()
        if self.often(0.4):
            text += self.tag(f"elif {self.condition()}") + self.body()
        if self.often(0.5):
            text += self.tag("else") + self.body()
        return text + self.tag("endif")

    def loop(self) -> str:
        self.looped = self.one("i", "i", "x")
        text = self.tag(f"for {self.looped} in l{self.one('', '', f' if {self.looped}', f' if {self.looped} != b')}")
        text += self.body()
        self.looped = ""
        if self.often(0.3):
            text += self.tag("else") + self.body()
        text += self.tag("endfor")
        return text if self.often(0.05) else self.tag("if l") + text + self.tag("endif")

    def body(self) -> str:
        parts = []
        for _ in range(self.random.randint(1, 4)):
            self.room -= 1
            kinds = [lambda: self.one(*TEXTS), self.printed, self.set, self.call]
            if self.room > 0:
                kinds += [self.fork, self.fork]
                kinds += [] if self.looped else [self.loop]
            parts.append(self.random.choice(kinds)())
        return "".join(parts)


@dataclass(frozen=True)
class Example:
    bodies: dict[str, str]
    frame: pl.DataFrame

    @property
    def source(self) -> str:
        return IMPORTS + "\n".join(_block(name, body) for name, body in self.bodies.items()) + "\n"


def _block(name: str, body: str) -> str:
    return f"{{% block {name} %}}{body}{{% endblock %}}"


@st.composite
def examples(draw: st.DrawFn) -> Example:
    row = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in FIELDS.items()})
    rows = draw(st.lists(row, min_size=1, max_size=6))
    frame = pl.DataFrame(rows, schema={name: dtype for name, (dtype, _) in FIELDS.items()})
    random = Random(draw(st.integers(0, 2**64)))
    return Example({part.name: Author(random).body() + Author(random).body() for part in PARTS}, frame)


def independent(example: Example, part: Part) -> Template:
    """Jinja2 alone, from the source's text, with nothing of ours but the filters."""
    env = SandboxedEnvironment(
        autoescape=part.is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=DictLoader({"_shared/m.j2": SHARED}),
        finalize=pass_context(lambda _, value: "" if value is None else value),
    )
    env.filters, env.tests = dict(filters("en")), dict(TESTS)
    return env.from_string(IMPORTS + _block(part.name, example.bodies[part.name]))


def rendered(words: Words, part: str, row: dict[str, object]) -> str | None:
    try:
        return plain(words, part, row)
    except TemplateError:
        return None


@pytest.mark.property
@pytest.mark.timeout(3600)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(examples())
def test_composed_words_equal_plain_jinja_per_row_character_for_character(example: Example) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.j2").write_text(SHARED, encoding="utf-8")
        (folder / "t.j2").write_text(example.source, encoding="utf-8")
        words = read_words(folder / "t.j2", PARTS, folder, name="t.j2")
    rows = example.frame.to_dicts()
    wanted = [{part.name: rendered(words, part.name, row) for part in PARTS} for row in rows]
    sound = [None not in texts.values() for texts in wanted]
    frame, wanted = (
        example.frame.filter(pl.Series(sound, dtype=pl.Boolean)),
        [t for t, ok in zip(wanted, sound, strict=True) if ok],
    )
    composed = compose(words, frame)
    alone = {part.name: independent(example, part) for part in PARTS}
    filled = {part.name: fill(composed, part.name).to_list() for part in PARTS}
    for number, (texts, slots, row) in enumerate(zip(wanted, composed.rows.to_dicts(), frame.to_dicts(), strict=True)):
        creative = composed.creatives[slots["key"]]
        for part in PARTS:
            assert filled[part.name][number] == texts[part.name]
            assert restore(generic(creative, part.name), slots) == texts[part.name]
            assert alone[part.name].render(row) == texts[part.name]
        assert {name for name, value in slots.items() if value is not None} - {"key"} == set(creative.slots())
    if not all(sound):
        event("some row fails")
    forks = len(re.findall(r"\{%[-+]? (?:el)?if ", example.source))
    event("two or more branches" if forks >= 2 else "fewer than two branches")
    event(f"creatives: {len(composed.creatives)}")
