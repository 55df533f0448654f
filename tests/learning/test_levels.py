"""Detail levels against the highest one that is tried: who is in the test, what is not worse, and what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.learning.contrasts import Contrast, Interval
from flows.learning.effects import Arm, Compared, _without_remainders
from flows.learning.levels import Level, levels
from flows.learning.products import read_products
from flows.learning.sequential import widening
from tests.learning.histories import HELD, LONG_AFTER, START, at, decided, fill, outcomes, shop

LEVELS = "\ntest: {holdout: 20%, variants: {guide: 75%, list: 25%}, levels: {0: 25%, 1: 25%, 2: 50%}}\n"
SHARE = {0: 0.25, 1: 0.25, 2: 0.5}
CHANCES = {"question": {0: 0.52, 1: 0.5, 2: 0.5, None: 0.9}, "ordered": {0: 0.3, 1: 0.3, 2: 0.3, None: 0.05}}


def drawn(people: int, days: int = 21, *, since: int = 0, seed: int = 3) -> pl.DataFrame:
    """Decisions by `LEVELS`: of one in five not everything is known, and none is in the test of levels before day `since`."""
    daily = [decided(people, day, first=100_000 + people * day) for day in range(days)]
    frame = pl.concat(daily)
    random = np.random.default_rng(seed)
    treated = pl.col("reason").is_null()
    u, level, whole = (pl.Series(random.random(frame.height)) for _ in range(3))
    cut = pl.when(pl.col("u") < 0.25).then(0).when(pl.col("u") < 0.5).then(1).otherwise(2).cast(pl.Int8)
    is_in = treated & (pl.col("whole") < 0.8) & (pl.col("as_of") >= START + timedelta(days=since))
    is_guide = pl.col("v") < 0.75
    return (
        frame.with_columns(u=u, v=level, whole=whole)
        .with_columns(drawn_level=pl.when(is_in).then(cut))
        .with_columns(variant=pl.when(treated).then(pl.when(is_guide).then(pl.lit("guide")).otherwise(pl.lit("list"))))
        .with_columns(
            propensity=pl.when(~treated).then(HELD).otherwise(
                (1 - HELD) * pl.when(is_guide).then(0.75).otherwise(0.25)
                * pl.col("drawn_level").replace_strict(SHARE, default=1.0, return_dtype=pl.Float64)
            )
        )
        .drop("u", "v", "whole")
    )  # fmt: skip


def happened(decisions: pl.DataFrame, chance: dict, outcome: str, seed: int) -> pl.DataFrame:
    random = np.random.default_rng((seed, len(outcome)))
    frame = decisions.select(
        "person_key",
        chance=pl.col("drawn_level").replace_strict(chance, return_dtype=pl.Float64),
        day=(pl.col("as_of") - START).dt.total_days() + pl.Series(random.random(decisions.height)) * 13.9,
        u=pl.Series(random.random(decisions.height)),
    )
    return frame.filter(pl.col("u") < pl.col("chance")).select("person_key", outcome=pl.lit(outcome), day="day")


def told_of(tiny, moment=LONG_AFTER, **asked):
    with at(moment):
        return next(each for each in read_products(tiny.load(), ["care"], **asked).products)


def of_levels(found, basis="intention") -> dict[tuple[str, str], Compared]:
    mine = [each for each in found.compared if each.basis == basis and each.control == "level 2"]
    return {(each.contrast.metric, each.contrast.arm): each for each in mine}


@pytest.fixture(scope="module")
def story():
    decisions = drawn(800)
    return decisions, {name: happened(decisions, chance, name, 5) for name, chance in CHANCES.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory, story):
    tiny = shop(tmp_path_factory.mktemp("levels") / "workspace", LEVELS)
    decisions, told = story
    fill(tiny, decision=decisions, outcome=[outcomes(rows, 79 + place) for place, rows in enumerate(told.values())])
    return told_of(tiny)


@pytest.mark.oracle
def test_levels_are_compared_by_scipys_welch_over_those_who_are_in_the_test(found, story):
    """Within a level each variant has its share, so that weights by the draw of the level are all the same."""
    decisions, told = story
    people = decisions.filter(pl.col("drawn_level").is_not_null()).select(
        level="drawn_level",
        **{name: pl.col("person_key").is_in(rows["person_key"].implode()) for name, rows in told.items()},
    )
    week = decisions.filter(pl.col("drawn_level").is_not_null(), pl.col("as_of") < START + timedelta(days=7))
    for metric, column in (("no_question", "question"), ("ordered_again", "ordered")):
        values = {level: people.filter(level=level)[column].cast(pl.Float64).to_numpy() for level in SHARE}
        if column == "question":
            values = {level: 1 - each for level, each in values.items()}
        for level in (0, 1):
            each = of_levels(found)[metric, f"level {level}"].contrast
            welch = ttest_ind(values[level], values[2], equal_var=False)
            span = welch.confidence_interval(0.95)
            theirs = (values[2].mean(), values[level].mean(), welch.pvalue, span.low, span.high)
            assert (each.control_mean, each.arm_mean, each.p, each.interval.low, each.interval.high) == pytest.approx(
                theirs, rel=1e-7
            )
            error = np.sqrt(sum(values[of].var(ddof=1) / len(values[of]) for of in (level, 2)))
            planned = 4 * week["drawn_level"].is_in([level, 2]).sum()
            least = (
                values[level].mean()
                - values[2].mean()
                - error * widening(0.05, len(values[level]) + len(values[2]), planned)
            )
            tried = next(tried for tried in found.levels if tried.level == level)
            assert tried.lowest[metric] == pytest.approx(least, rel=1e-7)
            assert tried.margins[metric] == pytest.approx(0.05 * min(values[2].mean(), 1 - values[2].mean()), rel=1e-9)


def test_who_is_in_no_test_of_levels_is_in_none_of_its_arms(found, story):
    counted = story[0].group_by("drawn_level").len().filter(pl.col("drawn_level").is_not_null()).rows()
    told = {arm.name: arm.people for arm in found.arms if arm.name.startswith("level")}
    assert told == {f"level {level}": count for level, count in counted}
    assert [(each.level, each.against) for each in found.levels] == [(1, 2), (0, 2)]


def why_not(found) -> set[str | None]:
    """Why levels are not compared in what was told of: of values nothing was."""
    refused = {metric: each.contrast.refused for (metric, _), each in of_levels(found).items()}
    assert refused.pop("value_of_ordered_again") == "NOT_TOLD"
    return set(refused.values())


@pytest.mark.slow
def test_a_test_of_levels_that_began_later_is_younger_than_the_experiment(tmp_path, story):
    tiny = shop(tmp_path / "workspace", LEVELS)
    decisions = drawn(300, since=14)
    rows = [outcomes(happened(decisions, chance, name, 5), 79 + len(name)) for name, chance in CHANCES.items()]
    fill(tiny, decision=decisions, outcome=rows)
    early = told_of(tiny, datetime(2026, 9, 21, 12, tzinfo=UTC))
    assert early.since == START
    assert why_not(early) == {"TOO_EARLY"}
    late = of_levels(told_of(tiny))["ordered_again", "level 1"].contrast
    in_test = decisions.filter(pl.col("drawn_level").is_in([1, 2]))
    planned = 4 * in_test.filter(pl.col("as_of") < START + timedelta(days=21)).height
    assert late.always.high - late.difference == pytest.approx(
        late.error * widening(0.05, in_test.height, planned), rel=1e-7
    )


@pytest.mark.slow
def test_levels_that_lost_people_are_refused_and_the_rest_is_not(tmp_path):
    tiny = shop(tmp_path / "workspace", LEVELS)
    whole = drawn(500)
    lost = (pl.col("drawn_level") == 0) & (pl.int_range(pl.len()) % 3 == 0)
    told = [outcomes(happened(whole, chance, name, 5), 79 + len(name)) for name, chance in CHANCES.items()]
    fill(tiny, decision=whole.filter(~lost.fill_null(value=False)), outcome=told)
    found = told_of(tiny)
    assert why_not(found) == {"SHARES_OFF"}
    others = [each.contrast for each in found.compared if each.control != "level 2" and each.role == "business"]
    assert {each.refused for each in others if each.metric == "ordered_again"} >= {None}
    assert {each.standing for each in found.levels} == {"NOT_SURE"}
    assert not [each for each in found.proposals if each.kind in ("use_less_data", "scale")]


def one(arm: str, role="helped", difference=0.0, reach=0.01, *, sure=False, rate: float = 0.5) -> Compared:
    found = Contrast(
        role,
        arm,
        control_mean=rate,
        difference=difference,
        is_sure=sure,
        always=Interval(difference - reach, difference + reach),
    )
    return Compared(role, "intention", "level 2", found, 0)


@pytest.mark.parametrize(
    ("helped", "business", "alarms", "standing"),
    [
        ({"reach": 0.024}, {"reach": 0.024}, (), "NOT_WORSE"),
        ({"reach": 0.025}, {"reach": 0.024}, (), "NOT_SURE"),
        ({"reach": 0.024}, {"reach": 0.026}, (), "NOT_SURE"),
        ({"reach": 0.024}, {"reach": 0.024, "rate": 0.96}, (), "NOT_SURE"),
        ({"difference": -0.01, "reach": 0.009, "sure": True}, {}, (), "WORSE"),
        ({}, {"difference": -0.03, "reach": 0.009, "sure": True}, (), "WORSE"),
        ({"difference": 0.03, "reach": 0.009, "sure": True}, {}, (), "NOT_WORSE"),
        ({}, {}, ("complained, level 0",), "WORSE"),
        ({}, {}, ("complained, list",), "NOT_WORSE"),
    ],
)
def test_a_level_is_not_worse_where_both_intervals_end_above_the_margin(helped, business, alarms, standing):
    """The margin at a rate of a half is 0.025, at one of 0.96 it is 0.002: of what that lacks to all."""
    compared = [one("level 0", **helped), one("level 0", "business", **business)]
    (found,) = levels(compared, alarms, 0.05)
    assert (found.level, found.against, found.standing) == (0, 2, standing)


def test_what_has_no_answer_is_not_sure():
    refused = Compared("business", "intention", "level 2", Contrast("business", "level 0", "TOO_RARE"))
    (found,) = levels([one("level 0"), refused], (), 0.05)
    assert found == Level(0, 2, "NOT_SURE", {"helped": 0.025}, {"helped": -0.01})


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ({"treated": 1_000, "level 0": 400, "level 2": 400}, set()),
        ({"treated": 1_000, "level 0": 500, "level 2": 500}, set()),
        ({"treated": 1_000, "level 0": 400, "level 2": None}, {"level 0"}),
        ({"treated": 1_000, "level 0": 500, "level 2": 495}, {"level 0", "level 2"}),
        (
            {"treated": 1_000, "guide": None, "list": 995, "level 0": 500, "level 2": 400},
            {"treated", "level 0", "level 2"},
        ),
        ({"treated": 1_000, "guide": 500, "list": 500}, set()),
    ],
)
def test_counts_that_would_tell_of_a_few_are_not_told(told, hidden):
    for of, other in (("people", "waiting"), ("waiting", "people")):
        arms = [Arm(name, **{of: count, other: 0}, reached_share=None, rates={}) for name, count in told.items()]
        found = {arm.name: getattr(arm, of) for arm in _without_remainders(arms)}
        assert found == {name: None if name in hidden else count for name, count in told.items()}
