"""An answer that somebody has to approve waits by its plan, holds up nobody else, and is given once."""

from __future__ import annotations

import random

import pytest

from flows import line
from flows.ledger.runs import start_run
from flows.line import delivering
from flows.pages.responses import answered_page, said_of
from flows.stops import go, stop
from tests.line.happened import Happened, event
from tests.tiny import clock, day

pytestmark = pytest.mark.slow


@pytest.fixture
def happened(tiny):
    """Of an answer to more than one customer somebody is asked."""
    rules = '[tool.justenough.approval]\napprovers = ["anna"]\nover = 1\n\n'
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{rules}[tool.justenough.crowd]")
    tiny.warehouse("UPDATE needs SET interest = 4 WHERE customer_id = 'c14'")  # due on the second day, too
    return Happened(tiny)


@pytest.fixture
def waiting(happened):
    """An answer to two customers that waits."""
    happened.put([event("e1", "c05"), event("e2", "c07")], "a.csv")
    done = happened.waiting()
    assert (done.waits.state, done.plan.people_count, happened.inbox()) == ("WaitsForApproval", 2, ["a.csv"])
    return happened, done.plan


def approve(happened: Happened, plan, on: int = 1) -> None:
    with clock(day(on)):
        line.approve(happened.tiny.load(), plan.order.run_id, plan.people_count, "anna")


def plans(happened: Happened) -> list[str]:
    return sorted(path.parent.name for path in (happened.tiny.state / "plans").glob("*/events.parquet"))


def each_once(happened: Happened) -> None:
    """Nobody was told anything twice, no event has two answers, and no address has two messages of a day."""
    several = "SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1"
    for table, what in {
        "event": "event_id",
        "claim": "person_key, brand, product, subject_key",
        "(SELECT DISTINCT address_key, as_of, channel, message_id FROM claim WHERE message_type = 'marketing')": (
            "address_key, as_of, channel"
        ),
    }.items():
        assert happened.tiny.history(several.format(table, what)) == []


@pytest.mark.bad_input(81)
def test_it_waits_by_one_plan_however_often_anybody_looks_and_that_very_plan_is_delivered(waiting):
    happened, plan = waiting
    for _ in range(3):
        done = happened.waiting()
        assert (done.plan, done.held, done.taken, done.is_whole) == (None, 2, 0, False)
        assert [(each.plan.order.run_id, each.delivered) for each in done.earlier] == [(plan.order.run_id, None)]
    assert (plans(happened), happened.inbox(), happened.sent()) == ([plan.order.run_id], ["a.csv"], {})
    assert said_of(done).startswith(f"2 events of 2 customers wait by plan {plan.order.run_id}: it needs 1 approval: ")
    step = f"justenough approve {plan.order.run_id} --expect 2 --as NAME, as anna"
    assert step in answered_page(done, workspace="tiny")
    approve(happened, plan)
    done = happened.waiting()
    assert (done.plan, done.held, done.taken, done.customers, done.is_whole) == (None, 0, 2, 2, True)
    assert [each.plan for each in done.earlier] == [plan]
    assert said_of(done).startswith("2 events of 2 customers: 2 get something; ")
    answers = happened.tiny.history("SELECT run_id, state FROM run WHERE goes_by IS NOT NULL")
    assert answers == [(plan.order.run_id, "delivered")]
    assert (happened.sent(), happened.inbox()) == ({"email_file": {"c05", "c07"}}, [])
    each_once(happened)
    assert happened.waiting().files == 0


def test_it_is_begun_once_though_it_was_taken_on_before_anything_is_delivered(waiting, monkeypatch):
    happened, plan = waiting
    begun = []
    monkeypatch.setattr(
        delivering, "start_run", lambda *given: begun.append(given[1].order.run_id) or start_run(*given)
    )
    approve(happened, plan)
    happened.waiting()
    assert begun == [plan.order.run_id]
    of_it = f"FROM {{}} WHERE run_id = '{plan.order.run_id}'"
    assert happened.tiny.history(f"SELECT state, count(*) {of_it.format('run')} GROUP BY ALL") == [("delivered", 1)]
    assert happened.tiny.history(f"SELECT count(*) {of_it.format('event')}") == [(2,)]
    ((rows, ids),) = happened.tiny.history(f"SELECT count(*), count(DISTINCT decision_id) {of_it.format('decision')}")
    assert rows == ids > 0
    each_once(happened)


