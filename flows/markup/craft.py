"""What makes an e-mail well made: read aloud in its language, pictures told in words, links that say something, not cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.markup.reading import Complaint, Element

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST = 102 * 1024
"""Bytes of an e-mail's HTML: Gmail cuts off what goes beyond, the way to unsubscribe with it. Source: Gmail clips at 102 KB."""


@dataclass(frozen=True)
class Owed:
    """What a marketing message has to hold besides its words.

    Attributes:
        postal_address: of the brand.
        unsubscribe_url: where its reader leaves.
    """

    postal_address: str
    unsubscribe_url: str


def size_faults(html: str) -> Iterator[Complaint]:
    """An e-mail that its reader does not see to the end."""
    size = len(html.encode())
    if size > LARGEST:
        what = f"the e-mail is {size // 1024} KB, and Gmail cuts off what goes beyond {LARGEST // 1024} KB"
        yield Complaint(what, "shorten the words, or let the action's page hold them", "")


def document_faults(root: Element, owed: Owed | None) -> Iterator[Complaint]:
    """What a whole e-mail lacks; `owed` where it is marketing."""
    spoken = next((element for element in root.walk() if element.name == "html"), None)
    if spoken is None or not (spoken.attributes.get("lang") or "").strip():
        what = "the e-mail does not say in which language it is, so it is read aloud in any"
        yield Complaint(what, 'write <html lang="{{ locale }}">', spoken.raw if spoken else "")
    if owed is not None:
        yield from _owed(root, owed)


def _owed(root: Element, owed: Owed) -> Iterator[Complaint]:
    if not any(
        element.attributes.get("href") == owed.unsubscribe_url for element in root.walk() if element.name == "a"
    ):
        what = "marketing has no link by which its reader can leave"
        yield Complaint(what, 'write <a href="{{ unsubscribe_url }}">…</a> into the layout', "")
    if _plain(owed.postal_address) not in _plain(root.text):
        what = "marketing does not say the sender's postal address"
        yield Complaint(what, "print {{ brand.postal_address }} in the layout", "")


def text_faults(text: str, owed: Owed) -> Iterator[Complaint]:
    """What the plain text of a marketing e-mail lacks."""
    if owed.unsubscribe_url not in text:
        what = "the plain text of marketing does not say how its reader can leave"
        yield Complaint(what, "print {{ unsubscribe_url }} in the block 'text' of the layout", "")


def text_message_faults(text: str, stop_word: str) -> Iterator[Complaint]:
    """What a marketing text message lacks, where its brand has a word by which its reader leaves."""
    if stop_word and stop_word not in text:
        what = f"marketing by text message does not say that {stop_word} ends it"
        yield Complaint(what, "print {{ brand.sms_stop_word }} in the layout", "")


def fragment_faults(root: Element) -> Iterator[Complaint]:
    """Links and pictures that say nothing; in words for inside a layout, too."""
    for element in root.walk():
        if element.name == "img" and element.attributes.get("alt") is None:
            what = "a picture has no alt text, and many read without pictures"
            yield Complaint(what, 'say what it shows: alt="…"; alt="" where it only decorates', element.raw)
        if element.name == "a" and "href" in element.attributes and not says_something(element):
            yield Complaint("a link has no words", "say where it leads, or take it out", element.raw)


def says_something(element: Element) -> bool:
    """Whether there is text in an element, or a picture with its alt text."""
    pictures = (each.attributes.get("alt") or "" for each in element.walk() if each.name == "img")
    return bool(element.text.strip() or "".join(pictures).strip())


_BLOCKS = frozenset(
    """address article aside blockquote br caption center dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li
    main nav ol p pre section table tbody td tfoot th thead tr ul""".split()  # noqa: SIM905
)


def read_aloud(element: Element) -> str:
    """The text of an element as it is read: a line for each block, runs of white space as one blank."""
    lines = "".join(_spoken(element)).split("\n")
    return "\n".join(said for line in lines if (said := re.sub(r"[ \t\f]+", " ", line).strip()))


def _spoken(element: Element) -> Sequence[str]:
    done: list[str] = []
    for child in element.children:
        if not isinstance(child, Element):
            done.append(child.text.replace("\n", " "))
        elif child.name in {"head", "style", "title"}:
            continue
        elif child.name in _BLOCKS:
            done += ["\n", *_spoken(child), "\n"]
        else:
            done += _spoken(child)
    return done


def _plain(text: str) -> str:
    return " ".join(text.split())
