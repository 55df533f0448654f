"""A kill switch for everything, a brand, a country or a product: it is asked in every seal, whoever wrote it and when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli, line
from flows.errors import PlanError, StateError, StoppedError, UsageError
from flows.settings import load_settings
from flows.stops import Kind, Stop, go, stop, stopped
from tests.tiny import MORNING, Tiny, clock, day, make

WHY = "wrong prices in the shop"
ROOT = Path(__file__).parents[2]


def stops(tiny: Tiny, kind: Kind = "everything", name: str = "everything", at=MORNING) -> Stop:
    return stop(load_settings(tiny.folder), kind, name, WHY, at)


def goes(tiny: Tiny, kind: Kind = "everything", name: str = "everything") -> Stop:
    return go(load_settings(tiny.folder), kind, name)


def command(tiny: Tiny, *arguments: str, at=MORNING) -> int:
    with clock(at):
        return cli.main([*arguments, "--workspace", str(tiny.folder)])


def nothing_left(tiny: Tiny) -> None:
    assert tiny.batches() == []
    assert tiny.history("SELECT * FROM claim") == []


def customers(tiny: Tiny, target: str, mode: str = "append", as_of: str = f"{MORNING:%F}") -> list[str]:
    batches = [seen for seen in tiny.batches() if seen.target == target and seen.manifest["as_of"] == as_of]
    return sorted(row["customer_id"] for seen in batches for row in seen.rows if row["_mode"] == mode)


# ---- everything


def test_while_everything_is_stopped_a_plan_is_kept_and_nothing_is_delivered_whoever_asks(planned, capsys):
    tiny, plan = planned
    stops(tiny)
    with pytest.raises(StoppedError, match=f"everything is stopped since 2026-11-22 09:00 UTC: {WHY}") as caught:
        tiny.deliver(plan.order.run_id)
    assert caught.value.hint == f"justenough go, and then: justenough deliver {plan.order.run_id} --expect 10"
    assert command(tiny, "deliver", plan.order.run_id) == 3
    assert "StoppedError" in capsys.readouterr().err
    nothing_left(tiny)
    assert tiny.history("SELECT * FROM run") == []


@pytest.mark.slow
def test_a_run_says_what_is_stopped_and_keeps_its_plan_which_goes_out_afterwards(planned, capsys):
    tiny, _ = planned
    assert command(tiny, "stop", "--why", WHY) == 0
    assert "everything is stopped since 2026-11-22 09:00 UTC" in capsys.readouterr().out
    assert command(tiny, "run", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["order"]["stopped"] == {"everything": f"since 2026-11-22 09:00 UTC: {WHY}"}
    assert (told["delivered"], told["waits"]["state"]) == (None, "Stopped")
    assert command(tiny, "run") == 3
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"Nothing is delivered, and the plan is kept: everything is stopped since 2026-11-22 09:00 UTC: {WHY}." in said
    )
    nothing_left(tiny)
    assert command(tiny, "go") == 0
    assert command(tiny, "deliver", told["plan"]["order"]["run_id"], "--expect", "10") == 0
    assert customers(tiny, "sms_file") == ["c06"]


@pytest.mark.slow
def test_a_stop_that_another_process_writes_between_plan_and_seal_holds(planned, while_staged, capsys):
    tiny, plan = planned

    def elsewhere() -> None:
        asked = [sys.executable, "-m", "flows.cli", "stop", "--why", WHY, "--workspace", str(tiny.folder)]
        subprocess.run(asked, cwd=ROOT, check=True, capture_output=True)

    asked = [elsewhere]
    while_staged("sms_file", lambda: asked.pop()() if asked else None)
    assert command(tiny, "deliver", plan.order.run_id, "--expect", "10") == 3
    said = " ".join(capsys.readouterr().out.split())
    assert f"A part of the plan {plan.order.run_id} waits: everything is stopped" in said
    # What was sealed before it has left; what was staged, and all that comes after it, has not.
    assert {seen.target for seen in tiny.batches()} == {"email_file"}
    assert tiny.history("SELECT DISTINCT channel FROM claim") == [("email",)]
    assert tiny.history("SELECT state, kind FROM batch WHERE channel <> 'email'") == [("aborted", "message")]
    assert list((tiny.state / "staging").iterdir()) == []
    assert tiny.history("SELECT state FROM run") == [("delivering",)]
    goes(tiny)
    assert command(tiny, "deliver", plan.order.run_id, "--expect", "10", at=day(0)) == 0
    assert {seen.target for seen in tiny.batches()} == {"email_file", "sms_file", "web_profiles"}
    assert tiny.history("SELECT state FROM run") == [("delivered",)]


@pytest.mark.slow
def test_a_run_that_was_killed_is_not_resumed_while_it_is_stopped_and_not_given_up(planned, while_staged):
    tiny, plan = planned
    kills = [KeyboardInterrupt]
    while_staged("sms_file", lambda: _killed(kills))
    with pytest.raises(KeyboardInterrupt):
        tiny.deliver(plan.order.run_id)
    stops(tiny)
    before = len(tiny.batches())
    done = tiny.run()
    assert [(found.batch_id, found.state) for found in done.recovered][1:] == [(plan.order.run_id, "waiting")]
    assert (done.resumed, done.delivered, len(tiny.batches())) == ((), None, before)
    goes(tiny)
    (resumed,) = tiny.run().resumed
    assert (resumed.plan.order.run_id, resumed.stopped) == (plan.order.run_id, ())
    assert customers(tiny, "sms_file") == ["c06"]


def _killed(kills: list[type[BaseException]]) -> None:
    """The first time that it comes by."""
    if kills:
        raise kills.pop()


@pytest.mark.slow
def test_what_is_on_hold_is_not_published_again_while_it_is_stopped(tiny):
    batch = tiny.history("SELECT batch_id FROM batch WHERE kind = 'message' ORDER BY 1")[0][0]
    tiny.change(f"UPDATE batch SET state = 'hold' WHERE batch_id = '{batch}'")
    before = tiny.everything()
    stops(tiny)
    assert command(tiny, "recover", batch, "--publish") == 3
    assert tiny.everything() == before
    assert len(tiny.batches()) == 3


@pytest.mark.slow
def test_what_failed_is_not_delivered_again_and_nothing_is_corrected_while_it_is_stopped(tiny, capsys):
    batch = next(seen.manifest["batch_id"] for seen in tiny.batches() if seen.target == "email_file")
    assert command(tiny, "acknowledge", batch, "failed") == 0
    stops(tiny, "brand", "north")
    capsys.readouterr()
    assert command(tiny, "deliver", "--failed", batch) == 3
    assert "Nothing of it was delivered: brand north is stopped" in " ".join(capsys.readouterr().out.split())
    goes(tiny, "brand", "north")
    stops(tiny)
    other = next(seen.manifest["batch_id"] for seen in tiny.batches() if seen.target == "sms_file")
    assert command(tiny, "acknowledge", other, "loaded") == 0
    assert command(tiny, "correct", other, "--expect", "1", at=day(0)) == 3
    assert len(tiny.batches()) == 3


# ---- a brand


@pytest.mark.slow
def test_of_a_brand_that_is_stopped_nothing_is_claimed_and_the_others_go_on(tmp_path):
    tiny = make(tmp_path / "tiny")
    stops(tiny, "brand", "south")
    done = tiny.run()
    assert done.plan.order.stopped == {"brand south": f"since 2026-11-22 09:00 UTC: {WHY}"}
    assert {seen.manifest["brand"] for seen in tiny.batches()} == {"north"}
    assert tiny.history("SELECT DISTINCT brand FROM claim") == [("north",)]
    assert tiny.history("SELECT DISTINCT brand FROM batch") == [("north",)]
    assert done.delivered.stopped == (f"brand south is stopped since 2026-11-22 09:00 UTC: {WHY}",)
    assert done.delivered.is_waiting
    again = tiny.run(at=day(0))  # it waits on, and nobody is decided for twice
    assert again.resumed[0].stopped == done.delivered.stopped
    assert again.plan.people_count == 0
    goes(tiny, "brand", "south")
    assert [old.stopped for old in tiny.run().resumed] == [(), ()]
    assert tiny.history("SELECT DISTINCT brand FROM claim ORDER BY 1") == [("north",), ("south",)]
    assert tiny.history("SELECT DISTINCT state FROM run") == [("delivered",)]
    assert customers(tiny, "email_file") == ["c01", "c01", "c03", "c04", "c07", "c08", "c08", "c13", "c15"]


# ---- a country


@pytest.fixture
def abroad(tmp_path) -> Tiny:
    """One brand; c01 and c06 live in Austria, and of c03 nobody knows where, which is taken for Germany."""
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.warehouse("UPDATE people SET country = ' at' WHERE customer_id IN ('c01', 'c06')")
    tiny.warehouse("UPDATE people SET country = NULL WHERE customer_id = 'c03'")
    return tiny


@pytest.mark.slow
def test_people_of_a_stopped_country_fall_away_when_a_plan_of_before_is_delivered(abroad):
    plan = abroad.plan()
    stops(abroad, "country", "AT")
    done = abroad.deliver(plan.order.run_id, plan.people_count)  # though it is more than falls away by itself
    assert {batch.target: batch.dropped for batch in done.published} == {
        "email_file": {"EXCLUDED": 1},
        "sms_file": {"EXCLUDED": 1},
        "web_profiles": {"EXCLUDED": 2},
    }
    assert customers(abroad, "email_file") == ["c03", "c04", "c07", "c08", "c08", "c13"]
    assert (customers(abroad, "sms_file"), done.stopped) == ([], ())


@pytest.mark.slow
@pytest.mark.parametrize("target", ["email_file", "web_profiles"])
def test_people_of_a_country_that_is_stopped_while_a_batch_is_made_fall_away_at_the_seal(abroad, while_staged, target):
    while_staged(target, lambda: stops(abroad, "country", "AT"))
    done = abroad.run().delivered
    mine = next(batch for batch in done.published if batch.target == target)
    assert mine.dropped == {"EXCLUDED": {"email_file": 1, "web_profiles": 2}[target]}
    assert "c01" not in customers(abroad, target)
    assert mine.rows == len(customers(abroad, target))
    held = abroad.history(f"SELECT count(*) FROM claim JOIN batch USING (batch_id) WHERE target = '{target}'")
    assert held == [(0 if target == "web_profiles" else mine.rows,)]
    if target == "email_file":  # and at every later one of the same run
        assert customers(abroad, "sms_file") == []


@pytest.mark.slow
def test_a_plan_that_is_made_meanwhile_leaves_them_out_and_what_holds_of_them_is_taken_away(abroad, capsys):
    abroad.run()
    stops(abroad, "country", "DE")
    plan = abroad.run(at=day(1)).plan
    assert plan.order.stopped == {"country DE": f"since 2026-11-22 09:00 UTC: {WHY}"}
    assert plan.people["service"].reasons == {"EXCLUDED": 3}
    held = customers(abroad, "web_profiles")
    assert customers(abroad, "web_profiles", "remove", f"{day(1):%F}") == [
        who for who in held if who not in {"c01", "c06"}
    ]
    with clock(day(1)):
        found = line.explain(abroad.load(), "c03")
    assert command(abroad, "explain", "c03", at=day(1)) == 0
    assert "the country DE is stopped" in " ".join(capsys.readouterr().out.split())
    assert found is not None
    goes(abroad, "country", "DE")
    abroad.run(at=day(40))
    assert "c03" in customers(abroad, "email_file", as_of=f"{day(40):%F}")


@pytest.mark.slow
def test_what_is_on_its_way_to_a_stopped_country_is_called_back(abroad):
    abroad.run()
    stops(abroad, "country", "AT")
    recalled = abroad.run(at=day(0)).delivered.recalled
    assert recalled.reasons == {"EXCLUDED": 2}


# ---- a product


def test_to_stop_a_product_is_to_pause_it(planned):
    tiny, plan = planned
    assert command(tiny, "stop", "--product", "care", "--why", WHY) == 0
    assert set(tiny.load().pauses) == {"care"}
    with pytest.raises(PlanError, match="settings, words or SQL have changed"):
        tiny.deliver(plan.order.run_id)
    assert command(tiny, "go", "--product", "care") == 0
    assert stopped(load_settings(tiny.folder)) == ()


# ---- the files, and the commands


def test_a_stop_keeps_its_first_reason_and_ends_when_somebody_says_so(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    settings = load_settings(tiny.folder)
    first = stops(tiny, "country", "DE")
    assert stop(settings, "country", "DE", "another", day(3)) == first == Stop("country", "DE", MORNING, WHY)
    assert stopped(settings) == (first,)
    assert settings.folder("stopped", "countries", "DE.json").stat().st_mode & 0o777 == 0o600
    assert go(settings, "country", "DE") == first
    with pytest.raises(UsageError, match="the country 'DE' is not stopped"):
        go(settings, "country", "DE")


@pytest.mark.slow
def test_a_file_that_is_not_as_it_was_written_stops_everything(planned):
    tiny, plan = planned
    stops(tiny, "brand", "north")
    load_settings(tiny.folder).folder("stopped", "brands", "north.json").write_text("{}", "utf-8")
    with pytest.raises(StateError, match="does not say since when brand north is stopped"):
        tiny.deliver(plan.order.run_id)
    nothing_left(tiny)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--brand", "nort"], "did you mean 'north'?"),
        (["--product", "car"], "did you mean 'care'?"),
        (["--country", "Germany"], "'GERMANY' is no country"),
        (["--country", "DE", "--brand", "north"], "name one at a time"),
    ],
)
def test_what_cannot_be_stopped_is_told(tmp_path, capsys, arguments, complaint):
    tiny = make(tmp_path / "tiny", brands=["north"])
    assert command(tiny, "stop", *arguments, "--why", WHY) == 2
    assert complaint in capsys.readouterr().err
    assert stopped(load_settings(tiny.folder)) == ()


@pytest.mark.slow
def test_check_says_what_is_stopped_since_when(planned, capsys):
    tiny, _ = planned
    stops(tiny, "country", "DE")
    stops(tiny, "product", "care")
    assert command(tiny, "check", "--json") == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    since = f"is stopped since 2026-11-22 09:00 UTC: {WHY}; when it may speak again: justenough go"
    assert [each for each in warnings if "is stopped" in each] == [
        f"country DE {since} --country DE",
        f"product care {since} --product care",
    ]
