"""Three ways: held out, business as usual, and helped by us; drawn apart, logged, and each held against the others."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.errors import ProductError
from flows.learning.cells import HELD_OUT, TREATED, USUAL
from flows.learning.power import Pace, power
from flows.learning.products import read_products
from flows.line import explain
from flows.pages.explanation import candidate
from tests.learning.histories import START, at, batch, claimed, decided, fill, outcomes, shop
from tests.stages.making import product, settings
from tests.stages.test_decision import MANY, OFFER, decide, many
from tests.tiny import Tiny, clock, crowd, day, make

TEST = "\ntest: {holdout: 20%, usual: 25%}\n"
HELD, OF_USUAL, OURS = 0.2, 0.2, 0.6
"""The probabilities of the three arms under it."""
YAML = "templates/care/product.yaml"


def u(salt: str, who: str) -> float:
    return int(hashlib.sha256(f"{salt}:{who}".encode()).hexdigest()[:13], 16) / 2**52


@pytest.mark.oracle
def test_business_as_usual_has_a_draw_of_its_own_among_those_who_are_not_held_out():
    tested = product("care", test={"holdout": "30 %", "usual": "40 %", "variants": {"a": 0.5, "b": 0.5}})
    found = decide(many(tested), of=[tested, OFFER], global_holdout="10 %")
    kept = 0.9 * 0.7
    for who, reason, variant, propensity in found.select("customer_id", "reason", "variant", "propensity").rows():
        if u("w/global_holdout", who) < 0.1 or u("w/care/holdout", who) < 0.3:
            expected = ("HOLDOUT", None, 1 - kept)
        elif u("w/care/usual", who) < 0.4:
            expected = ("HOLDOUT", "usual", kept * 0.4)
        else:
            expected = (None, "a" if u("w/care/variants", who) < 0.5 else "b", kept * 0.6 * 0.5)
        assert (reason, variant, pytest.approx(propensity)) == expected
    counts = found.group_by("reason", "variant").len()["len"]
    assert (counts.len(), counts.sum(), counts.min() > 200) == (4, len(MANY), True)


def test_another_system_works_out_whom_it_has_as_the_documentation_says():
    """Of a product `care_guide` of a workspace `shop`, by the documentation's own statement."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "try-things.md").read_text("utf-8")
    (statement,) = re.findall(r"```sql\n(SELECT customer_id FROM customers\nWHERE .*?)```", page, re.DOTALL)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE customers AS SELECT unnest(?) AS customer_id", [MANY])
        theirs = {who for (who,) in connection.execute(statement).fetchall()}
    assert theirs == {who for who in MANY if u("shop/care_guide/usual", who) < 0.1}


def test_what_is_usual_of_one_product_is_not_of_another_nor_of_service():
    tested = product("offer", test={"usual": "100 %"})
    care = product("care")
    frames = (many(care).head(1), many(tested).tail(1))
    found = decide(*frames, of=[care, tested])
    assert found.select("reason", "variant", "propensity").rows() == [(None, None, 1.0), ("HOLDOUT", "usual", 1.0)]
    late = product("late", message_type="service", test={"usual": "100 %"})
    assert decide(many(late).head(1), of=[late]).select("reason", "propensity").rows() == [(None, 1.0)]


