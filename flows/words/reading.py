"""A template file -> Words: parsed, checked, macros written out, split into its parts, with the fields it mentions."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jinja2 import nodes

from flows.errors import TemplateError, UnknownFieldError, nearest
from flows.words import environment
from flows.words.macros import Macro, check_size, first_line, imported, is_blank, written_out
from flows.words.names import free_names
from flows.words.steps import Fork, Formula, Planting, Print, Step, fields_behind, prints_in
from flows.words.subset import Source, check_body, check_sets, load, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A block of a template file: `html` of an email is HTML; its `subject` is not, and stands on one line."""

    name: str
    is_html: bool
    is_one_line: bool = False


@dataclass(frozen=True, eq=False)
class Words:
    """A template file, read and checked.

    Attributes:
        name: what errors call it.
        locale: the language that it speaks.
        parts: its parts, in the order asked for.
        fields: every data name mentioned anywhere, untaken branches included, sorted.
        shown: those that can reach what is printed.
        branched: those that can decide which words are used.
        lines: the first line that mentions each field.
        slots: the name of each slot, and whether what it holds is HTML.
        behind: the name of each slot, and the fields that what it holds may come from.
        digest: SHA-256 of everything that the words depend on.
    """

    name: str
    locale: str
    parts: tuple[Part, ...]
    fields: tuple[str, ...]
    shown: frozenset[str]
    branched: frozenset[str]
    lines: Mapping[str, int]
    slots: Mapping[str, bool]
    behind: Mapping[str, frozenset[str]]
    digest: str
    steps: Mapping[str, tuple[Step, ...]] = field(repr=False)
    source: Source = field(repr=False)
    shared: Mapping[str, str] = field(repr=False)
    trees: Mapping[str, nodes.Template] = field(repr=False)  # per part, for `plain`: the imports and the block
    compiled: dict[Any, Any] = field(default_factory=dict, repr=False)

    def part(self, name: str) -> Part:
        """The part of that name."""
        return next(part for part in self.parts if part.name == name)

    def sources(self) -> dict[str, str]:
        """The file, and those of `_shared/` that it imports: name -> text."""
        return {self.name: self.source.text, **{f"templates/{path}": text for path, text in self.shared.items()}}


def read_words(file: Path, parts: Sequence[Part], shared: Path, *, name: str, locale: str = "en") -> Words:
    """Read a template file; nothing is compiled. A text that this process has read before is not taken apart again.

    Args:
        file: the template.
        parts: the blocks it must have, no more and no fewer.
        shared: the folder `_shared/` of macros.
        name: what errors call the file.
        locale: the language that it speaks: dates and numbers are written as there.

    Raises:
        TemplateError: the file is missing, is not in the subset of Jinja2, or its blocks are not the parts.
    """
    source = load(file, name)
    place = (name, source.text, tuple(parts), locale)
    return remembered(_KNOWN, place, shared, lambda: _made(source, parts, shared, locale))


_KNOWN: dict[tuple[str, str, tuple[Part, ...], str], Words] = {}
"""What this process has made of which text, with all that was compiled of it."""
_MOST_KNOWN = 1_000


class _Importing(Protocol):
    """What is made of a text; `shared`: the files of `_shared/` that it imports, and what they said."""

    @property
    def shared(self) -> Mapping[str, str]: ...


Place = TypeVar("Place")
Read = TypeVar("Read", bound=_Importing)


def remembered(known: dict[Place, Read], place: Place, shared: Path, read: Callable[[], Read]) -> Read:
    """What this process has made of a text before, while the files of `_shared/` that it imports say what they said; else anew.

    Args:
        known: what it has made, by all that it was made of but those files.
        place: of what is asked for.
        shared: the folder `_shared/`.
        read: makes it anew.
    """
    if (found := known.get(place)) is not None and _imports_the_same(found, shared):
        return found
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[place] = made = read()
    return made


def _imports_the_same(words: _Importing, shared: Path) -> bool:
    """Whether the files of `_shared/` that words import say what they said."""
    files = {shared / path.removeprefix("_shared/"): text for path, text in words.shared.items()}
    return all(file.is_file() and load(file, file.name).text == text for file, text in files.items())


