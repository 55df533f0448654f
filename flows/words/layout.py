"""The brand's layout around finished words: header, footer, identity, unsubscribe. The same for all customers of a sender.

A layout is a template file with a block for each part that it wraps (`html`, `text`). Its blocks may print `content` (the part
itself), every other part by its name (`subject`, `preheader`), the context's values (`brand.legal_name`) and reserved slots
(`unsubscribe_url`). Parts and reserved slots are printed as they are, and nothing else is done with them, because at that
time they hold marks instead of the slots' values.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import nodes
from markupsafe import Markup

from flows.errors import TemplateError, nearest
from flows.words.composing import digest
from flows.words.creatives import ESCAPES, Composed, Creative, Piece, Slot, escaped, is_words_slot
from flows.words.environment import environment
from flows.words.macros import check_size, imported, written_out
from flows.words.names import free_names
from flows.words.plain import template_line
from flows.words.reading import Part, remembered, split
from flows.words.steps import Planting
from flows.words.subset import MARKS, Source, check_body, load, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from jinja2 import Template

    from flows.words.steps import Step

_OPEN, _CLOSE, _TEXT = "\ufdd0", "\ufdd1", "\ufdd2"
_MARK = re.compile(f"{_OPEN}({_TEXT}?)(\\w+){_CLOSE}")


@dataclass(frozen=True, eq=False)
class Layout:
    """A layout file, read and checked.

    Attributes:
        name: what errors call it.
        locale: the language that it speaks.
        blocks: the parts that it wraps, and whether they are HTML.
        html_parts: the parts of the words that are HTML.
        names: the names it reads from its context, each with its first line.
        digest: of everything it depends on but its context.
    """

    name: str
    locale: str
    blocks: Mapping[str, bool]
    html_parts: frozenset[str]
    names: Mapping[str, int]
    digest: str
    source: Source = field(repr=False)
    shared: Mapping[str, str] = field(repr=False)
    trees: Mapping[str, nodes.Template] = field(repr=False)
    steps: Mapping[str, tuple[Step, ...]] = field(repr=False)
    compiled: dict[str, Template] = field(default_factory=dict, repr=False)

    def holds_words(self, block: str) -> bool:
        """Whether a block prints the words that it wraps."""
        return any(name.name == "content" for name in self.trees[block].find_all(nodes.Name))

    def sources(self) -> dict[str, str]:
        """The file, and those of `_shared/` that it imports: name -> text."""
        return {self.name: self.source.text, **{f"templates/{path}": text for path, text in self.shared.items()}}


def read_layout(
    file: Path, blocks: Collection[Part], shared: Path, *, name: str, locale: str = "en", slots: Collection[str] = ()
) -> Layout:
    """Read a layout; nothing is compiled. A text that this process has read before is not taken apart again.

    Args:
        file: the layout.
        blocks: the parts of the words; the file has a block for each that it wraps, and no other block.
        shared: the folder `_shared/` of macros.
        name: what errors call the file.
        locale: the language that it speaks.
        slots: the reserved slots it may print.

    Raises:
        TemplateError: the file is missing, or not in the subset of Jinja2 (with dots on the context's values).
    """
    source = load(file, name)
    place = (name, source.text, tuple(blocks), locale, frozenset(slots))
    return remembered(_KNOWN, place, shared, lambda: _made(source, blocks, shared, locale, slots))


_KNOWN: dict[tuple[str, str, tuple[Part, ...], str, frozenset[str]], Layout] = {}
"""What this process has made of which text, with all that was compiled of it."""


def _made(source: Source, blocks: Collection[Part], shared: Path, locale: str, slots: Collection[str]) -> Layout:
    """What a text comes to. Raises TemplateError."""
    imports, found = split(parse(source), source)
    macros, texts = imported(imports, source, shared)
    printed = frozenset({"content", *slots, *(part.name for part in blocks)})
    source = replace(source, macros=frozenset(macros), is_layout=True, only_printed=printed)
    check_size(found.values(), macros, source)
    is_html = {part.name: part.is_html for part in blocks}
    names: dict[str, int] = {}
    for block in found.values():
        if block.name not in is_html:
            raise source.error(block.lineno, f"the block '{block.name}' is no part here", nearest(block.name, is_html))
        check_body(block.body, source)
        names = {**free_names(block.body), **names}
    return Layout(
        name=source.name,
        locale=locale,
        blocks={block: is_html[block] for block in found},
        html_parts=frozenset(part.name for part in blocks if part.is_html),
        names={read: line for read, line in names.items() if read not in printed and read not in macros},
        digest=digest(source.text, locale, *(f"{path}\x1e{texts[path]}" for path in sorted(texts))),
        source=source,
        shared=texts,
        trees={block.name: nodes.Template([*imports, block], lineno=1) for block in found.values()},
        steps={
            block.name: Planting().steps(
                written_out(block.body, macros, source, itertools.count(1)), is_html=is_html[block.name]
            )
            for block in found.values()
        },
    )


def render_layout(layout: Layout, block: str, context: Mapping[str, Any]) -> str:
    """One block of a layout around `context["content"]`, which is Markup where it is HTML.

    Raises:
        TemplateError: a name is not in the context, with its line.
    """
    if block not in layout.compiled:
        env = environment(is_html=layout.blocks[block], locale=layout.locale, shared=layout.shared)
        tree = layout.trees[block]
        tree.set_environment(env)
        layout.compiled[block] = env.from_string(tree)
        tree.set_environment(None)  # type: ignore[arg-type]  # so that the layout can be pickled
    try:
        return layout.compiled[block].render(context)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a template may fail in any way
        line = template_line(error)
        where = f"{layout.name}:{line}" if line else layout.name
        raise TemplateError(where, f"{error}"[:120], "set it for the brand, or mend its name here") from None


def wrap(
    composed: Composed,
    layout: Layout,
    *,
    senders: pl.Series,
    contexts: Mapping[str, Mapping[str, Any]],
    slots: Mapping[str, Collection[str]] | None = None,
) -> Composed:
    """Put the layout of its sender around the words of each row; the layout is rendered once per creative and sender.

    Args:
        composed: the words.
        layout: the layout; parts it has no block for stay as they are.
        senders: per row of `composed.rows` the name of its sender (`nordtal/DE`).
        contexts: per sender what the layout may print.
        slots: per sender the reserved slots that the layout may print: `{{{unsubscribe_url}}}` in generic creatives.

    Returns:
        The same rows with new keys, which depend on the words' key, the layout, the sender's name and its context. Slots of
        text parts that a layout prints in HTML come escaped under a second name: `s1_html`.

    Raises:
        TemplateError: a name is not in a context, or a layout is not what the parts need.
    """
    slots = slots or {}
    if taken := [
        name for names in slots.values() for name in names if name in ESCAPES or name == "key" or is_words_slot(name)
    ]:
        raise TemplateError(layout.name, f"the slot name '{taken[0]}' is taken", "choose another name")
    pairs = pl.DataFrame({"key": composed.rows["key"], "sender": senders.cast(pl.String)})
    if unknown := set(pairs["sender"].unique()) - set(contexts):
        what = f"there is nothing to print for the sender {min(map(str, unknown))}"
        raise TemplateError(layout.name, what, "set up its brand and country")
    stamps = {
        sender: digest(layout.digest, sender, json.dumps(context, sort_keys=True, default=str))
        for sender, context in contexts.items()
    }
    occurring = pairs.unique().sort("key", "sender")
    news = [digest(key, stamps[sender]) for key, sender in occurring.iter_rows()]
    creatives = {
        new: _wrapped(composed.creatives[key], layout, contexts[sender], slots.get(sender, ()))
        for new, (key, sender) in zip(news, occurring.iter_rows(), strict=True)
    }
    keys = pairs.join(
        occurring.with_columns(pl.Series("new", news, dtype=pl.String)),
        on=["key", "sender"],
        how="left",
        maintain_order="left",
    )["new"]
    in_html = _printed_in_html(composed, layout)
    rows = composed.rows.with_columns(
        keys.alias("key"), *(escaped(pl.col(slot)).alias(f"{slot}_html") for slot in in_html)
    )
    return Composed(rows, dict(sorted(creatives.items())), composed.slots)


def _printed_in_html(composed: Composed, layout: Layout) -> list[str]:
    """The slots of text parts that the layout prints in HTML, whichever creatives occur."""
    printed = {
        name.name
        for block, is_html in layout.blocks.items()
        if is_html
        for name in layout.trees[block].find_all(nodes.Name)
    }
    texts = [slots for part, slots in composed.slots.items() if part in printed and part not in layout.html_parts]
    return list(dict.fromkeys(slot for slots in texts for slot in slots))


def _wrapped(creative: Creative, layout: Layout, context: Mapping[str, Any], slots: Collection[str]) -> Creative:
    marked = {part: _marked(pieces, is_html=part in layout.html_parts) for part, pieces in creative.parts.items()}
    reserved = {name: Markup(f"{_OPEN}{name}{_CLOSE}") for name in slots}  # noqa: S704 - a mark, no value
    parts = dict(creative.parts)
    for block, is_html in layout.blocks.items():
        text = render_layout(layout, block, {**context, **marked, **reserved, "content": marked[block]})
        parts[block] = _pieces(text, layout, is_html=is_html)
    return Creative(parts)


def _marked(pieces: tuple[Piece, ...], *, is_html: bool) -> str:
    """The words with marks for their slots; a mark says whether its slot holds text or HTML."""
    text = "".join(
        piece if isinstance(piece, str) else f"{_OPEN}{'' if piece.is_html else _TEXT}{piece.name}{_CLOSE}"
        for piece in pieces
    )
    return Markup(text) if is_html else text  # noqa: S704 - these words have been escaped


def _pieces(text: str, layout: Layout, *, is_html: bool) -> tuple[Piece, ...]:
    done: list[Piece] = []
    at = 0
    for mark in _MARK.finditer(text):
        done += [text[at : mark.start()], _slot(mark[2], layout, is_text=bool(mark[1]), is_html=is_html)]
        at = mark.end()
    done.append(text[at:])
    if any(isinstance(piece, str) and MARKS.search(piece) for piece in done):
        raise TemplateError(layout.name, "a value of its context holds a character that marks slots", "delete it")
    return tuple(piece for piece in done if piece != "")


def _slot(name: str, layout: Layout, *, is_text: bool, is_html: bool) -> Slot:
    if is_words_slot(name) and not is_text and not is_html:
        hint = "print a text part there"
        raise TemplateError(layout.name, "an HTML part is printed where the layout is text", hint)
    return Slot(f"{name}_html" if is_text and is_html else name, is_html)
