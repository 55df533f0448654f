"""A part of the words as steps: what is composed by column, made from the syntax tree of its block.

The steps are literal text, places where something is printed (each with its slot), sets, and forks at conditions. A loop is
one printed place; an inline `if` that is printed or set as a whole is a fork, so its two texts become words of the creative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from flows.words.names import free_names, loaded, stored_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Formula:
    """An expression, or a loop, with the line it stands on."""

    node: nodes.Node = field(repr=False)
    line: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """Words as they are."""

    text: str


@dataclass(frozen=True)
class Print:
    """A printed place; `slot` is None where nothing of the data can reach it."""

    formula: Formula
    slot: str | None


@dataclass(frozen=True)
class Keep:
    """A `set`."""

    name: str
    formula: Formula


@dataclass(frozen=True)
class Fork:
    """A condition; `number` names it in the key."""

    number: int
    test: Formula
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]


Step = Text | Print | Keep | Fork


@dataclass
class Planting:
    """What is counted while the parts of one file become steps: the slots and the forks, in the file's order of parts."""

    slots: dict[str, bool] = field(default_factory=dict)  # name -> is_html
    forks: int = 0
    shared: dict[tuple[str, bool], str] = field(default_factory=dict)

    def steps(self, body: Sequence[nodes.Node], *, is_html: bool) -> tuple[Step, ...]:
        """The steps of one part. Two places that print the same expression of unset names share their slot."""
        stored = {name.name for node in body for name in stored_names(node)}
        block = _Block(self, stored, _reached(body), is_html)
        return block.steps(body)

    def fork(self) -> int:
        """The number of the next fork."""
        self.forks += 1
        return self.forks - 1

    def slot(self, formula: Formula, stored: set[str], *, is_html: bool) -> str:
        """The slot of a printed place."""
        identity = (
            (repr(formula.node), is_html) if stored.isdisjoint(formula.names) else (f"#{len(self.slots)}", is_html)
        )
        if identity not in self.shared:
            self.shared[identity] = f"s{len(self.slots) + 1}"
            self.slots[self.shared[identity]] = is_html
        return self.shared[identity]


@dataclass(frozen=True)
class _Block:
    planting: Planting
    stored: set[str]
    reached: set[str]
    is_html: bool

    def steps(self, body: Sequence[nodes.Node]) -> tuple[Step, ...]:
        return tuple(step for node in body for step in self._steps(node))

    def _steps(self, node: nodes.Node) -> Sequence[Step]:
        if isinstance(node, nodes.Output):
            return [step for child in node.nodes for step in self._printed(child)]
        if isinstance(node, nodes.For):
            names = tuple(free_names([node]))
            return [self._print(Formula(node, node.lineno, names))]
        if isinstance(node, nodes.Assign):
            return self._kept(node.target.name, node.node)  # type: ignore[attr-defined]
        assert isinstance(node, nodes.If)  # noqa: S101 - the subset has no other statement
        return self._if([node, *node.elif_], node.else_)

    def _if(self, arms: Sequence[nodes.If], else_: Sequence[nodes.Node]) -> Sequence[Step]:
        numbered = [(self.planting.fork(), expression(arm.test), self.steps(arm.body)) for arm in arms]
        rest = self.steps(else_)
        for number, test, then in reversed(numbered):
            rest = (Fork(number, test, then, rest),)
        return rest

    def _printed(self, node: nodes.Node) -> Sequence[Step]:
        if isinstance(node, nodes.TemplateData):
            return [Text(node.data)]
        if isinstance(node, nodes.CondExpr):
            return [self._choice(node, self._printed)]
        return [self._print(expression(node))]

    def _kept(self, name: str, node: nodes.Node) -> Sequence[Step]:
        if isinstance(node, nodes.CondExpr):
            return [self._choice(node, lambda chosen: self._kept(name, chosen))]
        return [Keep(name, expression(node))]

    def _choice(self, node: nodes.CondExpr, steps: Callable[[nodes.Node], Sequence[Step]]) -> Fork:
        other: Any = node.expr2
        return self._fork(node.test, lambda: steps(node.expr1), lambda: steps(other))

    def _fork(
        self, test: nodes.Node, then: Callable[[], Sequence[Step]], otherwise: Callable[[], Sequence[Step]]
    ) -> Fork:
        return Fork(self.planting.fork(), expression(test), tuple(then()), tuple(otherwise()))

    def _print(self, formula: Formula) -> Print:
        if self.reached.isdisjoint(formula.names):
            return Print(formula, None)
        return Print(formula, self.planting.slot(formula, self.stored, is_html=self.is_html))


def expression(node: nodes.Node) -> Formula:
    """The formula of an expression."""
    return Formula(node, node.lineno, tuple(dict.fromkeys(name.name for name in loaded(node))))


def slots_in(steps: Sequence[Step]) -> tuple[str, ...]:
    """The slots of some steps, whichever way their forks go."""
    return tuple(dict.fromkeys(place.slot for place in prints_in(steps) if place.slot is not None))


def prints_in(steps: Sequence[Step]) -> Iterator[Print]:
    """The printed places of some steps, whichever way their forks go."""
    for step in steps:
        if isinstance(step, Print):
            yield step
        elif isinstance(step, Fork):
            yield from prints_in((*step.then, *step.otherwise))


def _reached(body: Sequence[nodes.Node]) -> set[str]:
    """The names that data can reach: the fields, and whatever is set from them, whichever way the conditions go."""
    sources = set_from(body)
    reached = set(free_names(body))
    while more := {name for name, read in sources.items() if name not in reached and not reached.isdisjoint(read)}:
        reached |= more
    return reached


def set_from(body: Sequence[nodes.Node]) -> Mapping[str, set[str]]:
    """For each name that is set, the names that any of its values comes from."""
    found: dict[str, set[str]] = {}
    for node in body:
        for assign in [node] if isinstance(node, nodes.Assign) else node.find_all(nodes.Assign):
            found.setdefault(assign.target.name, set()).update(_values(assign.node))  # type: ignore[attr-defined]
    return found


def _values(node: nodes.Node) -> set[str]:
    """The names that the value of an expression comes from; the condition of an inline `if` is a fork's, no value."""
    if isinstance(node, nodes.CondExpr):
        return _values(node.expr1) | (_values(node.expr2) if node.expr2 else set())
    return {name.name for name in loaded(node)}


def fields_behind(names: Sequence[str] | set[str], body: Sequence[nodes.Node]) -> set[str]:
    """The names read from outside that `names` may depend on, through any set in `body`."""
    sources, free = set_from(body), set(free_names(body))
    seen, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += sources.get(name, ())
    return seen & free