def _made(source: Source, parts: Sequence[Part], shared: Path, locale: str) -> Words:
    """What a text comes to. Raises TemplateError."""
    tree = parse(source)
    imports, blocks = split(tree, source)
    macros, texts = imported(imports, source, shared)
    source = replace(source, macros=frozenset(macros))
    _check_parts(blocks, parts, source)
    for block in blocks.values():
        check_body(block.body, source)
        check_sets(block.body, source)
    check_size(blocks.values(), macros, source)
    number = itertools.count(1)
    bodies = {part.name: written_out(blocks[part.name].body, macros, source, number) for part in parts}
    for part in parts:
        if part.is_one_line:
            _check_one_line(bodies[part.name], part, source)
    planting = Planting()
    steps = {part.name: planting.steps(bodies[part.name], is_html=part.is_html) for part in parts}
    lines: dict[str, int] = {}
    for body in bodies.values():
        for mentioned, line in free_names(body).items():
            lines[mentioned] = min(line, lines.get(mentioned, line))
    uses = [_uses(steps[part], body) for part, body in bodies.items()]
    return Words(
        name=source.name,
        locale=locale,
        parts=tuple(parts),
        fields=tuple(sorted(lines)),
        shown=frozenset[str]().union(*(shown for shown, _ in uses)),
        branched=frozenset[str]().union(*(branched for _, branched in uses)),
        lines=lines,
        slots=dict(planting.slots),
        behind=_behind(steps, bodies),
        digest=_digest(source.text, locale, texts, parts, macros),
        steps=steps,
        source=source,
        shared=texts,
        trees={part.name: nodes.Template([*imports, blocks[part.name]], lineno=1) for part in parts},
    )


def check_fields(words: Words, known: Collection[str], segment: str) -> None:
    """Hold the names in a template against the fields of its segment.

    Raises:
        UnknownFieldError: a name is not among `known`; the hint offers the nearest one.
    """
    for mentioned, line in sorted(words.lines.items(), key=lambda item: (item[1], item[0])):
        if mentioned not in known:
            what = f"'{mentioned}' is not a field of segment {segment}"
            raise UnknownFieldError(f"{words.name}:{line}", what, nearest(mentioned, known))


def split(tree: nodes.Template, source: Source) -> tuple[list[nodes.FromImport], dict[str, nodes.Block]]:
    """The imports and the blocks of a file. Raises TemplateError where anything else stands outside the blocks."""
    imports: list[nodes.FromImport] = []
    blocks: dict[str, nodes.Block] = {}
    for node in tree.body:
        if isinstance(node, nodes.FromImport):
            imports.append(node)
        elif isinstance(node, nodes.Block):
            if node.scoped or node.required:
                raise source.error(node.lineno, "a block is neither `scoped` nor `required`", "delete the word")
            if node.name in blocks:
                raise source.error(node.lineno, f"the block '{node.name}' is there twice", "keep one of them")
            blocks[node.name] = node
        elif not is_blank(node):
            if not isinstance(node, nodes.Output):
                check_body([node], source)
            line = first_line(node)
            raise source.error(line, f"this stands outside the blocks: {source.line(line)}", "move it into a block")
    return imports, blocks


def _check_parts(blocks: Mapping[str, nodes.Block], parts: Sequence[Part], source: Source) -> None:
    wanted = [part.name for part in parts]
    for name, block in blocks.items():
        if name not in wanted:
            raise source.error(block.lineno, f"the block '{name}' is no part here", nearest(name, wanted))
    for name in wanted:
        if name not in blocks:
            hint = f"add {{% block {name} %}}…{{% endblock %}}"
            raise TemplateError(source.name, f"the block '{name}' is missing", hint)


def _check_one_line(body: Sequence[nodes.Node], part: Part, source: Source) -> None:
    """Refuse a line break anywhere in a header or title, in what a filter puts in, too: on some value it would come out."""
    for node in (inner for outer in body for inner in (outer, *outer.find_all(nodes.Node))):
        text = node.data if isinstance(node, nodes.TemplateData) else getattr(node, "value", "")
        if isinstance(text, str) and "\n" in text:
            what = f"the part '{part.name}' goes over more than one line"
            raise source.error(node.lineno, what, "write the block on one line, from its tag to its endblock")


def _uses(steps: Sequence[Step], body: Sequence[nodes.Node]) -> tuple[set[str], set[str]]:
    """The fields that a part shows, and those it branches on; a loop shows whatever it mentions."""
    shown, branched = set[str](), set[str]()

    def walk(steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Print):
                shown.update(step.formula.names)
            elif isinstance(step, Fork):
                branched.update(step.test.names)
                walk(step.then)
                walk(step.otherwise)

    walk(steps)
    return fields_behind(shown, body), fields_behind(branched, body)


def _behind(
    steps: Mapping[str, Sequence[Step]], bodies: Mapping[str, Sequence[nodes.Node]]
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for part, body in bodies.items():
        for place in prints_in(steps[part]):
            if place.slot is not None:
                own = fields_behind(place.formula.names, body)
                found[place.slot] = found.get(place.slot, frozenset()) | own
    return found


def _digest(
    text: str, locale: str, texts: Mapping[str, str], parts: Sequence[Part], macros: Mapping[str, Macro]
) -> str:
    pieces = [environment.VERSION, locale, text, *(f"{part.name}:{part.is_html}" for part in parts)]
    pieces += [f"{path}\x1f{texts[path]}" for path in sorted(texts)] if macros else []
    return hashlib.sha256("\x1e".join(pieces).encode()).hexdigest()


__all__ = ["Formula", "Part", "Words", "check_fields", "read_words", "split"]
