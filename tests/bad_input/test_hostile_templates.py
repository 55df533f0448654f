"""Templates written to eat the machine, to get out of the sandbox or to smuggle something into a message: each is refused.

A case is one file: what `check` says, then each file that is laid over the tiny workspace, under its path. What is too large
to be written down, or holds characters that no editor shows, is made below. There is no warehouse here: a template that was
let through would be seen by the error of the missing file.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import resource
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import cli
from tests.bad_input.catalogue import numbered
from tests.bad_input.refusing import with_page
from tests.tiny import MORNING, Tiny, make

HERE = Path(__file__).parent / "hostile_templates"
WRITTEN = sorted(file.stem for file in HERE.iterdir())
SMS, EMAIL, SHARED, YAML = (
    "templates/care/sms.j2",
    "templates/care/email.j2",
    "templates/_shared/again.j2",
    "sql/segments/owners.yaml",
)
NUMBERS = {
    "safe": 50,
    "autoescape_off": 50,
    "loops_inside_loops": 51,
    "power": 52,
    "javascript_link": 53,
    "layout_without_a_way_out": 54,
    "layout_without_an_address": 54,
    "object": 55,
    "nothing_as_a_word": 55,
    "picture_in_a_data_uri": 56,
    "subject_with_a_carriage_return": 60,
}
NUMBERS_OF_MADE = {
    "an e-mail that is cut off": 56,
    "a template above its folder": 61,
    "a template with braces in its name": 61,
}
MOST_SECONDS, MOST_BYTES = 2, 512 * 2**20


def body(text: str) -> str:
    return f"{{% block body %}}{text}{{% endblock %}}"


def mail(html: str) -> str:
    return (
        "{% block subject %}Care{% endblock %}{% block preheader %}Now.{% endblock %}\n"
        f"{{% block html %}}{html}{{% endblock %}}{{% block text %}}Dry it first.{{% endblock %}}"
    )


LETTERS = "".join("{{ letter }}" for _ in range(500))
MADE: dict[str, tuple[dict[str, str], str]] = {
    "a large file": ({SMS: body("x" * 300_000)}, f"{SMS}: the file is larger than 128 kB"),
    "parentheses in parentheses": (
        {SMS: body("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}")},
        f"{SMS}: it is nested too",
    ),
    "conditions in conditions": (
        {SMS: body("{% if item %}" * 500 + "{% endif %}" * 500)},
        f"{SMS}: it is nested too",
    ),
    "filters in a row": ({SMS: body("{{ item" + "|upper" * 15_000 + " }}")}, f"{SMS}:1: this expression is nested too"),
    "a number without end": ({SMS: body("{{ " + "9" * 100_000 + " }}")}, f"{SMS}: it holds a number that"),
    "a long hexadecimal number": ({SMS: body("{{ 0x" + "f" * 100_000 + " }}")}, f"{SMS}:1: this number is too large"),
    "branches without end": (
        {SMS: body("{% if item %}x" + "{% elif item %}x" * 7_000 + "{% endif %}")},
        f"{SMS}:1: an `if` with 7001 branches is too long; at most 24 are allowed",
    ),
    "tags without end": ({SMS: body("{{ item }}" * 10_000)}, f"{SMS}: with its macros written out the file is"),
    "a macro of many macros": (
        {
            SMS: '{% from "_shared/again.j2" import m %}' + body("{{ m() }}" * 1_000),
            SHARED: "{% macro m() %}" + "x" * 100_000 + "{% endmacro %}",
        },
        f"{SMS}: with its macros written out the file is",
    ),
    "a long text in an expression": (
        {SMS: body("{% set x = '" + "x" * 60_000 + "' %}" + "{{ x }}" * 2_000)},
        f"{SMS}:1: a text of 60000 characters stands in an expression",
    ),
    "a text that is printed again and again": (
        {SMS: body("{% set x = '" + "x" * 1_000 + "' %}" + "{{ x }}" * 2_000)},
        f"{SMS}: with no facts, part 'body' is 2000000 characters long",
    ),
    "a loop over a long example": (
        {
            SMS: body("Dry it.{% if item %}{% for letter in item %}" + LETTERS + "{% endfor %}{% endif %}"),
            YAML: "x" * 1_000,
        },
        f"{SMS}: with last_order facts, part 'body' is 500007 characters long",
    ),
    "an example without end": (
        {YAML: "x" * 20_000},
        "CatalogueError sql/segments/owners.yaml:3: fields.item.examples.0: an example of this length (20000)",
    ),
    "an e-mail that is cut off": ({EMAIL: mail("<p>" + "x" * 110_000 + "</p>")}, f"{EMAIL}: the e-mail is 107 KB"),
    "elements in elements": ({EMAIL: mail("<b>" * 9_000)}, f"{EMAIL}:2: elements are nested too deeply"),
    "a tag without end": ({EMAIL: mail("<p " + "a " * 50_000)}, f"{EMAIL}:2: a tag cannot be read"),
    "comments that begin again and again": ({EMAIL: mail("<!--" * 25_000)}, f"{EMAIL}:2: a comment does not end"),
    "the byte nought": ({SMS: body("Dry your\0tent:")}, f"{SMS}:1: the character U+0000 is not allowed"),
    "an escape of terminals": ({SMS: body("Dry your \x1b[31mtent:")}, f"{SMS}:1: the character U+001B is not allowed"),
    "writing that turns round": (
        {SMS: body("\nDry your \u202etent:")},
        f"{SMS}:2: the character U+202E is not allowed",
    ),
    "writing set apart": ({SMS: body("Dry your \u2066tent:")}, f"{SMS}:1: the character U+2066 is not allowed"),
    "a line separator": ({SMS: body("Dry\u2028it:")}, f"{SMS}:1: the character U+2028 is not allowed"),
    "a mark of slots": ({SMS: body("\ufdd0s1\ufdd1")}, f"{SMS}:1: the character U+FDD0 is not allowed"),
    "a template above its folder": ({"templates/care/..j2": "x"}, "templates/care/..j2: "),
    "a template with braces in its name": (
        {"templates/care/{0.__class__}.j2": "x"},
        "templates/care/{0.__class__}.j2: ",
    ),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Tiny:
    made = make(tmp_path_factory.mktemp("hostile") / "w")
    (made.folder / "warehouse.duckdb").unlink()
    return made


@dataclass(frozen=True)
class Ended:
    """What a command said; the processor's seconds it took, so that a busy machine fails nobody, and the memory it took."""

    code: int
    said: str
    seconds: float
    most_bytes: int


