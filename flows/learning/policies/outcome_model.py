"""What is to be expected of each arm for each unit: additive over the contexts, learned from others than the unit."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.learning.policies.randomised import Codes, Context, Numbers

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

RIDGE = 10.0
"""A cell counts as if as many units more were as the arm's mean says."""


def expected(outcome: Numbers, arm: Codes, arms: int, contexts: Sequence[Context], fold: Codes, folds: int) -> Matrix:
    """`units x arms`: the outcome that an additive model expects, of which no unit's own fold knows anything.

    Args:
        outcome: of each unit.
        arm: the code of its arm.
        arms: how many there are.
        contexts: what was known of it.
        fold: which part of the units it is in.
        folds: how many there are.

    Source: ridge regression by its normal equations, whose sums are counted by cell, so that nothing grows with units but
    one pass for each pair of contexts.
    """
    group = fold * arms + arm
    weights, targets, starts = _sums(outcome, group, folds * arms, contexts)
    weights, targets = (found.reshape(folds, arms, *found.shape[1:]) for found in (weights, targets))
    weights, targets = weights.sum(0) - weights, targets.sum(0) - targets
    penalty = np.full(weights.shape[-1], RIDGE)
    penalty[0] = 1e-9
    found = np.linalg.solve(weights + np.diag(penalty), targets[..., None])[..., 0]
    guess = found[fold, :, 0]
    for context, start in zip(contexts, starts, strict=True):
        guess += found[:, :, start : start + len(context.cells)].transpose(0, 2, 1)[fold, context.codes]
    return guess


def doubly_robust(outcome: Numbers, arm: Codes, propensity: Numbers, guess: Matrix) -> Matrix:
    """`units x arms`: what each arm would have come to for each unit; right in the mean where the propensities are.

    Source: Robins, Rotnitzky and Zhao (1994); Dudík, Langford and Li, Doubly robust policy evaluation and learning (2011).
    """
    scores, units = guess.copy(), np.arange(len(arm))
    scores[units, arm] += (outcome - guess[units, arm]) / propensity
    return scores


def _sums(
    outcome: Numbers, group: Codes, groups: int, contexts: Sequence[Context]
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The normal equations of each group: its matrix, its right side, and where each context's cells begin in them."""
    sizes = [len(context.cells) for context in contexts]
    starts = [1 + sum(sizes[:place]) for place in range(len(sizes))]
    width = 1 + sum(sizes)
    matrix, right = np.zeros((groups, width, width)), np.zeros((groups, width))
    matrix[:, 0, 0] = np.bincount(group, minlength=groups)
    right[:, 0] = np.bincount(group, outcome, groups)
    for context, start, size in zip(contexts, starts, sizes, strict=True):
        code = group * size + context.codes
        counts = np.bincount(code, minlength=groups * size).reshape(groups, size)
        mine = slice(start, start + size)
        right[:, mine] = np.bincount(code, outcome, groups * size).reshape(groups, size)
        matrix[:, 0, mine] = matrix[:, mine, 0] = counts
        matrix[:, range(start, start + size), range(start, start + size)] = counts
    for one, other in combinations(range(len(contexts)), 2):
        code = (group * sizes[one] + contexts[one].codes) * sizes[other] + contexts[other].codes
        shape = (groups, sizes[one], sizes[other])
        counts = np.bincount(code, minlength=groups * sizes[one] * sizes[other]).reshape(shape)
        here, there = (slice(starts[n], starts[n] + sizes[n]) for n in (one, other))
        matrix[:, here, there] = counts
        matrix[:, there, here] = counts.transpose(0, 2, 1)
    return matrix, right, starts
