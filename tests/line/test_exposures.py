"""Over the budget of dimensions shown to one person lately, a message says less or does not leave; and every message counts."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import polars as pl
import pytest

from flows.errors import SettingError
from flows.keys import load_key
from tests.tiny import MORNING, day, make


@pytest.fixture
def tiny(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.warehouse("DELETE FROM needs WHERE customer_id NOT IN ('c01', 'c04', 'c06')")
    return tiny


def budget(tiny, in_30_days: int, in_90_days: int = 9) -> None:
    settings = f"[tool.justenough.exposure]\nin_30_days = {in_30_days}\nin_90_days = {in_90_days}\n\n"
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{settings}[tool.justenough.crowd]")


def key_of(tiny, customer: str) -> str:
    return pl.select(load_key(tiny.state / "key").of(customer)).item()


def was_shown(tiny, customer: str, *dimensions: str, days_ago: int = 10) -> None:
    """What other messages have shown, some days before the first one of the test."""
    if not (tiny.state / "ledger.duckdb").exists():
        tiny.plan()
    on = MORNING.date() - timedelta(days=days_ago)
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        for dimension in dimensions:
            row = [key_of(tiny, customer), "north", dimension, on, "earlier"]
            connection.execute("INSERT INTO exposure VALUES ($1, $2, $3, $4, $5)", row)


def told(tiny) -> dict[tuple[str, str], list[str]]:
    """Customer and channel -> the facts of what was sent to them, by the receipts."""
    keys = {key_of(tiny, f"c{n:02}"): f"c{n:02}" for n in range(1, 16)}
    rows = tiny.history(
        "SELECT d.person_key, b.channel, r.facts FROM receipt r JOIN batch b USING (batch_id) "
        "JOIN delivery USING (message_id, batch_id) JOIN decision d USING (decision_id)"
    )
    return {(keys[person], channel): facts for person, channel, facts in rows}


def exposures(tiny) -> set[tuple[str, str]]:
    """Customer and dimension, of today."""
    keys = {key_of(tiny, f"c{n:02}"): f"c{n:02}" for n in range(1, 16)}
    rows = tiny.history(f"SELECT person_key, dimension FROM exposure WHERE shown_on = '{MORNING.date()}'")
    return {(keys[person], dimension) for person, dimension in rows}


@pytest.mark.slow
def test_who_was_shown_much_lately_is_shown_less_or_nothing(tiny):
    was_shown(tiny, "c01", "age")
    was_shown(tiny, "c04", "age", "health")
    was_shown(tiny, "c06", "age", "health", days_ago=31)
    budget(tiny, in_30_days=2)
    outcome = tiny.run(products=("care",))
    both = ["last_order", "name"]
    assert told(tiny) == {
        ("c01", "email"): ["last_order"],
        ("c01", "web"): ["last_order"],
        ("c06", "sms"): ["last_order"],  # its words show no more
        ("c06", "web"): both,
    }
    assert outcome.plan.people["marketing"].reasons == {"EXPOSED": 1}
    for falls in (outcome.plan.people, outcome.plan.deliveries):
        assert all(waterfall.is_balanced for waterfall in falls.values())


@pytest.mark.slow
def test_ninety_days_have_a_budget_of_their_own(tiny):
    was_shown(tiny, "c01", "age", "health", days_ago=60)
    was_shown(tiny, "c04", "age", "health", days_ago=90)
    budget(tiny, in_30_days=6, in_90_days=3)
    tiny.run(products=("care",))
    found = told(tiny)
    assert (found["c01", "web"], found["c04", "web"]) == (["last_order"], ["last_order", "name"])


@pytest.mark.slow
def test_usual_settings_stop_nobody(tiny):
    was_shown(tiny, "c01", "age", "health", "visits")
    tiny.run(products=("care",))
    assert told(tiny)["c01", "web"] == ["last_order", "name"]


def test_every_channel_of_service_too_counts_what_it_shows(tiny):
    budget(tiny, in_30_days=0, in_90_days=0)
    outcome = tiny.run()
    assert outcome.plan.people["marketing"].passed == 0
    assert outcome.plan.people["service"].passed == 3
    assert set(told(tiny)) == {(customer, channel) for customer in ("c07", "c08") for channel in ("email", "web")}
    assert exposures(tiny) == {(customer, fact) for customer in ("c07", "c08") for fact in ("last_order", "name")}


def test_what_the_product_gives_away_counts_where_nothing_is_shown(tiny):
    tiny.warehouse("UPDATE needs SET item = NULL")
    tiny.warehouse("UPDATE people SET first_name = NULL")
    tiny.run(products=("care",))
    assert set(map(tuple, told(tiny).values())) == {()}
    assert exposures(tiny) == {(customer, "last_order") for customer in ("c01", "c04", "c06")}


@pytest.mark.slow
def test_a_message_of_another_day_counts(tiny):
    tiny.run(products=("care",))
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 5 days")
    tiny.edit("templates/care/product.yaml", "because: [last_order]", "unseen: {last_order: They cannot tell.}")
    budget(tiny, in_30_days=2)
    tiny.warehouse("UPDATE people SET first_name = 'Anna' WHERE customer_id = 'c01'")
    tiny.run(at=day(20), products=("care",))
    assert told(tiny)["c01", "email"] == ["last_order", "name"]  # both were shown before


@pytest.mark.slow
def test_a_plan_is_held_against_what_has_left_since_it_was_made(tiny):
    budget(tiny, in_30_days=2)
    tiny.set(tolerated_share=1)
    plan = tiny.plan(products=("care",))
    was_shown(tiny, "c01", "age", "health")
    was_shown(tiny, "c04", "last_order", "name", "health")
    done = tiny.deliver(plan.order.run_id)
    assert {person for person, _ in told(tiny)} == {"c04", "c06"}
    dropped = {batch.target: batch.dropped for batch in done.published}
    assert dropped == {"email_file": {"EXPOSED": 1}, "sms_file": {}, "web_profiles": {"EXPOSED": 1}}


def test_a_plan_of_which_too_much_has_been_used_up_since_is_refused(tiny):
    budget(tiny, in_30_days=2)
    plan = tiny.plan(products=("care",))
    was_shown(tiny, "c01", "age", "health")
    with pytest.raises(Exception, match="2 of 6 planned deliveries may not leave any more"):
        tiny.deliver(plan.order.run_id)


def test_a_narrowed_run_knows_who_would_get_nothing(tiny):
    was_shown(tiny, "c01", "age", "health")
    budget(tiny, in_30_days=2)
    whole, narrow = tiny.plan(), tiny.plan(products=("late",))
    assert whole.people == narrow.people
    assert whole.people["marketing"].reasons["EXPOSED"] == 1


@pytest.mark.parametrize("setting", ["in_30_days = -1", "in_30_dayss = 6"])
def test_a_budget_that_cannot_be_is_refused(tiny, setting):
    tiny.edit(
        "pyproject.toml", "[tool.justenough.crowd]", f"[tool.justenough.exposure]\n{setting}\n[tool.justenough.crowd]"
    )
    with pytest.raises(SettingError, match="in_30_days"):
        tiny.load()
