"""An event starts the line for the customers that it names, once, and for nobody else."""

from __future__ import annotations

import json

import polars as pl
import pytest

from flows import line
from flows.answering import plain
from flows.errors import DataError, LockedError, PlanError, SourceError
from flows.ledger.lock import run_lock
from flows.line import vouching
from flows.pages.responses import said_of
from flows.plan import plan_folder, read_plan
from flows.stops import go, stop
from tests.line.happened import Happened, as_ndjson, event
from tests.tiny import clock, crowd, day, make

PHONE = "UPDATE people SET phone = '+4915112345607' WHERE customer_id = '{}'"


@pytest.fixture
def happened(tiny):
    return Happened(tiny)


def counts(done):
    names = ("files", "taken", "repeated", "late", "unknown", "forgotten", "bad", "customers")
    return {name: getattr(done, name) for name in names if getattr(done, name)}


def whole_run(tiny):
    return tiny.history("SELECT run_id FROM run WHERE goes_by IS NULL ORDER BY started_at DESC LIMIT 1")[0][0]


@pytest.mark.slow
def test_whom_an_event_names_gets_what_is_due_at_once_and_nobody_else_anything(happened):
    done = happened.respond(event("e1", "c05"), event("e2", "c14"))
    assert counts(done) == {"files": 1, "taken": 2, "customers": 2}
    assert done.is_whole
    assert happened.sent() == {"email_file": {"c05"}}
    assert done.plan.people["marketing"].model_dump() == {
        "base": 2,
        "passed": 1,
        "reasons": {"BELOW_THRESHOLD": 1},
    }
    shown = {row["customer_id"] for batch in happened.tiny.batches() for row in batch.rows if "web" in batch.target}
    assert shown >= {"c01", "c03", "c04", "c06", "c13"}  # of whom nothing was taken away
    removed = [row for batch in happened.tiny.batches() for row in batch.rows if row["_mode"] == "remove"]
    assert len(removed) == 1  # of c05, whose newer decision takes the place of the first day's


@pytest.mark.slow
def test_an_answer_goes_by_the_last_whole_run_and_plan_and_history_name_it(happened):
    tiny = happened.tiny
    before = whole_run(tiny)
    tiny.run(at=day(1), products=("late",))  # over everybody, and not over everything
    done = happened.respond(event("e1", "c05"))
    order = done.plan.order
    assert (order.goes_by, order.events, order.customers) == (before, 1, ("c05",))
    assert tiny.history(f"SELECT goes_by FROM run WHERE run_id = '{order.run_id}'") == [(before,)]
    of_receipts = "FROM receipt JOIN batch USING (batch_id) JOIN run USING (run_id)"
    named = tiny.history(f"SELECT DISTINCT goes_by {of_receipts} WHERE run_id = '{order.run_id}'")
    assert named == [(before,)]


@pytest.mark.slow
@pytest.mark.bad_input(81, 82)
def test_an_event_is_answered_once_and_a_second_one_of_the_day_says_why_nothing_comes_of_it(happened):
    first = happened.respond(event("e1", "c05"), event("e1", "c05"))
    assert counts(first) == {"files": 1, "taken": 1, "repeated": 1, "customers": 1}
    before, batches = happened.tiny.everything(), len(happened.tiny.batches())
    again = happened.respond(event("e1", "c05", happened_at="2026-11-23T08:59:00Z"))
    assert counts(again) == {"files": 1, "repeated": 1}
    assert again.plan is None
    assert happened.tiny.everything() == before
    other = happened.respond(event("e2", "c05", event="order_placed"))
    assert other.plan.people["marketing"].reasons == {"REPEATED": 1}
    assert len(happened.tiny.batches()) == batches
    assert happened.events() == [
        ("basket_left", None, "2026-11-23 08:00:00"),
        ("order_placed", None, "2026-11-23 08:00:00"),
    ]


@pytest.mark.slow
@pytest.mark.bad_input(79, 84, 114, 117)
def test_unknown_customers_and_what_cannot_be_cost_nobody_else_their_answer(happened):
    with clock(day(1)):
        line.forget(happened.tiny.load().settings, ["c02"])
    done = happened.respond(
        event("e1", "c99"),
        event("e2", "c02"),
        event("e3", "c05", happened_at="2026-11-24T08:00:00Z"),
        event("e4", "c05", happened_at="2020-11-24T08:00:00Z"),
        event("e5", "c07"),
        event("e5", "c05"),
        event("e6", "c05"),
    )
    assert counts(done) == {
        "files": 1, "taken": 2, "late": 1, "unknown": 1, "forgotten": 1, "bad": 2, "customers": 2,
    }  # fmt: skip
    assert [place.partition(":")[2] for place in done.places] == [
        "4: its happened_at lies ahead",
        "7: its event_id was told of another customer",
    ]
    assert not done.is_whole
    assert happened.sent() == {"email_file": {"c05", "c07"}}
    assert done.plan.order.customers == ("c05", "c07")


