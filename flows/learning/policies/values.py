"""What a policy would have come to, of data that another one has made: three estimates with intervals, and paired differences."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from flows.learning.policies.outcome_model import Matrix
    from flows.learning.policies.randomised import Codes, Numbers, Randomised

Method = Literal["ips", "snips", "dr"]
ALPHA = 0.05


@dataclass(frozen=True)
class Estimate:
    """A mean per unit, and between which bounds it lies at 95 %, or more where many are compared."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval leaves 0 out, to that side; else 0."""
        return (self.low > 0) - (self.high < 0)


def values(data: Randomised, outcome: Numbers, scores: Matrix, chosen: Codes) -> dict[Method, Estimate]:
    """The value of giving each unit the arm that is chosen for it.

    Args:
        data: what was drawn.
        outcome: of each unit.
        scores: `outcome_model.doubly_robust` of it.
        chosen: the code of an arm for each unit, of which its own outcome knows nothing.

    Source: Horvitz and Thompson (1952) for inverse propensities (IPS), Swaminathan and Joachims (2015) for those that are
    normalised by themselves (SNIPS), with the linearised variance of a ratio; Dudík, Langford and Li (2011) for `dr`.
    """
    weight = np.where(data.arm == chosen, 1 / data.propensity, 0.0)
    weighed, mean = weight * outcome, weight.mean()
    ratio = weighed.mean() / mean if mean else 0.0
    apart = weight * (outcome - ratio) / (mean or 1.0)
    return {
        "ips": _estimate(weighed),
        "snips": _bounded(ratio, sqrt(float((apart**2).mean()) / len(apart))),
        "dr": _estimate(scores[np.arange(len(chosen)), chosen]),
    }


def difference(
    scores: Matrix, chosen: Codes, other: Codes, compared: int = 1, weight: Numbers | None = None
) -> Estimate:
    """How much more one choice comes to than another, unit by unit, by `dr`.

    Args:
        scores: `outcome_model.doubly_robust`.
        chosen: the code of an arm for each unit.
        other: another one for each.
        compared: how many such differences are looked at together: the intervals hold for all of them at once.
        weight: for how many each unit stands, as known beforehand; None: for one.

    Source: Bonferroni, for what is looked at together.
    """
    units = np.arange(len(chosen))
    return _estimate(_weighed(scores[units, chosen] - scores[units, other], weight), compared)


def value(scores: Matrix, chosen: Codes, weight: Numbers | None = None) -> Estimate:
    """The value of a choice by `dr` alone; arguments as for `difference`."""
    return _estimate(_weighed(scores[np.arange(len(chosen)), chosen], weight))


def mean_of(of_units: Numbers) -> Estimate:
    """The mean of a number of each unit."""
    return _estimate(of_units)


def _weighed(of_units: Numbers, weight: Numbers | None) -> Numbers:
    return of_units if weight is None else of_units * weight / weight.mean()


def _estimate(of_units: Numbers, compared: int = 1) -> Estimate:
    error = float(of_units.std(ddof=1)) / sqrt(len(of_units))
    return _bounded(float(of_units.mean()), error, compared)


def _bounded(value: float, error: float, compared: int = 1) -> Estimate:
    reach = NormalDist().inv_cdf(1 - ALPHA / (2 * compared)) * error
    return Estimate(float(value), float(value - reach), float(value + reach))
