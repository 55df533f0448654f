"""Intervals and evidence that hold at every look, however many there are."""

from __future__ import annotations

from math import exp, inf, lgamma, log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FURTHEST_UNITS = 10**12
"""More than there are people: what needs as many is never found."""


def widening(alpha: float, count: float, planned: float) -> float:
    """How many standard errors to each side an always-valid interval reaches: an asymptotic confidence sequence.

    Args:
        alpha: the share of experiments in which the interval may ever miss the truth.
        count: units in both arms together.
        planned: at how many it shall be the narrowest, as against an interval for one look: all that are expected.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory (2024), theorem 2.2, with the
    choice of rho of their appendix; GrowthBook's statistics engine has the same form.
    """
    reach = count * _rate(alpha, planned) + 1
    return sqrt(reach / (reach - 1) * log(reach / alpha**2))


def evidence(errors: float, alpha: float, count: float, planned: float) -> float:
    """The e-value of no difference: 1 / alpha and more where the interval of `widening` leaves 0 out.

    Args:
        errors: how many standard errors the difference is away from 0.
        alpha: as for `widening`: it tunes the evidence, and is no threshold.
        count: units in both arms together.
        planned: as for `widening`.

    Source: the same; its inverse is GrowthBook's sequential p-value.
    """
    reach = count * _rate(alpha, planned) + 1
    power = errors**2 * (reach - 1) / (2 * reach) - log(reach) / 2
    return exp(min(power, 700.0))


def sure_among(evidences: Sequence[float], alpha: float) -> list[bool]:
    """Which of many differences are sure, so that of those one in 1 / alpha is none, however often anybody looks: e-BH.

    Args:
        evidences: the e-value of each that is asked about; 0 where there is no answer: it counts as one of them.
        alpha: that share.

    Source: Wang and Ramdas, False discovery rate control with e-values (2022): it holds under any dependence, and for e-processes
    at any stopping time. Where no difference is real at all, one is ever called sure in a share of alpha of readouts.
    """
    rising = sorted(evidences, reverse=True)
    least = inf
    for place, value in enumerate(rising, start=1):
        if value >= len(rising) / (alpha * place):
            least = value
    return [value >= least > 0 for value in evidences]


def shares_evidence(units: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The logarithm of the e-value of arms that were drawn by such shares: how much is to be said against it, at every look.

    Args:
        units: arm -> how many are in it.
        shares: arm -> its probability; together 1.

    Source: Lindon and Malek, Anytime-valid inference for multinomial count data (2022), with a Dirichlet prior around the shares,
    of weight 1 for each arm.
    """
    weight, whole = len(shares), sum(units.values())
    found = lgamma(weight) - lgamma(weight + whole)
    for arm, share in shares.items():
        found += lgamma(weight * share + units[arm]) - lgamma(weight * share) - units[arm] * log(share)
    return found


def units_needed(spread: float, effect: float, power_errors: float, alpha: float, planned: float) -> float:
    """How many units in both arms find an effect as large, at some look up to then, with the power that is asked for.

    Args:
        spread: the standard error of the difference times the root of the units that it is of: the same at any size.
        effect: the difference that matters, greater than 0.
        power_errors: standard errors that the power adds: 0.84 for four in five.
        alpha: as for `widening`.
        planned: as for `widening`.

    Returns:
        The units; infinity where more than `FURTHEST_UNITS` would not do.
    """
    low, high = 1.0, float(FURTHEST_UNITS)

    def finds(count: float) -> bool:
        return (widening(alpha, count, planned) + power_errors) * spread / sqrt(count) <= effect

    if not finds(high):
        return inf
    while high / low > 1.001:
        middle = sqrt(low * high)
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high


def _rate(alpha: float, planned: float) -> float:
    return (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned
