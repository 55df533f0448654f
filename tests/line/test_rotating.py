"""A new key makes nobody a stranger: no help twice, no forgotten person found, no *no* unheard; the old key tells nothing."""

from __future__ import annotations

import pytest

from flows import line
from flows.errors import PlanError, SettingError
from flows.keys import load_keys, rotate_key
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from tests.tiny import KEY, MORNING, clock, day, make

BACK = "INSERT INTO people SELECT * FROM away; DROP TABLE away"
AWAY = "CREATE TABLE away AS FROM people WHERE customer_id = '{0}'; DELETE FROM people WHERE customer_id = '{0}'"

WAITED = {"c02", "c05", "c07"}
"""Whom the first day had nothing for: another had the address, or a service message went first."""


def rotate(tiny, at=MORNING):
    with clock(at):
        return line.rotate(tiny.load())


def told(tiny, since=""):
    """Who got which message, as of when."""
    return {
        (row["customer_id"], batch.target, batch.manifest["as_of"])
        for batch in tiny.batches() if batch.manifest["kind"] == "message" and batch.manifest["as_of"] > since
        for row in batch.rows
    }  # fmt: skip


@pytest.mark.slow
def test_nobody_gets_the_same_help_twice_for_a_new_key(tiny):
    before, keys = told(tiny), tiny.history("SELECT count(DISTINCT person_key) FROM claim")
    done = rotate(tiny)
    assert (done.retired, done.rows > 20) == (1, True)
    assert tiny.history("SELECT count(DISTINCT person_key) FROM claim") == keys
    for at in (MORNING, day(1), day(3)):
        tiny.run(at=at)
    assert {who for who in told(tiny) if who not in before} == {(who, "email_file", "2026-11-23") for who in WAITED}
    tiny.run(at=day(30))
    assert ("c01", "email_file", "2026-12-22") in told(tiny)


def test_on_the_same_day_an_address_gets_no_second_message(tiny):
    rotate(tiny)
    tiny.warehouse(
        "INSERT INTO people VALUES ('c30', 'north', 'DE', 'en', 'Ann@X.example.com', NULL, 'Zoe');"
        "INSERT INTO needs SELECT 'c30', 'north', 'tent', 4, '2026-01-01';"
        "INSERT INTO consents VALUES ('y30', 'c30', 'north', '*', '*', 'yes', '2026-01-01')"
    )
    before = told(tiny)
    outcome = tiny.run()
    assert told(tiny) == before
    assert outcome.plan.deliveries["marketing"].reasons == {"DUPLICATE_ADDRESS": 1}


@pytest.mark.slow
def test_what_was_not_there_on_the_day_of_the_new_key_is_recognised_when_it_comes_back(tiny):
    late = "('c08', 'north', 'o81', 'rope', 3)"
    tiny.warehouse("DELETE FROM late_orders WHERE order_id = 'o81'")
    tiny.warehouse(AWAY.format("c01"))
    rotate(tiny)
    tiny.warehouse(f"INSERT INTO late_orders VALUES {late}")
    tiny.warehouse(BACK)
    outcome = tiny.run(at=day(1))
    assert {who for who, *_ in told(tiny, "2026-11-22")} == WAITED
    assert outcome.plan.people["service"].reasons == {"REPEATED": 3}


@pytest.mark.slow
def test_who_said_no_is_heard_though_they_were_not_there_on_the_day_of_the_new_key(tmp_path):
    tiny = make(tmp_path / "tiny", late=(), brands=["north"])
    settings = tiny.load().settings
    with clock(MORNING):
        inbox.write(settings, [Notice(customer_id="c01"), Notice(address="mia@x.example.com", state="complained")])
    tiny.warehouse(AWAY.format("c01"))
    tiny.run(products=("late",))  # drains the inbox
    assert tiny.history("SELECT count(*) FROM suppression")[0][0] > 0
    rotate(tiny)
    tiny.warehouse(BACK)
    tiny.run(at=day(1))
    people = {who for who, *_ in told(tiny)}
    assert "c03" in people
    assert not people & {"c01", "c13"}


