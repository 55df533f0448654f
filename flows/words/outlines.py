"""Words laid out without values: each branch at least once, taken by a customer or not, with a mark for what is printed.

What stands around a printed place decides what a value may do there, and a branch that no example takes would be sent one day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

from flows.words.branches import bare
from flows.words.steps import Fork, Planting, Print, Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from flows.words.steps import Step

VALUE = "\ufdd3"
"""Where a value of the customer, or what words make of it, is printed."""

IDENTITY = "\ufdd4"
"""Where a layout prints the brand's identity, the action or the reserved slots."""


@dataclass(frozen=True, eq=False)
class _Choice:
    """A condition; two of the same `test` have the same outcome, as far as nothing else is asked for."""

    test: str
    is_negated: bool
    then: tuple[_Piece, ...]
    otherwise: tuple[_Piece, ...]


_Piece = str | _Choice


def outlines(steps: Sequence[Step], identity: Collection[str] = ()) -> Iterator[str]:
    """Texts that together hold every branch of a part.

    Args:
        steps: of the part.
        identity: names whose values are the brand's own; everything else that is printed is a VALUE.
    """
    pieces = _pieces(steps, set(identity))
    sides = dict(_sides(pieces, {}))
    taken = set[tuple[int, bool]]()
    for otherwise in (True, False):
        yield _laid(pieces, {}, taken, otherwise=otherwise)
    for side, forced in sides.items():
        if side not in taken:
            yield _laid(pieces, forced, taken, otherwise=True)


def _pieces(steps: Sequence[Step], identity: set[str]) -> tuple[_Piece, ...]:
    """The pieces of some steps; `identity` grows by what is set from it alone."""
    done: list[_Piece] = []
    for step in steps:
        if isinstance(step, Text):
            done.append(step.text)
        elif isinstance(step, Fork):
            test, is_negated = bare(step.test.node)
            done.append(
                _Choice(repr(test), is_negated, _pieces(step.then, identity), _pieces(step.otherwise, identity))
            )
        elif isinstance(step, Print):
            done += _printed(step, identity)
        elif identity.issuperset(step.formula.names) and step.formula.names:
            identity.add(step.name)
        else:
            identity.discard(step.name)
    return tuple(done)


def _printed(step: Print, identity: set[str]) -> Sequence[_Piece]:
    node = step.formula.node
    if isinstance(node, nodes.For):
        body, else_ = (_pieces(Planting().steps(inside, is_html=True), identity) for inside in (node.body, node.else_))
        return [_Choice(f"loop {node.iter!r}", is_negated=False, then=body, otherwise=else_)]
    is_own = bool(step.formula.names) and identity.issuperset(step.formula.names)
    return [IDENTITY if is_own else VALUE]


def _sides(pieces: Sequence[_Piece], path: dict[int, bool]) -> Iterator[tuple[tuple[int, bool], dict[int, bool]]]:
    """Each side of each choice, with the sides that lead there."""
    for piece in pieces:
        if isinstance(piece, _Choice):
            for side, inside in ((True, piece.then), (False, piece.otherwise)):
                here = {**path, id(piece): side}
                yield (id(piece), side), here
                yield from _sides(inside, here)


def _laid(pieces: Sequence[_Piece], forced: dict[int, bool], taken: set[tuple[int, bool]], *, otherwise: bool) -> str:
    outcomes: dict[str, bool] = {}

    def lay(pieces: Sequence[_Piece]) -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
                continue
            given = forced.get(id(piece))
            if given is not None:
                outcomes[piece.test] = given != piece.is_negated
            side = outcomes.setdefault(piece.test, otherwise) != piece.is_negated
            taken.add((id(piece), side))
            yield from lay(piece.then if side else piece.otherwise)

    return "".join(lay(pieces))
