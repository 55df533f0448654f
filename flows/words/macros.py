"""Macros of `_shared/`: read, checked, and written out where they are called, so that their conditions are the template's.

A macro sees its parameters and nothing else, so writing it out is setting its parameters under names of their own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

from flows.errors import TemplateError, nearest
from flows.words.names import free_names, renamed, stored_names
from flows.words.subset import SHARED, Source, check_body, check_sets, load, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

LARGEST_WORDS = 250_000
"""Characters, a node of the syntax tree counted as fifty: twice the largest file, or five thousand nodes."""


@dataclass(frozen=True)
class Macro:
    """A macro: its parameters, the defaults of the last of them, and its body."""

    name: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, nodes.Expr]
    body: Sequence[nodes.Node]
    has_loop: bool
    size: int


def imported(
    imports: Sequence[nodes.FromImport], source: Source, shared: Path
) -> tuple[dict[str, Macro], dict[str, str]]:
    """The macros that a file imports, by the name they have in it, and the sources of the files they come from.

    Raises:
        TemplateError: a file or macro is missing, or not in the subset.
    """
    macros: dict[str, Macro] = {}
    sources: dict[str, str] = {}
    read: dict[str, dict[str, Macro]] = {}
    for node in imports:
        path = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(path, str) or not SHARED.fullmatch(path):
            what = "macros are imported from a file of _shared/ only"
            raise source.error(node.lineno, what, 'write {% from "_shared/x.j2" import m %}')
        if node.with_context:
            raise source.error(node.lineno, "`with context` is not allowed", "pass what it needs as arguments")
        file = shared / path.removeprefix("_shared/")
        if not file.is_file():
            known = [f"_shared/{other.name}" for other in shared.glob("*.j2")]
            raise source.error(node.lineno, f"the file '{path}' does not exist", nearest(path, known))
        if path not in read:
            held = load(file, f"{shared.parent.name}/{path}")
            sources[path], read[path] = held.text, read_macros(held)
        found = read[path]
        for entry in node.names:
            name, alias = entry if isinstance(entry, tuple) else (entry, entry)
            if name not in found:
                what = f"'{path}' has no macro '{name}'"
                raise source.error(node.lineno, what, nearest(name, found))
            macros[alias] = found[name]
    return macros, sources


def read_macros(source: Source) -> dict[str, Macro]:
    """The macros of one file of `_shared/`. Raises TemplateError where anything else stands in it."""
    found: dict[str, Macro] = {}
    for node in parse(source).body:
        if isinstance(node, nodes.Macro):
            found[node.name] = _macro(node, source)
        elif not is_blank(node):
            raise source.error(first_line(node), "a file of _shared/ holds macros only", "put it inside a macro")
    return found


def _macro(node: nodes.Macro, source: Source) -> Macro:
    parameters = tuple(argument.name for argument in node.args)
    defaults = dict(zip(parameters[len(parameters) - len(node.defaults) :], node.defaults, strict=True))
    for default in node.defaults:
        if not isinstance(default, nodes.Const):
            raise source.error(node.lineno, "a parameter's default is a constant", "write the value itself")
    check_body(node.body, source)
    check_sets(node.body, source, parameters)
    for name, line in free_names(node.body, frozenset(parameters)).items():
        what = f"'{name}' is not a parameter of the macro '{node.name}'"
        raise source.error(line, what, f"pass it as an argument; {nearest(name, parameters)}")
    has_loop = any(isinstance(item, nodes.For) for item in _statements(node.body))
    return Macro(node.name, parameters, defaults, node.body, has_loop, _size(node.body, {}))


def check_size(blocks: Iterable[nodes.Block], macros: Mapping[str, Macro], source: Source) -> None:
    """Refuse words that would grow too large with their macros written out, before they are. Raises TemplateError."""
    size = sum(_size(block.body, macros) for block in blocks)
    if size > LARGEST_WORDS:
        what = f"with its macros written out the file is {size / LARGEST_WORDS:.1f} times as large as is allowed"
        raise TemplateError(source.name, what, "use fewer tags, or shorter macros")


def _size(body: Sequence[nodes.Node], macros: Mapping[str, Macro]) -> int:
    """The characters of the words, and fifty for each node of the syntax tree beside them."""
    size = 0
    for node in (inner for outer in body for inner in (outer, *outer.find_all(nodes.Node))):
        size += len(node.data) if isinstance(node, nodes.TemplateData) else 50
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in macros:
            size += macros[node.node.name].size
    return size


def written_out(
    body: Sequence[nodes.Node],
    macros: Mapping[str, Macro],
    source: Source,
    number: Iterator[int],
    *,
    in_loop: bool = False,
) -> list[nodes.Node]:
    """`body` with each printed macro replaced by its own body, its names made unique by `number`. Raises TemplateError."""
    done: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if isinstance(child, nodes.Call):
                    done += _call(child, macros, source, next(number), in_loop=in_loop)
                else:
                    done.append(nodes.Output([child], lineno=child.lineno))
        elif isinstance(node, (nodes.If, nodes.For)):
            done.append(_inside(node, macros, source, number, in_loop=in_loop))
        else:
            done.append(node)
    return done


def _inside(
    node: nodes.If | nodes.For, macros: Mapping[str, Macro], source: Source, number: Iterator[int], *, in_loop: bool
) -> nodes.Node:
    looping = in_loop or isinstance(node, nodes.For)
    body = written_out(node.body, macros, source, number, in_loop=looping)
    else_ = written_out(node.else_, macros, source, number, in_loop=in_loop)
    if isinstance(node, nodes.For):
        return nodes.For(node.target, node.iter, body, else_, node.test, node.recursive, lineno=node.lineno)
    elif_ = [_inside(branch, macros, source, number, in_loop=in_loop) for branch in node.elif_]
    return nodes.If(node.test, body, elif_, else_, lineno=node.lineno)


def _call(
    call: nodes.Call, macros: Mapping[str, Macro], source: Source, number: int, *, in_loop: bool
) -> list[nodes.Node]:
    macro = macros[call.node.name]  # type: ignore[attr-defined]
    if in_loop and macro.has_loop:
        what = f"the macro '{macro.name}' has a loop, and is printed inside one"
        raise source.error(call.lineno, what, "a loop inside a loop is not allowed")
    given = _arguments(call, macro, source)
    stored = {name.name for node in macro.body for name in stored_names(node)}
    as_is = {
        name: value
        for name, value in given.items()
        if isinstance(value, (nodes.Name, nodes.Const)) and name not in stored
    }

    def own(name: nodes.Name) -> nodes.Expr | None:
        if name.name == "loop":
            return None
        return as_is.get(name.name) or nodes.Name(f"_{number}_{name.name}", name.ctx)

    sets = [
        nodes.Assign(nodes.Name(f"_{number}_{name}", "store"), value)
        for name, value in given.items()
        if name not in as_is
    ]
    made = [*sets, *written_out([renamed(node, own) for node in macro.body], {}, source, itertools.count())]
    return [node.set_lineno(call.lineno, override=True) for node in made]


def _arguments(call: nodes.Call, macro: Macro, source: Source) -> dict[str, nodes.Expr]:
    takes = f"it takes ({', '.join(macro.parameters)})"
    if len(call.args) > len(macro.parameters):
        raise source.error(call.lineno, f"the macro '{macro.name}' gets too many arguments", takes)
    given = dict(zip(macro.parameters, call.args, strict=False))
    for keyword in call.kwargs:
        if keyword.key in given or keyword.key not in macro.parameters:
            what = f"the macro '{macro.name}' does not take '{keyword.key}' here"
            raise source.error(call.lineno, what, takes)
        given[keyword.key] = keyword.value
    given = {**macro.defaults, **given}
    missing = [name for name in macro.parameters if name not in given]
    if missing:
        raise source.error(call.lineno, f"the macro '{macro.name}' lacks its argument '{missing[0]}'", takes)
    return {name: given[name] for name in macro.parameters}


def _statements(body: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    for node in body:
        yield node
        if isinstance(node, nodes.If):
            yield from _statements([*node.body, *node.elif_, *node.else_])


def is_blank(node: nodes.Node) -> bool:
    """Whether a node is nothing but white space between blocks or macros."""
    return isinstance(node, nodes.Output) and all(
        isinstance(child, nodes.TemplateData) and not child.data.strip() for child in node.nodes
    )


def first_line(node: nodes.Node) -> int:
    """The line of the first thing in a node that is not white space."""
    if not isinstance(node, nodes.Output):
        return node.lineno
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            if child.data.strip():
                blank = child.data[: len(child.data) - len(child.data.lstrip())]
                return child.lineno + blank.count("\n")
        else:
            return child.lineno
    return node.lineno
