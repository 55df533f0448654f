"""One experiment, all ways to choose: constant arms, rules, and policies by one, two, three and all dimensions, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from flows.errors import UsageError
from flows.learning.policies.outcome_model import doubly_robust, expected
from flows.learning.policies.tailored import Learner
from flows.learning.policies.values import Estimate, Method, difference, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.learning.policies.outcome_model import Matrix
    from flows.learning.policies.randomised import Codes, Numbers, Randomised
    from flows.learning.policies.tailored import Policy

FOLDS = 5
"""Parts of the units: what is learned from all others is valued on one."""
Kind = Literal["constant", "rule", "learned"]
Verdict = Literal["BEST_CONSTANT", "BETTER", "NOT_SURE", "WORSE"]


@dataclass(frozen=True)
class Choice:
    """A way to choose an arm for each unit.

    Attributes:
        name: the arm, the column of the rule, or by how many dimensions it was learned.
        kind: constant, rule or learned.
        dimensions: arm -> the contexts that its effect depends on; of a policy that is learned from all units.
        values: outcome -> method -> its value.
        differences: outcome -> how much more it comes to than the best constant arm; those of an outcome hold all at once.
        verdict: by the first outcome, net of costs.
        switched_share: of units that get another arm than the best constant one.
    """

    name: str
    kind: Kind
    dimensions: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[Method, Estimate]]
    differences: Mapping[str, Estimate]
    verdict: Verdict
    switched_share: float


@dataclass(frozen=True)
class Evaluation:
    """What an experiment says of ways to choose.

    Attributes:
        units: arm -> how many there are.
        outcome: what policies are learned by, net of costs.
        costs: arm -> what giving it costs, in units of that outcome.
        is_logged: whether the probabilities of draws were logged; else they are one share for all.
        best: the constant arm of the greatest value.
        proposed: which choice to go by: of learned ones that are surely better than the best arm, and not surely worse than any
            of these, the one by the fewest dimensions; else that arm.
        choices: constants, rules, learned ones.
    """

    units: Mapping[str, int]
    outcome: str
    costs: Mapping[str, float]
    is_logged: bool
    best: str
    proposed: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class _Way:
    """A choice as codes of arms."""

    name: str
    kind: Kind
    codes: Codes
    dimensions: Mapping[str, tuple[str, ...]]


def evaluate(
    data: Randomised, *, dimensions: int = 3, costs: Mapping[str, float] | None = None, seed: int = 0
) -> Evaluation:
    """Value every way to choose.

    Policies are valued on units that they were not learned from: each of `FOLDS` parts by what the others say.

    Args:
        data: what was drawn; its first outcome is learned by.
        dimensions: by up to how many for each arm policies are learned, beside by all that earn their place.
        costs: arm -> what giving it costs, in units of the first outcome.
        seed: of the parts.

    Raises:
        UsageError: `dimensions` is less than 1.
    """
    if dimensions < 1:
        raise UsageError("--dimensions", f"{dimensions} is too few", "1 at least; messages may use three at most")
    fold = np.random.default_rng(seed).permutation(len(data)) % FOLDS
    first, *_ = data.outcomes
    costly = np.array([(costs or {}).get(name, 0.0) for name in data.arms])[data.arm]
    net = {name: found - costly if name == first else found for name, found in data.outcomes.items()}
    scores = {name: _scores(data, found, fold) for name, found in net.items()}
    best = int(scores[first].mean(0).argmax())
    ways = [_Way(name, "constant", np.full(len(data), code), {}) for code, name in enumerate(data.arms)]
    ways += [_Way(name, "rule", codes, {}) for name, codes in data.rules.items()]
    learned = list(_learned(data, scores[first], fold, dimensions)) if data.contexts else []
    compared = len(data.rules) + len(learned)
    choices = []
    for way in (*ways, *learned):
        apart = {name: difference(scores[name], way.codes, ways[best].codes, max(1, compared)) for name in net}
        sign = apart[first].sign
        verdict: Verdict = "BETTER" if sign > 0 else "WORSE" if sign < 0 else "NOT_SURE"
        choices.append(
            Choice(
                way.name,
                way.kind,
                way.dimensions,
                {name: values(data, net[name], scores[name], way.codes) for name in net},
                apart,
                "BEST_CONSTANT" if way is ways[best] else verdict,
                float((way.codes != best).mean()),
            )
        )
    better = [way for way, choice in zip(learned, choices[len(ways) :], strict=True) if choice.verdict == "BETTER"]
    return Evaluation(
        {name: int((data.arm == code).sum()) for code, name in enumerate(data.arms)},
        first,
        dict(costs or {}),
        data.is_logged,
        data.arms[best],
        next((way.name for way in better if _holds(way, better, scores[first])), data.arms[best]),
        tuple(choices),
    )


def _learned(data: Randomised, scores: Matrix, fold: Codes, dimensions: int) -> Iterator[_Way]:
    """Policies by one dimension for each arm, by two, …, and by all; each unit has what the others' parts say of it."""
    learner = Learner(scores, data.contexts, fold, FOLDS)
    held, whole = [learner.learn(part) for part in range(FOLDS)], learner.learn(None)
    for most in (*range(1, dimensions + 1), None):
        codes = np.empty(len(data), np.int64)
        for part, policy in enumerate(held):
            units = np.flatnonzero(fold == part)
            codes[units] = learner.chosen(policy.within(most), units)
        name = "all dimensions" if most is None else f"{most} dimension{'' if most == 1 else 's'}"
        yield _Way(name, "learned", codes, _used(whole.within(most), data))


def _used(policy: Policy, data: Randomised) -> dict[str, tuple[str, ...]]:
    return {data.arms[effect.arm]: effect.dimensions for effect in policy.effects}


def _holds(way: _Way, others: list[_Way], scores: Matrix) -> bool:
    """Whether none of some ways is surely better."""
    return all(difference(scores, way.codes, other.codes, len(others)).sign >= 0 for other in others)


def _scores(data: Randomised, outcome: Numbers, fold: Codes) -> Matrix:
    guess = expected(outcome, data.arm, len(data.arms), list(data.contexts.values()), fold, FOLDS)
    return doubly_robust(outcome, data.arm, data.propensity, guess)
