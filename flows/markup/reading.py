"""HTML -> its tags, texts and comments, by a grammar so strict that every mail program reads the same.

The standard library's parser is more lenient than browsers are (`<!-->` hides for it what they show), a parser that follows
the standard to the letter is ten times slower; what is not written plainly is a complaint instead.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Complaint:
    """What is wrong with some HTML, the way out, and the text at which to look for it."""

    what: str
    hint: str
    near: str


@dataclass(frozen=True)
class Tag:
    """A start or end tag. Attributes are in small letters, their values read; one without a value has None."""

    name: str
    attributes: Mapping[str, str | None]
    is_end: bool
    raw: str


@dataclass(frozen=True)
class Text:
    """Text, with its entities read; the content of <style> and <title>, too."""

    text: str
    raw: str


@dataclass(frozen=True)
class Comment:
    """A comment, or the document's type."""

    text: str
    raw: str


Token = Tag | Text | Comment

_NAME = r"""[^\s"'<>/=]++"""
_ATTRIBUTE = rf"""\s++{_NAME}(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?+"""
_TOKEN = re.compile(
    rf"""(?P<text>[^<]++)
    |<!--(?!-?>)(?P<comment>(?:(?!--!?>).)*+)-->
    |(?P<doctype><!doctype\s[^<>]*+>)
    |</(?P<end>[a-z][a-z0-9:-]*+)\s*+>
    |<(?P<start>[a-z][a-z0-9:-]*+)(?P<attributes>(?:{_ATTRIBUTE})*+)\s*+/?+>""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_ATTRIBUTES = re.compile(rf"""\s++({_NAME})(?:\s*+=\s*+("[^"]*+"|'[^']*+'))?+""")
_UNQUOTED = re.compile(r"""<[a-z][^<>]*?\s([^\s"'<>/=]+)\s*=\s*([^\s"'<>]+)""", re.IGNORECASE)
_HELD = {"style", "title"}
"""Elements that hold text and no tags."""


def tokens(text: str) -> Iterator[Token | Complaint]:
    """What some HTML is made of; the first thing that cannot be read is a complaint, and the last."""
    at, held = 0, None
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            yield _unread(text[at : at + 200])
            return
        token = _token(found)
        if held is not None and not isinstance(token, Text) and not (isinstance(token, Tag) and token.name == held):
            yield Complaint(f"a tag stands inside <{held}>", "write text alone there", token.raw)
            return
        if isinstance(token, Tag) and token.name in _HELD:
            held = None if token.is_end else token.name
        at = found.end()
        yield token


def _token(found: re.Match[str]) -> Token:
    raw = found[0]
    if found["text"] is not None:
        return Text(html.unescape(raw), raw)
    if found["comment"] is not None:
        return Comment(found["comment"], raw)
    if found["doctype"] is not None:
        return Comment("", raw)
    if found["end"] is not None:
        return Tag(found["end"].lower(), {}, is_end=True, raw=raw)
    attributes: dict[str, str | None] = {}
    for name, value in _ATTRIBUTES.findall(found["attributes"]):
        attributes.setdefault(name.lower(), html.unescape(value[1:-1]) if value else None)  # the first one counts
    return Tag(found["start"].lower(), attributes, is_end=False, raw=raw)


def _unread(rest: str) -> Complaint:
    if unquoted := _UNQUOTED.match(rest):
        name, value = unquoted[1].lower(), unquoted[2]
        shown = value if value.isascii() else "…"
        return Complaint(f"the attribute '{name}' is not quoted", f'write {name}="{shown}"', rest)
    if rest.startswith("<!--"):
        return Complaint("a comment does not end, or not with -->", "end it, or take it out", rest)
    if re.match(r"</?[a-z]", rest, re.IGNORECASE):
        return Complaint("a tag cannot be read", 'write it plainly: <name attribute="value">', rest)
    return Complaint("a < stands here that begins no tag", "write &lt;", rest)


VOID = {"area", "br", "col", "hr", "img", "meta", "wbr"}
OPTIONAL_END = {"colgroup", "dd", "dt", "li", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}


@dataclass(eq=False)
class Element:
    """An element of a document, or the document itself (its name is then empty)."""

    name: str
    attributes: Mapping[str, str | None]
    parent: Element | None
    raw: str
    depth: int = 0
    children: list[Element | Text] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside."""
        return "".join(child.text for child in self.children)

    def walk(self) -> Iterator[Element]:
        """Itself and all elements inside, in the document's order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def ancestors(self) -> Iterator[Element]:
        """Itself, its parent, and so on."""
        here: Element | None = self
        while here is not None:
            yield here
            here = here.parent


MOST_NESTED = 100


def document(found: Sequence[Token]) -> tuple[Element, Complaint | None]:
    """The tree of some tokens, and the first tag that does not fit into it."""
    root = here = Element("", {}, None, "")
    for token in found:
        if isinstance(token, Text):
            here.children.append(token)
        elif isinstance(token, Tag) and token.is_end:
            closed = _closed(here, token.name)
            if closed.name != token.name or closed.parent is None:
                return root, _misfit(closed, token)
            here = closed.parent
        elif isinstance(token, Tag):
            inner = Element(token.name, token.attributes, here, token.raw, here.depth + 1)
            if inner.depth > MOST_NESTED:
                return root, Complaint("elements are nested too deeply", f"at most {MOST_NESTED} levels", token.raw)
            here.children.append(inner)
            here = here if token.name in VOID else inner
    left_open = _closed(here, "")
    return root, _unclosed(left_open) if left_open.name else None


def _closed(here: Element, name: str) -> Element:
    """The open element that an end tag closes, or the one that hinders it; those in between may do without their own."""
    return next(each for each in here.ancestors() if each.name == name or each.name not in OPTIONAL_END)


def _misfit(hindering: Element, tag: Tag) -> Complaint:
    if any(each.name == tag.name for each in hindering.ancestors()):
        return _unclosed(hindering)
    return Complaint(f"</{tag.name}> closes nothing that is open", "take it out", tag.raw)


def _unclosed(element: Element) -> Complaint:
    return Complaint(f"<{element.name}> is not closed", f"write </{element.name}>", element.raw)
