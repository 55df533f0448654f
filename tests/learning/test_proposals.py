"""What is proposed of what was found, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from flows.experiment import Guardrails
from flows.learning import cells
from flows.learning.cells import HELD_OUT, TREATED, Design
from flows.learning.contrasts import Contrast, Interval
from flows.learning.effects import Compared, Counted, compared
from flows.learning.levels import levels
from flows.learning.products import ProductReadout, judged
from flows.learning.proposals import Around, Edit, proposals
from flows.learning.successes import metrics
from flows.ledger.tally import CELL
from flows.product import Product
from tests.learning.histories import START
from tests.tiny import FILES

AROUND = Around("digest", 0.05, 0.05, people=8_000, held_out=2_000)
STOP = (Edit(("status",), "paused"),)
TO_LIST = (Edit(("test", "variants", "guide"), None), Edit(("test", "variants", "list"), "100%"))
WHATS = {"holdout": 0.1, "variants": {"guide": 0.5, "list": 0.5}, "levels": {0: 0.5, 2: 0.5}}


def product(**test) -> Product:
    import yaml

    content = yaml.safe_load(FILES["templates/care/product.yaml"])
    return Product.model_validate({**content, "name": "care", "review_by": "2027-06-30", "test": test})


def one(role, difference, *, arm=TREATED, control=HELD_OUT, sure=False, reach=0.002, days=0, code=None) -> Compared:
    span = Interval(difference - reach, difference + reach)
    found = Contrast(role, arm, control_mean=0.5, difference=difference, always=span, is_sure=sure)
    return Compared(role, "intention", control, Contrast(role, arm, code) if code else found, days)


def found(*of: Compared, verdict="NOT_SURE", alarms=()) -> ProductReadout:
    return ProductReadout(
        "care", 14, (), compared=of, verdict=verdict, alarms=alarms, levels=tuple(levels(of, alarms, 0.05))
    )


def told(readout: ProductReadout, around=AROUND, **test) -> list[tuple]:
    return [
        (each.kind, each.what, each.reach_change, each.edits) for each in proposals(readout, product(**test), around)
    ]


HELPS = (one("helped", 0.04, sure=True), one("business", 0.0))


@pytest.mark.parametrize(
    ("readout", "holdout", "expected"),
    [
        (found(*HELPS, verdict="HELPS"), 0.1, [("scale", "holdout", 950, (Edit(("test", "holdout"), None),))]),
        (
            found(*HELPS, verdict="HELPS_AND_SELLS"),
            0.1,
            [("scale", "holdout", 950, (Edit(("test", "holdout"), None),))],
        ),
        (found(*HELPS, verdict="HELPS"), 0, []),
        (found(*HELPS, verdict="HELPS_AND_SELLS_LESS"), 0.1, []),
        (found(*HELPS, verdict="HELPS", alarms=("complained, treated",)), 0.1, []),
        (found(one("helped", -0.04, sure=True), verdict="HARMS"), 0, [("stop", "product", -8_000, STOP)]),
        (found(one("helped", 0.0), one("business", 0.0)), 0, [("stop", "product", -8_000, STOP)]),
        (found(one("helped", 0.0), one("business", 0.0, code="TOO_RARE")), 0, []),
        (found(one("helped", 0.0), one("business", 0.0, days=12)), 0, [("keep_testing", HELD_OUT, 0, ())]),
        (
            found(one("helped", 0.0, days=12), one("business", 0.0, days=None, code="NOT_TOLD")),
            0,
            [("keep_testing", HELD_OUT, 0, ())],
        ),
        (found(one("helped", 0.0, days=3, code="TOO_EARLY")), 0, [("keep_testing", HELD_OUT, 0, ())]),
        (found(one("helped", 0.0, days=None), one("business", 0.0, days=12)), 0, []),
        (
            found(one("helped", 0.0), one("business", 0.1, sure=True), verdict="SELLS_WITHOUT_HELPING"),
            0.1,
            [],
        ),
        (
            found(one("helped", 0.0, days=9), one("business", 0.1, sure=True), verdict="SELLS_WITHOUT_HELPING"),
            0.1,
            [("keep_testing", HELD_OUT, 0, ())],
        ),
    ],
)
def test_of_the_product_itself(readout, holdout, expected):
    assert told(readout, holdout=holdout) == expected


def test_where_nobody_is_held_out_of_all_the_products_own_holdout_stays():
    assert told(found(*HELPS, verdict="HELPS"), replace(AROUND, global_holdout=0), holdout=0.1) == []


def test_the_days_are_those_of_what_takes_longest_and_is_open():
    readout = found(one("helped", 0.0, days=3), one("business", 0.0, days=1_200))
    (each,) = proposals(readout, product(), AROUND)
    assert each.says.startswith("Keep testing against those who are held out: 1,200 days more, ")
    assert [evidence.role for evidence in each.evidence] == ["helped", "business"]


def test_no_test_goes_on_of_what_is_paused_or_does_harm():
    of = [one("helped", 0.0, days=12), one("business", 0.0, days=12)]
    assert told(found(*of)) == [("keep_testing", HELD_OUT, 0, ())]
    assert told(found(*of), replace(AROUND, is_paused=True)) == []
    assert told(found(*of, alarms=("complained, treated",))) == []


def variant(role, difference, name="list", **other) -> Compared:
    return one(role, difference, arm=name, control="guide", **other)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ([variant("helped", 0.04, sure=True), variant("business", 0.0)], "list"),
        ([variant("helped", 0.04, sure=True), variant("business", -0.04, sure=True)], None),
        ([variant("helped", 0.04), variant("business", 0.04)], None),
        ([variant("helped", -0.04, sure=True), variant("business", 0.0)], "guide"),
        ([variant("helped", -0.04, sure=True), variant("business", 0.04, sure=True)], None),
        ([variant("helped", 0.0, reach=0.02), variant("business", 0.04, sure=True)], "list"),
        ([variant("helped", 0.0, reach=0.03), variant("business", 0.04, sure=True)], None),
        ([variant("helped", 0.0, code="TOO_RARE"), variant("business", 0.04, sure=True)], None),
    ],
)
def test_of_two_variants(of, expected):
    shares = {"guide": 0.75, "list": 0.25}
    answers = list(proposals(found(*of), product(variants=shares), AROUND))
    assert [each.what for each in answers] == ([f"variant {expected}"] if expected else [])
    for each in answers:
        other = "guide" if expected == "list" else "list"
        assert each.edits == (Edit(("test", "variants", other), None), Edit(("test", "variants", expected), "100%"))
        assert each.about["test.variants"] == shares
        otherwise = 6_000 if expected == "list" else 2_000
        assert f" {otherwise:,} people in thirty days would be told otherwise." in each.says


@pytest.mark.parametrize(
    ("differences", "sure", "expected"),
    [
        ({"list": 0.04, "story": 0.02}, {"list"}, "list"),
        ({"list": 0.04, "story": 0.06}, {"list"}, None),
        ({"list": 0.04, "story": 0.06}, {"list", "story"}, "story"),
        ({"list": -0.04, "story": -0.02}, {"list", "story"}, "guide"),
        ({"list": -0.04, "story": -0.02}, {"list"}, None),
    ],
)
def test_of_three_variants_the_best_one_wins_or_nobody_does_yet(differences, sure, expected):
    of = [variant("helped", by, name, sure=name in sure) for name, by in differences.items()]
    answers = list(proposals(found(*of), product(variants={"guide": 0.4, "list": 0.3, "story": 0.3}), AROUND))
    assert [each.what for each in answers] == ([f"variant {expected}"] if expected else [])


def test_a_guardrail_that_is_worse_has_no_words_scaled():
    of = [variant("helped", 0.04, sure=True), variant("business", 0.0)]
    assert told(found(*of, alarms=("unsubscribed, list",)), variants=WHATS["variants"]) == []


def level(number, difference, *, role="helped", **other) -> Compared:
    return one(role, difference, arm=f"level {number}", control="level 2", **other)


@pytest.mark.parametrize(
    ("of", "alarms", "expected"),
    [
        ([level(1, 0.0), level(0, 0.0)], (), ("use_less_data", "level 0")),
        ([level(1, 0.0), level(0, -0.04, sure=True)], (), ("use_less_data", "level 1")),
        ([level(1, 0.0), level(0, 0.0, reach=0.03)], (), ("use_less_data", "level 1")),
        ([level(1, 0.0, reach=0.03), level(0, 0.0)], (), None),
        ([level(1, -0.04, sure=True), level(0, -0.04, sure=True)], (), ("scale", "level 2")),
        ([level(1, -0.04, sure=True), level(0, 0.0)], (), None),
        ([level(1, 0.0), level(0, 0.0)], ("complained, level 0",), ("use_less_data", "level 1")),
        ([level(1, 0.0, reach=0.03, days=8), level(0, 0.0, reach=0.03, days=9)], (), ("keep_testing", "levels")),
    ],
)
def test_of_detail_levels_the_lowest_that_is_not_worse_nor_any_above_it(of, alarms, expected):
    test = {"levels": {0: 0.25, 1: 0.25, 2: 0.5}}
    answers = list(proposals(found(*of, alarms=alarms), product(**test), AROUND))
    assert [(each.kind, each.what) for each in answers] == ([expected] if expected else [])
    for each in answers:
        edits = (
            (Edit(("test", "levels"), None), Edit(("level",), int(each.what[-1])))
            if each.kind != "keep_testing"
            else ()
        )
        assert (each.edits, each.reach_change) == (edits, 0)


def test_an_id_is_of_the_version_and_of_what_is_proposed_and_of_nothing_that_changes_daily():
    readout = found(*HELPS, verdict="HELPS")
    (first,) = proposals(readout, product(holdout=0.1), AROUND)
    (again,) = proposals(
        found(one("helped", 0.05, sure=True), verdict="HELPS"), product(holdout=0.1), replace(AROUND, people=9)
    )
    (other,) = proposals(readout, product(holdout=0.1), replace(AROUND, digest="other"))
    assert (first.id == again.id, first.id == other.id, len(first.id)) == (True, False, 8)
    assert first.about == {
        "success": {"helped": "no_question", "business": "ordered_again", "within": "P14D"},
        "test.holdout": 0.1,
    }


@pytest.mark.parametrize(("people", "reach"), [(9, None), (10, -10), (0, 0)])
def test_a_change_of_a_few_people_is_not_told(people, reach):
    readout = found(one("helped", -0.04, sure=True), verdict="HARMS")
    (each,) = proposals(readout, product(), replace(AROUND, people=people))
    assert each.reach_change == reach


# Two hundred experiments of 56 days, drawn as counts, through the same functions as the ledger's.
SETS, DAYS, PEOPLE, LOOKS = 200, 56, 4_000, range(14, 57, 14)
DESIGN = Design(0.2, {"guide": 0.5, "list": 0.5}, {0: 0.5, 2: 0.5})


def experiment(random, rates) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`CELL` and `people`, and what happened of them: `rates` is metric -> the chance of a variant at a level."""
    rows, hits = [], []
    for day in range(DAYS):
        arms = [("held", None), *((name, level) for name in ("guide", "list") for level in (0, 2))]
        for (name, number), count in zip(arms, random.multinomial(PEOPLE, [0.2, 0.2, 0.2, 0.2, 0.2]), strict=True):
            is_held = name == "held"
            cell = (
                START + timedelta(days=day), is_held, None if is_held else name, 0.2, True, not is_held, number,
            )  # fmt: skip
            rows.append((*cell, int(count)))
            for metric, chance in rates.items():
                rate = chance(None if is_held else name, number)
                hits.append((*cell, metric, int(random.binomial(count, rate))))
    people = pl.DataFrame(rows, {**CELL, "people": pl.Int64}, orient="row")
    happened = pl.DataFrame(hits, {**CELL, "metric": pl.String, "people": pl.Int64}, orient="row")
    as_amounts = dict.fromkeys(("total", "cubes", "fourths"), pl.col("people").cast(pl.Float64))
    return people, happened.filter(pl.col("people") > 0).with_columns(spread=0.0, **as_amounts)


