"""Whoever looks every day is not led astray, and still finds what there is: simulated experiments, read out look by look.

Source of the figures: ten thousand simulated experiments with another implementation; `always` of 28 looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from flows.learning.contrasts import OFF, adjusted, contrast, shares_p
from flows.learning.moments import Moments
from flows.learning.sequential import shares_evidence

pytestmark = [pytest.mark.slow, pytest.mark.oracle]
RUNS = 2_000
ASIDE = 2.5
"""Standard errors: below that no look is asked about, for the interval reaches further on any."""


@dataclass(frozen=True)
class Kind:
    """What happens to a unit: with a chance, and then so much of it."""

    chance: float
    mean: float = 1.0
    spread: float = 0.0

    def sums(self, drawn: np.random.Generator, units: int, looks: int) -> np.ndarray:
        """Of each run and look, up to it: how often it happened, its sum, and the sum of its squares."""
        often = drawn.binomial(units, self.chance, (RUNS, looks))
        if not self.spread:
            return np.cumsum(np.stack([often, often * self.mean, often * self.mean**2]), axis=2)
        each = drawn.gamma((self.mean / self.spread) ** 2, self.spread**2 / self.mean, int(often.sum()))
        ends = np.cumsum(often)
        starts, whole = ends - often.ravel(), np.concatenate([[0.0], np.cumsum(each)])
        squares = np.concatenate([[0.0], np.cumsum(each**2)])
        ends = ends.ravel()
        total = (whole[ends] - whole[starts]).reshape(often.shape)
        square = (squares[ends] - squares[starts]).reshape(often.shape)
        return np.cumsum(np.stack([often, total, square]), axis=2)


VISIT, SPEND, UNSUBSCRIBE = Kind(0.106167), Kind(0.005726, 114, 70), Kind(0.001)


def ever_found(control: Kind, treated: Kind, *, daily: int, looks: int, seed: int) -> float:
    """The share of runs in which the interval for every look leaves out 0 at some look."""
    drawn = np.random.default_rng(seed)
    arms = [kind.sums(drawn, daily, looks) for kind in (control, treated)]
    counts = daily * np.arange(1, looks + 1)
    means = [sums / counts for _, sums, _ in arms]
    variances = [(squares - counts * mean**2) / (counts - 1) for (_, _, squares), mean in zip(arms, means, strict=True)]
    errors = np.sqrt((variances[0] + variances[1]) / counts)
    aside = np.abs(means[1] - means[0]) > ASIDE * np.maximum(errors, 1e-300)
    found = np.zeros(RUNS, dtype=bool)
    for run, look in zip(*np.nonzero(aside), strict=True):
        if found[run]:
            continue
        of = [
            Moments(
                int(counts[look]),
                means[arm][run, look],
                variances[arm][run, look],
                happened=int(arms[arm][0][run, look]),
            )
            for arm in (0, 1)
        ]
        told = contrast("metric", "arm", *of, planned=2 * daily * looks)
        found[run] = told.always is not None and not told.always.low <= 0 <= told.always.high
    return float(found.mean())


@pytest.mark.parametrize("kind", [VISIT, SPEND, UNSUBSCRIBE], ids=["visit", "spend", "unsubscribe"])
def test_where_there_is_nothing_at_most_one_in_twenty_finds_something_in_fifty_six_looks(kind, record_property):
    share = ever_found(kind, kind, daily=1_000, looks=56, seed=56)
    record_property("told", f"{share:.3f} of {RUNS} experiments without a difference found one in 56 looks")
    assert share <= 0.05


@pytest.mark.parametrize(
    ("control", "treated", "daily", "power"),
    [
        (VISIT, Kind(VISIT.chance * 1.05), 1_881, 0.49),  # a t-test at the last look has .79
        (UNSUBSCRIBE, Kind(UNSUBSCRIBE.chance * 2), 1_881, 0.93),
    ],
    ids=["visit up by 5 %", "unsubscribe doubled"],
)
def test_what_there_is_is_found_as_often_as_is_known(control, treated, daily, power, record_property):
    share = ever_found(control, treated, daily=daily, looks=28, seed=28)
    record_property("told", f"{share:.3f} of {RUNS} experiments found it, {power} are known")
    assert share == pytest.approx(power, abs=0.03)


def test_the_interval_is_as_wide_as_that_of_growthbook():
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    units, happened = 21_306, (2_262, 3_894)
    arms = [
        Moments(units, rate := often / units, rate * (1 - rate) * units / (units - 1), happened=often)
        for often in happened
    ]
    ours = contrast("visit", "mailed", *arms, planned=2 * units).always
    how = SequentialConfig(difference_type="absolute", sequential_tuning_parameter=2 * units)
    theirs = SequentialTwoSidedTTest(*(SampleMeanStatistic(units, often, often) for often in happened), how)
    assert (ours.low, ours.high) == pytest.approx(theirs.compute_result().ci, rel=1e-9)


def test_one_in_fifty_units_lost_of_an_arm_is_found():
    drawn = np.random.default_rng(2)
    sizes = drawn.binomial(200_000, 0.5, RUNS)
    lost = [shares_p({"a": int(size), "b": int(200_000 - size)}, {"a": 1, "b": 1}) for size in sizes]
    assert np.mean(np.array(lost) < OFF) < 0.005
    less = [shares_p({"a": round(0.98 * size), "b": int(200_000 - size)}, {"a": 1, "b": 1}) for size in sizes]
    assert np.mean(np.array(less) < OFF) > 0.85


def test_of_three_metrics_at_once_one_in_twenty_readouts_ever_calls_something_sure_where_there_is_nothing(
    record_property,
):
    """One in five is held out, as a product's readout compares them: planned by the first week, and sure by e-BH."""
    held, treated, looks, kinds = 100, 400, 56, (VISIT, VISIT, Kind(0.9))
    drawn = np.random.default_rng(11)
    days = np.arange(1, looks + 1)
    hits = [[kind.sums(drawn, daily, looks)[0] for daily in (held, treated)] for kind in kinds]
    rates = [[often / (daily * days) for often, daily in zip(arms, (held, treated), strict=True)] for arms in hits]
    errors = [np.sqrt(a * (1 - a) / (held * days) + b * (1 - b) / (treated * days)) for a, b in rates]
    aside = np.any([np.abs(b - a) > ASIDE * error for (a, b), error in zip(rates, errors, strict=True)], axis=0)
    ever = np.zeros(RUNS, dtype=bool)
    for run, look in zip(*np.nonzero(aside), strict=True):
        if ever[run] or look < 6:
            continue
        found = []
        for often in hits:
            arms = []
            for each, daily in zip(often, (held, treated), strict=True):
                count, true = int(daily * days[look]), int(each[run, look])
                rate = true / count
                arms.append(
                    Moments(count, rate, rate * (1 - rate) * count / (count - 1), happened=min(true, count - true))
                )
            found.append(contrast("metric", "treated", *arms, planned=4 * 7 * (held + treated)))
        ever[run] = any(each.is_sure for each in adjusted(found))
    record_property(
        "told", f"{ever.mean():.3f} of {RUNS} readouts without a difference ever called one sure in 56 looks"
    )
    assert ever.mean() <= 0.05