@pytest.mark.parametrize("case", numbered(WRITTEN, NUMBERS))
def test_a_hostile_template_is_refused_with_its_line_in_short_time_and_little_memory(tiny, tmp_path, case):
    told, *files = (HERE / f"{case}.txt").read_text("utf-8").split("==== ")
    ended = checked(laid(tiny, tmp_path, dict(file.split("\n", 1) for file in files)))
    assert (ended.code, ended.said) == (1, with_page(told))
    assert ended.seconds < MOST_SECONDS
    assert ended.most_bytes < MOST_BYTES


@pytest.mark.parametrize("case", numbered(MADE, NUMBERS_OF_MADE))
def test_what_is_too_large_or_cannot_be_seen_is_refused_too(tiny, tmp_path, case):
    files, told = MADE[case]
    if YAML in files:
        owners = (tiny.folder / YAML).read_text("utf-8")
        files = {**files, YAML: owners.replace("[tent]", f'["{files[YAML]}"]')}
    ended = checked(laid(tiny, tmp_path, files))
    told = told if " " in told.partition(":")[0] else f"TemplateError {told}"
    assert (ended.code, ended.said[: len(told)]) == (1, told)
    assert ended.said.count("\n") == 3
    assert len(ended.said) < 500
    assert ended.seconds < MOST_SECONDS
    assert ended.most_bytes < MOST_BYTES


def test_the_same_workspace_without_them_fails_only_for_its_warehouse(tiny, tmp_path):
    assert checked(laid(tiny, tmp_path, {})).said.startswith("SourceError ")


def laid(tiny: Tiny, to: Path, files: dict[str, str]) -> Tiny:
    hostile = tiny.copy(to / "w")
    for name, text in files.items():
        (hostile.folder / name).write_text(text, "utf-8")
    return hostile


def checked(tiny: Tiny) -> Ended:
    """What `justenough check` says of a workspace, in a process of its own, and what that took with all its children."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_checked, args=(tiny.folder, theirs))
    child.start()
    theirs.close()
    assert ours.poll(30), "it does not come to an end"
    ended = ours.recv()
    child.join()
    return ended


def _checked(folder: Path, pipe) -> None:
    os.environ["JUSTENOUGH_NOW"] = MORNING.isoformat()
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # a fork has its parent's, which has run other tests
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = cli.main(["check", "--workspace", str(folder)])
    used = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(each.ru_utime + each.ru_stime for each in used)
    said = told.getvalue().replace(str(folder), "<workspace>")
    most = max(each.ru_maxrss for each in used) - inherited
    pipe.send(Ended(code, said, seconds, most * 1024))
