"""Who gets another arm than the best one for all: shrunk effects in cells of few contexts, chosen for each arm by itself."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.learning.policies.outcome_model import Matrix
    from flows.learning.policies.randomised import Codes, Context, Numbers

ALPHA = 0.05
"""In as many of learned policies is any context chosen where nothing depends on any."""
STEADY = 20.0
"""A cell's variance counts as if as many units more were as all are."""


@dataclass(frozen=True)
class Effect:
    """How much more an arm does than the best one for all.

    Attributes:
        arm: its code.
        dimensions: the contexts that it depends on, in the order in which they earn their place.
        cells: of no context, the first, the first two, …: in each cell the shrunk effect.
        gain: of each of these, how much more all units come to, in the mean, where those who gain by the arm get it.
    """

    arm: int
    dimensions: tuple[str, ...]
    cells: tuple[Numbers, ...]
    gain: tuple[float, ...]

    def within(self, most: int | None) -> Effect:
        """The same by so many contexts at most; and by no more than change what is chosen."""
        depth = len(self.dimensions) if most is None else min(most, len(self.dimensions))
        while depth and self.gain[depth] <= self.gain[depth - 1]:
            depth -= 1
        return Effect(self.arm, self.dimensions[:depth], self.cells[: depth + 1], self.gain[: depth + 1])


@dataclass(frozen=True)
class Policy:
    """An arm for all, and those that some get in its place where they gain most by them.

    Attributes:
        base: the code of the arm that is best for all.
        effects: of the others.
    """

    base: int
    effects: tuple[Effect, ...]

    def within(self, most: int | None) -> Policy:
        """The same by so many contexts at most, for each arm."""
        return Policy(self.base, tuple(effect.within(most) for effect in self.effects))


