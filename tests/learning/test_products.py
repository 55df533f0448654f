"""What the history says of products: who was compared with whom, what counts, and what is refused."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.cli import main
from flows.errors import UsageError
from flows.experiment import Guardrails
from flows.learning.cells import HELD_OUT, TREATED
from flows.learning.contrasts import Contrast, Interval
from flows.learning.effects import Compared, people_needed
from flows.learning.products import ProductReadout, judged, read_products
from flows.learning.sequential import widening
from tests.learning.histories import (
    HELD,
    LONG_AFTER,
    START,
    at,
    batch,
    chances,
    claimed,
    decided,
    fill,
    outcomes,
    said,
    shop,
)

ORDERED = {"held out": 0.10, "guide": 0.13, "list": 0.16}
ASKED = {"held out": 0.20, "guide": 0.15, "list": 0.15}


def days(count: int, people: int = 1_000, *, start: int = 0, **fixed) -> pl.DataFrame:
    return pl.concat(
        [decided(people, day, first=100_000 + people * day, **fixed) for day in range(start, start + count)]
    )


def told_of(tiny, product="care", moment=LONG_AFTER, **asked):
    with at(moment):
        return next(each for each in read_products(tiny.load(), [product], **asked).products)


def answers(found: ProductReadout, basis="intention") -> dict[tuple[str, str], Contrast]:
    return {(each.contrast.metric, each.contrast.arm): each.contrast for each in found.compared if each.basis == basis}


def codes(found: ProductReadout, basis="intention") -> dict[tuple[str, str], str | None]:
    return {names: each.refused for names, each in answers(found, basis).items()}


@pytest.fixture(scope="module")
def story():
    """Thirty days of a thousand people: decisions, and what became of them."""
    decisions = days(30)
    return decisions, chances(decisions, ORDERED, "ordered", seed=1), chances(decisions, ASKED, "question", seed=2)


@pytest.fixture(scope="module")
def tried(tmp_path_factory, story):
    """A shop that has it all in its ledger, nine in ten messages delivered."""
    tiny = shop(tmp_path_factory.mktemp("tried") / "workspace")
    decisions, ordered, asked = story
    fill(
        tiny,
        decision=decisions,
        batch=batch(),
        claim=claimed(decisions).filter(pl.int_range(pl.len()) % 10 > 0),
        outcome=[outcomes(ordered), outcomes(asked, 79)],
    )
    return tiny


@pytest.fixture(scope="module")
def found(tried):
    return told_of(tried)


def by_person(story) -> pl.DataFrame:
    """One row per person: arm, ordered and asked as 0 and 1."""
    decisions, ordered, asked = story
    hits = {
        name: pl.col("person_key").is_in(rows["person_key"].implode())
        for name, rows in (("ordered", ordered), ("asked", asked))
    }
    arm = pl.when(pl.col("reason").is_not_null()).then(pl.lit(HELD_OUT)).otherwise("variant")
    return decisions.select(arm=arm, **{name: is_hit.cast(pl.Float64) for name, is_hit in hits.items()})


@pytest.mark.oracle
def test_every_number_of_everybody_decided_for_is_scipys_welch_over_people(found, story):
    people = by_person(story)
    arms = {name: people.filter(pl.col("arm") == name) for name in (HELD_OUT, "guide", "list")}
    arms[TREATED] = people.filter(pl.col("arm") != HELD_OUT)
    pairs = [(HELD_OUT, TREATED), ("guide", "list")]
    for control, arm in pairs:
        for metric, column in (("no_question", "asked"), ("ordered_again", "ordered")):
            values = [arms[name][column].to_numpy() for name in (arm, control)]
            ours, theirs = (1 - each for each in values) if metric == "no_question" else values
            welch = ttest_ind(ours, theirs, equal_var=False)
            span = welch.confidence_interval(0.95)
            each = answers(found)[metric, arm]
            told = (each.arm_mean, each.control_mean, each.p, each.interval.low, each.interval.high)
            assert told == pytest.approx((ours.mean(), theirs.mean(), welch.pvalue, span.low, span.high), rel=1e-7)
            error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
            in_both = [HELD_OUT, "guide", "list"] if control == HELD_OUT else [control, arm]
            first_week = sum(people["arm"].head(7 * 1_000).is_in(pl.Series(in_both).implode()))
            reach = error * widening(0.05, len(ours) + len(theirs), 4 * first_week)
            assert each.always.high - each.difference == pytest.approx(reach, rel=1e-7)
    assert {arm.name: arm.people for arm in found.arms} == {name: frame.height for name, frame in arms.items()}
    assert {arm.name: arm.reached_share for arm in found.arms} == {
        HELD_OUT: None,
        TREATED: 0.9,
        "guide": 0.9,
        "list": 0.9,
    }


def test_what_was_planted_lies_in_its_interval_is_sure_and_is_what_the_product_is_called_for(found):
    planted = {
        ("no_question", TREATED): 0.05,
        ("ordered_again", TREATED): 0.045,
        ("ordered_again", "list"): 0.03,
    }
    for names, effect in planted.items():
        each = answers(found)[names]
        assert each.always.low < effect < each.always.high
        assert each.is_sure
        assert each.lift_always.low < effect / each.control_mean < each.lift_always.high
        assert (
            each.lift_always.low < each.lift_interval.low < each.lift < each.lift_interval.high < each.lift_always.high
        )
    assert not answers(found)["no_question", "list"].is_sure
    assert (found.verdict, found.alarms, found.refused) == ("HELPS_AND_SELLS", (), {})
    assert (found.since, found.until) == (START, START + timedelta(days=29))


def test_for_those_who_were_reached_the_difference_of_all_is_divided_by_their_share(found):
    for names, of_all in answers(found).items():
        reached = answers(found, "exposure")[names]
        if of_all.refused:
            continue
        assert reached.difference == pytest.approx(of_all.difference / 0.9, rel=2e-3)
        assert reached.arm_mean - reached.control_mean == pytest.approx(reached.difference)
        assert reached.lift == pytest.approx(reached.difference / reached.control_mean)
        assert reached.evidence == pytest.approx(of_all.evidence)


def test_whose_time_is_not_over_waits(tried):
    early = told_of(tried, moment=datetime(2026, 9, 20, 12, tzinfo=UTC))
    assert early.until == START + timedelta(days=5)
    assert [arm.people + arm.waiting for arm in early.arms] == [arm.people for arm in told_of(tried).arms]
    assert sum(arm.people for arm in early.arms if arm.name in (HELD_OUT, TREATED)) == 6_000


def test_nor_does_the_time_of_which_nothing_is_known_yet(tmp_path, story):
    tiny = shop(tmp_path / "workspace")
    decisions, ordered, _ = story
    fill(tiny, decision=decisions, outcome=outcomes(ordered.filter(pl.col("day") < 20), 20))
    assert told_of(tiny).until == START + timedelta(days=6)


def test_other_shares_begin_another_experiment_and_may_be_weighed_with_it(tmp_path):
    """By ten to one in the first week, when twice as many order; unweighted, the list would seem to sell much more."""
    tiny = shop(tmp_path / "workspace")
    u = np.random.default_rng(5).random(7_000)
    before = days(7)
    lots = pl.Series(u)
    skewed = before.with_columns(u=lots).with_columns(
        reason=pl.when(pl.col("u") < HELD).then(pl.lit("HOLDOUT")),
        variant=pl.when(pl.col("u") >= HELD).then(
            pl.when(pl.col("u") < 0.28).then(pl.lit("guide")).otherwise(pl.lit("list"))
        ),
        propensity=pl.when(pl.col("u") < HELD).then(HELD).when(pl.col("u") < 0.28).then(0.08).otherwise(0.72),
    )
    skewed, after = skewed.drop("u"), days(14, start=7)
    ordered = [chances(skewed, dict.fromkeys(ORDERED, 0.4), "ordered", seed=3)]
    ordered += [chances(after, dict.fromkeys(ORDERED, 0.1), "ordered", seed=4)]
    fill(tiny, decision=[skewed, after], outcome=outcomes(pl.concat(ordered)))
    found = told_of(tiny)
    assert (found.since, found.arms[1].people) == (START + timedelta(days=7), sum(after["reason"].is_null()))
    whole = told_of(tiny, since=START)
    assert whole.since == START
    assert whole.shares_p > 0.05
    each = answers(whole)["ordered_again", "list"]
    people = pl.concat([skewed, after]).with_columns(
        hit=pl.col("person_key").is_in(pl.concat(ordered)["person_key"].implode())
    )
    means = {}
    for name in ("guide", "list"):
        mine = people.filter(pl.col("variant") == name)
        means[name] = float((mine["hit"] / mine["propensity"]).sum() / (1 / mine["propensity"]).sum())
    assert (each.control_mean, each.arm_mean) == pytest.approx((means["guide"], means["list"]))
    assert each.always.low < 0 < each.always.high
    plain = people.group_by("variant").agg(pl.col("hit").mean()).drop_nulls().sort("variant")["hit"]
    assert plain[1] - plain[0] > each.always.high


def test_a_test_of_detail_levels_begins_no_other_experiment_and_turns_no_variant(tmp_path):
    """Level and variant are drawn apart; who is in no test of levels has the propensity of the variant alone."""
    tiny = shop(
        tmp_path / "workspace", "\ntest: {holdout: 20%, variants: {guide: 50%, list: 50%}, levels: {0: 25%, 2: 75%}}\n"
    )
    plain = days(14)
    u = pl.Series(np.random.default_rng(8).random(plain.height))
    level = pl.when(pl.col("u") < 0.2).then(0).when(pl.col("u") < 0.8).then(2)
    is_drawn = pl.col("drawn_level").is_not_null()
    decisions = (
        plain.with_columns(u=u)
        .with_columns(drawn_level=pl.when(pl.col("reason").is_null()).then(level).cast(pl.Int8))
        .with_columns(
            propensity=pl.col("propensity")
            * pl.when(is_drawn).then(pl.when(pl.col("u") < 0.2).then(0.25).otherwise(0.75)).otherwise(1)
        )
    ).drop("u")
    fill(tiny, decision=decisions, outcome=outcomes(chances(decisions, ORDERED, "ordered", seed=1)))
    found = told_of(tiny)
    assert (found.since, found.shares_p) == (START, 1.0)
    each = answers(found)["ordered_again", "list"]
    plainly = shop(tmp_path / "plain")
    fill(plainly, decision=plain, outcome=outcomes(chances(decisions, ORDERED, "ordered", seed=1)))
    assert each.difference == pytest.approx(answers(told_of(plainly))["ordered_again", "list"].difference)


def test_that_buyers_are_called_back_makes_no_difference_where_there_is_none(tmp_path):
    """`ends_when: [ordered]` takes the message from early buyers; to leave them out would show that helping sells less."""
    tiny = shop(tmp_path / "workspace")
    decisions = days(20)
    ordered = chances(decisions, dict.fromkeys(ORDERED, 0.2), "ordered", seed=6)
    early = ordered.filter(pl.col("day") % 1 < 0.5)["person_key"].implode()
    sent = claimed(decisions)
    gone = sent.filter(pl.col("person_key").is_in(early)).select(
        "message_id", batch_id=pl.lit("back"), recalled_batch_id=pl.lit("b"), reason=pl.lit("ended")
    )
    fill(
        tiny,
        decision=decisions,
        claim=sent,
        batch=[batch(), batch("back", "published", "recall")],
        recall=gone,
        outcome=outcomes(ordered),
    )
    found = told_of(tiny)
    reached = answers(found, "exposure")["ordered_again", TREATED]
    assert found.arms[1].reached_share == pytest.approx(0.9, abs=0.01)
    assert reached.always.low < 0 < reached.always.high
    assert abs(reached.difference) < 0.02
    kept = decisions.join(
        gone.select(pl.col("message_id").str.strip_prefix("m-").alias("decision_id")), on="decision_id", how="anti"
    )
    told = kept.filter(pl.col("reason").is_null())["person_key"].is_in(ordered["person_key"].implode()).mean()
    assert told < 0.12  # what one who leaves them out would say of those who were reached


def test_held_out_people_who_have_no_channel_are_in_the_whole_and_not_among_the_reachable(tmp_path):
    tiny = shop(tmp_path / "workspace")
    reachable, not_so = days(10), decided(5_000, 3, first=900_000, channel=pl.lit(None, pl.String))
    decisions = pl.concat([reachable, not_so])
    ordered = pl.concat(
        [
            chances(reachable, ORDERED, "ordered", seed=1),
            chances(not_so, dict.fromkeys(ORDERED, 0.9), "ordered", seed=2),
        ]
    )
    fill(tiny, decision=decisions, claim=claimed(decisions), batch=batch(), outcome=outcomes(ordered))
    found = told_of(tiny)
    assert found.arms[1].reached_share == 1
    assert answers(found)["ordered_again", TREATED].control_mean > 0.3
    held = reachable.filter(pl.col("reason").is_not_null())["person_key"].is_in(ordered["person_key"].implode()).mean()
    assert answers(found, "exposure")["ordered_again", TREATED].control_mean == pytest.approx(held)


def test_words_that_reach_fewer_people_than_others_are_not_compared_by_whom_they_reached(tmp_path, story):
    tiny = shop(tmp_path / "workspace")
    decisions, ordered, _ = story
    sent = claimed(decisions).join(decisions.select("decision_id", "variant"), on="decision_id")
    sent = sent.filter((pl.col("variant") == "list") | (pl.int_range(pl.len()) % 10 > 0)).drop("variant")
    fill(tiny, decision=decisions, claim=sent, batch=batch(), outcome=outcomes(ordered))
    found = told_of(tiny)
    assert codes(found, "exposure")["ordered_again", "list"] == "REACHED_UNLIKE"
    assert codes(found)["ordered_again", "list"] is None
    assert codes(found, "exposure")["ordered_again", TREATED] is None


def test_where_nobody_was_reached_nothing_is_said_of_those_who_were(tmp_path, story):
    tiny = shop(tmp_path / "workspace")
    decisions, ordered, _ = story
    fill(tiny, decision=decisions, claim=claimed(decisions), batch=batch(state="hold"), outcome=outcomes(ordered))
    found = told_of(tiny)
    assert set(codes(found, "exposure").values()) == {"NOT_REACHED", "NOT_TOLD", "NO_VARIATION"}
    assert codes(found)["ordered_again", TREATED] is None


def test_guardrails_count_what_people_say_and_what_they_do_and_sound_an_alarm(tmp_path, story):
    tiny = shop(tmp_path / "workspace")
    decisions, ordered, _ = story
    left = chances(decisions, {"held out": 0.005, "guide": 0.03, "list": 0.03}, "unsubscribed", seed=9)
    half = left.head(left.height // 2)
    consent = said([(person, "no", day) for person, _, day in half.rows()])
    fill(
        tiny,
        decision=decisions,
        outcome=[outcomes(ordered), outcomes(left.tail(-half.height), 78)],
        consent_event=consent,
    )
    found = told_of(tiny)
    each = answers(found)["unsubscribed", TREATED]
    told = decisions.filter(pl.col("reason").is_null())["person_key"].is_in(left["person_key"].implode()).mean()
    assert each.arm_mean == pytest.approx(told)
    assert each.always.low > 0.005
    assert found.alarms == ("unsubscribed, treated",)
    assert codes(found)["complained", TREATED] == "NO_VARIATION"


def test_there_is_no_answer_without_a_holdout_without_decisions_and_for_service(tmp_path):
    assert told_of(shop(tmp_path / "service"), "late").refused == {HELD_OUT: "NOT_HELD_OUT"}
    assert told_of(shop(tmp_path / "none")).refused == {HELD_OUT: "NO_DECISIONS", "variants": "NO_DECISIONS"}
    tiny = shop(tmp_path / "all", test="\n")
    everybody = {"reason": pl.lit(None, pl.String), "variant": pl.lit(None, pl.String), "propensity": pl.lit(1.0)}
    fill(tiny, decision=decided(500, **everybody))
    found = told_of(tiny)
    assert (found.refused, found.compared, found.arms[0].people) == ({HELD_OUT: "NO_HOLDOUT"}, (), 500)
    with pytest.raises(UsageError) as wrong, at():
        read_products(tiny.load(), ["crae"])
    assert (wrong.value.what, wrong.value.hint) == ("there is no product 'crae'", "did you mean 'care'?")


def test_what_is_too_early_never_told_or_of_arms_that_lost_people_is_refused_with_its_code(tmp_path, story):
    decisions, ordered, _ = story
    tiny = shop(tmp_path / "workspace")
    fill(tiny, decision=decisions.filter(pl.col("as_of") > START), outcome=outcomes(ordered))
    found = told_of(tiny)
    assert codes(found)["no_question", TREATED] == "NOT_TOLD"
    assert codes(found)["ordered_again", TREATED] is None
    early = told_of(tiny, moment=datetime(2026, 9, 8, 12, tzinfo=UTC))
    assert set(codes(early).values()) == {"TOO_EARLY", "NOT_TOLD"}
    other = shop(tmp_path / "other")
    lost = decisions.filter(pl.col("reason").is_not_null() | (pl.int_range(pl.len()) % 12 > 0))
    fill(other, decision=lost, outcome=outcomes(ordered))
    off = told_of(other)
    assert off.shares_p < 0.001
    assert set(codes(off).values()) == {"SHARES_OFF", "NOT_TOLD"}
    assert {each.days_needed for each in off.compared} == {None}


def test_of_few_people_nothing_is_told(tmp_path):
    tiny = shop(tmp_path / "workspace")
    list_of_few = decided(2_000).with_columns(row=pl.col("variant").eq("list").cum_sum())
    decisions = list_of_few.filter(
        pl.col("variant").is_null() | (pl.col("variant") != "list") | (pl.col("row") <= 9)
    ).drop("row")
    nearly_all = chances(decisions, dict.fromkeys(ORDERED, 0.998), "ordered", seed=1)
    fill(tiny, decision=decisions, outcome=outcomes(nearly_all))
    found = told_of(tiny)
    people = {arm.name: arm.people for arm in found.arms}
    assert (people["list"], people[TREATED]) == (None, None)
    assert people["guide"] > 700
    assert {arm.rates["ordered_again"] for arm in found.arms} == {None}
    small = shop(tmp_path / "small")
    few = decided(450)
    fill(small, decision=few, outcome=outcomes(nearly_all))
    assert codes(told_of(small))["ordered_again", TREATED] == "TOO_FEW"
    rare = shop(tmp_path / "rare")
    many = decided(3_000)
    fill(rare, decision=many, outcome=outcomes(chances(many, dict.fromkeys(ORDERED, 0.998), "ordered", seed=1)))
    assert codes(told_of(rare))["ordered_again", TREATED] == "TOO_RARE"


def test_days_are_counted_until_what_matters_would_be_found(found, tried):
    whole = {(each.contrast.metric, each.contrast.arm): each for each in found.compared if each.basis == "intention"}
    assert whole["ordered_again", TREATED].days_needed is None  # nobody has been decided for lately
    then = told_of(tried, moment=datetime(2026, 9, 30, 12, tzinfo=UTC))
    each = next(
        each for each in then.compared if (each.role, each.basis, each.control) == ("business", "intention", HELD_OUT)
    )
    held, treated = (next(arm for arm in then.arms if arm.name == name) for name in (HELD_OUT, TREATED))
    count = held.people + treated.people
    rate = (held.rates["ordered_again"] * held.people + treated.rates["ordered_again"] * treated.people) / count
    needed = people_needed(rate, held.people / count, 0.05, 4 * 7_000)
    assert each.days_needed == pytest.approx((needed - count) / 1_000, abs=1.5)
    error = np.sqrt(rate * (1 - rate) / needed * (1 / (held.people / count) + 1 / (treated.people / count)))
    assert (widening(0.05, needed, 28_000) + 0.8416) * error == pytest.approx(0.05 * rate, rel=2e-3)
    assert (
        people_needed(0.1, 0.05, 0.05, 28_000)
        > people_needed(0.1, 0.2, 0.05, 28_000)
        > people_needed(0.1, 0.2, 0.1, 28_000)
    )
    assert people_needed(1e-9, 0.2, 0.001, 28_000) == float("inf")


def _with(evidence: dict[str, tuple[float, float]]) -> ProductReadout:
    roles = {"helped": "helped", "business": "business", "unsubscribed": "guardrail"}
    compared = tuple(
        Compared(
            roles[metric],
            "intention",
            HELD_OUT,
            Contrast(
                metric,
                TREATED,
                difference=difference,
                p=0.1,
                evidence=value,
                always=Interval(difference - 0.01, difference + 0.01),
            ),
        )
        for metric, (difference, value) in evidence.items()
    )
    return ProductReadout("care", 14, (), compared=compared)


@pytest.mark.parametrize(
    ("helped", "business", "verdict"),
    [
        ((0.1, 1e6), (0.1, 1e6), "HELPS_AND_SELLS"),
        ((0.1, 1e6), (0.1, 1.0), "HELPS"),
        ((0.1, 1e6), (-0.1, 1e6), "HELPS_AND_SELLS_LESS"),
        ((0.1, 1.0), (0.1, 1e6), "SELLS_WITHOUT_HELPING"),
        ((-0.1, 1e6), (0.1, 1e6), "HARMS"),
        ((0.1, 1.0), (0.1, 1.0), "NOT_SURE"),
    ],
)
def test_a_product_is_called_what_it_is(helped, business, verdict):
    (found,) = judged([_with({"helped": helped, "business": business})], Guardrails())
    assert found.verdict == verdict


def test_what_is_sure_of_one_product_alone_need_not_be_among_many():
    """An e-value of 30 is enough for one, not for the best of two; that of 60 then is, and takes it along."""
    alone = _with({"helped": (0.1, 30.0)})
    assert [each.verdict for each in judged([alone], Guardrails())] == ["HELPS"]
    with_nothing = replace(alone, product="other", compared=_with({"helped": (0.1, 1.0)}).compared)
    assert [each.verdict for each in judged([alone, with_nothing], Guardrails())] == ["NOT_SURE", "NOT_SURE"]
    with_much = replace(alone, product="other", compared=_with({"helped": (0.1, 60.0)}).compared)
    assert [each.verdict for each in judged([alone, with_much], Guardrails())] == ["HELPS", "HELPS"]


def test_the_command_prints_a_table_json_without_nan_and_a_page(tried, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", LONG_AFTER.isoformat())
    monkeypatch.setenv("COLUMNS", "250")
    page = tmp_path / "readout.html"
    words = ["readout", "care", "--workspace", str(tried.folder)]
    assert main([*words, "--page", str(page)]) == 0
    said_so = capsys.readouterr().out
    assert said_so.startswith(
        "care: It helps, and it sells.\nDecided for since 2026-09-01; what happens within 14 days counts.\n"
    )
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "It helps, and it sells." in page.read_text("utf-8")
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["products"][0]["compared"][0]["contrast"]["is_sure"] is True
    assert main(["readout", "late", "--workspace", str(tried.folder)]) == 1
    assert "no answer (NOT_HELD_OUT)" in capsys.readouterr().out
    for wrong in (
        ["--arm", "arm"],
        ["--data", "x.csv"],
        ["--data", "x.csv", "--arm", "a", "--control", "b", "--metric", "c"],
    ):
        assert main([*words, *wrong]) == 2