def test_evidence_is_the_inverse_of_growthbooks_p_value():
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    units, happened = 21_306, (2_262, 2_442)
    arms = [Moments(units, r := often / units, r * (1 - r) * units / (units - 1), happened=often) for often in happened]
    ours = contrast("visit", "mailed", *arms, planned=2 * units)
    how = SequentialConfig(difference_type="absolute", sequential_tuning_parameter=2 * units)
    theirs = SequentialTwoSidedTTest(*(SampleMeanStatistic(units, often, often) for often in happened), how)
    assert 1 / ours.evidence == pytest.approx(theirs.compute_result().p_value, rel=1e-6)


def test_sizes_of_arms_that_are_as_meant_are_hardly_ever_refused_on_any_of_fifty_six_days():
    drawn = np.random.default_rng(3)
    meant = {"held out": 0.2, "treated": 0.8}
    held = np.cumsum(drawn.binomial(1_000, 0.2, (400, 56)), axis=1)
    days = 1_000 * np.arange(1, 57)

    def ever(counts: np.ndarray) -> float:
        ways = [
            any(
                shares_evidence({"held out": int(h), "treated": int(day - h)}, meant) > -np.log(OFF)
                for h, day in zip(row, days, strict=True)
            )
            for row in counts
        ]
        return float(np.mean(ways))

    assert ever(held) <= 0.005
    assert ever(np.round(held * 0.92).astype(int)) > 0.95
