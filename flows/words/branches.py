"""The conditions of a template file, each with two sides that somebody has to keep, and how many rows take which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

from flows.words.names import loaded
from flows.words.steps import Fork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.words.reading import Words
    from flows.words.steps import Step

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


@dataclass(frozen=True)
class Condition:
    """A condition, in however many places of a file it is asked.

    Attributes:
        asks: what it asks, much as the template has it, without `not`.
        forks: the forks at which it is asked, and whether each asks for its opposite.
    """

    asks: str
    forks: tuple[tuple[int, bool], ...]

    def sides(self, ways: Mapping[tuple[str, ...], int]) -> dict[bool, int]:
        """For how many rows it holds, and for how many not; who is never asked takes neither side.

        Args:
            ways: as `composing.ways` yields them.
        """
        found = {True: 0, False: 0}
        for way, count in ways.items():
            met = set(way)
            for side in found:
                # A fork that asks for the opposite has this side where it does not hold.
                if any(f"{fork}{'+' if side != is_negated else '-'}" in met for fork, is_negated in self.forks):
                    found[side] += count
        return found


def conditions(words: Words) -> tuple[Condition, ...]:
    """The conditions of a file, in the order in which they are asked first; those inside a loop are part of the loop."""
    found: dict[str, tuple[str, list[tuple[int, bool]]]] = {}
    for part in words.parts:
        for fork in _forks(words.steps[part.name]):
            test, is_negated = bare(fork.test.node)
            found.setdefault(repr(test), (_said(test), []))[1].append((fork.number, is_negated))
    return tuple(Condition(asks, tuple(forks)) for asks, forks in found.values())


def bare(test: nodes.Node) -> tuple[nodes.Node, bool]:
    """A condition without the `not` before it, and whether that turns it round."""
    is_negated = False
    while isinstance(test, nodes.Not):
        test, is_negated = test.node, not is_negated
    return test, is_negated


def _forks(steps: Sequence[Step]) -> Iterator[Fork]:
    for step in steps:
        if isinstance(step, Fork):
            yield step
            yield from _forks((*step.then, *step.otherwise))


def _said(node: nodes.Node) -> str:
    """An expression as people write it; of one that is too involved the names that it reads."""
    if isinstance(node, nodes.Name | nodes.Const):
        return node.name if isinstance(node, nodes.Name) else repr(node.value)
    if isinstance(node, nodes.Not):
        return f"not {_said(node.node)}"
    if isinstance(node, nodes.And | nodes.Or):
        word = "and" if isinstance(node, nodes.And) else "or"
        return f"{_said(node.left)} {word} {_said(node.right)}"
    if isinstance(node, nodes.Compare) and len(node.ops) == 1:
        return f"{_said(node.expr)} {_SIGNS[node.ops[0].op]} {_said(node.ops[0].expr)}"
    if isinstance(node, nodes.Filter) and node.node is not None and not node.args:
        return f"{_said(node.node)} | {node.name}"
    return ", ".join(dict.fromkeys(name.name for name in loaded(node)))
