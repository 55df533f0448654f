"""The power check: what it says of a test before there is an answer, held against experiments that are simulated."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import log, sqrt

import numpy as np
import polars as pl
import pytest

from flows.cli import main
from flows.learning.power import PAYS_WITHIN, Found, Pace, Power, held_share, paces, power, powers
from flows.line import check
from flows.pages.powers import power_lines
from tests.learning.histories import START, at, batch, chances, claimed, decided, fill, outcomes, shop
from tests.tiny import make

RATES = {"helped": 0.9, "business": 0.106167}
WITHIN_DAYS = 14


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make(tmp_path_factory.mktemp("power") / "workspace", brands=["north"])


def told(tiny, test: str = "", pace: Pace | None = None, global_holdout: float = 0.0):
    """What it says of `care`, whose success counts for fourteen days, with a `test` as product.yaml writes it."""
    workspace = tiny.load()
    product = workspace.products["care"]
    product = product.model_copy(update={"test": type(product.test).model_validate(json.loads(test or "{}"))})
    settings = workspace.settings.model_copy(update={"global_holdout": global_holdout})
    return power(product, settings, pace or Pace())


def days(tiny, test: str, people_a_day: float, rate: float) -> int | None:
    (found,) = told(tiny, test, Pace(people_a_day, {"helped": rate, "business": rate})).tried
    assert found.days["helped"] == found.days["business"]
    return found.days["helped"]


@pytest.mark.oracle
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_after_so_many_days_four_in_five_simulated_experiments_have_found_the_difference(tiny, share):
    """Looked at every day, by the interval of statistics.md, written anew: on the last day alone four in five, ever some more."""
    daily, rate, effect, runs = 12_000, RATES["business"], 0.05, 4_000
    found = days(tiny, json.dumps({"holdout": share}), daily, rate)
    assert found is not None
    looks = found - WITHIN_DAYS
    drawn = np.random.default_rng(7)
    ends = daily * np.arange(1, looks + 1)
    means = []
    for of, chance in ((share, rate), (1 - share, rate * (1 + effect))):
        means.append(np.cumsum(drawn.binomial(round(daily * of), chance, (runs, looks)), axis=1) / (ends * of))
    errors = np.sqrt(means[0] * (1 - means[0]) / (ends * share) + means[1] * (1 - means[1]) / (ends * (1 - share)))
    planned, alpha = 4 * 7 * daily, 0.05
    reach = ends * (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned + 1
    is_found = np.abs(means[1] - means[0]) > errors * np.sqrt(reach / (reach - 1) * np.log(reach / alpha**2))
    assert is_found[:, -1].mean() == pytest.approx(0.8, abs=0.03)
    assert 0.8 < is_found.any(axis=1).mean() < 0.9


def test_the_people_of_both_arms_are_counted_and_the_time_of_the_last_one(tiny):
    halves = days(tiny, '{"variants": {"a": 0.5, "b": 0.5}}', 4_000, 0.1)
    assert halves == days(tiny, '{"holdout": 0.5}', 4_000, 0.1)
    first, *_ = told(
        tiny,
        '{"variants": {"a": 0.25, "b": 0.25, "c": 0.5}, "holdout": 0.5}',
        Pace(16_000, {"helped": 0.1, "business": 0.1}),
    ).tried[1:]
    assert (first.what, first.days["helped"]) == ("variant b", halves)  # a quarter of all are in either arm
    needed = (halves - WITHIN_DAYS) * 4_000
    spread = sqrt(0.1 * 0.9 * 4)
    reach = needed * (-2 * log(0.05) + log(1 - 2 * log(0.05))) / 112_000 + 1
    assert (sqrt(reach / (reach - 1) * log(reach / 0.0025)) + 0.8416) * spread / sqrt(needed) == pytest.approx(
        0.005, rel=0.02
    )


def test_what_is_set_is_told_by_itself_and_levels_against_the_highest(tiny):
    test = '{"holdout": 0.1, "variants": {"a": 0.5, "b": 0.3, "c": 0.2}, "levels": {"2": 0.5, "0": 0.5}}'
    found = told(tiny, test, Pace(1_000, RATES), global_holdout=0.05)
    assert [each.what for each in found.tried] == ["holdout of 14.5 %", "variant b", "variant c", "detail level 0"]
    assert held_share(0.05, 0.1) == pytest.approx(0.145)
    assert (told(tiny).tried, told(tiny, global_holdout=1.0).tried) == ((), ())


def test_it_pays_where_either_success_shows_in_ninety_days(tiny):
    found = {rate: days(tiny, '{"holdout": 0.1}', 20_000, rate) for rate in (0.5, 0.03, 0.01)}
    assert found[0.5] < PAYS_WITHIN.days < found[0.03] < found[0.01]
    for rates, pays in (((0.5, 0.01), True), ((0.01, 0.5), True), ((0.01, 0.03), False)):
        (each,) = told(tiny, '{"holdout": 0.1}', Pace(20_000, dict(zip(RATES, rates, strict=True)))).tried
        assert (each.pays, each.days) == (pays, {role: found[rate] for role, rate in zip(RATES, rates, strict=True)})
    assert days(tiny, '{"holdout": 0.1}', 1e-6, 0.01) is None


@pytest.mark.parametrize("test", ['{"holdout": 0.1}', '{"variants": {"a": 0.5, "b": 0.5}}'])
def test_from_so_many_people_a_week_on_it_pays_and_a_few_less_do_not_do(tiny, test):
    (found,) = told(tiny, test, Pace(None, {"business": 0.2, "helped": 0.2})).tried
    assert (found.pays, found.days) == (None, {})
    enough = found.people_a_week
    assert enough % 10 ** (len(str(enough)) - 2) == 0
    assert days(tiny, test, enough / 7, 0.2) <= PAYS_WITHIN.days < days(tiny, test, 0.88 * enough / 7, 0.2)


def test_a_holdout_of_its_own_would_pay_where_that_of_all_does_not_and_the_smallest_is_told(tiny):
    def would(people_a_day, test="", global_holdout=0.0):
        found = told(tiny, test, Pace(people_a_day, {"helped": 0.3, "business": 0.3}), global_holdout)
        return [each.what for each in found.would_pay]

    halves = "variants: two of 50%"
    assert would(500) == []
    assert would(1_000) == [halves]
    assert would(2_200) == ["holdout: 10%", halves]
    assert would(4_000) == ["holdout: 5%", halves]
    assert would(12_000) == ["holdout: 2%", halves]
    assert would(2_000, global_holdout=0.05) == ["holdout: 10%", halves]
    assert would(3_000, global_holdout=0.05) == ["holdout: 2%", halves]
    assert would(4_000, global_holdout=0.05) == [halves]
    assert would(12_000, '{"holdout": 0.01, "variants": {"a": 0.5, "b": 0.5}}') == []
    assert told(tiny, "", Pace(None, {})).would_pay == ()


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Sixty days of two hundred people each, those of the first on the tenth, too; what became of them is known for 55 days."""
    shop_ = shop(tmp_path_factory.mktemp("story") / "workspace")
    people = pl.concat([decided(200, day, first=10_000 * (day + 1)) for day in range(60)])
    again = people.filter(pl.col("as_of") == START).with_columns(as_of=START + timedelta(days=9))
    ordered = chances(people, {"held out": 0.1, "guide": 0.1, "list": 0.1}, "ordered", seed=1)
    asked = chances(people, {"held out": 0.2, "guide": 0.2, "list": 0.2}, "question", seed=2)
    fill(
        shop_,
        decision=[people, again, decided(500, product="late", message_type=pl.lit("service"))],
        batch=batch(),
        claim=claimed(people),
        outcome=[outcomes(ordered, 55), outcomes(asked, 54)],
    )
    return shop_, people, ordered, asked


