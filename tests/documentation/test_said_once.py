"""Nothing stands in the documentation twice: what is said on one page is linked to from others."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.documentation.pages import markdown, prose
from tests.documentation.reference import PAGES
from tests.house.tree import ROOT, write

if TYPE_CHECKING:
    from pathlib import Path

FEWEST_WORDS = 8
"""Shorter ones are nobody's."""
LOGS = {"CHANGELOG.md", "DECISIONS.md"}
"""They tell of what others say."""
MADE = {f"{name}.md" for name in PAGES}
"""What is made from the code, which says each thing once."""


def test_nothing_is_said_twice():
    complaints = said_twice(ROOT)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("one", "two", "found"),
    [
        (
            "Whoever says stop gets nothing any more, by night.",
            "Whoever says stop gets nothing any more, by night.",
            True,
        ),
        (
            "Whoever says `stop` gets nothing any more,\nby night.",
            "- whoever says stop gets nothing any more, by night",
            True,
        ),
        (
            "Whoever says [stop](a.md) gets nothing any more, by night.",
            "Whoever says stop gets nothing any more, by night.",
            True,
        ),
        ("Whoever says stop gets nothing.", "Whoever says stop gets nothing.", False),
        (
            "Whoever says stop gets nothing any more, by night.",
            "```\nWhoever says stop gets nothing any more, by night.\n```",
            False,
        ),
    ],
)
def test_a_sentence_that_comes_again_is_seen(tmp_path, one, two, found):
    write(tmp_path, {"README.md": f"# One\n\n{one}\n", "docs/how-to/two.md": f"# Two\n\n{two}\n"})
    sentence = "whoever says stop gets nothing any more by night"
    assert said_twice(tmp_path) == ([f"README.md, docs/how-to/two.md: {sentence}"] if found else [])


def said_twice(root: Path) -> list[str]:
    """The sentences, and cells of tables, that stand in more than one place. A link may be called by the title of its page."""
    places: dict[str, list[str]] = defaultdict(list)
    titles = {
        sentence for file in markdown(root) for sentence in _sentences(file.read_text("utf-8").partition("\n")[0])
    }
    for file in markdown(root):
        if file.name not in LOGS and not (file.name in MADE and file.parent.name == "reference"):
            for sentence in _sentences(file.read_text("utf-8")):
                places[sentence].append(str(file.relative_to(root)))
    return [
        f"{', '.join(found)}: {sentence}"
        for sentence, found in places.items()
        if len(found) > 1 and sentence not in titles
    ]


def _sentences(text: str) -> list[str]:
    plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", prose(text))
    parts = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s|\s\|\s|(?<=[.!?:;])\s", plain)
    found = (" ".join(re.findall(r"[^\W_]+(?:[’'_.-][^\W_]+)*", part.lower())) for part in parts)
    return [sentence for sentence in found if len(sentence.split()) >= FEWEST_WORDS]