def test_a_variant_cannot_be_called_so_too(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.edit(YAML, "because:", "test: {usual: 10%, variants: {usual: 50%, b: 50%}}\nbecause:")
    with pytest.raises(ProductError) as caught:
        tiny.load()
    assert caught.value.what == "test: a variant cannot be called 'usual' beside `usual`"


def drawn(count: int = 30_000) -> pl.DataFrame:
    """People of thirty days in three arms."""
    lots = np.random.default_rng(3).random(count)
    arm = np.select([lots < HELD, lots < HELD + OF_USUAL], ["held", "usual"], "ours")
    days = [decided(count // 30, number, first=number * count // 30) for number in range(30)]
    is_ours = pl.col("arm") == "ours"
    return (
        pl.concat(days)
        .with_columns(arm=pl.Series(arm))
        .with_columns(
            reason=pl.when(~is_ours).then(pl.lit("HOLDOUT")),
            variant=pl.when(pl.col("arm") == "usual").then(pl.lit("usual")),
            propensity=pl.col("arm").replace_strict({"held": HELD, "usual": OF_USUAL, "ours": OURS}),
        )
    )


def happened(people: pl.DataFrame, chance: dict[str, float], outcome: str, seed: int) -> pl.DataFrame:
    hits = np.random.default_rng(seed).random(people.height) < people["arm"].replace_strict(chance).to_numpy()
    since = (pl.col("as_of") - START).dt.total_days()
    return people.filter(pl.Series(hits)).select("person_key", outcome=pl.lit(outcome), day=since + 3.0)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Both help, ours more; both sell, theirs more, and more people say no to theirs."""
    tiny = shop(tmp_path_factory.mktemp("three") / "workspace", TEST)
    people = drawn()
    asked = happened(people, {"held": 0.5, "usual": 0.4, "ours": 0.3}, "question", 1)
    ordered = happened(people, {"held": 0.1, "usual": 0.3, "ours": 0.2}, "ordered", 2)
    left = happened(people, {"held": 0.02, "usual": 0.1, "ours": 0.02}, "unsubscribed", 4)
    ours = people.drop("arm")
    told = [outcomes(asked), outcomes(ordered, 79), outcomes(left, 78)]
    fill(tiny, decision=ours, batch=batch(), claim=claimed(ours), outcome=told)
    return tiny, people, ordered


def read(tiny: Tiny):
    with at():
        return next(each for each in read_products(tiny.load(), ["care"]).products)


@pytest.mark.oracle
def test_each_of_the_three_is_held_against_the_others(three):
    tiny, people, ordered = three
    found = read(tiny)
    ours = {"held": HELD_OUT, "usual": USUAL, "ours": TREATED}
    assert {arm.name: arm.people for arm in found.arms} == {
        name: people.filter(arm=arm).height for arm, name in ours.items()
    }
    assert [arm.reached_share for arm in found.arms] == [None, None, 1.0]
    hit = people.with_columns(hit=pl.col("person_key").is_in(ordered["person_key"].implode()).cast(pl.Float64))
    of = {name: hit.filter(arm=arm)["hit"].to_numpy() for arm, name in ours.items()}
    sold = {
        (each.control, each.contrast.arm): each.contrast
        for each in found.compared
        if (each.role, each.basis) == ("business", "intention")
    }
    assert list(sold) == [(HELD_OUT, TREATED), (USUAL, TREATED), (HELD_OUT, USUAL)]
    for (control, arm), contrast in sold.items():
        theirs = ttest_ind(of[arm], of[control], equal_var=False).confidence_interval()
        assert contrast.difference == pytest.approx(of[arm].mean() - of[control].mean())
        assert (contrast.interval.low, contrast.interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)
        assert contrast.is_sure
    assert found.shares_p > 0.05


def test_what_it_is_called_and_what_alarms_is_ours(three):
    found = read(three[0])
    assert (found.verdict, found.alarms) == ("HELPS_AND_SELLS", ())
    assert found.of_all("business").control == HELD_OUT
    bases = {
        (each.control, each.contrast.arm, each.basis)
        for each in found.compared
        if USUAL in (each.control, each.contrast.arm)
    }
    assert {basis for *_, basis in bases} == {"intention"}


def test_people_of_that_arm_who_were_lost_are_found(three, tmp_path):
    _, people, _ = three
    tiny = shop(tmp_path / "workspace", TEST)
    is_lost = (pl.col("arm") == "usual") & (pl.int_range(pl.len()) % 4 == 0)
    fill(tiny, decision=people.filter(~is_lost).drop("arm"))
    assert read(tiny).shares_p < 0.001


def test_without_a_holdout_it_is_held_against_business_as_usual_alone(tmp_path):
    tiny = shop(tmp_path / "workspace", "\ntest: {usual: 25%}\n")
    people = drawn(3_000).filter(pl.col("arm") != "held")
    people = people.with_columns(propensity=pl.when(arm="usual").then(0.25).otherwise(0.75))
    fill(tiny, decision=people.drop("arm"), outcome=outcomes([("nobody", "question", 1.0)]))
    found = read(tiny)
    assert [arm.name for arm in found.arms] == [USUAL, TREATED]
    assert {(each.control, each.contrast.arm) for each in found.compared} == {(USUAL, TREATED)}
    assert (found.verdict, found.refused) == ("NOT_SURE", {HELD_OUT: "NO_HOLDOUT"})


def test_days_on_which_one_arm_has_nobody_are_weighed_all_the_same(three, tmp_path):
    """Held out on even days alone are seen, and as usual on odd ones: who is ours counts alike on both."""
    _, people, ordered = three
    tiny = shop(tmp_path / "workspace", TEST)
    is_even = (pl.col("as_of") - START).dt.total_days() % 2 == 0
    seen = people.filter(
        (pl.col("arm") == "ours") | (is_even & (pl.col("arm") == "held")) | (~is_even & (pl.col("arm") == "usual"))
    )
    fill(tiny, decision=seen.drop("arm"), batch=batch(), claim=claimed(seen.drop("arm")), outcome=outcomes(ordered))
    arm = next(each for each in read(tiny).arms if each.name == TREATED)
    ours = people.filter(arm="ours")
    hits = ours.filter(pl.col("person_key").is_in(ordered["person_key"].implode())).height
    assert arm.rates["ordered_again"] == pytest.approx(hits / ours.height)


def test_the_power_check_weighs_it_too():
    tested = product("care", test={"holdout": 0.2, "usual": 0.25})
    found = power(tested, settings(), Pace(5_000, {"helped": 0.3, "business": 0.3})).tried
    assert [each.what for each in found] == ["holdout of 20 %", "business as usual of 25 %"]
    halves = product("care", test={"holdout": 0.25})
    (other,) = power(halves, settings(), Pace(4_000, {"helped": 0.3, "business": 0.3})).tried
    assert found[1].days == other.days  # of a fifth less people, a quarter


@pytest.mark.slow
def test_who_is_treated_as_usual_gets_nothing_of_ours_and_is_logged(tmp_path):
    tiny = make(tmp_path / "tiny", people=crowd(60), late=(), brands=["north"])
    tiny.edit(YAML, "because:", "test: {holdout: 20%, usual: 25%}\nbecause:")
    tiny.run()
    people = [person[0] for person in crowd(60)]
    held = {who for who in people if u("tiny/care/holdout", who) < 0.2}
    usual = {who for who in people if u("tiny/care/usual", who) < 0.25} - held
    got = {row["customer_id"] for each in tiny.batches() for row in each.rows if "customer_id" in row}
    assert got == set(people) - held - usual
    rows = tiny.history(
        "SELECT reason, variant, round(propensity, 9), count(*) FROM decision GROUP BY ALL ORDER BY ALL NULLS FIRST"
    )
    assert rows == [
        (None, None, 0.6, len(got)),
        ("HOLDOUT", None, 0.2, len(held)),
        ("HOLDOUT", "usual", 0.2, len(usual)),
    ]
    with clock(day(0)):
        found = explain(tiny.load(), min(usual))
    (said,) = [line for row in found.candidates for line in candidate(found, row) if "fits best" in line]
    assert "another system treats a few people as it always has, to measure what it changes" in said
    tiny.run(at=day(3))  # no sooner than anybody else
    assert tiny.history("SELECT count(DISTINCT as_of) FROM decision") == [(1,)]