@pytest.mark.slow
def test_what_a_state_target_holds_goes_for_a_no_that_comes_after_the_new_key(tiny):
    rotate(tiny)
    with clock(day(1)):
        inbox.write(tiny.load().settings, [Notice(customer_id="c13")])
    tiny.run(at=day(1))
    shown = {row["message_id"] for b in tiny.batches() if b.name == "2026-11-22-1" for row in b.rows
             if row.get("customer_id") == "c13" and b.target == "web_profiles"}  # fmt: skip
    gone = {row["message_id"] for b in tiny.batches() if b.target == "web_profiles" for row in b.rows
            if row["_mode"] == "remove"}  # fmt: skip
    assert len(shown) == 1
    assert shown <= gone


@pytest.mark.slow
def test_who_was_forgotten_stays_so_and_a_lost_key_stops_the_run(tiny):
    with clock(MORNING):
        line.forget(tiny.load().settings, ("c01",))
    rotate(tiny)
    outcome = tiny.run(at=day(40))
    assert outcome.plan.people["marketing"].reasons["ERASED"] == 1
    assert "c01" not in {who for who, *_ in told(tiny, "2026-11-22")}
    assert tiny.history("SELECT key_id FROM tombstone") == [("0badcafe",)]
    with clock(day(40)):
        assert line.forget(tiny.load().settings, ("c01",)).new == 0
    key_file = tiny.state / "key"
    key_file.write_text(key_file.read_text().partition("\n")[0])
    with pytest.raises(SettingError, match="the key 0badcafe is not in it, and people were forgotten under it"):
        tiny.run(at=day(41))


def test_who_is_forgotten_after_a_new_key_is_found_under_the_old_one_too(tiny):
    tiny.warehouse(AWAY.format("c01"))
    rotate(tiny)
    with clock(MORNING):
        done = line.forget(tiny.load().settings, ("c01",))
    assert done.ledger["claim"] == 1


@pytest.mark.slow
def test_a_new_key_that_was_made_in_a_hurry_is_followed_by_the_next_plan(tiny):
    rotate_key(tiny.state / "key")  # and killed
    rotate_key(tiny.state / "key")  # twice
    before = told(tiny)
    tiny.plan()
    assert tiny.history("SELECT key_id FROM key_use") == [(load_keys(tiny.state / "key")[0].key_id,)]
    tiny.run()
    assert told(tiny) == before


def test_the_old_key_tells_nothing_of_people_any_more(tiny):
    before = {
        key.encode() for (key,) in tiny.history("SELECT person_key FROM claim UNION SELECT address_key FROM claim")
    }
    rotate(tiny)
    ledger = (tiny.state / "ledger.duckdb").read_bytes()
    assert [key for key in before if key in ledger] == []
    key_file = tiny.state / "key"
    assert oct(key_file.stat().st_mode & 0o777) == "0o600"
    assert key_file.read_text().splitlines()[1:] == [KEY.strip()]


def test_a_plan_of_before_the_new_key_is_not_delivered(tiny):
    planned = tiny.plan(at=day(1))
    rotate(tiny, at=day(1))
    with pytest.raises(PlanError) as refused:
        tiny.deliver(planned.order.run_id, at=day(1))
    assert refused.value.what == "there is a new key since this plan was made"


def test_a_key_file_that_lacks_the_ledgers_key_is_refused(tiny):
    rotate(tiny)
    (tiny.state / "key").write_text(KEY)
    with pytest.raises(SettingError, match="the history is under the key"):
        tiny.plan()


@pytest.mark.slow
def test_explain_tells_what_was_before_the_new_key(tiny):
    rotate(tiny)
    tiny.run(at=day(1))
    with clock(day(1)):
        found = line.explain(tiny.load(), "c01")
    assert {(row["product"], row["channel"]) for row in found.messages} == {("care", "email"), ("care", "web")}
    assert all(row["agreed"] for row in found.messages)
