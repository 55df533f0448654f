"""A look that counts: it pauses what does harm at once, and keeps what it found and proposes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import polars as pl
import pytest

from flows.cli import main
from flows.clock import midnight
from flows.errors import UsageError
from flows.learning.keeping import look_and_keep
from flows.learning.products import read_products
from flows.ledger.proposals import last_readouts, open_proposals
from flows.ledger.store import open_ledger
from flows.pauses import pause, paused, resume
from flows.settings import load_settings
from tests.learning.histories import LONG_AFTER, START, at, chances, decided, fill, outcomes, shop

LEAVING = {"held out": 0.004, "guide": 0.034, "list": 0.034}
STAYING = dict.fromkeys(LEAVING, 0.004)
TOLERATED = {"held out": 0.004, "guide": 0.008, "list": 0.008}
ORDERED = {"held out": 0.10, "guide": 0.10, "list": 0.20}
ASKED = {"held out": 0.20, "guide": 0.20, "list": 0.10}
ALARM = "more people have unsubscribed in treated, as justenough readout tells"


def days(count: int, people: int = 1_000, *, start: int = 0) -> pl.DataFrame:
    return pl.concat([decided(people, day, first=100_000 + people * day) for day in range(start, start + count)])


def history(decisions: pl.DataFrame, leaving: dict[str, float]) -> dict:
    told = {"ordered": ORDERED, "question": ASKED, "unsubscribed": leaving}
    rows = [chances(decisions, chance, name, seed=len(name)) for name, chance in told.items()]
    return {"decision": decisions, "outcome": [outcomes(each, 100 + place) for place, each in enumerate(rows)]}


def look(tiny, moment: datetime = LONG_AFTER, names=()):
    with at(moment):
        return look_and_keep(tiny.load(), names)


@pytest.fixture(scope="module")
def harmful(tmp_path_factory):
    """Twenty days in which more people who were spoken to unsubscribed; nobody has looked yet."""
    tiny = shop(tmp_path_factory.mktemp("harmful") / "workspace")
    fill(tiny, **history(days(20), LEAVING))
    return tiny


@pytest.fixture
def tiny(harmful, tmp_path):
    return harmful.copy(tmp_path / "tiny")


@pytest.fixture
def calm(tmp_path):
    """The same days, in which nobody was driven away: the list helps most."""
    made = shop(tmp_path / "calm")
    fill(made, **history(days(20), STAYING))
    return made


def paused_why(tiny) -> dict[str, str]:
    return {name: each.why for name, each in paused(load_settings(tiny.folder)).items()}


def test_a_guardrail_that_is_worse_pauses_the_product_at_once_and_the_others_go_on(tiny):
    found = look(tiny)
    assert [(each.product, each.why, each.since) for each in found.paused] == [("care", ALARM, LONG_AFTER)]
    assert paused_why(tiny) == {"care": ALARM}
    with at(LONG_AFTER):
        assert [product.name for product in tiny.load().live(LONG_AFTER.date())] == ["late"]


@pytest.mark.slow
def test_that_a_few_more_people_leave_than_of_those_who_heard_nothing_pauses_nothing(tmp_path):
    made = shop(tmp_path / "borne")
    fill(made, **history(days(40, 2_000), TOLERATED))
    found = look(made)
    [leaving] = [
        each.contrast.always
        for each in found.products[0].compared
        if (each.role, each.basis, each.contrast.metric, each.contrast.arm)
        == ("guardrail", "intention", "unsubscribed", "treated")
    ]
    assert 0 < leaving.low < leaving.high < 0.01
    assert (found.products[0].alarms, found.paused, paused_why(made)) == ((), (), {})


def test_how_much_harm_is_borne_is_a_setting(tiny):
    """Four in a hundred more leave of those who were spoken to."""
    settings = tiny.folder / "pyproject.toml"
    settings.write_text(settings.read_text() + '\n[tool.justenough.guardrails]\nunsubscribed = "20 %"\n')
    found = look(tiny)
    assert (found.products[0].alarms, found.paused) == ((), ())


def test_to_look_without_keeping_changes_nothing(tiny):
    with at(LONG_AFTER):
        found = read_products(tiny.load())
    assert (found.products[0].alarms, found.paused, paused_why(tiny)) == (("unsubscribed, treated",), (), {})
    assert tiny.history("SELECT count(*) FROM readout UNION ALL SELECT count(*) FROM proposal") == [(0,), (0,)]


@pytest.mark.slow
def test_what_is_paused_already_keeps_its_reason(tiny):
    pause(load_settings(tiny.folder), "care", "the page is down", LONG_AFTER)
    assert look(tiny).paused == ()
    assert paused_why(tiny) == {"care": "the page is down"}


@pytest.mark.slow
def test_after_a_person_let_it_speak_again_what_they_had_seen_does_not_pause_it_and_what_comes_then_does(tiny):
    """The pause ends on the 30th day. Decisions of that day may have been before it; those of the days after count."""
    back = midnight(START + timedelta(days=30), load_settings(tiny.folder).zone) + timedelta(hours=9)
    assert look(tiny, back - timedelta(hours=1)).paused != ()
    with at(back):
        resume(load_settings(tiny.folder), "care")
    for hours in (1, 24):
        again = look(tiny, back + timedelta(hours=hours))
        assert (again.paused, again.products[0].alarms) == ((), ("unsubscribed, treated",))
    fill(tiny, **history(days(1, 20_000, start=30), LEAVING))
    assert look(tiny, back + timedelta(days=40)).paused == ()
    fill(tiny, **history(days(14, 2_000, start=31).with_columns(person_key="r" + pl.col("person_key")), LEAVING))
    assert [each.product for each in look(tiny, back + timedelta(days=40)).paused] == ["care"]


@pytest.mark.slow
def test_after_that_it_goes_on_where_nothing_is_worse_any_more(tiny):
    back = midnight(START + timedelta(days=30), load_settings(tiny.folder).zone)
    look(tiny, back)
    with at(back):
        resume(load_settings(tiny.folder), "care")
    fill(tiny, **history(days(14, 2_000, start=31), STAYING))
    later = look(tiny, back + timedelta(days=40))
    assert (later.paused, later.products[0].alarms) == ((), ("unsubscribed, treated",))


@pytest.mark.slow
def test_only_what_speaks_is_paused(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: draft")
    found = look(tiny)
    assert (found.paused, paused_why(tiny)) == ((), {})
    assert found.products[0].proposals == ()


def test_what_was_found_and_is_proposed_is_kept_and_found_again_by_its_id(calm):
    moment = LONG_AFTER.replace(month=10, day=11)
    found = look(calm, moment)
    care = found.products[0]
    with open_ledger(load_settings(calm.folder), read_only=True) as ledger:
        readouts, waiting = last_readouts(ledger), open_proposals(ledger)
    helped = care.of_all("helped").contrast
    told = readouts.filter(product="care").row(0, named=True)
    expected = {"verdict": care.verdict, "metric": "no_question", "as_of": moment.date(), "since": START}
    expected |= {"lift": helped.lift, "lift_low": helped.lift_always.low, "lift_high": helped.lift_always.high}
    expected |= {"alarms": [], "product_version": None, "read_at": moment}
    assert {name: told[name] for name in expected} == expected
    assert json.loads(told["found"], parse_constant=pytest.fail)["compared"][0]["contrast"]["is_sure"] is True
    assert readouts.filter(product="late")["lift"].to_list() == [None]
    (each,) = care.proposals
    assert waiting.rows() == [("care", each.id, "scale", "variant list", each.says, 0, moment)]
    lately = days(10, start=10).filter(pl.col("reason").is_null()).height
    assert f" {round(lately / 2):,} people in thirty days would be told otherwise." in each.says
    again = look(calm, moment + timedelta(days=1))
    assert [each.id for each in again.products[0].proposals] == [each.id for each in care.proposals]
    with open_ledger(load_settings(calm.folder), read_only=True) as ledger:
        assert open_proposals(ledger).drop("says").rows() == waiting.drop("says").rows()


@pytest.mark.slow
def test_a_look_at_one_product_leaves_what_is_proposed_of_others(calm):
    look(calm)
    before = calm.history("SELECT proposal_id, state FROM proposal ORDER BY 1")
    assert [state for _, state in before] == ["open"]
    look(calm, names=["late"])
    assert calm.history("SELECT proposal_id, state FROM proposal ORDER BY 1") == before


@pytest.mark.slow
def test_the_command_keeps_says_so_and_ends_with_three(tiny, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", LONG_AFTER.isoformat())
    monkeypatch.setenv("COLUMNS", "250")
    words = ["readout", "--workspace", str(tiny.folder)]
    assert main(words) == 0
    assert "is paused from now on" not in capsys.readouterr().out
    assert main([*words, "--keep"]) == 3
    assert capsys.readouterr().out.startswith(f"care is paused from now on: {ALARM}. ")
    assert main([*words, "--keep"]) == 0
    assert main([*words, "--keep", "--since", "2026-09-01"]) == 2
    assert main(["readout", "--data", "x.csv", "--arm", "a", "--control", "b", "--metric", "c", "--keep"]) == 2


@pytest.mark.slow
def test_an_unknown_product_is_refused_before_anything_is_kept(tiny):
    with pytest.raises(UsageError):
        look(tiny, names=["car"])
    assert tiny.history("SELECT count(*) FROM readout") == [(0,)]
