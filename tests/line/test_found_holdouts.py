"""`holdout: auto`: the smallest one that pays by the power check, found once and kept as long as its test runs."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest

from flows.draws import begin_tests, read_draws
from flows.errors import PlanError
from flows.line import check, standings
from flows.pages.powers import power_lines
from tests.learning.histories import chances, decided, fill, outcomes
from tests.tiny import Tiny, clock, crowd, day, make

pytestmark = pytest.mark.slow
PEOPLE = 80
YAML = "templates/care/product.yaml"


@pytest.fixture(scope="module")
def _lived(tmp_path_factory) -> Tiny:
    """Sixty days of two hundred people each, and what became of them."""
    tiny = make(tmp_path_factory.mktemp("found") / "tiny", people=crowd(PEOPLE), late=(), brands=["north"])
    tiny.edit(YAML, "because:", "test: {holdout: auto}\nbecause:")
    tiny.set(smallest_effect=0.4)
    people = pl.concat([decided(200, number, first=10_000 * (number + 1)) for number in range(60)])
    arms = ("held out", "guide", "list")
    ordered = chances(people, dict.fromkeys(arms, 0.1), "ordered", seed=1)
    asked = chances(people, dict.fromkeys(arms, 0.2), "question", seed=2)
    fill(tiny, decision=people, outcome=[outcomes(ordered), outcomes(asked)])
    return tiny


@pytest.fixture
def lived(_lived, tmp_path) -> Tiny:
    return _lived.copy(tmp_path / "tiny")


def held_out(tiny: Tiny, plan) -> tuple[set[str], set[float]]:
    """Who is held out by a plan, and how likely that was."""
    files = tiny.state / "plans" / plan.order.run_id / "decisions" / "*.parquet"
    rows = pl.read_parquet(files).filter(product="care", reason="HOLDOUT")
    return set(rows["customer_id"]), set(rows["propensity"].round(9))


def drawn(share: float) -> set[str]:
    people = {person[0] for person in crowd(PEOPLE)}
    return {
        who
        for who in people
        if int(hashlib.sha256(f"tiny/care/holdout:{who}".encode()).hexdigest()[:13], 16) / 2**52 < share
    }


def test_the_smallest_that_pays_is_held_out_and_kept_when_it_would_not_pay_any_more(lived):
    with clock(day(0)):
        (power,) = (each for each in check(lived.load()).tests if each.product == "care")
        share = standings(lived.load())[0].holdout
    (found,) = [each.what for each in power.would_pay if each.what.startswith("holdout")]
    assert (found, share) == ("holdout: 5%", 0.0)
    assert any("holdout: 5% begins with the next run: helped in " in line for line in power_lines(power))
    run = lived.run(at=day(0))
    assert run.plan.order.holdouts == {"care": 0.05}
    assert held_out(lived, run.plan) == (drawn(0.05), {0.05})
    assert read_draws(lived.load().settings).tests["care"].holdout == 0.05
    fill_nothing_more(lived)
    for request in ({}, {"parts": 3}):
        plan = lived.plan(at=day(31), **request)
        assert plan.order.holdouts == {"care": 0.05}
        assert held_out(lived, plan) == (drawn(0.05), {0.05})
    with clock(day(31)):
        assert [each.what for each in check(lived.load()).tests[0].tried] == ["holdout of 5 %"]
        assert standings(lived.load())[0].holdout == 0.05
    lived.edit(YAML, "holdout: auto", "holdout: 10%")
    assert held_out(lived, lived.plan(at=day(31))) == (drawn(0.05), {0.05})


def fill_nothing_more(tiny: Tiny) -> None:
    """Nothing is known any more of what became of people, nor did many come."""
    import duckdb

    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        connection.execute("DELETE FROM outcome")
        connection.execute("DELETE FROM decision WHERE as_of < DATE '2026-11-01'")


def test_nobody_is_held_out_where_none_pays_or_none_is_needed(lived):
    lived.edit("pyproject.toml", "smallest_effect = 0.4", "smallest_effect = 0.05")
    assert lived.plan(at=day(0)).order.holdouts == {"care": 0.0}
    lived.edit("pyproject.toml", "smallest_effect = 0.05", "smallest_effect = 0.4")
    assert lived.plan(at=day(0), customers=("p00001",)).order.holdouts == {"care": 0.0}  # no test begins with a few
    lived.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 0.1\n")
    run = lived.run(at=day(0))
    assert run.plan.order.holdouts == {"care": 0.0}
    assert held_out(lived, run.plan)[1] == {0.1}


def test_without_a_history_nobody_is_held_out_until_one_pays(tmp_path):
    tiny = make(tmp_path / "tiny", people=crowd(PEOPLE), late=(), brands=["north"])
    tiny.edit(YAML, "because:", "test: {holdout: auto}\nbecause:")
    run = tiny.run(at=day(0))
    assert (run.plan.order.holdouts, held_out(tiny, run.plan)) == ({"care": 0.0}, (set(), set()))


def test_a_plan_that_was_drawn_by_another_share_is_not_delivered(lived):
    plan = lived.plan(at=day(0))
    workspace = lived.load()
    test = workspace.products["care"].test.model_copy(update={"holdout": 0.1})
    begin_tests(workspace.settings, {"care": test}, plan.order.as_of)
    with pytest.raises(PlanError, match="a test of care has begun since this plan was made"):
        lived.deliver(plan.order.run_id, at=day(0))
    assert json.loads((lived.state / "tests.json").read_text("utf-8"))["care"]["holdout"] == 0.1