def ever_proposed(random, rates) -> set[tuple[str, str]]:
    """What was ever proposed, looking every other week."""
    test = {"holdout": 0.2, "variants": dict(DESIGN.variants), "levels": dict(DESIGN.levels)}
    tried = product(**test)
    asked = metrics(tried)
    people, happened = experiment(random, rates)
    people = cells.weighed(people, DESIGN)
    ever = set()
    for look in LOOKS:
        until = pl.col("as_of") < START + timedelta(days=look)
        seen = people.filter(until)
        counted = Counted(DESIGN, START, START + timedelta(days=look + 14), seen, seen, happened.filter(until))
        readout = ProductReadout(
            "care", 14, asked, compared=tuple(compared(counted, asked, {"question", "ordered"}, 0.05))
        )
        (readout,) = judged([readout], Guardrails())
        readout = replace(readout, levels=tuple(levels(readout.compared, readout.alarms, 0.05)))
        ever |= {(each.kind, each.what) for each in proposals(readout, tried, replace(AROUND, global_holdout=0.05))}
    return ever


@pytest.mark.slow
def test_of_two_hundred_planted_experiments_winners_are_proposed_and_nothing_is_made_of_nothing():
    """Half have a list that helps two in a hundred more; of the others none is better. The second dimension buys nothing."""
    random = np.random.default_rng(20261126)

    def rates(list_helps: float):
        return {
            "no_question": lambda name, _: 0.3 - 0.03 * (name is not None) - list_helps * (name == "list"),
            "ordered_again": lambda _name, _level: 0.2,
        }

    winners, nulls = ([ever_proposed(random, rates(by)) for _ in range(SETS // 2)] for by in (0.02, 0.0))
    assert sum(("scale", "variant list") in each for each in winners) >= 80
    scaled = {("scale", "variant list"), ("scale", "variant guide")}
    assert sum(not scaled.isdisjoint(each) for each in nulls) <= 5
    assert sum(("scale", "variant guide") in each for each in winners) == 0
    everything = winners + nulls
    assert sum(("use_less_data", "level 0") in each for each in everything) >= 0.8 * SETS
    assert sum(("scale", "holdout") in each for each in everything) >= 0.8 * SETS
    assert not any(kind == "stop" for each in everything for kind, _ in each)


@pytest.mark.slow
def test_a_second_dimension_that_helps_is_not_taken_away():
    """By a margin's worth exactly, which is the hardest: at most one in twenty is told to use less."""
    random = np.random.default_rng(7)
    rates = {
        "no_question": lambda name, level: 0.5 + 0.025 * (level == 0),
        "ordered_again": lambda _name, _level: 0.2,
    }
    found = [ever_proposed(random, rates) for _ in range(SETS // 2)]
    assert sum(("use_less_data", "level 0") in each for each in found) <= 5