def day(number: int) -> datetime:
    return datetime.combine(START, datetime.min.time(), UTC) + timedelta(days=number, hours=9)


def test_people_and_rates_are_the_historys(story):
    tiny, people, ordered, asked = story
    with at(day(59)):
        workspace = tiny.load()
        found = paces(list(workspace.products.values())[:1], workspace.settings)["care"]
    assert found.people_a_day == 200.0
    over = people.filter(pl.col("as_of") <= START + timedelta(days=55 - WITHIN_DAYS))
    shares = [
        rows.join(over, on="person_key", how="semi")["person_key"].n_unique() / over.height for rows in (asked, ordered)
    ]
    assert found.rates == {"helped": pytest.approx(1 - shares[0]), "business": pytest.approx(shares[1])}


def test_only_the_last_ninety_days_count_and_a_first_week_is_too_short(story):
    tiny, _, _, _ = story
    workspace = tiny.load()
    care = [workspace.products["care"]]
    for number, people_a_day in ((5, None), (6, 200), (98, 200 * 52 / 90), (119, 200 * 30 / 90), (149, None)):
        with at(day(number)):
            assert paces(care, workspace.settings)["care"].people_a_day == people_a_day, number


def test_check_says_it_with_the_history_and_without(story, capsys, monkeypatch):
    tiny = story[0]
    monkeypatch.chdir(tiny.folder)
    with at(day(59)):
        assert main(["check"]) == 0
        printed = capsys.readouterr().out
        assert main(["check", "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["tests"]
    assert "care tests · 1,400 people a week, helped 80.0%, business 10.3%\n" in printed
    assert "  holdout of 20 % does not pay: helped in " in printed
    assert "  variant list does not pay: helped in " in printed
    assert "  no holdout of up to 10% would pay, nor would two variants" in printed
    assert (found["product"], found["people_a_week"], found["assumed"]) == ("care", 1_400, [])
    assert {each["what"]: each["pays"] for each in found["tried"]} == {"holdout of 20 %": False, "variant list": False}


def test_without_people_it_says_how_many_there_have_to_be(tmp_path):
    tiny = shop(tmp_path / "workspace")
    (found,) = powers(tiny.load())
    assert (found.people_a_week, found.assumed) == (None, ("helped", "business"))
    head, *lines = power_lines(found)
    assert head == "care tests · the history does not tell yet how many people come"
    assert lines == [f"  {each.what} pays from {each.people_a_week:,} people a week on" for each in found.tried]
    assert not (tiny.state / "ledger.duckdb").exists()


def test_sentences_say_what_pays_what_does_not_and_what_nobody_needs_to_try():
    pays = Found("holdout of 5 %", {"helped": 41, "business": None}, 1_200, pays=True)
    never = Found("variant list", {"helped": None}, None, pays=False)
    told = Power("care", 1_400, {"helped": 0.5}, ("business",), (pays, never), (pays,))
    assert list(power_lines(told)) == [
        "care tests · 1,400 people a week, helped 50.0%, business not known",
        "  holdout of 5 % pays: helped in 41 days, business never",
        "  variant list does not pay: helped never; it would with no number of people",
        "  holdout of 5 % in product.yaml would pay: helped in 41 days, business never",
    ]
    nothing = Power("care", None, {}, ("helped",), (), ())
    assert list(power_lines(nothing)) == []


def test_a_history_that_cannot_be_read_is_a_warning_and_no_refusal(tmp_path):
    tiny = make(tmp_path / "workspace", brands=["north"])
    (tiny.state / "ledger.duckdb").write_text("no ledger", "utf-8")
    with at(day(59)):
        found = check(tiny.load())
    assert found.tests == ()
    (warning,) = [each for each in found.warnings if "nobody can tell whether tests pay" in each]
    assert warning.startswith(str(tiny.state / "ledger.duckdb"))
