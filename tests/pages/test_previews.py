"""Messages as people see them, on a terminal and in a file."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from flows import line
from flows.pages.previews import OWN, previewed
from tests.tiny import make

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make(tmp_path_factory.mktemp("previews") / "workspace")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A tiny workspace with a plan."""
    tiny = make(tmp_path_factory.mktemp("planned") / "workspace", brands=["north"])
    tiny.plan()
    return tiny


def printed(found, **terminal) -> str:
    file = io.StringIO()
    Console(file=file, soft_wrap=True, **terminal).print(previewed(found))
    return file.getvalue()


def test_the_messages_of_a_product_read_as_they_were_reviewed(tiny):
    """`WRITE_GOLDEN=1` writes the file anew."""
    said = printed(line.preview(tiny.load(), "care"))
    path = GOLDEN / "care.txt"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(said, "utf-8")
    assert said == path.read_text("utf-8")


def test_on_a_terminal_a_customers_own_words_are_in_a_style_and_without_marks(tiny):
    found = line.preview(tiny.load(), "care", line.Asked(channels=("web",)))
    said = printed(found, force_terminal=True, color_system="standard")
    on, off = "\x1b[1;33m", "\x1b[0m"
    assert OWN == "bold yellow"
    assert f"  Headline: Looking after your {on}tent{off}\n  Body: {on}Ann{off}, dry it first.\n" in said
    assert "‹" not in said


def test_who_asked_for_no_colour_still_sees_what_is_set_off(tiny):
    found = line.preview(tiny.load(), "care", line.Asked(channels=("web",)))
    said = printed(found, force_terminal=True, color_system="standard", no_color=True)
    assert "Looking after your \x1b[1mtent\x1b[0m\n" in said


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([()], "without customer data"),
        ([("a",)], "with a"),
        ([("a", "b")], "with a and b"),
        ([(), ("b",)], "with or without b"),
        ([("a",), ("a", "b")], "with a, with or without b"),
        ([(), ("a",), ("b",), ("a", "b")], "with or without a and b"),
        ([(), ("a",), ("b",)], "without customer data or with a or with b"),
        ([("a",), ("b",)], "with a or with b"),
    ],
)
def test_the_sets_of_facts_with_which_a_message_reads_so_are_told_in_one_phrase(tiny, facts, words):
    found = line.preview(tiny.load(), "care", line.Asked(channels=("web",)))
    message = replace(found.messages[0], facts=tuple(facts))
    title = printed(replace(found, messages=(message,))).splitlines()[4]
    assert title == f"web → web_profiles, in en, {words}"


def test_it_is_said_where_nobody_is_reached_or_nothing_is_live(tiny, tmp_path):
    other = tiny.copy(tmp_path / "other")
    other.edit("pyproject.toml", 'sms = "sms_file"\n', "")
    other.edit("templates/care/product.yaml", "status: live", "status: draft")
    said = printed(line.preview(other.load(), "care", line.Asked(channels=("sms",))))
    assert "sms → no target of north, so to nobody, in en, without customer data\n" in said
    assert "It is draft, so nobody gets it.\n" in said


def test_a_long_text_message_says_how_many_it_counts_as(tiny, tmp_path):
    other = tiny.copy(tmp_path / "other")
    other.edit("sql/segments/owners.yaml", "examples: [tent]", "examples: [木]")
    said = printed(line.preview(other.load(), "care", line.Asked(channels=("sms",))))
    assert "  Length: 1 segment, 75 of 160 units (GSM-7)\n" in said
    assert "  Length: 2 segments, 73 of 134 units (UCS-2)\n" in said


def test_a_customers_messages_are_shown_with_why_they_get_them(planned):
    said = printed(line.preview_for(planned.load(), "late", "c07"))
    assert said.startswith("late for c07, by plan 20261122-")
    assert "c07 gets late of north about o71: by email (email_file)" in said
    assert "\nemail about o71 → email_file, in en, with last_order and name\n" in said
    assert "  Subject: Your ‹tent› is late\n" in said


def test_a_customer_who_gets_nothing_of_it_is_told_why(planned):
    workspace = planned.load()
    assert "c12 does not get care of north: sql/exclusions/barred.sql names them (EXCLUDED).\n" in printed(
        line.preview_for(workspace, "care", "c12")
    )
    assert "c01 does not get it: not in the segment late, or not due there yet.\n" in printed(
        line.preview_for(workspace, "late", "c01")
    )


def test_it_is_said_that_the_plan_is_of_other_words(planned, tmp_path):
    changed = "Settings, words or SQL have changed since; `justenough plan` makes a new plan.\n"
    assert changed not in printed(line.preview_for(planned.load(), "care", "c01"))
    other = planned.copy(tmp_path / "other")
    other.edit("templates/late/web.j2", "We are sorry.", "Sorry.")
    assert changed in printed(line.preview_for(other.load(), "care", "c01"))