class Learner:
    """Learns policies from scores, from all units or from those of all folds but one.

    Sums are counted by cell and fold, once for whoever asks: a pass over the units for each set of contexts.
    """

    def __init__(self, scores: Matrix, contexts: Mapping[str, Context], fold: Codes, folds: int) -> None:
        """Take the data.

        Args:
            scores: `units x arms`, as `outcome_model.doubly_robust`, net of what an arm costs.
            contexts: what policies may depend on.
            fold: of each unit.
            folds: how many there are.
        """
        self._scores, self._contexts, self._fold, self._folds = scores, contexts, fold, folds
        self._codes: dict[tuple[str, ...], tuple[Codes, int]] = {(): (np.zeros(len(fold), np.int64), 1)}
        self._counts: dict[tuple[str, ...], Matrix] = {}
        self._sums: dict[tuple[tuple[str, ...], int, int], tuple[Matrix, Matrix]] = {}
        self._means = np.stack([np.bincount(fold, column, folds) for column in scores.T], axis=1)

    def learn(self, without: int | None) -> Policy:
        """A policy by as many contexts for each arm as earn their place.

        Args:
            without: the fold that is left out; None: none is.
        """
        sums = self._means.sum(0) - (0 if without is None else self._means[without])
        base = int(sums.argmax())
        others = [arm for arm in range(self._scores.shape[1]) if arm != base]
        return Policy(base, tuple(self._effect(arm, base, without) for arm in others))

    def chosen(self, policy: Policy, units: Codes | slice) -> Codes:
        """The code of the arm that a policy gives each of some units."""
        best = np.zeros_like(self._fold[units], dtype=np.float64)
        arms = np.full_like(self._fold[units], policy.base)
        for effect in policy.effects:
            found = self.found(effect, units)
            is_better = found > best
            best, arms = np.where(is_better, found, best), np.where(is_better, effect.arm, arms)
        return arms

    def found(self, effect: Effect, units: Codes | slice) -> Numbers:
        """What an effect says of each of some units."""
        codes, _ = self._coded(effect.dimensions)
        return effect.cells[-1][codes[units]]

    def _effect(self, arm: int, base: int, without: int | None) -> Effect:
        """Contexts are taken one by one: of those that there is evidence for the one by whose cells most is gained.

        Source: empirical Bayes with a normal prior around the cell that is divided: its variance by moments (DerSimonian and
        Laird 1986), the evidence by the likelihood ratio of that variance against none, half of whose doubled distribution is
        chi-squared with one degree of freedom (Self and Liang 1987), at `ALPHA` over all contexts and arms (Bonferroni).
        """
        asked = max(1, len(self._contexts) * (self._scores.shape[1] - 1))
        needed = NormalDist().inv_cdf(1 - ALPHA / asked) ** 2 / 2
        count, total, _ = self._of((), arm, base, without)
        cells, gains, dimensions = [total / count], [max(0.0, float(total[0] / count[0]))], list[str]()
        while len(dimensions) < len(self._contexts):
            tried = []
            for name in self._contexts:
                if name not in dimensions:
                    found = self._divided((*dimensions, name), cells[-1], arm, base, without)
                    if found is not None and found[0] > needed:
                        tried.append((found[1], found[0], name, found[2]))
            if not tried:
                break
            gain, _, name, divided = max(tried, key=lambda each: each[:2])
            dimensions.append(name)
            cells.append(divided)
            gains.append(gain)
        return Effect(arm, tuple(dimensions), tuple(cells), tuple(gains))

    def _divided(
        self, names: tuple[str, ...], before: Numbers, arm: int, base: int, without: int | None
    ) -> tuple[float, float, Numbers] | None:
        """Cells divided by one context more: the evidence for it, the gain, and the shrunk effect in each; None: no evidence."""
        count, total, squares = self._of(names, arm, base, without)
        prior = self._spread(names, before)
        is_there = count > 1
        some = np.maximum(count, 1)
        mean = total / some
        whole = count.sum()
        pooled = max(squares.sum() / whole - (total.sum() / whole) ** 2, 1e-12)
        variance = (np.maximum(squares - count * mean**2, 0) + STEADY * pooled) / (count + STEADY) / some
        apart, weight = np.where(is_there, mean - prior, 0.0), np.where(is_there, 1 / variance, 0.0)
        between = ((weight * apart**2).sum() - is_there.sum()) / weight.sum()
        if between <= 0:
            return None
        ratio = between * weight
        evidence = float((ratio / (1 + ratio) * weight * apart**2 - np.log1p(ratio)).sum() / 2)
        shrunk = prior + ratio / (1 + ratio) * apart
        return evidence, float((count * np.maximum(shrunk, 0)).sum() / whole), shrunk

    def _of(self, names: tuple[str, ...], arm: int, base: int, without: int | None) -> tuple[Numbers, Numbers, Numbers]:
        """Of each cell: how many units, and the sums of the differences of two arms' scores and of their squares."""
        codes, size = self._coded(names)
        at, shape = codes * self._folds + self._fold, (size, self._folds)

        def added(of: Numbers | None = None) -> Matrix:
            return np.bincount(at, of, size * self._folds).reshape(shape).astype(np.float64)

        if names not in self._counts:
            self._counts[names] = added()
        if (names, arm, base) not in self._sums:
            apart = self._scores[:, arm] - self._scores[:, base]
            self._sums[names, arm, base] = added(apart), added(apart * apart)
        found = (self._counts[names], *self._sums[names, arm, base])
        count, total, squares = (each.sum(1) - (0 if without is None else each[:, without]) for each in found)
        return count, total, squares

    def _coded(self, names: tuple[str, ...]) -> tuple[Codes, int]:
        """The cell of each unit, and how many cells there are: those of the last context within those of the others."""
        if names not in self._codes:
            codes, size = self._coded(names[:-1])
            last = self._contexts[names[-1]]
            self._codes[names] = codes * len(last.cells) + last.codes, size * len(last.cells)
        return self._codes[names]

    def _spread(self, names: tuple[str, ...], before: Numbers) -> Numbers:
        return np.repeat(before, len(self._contexts[names[-1]].cells))