def test_others_do_not_wait_behind_it_and_who_asks_again_does(waiting):
    happened, plan = waiting
    happened.put([event("e3", "c14"), event("e4", "c05", event="order_placed")], "b.csv")
    happened.put([event("e5", "c14", event="order_placed")], "c.csv")
    done = happened.waiting()
    assert (done.taken, done.held, done.customers, done.plan.order.customers) == (2, 3, 1, ("c14",))
    assert (happened.sent(), happened.inbox()) == ({"email_file": {"c14"}}, ["a.csv", "b.csv"])
    approve(happened, plan)
    done = happened.waiting()
    assert ([each.plan for each in done.earlier], done.plan.order.customers) == ([plan], ("c05",))
    assert done.plan.people["marketing"].reasons == {"REPEATED": 1}
    assert (done.taken, done.held, happened.inbox()) == (3, 0, [])
    assert happened.sent() == {"email_file": {"c05", "c07", "c14"}}
    assert len(happened.events()) == 5
    each_once(happened)


@pytest.mark.bad_input(109)
def test_once_it_has_expired_one_new_plan_waits_and_no_approval_of_the_old_one_counts(waiting):
    happened, plan = waiting
    approve(happened, plan)
    for _ in range(2):
        done = happened.waiting(on=2)
        assert happened.sent() == {}
    (old, new) = plans(happened)
    assert (old, done.plan, [each.plan.order.run_id for each in done.earlier]) == (plan.order.run_id, None, [new])
    approve(happened, done.earlier[0].plan, on=2)
    happened.waiting(on=2)
    assert (happened.sent("2026-11-24"), happened.inbox()) == ({"email_file": {"c05", "c07"}}, [])
    each_once(happened)


@pytest.mark.parametrize("changed", ["the words", "the plan", "the events", "the plan and its digests"])
@pytest.mark.bad_input(112, 113)
def test_a_plan_that_is_not_as_it_was_made_is_no_answer_and_one_new_plan_waits(waiting, changed):
    happened, plan = waiting
    approve(happened, plan)
    folder = happened.tiny.state / "plans" / plan.order.run_id
    if changed == "the words":
        happened.tiny.edit("templates/care/email.j2", "dry it first", "dry it well")
    elif changed == "the events":
        (folder / "events.parquet").write_bytes(b"PAR1")
    else:
        file = folder / ("plan.json" if changed == "the plan and its digests" else "creatives.ndjson")
        file.write_bytes(
            file.read_bytes().replace(b"dry it first", b"dry it well").replace(b'"passed": 2', b'"passed": 1')
        )
    for _ in range(2):
        done = happened.waiting()
    assert (len(plans(happened)), done.plan, len(done.earlier), happened.sent()) == (2, None, 1, {})
    new = done.earlier[0].plan
    assert new.order.run_id != plan.order.run_id
    approve(happened, new)
    happened.waiting()
    assert (happened.sent(), happened.inbox()) == ({"email_file": {"c05", "c07"}}, [])


@pytest.mark.bad_input(112)
def test_what_a_whole_run_has_told_them_meanwhile_is_not_told_again(waiting):
    happened, plan = waiting
    whole = happened.tiny.run(at=day(1)).plan
    for each in (whole, plan):
        approve(happened, each)
    happened.tiny.deliver(whole.order.run_id, at=day(1))
    assert happened.sent()["email_file"] >= {"c05", "c07"}
    done = happened.waiting()
    assert (done.earlier, done.plan.people["marketing"].reasons) == ((), {"REPEATED": 2})
    assert (done.taken, happened.inbox(), len(happened.events())) == (2, [], 2)
    each_once(happened)