@pytest.mark.slow
def test_an_event_that_was_answered_to_one_customer_is_none_of_another(happened):
    happened.respond(event("e1", "c05"))
    done = happened.respond(event("e1", "c07"))
    assert counts(done) == {"files": 1, "bad": 1}
    assert done.places[0].endswith(":2: its event_id was told of another customer")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "way"),
    [("sms", "sms_file"), ("email", "email_file"), ("", "email_file"), ("store", "email_file"), ("app", "email_file")],
)
def test_the_journey_goes_on_by_the_channel_in_which_it_started(happened, channel, way):
    happened.tiny.warehouse(PHONE.format("c07"))
    done = happened.respond(event("e1", "c07", channel), event("e2", "c05", channel))
    assert done.plan.people["marketing"].passed == 2
    sent = happened.sent()
    assert "c07" in sent.pop(way)
    assert "c05" in {*sent.get("email_file", ()), *happened.sent().get("email_file", ())}  # who has no telephone
    went = happened.tiny.history("SELECT DISTINCT channel FROM decision WHERE as_of = '2026-11-23' ORDER BY ALL")
    assert went == ([("email",), ("sms",)] if channel == "sms" else [("email",)])


@pytest.mark.slow
def test_a_channel_that_is_closed_to_them_is_not_gone_on_by(happened):
    tiny = happened.tiny
    tiny.warehouse(PHONE.format("c07"))
    tiny.says("c07", channel="sms", at=day(1))
    done = happened.respond(event("e1", "c07", "sms"))
    assert done.plan.people["marketing"].passed == 1
    assert happened.sent() == {"email_file": {"c07"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    "closed",
    [
        "INSERT INTO suppressed VALUES ('sms', '+4915112345607', '*', 'complaint', TIMESTAMP '2026-11-01')",
        "UPDATE people SET phone = '123' WHERE customer_id = 'c07'",
        "UPDATE people SET phone = NULL WHERE customer_id = 'c07'",
    ],
    ids=["suppressed", "no number", "unknown"],
)
def test_a_way_that_cannot_be_gone_is_not_gone_on_by_and_the_next_one_is(happened, closed):
    happened.tiny.warehouse(f"{PHONE.format('c07')}; {closed}")
    happened.respond(event("e1", "c07", "sms"))
    assert happened.sent() == {"email_file": {"c07"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("barred", "reason"), [("forgotten", None), ("excluded", "EXCLUDED"), ("silent", "NO_CONSENT")]
)
def test_whom_nobody_may_speak_to_is_not_spoken_to_where_they_came_in(happened, barred, reason):
    tiny = happened.tiny
    tiny.warehouse(f"{PHONE.format('c07')}; UPDATE people SET phone = '+4915112345605' WHERE customer_id = 'c05'")
    if barred == "forgotten":
        with clock(day(1)):
            line.forget(tiny.load().settings, ["c07"])
    elif barred == "excluded":
        tiny.warehouse("INSERT INTO barred VALUES ('c07')")
    else:
        tiny.says("c07", at=day(1))
    done = happened.respond(event("e1", "c07", "sms"), event("e2", "c05", "sms"))
    assert happened.sent() == {"sms_file": {"c05"}}
    assert done.plan.people["marketing"].reasons == ({reason: 1} if reason else {})
    assert done.forgotten == (reason is None)


@pytest.mark.slow
def test_who_came_in_on_the_site_is_answered_there_where_that_is_a_way_to_them(happened):
    happened.tiny.edit(
        "templates/care/product.yaml", "first_of: [email, sms], also: [web]", "first_of: [email, sms, web]"
    )
    done = happened.respond(event("e1", "c05", "site"), event("e2", "c07", "app"))
    assert happened.sent() == {"email_file": {"c07"}}  # push is no way of this help
    assert {(count.target, count.rows) for count in done.plan.counts} == {("email_file", 1), ("web_profiles", 1)}


@pytest.mark.slow
def test_who_is_held_out_is_noted_with_the_channel_that_would_have_gone_on(happened):
    tiny = happened.tiny
    tiny.warehouse(PHONE.format("c07"))
    tiny.set(largest_fall=1)
    tiny.edit("pyproject.toml", "global_holdout = 0", "global_holdout = 0.99")
    happened.respond(event("e1", "c07", "sms"))
    found = tiny.history("SELECT reason, channel FROM decision WHERE as_of = '2026-11-23'")
    assert found == [("HOLDOUT", "sms")]


@pytest.mark.slow
def test_a_channel_whose_budget_is_spent_is_not_gone_on_by(happened):
    tiny = happened.tiny
    tiny.warehouse(PHONE.format("c07"))
    budgeted = '[tool.justenough.budgets.default]\nsms = "0 a run"\n\n[tool.justenough.crowd]'
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", budgeted)
    done = happened.respond(event("e1", "c07", "sms"))
    assert happened.sent() == {"email_file": {"c07"}}  # the way that has no room is not waited for
    assert [(price.channel, price.moved) for price in done.plan.prices] == [("sms", 1)]


@pytest.mark.slow
def test_all_files_that_wait_are_answered_in_one_run_and_go(happened):
    happened.put([event("e1", "c05"), event("e2", "c07")], "a.csv")
    happened.put(as_ndjson([event("e2", "c07"), event("e3", "c05")]), "b.ndjson")
    happened.put([event("e4", "c02")], ".c.csv")  # it is still being written
    runs = len(happened.tiny.history("FROM run"))
    done = happened.waiting()
    assert counts(done) == {"files": 2, "taken": 3, "repeated": 1, "customers": 2}
    assert happened.inbox() == [".c.csv"]
    assert len(happened.tiny.history("FROM run")) == runs + 1
    assert happened.sent() == {"email_file": {"c05", "c07"}}
    assert happened.waiting().files == 0


@pytest.mark.slow
def test_while_everything_is_stopped_events_wait_and_no_plan_is_made_of_them(happened):
    settings = happened.tiny.load().settings
    stop(settings, "everything", "everything", "wrong prices", day(1))
    happened.put([event("e1", "c05")], "a.csv")
    plans = sorted(path.name for path in (happened.tiny.state / "plans").iterdir())
    for _ in range(2):
        done = happened.waiting()
        assert (done.plan, done.waits.state, done.is_whole) == (None, "Stopped", False)
        assert said_of(done).startswith("nobody is answered yet: everything is stopped since ")
    assert (happened.inbox(), happened.sent()) == (["a.csv"], {})
    assert sorted(path.name for path in (happened.tiny.state / "plans").iterdir()) == plans
    go(settings, "everything", "everything")
    assert counts(happened.waiting()) == {"files": 1, "taken": 1, "customers": 1}
    assert (happened.inbox(), happened.sent()) == ([], {"email_file": {"c05"}})


@pytest.mark.slow
def test_an_answer_that_somebody_has_to_approve_keeps_its_events_in_the_inbox(happened):
    file = happened.tiny.folder / "pyproject.toml"
    as_it_was = file.read_text("utf-8")
    file.write_text(f'{as_it_was}\n[tool.justenough.approval]\napprovers = ["anna"]\nover = 0\n', "utf-8")
    happened.put([event("e1", "c05")], "a.csv")
    done = happened.waiting()
    assert (done.waits.state, happened.inbox(), happened.sent()) == ("WaitsForApproval", ["a.csv"], {})
    with clock(day(1)):
        line.approve(happened.tiny.load(), done.plan.order.run_id, done.plan.people_count, "anna")
        line.deliver(happened.tiny.load(), done.plan.order.run_id, done.plan.people_count)
    assert counts(happened.waiting()) == {"files": 1, "repeated": 1}
    assert (happened.inbox(), happened.sent()) == ([], {"email_file": {"c05"}})


@pytest.mark.slow
@pytest.mark.bad_input(89, 115, 117)
def test_a_file_that_somebody_has_to_look_at_is_put_aside_and_told_of_once(happened):
    happened.put("event_id,happened_at\n", "broken.csv")
    happened.put('{"rows": 1, "sha256": "00"}', "broken.csv.manifest.json")
    happened.put([event("e1", "c05"), event("e2", "c05", happened_at="2026-12-24T08:00:00Z")], "ahead.csv")
    happened.put("event_id,happened_at\n", "new.csv", is_old=False)
    done = happened.waiting()
    assert counts(done) == {"files": 2, "taken": 1, "bad": 1, "customers": 1}
    assert [each.where for each in done.refused] == ["broken.csv:1"]
    assert done.unfinished == 1
    aside = ["refused/ahead.csv", "refused/broken.csv", "refused/broken.csv.manifest.json"]
    assert happened.inbox() == ["new.csv", *aside]
    assert happened.waiting().refused == ()
    with clock(day(1)):
        assert line.forget(happened.tiny.load().settings, ["c01"]).untold == 4


@pytest.mark.slow
def test_before_anything_was_delivered_to_everybody_there_is_nothing_to_go_by(planned):
    tiny, _ = planned
    happened = Happened(tiny)
    waiting = happened.put([event("e1", "c05")], "a.csv")
    with pytest.raises(PlanError) as refused:
        happened.waiting()
    assert str(refused.value) == (
        "justenough respond: nothing was delivered to everybody yet, so that there are no crowds and no prices to go by"
        "\nhint: begin with: justenough run"
    )
    assert waiting.exists()


def test_files_that_are_not_there_or_not_to_be_read_are_refused(happened, tmp_path):
    workspace, strange = happened.tiny.load(), happened.file("a,b\n1,2\n")
    with pytest.raises(SourceError):
        line.respond(workspace, [tmp_path / "no.csv"])
    with pytest.raises(DataError):
        line.respond(workspace, [strange])


@pytest.mark.bad_input(99)
def test_while_another_run_goes_on_events_wait(happened):
    happened.put([event("e1", "c05")], "a.csv")
    with run_lock(happened.tiny.load().settings, "test"), pytest.raises(LockedError):
        happened.waiting()
    assert happened.inbox() == ["a.csv"]


@pytest.fixture
def cut_short(happened, while_staged):
    """An answer that ends in the middle of its delivery, as if it were killed: the first batch is staged, and nothing is out."""
    happened.put([event("e1", "c05")], "a.csv")
    left = [ZeroDivisionError]

    def happens():
        if left:
            raise left.pop()

    while_staged("email_file", happens)
    with pytest.raises(ZeroDivisionError):
        happened.waiting()
    assert happened.sent() == {}
    assert happened.inbox() == ["a.csv"]
    return happened


@pytest.mark.slow
@pytest.mark.bad_input(102)
def test_killed_in_the_middle_of_its_delivery_an_answer_is_delivered_to_the_end_and_given_once(cut_short):
    done = cut_short.waiting()
    assert counts(done) == {"files": 1, "repeated": 1}
    assert done.plan is None
    assert cut_short.inbox() == []
    assert cut_short.sent() == {"email_file": {"c05"}}


@pytest.mark.slow
def test_an_answer_whose_plan_cannot_be_finished_is_given_anew(cut_short):
    cut_short.tiny.edit("templates/care/email.j2", "dry it first", "dry it well")  # so it would be another plan's
    done = cut_short.waiting()
    assert counts(done) == {"files": 1, "taken": 1, "customers": 1}
    assert cut_short.sent() == {"email_file": {"c05"}}


@pytest.mark.slow
def test_what_sources_are_held_against_is_the_last_run_over_everybody(tmp_path):
    tiny = make(tmp_path / "tiny", people=crowd(100), late=[("p00000", "north", "o1", "tent", 4)], brands=["north"])
    tiny.set(largest_fall=0.5)
    tiny.run()
    happened = Happened(tiny)
    tiny.warehouse("DELETE FROM needs WHERE customer_id > 'p00060'")
    happened.respond(event("e1", "p00000"))
    tiny.warehouse("DELETE FROM needs WHERE customer_id > 'p00040'")  # each time a fall that is borne, and not both
    with pytest.raises(SourceError, match="table needs: this source fell from 100 to 41 rows"):
        happened.respond(event("e2", "p00000"))


@pytest.mark.slow
def test_an_answer_is_no_measure_of_what_a_segment_should_name(happened):
    before = happened.tiny.history("FROM segment_count ORDER BY ALL")
    happened.respond(event("e1", "c05"))
    assert happened.tiny.history("FROM segment_count ORDER BY ALL") == before


@pytest.mark.slow
def test_the_answer_to_an_event_names_nobody_but_in_the_plan_and_the_outbox(happened):
    done = happened.respond(event("basket-of-gus", "c07", "site"))
    tiny = happened.tiny
    told = json.dumps(plain(done)) + repr(done) + repr(done.plan.order) + repr(tiny.everything())
    assert not [text for text in ("'c07'", '"c07"', "basket-of-gus", "gus@x.example.com") if text in told]
    folder = plan_folder(tiny.load().settings, done.plan.order.run_id)
    assert pl.read_parquet(folder / "events.parquet")["customer_id"].to_list() == ["c07"]
    assert "events.parquet" in read_plan(tiny.load().settings, folder.name).files


@pytest.mark.slow
def test_who_is_forgotten_leaves_no_event(happened):
    happened.respond(event("e1", "c05"), event("e2", "c07"))
    with clock(day(1)):
        assert line.forget(happened.tiny.load().settings, ["c05"]).ledger["event"] == 1
    assert len(happened.events()) == 1
    assert not list((happened.tiny.state / "plans").rglob("events.parquet"))


@pytest.mark.slow
def test_events_go_with_the_history_and_what_is_older_than_that_is_not_answered(happened):
    happened.respond(event("e1", "c05"))
    with clock(day(1000)):
        assert line.retain(happened.tiny.load()).history["event"] == 1
    assert happened.events() == []
    happened.tiny.run(at=day(1000), targets=("sms_file",))
    assert counts(happened.respond(event("e1", "c05"), on=1000)) == {"files": 1, "late": 1}


@pytest.mark.slow
def test_an_event_is_known_under_a_new_key(happened):
    happened.respond(event("e1", "c05"))
    with clock(day(1)):
        line.rotate(happened.tiny.load())
    assert counts(happened.respond(event("e1", "c05"))) == {"files": 1, "repeated": 1}
    assert counts(happened.respond(event("e1", "c07"))) == {"files": 1, "bad": 1}


@pytest.mark.slow
def test_an_answer_calls_back_nothing_of_others_which_is_for_the_night(happened):
    tiny = happened.tiny
    for customer in ("c01", "c03"):
        tiny.says(customer, at=day(1))
    assert happened.respond(event("e1", "c03")).delivered.recalled.reasons == {"NO_CONSENT": 1}
    shown = {row["customer_id"] for batch in tiny.batches() for row in batch.rows if row["_mode"] == "remove"}
    assert len(shown) <= 1
    assert tiny.run(at=day(1)).delivered.recalled.reasons == {"NO_CONSENT": 1}


@pytest.mark.slow
def test_what_was_tried_for_everybody_is_not_tried_again_for_one_unless_anything_of_it_has_changed(
    happened, monkeypatch
):
    tiny, asked = happened.tiny, []
    for name in ("try_words", "bind"):
        does = getattr(vouching, name)
        monkeypatch.setattr(vouching, name, lambda *given, name=name, does=does: asked.append(name) or does(*given))
    done = happened.respond(event("e1", "c05"))
    assert (done.plan.people_count, happened.sent(), asked) == (1, {"email_file": {"c05"}}, [])
    tiny.warehouse("ALTER TABLE needs ADD COLUMN colour VARCHAR")
    happened.respond(event("e2", "c05"))
    assert asked == ["bind"]
    tiny.edit("templates/care/email.j2", "dry it first", "dry it well")
    happened.respond(event("e3", "c05"))
    assert asked == ["bind", "try_words", "bind"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("vouched", b'"creep":{', b'"creep":{"x":1,'),
        ("sources.parquet", b"last_order", b"next_order"),
        ("plan.json", b"vouched", b"vouche"),
    ],
)
@pytest.mark.bad_input(113)
def test_what_the_last_whole_run_has_found_is_relied_on_only_as_it_was_found(happened, name, old, new):
    before = whole_run(happened.tiny)
    file = happened.tiny.state / "plans" / before / name
    assert old in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(PlanError) as refused:
        happened.respond(event("e1", "c05"))
    assert str(refused.value) == (
        f"{before}/{name}: this file of the plan was changed\nhint: find out who changes files there; an answer goes by the last "
        "run over everybody, so make a new one: justenough run"
    )
    assert happened.sent() == {}
    happened.tiny.run(at=day(1))
    assert counts(happened.respond(event("e1", "c05"))) == {"files": 1, "taken": 1, "customers": 1}


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["vouched", "sources.parquet", "plan.seal"])
def test_where_what_it_has_found_cannot_be_proven_all_is_tried_anew(happened, monkeypatch, gone):
    asked = []
    for name in ("try_words", "bind"):
        does = getattr(vouching, name)
        monkeypatch.setattr(vouching, name, lambda *given, name=name, does=does: asked.append(name) or does(*given))
    (happened.tiny.state / "plans" / whole_run(happened.tiny) / gone).unlink()
    happened.respond(event("e1", "c05"))
    assert (happened.sent(), asked) == ({"email_file": {"c05"}}, ["try_words", "bind"])


@pytest.mark.slow
def test_explain_tells_of_the_last_plan_that_is_about_the_customer(happened):
    tiny = happened.tiny
    whole = whole_run(tiny)
    answer = happened.respond(event("e1", "c05")).plan.order.run_id
    with clock(day(1)):
        found = {customer: line.explain(tiny.load(), customer).run_id for customer in ("c05", "c14")}
    assert found == {"c05": answer, "c14": whole}
