"""Plan, look, deliver: what was planned, or less with reasons, never more, and never another plan than the one looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from flows.errors import LockedError, PlanError, SourceError, UsageError
from flows.line.planned import check_current
from tests.tiny import MORNING, crowd, day, make

ROOT = __file__.rpartition("/tests/")[0]


def unpublished(tiny):
    """Nothing is in the outbox, and the ledger has noted nothing."""
    assert tiny.batches() == []
    assert not any(rows for name, rows in tiny.everything().items() if name != "schema_version")


def refusal(tiny, plan, expected=None, **when):
    """What `deliver` says to a plan that it does not deliver."""
    with pytest.raises(PlanError) as refused:
        tiny.deliver(plan.order.run_id, expected, **when)
    unpublished(tiny)
    return refused.value


def test_a_plan_claims_nothing_and_publishes_nothing(planned):
    tiny, plan = planned
    assert plan.people_count == 10
    unpublished(tiny)


def test_a_plan_whose_identifiers_are_an_earlier_versions_is_not_delivered(planned):
    tiny, plan = planned
    check_current(tiny.load(), plan.order)
    earlier = plan.order.model_copy(update={"digits": 64})
    with pytest.raises(PlanError, match="it was made by an earlier version of this program"):
        check_current(tiny.load(), earlier)


def test_what_is_delivered_is_what_was_planned(planned):
    tiny, plan = planned
    delivered = tiny.deliver(plan.order.run_id, 10)
    assert sum(p.rows for p in delivered.published) == sum(count.rows for count in plan.counts) == 18
    assert len({row["message_id"] for batch in tiny.batches() for row in batch.rows}) == 18
    with pytest.raises(PlanError) as refused:
        tiny.deliver(plan.order.run_id)
    again = refused.value
    assert again.what == "this plan was delivered already"
    assert sum(len(batch.rows) for batch in tiny.batches()) == 18


def test_another_number_than_the_approved_one_is_refused(planned):
    tiny, plan = planned
    error = refusal(tiny, plan, 9)
    assert error.what == "9 were approved, and the plan has 10"
    assert error.hint.endswith(f"justenough deliver {plan.order.run_id} --expect 10")


def test_a_plan_that_has_expired_is_refused(planned):
    tiny, plan = planned
    assert refusal(tiny, plan, at=MORNING + timedelta(hours=24)).what == "this plan expired at 2026-11-23 09:00 UTC"
    late = MORNING + timedelta(hours=23, minutes=59)
    assert refusal(tiny, plan, at=late).what == "2026-11-22 is over"
    tiny.deliver(plan.order.run_id, at=late, allow_past=True)


@pytest.mark.parametrize(
    "name", ["order.json", "creatives.ndjson", "decisions/0000.parquet", "deliveries/0000-care.parquet"]
)
def test_a_file_of_the_plan_that_was_changed_is_refused(planned, name):
    tiny, plan = planned
    path = tiny.state / "plans" / plan.order.run_id / name
    path.write_bytes(path.read_bytes() + b" ")
    error = refusal(tiny, plan)
    assert (error.where, error.what) == (f"{plan.order.run_id}/{name}", "this file of the plan was changed")


def test_a_file_of_the_plan_that_is_gone_is_refused(planned):
    tiny, plan = planned
    (tiny.state / "plans" / plan.order.run_id / "creatives.ndjson").unlink()
    assert refusal(tiny, plan).what == "this file of the plan was changed"


def test_a_plan_that_was_never_finished_is_refused(planned):
    tiny, plan = planned
    (tiny.state / "plans" / plan.order.run_id / "plan.json").unlink()
    assert refusal(tiny, plan).what == "this plan was never finished"


@pytest.mark.bad_input(59)
@pytest.mark.parametrize(
    "name", ["templates/care/email.j2", "templates/_shared/sms_layout.j2", "sql/segments/owners.sql"]
)
def test_words_sql_or_settings_that_have_changed_since_are_refused(planned, name):
    tiny, plan = planned
    path = tiny.folder / name
    path.write_text(path.read_text("utf-8") + "\n\n", "utf-8")
    assert refusal(tiny, plan).what == "settings, words or SQL have changed since this plan was made"


def test_settings_that_have_changed_since_are_refused_wherever_they_are_set(planned, monkeypatch):
    tiny, plan = planned
    monkeypatch.setenv("JUSTENOUGH_GLOBAL_HOLDOUT", "0.5")
    assert refusal(tiny, plan).what == "settings, words or SQL have changed since this plan was made"
    monkeypatch.delenv("JUSTENOUGH_GLOBAL_HOLDOUT")
    tiny.edit("pyproject.toml", 'site_url = "https://north', 'site_url = "https://south')
    assert refusal(tiny, plan).what == "settings, words or SQL have changed since this plan was made"


def test_a_plan_for_a_past_day_is_delivered_only_when_that_is_said(planned):
    tiny, _ = planned
    plan = tiny.plan(at=day(1), as_of=MORNING.date())
    error = refusal(tiny, plan, at=day(1))
    assert (error.what, error.hint) == ("2026-11-22 is over", "to deliver for a past day add --allow-past")
    assert tiny.deliver(plan.order.run_id, at=day(1), allow_past=True).published[0].rows == 7


def test_a_day_in_the_future_is_refused(planned):
    tiny, _ = planned
    with pytest.raises(UsageError) as refused:
        tiny.plan(as_of=day(1).date())
    error = refused.value
    assert error.what == "2026-11-23 is in the future; today is 2026-11-22"


def test_an_unknown_plan_is_refused_with_the_nearest(planned):
    tiny, plan = planned
    with pytest.raises(PlanError) as refused:
        tiny.deliver(plan.order.run_id[:-1])
    error = refused.value
    assert error.hint == f"did you mean '{plan.order.run_id}'?"
    with pytest.raises(PlanError) as refused:
        tiny.deliver(f"../plans/{plan.order.run_id}")
    error = refused.value
    assert error.what == "there is no plan of this name"


def test_a_plan_of_which_too_much_has_fallen_away_is_refused(planned):
    tiny, plan = planned
    tiny.says("c01")
    error = refusal(tiny, plan)
    assert error.what == "2 of 18 planned deliveries may not leave any more"  # 12.5 %, and 1 % is tolerated


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A plan for 200 people."""
    tiny = make(tmp_path_factory.mktemp("crowd") / "tiny", people=crowd(200), late=[], brands=["north"])
    return tiny, tiny.plan()