def test_an_address_that_another_customer_was_written_to_meanwhile_is_not_written_to_again(waiting):
    happened, plan = waiting
    happened.tiny.warehouse("UPDATE people SET email = 'gus@x.example.com' WHERE customer_id = 'c14'")
    happened.put([event("e3", "c14")], "b.csv")
    happened.waiting()
    assert happened.sent() == {"email_file": {"c14"}}
    approve(happened, plan)
    done = happened.waiting()
    assert done.earlier == ()
    assert done.plan.deliveries["marketing"].reasons["DUPLICATE_ADDRESS"] == 1
    approve(happened, done.plan)
    happened.waiting()
    assert (happened.sent(), happened.inbox()) == ({"email_file": {"c05", "c14"}}, [])
    each_once(happened)


def test_a_table_that_has_fallen_since_the_plan_holds_up_no_answer_where_it_is_as_at_the_last_whole_run(happened):
    happened.tiny.warehouse(
        "INSERT INTO needs SELECT 'x' || i, 'north', 'tent', 3, TIMESTAMP '2026-11-22' FROM range(99) t(i)"
    )
    happened.put([event("e1", "c05"), event("e2", "c07")], "a.csv")
    plan = happened.waiting().plan
    approve(happened, plan)
    happened.tiny.warehouse("DELETE FROM needs WHERE customer_id LIKE 'x%'")
    done = happened.waiting()
    assert (done.earlier, done.waits.state, len(plans(happened))) == ((), "WaitsForApproval", 2)
    approve(happened, done.plan)
    happened.waiting()
    assert (happened.sent(), happened.inbox()) == ({"email_file": {"c05", "c07"}}, [])


def test_a_file_that_is_told_again_finds_the_plan_that_waits(happened):
    rows = [event("e1", "c05"), event("e2", "c07")]
    plan = happened.respond(*rows).plan
    assert happened.respond(*rows).held == 2
    approve(happened, plan)
    done = happened.respond(*rows)
    assert ([each.plan for each in done.earlier], done.taken) == ([plan], 2)
    assert happened.respond(*rows).repeated == 2
    assert plans(happened) == [plan.order.run_id]
    each_once(happened)


def test_while_everything_is_stopped_an_approved_answer_waits(waiting):
    happened, plan = waiting
    approve(happened, plan)
    settings = happened.tiny.load().settings
    stop(settings, "everything", "everything", "wrong prices", day(1))
    done = happened.waiting()
    assert (done.waits.state, done.earlier, happened.sent(), happened.inbox()) == ("Stopped", (), {}, ["a.csv"])
    go(settings, "everything", "everything")
    happened.waiting()
    assert (plans(happened), happened.sent()) == ([plan.order.run_id], {"email_file": {"c05", "c07"}})


def step(happened: Happened, draw: random.Random, on: int) -> int:
    """Something happens; and which day it is then. After the fourth one a late order may be told of again."""
    what = draw.choice(["event", "event", "look", "look", "approve", "whole run", "next day"])
    if what == "event":
        some = draw.sample(["c02", "c05", "c07", "c08", "c14"], draw.randint(1, 3))
        number = draw.randrange(10**9)
        rows = [event(f"{number}-{customer}", customer) for customer in some]
        happened.put(rows, f"{number}.csv")
        happened.file(rows, f"told/{number}.csv")
    elif what == "next day":
        return min(on + 1, 3)
    elif what == "whole run":
        whole = happened.tiny.run(at=day(on))
        if whole.waits:
            approve(happened, whole.plan, on)
            happened.tiny.deliver(whole.plan.order.run_id, at=day(on))
    else:
        for each in happened.waiting(on).earlier:
            if each.waits and what == "approve":
                approve(happened, each.plan, on)
    return on


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_in_which_order_nobody_gets_anything_twice_and_in_the_end_nothing_waits(happened, seed):
    draw, on = random.Random(seed), 1
    for _ in range(10):
        on = step(happened, draw, on)
        each_once(happened)
    told = sum(len(file.read_text("utf-8").splitlines()) - 1 for file in (happened.tiny.folder / "told").glob("*.csv"))
    for _ in range(3):
        for each in happened.waiting(on).earlier:
            if each.waits:
                approve(happened, each.plan, on)
    assert (happened.waiting(on).files, len(happened.events())) == (0, told)
    each_once(happened)
