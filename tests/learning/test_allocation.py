"""The shares that follow what comes of variants: by the probability to be the best, and no readout is biased by it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from scipy.special import betaln
from scipy.stats import norm

from flows.experiment import Experiment
from flows.learning import cells
from flows.learning.allocation import Tried, best_with, floored, tried
from flows.learning.cells import Design, shares_p, weighed
from flows.learning.counting import began
from tests.learning.histories import START


def better(a: Tried, b: Tried) -> float:
    """The probability that a Beta is greater than another, in closed form: Miller, Formulas for Bayesian A/B testing (2015)."""
    (a1, b1), (a2, b2) = ((round(1 + t.people * t.rate), round(1 + t.people * (1 - t.rate))) for t in (a, b))
    terms = [betaln(a2 + i, b1 + b2) - np.log(b1 + i) - betaln(1 + i, b1) - betaln(a2, b2) for i in range(a1)]
    return float(np.exp(terms).sum())


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("first", "second"), [((200, 0.1), (200, 0.12)), ((100, 0.5), (900, 0.5)), ((5000, 0.02), (400, 0.05))]
)
def test_the_probability_to_be_the_best_is_the_closed_form_s(first, second):
    a, b = Tried(*first), Tried(*second)
    found = best_with({"a": a, "b": b})
    assert found["a"] == pytest.approx(1 - better(b, a), abs=1e-3)
    assert found["a"] == pytest.approx(better(a, b), abs=1e-3)
    assert sum(found.values()) == pytest.approx(1)


def test_who_is_like_the_others_gets_as_much():
    found = best_with(dict.fromkeys("abc", Tried(500, 0.1)))
    assert found == pytest.approx(dict.fromkeys("abc", 1 / 3), abs=1e-3)


def test_every_variant_keeps_the_floor_and_all_together_are_exactly_all():
    shares = floored({"a": 0.99999, "b": 0.00001, "c": 0.0}, 0.05)
    assert shares == {"a": 0.9, "b": 0.05, "c": 0.05}
    thirds = floored(dict.fromkeys("abc", 1 / 3), 0.05)
    assert sum(thirds.values()) == 1.0
    assert sorted(thirds.values()) == [0.3333, 0.3333, 0.3334]


def test_people_of_days_that_were_drawn_otherwise_count_by_the_inverse_of_their_share():
    days = pl.DataFrame({"people": [900, 100], "hits": [90, 30], "weight": [1 / 0.9, 1 / 0.1]})
    found = tried(days)
    assert found.rate == pytest.approx(0.2)  # of a day at ten, and one at thirty in a hundred
    assert found.people == pytest.approx(2000**2 / (900 / 0.9**2 + 100 / 0.1**2))


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"variants": {"a": "100%"}, "adaptive": {}}, "fewer than two variants"),
        ({"variants": {"a": "100%", "b": "0%"}, "adaptive": {}}, "fewer than two variants"),
        ({"variants": {"a": "50%", "b": "50%"}, "adaptive": {"floor": "50%"}}, "2 variants that keep 50% leave nothing"),
        ({"variants": {"a": "50%", "b": "50%"}, "adaptive": {"floor": "0%"}}, "a variant that nobody gets any more"),
    ],
)  # fmt: skip
def test_shares_that_cannot_follow_anything_are_refused(test, said):
    with pytest.raises(ValidationError, match=said):
        Experiment.model_validate(test)


DAILY = {START + timedelta(days=1): {"a": 0.9, "b": 0.1}, START + timedelta(days=2): {"a": 0.95, "b": 0.05}}
DESIGN = Design(0.2, {"a": 0.5, "b": 0.5}, daily=DAILY)


def drawn(*counts: tuple[int, str | None, float, int]) -> pl.DataFrame:
    """`CELL` and `people` by day, variant (None: held out), its share and people."""
    rows = [
        {
            "as_of": START + timedelta(days=on), "is_held_out": variant is None, "variant": variant,
            "propensity": 0.2 if variant is None else 0.8 * share, "drawn_level": None, "people": people,
        }
        for on, variant, share, people in counts
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"drawn_level": pl.Int8, "variant": pl.String})


def test_days_that_followed_what_came_before_are_of_the_same_experiment():
    days = drawn(
        (0, "a", 0.5, 1), (0, "b", 0.5, 1), (1, "a", 0.9, 1), (1, "b", 0.1, 1), (2, "a", 0.95, 1), (3, "a", 0.5, 1)
    )
    assert began(days, DESIGN) == START
    assert began(days, Design(0.2, {"a": 0.5, "b": 0.5})) == START + timedelta(days=3)


def test_a_day_on_which_nobody_was_drawn_for_a_small_share_is_not_off():
    people = drawn(
        (0, None, 0, 200), (0, "a", 0.5, 400), (0, "b", 0.5, 400), (2, None, 0, 200), (2, "a", 0.95, 760), (2, "b", 0.05, 40),
        *((day, "a", 0.9, 8) for day in (1,) * 20), (1, None, 0, 40),
    )  # fmt: skip
    found = weighed(people, DESIGN)
    assert found["arm_propensity"].to_list() == people["propensity"].to_list()
    assert shares_p(found, DESIGN) > 0.05
    swapped = people.with_columns(
        variant=pl.col("variant").replace({"a": "b", "b": "a"}), propensity=1 - pl.col("propensity")
    )
    assert shares_p(weighed(swapped.filter(~pl.col("is_held_out")), DESIGN), DESIGN) < 0.001


WORLDS, DAYS, PER_DAY, FLOOR = 120, 28, 600, 0.05
RATES = {"a": 0.10, "b": 0.12, "c": 0.15}


def gone_through(seed: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """A test of four weeks, of which each day's shares follow the days before; all help better from week to week."""
    chance = np.random.default_rng(seed)
    shares, rows = dict.fromkeys(RATES, 1 / len(RATES)), []
    for day in range(DAYS):
        for name, people in zip(RATES, chance.multinomial(PER_DAY, list(shares.values())), strict=True):
            rate = RATES[name] * (1 + day / DAYS)
            hits = int(chance.binomial(people, rate))
            rows.append({"variant": name, "people": int(people), "hits": hits, "weight": 1 / shares[name]})
        known = pl.DataFrame(rows)
        shares = floored(best_with({name: tried(known.filter(variant=name)) for name in RATES}), FLOOR)
    counts = known.group_by("variant").agg(pl.col("people").sum())
    return known.with_columns(total="hits", spread=0.0, cubes="hits", fourths="hits"), dict(counts.iter_rows())


