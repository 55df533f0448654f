"""Outcomes -> the weights of relevance: the rules as the prior, moved by what happened; and how true the scores are.

Source: maximum a posteriori logistic regression with a normal prior around the rules (statistics.md, 6): with few outcomes the
rules stay, and with many they are what the outcomes say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flows.learning.contrasts import FEWEST_EVENTS, FEWEST_UNITS
from flows.learning.policies.values import mean_of
from flows.ledger.choices import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.learning.policies.randomised import Numbers
    from flows.learning.policies.values import Estimate
    from flows.product import Relevance

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

BASE_SD, WEIGHT_SD = 3.0, 1.0
"""How far rules may be from the truth, in log-odds: they say little of how often it happens, and more of what speaks for it."""
BINS = 10
_STEPS = 100


@dataclass(frozen=True)
class Bin:
    """People with about the same score.

    Attributes:
        people: how many.
        expected: their mean score.
        seen: the share of them of whom the outcome is true.
    """

    people: int
    expected: float
    seen: float


@dataclass(frozen=True)
class Weight:
    """The weight of a signal, or the base: by the rules, as learned, and how uncertain that is (a standard deviation)."""

    by_rules: float
    learned: float
    uncertain: float


@dataclass(frozen=True)
class Fit:
    """The relevance of a product, as outcomes weigh it.

    Attributes:
        people: who were given it, and whose time is over.
        happened: of how many of them the outcome is true.
        base: the log-odds without any signal.
        weights: signal -> its weight.
        by_rules, learned: ten ranges of the scores, of people of whom the weights know nothing.
        error_by_rules, error: by how much scores and what happened differ in these, in the mean.
        gain: how much likelier what happened is by the learned scores than by the rules, in log-likelihood per person.
    """

    people: int
    happened: int
    base: Weight
    weights: Mapping[str, Weight]
    by_rules: tuple[Bin, ...]
    learned: tuple[Bin, ...]
    error_by_rules: float
    error: float
    gain: Estimate


def fit(rows: pl.DataFrame, rules: Relevance, *, is_absence: bool = False) -> Fit | None:
    """The weights of a product by what became of the people who were given it; None: they are too few.

    Args:
        rows: `ledger.choices.TOLD` of them.
        rules: the weights that a person has set: the prior.
        is_absence: whether it is a success that the outcome has not happened.
    """
    names = sorted(name for name, term in rules.terms.items() if term.size)
    known = pl.col("signals").list.eval(pl.element().struct.field("name"))
    rows = rows.filter(known == pl.lit(names, pl.List(pl.String)))
    happened = (rows["has_happened"] != is_absence).cast(pl.Float64).to_numpy()
    if len(rows) < FEWEST_UNITS or min(happened.sum(), len(rows) - happened.sum()) < FEWEST_EVENTS:
        return None
    strengths = [rows["signals"].list.get(place).struct.field("strength") for place in range(len(names))]
    signals = np.column_stack([np.ones(len(rows)), *(each.to_numpy() for each in strengths)])
    prior = np.array([rules.base, *(rules.terms[name].size for name in names)])
    spread = np.array([BASE_SD, *[WEIGHT_SD] * len(names)])
    part, scores = rows["part"].to_numpy(), np.empty(len(rows))
    for held in range(PARTS):
        others, mine = part != held, part == held
        weights, _ = weighed(signals[others], happened[others], prior, spread)
        scores[mine] = expit(signals[mine] @ weights)
    ruled = expit(signals @ prior)
    weights, sd = weighed(signals, happened, prior, spread)
    told = [Weight(*map(float, each)) for each in zip(prior, weights, sd, strict=True)]
    bins, bins_learned = calibration(ruled, happened), calibration(scores, happened)
    return Fit(
        len(rows),
        int(happened.sum()),
        told[0],
        dict(zip(names, told[1:], strict=True)),
        bins,
        bins_learned,
        error_of(bins),
        error_of(bins_learned),
        mean_of(_likelihood(scores, happened) - _likelihood(ruled, happened)),
    )


def weighed(signals: Matrix, happened: Numbers, prior: Numbers, spread: Numbers) -> tuple[Numbers, Numbers]:
    """The weights that are the most probable, and the standard deviation of each (Laplace), by Newton's method.

    Args:
        signals: `people x weights`, the base's column of ones among them.
        happened: 1 or 0 of each.
        prior: the mean of each weight.
        spread: its standard deviation.
    """
    weights, sure = prior.copy(), np.diag(1 / spread**2)

    def against(at: Numbers) -> float:
        return float(-_likelihood(expit(signals @ at), happened).sum() + (((at - prior) / spread) ** 2).sum() / 2)

    now = against(weights)
    for _ in range(_STEPS):
        scores = expit(signals @ weights)
        gradient = signals.T @ (scores - happened) + sure @ (weights - prior)
        curvature = (signals * (scores * (1 - scores))[:, None]).T @ signals + sure
        step = np.linalg.solve(curvature, gradient)
        while (then := against(weights - step)) > now and np.abs(step).max() > 1e-9:
            step = step / 2
        weights, now = weights - step, then
        if np.abs(step).max() < 1e-9:
            break
    scores = expit(signals @ weights)
    curvature = (signals * (scores * (1 - scores))[:, None]).T @ signals + sure
    return weights, np.sqrt(np.diag(np.linalg.inv(curvature)))


def calibration(scores: Numbers, happened: Numbers) -> tuple[Bin, ...]:
    """People in ranges of as many each by their scores: what these say, and what came of it."""
    order = np.argsort(scores, kind="stable")
    parts = [each for each in np.array_split(order, BINS) if len(each)]
    return tuple(Bin(len(each), float(scores[each].mean()), float(happened[each].mean())) for each in parts)


def error_of(bins: tuple[Bin, ...]) -> float:
    """The calibration error: by how much scores and what happened differ, in the mean over people."""
    people = sum(each.people for each in bins)
    return sum(each.people * abs(each.expected - each.seen) for each in bins) / people


def expit(log_odds: Numbers) -> Numbers:
    """Probabilities of log-odds."""
    found: Numbers = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return found


def _likelihood(scores: Numbers, happened: Numbers) -> Numbers:
    """The log-likelihood of what happened to each."""
    sure = np.clip(scores, 1e-12, 1 - 1e-12)
    return np.where(happened == 1, np.log(sure), np.log1p(-sure))
