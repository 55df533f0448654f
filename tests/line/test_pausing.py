"""A product that is paused says nothing until a person has looked, at once and whatever product.yaml says."""

from __future__ import annotations

import json
import stat

import pytest

from flows import cli, line
from flows.errors import PlanError, StateError, UsageError
from flows.pauses import Pause, pause, paused, resume
from flows.settings import load_settings
from tests.tiny import MORNING, clock, day

WHY = "complaints are over the limit"


@pytest.fixture
def stopped(tiny):
    """After its first day, with `care` paused."""
    tiny.warehouse("INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4)")
    pause(load_settings(tiny.folder), "care", WHY, MORNING)
    return tiny


def messages(tiny, number: int) -> list[tuple]:
    return tiny.history(f"SELECT DISTINCT product FROM claim WHERE as_of = '{day(number):%F}' ORDER BY 1")


def test_nothing_of_it_is_sent_and_the_others_go_on(stopped):
    outcome = stopped.run(at=day(40))
    assert messages(stopped, 40) == [("late",)]
    assert outcome.plan.order.paused == {"care": WHY}
    assert "care" not in outcome.plan.order.products


@pytest.mark.slow
def test_what_platforms_hold_of_it_is_taken_away(stopped):
    stopped.run(at=day(1))
    removed = [
        row
        for b in stopped.batches()
        if b.target == "web_profiles" and b.manifest["as_of"] == f"{day(1):%F}"
        for row in b.rows
    ]
    assert {row["_mode"] for row in removed} >= {"remove"}
    held = stopped.history("SELECT count(*) FROM claim WHERE product = 'care' AND channel = 'web'")
    assert held == [(0,)]


def test_a_plan_that_was_made_before_is_not_delivered(tiny):
    tiny.warehouse("INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4)")
    plan = tiny.plan(at=day(1))
    pause(load_settings(tiny.folder), "care", WHY, day(1))
    with pytest.raises(PlanError, match="settings, words or SQL have changed"):
        tiny.deliver(plan.order.run_id, at=day(1))


def test_what_is_being_delivered_is_sealed_no_more(tiny, while_staged):
    tiny.warehouse("INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4)")
    while_staged("email_file", lambda: pause(load_settings(tiny.folder), "care", WHY, day(1)))
    with pytest.raises(PlanError, match="changed while it was delivered"):
        tiny.run(at=day(1))
    assert messages(tiny, 1) == []


@pytest.mark.slow
def test_it_speaks_again_once_somebody_says_so(stopped):
    assert resume(load_settings(stopped.folder), "care") == Pause("care", MORNING, WHY)
    stopped.run(at=day(40))
    assert ("care",) in messages(stopped, 40)


def test_a_pause_keeps_its_first_reason_and_is_private(stopped):
    settings = load_settings(stopped.folder)
    assert pause(settings, "care", "another", day(3)) == Pause("care", MORNING, WHY)
    assert paused(settings) == {"care": Pause("care", MORNING, WHY)}
    file = settings.folder("paused", "care.json")
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_a_pause_of_a_product_that_is_gone_stops_nothing(tiny):
    pause(load_settings(tiny.folder), "gone", WHY, MORNING)
    assert tiny.load().pauses == {}
    assert [product.name for product in tiny.load().live(day(0).date())] == ["care", "late"]


def test_a_draft_stays_a_draft(stopped):
    stopped.edit("templates/care/product.yaml", "status: live", "status: draft")
    assert stopped.load().products["care"].status == "draft"


def test_a_file_that_is_not_as_it_was_written_stops_everything(stopped):
    file = load_settings(stopped.folder).folder("paused", "care.json")
    file.write_text("{}", "utf-8")
    with pytest.raises(StateError) as caught:
        stopped.load()
    assert caught.value.where.endswith("paused/care.json")
    assert "justenough pause care" in caught.value.hint


def test_what_is_not_paused_cannot_be_resumed(stopped):
    with pytest.raises(UsageError) as caught:
        resume(load_settings(stopped.folder), "car")
    assert (caught.value.what, caught.value.hint) == ("'car' is not paused", "did you mean 'care'?")


def test_the_commands_say_what_comes_next_and_a_run_waits_for_a_person(tiny, capsys):
    where = ["--workspace", str(tiny.folder)]
    with clock(day(40)):
        assert cli.main(["pause", "care", "--why", WHY, *where]) == 0
        assert "justenough recall --product care" in " ".join(capsys.readouterr().out.split())
        assert cli.main(["run", *where]) == 3
        said = " ".join(capsys.readouterr().out.split())
        assert f"care is left out, since it is paused ({WHY}): when it may speak, justenough resume care" in said
        assert cli.main(["products", "--json", *where]) == 0
        assert [each["status"] for each in json.loads(capsys.readouterr().out)] == ["paused", "live"]
        assert cli.main(["resume", "care", *where]) == 0
        assert "may speak again" in capsys.readouterr().out
        assert cli.main(["pause", "car", *where]) == 2
        assert "there is no product 'car'" in capsys.readouterr().err


def test_a_comparison_of_versions_goes_by_the_pauses_of_today(stopped, tmp_path):
    other = stopped.copy(tmp_path / "other")
    resume(load_settings(other.folder), "care")
    with clock(day(40)):
        beside = other.load().on_the_data_of(stopped.load())
        assert [product.name for product in beside.live(day(40).date())] == ["late"]
    assert line.check(stopped.load())
