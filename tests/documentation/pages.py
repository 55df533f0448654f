"""What the Markdown files of the repository hold: their blocks, headings, links and sentences."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: the file that it is, by the line above it; its language; and what it holds."""

    file: str | None
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """The blocks of a page, in their order."""
    return [
        Block(before[1] if (before := re.search(r"^`([\w./-]+)`\n\n$", text[: at.start()], re.MULTILINE)) else None, at[1], at[2])
        for at in _FENCE.finditer(text)
    ]  # fmt: skip


def prose(text: str) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The places of a page that a link may name, as GitHub calls them: a heading that comes again gets a number."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = "".join(each for each in plain if each in "-_ " or unicodedata.category(each)[0] in "LNM").replace(
            " ", "-"
        )
        count = found[name] = found.get(name, -1) + 1
        if count:
            found[f"{name}-{count}"] = 0
    return set(found)


def links(text: str) -> Iterator[str]:
    """Where the links and pictures of a page lead; what stands in code is none."""
    without_code = re.sub(r"`[^`\n]*`", "``", prose(text))
    yield from re.findall(r"\]\(([^)\s]+)\)", without_code)
    yield from re.findall(r"^\[[^]]+\]: (\S+)$", without_code, re.MULTILINE)


def markdown(root: Path) -> list[Path]:
    """The Markdown files that people read: at the top, and in docs/."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])
