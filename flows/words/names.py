"""Which names a piece of template reads from outside itself, and on which line it first does."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence


def free_names(body: Sequence[nodes.Node], defined: frozenset[str] = frozenset()) -> dict[str, int]:
    """The names that `body` may read from its context, each with its first line.

    A name that is set on every way to where it is read is not among them; one that is set on some ways only is.
    """
    found: dict[str, int] = {}
    _statements(body, defined, found)
    return found


def _statements(body: Sequence[nodes.Node], defined: frozenset[str], found: dict[str, int]) -> frozenset[str]:
    for node in body:
        if isinstance(node, nodes.Assign):
            _expression(node.node, defined, found)
            defined |= {_target(node)}
        elif isinstance(node, nodes.If):
            defined = _if(node, defined, found)
        elif isinstance(node, nodes.For):
            _expression(node.iter, defined, found)
            inside = defined | {_target(node)}
            if node.test is not None:
                _expression(node.test, inside, found)
            _statements(node.body, inside | {"loop"}, found)
            _statements(node.else_, defined, found)
        else:
            _expression(node, defined, found)
    return defined


def _if(node: nodes.If, defined: frozenset[str], found: dict[str, int]) -> frozenset[str]:
    _expression(node.test, defined, found)
    ends = [_statements(node.body, defined, found)]
    for branch in node.elif_:
        _expression(branch.test, defined, found)
        ends.append(_statements(branch.body, defined, found))
    ends.append(_statements(node.else_, defined, found))
    return frozenset.intersection(*ends)


def _expression(node: nodes.Node, defined: frozenset[str], found: dict[str, int]) -> None:
    for name in loaded(node):
        if name.name not in defined:
            found[name.name] = min(found.get(name.name, name.lineno), name.lineno)


def set_too_late(body: Sequence[nodes.Node], known: Collection[str] = ()) -> nodes.Name | None:
    """The first name that `body` sets after a loop has read it, where nothing else mentions it before.

    Such a name is one of the body's own for Jinja2, from its beginning, and the loop finds nothing under it, whatever the
    field of that name holds.
    """
    seen, looped = set(known), set[str]()
    for node in _outside_loops(body):
        read = node.iter if isinstance(node, nodes.For) else node.node if isinstance(node, nodes.Assign) else node
        seen.update(name.name for name in loaded(read))
        if isinstance(node, nodes.For):
            looped.update(free_names([node]))
        elif isinstance(node, nodes.Assign):
            if _target(node) in looped - seen:
                return node.target  # type: ignore[return-value]
            seen.add(_target(node))
        looped -= seen
    return None


def _outside_loops(body: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    """Conditions, printed places, sets and loops, in order."""
    for node in body:
        if isinstance(node, nodes.If):
            yield node.test
            yield from _outside_loops([*node.body, *node.elif_, *node.else_])
        else:
            yield node


def _target(node: nodes.Assign | nodes.For) -> str:
    return str(node.target.name)  # type: ignore[attr-defined]


def loaded(node: nodes.Node) -> Iterator[nodes.Name]:
    """The names that an expression reads."""
    names = [node] if isinstance(node, nodes.Name) else node.find_all(nodes.Name)
    return (name for name in names if name.ctx == "load")


def stored_names(node: nodes.Node) -> Iterator[nodes.Name]:
    """The names that a piece of template sets, its loops' variables included."""
    return (name for name in node.find_all(nodes.Name) if name.ctx == "store")


def renamed(node: nodes.Node, change: Callable[[nodes.Name], nodes.Expr | None]) -> nodes.Node:
    """A copy of `node` in which `change` has replaced each name for which it returns something."""
    if isinstance(node, nodes.Name) and (other := change(node)) is not None:
        return other
    twin = copy.copy(node)
    for key, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(twin, key, renamed(value, change))
        elif isinstance(value, list):
            items = [renamed(item, change) if isinstance(item, nodes.Node) else item for item in value]
            setattr(twin, key, items)
    return twin


def substituted(node: nodes.Node, bound: Mapping[str, nodes.Expr]) -> nodes.Node:
    """An expression with the names in `bound` replaced by what they stand for. Expressions bind no names of their own."""
    return renamed(node, lambda name: bound.get(name.name))