@pytest.fixture(scope="module")
def worlds() -> list[tuple[pl.DataFrame, dict[str, int]]]:
    return [gone_through(seed) for seed in range(WORLDS)]


@pytest.mark.slow
@pytest.mark.oracle
def test_the_readout_is_not_biased_by_the_choice_and_its_intervals_hold(worlds):
    truth = {name: rate * (1 + (DAYS - 1) / 2 / DAYS) for name, rate in RATES.items()}
    errors = {name: [] for name in RATES}
    covered, plain = [], []
    for known, _ in worlds:
        of = {name: cells.moments(known.filter(variant=name)) for name in RATES}
        for name in RATES:
            errors[name].append(of[name].mean - truth[name])
        for name in ("b", "c"):
            error = np.sqrt(sum(of[each].variance / of[each].count for each in ("a", name)))
            difference = of[name].mean - of["a"].mean
            covered.append(abs(difference - (truth[name] - truth["a"])) < norm.ppf(0.975) * error)
        sums = known.group_by("variant").agg(pl.col("people", "hits").sum())
        rates = {name: hits / people for name, people, hits in sums.iter_rows()}
        plain.append(rates["c"] - rates["a"] - truth["c"] + truth["a"])
    for name in RATES:
        assert abs(np.mean(errors[name])) < 3 * np.std(errors[name]) / np.sqrt(WORLDS), name
    assert 0.92 <= np.mean(covered) <= 0.98
    assert abs(np.mean(plain)) > 3 * np.std(plain) / np.sqrt(WORLDS)  # whoever does not weigh is wrong


@pytest.mark.slow
def test_fewer_get_what_helps_less_than_by_equal_shares(worlds):
    best = max(RATES.values())
    lost = [sum(count * (best - RATES[name]) for name, count in people.items()) for _, people in worlds]
    equal = DAYS * PER_DAY * (best - np.mean(list(RATES.values())))
    assert np.mean(lost) < 0.6 * equal
    assert np.mean([people["c"] > people["b"] for _, people in worlds]) > 0.95
