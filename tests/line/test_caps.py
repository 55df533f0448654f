"""Nobody gets more marketing messages than the caps allow: in the plan, again in the claim, and however the clock stands."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from flows import line
from flows.errors import SettingError
from flows.keys import load_key
from flows.pages.sentences import by_caps
from tests.tiny import MORNING, day, make


@pytest.fixture(scope="module")
def _two_helps(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("caps") / "tiny", brands=["north"])
    shutil.copytree(tiny.folder / "templates/care", tiny.folder / "templates/tips")
    tiny.warehouse("DELETE FROM needs WHERE customer_id NOT IN ('c01', 'c04', 'c06', 'c07')")
    tiny.warehouse("ALTER TABLE people ADD COLUMN time_zone VARCHAR")
    tiny.edit("sql/customers.sql", "phone", "phone, time_zone")
    return tiny


@pytest.fixture
def tiny(_two_helps, tmp_path):
    """`tips` for the same people as `care`, who comes first; c01 and c07 have a telephone too, c06 has nothing else."""
    return _two_helps.copy(tmp_path / "tiny")


def capped(tiny, *caps: str) -> None:
    tiny.edit("pyproject.toml", "global_holdout", f"caps = {list(caps)}\nglobal_holdout")


def sent(tiny) -> dict[str, list[tuple[str, str]]]:
    """Customer -> the channel and product of each marketing message that they were sent, in the order of appearance."""
    found: dict[str, list[tuple[str, str]]] = {}
    for batch in sorted(tiny.batches(), key=lambda seen: seen.manifest["created_at"]):
        if batch.manifest["kind"] == "message":
            products = dict(tiny.history("SELECT message_id, product FROM claim WHERE message_type = 'marketing'"))
            for row in batch.rows:
                if row["message_id"] in products:
                    way = (batch.manifest["channel"], products[row["message_id"]])
                    found.setdefault(row["customer_id"], []).append(way)
    return found


def had(tiny, customer: str, at: datetime, channel: str = "email") -> None:
    """A message of another help to somebody, that was claimed at an instant."""
    person = pl.select(load_key(tiny.state / "key").of(customer)).item()
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        about = ["m", "d", "first", 1, "b", at.date(), person, "north", "other", None, "marketing", channel, "a"]
        row = [*about, at.replace(tzinfo=None)]
        connection.execute(f"INSERT INTO claim VALUES ({', '.join('?' * len(row))})", row)


def told(tiny, customer: str) -> list[tuple]:
    """Product, reason and detail of each marketing help of a customer in the last plan."""
    rows = line.explain(tiny.load(), customer).candidates
    return [(row["product"], row["reason"], row["detail"]) for row in rows if row["message_type"] == "marketing"]


@pytest.mark.slow
def test_with_as_many_messages_as_the_cap_allows_no_more_are_planned_until_there_is_room(tiny):
    capped(tiny, "1 in 3 days")
    tiny.run()
    assert sent(tiny) == {"c01": [("email", "care")], "c04": [("email", "care")], "c06": [("sms", "care")]}
    second = tiny.run(at=day(1)).plan
    assert second.people["marketing"].reasons == {"CAPPED": 3}  # and c07, whom service silenced yesterday, gets one
    assert second.people["service"].passed == 0  # had yesterday; below it is due again
    until = "until 2026-11-25 00:00: 1 message in 3 days"
    assert told(tiny, "c01") == [("care", "REPEATED", None), ("tips", "CAPPED", until)]
    assert [row.model_dump() for row in second.capped] == [
        {"cap": "1 message in 3 days", "people": 3, "until": date(2026, 11, 25)}
    ]
    assert by_caps(second.capped) == ["Capped by 1 message in 3 days: 3, the last of them until 2026-11-25."]
    tiny.run(at=day(3))
    assert sent(tiny)["c01"] == [("email", "care"), ("email", "tips")]  # at the end of the window, not before
    assert all(waterfall.is_balanced for waterfall in (*second.people.values(), *second.deliveries.values()))


@pytest.mark.slow
def test_service_is_never_capped_and_does_not_count_and_what_holds_stays(tiny):
    capped(tiny, "1 in 9 days")
    tiny.run()
    later = tiny.run(at=day(4))
    assert later.plan.people["service"].passed == 3
    assert later.plan.people["marketing"].reasons == {"CAPPED": 3, "SILENCED_BY_SERVICE": 1}
    web = [batch for batch in tiny.batches() if batch.target == "web_profiles"]
    assert {row["customer_id"] for batch in web[1:] for row in batch.rows if row["_mode"] == "remove"} == {"c07", "c08"}
    assert tiny.run(at=day(5), products=("tips",)).plan.people["marketing"].passed == 1  # c07 has had service only


@pytest.mark.slow
def test_a_full_channel_gives_way_to_the_next_one_that_is_open(tiny):
    capped(tiny, "1 email in 9 days")
    tiny.run()
    plan = tiny.run(at=day(1)).plan
    assert sent(tiny)["c01"] == [("email", "care"), ("sms", "tips")]
    assert "c04" in sent(tiny)
    assert told(tiny, "c04")[1][1] == "CAPPED"
    assert plan.people["marketing"].reasons == {"CAPPED": 1}
    [row] = [row for row in line.explain(tiny.load(), "c01").candidates if row["product"] == "tips"]
    detail = "until 2026-12-01 00:00: 1 email message in 9 days"
    assert row["closed"] == [{"channel": "email", "reason": "CAPPED", "detail": detail}]


@pytest.mark.slow
def test_what_left_since_the_plan_is_counted_inside_the_claim(tiny):
    capped(tiny, "1 in 2 days")
    tiny.set(tolerated_share=1)
    plan = tiny.plan(products=("care",))
    assert plan.capped == ()
    had(tiny, "c01", MORNING - timedelta(hours=33))
    had(tiny, "c04", MORNING - timedelta(hours=34))  # the day before yesterday
    done = tiny.deliver(plan.order.run_id)
    assert {batch.target: batch.dropped for batch in done.published} == {
        "email_file": {"CAPPED": 1}, "sms_file": {}, "web_profiles": {},
    }  # fmt: skip
    assert set(sent(tiny)) == {"c04", "c06"}


@pytest.mark.slow
def test_a_clock_that_is_set_back_a_day_gives_nobody_a_second_message(tiny):
    capped(tiny, "1 in 1 day")
    tiny.warehouse("DELETE FROM late_orders")
    tiny.run()
    before = sent(tiny)
    assert set(before) == {"c01", "c04", "c06", "c07"}
    plan = tiny.run(at=day(-1)).plan
    assert plan.people["marketing"].reasons == {"CAPPED": 4}
    assert sent(tiny) == before


@pytest.mark.slow
def test_a_day_is_that_of_the_person_in_the_plan_and_in_the_claim(tiny):
    """Two mornings in Greenwich are one in the night and one late at night of the same day in Honolulu."""
    capped(tiny, "1 in 1 day")
    tiny.set(tolerated_share=1)
    tiny.warehouse("UPDATE people SET time_zone = 'Pacific/Honolulu' WHERE customer_id = 'c01'")
    tiny.warehouse("UPDATE people SET time_zone = 'Mars/Olympus' WHERE customer_id = 'c04'")
    first, second = MORNING + timedelta(hours=2), MORNING + timedelta(hours=24)
    early = tiny.plan(at=second, products=("care",))
    for customer in ("c01", "c04"):
        had(tiny, customer, first)
    assert tiny.plan(at=second).people["marketing"].reasons == {"CAPPED": 1, "SILENCED_BY_SERVICE": 1}
    assert told(tiny, "c01")[0] == ("care", "CAPPED", "until 2026-11-23 00:00: 1 message in 1 day")
    done = tiny.deliver(early.order.run_id, at=second)
    assert {batch.target: batch.dropped for batch in done.published}["email_file"] == {"CAPPED": 1}
    assert set(sent(tiny)) == {"c04", "c06"}


@pytest.mark.bad_input(101)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "ends"),
    [("2026-11-01T04:00", "2026-11-02T05:00"), ("2026-03-08T05:00", "2026-03-09T04:00")],  # of 25 hours, and of 23
)
def test_a_day_on_which_the_clocks_change_where_somebody_lives_caps_for_as_long_as_it_is(tiny, begins, ends):
    capped(tiny, "1 in 1 day")
    tiny.warehouse(
        "DELETE FROM late_orders; UPDATE people SET time_zone = 'America/New_York' WHERE customer_id = 'c01'"
    )
    tiny.plan()  # makes the ledger
    had(tiny, "c01", datetime.fromisoformat(f"{begins}+00:00"))
    end = datetime.fromisoformat(f"{ends}+00:00")
    assert tiny.plan(at=end - timedelta(minutes=1)).people["marketing"].reasons == {"CAPPED": 1}
    assert told(tiny, "c01")[0][2].startswith(f"until {end.date()} 00:00")
    assert tiny.plan(at=end).people["marketing"].reasons == {}


@pytest.mark.slow
def test_held_out_people_are_bound_as_others_are(tiny):
    capped(tiny, "1 in 3 days")
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 1\n")
    first = tiny.run().plan.people["marketing"].reasons
    assert first == {"HOLDOUT": 3, "SILENCED_BY_SERVICE": 1}
    assert tiny.history("SELECT DISTINCT channel FROM decision WHERE reason = 'HOLDOUT' ORDER BY 1") == [
        ("email",),
        ("sms",),
    ]
    assert tiny.plan(at=day(1)).people["marketing"].reasons == {"CAPPED": 3, "HOLDOUT": 1}
    assert tiny.plan(at=day(3)).people["marketing"].reasons == {"HOLDOUT": 4}


@pytest.mark.slow
def test_what_left_since_the_plan_caps_a_held_out_win_too(tiny):
    capped(tiny, "1 in 3 days")
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 1\n")
    tiny.warehouse("DELETE FROM late_orders")
    plan = tiny.plan()
    had(tiny, "c01", MORNING - timedelta(days=2))
    had(tiny, "c04", MORNING - timedelta(days=3))
    tiny.deliver(plan.order.run_id)
    assert tiny.history("SELECT count(*) FROM decision WHERE reason = 'HOLDOUT'") == [(3,)]


@pytest.mark.slow
def test_a_held_out_win_that_the_ledger_bars_by_now_is_none(tiny):
    """Two plans of two days, made before either was delivered: the second brings nobody another win of the same help."""
    capped(tiny, "9 in 1 day")
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 1\n")
    tiny.warehouse("DELETE FROM late_orders")
    plans = [tiny.plan(), tiny.plan(at=day(1) - timedelta(hours=1))]
    for plan in plans:
        assert plan.people["marketing"].reasons == {"HOLDOUT": 4}
        tiny.deliver(plan.order.run_id, at=day(1) - timedelta(minutes=30), allow_past=True)
    assert tiny.history("SELECT as_of, count(*) FROM decision WHERE reason = 'HOLDOUT' GROUP BY as_of") == [
        (MORNING.date(), 4)
    ]


@pytest.mark.parametrize(
    ("caps", "what", "hint"),
    [
        (["3 per week"], "'3 per week' is no cap", "write it as in '3 in 7 days'"),
        (["3 in 7 days", "1 sns in 1 day"], "'sns' is no channel", "did you mean 'sms'?"),
        (["1 web in 1 day"], "nothing is sent by web, so nothing of it is capped", "name email, sms, push"),
    ],
)
def test_a_cap_that_cannot_be_is_refused_with_the_way_to_write_it(tiny, caps, what, hint):
    capped(tiny, *caps)
    with pytest.raises(SettingError) as refused:
        tiny.load()
    assert "caps" in refused.value.where + refused.value.what
    assert what in refused.value.what
    assert hint in refused.value.hint
