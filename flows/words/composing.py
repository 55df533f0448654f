"""Words and rows -> creatives and slots: each condition and each printed place once per column, no row alone.

All rows start on one path. At a condition the paths that it concerns split by its outcome, on the rows that are on them and
nowhere else; the outcomes along a path are its key. A `set` is remembered by its path and evaluated only where something
that is printed or tested uses it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
from jinja2 import nodes

from flows.errors import DataError
from flows.words.creatives import Composed, Creative, Piece, Slot
from flows.words.evaluating import TRUE, Closed, evaluate, evaluate_on, evaluate_once, inputs_of
from flows.words.names import loaded, substituted
from flows.words.steps import Fork, Formula, Keep, Print, Step, Text, slots_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flows.words.reading import Words


def compose(words: Words, frame: pl.DataFrame) -> Composed:
    """Put words to every row.

    Args:
        words: the template.
        frame: one row per delivery, with a column for each of `words.fields`; null where it is not among the facts.

    Returns:
        Per row its key and slots, and per key its creative (see `Composed`). A key is a digest of the words' own digest
        and of the outcomes of their conditions, so it depends on no other row.

    Raises:
        DataError: a column is missing.
        TemplateError: an expression fails on some row.
    """
    return _composing(words, frame).composed(len(frame))


def ways(words: Words, frame: pl.DataFrame) -> dict[tuple[str, ...], int]:
    """How many rows take which way through the words: their conditions' outcomes, `3+` and `3-` of the fork 3, in order.

    Nothing is printed. Args and Raises as `compose`.
    """
    return _composing(words, frame).ways(len(frame))


def _composing(words: Words, frame: pl.DataFrame) -> _Composing:
    missing = [name for name in words.fields if name not in frame.columns]
    if missing:
        raise DataError(words.name, f"the column '{missing[0]}' is missing", "give every field of the words a column")
    return _Composing(words, frame.select(words.fields))


@dataclass
class _Path:
    """The rows that have had the same outcomes so far. `known` are those of conditions, by what these come down to."""

    outcomes: list[str] = field(default_factory=list)
    known: dict[tuple[str, bool | None], bool] = field(default_factory=dict)
    sets: dict[str, nodes.Expr] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    slots: dict[str, Closed] = field(default_factory=dict)

    def split(self, outcome: str) -> _Path:
        pieces = {part: list(done) for part, done in self.pieces.items()}
        return _Path([*self.outcomes, outcome], dict(self.known), dict(self.sets), pieces, dict(self.slots))


class _Composing:
    """One composition. `path_of` holds the number of the path that each row is on."""

    def __init__(self, words: Words, frame: pl.DataFrame) -> None:
        self.words, self.frame = words, frame
        self.paths: dict[int, _Path] = {}
        self.numbered = 1
        self.live: set[int] = set()  # the paths that somebody is on
        self.is_anything_set = False  # in the part so far
        self.closed: dict[tuple[object, ...], Closed] = {}  # by formula and what its names stand for
        self.path_of = pl.Series("path", [], dtype=pl.UInt32)
        self.kept: dict[
            str, tuple[nodes.Assign, tuple[nodes.Assign, ...]]
        ] = {}  # a set by its unique name, and those it uses

    def walked(self, height: int) -> list[int]:
        """Put every row on its path, and return the paths that somebody is on."""
        self.path_of = pl.select(pl.repeat(0, height, dtype=pl.UInt32).alias("path"))["path"]
        if height:
            self.paths[0] = _Path()
            self.live = {0}
        active = list(self.paths)
        for part in self.words.parts:
            self.is_anything_set = False
            for path in active:
                self.paths[path].sets, self.paths[path].pieces[part.name] = {}, []
            active = self._run(self.words.steps[part.name], active, part.name, is_html=part.is_html)
        return active

    def ways(self, height: int) -> dict[tuple[str, ...], int]:
        active = self.walked(height)
        counts = dict(self.path_of.value_counts().iter_rows())
        return {tuple(self.paths[number].outcomes): counts[number] for number in active}

    def composed(self, height: int) -> Composed:
        active = self.walked(height)
        keys = {number: self._key(self.paths[number]) for number in active}
        key = pl.Series("key", [keys.get(number) for number in range(self.numbered)], pl.String).gather(self.path_of)
        slots = [self._slot(name, active) for name in self.words.slots]
        creatives = {
            keys[number]: Creative({part: _merged(pieces) for part, pieces in self.paths[number].pieces.items()})
            for number in active
        }
        slots_of = {part.name: slots_in(self.words.steps[part.name]) for part in self.words.parts}
        return Composed(pl.DataFrame([key, *slots]), dict(sorted(creatives.items())), slots_of)

    def _key(self, path: _Path) -> str:
        return digest(self.words.digest, *path.outcomes)

    def _run(self, steps: Sequence[Step], active: list[int], part: str, *, is_html: bool) -> list[int]:
        for step in steps:
            if isinstance(step, Fork):
                then, otherwise = self._fork(step, active)
                ended = self._run(step.then, then, part, is_html=is_html)
                active = ended + self._run(step.otherwise, otherwise, part, is_html=is_html)
            elif isinstance(step, Text):
                for number in active:
                    self.paths[number].pieces[part].append(step.text)
            elif isinstance(step, Keep):
                self.is_anything_set = True
                for number in active:
                    self.paths[number].sets[step.name] = self._set(step.formula, self.paths[number])
            else:
                self._print(step, active, part, is_html=is_html)
        return active

    def _print(self, step: Print, active: list[int], part: str, *, is_html: bool) -> None:
        for closed, numbers in self._alike(step.formula, active, is_html=is_html):
            is_slot = closed.inputs and step.slot is not None
            piece = Slot(str(step.slot), is_html) if is_slot else evaluate_once(self.words, closed)
            for path in (self.paths[number] for number in numbers):
                path.pieces[part].append(piece)
                if is_slot:
                    path.slots[str(step.slot)] = closed

    def _set(self, formula: Formula, path: _Path) -> nodes.Expr:
        """What a name stands for from here on: a name or constant itself, else a name made of what is set."""
        closed = self._closed(formula, path, is_html=None)
        if isinstance(closed.node, (nodes.Name, nodes.Const)):
            return closed.node
        name = f"_{digest(repr(closed.node))}"
        if name not in self.kept:
            assign = nodes.Assign(nodes.Name(name, "store"), closed.node, lineno=formula.line)
            self.kept[name] = (assign, closed.sets)
        return nodes.Name(name, "load", lineno=formula.line)

    def _alike(self, formula: Formula, active: list[int], *, is_html: bool | None) -> list[tuple[Closed, list[int]]]:
        """The formula as it is on each path, and on which paths it is the same: on all of them where nothing is set."""
        if active and not self.is_anything_set:
            return [(self._closed(formula, self.paths[active[0]], is_html=is_html), active)]
        return _alike({number: self._closed(formula, self.paths[number], is_html=is_html) for number in active})

    def _closed(self, formula: Formula, path: _Path, *, is_html: bool | None) -> Closed:
        bound = {name: path.sets[name] for name in formula.names if name in path.sets}
        if not bound:  # so it is whatever the rows are
            if (formula, is_html) not in self.words.compiled:
                self.words.compiled[formula, is_html] = self._close(formula, bound, is_html=is_html)
            return self.words.compiled[formula, is_html]  # type: ignore[no-any-return]
        key = (id(formula), is_html, *((name, repr(value)) for name, value in bound.items()))
        if key not in self.closed:
            self.closed[key] = self._close(formula, bound, is_html=is_html)
        return self.closed[key]

    def _close(self, formula: Formula, bound: Mapping[str, nodes.Expr], *, is_html: bool | None) -> Closed:
        node = formula.node
        if isinstance(node, nodes.For):
            targets: list[nodes.Expr] = [nodes.Name(name, "store") for name in bound]
            closed: nodes.Node = nodes.With(targets, list(bound.values()), [node], lineno=node.lineno)
        else:
            closed = substituted(node, bound)
        read = [name for name in formula.names if name not in bound]
        read += [name.name for value in bound.values() for name in loaded(value)]
        sets = self._used(read)
        inside = [name.name for assign in sets for name in loaded(assign.node)]
        return Closed(closed, sets, inputs_of([*read, *inside], sets), formula.line, is_html)

    def _used(self, names: Iterable[str]) -> tuple[nodes.Assign, ...]:
        """The sets behind some names, each after those it uses itself."""
        found: dict[str, nodes.Assign] = {}
        for name in names:
            if name in self.kept:
                assign, own = self.kept[name]
                for each in (*own, assign):
                    found[each.target.name] = each  # type: ignore[attr-defined]
        return tuple(found.values())

    def _fork(self, fork: Fork, active: list[int]) -> tuple[list[int], list[int]]:
        """Split the active paths by the outcome of a condition: those that take it, those that do not.

        A path on which the same condition has been asked before is not asked again: long words ask it in every section.
        """
        then: list[int] = []
        otherwise: list[int] = []
        taken_path, left_path = f"{fork.number}+", f"{fork.number}-"
        for closed, numbers in self._alike(fork.test, active, is_html=None):
            is_true = None if closed.inputs else evaluate_once(self.words, closed) == TRUE
            identity, asked = closed.identity, []
            for number in numbers:
                path = self.paths[number]
                is_taken = path.known.get(identity, is_true)
                if is_taken is None:
                    asked.append(number)
                    continue
                path.outcomes.append(taken_path if is_taken else left_path)
                (then if is_taken else otherwise).append(number)
            if asked:
                taken, left = self._outcomes(closed, asked, fork.number)
                then, otherwise = then + taken, otherwise + left
        return then, otherwise

    def _outcomes(self, closed: Closed, numbers: list[int], fork: int) -> tuple[list[int], list[int]]:
        on_path = self._on(numbers)
        is_true = evaluate(self.words, closed, self._rows(closed, on_path))
        # Each path may become two, numbered side by side: of those on which there is nobody nothing is made.
        first, self.numbered = self.numbered, self.numbered + 2 * len(numbers)
        next_to = {number: first + 2 * place for place, number in enumerate(numbers)}
        follows = pl.Series([next_to.get(number, 0) for number in range(first)], dtype=pl.UInt32)
        paths = self.path_of if on_path is None else self.path_of.filter(on_path)
        moved = follows.gather(paths) + (~is_true).cast(pl.UInt32)
        self.path_of = moved if on_path is None else self.path_of.scatter(on_path.arg_true(), moved)
        sides: tuple[list[int], list[int]] = ([], [])
        news = moved.unique().sort().to_list()
        self.live = self.live.difference(numbers).union(news)
        for new in news:
            old, is_left = numbers[(new - first) // 2], (new - first) % 2 == 1
            self.paths[new] = self.paths[old].split(f"{fork}{'-' if is_left else '+'}")
            self.paths[new].known[closed.identity] = not is_left
            sides[is_left].append(new)
        return sides

    def _slot(self, name: str, active: list[int]) -> pl.Series:
        """The column of a slot, null on rows whose path does not reach it."""
        reached = {number: self.paths[number].slots[name] for number in active if name in self.paths[number].slots}
        column: pl.Series | None = None
        for closed, numbers in _alike(reached):
            on_path = self._on(numbers)
            if on_path is None:
                return evaluate(self.words, closed, self.frame.select(closed.inputs)).alias(name)
            values = evaluate_on(self.words, closed, self.frame.select(closed.inputs), on_path).alias(name)
            column = values if column is None else values.zip_with(on_path, column)
        return self._nothing(name) if column is None else column

    def _nothing(self, name: str) -> pl.Series:
        return pl.Series(name, [None], pl.String).new_from_index(0, len(self.path_of))

    def _on(self, numbers: list[int]) -> pl.Series | None:
        """Which rows are on some paths; None where all are."""
        return None if len(numbers) == len(self.live) else self.path_of.is_in(numbers)

    def _rows(self, closed: Closed, on_path: pl.Series | None) -> pl.DataFrame:
        columns = self.frame.select(closed.inputs)
        return columns if on_path is None else columns.filter(on_path)


def _alike(closed: Mapping[int, Closed]) -> list[tuple[Closed, list[int]]]:
    """Paths grouped by formulas that always come out the same."""
    groups: dict[tuple[str, bool | None], tuple[Closed, list[int]]] = {}
    for number, formula in closed.items():
        groups.setdefault(formula.identity, (formula, []))[1].append(number)
    return list(groups.values())


def _merged(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Texts that stand side by side as one, and none that is empty."""
    done: list[Piece] = []
    words: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            words.append(piece)
        else:
            done += ("".join(words), piece)
            words = []
    return tuple(filter(None, (*done, "".join(words))))


def digest(*pieces: str) -> str:
    """A short stable name: the first 16 hex digits of a SHA-256."""
    return hashlib.sha256("\x1f".join(pieces).encode()).hexdigest()[:16]
