"""Words tried on the examples of their fields, before any customer: each set of facts that can occur, and each example."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.channels import CHANNELS
from flows.errors import TemplateError
from flows.line.situations import situations
from flows.stages.message import sender_context
from flows.wording import layout_of
from flows.words import plain, render_layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.budget import Usage
    from flows.channels import Channel
    from flows.product import Product
    from flows.wording import WordsKey
    from flows.words import Words
    from flows.workspace import Workspace

_LEFT_OVERS = re.compile(r"\b(None|nan|inf|Undefined)\b|\{\{|object at 0x")
_DIGITS = re.compile(r"\d+\.\d{7,}|\d[\d.]*e[+-]\d\d")
"""What no reader should see: nothing as a word, a tag; and a number with every digit that the machine has of it."""

_CONTENT = "\x1acontent\x1a"
"""Where the text goes. A layout prints it as it is and decides nothing by it, so one rendering stands for all texts."""


@dataclass(frozen=True)
class Tried:
    """A template file and what its words came to.

    Attributes:
        key: which words.
        usage: the dimensions that they use.
        said: set of facts that can occur -> each text that a part came to, without its layout.
        texts: part -> each text that it came to, in its layout where it has one.
    """

    product: Product
    key: WordsKey
    usage: Usage
    said: Mapping[tuple[str, ...], frozenset[str]]
    texts: Mapping[str, frozenset[str]]

    @property
    def file(self) -> str:
        """The name of the template file."""
        return f"templates/{self.product.name}/{self.key.file}"


def try_words(workspace: Workspace) -> tuple[Tried, ...]:
    """Try the words of every product, whatever its status.

    Raises:
        TemplateError: some wording cannot be rendered, or comes out broken.
    """
    return tuple(
        _tried(workspace, product, key, usage)
        for product in workspace.products.values()
        for key, usage in workspace.usages(product).items()
    )


def _tried(workspace: Workspace, product: Product, key: WordsKey, usage: Usage) -> Tried:
    words, channel = workspace.words[product.name][key], CHANNELS[key.channel]
    texts: dict[str, set[str]] = {part.name: set() for part in words.parts}
    said: dict[tuple[str, ...], set[str]] = {}
    segment, used = workspace.segments[product.segment], sorted(usage.used)
    for situation in situations(words.fields, used, segment, every_example=True):
        for part, found in texts.items():
            text = plain(words, part, situation.values)
            _check(text, part, words, channel, situation.facts)
            found.add(text)
            said.setdefault(situation.facts, set()).add(text)
    laid = {part: frozenset(found) for part, found in _laid(workspace, product, key, texts).items()}
    return Tried(product, key, usage, {facts: frozenset(found) for facts, found in said.items()}, laid)


def _laid(workspace: Workspace, product: Product, key: WordsKey, texts: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The texts in the layout of each sender that may speak: brand and country."""
    layout = layout_of(workspace.layouts, key)
    if layout is None:
        return dict(texts)
    laid: dict[str, set[str]] = {part: set() for part in layout.blocks}
    html = {part.name for part in CHANNELS[key.channel].parts if part.is_html}
    parts = {part: Markup(min(found)) if part in html else min(found) for part, found in texts.items()}  # noqa: S704
    brands = workspace.settings.brands
    for sender in [f"{brand}/{country}" for brand in product.brands for country in brands[brand]]:
        context = {**sender_context(sender, product, key, workspace), **parts}
        if context["is_marketing"]:
            context["unsubscribe_url"] = context["brand"]["unsubscribe_url"]
        for part in layout.blocks:
            content = Markup(_CONTENT) if part in html else _CONTENT  # noqa: S704 - the texts come as they were rendered
            around = render_layout(layout, part, {**context, "content": content})
            laid[part].update(around.replace(_CONTENT, text) for text in texts[part])
    return {**texts, **laid}


def _check(text: str, part: str, words: Words, channel: Channel, facts: tuple[str, ...]) -> None:
    said = f"with {', '.join(facts) or 'no'} facts, part '{part}'"
    if part in channel.one_line and "\n" in text:
        what = f"the part '{part}' goes over more than one line"
        raise TemplateError(words.name, what, "write the block on one line, from its tag to its endblock")
    if left := _LEFT_OVERS.search(text):
        raise TemplateError(words.name, f"{said} prints '{left[0]}'", "give that case words of its own")
    if digits := _DIGITS.search(text):
        raise TemplateError(words.name, f"{said} prints {digits[0]}", "print it with |number, or round it in the query")
    if not text.strip() and part not in channel.may_be_blank:
        raise TemplateError(words.name, f"{said} is empty", "give that case words of its own")
