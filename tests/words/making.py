"""Words from a template's text, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.words import Part, Words, read_words

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT, HTML, TEXT = Part("subject", is_html=False), Part("html", is_html=True), Part("text", is_html=False)


def words_from(folder: Path, source: str, *parts: Part, shared: str = "") -> Words:
    (folder / "_shared").mkdir(exist_ok=True)
    (folder / "_shared" / "m.j2").write_text(shared, encoding="utf-8")
    (folder / "words.j2").write_text(source, encoding="utf-8")
    return read_words(folder / "words.j2", parts, folder / "_shared", name="templates/p/words.j2")
