"""One experiment, all ways to choose: constant arms, rules, and policies by one, two, three and all dimensions, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from flows.learning.policies.outcome_model import doubly_robust, expected
from flows.learning.policies.tailored import Learner
from flows.learning.policies.values import Estimate, Method, difference, values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.learning.policies.outcome_model import Matrix
    from flows.learning.policies.randomised import Codes, Randomised
    from flows.learning.policies.tailored import Policy

FOLDS = 5
Kind = Literal["constant", "rule", "learned"]
Verdict = Literal["BEST_CONSTANT", "BETTER", "NOT_SURE", "WORSE"]


@dataclass(frozen=True)
class Choice:
    """A way to choose an arm for each unit.

    Attributes:
        name: the arm, the rule's column, or by how many dimensions it was learned.
        kind: constant, rule or learned.
        most: how many dimensions it may use for each arm; None: all, or it is not learned.
        dimensions: arm -> the contexts that its effect depends on; of one that is learned from all units.
        values: outcome -> method -> its value.
        differences: outcome -> how much more it comes to than the best constant arm; all of one outcome hold at once.
        verdict: by the first outcome.
        others: the share of units that get another arm than the best constant one.
    """

    name: str
    kind: Kind
    most: int | None
    dimensions: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[Method, Estimate]]
    differences: Mapping[str, Estimate]
    verdict: Verdict
    others: float


@dataclass(frozen=True)
class Evaluation:
    """What an experiment says of ways to choose.

    Attributes:
        units: how many there are, by arm.
        outcome: by which policies are learned, net of costs.
        costs: arm -> what giving it costs, in units of that outcome.
        is_logged: whether propensities were logged.
        best: the constant arm of the greatest value.
        proposed: the name of the choice to go by: of those that are surely better than the best arm the one by the fewest
            dimensions; else that arm.
        choices: constants, rules, learned ones.
    """

    units: Mapping[str, int]
    outcome: str
    costs: Mapping[str, float]
    is_logged: bool
    best: str
    proposed: str
    choices: tuple[Choice, ...]


def evaluate(
    data: Randomised, *, dimensions: int = 3, costs: Mapping[str, float] | None = None, seed: int = 0
) -> Evaluation:
    """Value every way to choose.

    What is learned is valued on units that it was not learned from: each of `FOLDS` parts by a policy of the others.

    Args:
        data: what was drawn; its first outcome is learned by.
        dimensions: up to how many are tried, beside all.
        costs: arm -> what giving it costs, in units of the first outcome.
        seed: of the parts.
    """
    fold = np.random.default_rng(seed).permutation(len(data)) % FOLDS
    costly = np.array([(costs or {}).get(name, 0.0) for name in data.arms])
    first, *_ = data.outcomes
    net = {name: found - (costly[data.arm] if name == first else 0) for name, found in data.outcomes.items()}
    scores = {name: _scores(data, found, fold) for name, found in net.items()}
    learner = Learner(scores[first], data.contexts, fold, FOLDS)
    best = int(scores[first].mean(0).argmax())
    ways: list[tuple[str, Kind, int | None, Codes, Mapping[str, tuple[str, ...]]]] = [
        (name, "constant", None, np.full(len(data), code), {}) for code, name in enumerate(data.arms)
    ]
    ways += [(name, "rule", None, codes, {}) for name, codes in data.rules.items()]
    held = [learner.learn(part, None) for part in range(FOLDS)]
    whole = learner.learn(None, None)
    for most in (*range(1, dimensions + 1), None):
        chosen = np.empty(len(data), np.int64)
        for part, policy in enumerate(held):
            units = np.flatnonzero(fold == part)
            chosen[units] = learner.chosen(policy.within(most), units)
        ways.append((_named(most), "learned", most, chosen, _used(whole.within(most), data)))
    compared = sum(kind != "constant" for _, kind, *_ in ways)
    choices = tuple(
        Choice(
            name,
            kind,
            most,
            used,
            {each: values(data, net[each], scores[each], chosen) for each in net},
            {each: difference(scores[each], chosen, ways[best][3], compared) for each in net},
            "BEST_CONSTANT",
            float((chosen != best).mean()),
        )
        for name, kind, most, chosen, used in ways
    )
    choices = tuple(_judged(choice, first, data.arms[best]) for choice in choices)
    better = [each for each in choices if each.kind == "learned" and each.verdict == "BETTER"]
    return Evaluation(
        {name: int((data.arm == code).sum()) for code, name in enumerate(data.arms)},
        first,
        dict(costs or {}),
        data.is_logged,
        data.arms[best],
        better[0].name if better else data.arms[best],
        choices,
    )


def _judged(choice: Choice, outcome: str, best: str) -> Choice:
    from dataclasses import replace

    sign = choice.differences[outcome].sign
    verdict: Verdict = "BETTER" if sign > 0 else "WORSE" if sign < 0 else "NOT_SURE"
    return choice if choice.name == best and choice.kind == "constant" else replace(choice, verdict=verdict)


def _scores(data: Randomised, outcome: np.ndarray, fold: Codes) -> Matrix:
    guess = expected(outcome, data.arm, len(data.arms), list(data.contexts.values()), fold, FOLDS)
    return doubly_robust(outcome, data.arm, data.propensity, guess)


def _named(most: int | None) -> str:
    return "all dimensions" if most is None else f"{most} dimension{'' if most == 1 else 's'}"


def _used(policy: Policy, data: Randomised) -> dict[str, tuple[str, ...]]:
    return {data.arms[effect.arm]: effect.dimensions for effect in policy.effects}
