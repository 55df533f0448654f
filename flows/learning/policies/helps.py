"""Choices among helps, and what came of them -> what each help does, by who somebody is, and whether to choose by that.

What a help does is how many more have the outcome who are given it than who are given nothing, among those for whom it was open;
both were drawn. It is shrunk, and depends on as many contexts as earn their place and as may be used of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from flows.learning.contrasts import FEWEST_EVENTS, FEWEST_UNITS
from flows.learning.effects import FEWEST_TOLD
from flows.learning.policies.outcome_model import doubly_robust, expected
from flows.learning.policies.randomised import Context, in_cells
from flows.learning.policies.tailored import Effect, Learner, Policy
from flows.learning.policies.values import Estimate, difference, mean_of, value
from flows.ledger.choices import PARTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from flows.learning.policies.outcome_model import Matrix
    from flows.learning.policies.randomised import Codes, Numbers

DEPTHS = (0, 1, 2, 3, None)
"""By how many contexts for each help ways to choose are learned; None: by all that earn their place, whatever they tell."""
Verdict = Literal["RULES", "BETTER", "NOT_SURE", "WORSE"]
_NOTHING = 0
"""The code of no help; those of helps follow."""


@dataclass(frozen=True)
class Made:
    """Choices that were made by lot, one for each person.

    Attributes:
        helps: their names, in order; the code of a help is its place and one.
        given: the code of what each person was given.
        chance: how likely that was.
        share: how likely it was that any help was decided on for them.
        is_open: `people x helps`: which were open to them.
        by_rules: the code of the help that is the most relevant by the rules.
        outcome: 1 where it is true of them, else 0.
        contexts: what was known of them.
        part: which of `PARTS` they are in.
    """

    helps: tuple[str, ...]
    given: Codes
    chance: Numbers
    share: Numbers
    is_open: np.ndarray
    by_rules: Codes
    outcome: Numbers
    contexts: Mapping[str, Context]
    part: Codes

    def __len__(self) -> int:
        return len(self.given)


@dataclass(frozen=True)
class Table:
    """What a help does by who somebody is, as `next_best.Effect` keeps it.

    Attributes:
        contexts: what it depends on.
        for_all: how many more have the outcome, as a share of people.
        cells: the value of each context, and the same of those people.
    """

    contexts: tuple[str, ...]
    for_all: float
    cells: tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True)
class Way:
    """A way to choose.

    Attributes:
        name: the rules, or by how many contexts it was learned.
        value: the share of people of whom the outcome is true, less what contacts cost.
        more: than by the rules; all of them hold at once.
        verdict: whether it surely is.
        switched_share: of people who are given something else than by the rules, or nothing.
        silent_share: of people who are given nothing, since nothing is worth a contact to them.
    """

    name: str
    value: Estimate
    more: Estimate
    verdict: Verdict
    switched_share: float
    silent_share: float


@dataclass(frozen=True)
class Switch:
    """People who would be given something else than by the rules.

    Attributes:
        by_rules: the help that they are given now.
        instead: the other one; None: nothing.
        share: of all people.
        more: how many more of them have the outcome, as a share of them, less what contacts cost.
    """

    by_rules: str
    instead: str | None
    share: float
    more: float


@dataclass(frozen=True)
class Found:
    """What choices by lot have shown.

    Attributes:
        people: of whom it is known.
        given: help -> how many were given it; `nothing` to how many.
        thin: helps of which too little is known: who has one of them open is given what the rules say.
        ways: to choose, the rules first.
        proposed: which of the learned ones to go by; None: none is surely better than the rules, or than what needs less.
        tables: help -> what it does, as the proposed way has it; none where none is proposed.
        switches: who would be given what else by the proposed way, the most people first.
        by_lot: how much more who is given a help by lot comes to than by the rules; mostly it is less: exploration's price.
    """

    people: int
    given: Mapping[str, int]
    nothing: int
    thin: tuple[str, ...]
    ways: tuple[Way, ...]
    proposed: str | None
    tables: Mapping[str, Table]
    switches: tuple[Switch, ...]
    by_lot: Estimate


def made(rows: pl.DataFrame, names: Sequence[str], *, is_absence: bool = False) -> Made:
    """Choices by lot from the history.

    Args:
        rows: `ledger.choices.TOLD`.
        names: of the contexts that are set now; choices of before, by others, do not count.
        is_absence: whether it is a success that the outcome has not happened.
    """
    known = pl.col("contexts").list.eval(pl.element().struct.field("name"))
    is_mine = (known == pl.lit(list(names), pl.List(pl.String))) & pl.col("by_rules").is_in("among")
    rows = rows.filter(is_mine).with_row_index("row")
    opened = rows.select("row", "product", "among", "chances").explode("among", "chances")
    helps = tuple(opened["among"].unique().sort())
    code = {name: place for place, name in enumerate(helps, start=1)}
    is_open = np.zeros((rows.height, len(helps)), dtype=bool)
    coded = opened["among"].replace_strict(code, return_dtype=pl.Int64).to_numpy()
    is_open[opened["row"].to_numpy(), coded.astype(np.int64) - 1] = True
    own = opened.filter(pl.col("among") == pl.col("product")).select("row", own="chances")
    rows = rows.join(own, on="row", how="left", maintain_order="left")
    found = rows.select(
        given=pl.when("is_given")
        .then(pl.col("product").replace_strict(code, return_dtype=pl.Int64))
        .otherwise(_NOTHING),
        chance=pl.when("is_given").then("own").otherwise("nothing"),
        by_rules=pl.col("by_rules").replace_strict(code, return_dtype=pl.Int64),
        outcome=(pl.col("has_happened") != is_absence).cast(pl.Float64),
    )
    values = (rows["contexts"].list.get(place).struct.field("value").alias(name) for place, name in enumerate(names))
    return Made(
        helps,
        found["given"].to_numpy(),
        found["chance"].to_numpy(),
        rows["share"].to_numpy(),
        is_open,
        found["by_rules"].to_numpy(),
        found["outcome"].to_numpy(),
        {value.name: in_cells(value) for value in values},
        rows["part"].to_numpy(),
    )


def learn(data: Made, dimensions: Mapping[str, Collection[str]], price: float, most: int) -> Found:
    """What choices by lot have shown.

    Ways to choose are valued on people of whom they know nothing: each of `PARTS` by what the others say.

    Args:
        data: the choices.
        dimensions: context -> the dimensions of people that it tells.
        price: of a contact, as a share of the outcome.
        most: how many dimensions one help may depend on.
    """
    arms = len(data.helps) + 1
    guess = expected(data.outcome, data.given, arms, list(data.contexts.values()), data.part, PARTS)
    scores = doubly_robust(data.outcome, data.given, data.chance, guess)
    scores[:, 1:] -= price
    asked = [_Help(data, scores, code) for code in range(1, arms)]
    known = [each for each in asked if each.is_known]
    thin = tuple(data.helps[each.code - 1] for each in asked if not each.is_known)
    ways = [("the rules", data.by_rules)]
    depths = {_called(depth): depth for depth in DEPTHS} if known else {}
    limits = {name: _Limit(depth, dimensions, None if depth is None else most) for name, depth in depths.items()}
    ways += [(name, _chosen(data, known, limit)) for name, limit in limits.items()]
    told = [_told(name, codes, data, scores, len(limits)) for name, codes in ways]
    proposed = _proposed([(each, codes) for each, (_, codes) in zip(told, ways, strict=True)], data, scores)
    codes = dict(ways)[proposed] if proposed else data.by_rules
    counts = np.bincount(data.given, minlength=arms)
    return Found(
        len(data),
        {name: int(count) for name, count in zip(data.helps, counts[1:], strict=True)},
        int(counts[_NOTHING]),
        thin,
        tuple(told),
        proposed,
        {data.helps[each.code - 1]: each.table(limits[proposed], price) for each in known} if proposed else {},
        tuple(_switches(data, scores, codes)),
        _by_lot(data, scores),
    )


@dataclass(frozen=True)
class _Limit:
    """By how many contexts a help may be chosen, and how many dimensions these may tell; None: by all of them."""

    depth: int | None
    dimensions: Mapping[str, Collection[str]]
    most: int | None

    def of(self, effect: Effect) -> Effect:
        """An effect that keeps to it; what changes no choice against nothing may change one between helps, and stays."""
        told, depth = set[str](), 0
        for name in effect.dimensions[: self.depth]:
            told.update(self.dimensions[name])
            if self.most is not None and len(told) > self.most:
                break
            depth += 1
        return Effect(effect.arm, effect.dimensions[:depth], effect.cells[: depth + 1], effect.gain[: depth + 1])


class _Help:
    """One help against nothing, among those for whom it was open."""

    def __init__(self, data: Made, scores: Matrix, code: int) -> None:
        self.code, self.people = code, np.flatnonzero(data.is_open[:, code - 1])
        self.contexts = {
            name: Context(found.name, found.cells, found.codes[self.people]) for name, found in data.contexts.items()
        }
        self.part = data.part[self.people]
        self._learner = Learner(scores[self.people][:, [_NOTHING, code]], self.contexts, self.part, PARTS)
        arms = [data.outcome[self.people][data.given[self.people] == arm] for arm in (_NOTHING, code)]
        self.is_known = all(
            len(of) >= FEWEST_UNITS and min(of.sum(), len(of) - of.sum()) >= FEWEST_EVENTS for of in arms
        )

    def worth(self, limit: _Limit) -> Numbers:
        """What it does for each of its people less what a contact costs, by what others than their part say."""
        found = np.empty(len(self.people))
        for part in range(PARTS):
            effect, sign = self._effect(part, limit)
            mine = np.flatnonzero(self.part == part)
            found[mine] = sign * self._learner.found(effect, mine)
        return found

    def table(self, limit: _Limit, price: float) -> Table:
        """What it does, by what all people say."""
        effect, sign = self._effect(None, limit)
        names = effect.dimensions
        there = np.zeros(len(self.people), dtype=np.int64)
        for name in names:
            there = there * len(self.contexts[name].cells) + self.contexts[name].codes
        cells = [
            (self._values(names, int(code)), round(float(sign * effect.cells[-1][code]) + price, 6))
            for code in (np.unique(there) if names else ())
        ]
        return Table(names, round(float(sign * effect.cells[0][0]) + price, 6), tuple(cells))

    def _effect(self, without: int | None, limit: _Limit) -> tuple[Effect, int]:
        """The effect against nothing, by the sign of what the learner has it against."""
        policy: Policy = self._learner.learn(without)
        [effect] = policy.effects
        return limit.of(effect), 1 if policy.base == _NOTHING else -1

    def _values(self, names: tuple[str, ...], code: int) -> tuple[str, ...]:
        found = []
        for name in reversed(names):
            cells = self.contexts[name].cells
            found.append(cells[code % len(cells)])
            code //= len(cells)
        return tuple(reversed(found))


def _chosen(data: Made, known: Sequence[_Help], limit: _Limit) -> Codes:
    """The code of the help that each person is given, or of none; what the rules say where a help is open that is not known."""
    worth = np.full(data.is_open.shape, -np.inf)
    for each in known:
        worth[each.people, each.code - 1] = each.worth(limit)
    is_unknown = (data.is_open & np.isneginf(worth)).any(axis=1)
    best = np.where(worth.max(axis=1) > 0, worth.argmax(axis=1) + 1, _NOTHING)
    return np.where(is_unknown, data.by_rules, best)


def _told(name: str, codes: Codes, data: Made, scores: Matrix, compared: int) -> Way:
    weight = 1 / data.share
    more = difference(scores, codes, data.by_rules, max(1, compared), weight)
    is_rules = bool((codes == data.by_rules).all())
    verdict: Verdict = "RULES" if is_rules else "BETTER" if more.sign > 0 else "WORSE" if more.sign < 0 else "NOT_SURE"
    switched, silent = (
        float((weight * each).sum() / weight.sum()) for each in (codes != data.by_rules, codes == _NOTHING)
    )
    return Way(name, value(scores, codes, weight), more, verdict, switched, silent)


def _switches(data: Made, scores: Matrix, codes: Codes) -> Iterator[Switch]:
    """See `Found`; not of fewer people than are told of."""
    weight, people = 1 / data.share, np.arange(len(data))
    apart = scores[people, codes] - scores[people, data.by_rules]
    pairs, counts = np.unique(np.stack([data.by_rules, codes]), axis=1, return_counts=True)
    for (rule, code), _ in sorted(zip(pairs.T.tolist(), counts.tolist(), strict=True), key=lambda each: -each[1]):
        mine = (data.by_rules == rule) & (codes == code)
        if rule != code and mine.sum() >= FEWEST_TOLD:
            instead = None if code == _NOTHING else data.helps[code - 1]
            share = float(weight[mine].sum() / weight.sum())
            yield Switch(data.helps[rule - 1], instead, share, float(np.average(apart[mine], weights=weight[mine])))


def _by_lot(data: Made, scores: Matrix) -> Estimate:
    of_lot = (scores[:, 1:] * data.is_open).sum(axis=1) / data.is_open.sum(axis=1)
    weight = 1 / data.share
    return mean_of((of_lot - scores[np.arange(len(data)), data.by_rules]) * weight / weight.mean())


def _proposed(ways: Sequence[tuple[Way, Codes]], data: Made, scores: Matrix) -> str | None:
    """Of the ways that keep to the limit, and are surely better than the rules, the one that needs least and that none beats."""
    better = [(way, codes) for way, codes in ways if way.verdict == "BETTER" and way.name != _called(None)]
    weight = 1 / data.share
    for way, codes in better:
        if all(difference(scores, codes, other, len(better), weight).sign >= 0 for _, other in better):
            return way.name
    return None


def _called(depth: int | None) -> str:
    return "all contexts" if depth is None else f"{depth} context{'' if depth == 1 else 's'}"
