"""What ways to choose are said to come to, where the truth is known, and of a real experiment."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.cli import main
from flows.errors import SourceError, UsageError
from flows.learning.policies.evaluation import FOLDS, evaluate
from flows.learning.policies.outcome_model import expected
from flows.learning.policies.randomised import Asked, read_randomised
from flows.learning.policies.tailored import Learner
from tests.learning.policies.worlds import ARMS, CONTEXTS, world

pytestmark = pytest.mark.slow


@pytest.fixture
def read(tmp_path):
    def written(table: pl.DataFrame, **asked):
        path = tmp_path / "drawn.parquet"
        table.write_parquet(path)
        return read_randomised(path, Asked(**{"arm": "arm", "outcomes": ("y",), "contexts": CONTEXTS, **asked}))

    return written


def named(found, name):
    return next(choice for choice in found.choices if choice.name == name)


def test_where_whom_an_arm_helps_depends_on_who_they_are_a_policy_gains_at_least_half_of_what_could_be(read):
    for seed in range(8):
        truth = world(seed, 20_000, planted=0.04)
        found = evaluate(read(truth.table), seed=seed)
        choice = named(found, found.proposed)
        assert choice.kind == "learned"
        assert choice.name == "1 dimension"  # more would not add anything
        assert {name for names in choice.dimensions.values() for name in names} == {"is_new"}
        assert choice.differences["y"].value > (truth.oracle - truth.best) / 2


def test_where_nobody_gains_more_than_others_the_best_arm_for_all_is_proposed(read):
    for seed in range(40):
        found = evaluate(read(world(seed, 6_000).table), seed=seed)
        assert found.proposed == found.best in ("call", "mail")


def test_the_limit_is_for_each_arm_and_not_for_the_policy(read):
    """Who is new is called, the others get mail; those of the hills with one order are best left alone."""
    truth = world(3, 40_000, planted=0.04)
    is_apart = (pl.col("area") == "hills") & (pl.col("orders") == 1) & (pl.col("arm") == "none")
    found = evaluate(read(truth.table.with_columns(pl.col("y") | is_apart)), dimensions=2)
    learned = [choice for choice in found.choices if choice.kind == "learned"]
    assert [choice.name for choice in learned] == ["1 dimension", "2 dimensions", "all dimensions"]
    (other,) = {"call", "mail"} - {found.best}
    assert [len(choice.dimensions["none"]) for choice in learned[:2]] == [1, 2]
    assert {*learned[1].dimensions["none"]} == {"area", "orders"}
    assert learned[1].dimensions[other] == ("is_new",)
    assert found.proposed == "2 dimensions"
    assert learned[1].values["y"]["dr"].value > truth.best + 0.05


def test_what_an_arm_costs_is_taken_off_before_anything_is_chosen(read):
    rows = world(5, 20_000).table
    assert evaluate(read(rows)).best in ("call", "mail")
    dear = evaluate(read(rows), costs={"call": 0.2, "mail": 0.2})
    assert dear.best == dear.proposed == "none"
    free, net = named(evaluate(read(rows)), "call"), named(dear, "call")
    assert net.values["y"]["ips"].value == pytest.approx(free.values["y"]["ips"].value - 0.2, abs=0.01)


def test_a_rule_is_valued_beside_them_and_by_its_own_column(read):
    rows = world(7, 20_000, planted=0.04).table.with_columns(
        good=pl.when("is_new").then(pl.lit("call")).otherwise(pl.lit("mail")),
        bad=pl.when("is_new").then(pl.lit("mail")).otherwise(pl.lit("call")),
    )
    found = evaluate(read(rows, rules=("good", "bad")))
    assert (named(found, "good").verdict, named(found, "bad").verdict) == ("BETTER", "WORSE")


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_intervals_hold_the_truth_in_nineteen_cases_of_twenty(read, method):
    """Of the arm that older ones are likelier to get, by propensities that were logged."""
    hits, times = 0, 400
    for seed in range(times):
        truth = world(seed, 1_500, skew=0.2)
        found = evaluate(read(truth.table, propensity="p", contexts=()), seed=seed)
        of = named(found, "call").values["y"][method]
        hits += of.low <= truth.means[:, 0].mean() <= of.high
    assert 0.93 <= hits / times <= 0.97


def test_probabilities_that_are_assumed_where_they_were_logged_are_refused_as_soon_as_it_shows(read):
    rows = world(1, 6_000, skew=0.2).table
    with pytest.raises(UsageError, match="column 'age': it tells the arm") as caught:
        read(rows)
    assert "--propensity" in caught.value.hint
    assert read(rows, propensity="p").is_logged


def test_values_of_one_arm_for_all_are_those_of_the_textbook(read):
    rows = world(2, 3_000, skew=0.1).table
    found = evaluate(read(rows, propensity="p"))
    mine, y, p = rows["arm"].to_numpy() == "mail", rows["y"].to_numpy().astype(float), rows["p"].to_numpy()
    ips = (mine * y / p).mean()
    of = named(found, "mail").values["y"]
    assert of["ips"].value == pytest.approx(ips)
    assert of["ips"].high - ips == pytest.approx(1.959964 * (mine * y / p).std(ddof=1) / np.sqrt(len(rows)), rel=1e-6)
    assert of["snips"].value == pytest.approx(ips / (mine / p).mean())
    assert of["dr"].value == pytest.approx(of["snips"].value, abs=0.01)


def hillstrom() -> pl.DataFrame:
    data = Path(os.environ.get("JUSTENOUGH_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    file = data / "hillstrom" / "hillstrom.parquet"
    if not file.exists():
        pytest.skip("no hillstrom.parquet in JUSTENOUGH_TEST_DATA: that nothing is called a win there is not proven")
    mens, womens = pl.lit("Mens E-Mail"), pl.lit("Womens E-Mail")
    return pl.read_parquet(file).with_columns(
        womens_buyers=pl.when(pl.col("womens") == 1).then(womens).otherwise(mens),
        womens_only=pl.when((pl.col("womens") == 1) & (pl.col("mens") == 0)).then(womens).otherwise(mens),
    )


ATTRIBUTES = ("recency", "history", "mens", "womens", "zip_code", "newbie", "channel")


@pytest.mark.oracle
def test_of_a_real_experiment_nothing_is_called_better_than_the_mens_mail_for_all(read):
    """Source: the Hillstrom e-mail experiment; values of arms to six digits are those that are known of it."""
    rows = hillstrom()
    asked = {"arm": "segment", "contexts": ATTRIBUTES, "rules": ("womens_buyers", "womens_only")}
    for outcomes in (("visit", "spend"), ("spend", "visit")):
        data = read(rows, outcomes=outcomes, **asked)
        for seed in range(20):
            found = evaluate(data, seed=seed)
            assert found.best == found.proposed == "Mens E-Mail"
            assert all(choice.verdict != "BETTER" for choice in found.choices)
    known = {"No E-Mail": 0.106167, "Mens E-Mail": 0.182757, "Womens E-Mail": 0.151400}
    for arm, mean in known.items():
        assert named(found, arm).values["visit"]["snips"].value == pytest.approx(mean, abs=6e-7)


def test_what_is_proposed_of_one_half_holds_on_the_other_of_a_real_experiment(read):
    rows, gains, spends, kept = hillstrom(), [], [], []
    data = read(rows, arm="segment", contexts=ATTRIBUTES, outcomes=("visit", "spend"))
    for seed in range(20):
        half = np.random.default_rng(seed).permutation(len(data)) % 2
        mine, others = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
        found = evaluate(data.of(mine), seed=seed)
        codes = np.full(len(others), data.arms.index(found.proposed)) if found.proposed in data.arms else None
        assert codes is not None, "nothing was surely better, in any half"
        visit, spend = (data.outcomes[name][others] for name in ("visit", "spend"))
        is_mine = data.arm[others] == codes
        gains.append(visit[is_mine].mean())
        spends.append(spend[is_mine].mean())
        kept.append(visit[data.arm[others] == data.arms.index("Mens E-Mail")].mean())
    assert np.mean(gains) >= 0.182
    assert min(np.array(gains) - np.array(kept)) >= -0.0023
    assert np.mean(spends) > 1.2


def test_up_to_three_dimensions_come_to_as_much_as_all_of_a_real_experiment(read):
    data = read(hillstrom(), arm="segment", contexts=ATTRIBUTES, outcomes=("visit",))
    found = evaluate(data)
    none = named(found, "No E-Mail").values["visit"]["dr"].value
    three, all_ = (named(found, f"{most} dimensions").values["visit"]["dr"].value - none for most in ("3", "all"))
    assert three >= 0.97 * all_


def test_the_command_says_it_in_words_and_in_json(tmp_path, capsys):
    file = tmp_path / "drawn.csv"
    world(4, 20_000, planted=0.04).table.write_csv(file)
    command = ["evaluate", "--data", str(file), "--arm", "arm", "--outcome", "y"]
    command += [part for name in CONTEXTS for part in ("--context", name)]
    page = tmp_path / "page.html"
    assert main([*command, "--page", str(page)]) == 0
    html = page.read_text("utf-8")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "Go by 1 dimension for each arm" in html
    assert html.count("<circle") == 2 + 4  # two arms that are not the best, and policies by 1, 2, 3 and all
    assert "<td>1 dimension</td>" in html
    told = capsys.readouterr().out
    assert "Go by 1 dimension for each arm: y +0.0" in told
    assert "by is_new" in told
    assert main([*command, "--json", "--dimensions", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["proposed"], found["outcome"], found["is_logged"]) == ("1 dimension", "y", False)
    assert [choice["name"] for choice in found["choices"]] == [*ARMS, "1 dimension", "all dimensions"]


def test_a_policy_that_gives_everybody_the_best_arm_is_called_the_same(tmp_path, capsys):
    file = tmp_path / "drawn.csv"
    drawn = np.random.default_rng(1)
    arm, is_new = drawn.integers(2, size=2_000), drawn.random(2_000) < 0.5
    pl.DataFrame({"arm": arm, "is_new": is_new, "y": drawn.random(2_000) < 0.1 + 0.3 * arm}).write_csv(file)
    assert main(["evaluate", "--data", str(file), "--arm", "arm", "--outcome", "y", "--context", "is_new"]) == 0
    told = capsys.readouterr().out
    assert [line.split()[-2:] for line in told.splitlines() if line.startswith("1 dimension")] == [["the", "same"]]


def test_a_learner_tells_a_fold_nothing_of_itself(read):
    """Otherwise policies would be valued on what they have learned by heart."""
    data = read(world(6, 4_000).table)
    drawn = np.random.default_rng(0)
    fold = drawn.permutation(len(data)) % FOLDS
    scores = drawn.normal(size=(len(data), 3))
    policy = Learner(scores, data.contexts, fold, FOLDS).learn(2)
    changed = scores.copy()
    changed[fold == 2] = drawn.normal(size=changed[fold == 2].shape) * 100
    other = Learner(changed, data.contexts, fold, FOLDS).learn(2)
    assert policy.base == other.base
    for one, two in zip(policy.effects, other.effects, strict=True):
        assert one.dimensions == two.dimensions
        assert np.allclose(one.cells[-1], two.cells[-1])


def test_what_is_expected_of_a_unit_knows_nothing_of_what_came_of_its_fold(read):
    data = read(world(6, 4_000).table)
    fold = np.arange(len(data)) % FOLDS
    asked = (data.arm, 3, list(data.contexts.values()), fold, FOLDS)
    one = expected(data.outcomes["y"], *asked)
    other = expected(np.where(fold == 2, 100.0, data.outcomes["y"]), *asked)
    assert np.allclose(one[fold == 2], other[fold == 2])
    assert not np.allclose(one[fold != 2], other[fold != 2])


def test_where_nothing_depends_on_anything_one_policy_in_twenty_has_a_dimension(read):
    with_any = 0
    for seed in range(100):
        found = evaluate(read(world(seed, 4_000).table), seed=seed)
        with_any += any(named(found, "all dimensions").dimensions.values())
    assert with_any <= 10


BAD = [
    ({"arm": "nope"}, "justenough evaluate: there is no column 'nope'"),
    ({"outcomes": ("area",), "contexts": ()}, "column 'area': it has no numbers"),
    ({"outcomes": ("y",), "contexts": ("y",)}, "--context: 'y' is a context and something else"),
    ({"arm": "age", "contexts": ()}, "column 'age': it has more than 50 values"),
    ({"propensity": "age", "contexts": ()}, "column 'age': it is no probability everywhere"),
    ({"rules": ("area",), "contexts": ()}, "column 'area': of 2,000 units it names no arm"),
    ({"shares": {"call": 1.0}}, "--share: 'mail' is not both an arm and given a share"),
    ({"costs": {"cal": 1.0}}, "--cost: no unit is in 'cal'"),
]


@pytest.mark.parametrize(("asked", "complaint"), BAD)
def test_what_cannot_be_valued_is_refused_with_its_place(read, asked, complaint):
    with pytest.raises(UsageError) as caught:
        read(world(0, 2_000).table, **asked)
    assert str(caught.value).startswith(complaint)


def test_a_unit_without_an_arm_or_an_outcome_is_refused(read):
    rows = world(0, 2_000).table
    lacking = pl.when(pl.int_range(pl.len()) > 2)
    with pytest.raises(UsageError, match="column 'arm': 3 units have no arm"):
        read(rows.with_columns(arm=lacking.then("arm")))
    with pytest.raises(UsageError, match="column 'y': of 3 units it has no finite number"):
        read(rows.with_columns(y=lacking.then("y")))
    few = rows.with_columns(arm=lacking.then("arm").otherwise(pl.lit("rare")))
    with pytest.raises(UsageError, match="column 'arm': an arm has 3 units"):
        read(few)


def test_a_context_that_is_not_known_of_some_or_of_anybody_has_a_cell_for_it(read):
    rows = world(0, 2_000).table.with_columns(
        score=pl.when(pl.int_range(pl.len()) % 4 == 0).then(float("nan")).otherwise(pl.col("age") + 0.5),
        empty=pl.lit(None, pl.Float64),
    )
    data = read(rows, contexts=("score", "empty"))
    score, empty = data.contexts["score"], data.contexts["empty"]
    assert (len(score.cells), score.cells[-1], empty.cells) == (9, "(nothing)", ("(nothing)",))
    assert np.bincount(score.codes)[-1] == 500
    assert min(np.bincount(score.codes)) > 100
    with pytest.raises(UsageError, match="column 'list': its values are neither numbers nor texts"):
        read(rows.with_columns(list=pl.concat_list("age", "orders")), contexts=("list",))


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(SourceError, match=r"none\.csv"):
        read_randomised(tmp_path / "none.csv", Asked("arm", ("y",)))
