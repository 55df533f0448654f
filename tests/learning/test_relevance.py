"""Weights of relevance by outcomes: the rules while little is known, and the truth when much is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

from flows.learning.relevance import BASE_SD, WEIGHT_SD, calibration, error_of, expit, fit, weighed
from flows.ledger.choices import TOLD
from flows.product import Relevance

RULES = Relevance.model_validate(
    {"base": -2.0, "came_back": {"strength": "low"}, "left_at": {"strength": "high", "fades_in": "3 days"}}
)
TRUE = np.array([-3.0, 1.2, 0.4])  # base, came_back, left_at


def told(people: int, seed: int, true=TRUE) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    signals = np.column_stack([np.ones(people), chance.integers(0, 2, people), chance.random(people)])
    happened = chance.random(people) < expit(signals @ true)
    names = ("came_back", "left_at")
    rows = {
        "part": chance.integers(5, size=people), "product": "care", "is_given": True, "among": [["care"]] * people,
        "chances": [[0.9]] * people, "nothing": 0.1, "share": 1.0, "by_rules": "care", "contexts": [[]] * people,
        "signals": [[{"name": n, "strength": float(s)} for n, s in zip(names, row, strict=True)] for row in signals[:, 1:]],
        "has_happened": happened,
    }  # fmt: skip
    return pl.DataFrame(rows, TOLD)


@pytest.mark.oracle
@pytest.mark.parametrize("people", [30, 400, 20_000])
def test_the_weights_are_the_most_probable_ones(people):
    chance = np.random.default_rng(people)
    signals = np.column_stack([np.ones(people), chance.normal(size=(people, 3))])
    happened = (chance.random(people) < expit(signals @ np.array([-2, 0.5, -1, 0.0]))).astype(float)
    prior, spread = np.array([-1.0, 1.0, 0.0, 2.0]), np.array([BASE_SD, WEIGHT_SD, WEIGHT_SD, 0.1])

    def against(at: np.ndarray) -> float:
        scores = signals @ at
        return float((np.logaddexp(0, scores) - happened * scores).sum() + (((at - prior) / spread) ** 2).sum() / 2)

    found, sd = weighed(signals, happened, prior, spread)
    best = minimize(against, prior, method="BFGS", options={"gtol": 1e-8})
    assert found == pytest.approx(best.x, abs=1e-4)
    step = 1e-3 * np.eye(4)
    bent = [
        [(against(found + a + b) - against(found + a) - against(found + b) + against(found)) / 1e-6 for a in step]
        for b in step
    ]
    assert sd == pytest.approx(np.sqrt(np.diag(np.linalg.inv(bent))), rel=0.05)


def test_far_away_rules_do_not_throw_the_search_off():
    signals = np.column_stack([np.ones(500), np.linspace(-50, 50, 500)])
    happened = (signals[:, 1] > 0).astype(float)
    found, _ = weighed(signals, happened, np.array([30.0, -20.0]), np.array([3.0, 1.0]))
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_of_few_people_the_rules_stay_and_of_many_the_truth_is_found():
    few, many = (fit(told(people, 1), RULES) for people in (400, 60_000))
    assert few.base.by_rules == -2.0
    assert {name: weight.by_rules for name, weight in many.weights.items()} == {"came_back": 0.5, "left_at": 2.0}
    learned = [many.base.learned, many.weights["came_back"].learned, many.weights["left_at"].learned]
    assert learned == pytest.approx(TRUE, abs=0.12)
    assert few.weights["left_at"].learned > many.weights["left_at"].learned  # nearer to the rule
    assert few.weights["left_at"].uncertain > 3 * many.weights["left_at"].uncertain
    assert many.error < 0.01 < 0.05 < many.error_by_rules
    assert many.gain.low > 0
    assert sum(each.people for each in many.learned) == many.people == 60_000


@pytest.mark.slow
def test_rules_that_are_true_are_not_beaten():
    true = np.array([-2.0, 0.5, 2.0])
    found = [fit(told(3_000, seed, true), RULES).gain.sign for seed in range(20)]
    assert found.count(1) <= 1


def test_scores_are_held_against_people_of_whom_the_weights_know_nothing():
    rows = told(4_000, 2)
    came = pl.col("signals").list.first().struct.field("strength") == 1
    is_as_ever = pl.col("part") != 0  # in one part all is the other way round: who has not seen it cannot know
    found = fit(rows.with_columns(has_happened=pl.when(is_as_ever).then(came).otherwise(~came)), RULES)
    assert found.error > 0.15


def test_too_few_people_or_too_few_of_whom_it_is_true_tell_nothing():
    assert fit(told(99, 1), RULES) is None
    assert fit(told(150, 1, np.array([-9.0, 0, 0])), RULES) is None
    assert fit(told(4_000, 1), RULES, is_absence=True).happened == 4_000 - fit(told(4_000, 1), RULES).happened


def test_ranges_have_as_many_people_each_and_the_error_is_their_mean():
    scores, happened = np.array([0.1] * 50 + [0.5] * 50), np.array([0.0] * 50 + [1.0] * 50)
    bins = calibration(scores, happened)
    assert [each.people for each in bins] == [10] * 10
    assert error_of(bins) == pytest.approx(0.5 * 0.1 + 0.5 * 0.5)


@pytest.mark.slow
def test_on_real_outcomes_scores_become_true_and_tell_more(hillstrom_mens):
    signals, happened = hillstrom_mens
    prior = np.array([-2.0, 0.5, 0.5, 0.5, 0.5])
    spread = np.array([BASE_SD, *[WEIGHT_SD] * 4])
    order = np.random.default_rng(1).permutation(len(happened))
    held = order[:10_000]

    def of(weights: np.ndarray) -> tuple[float, float]:
        scores = expit(signals[held] @ weights)
        ranks = scores.argsort().argsort()
        hits = happened[held] == 1
        area = (ranks[hits].sum() - hits.sum() * (hits.sum() - 1) / 2) / (hits.sum() * (~hits).sum())
        return error_of(calibration(scores, happened[held])), float(area)

    found = [of(prior)]
    for people in (1_000, len(order) - 10_000):
        mine = order[10_000 : 10_000 + people]
        found.append(of(weighed(signals[mine], happened[mine], prior, spread)[0]))
    errors, areas = zip(*found, strict=True)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.015
    assert areas[2] >= areas[0]


@pytest.fixture(scope="module")
def hillstrom_mens():
    data = Path(os.environ.get("JUSTENOUGH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    file = data / "hillstrom" / "hillstrom.parquet"
    if not file.exists():
        pytest.skip(
            "no hillstrom.parquet in JUSTENOUGH_TEST_DATA: that scores become true on real outcomes is not proven"
        )
    rows = pl.read_parquet(file)
    rows = rows.filter(pl.col("segment") == "Mens E-Mail")
    signals = rows.select(
        pl.lit(1.0).alias("one"), (-pl.col("recency") / 3).exp(), (pl.col("history") / 100).log1p(), "mens", "womens"
    )
    return signals.cast(pl.Float64).to_numpy(), rows["visit"].cast(pl.Float64).to_numpy()
