"""Whole messages, so that a change of words is seen in review. `WRITE_GOLDEN=1` writes them anew.

A file's name says what it holds: `<product>.<channel>.<locale>.<facts>.txt`, facts joined by `+`, or `none`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.templates.found import files

GOLDEN = Path(__file__).parent / "golden"
IS_WRITING = bool(os.environ.get("WRITE_GOLDEN"))


def message(path: Path) -> str:
    """What the file of that name should hold: every part, plain values, booleans that are true."""
    product, channel, locale, facts = path.name.removesuffix(".txt").split(".")
    file = next(
        file for file in files() if (file.product, file.channel, file.locale or "en") == (product, channel, locale)
    )
    wanted = () if facts == "none" else tuple(facts.split("+"))
    situation = [each for each in file.situations("plain") if each.facts == wanted][-1]
    return "\n".join(f"=== {part}\n{text.strip()}\n" for part, text in file.says(situation.values).items())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.name)
def test_the_words_are_those_that_were_reviewed(path: Path):
    said = message(path)
    if IS_WRITING:
        path.write_text(said, "utf-8")
    assert said == path.read_text("utf-8")


def test_each_help_of_the_sample_has_a_reviewed_message_with_all_its_facts_and_one_with_none():
    """A seventh product may come without: its words are tested all the same."""
    held = {(product, facts) for product, _, _, facts in (path.stem.split(".") for path in GOLDEN.glob("*.txt"))}
    first = {"care_guide", "delayed_order", "easy_return", "running_low"}
    wanted = {(product, "last_order+name") for product in first}
    wanted |= {("basket_answers", "basket+name"), ("choosing_guide", "visits+name")}
    assert wanted | {(product, "none") for product, _ in wanted} <= held
