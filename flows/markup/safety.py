"""What HTML may stand in a message: plain elements, links to the brand's hosts, and values only where they are text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.markup.reading import Comment, Complaint, Tag, Text, tokens
from flows.words import IDENTITY, VALUE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flows.markup.reading import Token

ELEMENTS = frozenset(
    """a abbr address article aside b bdi bdo blockquote br caption center cite code col colgroup dd del dfn div dl dt em
    figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section small
    span strong sub sup table tbody td tfoot th thead time tr u ul var wbr""".split()  # noqa: SIM905
)
"""What words may consist of. What runs, loads, asks or hides is not among it."""

OF_DOCUMENTS = ELEMENTS | {"html", "head", "body", "title", "meta", "style"}
"""What a layout may consist of."""

LINKS = {"href", "src", "background", "cite", "poster", "longdesc", "action", "formaction", "data", "srcset", "usemap"}
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9:._-]*")
_LINK = re.compile(r"""https://([A-Za-z0-9.-]+)(?:[/?#][^\s\x00-\x1f\x7f<>"'`\\]*)?""")
_MAIL = re.compile(r"mailto:[A-Za-z0-9.+_-]+@([A-Za-z0-9.-]+)")
_CALL = re.compile(r"tel:\+?[0-9-]+")
_STYLES = re.compile(r"expression\s*\(|behaviou?r\s*:|-moz-binding|@import|image-set|javascript\s*:|\\", re.IGNORECASE)
_LOADED = re.compile(r"""url\(\s*["']?([^"')]*)""", re.IGNORECASE)
_FOR_OUTLOOK = re.compile(r"\[if [^\]]*\]>(.*)<!\[endif\]", re.DOTALL)
TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of what follows."""


def unsafe(found: Iterable[Token | Complaint], hosts: Collection[str], *, is_document: bool) -> Iterator[Complaint]:
    """What may not stand in a message, in the order in which it stands there.

    Args:
        found: the tokens of what is sent, or of an outline (`flows.words.outlines`): marks stand there for what is printed.
        hosts: those that links may lead to, in small letters.
        is_document: whether it is a whole document, or words for inside one.
    """
    allowed = OF_DOCUMENTS if is_document else ELEMENTS
    inside = ""
    for token in found:
        if isinstance(token, Complaint):
            yield token
        elif isinstance(token, Tag):
            inside = token.name if not token.is_end else ""
            yield from _tag(token, allowed, hosts)
        elif isinstance(token, Comment):
            yield from _comment(token, hosts)
        elif inside == "style":
            yield from _style(token.text, hosts, token.raw)
        elif turned := TURNING.search(token.text):
            what = f"the character U+{ord(turned[0]):04X} turns the direction of what follows"
            yield Complaint(what, 'take it out, or write <bdi>…</bdi> or dir="rtl"', token.raw)


def _tag(tag: Tag, allowed: Collection[str], hosts: Collection[str]) -> Iterator[Complaint]:
    if tag.name not in allowed and not tag.is_end:
        yield Complaint(
            f"<{tag.name}> may not stand in a message", "take it out; mail programs drop it, or worse", tag.raw
        )
    for name, value in tag.attributes.items():
        yield from _attribute(tag, name, value or "", hosts)


def _attribute(tag: Tag, name: str, value: str, hosts: Collection[str]) -> Iterator[Complaint]:
    if not _ATTRIBUTE.fullmatch(name):
        yield Complaint(
            f"a value or a sign is printed in the name of an attribute of <{tag.name}>", "write it out", tag.raw
        )
    elif name.startswith("on") or name in {"srcdoc", "ping", "is"}:
        yield Complaint(f"the attribute '{name}' may not stand in a message", "take it out", tag.raw)
    elif name == "http-equiv" and value.lower() not in {"content-type", "x-ua-compatible"}:
        yield Complaint(f'http-equiv="{value}" may not stand in a message', "take it out", tag.raw)
    elif name == "style":
        yield from _style(value, hosts, tag.raw)
    elif name in LINKS:
        yield from _link(value, hosts, tag.raw, f"the {name} of <{tag.name}>")


def _style(css: str, hosts: Collection[str], raw: str) -> Iterator[Complaint]:
    if VALUE in css or IDENTITY in css:
        yield Complaint("a value is printed inside a style", "write the style out, in a branch for each case", raw)
    if found := _STYLES.search(css):
        yield Complaint(f"'{found[0]}' may not stand in a style", "take it out", raw)
    for url in _LOADED.findall(css):
        yield from _link(url, hosts, raw, "what a style loads")


def _link(url: str, hosts: Collection[str], raw: str, whose: str) -> Iterator[Complaint]:
    """Links lead to https addresses of known hosts, that every program reads in the same way."""
    if VALUE in url:
        hint = "let the action's page know its visitor, or write the link out, in a branch for each case"
        yield Complaint(f"a value is printed in {whose}", hint, raw)
    elif not url.strip():
        yield Complaint(f"{whose} is empty", "write an address, or take the element out", raw)
    elif (mail := _MAIL.fullmatch(url)) is not None and mail[1].lower() in hosts:
        return
    elif not url.startswith(IDENTITY) and not _CALL.fullmatch(
        url
    ):  # what a brand's own address comes to is looked at where it is filled in
        yield from stray(url.replace(IDENTITY, "x"), hosts, raw, whose)


def stray(url: str, hosts: Collection[str], raw: str, whose: str) -> Iterator[Complaint]:
    """What is wrong with an address that is complete."""
    found = _LINK.fullmatch(url)
    if found is None:
        yield Complaint(
            f"{whose} is no plain https address", "write https://host/path, without a port, user or space", raw
        )
    elif found[1].lower() not in hosts:
        what = f"{whose} leads to {found[1][:60]}, which is no host of this brand"
        yield Complaint(what, "mend it, or add the host to `link_hosts` in pyproject.toml", raw)


def _comment(comment: Comment, hosts: Collection[str]) -> Iterator[Complaint]:
    if VALUE in comment.text:
        yield Complaint("a value is printed inside a comment", "take it out", comment.raw)
    if found := _FOR_OUTLOOK.fullmatch(comment.text):
        yield from _for_outlook(found[1], hosts)


def _for_outlook(html: str, hosts: Collection[str]) -> Iterator[Complaint]:
    """What Outlook alone reads: the same, and the elements of Office."""
    inside = ""
    for token in tokens(html):
        if isinstance(token, Complaint):
            yield token
        elif isinstance(token, Tag):
            inside = token.name
            of_office = {token.name} if token.name == "xml" or token.name.startswith(("o:", "v:", "w:")) else set[str]()
            yield from _tag(token, OF_DOCUMENTS | of_office, hosts)
        elif inside == "style" and isinstance(token, Text):
            yield from _style(token.text, hosts, token.raw)
