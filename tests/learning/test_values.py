"""How much products change what people are worth: per person, whether they buy or not; refused where a few are most of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.experiment import Guardrails
from flows.learning.cells import AMOUNTS, HELD_OUT, TREATED, moments
from flows.learning.contrasts import FEWEST_EVENTS
from flows.learning.products import judged
from flows.learning.sequential import widening
from flows.pages.effects import table_rows
from tests.learning.histories import batch, chances, claimed, decided, fill, outcomes, shop
from tests.learning.test_products import ORDERED, answers, codes, days, told_of

NAME = "value_of_ordered_again"


def worth(orders: pl.DataFrame, mean: float = 40.0, seed: int = 7) -> pl.Series:
    """What orders are worth: some much more than others, none without end."""
    return pl.Series(np.random.default_rng(seed).gamma(2.0, mean / 2, orders.height).round(2))


@pytest.fixture(scope="module")
def story():
    """Two weeks of a thousand people; of those who order some do so twice, and of one order in ten nobody told the value."""
    decisions = days(14)
    ordered = chances(decisions, ORDERED, "ordered", seed=1)
    again = ordered.filter(pl.int_range(pl.len()) % 5 == 0).with_columns(day=pl.col("day") - 0.001)
    orders = pl.concat([ordered, again])
    values = worth(orders).to_frame("value").select(pl.when(pl.int_range(pl.len()) % 10 > 0).then("value"))["value"]
    return decisions, orders, values


@pytest.fixture(scope="module")
def tried(tmp_path_factory, story):
    tiny = shop(tmp_path_factory.mktemp("values") / "workspace")
    decisions, orders, values = story
    sent = claimed(decisions).filter(pl.int_range(pl.len()) % 10 > 0)
    fill(tiny, decision=decisions, batch=batch(), claim=sent, outcome=outcomes(orders).with_columns(value=values))
    return tiny


@pytest.fixture(scope="module")
def found(tried):
    return told_of(tried)


def by_person(story) -> dict[str, np.ndarray]:
    """Arm -> what each of its people was worth."""
    decisions, orders, values = story
    sums = orders.with_columns(value=values).group_by("person_key").agg(pl.col("value").sum())
    arm = pl.when(pl.col("reason").is_not_null()).then(pl.lit(HELD_OUT)).otherwise("variant")
    people = decisions.with_columns(arm=arm).join(sums, on="person_key", how="left")
    arms = {
        str(name): rows["value"].fill_null(0).to_numpy()
        for (name,), rows in people.partition_by("arm", as_dict=True).items()
    }
    return arms | {TREATED: np.concatenate([arms["guide"], arms["list"]])}


@pytest.mark.oracle
def test_the_value_per_person_and_its_interval_are_scipys_welch_over_people(found, story):
    arms = by_person(story)
    first_week = {HELD_OUT: 0, "guide": 0, "list": 0}
    for name in first_week:
        is_mine = pl.col("variant").is_null() if name == HELD_OUT else pl.col("variant") == name
        first_week[name] = story[0].head(7_000).filter(is_mine).height
    for control, arm, people in ((HELD_OUT, TREATED, first_week), ("guide", "list", ("guide", "list"))):
        ours, theirs = arms[arm], arms[control]
        welch = ttest_ind(ours, theirs, equal_var=False)
        span = welch.confidence_interval(0.95)
        each = answers(found)[NAME, arm]
        told = (each.arm_mean, each.control_mean, each.p, each.interval.low, each.interval.high)
        assert told == pytest.approx((ours.mean(), theirs.mean(), welch.pvalue, span.low, span.high), rel=1e-7)
        error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
        reach = error * widening(0.05, len(ours) + len(theirs), 4 * sum(first_week[name] for name in people))
        assert each.always.high - each.difference == pytest.approx(reach, rel=1e-7)
        assert each.always.low < (0.145 if control == HELD_OUT else 0.16) * 43.2 - each.control_mean < each.always.high
    rates = {arm.name: arm.rates[NAME] for arm in found.arms}
    assert rates == pytest.approx({name: values.mean() for name, values in arms.items()})


def test_it_stands_beside_the_rate_and_what_a_product_is_called_rests_on_the_rate(found):
    roles = [(each.contrast.metric, each.role) for each in found.compared if each.basis == "intention"]
    assert roles[:3] == [("no_question", "helped"), ("ordered_again", "business"), (NAME, "value")]
    assert found.verdict == "SELLS_WITHOUT_HELPING"
    (alone,) = judged(
        [replace(found, compared=tuple(each for each in found.compared if each.role == "value"))], Guardrails()
    )
    assert alone.compared[0].contrast.is_sure
    assert alone.verdict == "NOT_SURE"


def test_for_each_person_who_was_reached_it_is_the_whole_divided_by_their_share(found):
    of_all, reached = answers(found)[NAME, TREATED], answers(found, "exposure")[NAME, TREATED]
    assert reached.difference == pytest.approx(of_all.difference / 0.9, rel=2e-3)
    assert reached.control_mean + reached.difference == pytest.approx(reached.arm_mean)
    assert reached.control_mean == pytest.approx(of_all.control_mean, rel=0.2)


def test_days_are_counted_by_how_far_apart_people_are(tried):
    then = told_of(tried, moment=datetime(2026, 9, 29, 12, tzinfo=UTC))
    each = next(each for each in then.compared if each.contrast.metric == NAME and each.control == HELD_OUT)
    rate = next(each for each in then.compared if each.role == "business" and each.control == HELD_OUT)
    assert each.days_needed > 1.2 * rate.days_needed > 0  # how much varies on top of whether


def test_where_no_value_was_ever_told_it_is_refused(tmp_path, story):
    tiny = shop(tmp_path / "workspace")
    decisions, orders, _ = story
    fill(tiny, decision=decisions, outcome=outcomes(orders))
    found = told_of(tiny)
    assert (codes(found)[NAME, TREATED], codes(found)["ordered_again", TREATED]) == ("NOT_TOLD", None)
    assert {each.days_needed for each in found.compared if each.role == "value"} == {None}


@pytest.mark.slow
def test_who_tells_an_order_by_two_names_was_paid_once(tmp_path, story):
    """The first name that comes with values counts: the one that product.yaml has, else the other."""
    decisions, orders, values = story
    twice = outcomes(orders.with_columns(outcome=pl.lit("ordered_again")), 79).with_columns(value=values)
    tiny = shop(tmp_path / "workspace")
    fill(tiny, decision=decisions, outcome=[outcomes(orders).with_columns(value=values), twice])
    arms = by_person(story)
    assert answers(told_of(tiny))[NAME, TREATED].arm_mean == pytest.approx(arms[TREATED].mean())


@pytest.mark.slow
def test_where_one_person_is_worth_most_of_it_nothing_is_said_unless_largest_value_was_set(tmp_path, story):
    decisions, orders, values = story
    is_whole_company = pl.int_range(pl.len()) == 1_000
    much = values.to_frame("value").select(value=pl.when(is_whole_company).then(90_000.0).otherwise("value"))["value"]
    tiny = shop(tmp_path / "workspace")
    fill(tiny, decision=decisions, outcome=outcomes(orders).with_columns(value=much))
    found = told_of(tiny)
    assert (codes(found)[NAME, TREATED], codes(found)["ordered_again", TREATED]) == ("TOO_UNEVEN", None)
    assert next(arm for arm in found.arms if arm.name == TREATED).rates[NAME] is None
    tiny.edit("templates/care/product.yaml", "within: 14 days}", "within: 14 days, largest_value: 60}")
    bounded = by_person((decisions, orders, much))
    told = answers(told_of(tiny))[NAME, TREATED]
    assert (told.control_mean, told.arm_mean) == pytest.approx(
        (np.minimum(bounded[HELD_OUT], 60).mean(), np.minimum(bounded[TREATED], 60).mean())
    )


@pytest.mark.slow
def test_of_few_buyers_it_is_too_rare_and_a_success_that_is_an_absence_has_no_value(tmp_path):
    tiny = shop(tmp_path / "workspace")
    decisions = decided(3_000)
    few = chances(decisions, dict.fromkeys(ORDERED, 0.004), "ordered", seed=1)
    fill(tiny, decision=decisions, outcome=outcomes(few).with_columns(value=pl.lit(40.0)))
    assert codes(told_of(tiny))[NAME, TREATED] == "TOO_RARE"
    tiny.edit("templates/care/product.yaml", "business: ordered_again", "business: no_return")
    assert "value" not in {each.role for each in told_of(tiny).compared}


@pytest.mark.parametrize(("hits", "people"), [(9, 100), (10, 100), (10, 100_000), (99_990, 100_000), (91, 100)])
def test_of_what_is_true_or_not_as_many_have_happened_as_it_is_true_of_or_is_not(hits, people):
    ones = dict.fromkeys(AMOUNTS, hits) | {"spread": 0}
    frame = pl.DataFrame(
        {"people": [people], "hits": [hits], "weight": [2.5], **{name: [ones[name]] for name in AMOUNTS}}
    )
    assert (moments(frame).happened >= FEWEST_EVENTS) is (min(hits, people - hits) >= FEWEST_EVENTS)


@pytest.mark.parametrize(
    "worth", [[40.0] * 30, [20.0, 60.0, 5.0, 900.0, 0.0] * 9, [50_000.0, *[50.0] * 200], [-30.0, 7.0] * 8]
)
def test_of_amounts_as_many_have_happened_as_make_up_the_variance(worth):
    """In cells of ten, two of those with people who have none."""
    each = np.array(worth)
    cells = [each[start : start + 10] for start in range(0, len(each), 10)]
    people = [len(cell) + 400 * (number < 2) for number, cell in enumerate(cells)]
    frame = pl.DataFrame(
        {
            "people": people,
            "hits": [len(cell) for cell in cells],
            "weight": [1.25] * len(cells),
            "total": [cell.sum() for cell in cells],
            "spread": [((cell - cell.mean()) ** 2).sum() for cell in cells],
            "cubes": [(cell**3).sum() for cell in cells],
            "fourths": [(cell**4).sum() for cell in cells],
        }
    )
    apart = np.concatenate([each, np.zeros(sum(people) - len(each))])
    apart -= apart.mean()
    found = moments(frame)
    assert found.variance == pytest.approx((apart**2).sum() / (len(apart) - 1))
    assert found.happened == int(min(len(each), (apart**2).sum() ** 2 / (apart**4).sum()))


def test_the_table_has_it_in_money_and_its_lift_in_per_cent(found):
    row = next(row for row in table_rows(found) if row[:3] == (NAME, "treated – held out", "all"))
    each = answers(found)[NAME, TREATED]
    assert row[3:7] == (
        f"{each.control_mean:.2f} → {each.arm_mean:.2f}",
        f"{each.difference:+.2f}",
        f"{each.always.low:+.2f} to {each.always.high:+.2f}",
        f"{each.lift:+.1%}",
    )
    assert row[8] == f"{each.detectable_always:.2f}"


def test_what_it_was_worth_counts_from_the_day_of_the_decision_until_its_time_is_over(tmp_path):
    tiny = shop(tmp_path / "workspace")
    decisions = decided(4_000)
    late = decisions.select("person_key", outcome=pl.lit("ordered"), day=pl.lit(14.0))
    early = late.with_columns(day=pl.lit(-0.001))
    inside = chances(decisions, dict.fromkeys(ORDERED, 0.3), "ordered", seed=2)
    rows = pl.concat([inside, late, early])
    fill(tiny, decision=decisions, outcome=outcomes(rows).with_columns(value=worth(rows)))
    held = decisions.filter(pl.col("reason").is_not_null())
    sums = inside.with_columns(value=worth(rows).head(inside.height)).join(held, on="person_key", how="semi")["value"]
    assert answers(told_of(tiny))[NAME, TREATED].control_mean == pytest.approx(sums.sum() / held.height)
