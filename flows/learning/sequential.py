"""Intervals that hold at every look, however many there are."""

from __future__ import annotations

from math import log, sqrt


def widening(alpha: float, count: int, planned: int) -> float:
    """How many standard errors to each side an always-valid interval reaches: an asymptotic confidence sequence.

    Args:
        alpha: the share of experiments in which the interval may ever miss the truth.
        count: units in both arms together.
        planned: at how many it shall be the narrowest, as against an interval for one look: all that are expected.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory (2024), theorem 2.2, with the
    choice of rho of their appendix; GrowthBook's statistics engine has the same form.
    """
    rate = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned
    reach = count * rate + 1
    return sqrt(reach / (count * rate) * log(reach / alpha**2))
