"""The messages of a page as a browser would find them: what each part says, and what of it is set off."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "img", "hr"}


@dataclass
class Article:
    """A message: its attributes, its heading, the text of each part, what is set off (part, facts, text), and its mail."""

    attributes: dict[str, str]
    heading: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    marks: list[tuple[str, str, str]] = field(default_factory=list)
    frame: str = ""

    def numbers(self, name: str) -> set[int]:
        return set(map(int, self.attributes[name].split()))


class Shown(HTMLParser):
    """A page, or the mail in a frame of it (`part` is then `html`)."""

    def __init__(self, page: str, *, part: str | None = None) -> None:
        super().__init__()
        self.articles: list[Article] = [Article({})] if part else []
        self.inputs: list[dict[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, str | None]] = [("", part)]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "article":
            self.articles.append(Article(found))
        if tag == "input":
            self.inputs.append(found)
        if tag == "iframe":
            self.articles[-1].frame = found["srcdoc"]
        if tag == "mark":
            self.articles[-1].marks.append((self._open[-1][1] or "", found["data-fact"], ""))
        if tag not in VOID:
            self._open.append((tag, found.get("data-part", self._open[-1][1])))

    def handle_endtag(self, tag: str) -> None:
        while self._open[-1][0] != tag:
            self._open.pop()
        self._open.pop()

    def handle_data(self, data: str) -> None:
        tag, part = self._open[-1]
        if not self.articles:
            return
        article = self.articles[-1]
        if tag == "h3":
            article.heading += data
        if part and tag not in {"style", "title"}:
            article.parts[part] = article.parts.get(part, "") + data
        if tag == "mark":
            where, facts, text = article.marks[-1]
            article.marks[-1] = (where, facts, text + data)


def mail(article: Article) -> Article:
    """The mail of a message: its text, and what is set off in it."""
    [found] = Shown(article.frame, part="html").articles
    return found