def test_the_few_who_have_opted_out_since_are_left_out_with_the_reason(crowded, tmp_path):
    tiny, plan = crowded[0].copy(tmp_path / "tiny"), crowded[1]
    tiny.says("p00007")
    tiny.warehouse("INSERT INTO suppressed VALUES ('email', 'P00008@x.example.com', '*', 'bounce', '2026-11-22 08:59')")
    delivered = tiny.deliver(plan.order.run_id, 200)  # 2 of 200 are 1 %
    mail, _, web = delivered.published
    assert (mail.rows, mail.dropped) == (198, {"NO_CONSENT": 1, "SUPPRESSED": 1})
    assert (web.rows, web.dropped) == (199, {"NO_CONSENT": 1})
    spoken_to = {row["customer_id"] for batch in tiny.batches() for row in batch.rows}
    assert "p00007" not in spoken_to
    assert tiny.history("SELECT count(*) FROM claim") == [(198,)]
    mails = tiny.batches()[0]
    assert mails.manifest["rows"] == mails.manifest["products"][0]["rows"] == 198


def test_more_than_one_in_a_hundred_is_too_many(crowded, tmp_path):
    tiny, plan = crowded[0].copy(tmp_path / "tiny"), crowded[1]
    for customer in ("p00007", "p00008", "p00009"):
        tiny.says(customer)
    assert refusal(tiny, plan).what == "6 of 400 planned deliveries may not leave any more"


