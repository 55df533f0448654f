"""Arms against a control: differences and lifts of means, as sure as the data are; a coded refusal where they tell nothing.

Welch's intervals, the adjustment by a covariate and the lifts are tea-tasting's; what holds at every look is ours (`sequential`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, isfinite, log
from typing import TYPE_CHECKING, Literal

from flows.learning.sequential import evidence, sure_among, widening

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
"""Of what happens seldom, or nearly always, a normal interval needs as many in each arm of which the other is true.

Source: Agresti, An introduction to categorical data analysis (2007), 1.3: 10 of each outcome for a large sample."""

Code = Literal[
    "TOO_FEW", "TOO_RARE", "TOO_UNEVEN", "NO_VARIATION", "SHARES_OFF", "MISSING", "NOT_FINITE", "NOT_NUMBERS",
    "NOT_HELD_OUT", "NO_HOLDOUT", "NO_DECISIONS", "TOO_EARLY", "NOT_OVER", "NOT_TOLD", "NOT_REACHED", "REACHED_UNLIKE",
]  # fmt: skip
REFUSED: Mapping[Code, str] = {
    "TOO_FEW": "an arm has fewer units than numbers are told of",
    "TOO_RARE": "it has happened too seldom, or was missed too seldom, for an interval to hold",
    "TOO_UNEVEN": "a few people make up too much of it for an interval to hold; see `largest_value` of product.yaml",
    "NO_VARIATION": "the metric is the same for everybody",
    "SHARES_OFF": "the arms are not of the sizes that were meant: units were lost, or drawn otherwise",
    "MISSING": "some units have no value: whether they are like the others nobody can tell",
    "NOT_FINITE": "some values are no finite numbers",
    "NOT_NUMBERS": "the column holds no numbers",
    "NOT_HELD_OUT": "nobody is held out of service messages, so there is nobody to hold them against",
    "NO_HOLDOUT": "nobody is held out: neither the setting global_holdout nor the product's test has a holdout",
    "NO_DECISIONS": "nobody has been decided for under the shares that are set",
    "TOO_EARLY": "the experiment is younger than a week",
    "NOT_OVER": "the month is not over, as far as outcomes are known",
    "NOT_TOLD": "no outcome of this name has ever come in, or none with a value",
    "NOT_REACHED": "too few of those who were decided for were reached",
    "REACHED_UNLIKE": "the share that was reached is not the same in both arms",
}
"""Why there is no number."""


@dataclass(frozen=True)
class Interval:
    """From the lowest to the highest value that the data do not contradict; None on a side where it has no end."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Contrast:
    """One arm against the control, in one metric.

    Attributes:
        metric, arm: which.
        refused: why there is no answer; then all that follows is None.
        control_mean, arm_mean: of the metric, adjusted by the covariate where there is one.
        difference: arm less control; `error` is its standard error.
        interval: of the difference, at 95 %, for one look at the end.
        always: of the difference, at 95 % however often anybody looks.
        p: of no difference, for one look; `p_adjusted` after Benjamini and Hochberg over all contrasts of the readout.
        evidence: against no difference, at every look: an e-value.
        is_sure: whether it is a difference, of all in the readout, however often anybody looks; one in twenty of those is none.
        lift: the difference as a share of the control's mean, with its interval for one look, and for every look; None where that
            mean is 0.
        detectable: the least difference that as many units find four times in five, with one look at the end.
        detectable_always: the same, where one looks every day.
        units_needed: how many in both arms would find the difference that was seen, four times in five; None where it is 0.
    """

    metric: str
    arm: str
    refused: Code | None = None
    control_mean: float | None = None
    arm_mean: float | None = None
    difference: float | None = None
    error: float | None = None
    interval: Interval | None = None
    always: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    evidence: float | None = None
    is_sure: bool = False
    lift: float | None = None
    lift_interval: Interval | None = None
    lift_always: Interval | None = None
    detectable: float | None = None
    detectable_always: float | None = None
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
    units = control.count + treated.count
    wide = widening(ALPHA, units, planned)
    reach = abs(error) * wide
    least = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER)) * abs(error)
    has_base = found.control != 0
    span = (found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper)
    return Contrast(
        metric,
        arm,
        control_mean=float(found.control),
        arm_mean=float(found.treatment),
        difference=difference,
        error=abs(error),
        interval=Interval(float(found.effect_size_ci_lower), float(found.effect_size_ci_upper)),
        always=Interval(difference - reach, difference + reach),
        p=float(found.pvalue),
        evidence=evidence(difference / error, ALPHA, units, planned),
        lift=float(found.rel_effect_size) if has_base else None,
        lift_interval=Interval(_end(span[0]), _end(span[1])) if has_base else None,
        lift_always=_always(float(found.rel_effect_size), *span, wide) if has_base else None,
        detectable=least,
        detectable_always=abs(error) * (wide + float(norm.ppf(POWER))),
        units_needed=round(units * (least / difference) ** 2) if difference else None,
    )


def adjusted(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """All contrasts of a readout with `p_adjusted` and `is_sure`: of those that are found, one in twenty is none."""
    from scipy.stats import false_discovery_control

    sure = sure_among([each.evidence or 0.0 for each in contrasts], ALPHA)
    told = [each for each in contrasts if each.p is not None]
    if not told:
        return list(contrasts)
    ps = iter(false_discovery_control([each.p for each in told], method="bh").tolist())
    return [
        replace(each, p_adjusted=next(ps), is_sure=is_sure) if each.p is not None else each
        for each, is_sure in zip(contrasts, sure, strict=True)
    ]


def _always(lift: float, low: float, high: float, wide: float) -> Interval | None:
    """A lift's interval for every look, from that for one: of the logarithm of the ratio, which is where it is even."""
    from scipy.stats import norm

    if lift <= -1 or _end(low) is None or _end(high) is None or low <= -1:
        return None
    reach = log((1 + high) / (1 + lift)) / float(norm.ppf(1 - ALPHA / 2)) * wide
    return Interval((1 + lift) * exp(-reach) - 1, (1 + lift) * exp(reach) - 1 if reach < 100 else None)


def _end(value: float) -> float | None:
    """An end of an interval as JSON can say it."""
    return float(value) if isfinite(value) else None


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
