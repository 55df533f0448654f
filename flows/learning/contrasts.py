"""Arms against a control: differences and lifts of means, as sure as the data are; a coded refusal where they tell nothing.

Welch's intervals, the adjustment by a covariate and the lifts are tea-tasting's; what holds at every look is ours (`sequential`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from flows.learning.sequential import widening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tea_tasting.aggr import Aggregates

    from flows.learning.moments import Moments

ALPHA = 0.05
POWER = 0.8
"""Share of the experiments in which a difference as large as `detectable` is found."""
OFF = 0.001
"""The p-value of the shares below which nobody believes that units were drawn as they were meant to be.

Source: Fabijan et al., Diagnosing sample ratio mismatch (KDD 2019): the threshold in use is 0.0005 to 0.01."""
FEWEST_UNITS = 100
"""Fewer units in an arm are told no numbers of: their mean is far from normal, and may be of somebody in particular."""
FEWEST_EVENTS = 10
"""Of what happens seldom, a normal interval needs as many in each arm.

Source: Agresti, An introduction to categorical data analysis (2007), 1.3: 10 of each outcome for a large sample."""

Code = Literal["TOO_FEW", "TOO_RARE", "NO_VARIATION", "SHARES_OFF", "MISSING", "NOT_FINITE", "NOT_NUMBERS"]
REFUSED: Mapping[Code, str] = {
    "TOO_FEW": "an arm has fewer units than numbers are told of",
    "TOO_RARE": "it has happened too seldom for an interval to hold",
    "NO_VARIATION": "the metric is the same for everybody",
    "SHARES_OFF": "the arms are not of the sizes that were meant: units were lost, or drawn otherwise",
    "MISSING": "some units have no value: whether they are like the others nobody can tell",
    "NOT_FINITE": "some values are no finite numbers",
    "NOT_NUMBERS": "the column holds no numbers",
}
"""Why there is no number."""


@dataclass(frozen=True)
class Interval:
    """From the lowest to the highest value that the data do not contradict."""

    low: float
    high: float


@dataclass(frozen=True)
class Contrast:
    """One arm against the control, in one metric.

    Attributes:
        metric, arm: which.
        refused: why there is no answer; then all that follows is None.
        control_mean, arm_mean: of the metric, adjusted by the covariate where there is one.
        difference: arm less control.
        interval: of the difference, at 95 %, for one look at the end.
        always: of the difference, at 95 % however often anybody looks.
        p: of no difference, for one look; `p_adjusted` after Benjamini and Hochberg over all contrasts of the readout.
        lift: the difference as a share of the control's mean, with its interval for one look; None where that mean is 0.
        detectable: the least difference that as many units find four times in five.
        units_needed: how many in both arms would find the difference that was seen, four times in five; None where it is 0.
    """

    metric: str
    arm: str
    refused: Code | None = None
    control_mean: float | None = None
    arm_mean: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    always: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    lift: float | None = None
    lift_interval: Interval | None = None
    detectable: float | None = None
    units_needed: int | None = None


def shares_p(units: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The p-value of arms of such sizes where units are drawn by such shares: Pearson's chi-squared."""
    from scipy.stats import chisquare

    whole, together = sum(units.values()), sum(shares.values())
    meant = [whole * shares[arm] / together for arm in units]
    return float(chisquare(list(units.values()), meant).pvalue)


def contrast(metric: str, arm: str, control: Moments, treated: Moments, planned: int) -> Contrast:
    """One arm against the control.

    Args:
        metric: the name of it.
        arm: the name of that which is not the control.
        control: moments of the control, with those of a covariate or without.
        treated: those of the arm, with as much.
        planned: the units in both arms together for which the always-valid interval shall be the narrowest.
    """
    if min(control.count, treated.count) < FEWEST_UNITS:
        return Contrast(metric, arm, "TOO_FEW")
    if control.variance == treated.variance == 0:
        return Contrast(metric, arm, "NO_VARIATION")
    if min(control.happened, treated.happened) < FEWEST_EVENTS:
        return Contrast(metric, arm, "TOO_RARE")
    from scipy.stats import norm
    from tea_tasting import Mean

    has_covariate = control.covariate_variance + treated.covariate_variance > 0
    mean = Mean("metric", "covariate" if has_covariate else None, confidence_level=1 - ALPHA, equal_var=False)
    found = mean.analyze_aggregates(_aggregates(control), _aggregates(treated))
    difference = float(found.effect_size)
    error = difference / found.statistic if found.statistic else _half(found.effect_size_ci_lower, difference)
    reach = abs(error) * widening(ALPHA, control.count + treated.count, planned)
    least = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER)) * abs(error)
    has_base = found.control != 0
    return Contrast(
        metric,
        arm,
        control_mean=float(found.control),
        arm_mean=float(found.treatment),
        difference=difference,
        interval=Interval(float(found.effect_size_ci_lower), float(found.effect_size_ci_upper)),
        always=Interval(difference - reach, difference + reach),
        p=float(found.pvalue),
        lift=float(found.rel_effect_size) if has_base else None,
        lift_interval=(
            Interval(float(found.rel_effect_size_ci_lower), float(found.rel_effect_size_ci_upper)) if has_base else None
        ),
        detectable=least,
        units_needed=round((control.count + treated.count) * (least / difference) ** 2) if difference else None,
    )


def adjusted(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """All contrasts of a readout with `p_adjusted`: of those that are found, one in twenty is none."""
    from scipy.stats import false_discovery_control

    told = [each for each in contrasts if each.p is not None]
    if not told:
        return list(contrasts)
    ps = iter(false_discovery_control([each.p for each in told], method="bh").tolist())
    return [replace(each, p_adjusted=next(ps)) if each.p is not None else each for each in contrasts]


def _half(low: float, middle: float) -> float:
    """A standard error, of an interval around a difference that is exactly 0."""
    from scipy.stats import norm

    return (middle - low) / float(norm.ppf(1 - ALPHA / 2))


def _aggregates(of: Moments) -> Aggregates:
    from tea_tasting.aggr import Aggregates

    return Aggregates(
        of.count,
        {"metric": of.mean, "covariate": of.covariate_mean},
        {"metric": of.variance, "covariate": of.covariate_variance},
        {("covariate", "metric"): of.covariance},
    )