def test_an_opt_out_that_comes_between_two_batches_is_honoured_in_the_second(crowded, tmp_path):
    """What the seal's check is for: the e-mails have left, the website has not."""
    from flows import line
    from tests.tiny import clock

    tiny, plan = crowded[0].copy(tmp_path / "tiny"), crowded[1]
    workspace, run_id = tiny.load(), plan.order.run_id
    with clock(MORNING):
        line.start(workspace, run_id, expected=None, allow_past=False)
        line.publish(workspace, run_id, "email_file", "north")
    tiny.says("p00011", at=MORNING)
    with clock(MORNING + timedelta(minutes=5)):
        web = line.publish(workspace, run_id, "web_profiles", "north")
        line.finish(workspace, run_id)
    assert (web.rows, web.dropped) == (199, {"NO_CONSENT": 1})
    mail, shown = tiny.batches()
    assert [row["customer_id"] for row in mail.rows if row["customer_id"] == "p00011"] == ["p00011"]
    assert shown.manifest["consent_checked_at"] == "2026-11-22T09:05:00Z"


def test_a_run_that_another_process_holds_the_lock_of_is_told_who(planned):
    tiny, plan = planned
    code = (
        "import sys, pathlib; from flows.settings import load_settings; from flows.ledger.lock import run_lock\n"
        f"with run_lock(load_settings(pathlib.Path({str(tiny.folder)!r})), 'justenough deliver that'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        for attempt in (tiny.run, tiny.plan, lambda: tiny.deliver(plan.order.run_id)):
            with pytest.raises(LockedError) as refused:
                attempt()
            error = refused.value
            assert error.what == f"justenough deliver that, process {holder.pid} holds the lock"
            assert error.exit_code == 75
        holder.stdin.close()
        assert holder.wait(10) == 0
    unpublished(tiny)
    assert tiny.deliver(plan.order.run_id).published[0].rows == 7


def test_what_a_plan_says_of_itself_names_nobody(planned):
    tiny, plan = planned
    for path in (tiny.state / "plans" / plan.order.run_id).glob("*.json"):
        text = path.read_text("utf-8")
        assert json.loads(text)
        assert not [word for word in ("c01", "Ann", "ann@", "4915112345601", "tent", "o71") if f'"{word}' in text]


@pytest.mark.slow
def test_a_source_that_breaks_after_the_plan_stops_its_delivery(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.run()
    plan = tiny.plan(at=day(1), targets=("web_profiles",))
    before = len(tiny.batches())
    tiny.warehouse("DELETE FROM consents")
    with pytest.raises(SourceError, match="this source fell from"):
        tiny.deliver(plan.order.run_id, at=day(1))
    assert len(tiny.batches()) == before


@pytest.mark.parametrize(
    ("channel", "brand"), [("'Email'", "'*'"), ("NULL", "'*'"), ("'mail'", "NULL"), ("' email '", "'North'")]
)
def test_a_suppression_bars_however_its_channel_and_brand_are_spelt(tmp_path, channel, brand):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.warehouse(
        f"INSERT INTO suppressed VALUES ({channel}, 'ann@x.example.com', {brand}, 'complaint', TIMESTAMP '2026-01-01')"
    )
    tiny.run(targets=("email_file",))
    assert "ann@x.example.com" not in {row["email"] for batch in tiny.batches() for row in batch.rows}


def test_a_no_counts_however_its_brand_is_spelt(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.warehouse("INSERT INTO consents VALUES ('x', 'c01', ' North', '*', '*', 'no', TIMESTAMP '2026-11-01')")
    tiny.run(targets=("email_file",))
    assert "c01" not in {row["customer_id"] for batch in tiny.batches() for row in batch.rows}


@pytest.mark.slow
def test_a_run_for_one_target_leaves_whom_it_cannot_reach_to_a_later_one(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.run(targets=("email_file",), products=("care",))
    later = tiny.run(targets=("sms_file",), products=("care",))
    assert later.plan.deliveries["marketing"].passed == 1  # c06, whom only an SMS reaches


@pytest.mark.slow
def test_two_plans_of_a_day_log_a_decision_once(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    plans = [tiny.plan(targets=("web_profiles",)) for _ in range(2)]
    for plan in plans:
        tiny.deliver(plan.order.run_id)
    assert tiny.history("SELECT count(*) = count(DISTINCT decision_id) FROM decision") == [(True,)]
