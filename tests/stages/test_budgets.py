from __future__ import annotations

from hashlib import sha256

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.prices import WORTH
from flows.schemas import ROUTED
from flows.stages.budgets import OFFERED, PRICED, allotted, offered, overspent, priced, tallied
from flows.stages.routing import routed
from tests.stages.making import product, settings
from tests.stages.test_routing import came, guarded

BUDGETS = {"nordtal": {"email": "2 a day", "sms": "1 a run"}}
EVERY = ("email_file", "sms_file", "web_profiles", "push_file")
OF = product(channels={"first_of": ["email", "sms", "push"], "also": ["web"]})


def lanes(*rows: dict, of=OF, budgets=BUDGETS) -> pl.DataFrame:
    return routed(guarded(*rows), of, settings(budgets=budgets), {}, [])


def ways(frame: pl.DataFrame) -> list[tuple]:
    return frame.sort("customer_id", "lane", "channel").select("customer_id", "lane", "channel").rows()


def offers(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """Decision, channels and score of messages of nordtal."""
    known = [(decision, "first", "nordtal", channels, round(score * WORTH)) for decision, channels, score in rows]
    return pl.DataFrame(known, OFFERED, orient="row")


def gone(found, frame: pl.DataFrame) -> dict[str, str | None]:
    return dict(found.on(frame).select("decision_id", "channel").rows())


def test_who_came_in_by_a_channel_may_go_by_it_first_and_by_the_others_in_their_order_while_budgets_leave_a_choice():
    closed = {"closed": {"sms": "NO_CONSENT"}}
    rows = came(guarded({}, {}, closed, {}), "sms", "push", "sms", "email")
    _, choices = offered(routed(rows, OF, settings(budgets=BUDGETS), {}, []), OF, settings(budgets=BUDGETS), EVERY)
    found = dict(choices.select("decision_id", "ways").rows())
    assert found == {"d-c0": "sms,email,push", "d-c2": "email,push", "d-c3": "email,sms,push"}  # c1: no budget is asked


def test_a_message_may_go_by_each_open_channel_up_to_the_first_without_a_budget():
    rows, choices = offered(lanes({}, {"closed": {"sms": "NO_CONSENT"}}), OF, settings(budgets=BUDGETS), EVERY)
    assert ways(rows) == [
        ("c0", "first", "email"),
        ("c0", "first", "push"),
        ("c0", "first", "sms"),
        ("c0", "web", "web"),
        ("c1", "first", "email"),
        ("c1", "first", "push"),
        ("c1", "web", "web"),
    ]
    assert sorted(choices.select("decision_id", "ways").rows()) == [("d-c0", "email,sms,push"), ("d-c1", "email,push")]
    assert rows.filter(pl.col("channel") == "sms")["address"].to_list() == ["sms:c0"]


def test_a_first_channel_without_a_budget_leaves_no_choice():
    of = product(channels={"first_of": ["push", "email"]})
    rows, choices = offered(lanes({}, of=of), of, settings(budgets=BUDGETS), EVERY)
    assert ways(rows) == [("c0", "first", "push")]
    assert choices.is_empty()


def test_what_goes_along_has_a_budget_and_no_choice():
    of = product(channels={"first_of": ["push"], "also": ["email"]})
    _, choices = offered(lanes({}, of=of), of, settings(budgets=BUDGETS), EVERY)
    assert choices.select("lane", "ways").rows() == [("email", "email")]


def test_service_messages_are_not_budgeted():
    of = product(message_type="service", channels={"first_of": ["email", "sms"]})
    rows, choices = offered(lanes({}, of=of), of, settings(budgets=BUDGETS), EVERY)
    assert ways(rows) == [("c0", "first", "email")]
    assert choices.is_empty()


def test_whose_first_channel_is_not_wanted_by_the_run_has_no_choice():
    rows, choices = offered(lanes({}), OF, settings(budgets=BUDGETS), ("sms_file", "web_profiles"))
    assert ways(rows) == [("c0", "web", "web")]
    assert choices.is_empty()


def test_a_first_channel_that_cannot_be_after_all_is_no_way_out_and_another_one_no_choice():
    frame = lanes({}, {})
    late = (pl.col("customer_id") == "c0") & (pl.col("channel") == "email")
    late |= (pl.col("customer_id") == "c1") & (pl.col("channel") == "sms")
    frame = frame.with_columns(reason=pl.when(late).then(pl.lit("STALE_CONTEXT")).otherwise("reason"))
    rows, choices = offered(frame, OF, settings(budgets=BUDGETS), EVERY)
    assert ways(rows.filter(pl.col("lane") == "first")) == [
        ("c0", "first", "email"),
        ("c1", "first", "email"),
        ("c1", "first", "push"),
    ]
    assert choices.select("decision_id", "ways").rows() == [("d-c1", "email,push")]


def test_of_those_who_are_worth_the_same_the_first_by_their_keys_go_whatever_the_order():
    frame = offers(*((f"d{n}", "email", 0.5) for n in (3, 1, 4, 2, 0)), ("d9", "email", 0.9))
    for shuffled in (frame, frame.reverse()):
        found = priced(shuffled.lazy(), "nordtal", {"email": 3}, {})
        assert gone(found, frame) == {
            "d9": "email", "d0": "email", "d1": "email", "d2": None, "d3": None, "d4": None,
        }  # fmt: skip


def test_of_many_who_are_worth_the_same_as_many_go_as_there_is_room_for():
    ids = sorted(f"{n % 7:03}{sha256(str(n).encode()).hexdigest()}" for n in range(5000))
    frame = offers(*((name, "email", 0.5) for name in ids))
    found = priced(frame.reverse().lazy(), "nordtal", {"email": 1234}, {})
    assert gone(found, frame) == {**dict.fromkeys(ids[:1234], "email"), **dict.fromkeys(ids[1234:])}


def test_parts_are_priced_together_and_each_is_told_apart():
    one, two = offers(("d1", "email,sms", 0.9), ("d2", "email", 0.3)), offers(("d3", "email", 0.8), ("d4", "sms", 0.2))
    found = priced(pl.concat([one, two]).lazy(), "nordtal", {"email": 2, "sms": 1}, {})
    assert {**gone(found, one), **gone(found, two)} == {"d1": "sms", "d2": "email", "d3": "email", "d4": None}


def test_what_is_another_brands_is_not_looked_at():
    frame = offers(("d1", "email", 0.9)).with_columns(brand=pl.lit("seewind"))
    assert_frame_equal(priced(frame.lazy(), "nordtal", {"email": 1}, {}).on(frame), PRICED.to_frame())


def placed(*rows: tuple[str, str | None, str]) -> pl.DataFrame:
    known = [(decision, "first", "nordtal", channel, picked) for decision, channel, picked in rows]
    return pl.DataFrame(known, PRICED, orient="row")


def test_each_lane_is_left_once_and_says_the_price_where_it_falls_away():
    rows, _ = offered(lanes({}, {}, {}), OF, settings(budgets=BUDGETS), EVERY)
    rows = rows.with_columns(detail=pl.when(pl.col("channel") == "web").then(pl.lit("as it was")))
    places = placed(("d-c0", "sms", "email"), ("d-c1", None, "email"), ("d-c2", "email", "email"))
    done = allotted(rows, places, {("nordtal", "email"): 0.51234, ("nordtal", "sms"): 0.1})
    assert done.schema == {**ROUTED, "detail": pl.String}
    firsts = done.filter(pl.col("lane") == "first").sort("customer_id")
    assert firsts.select("customer_id", "channel", "target", "address", "reason", "detail").rows() == [
        ("c0", "sms", "sms_file", "sms:c0", None, None),
        ("c1", "email", "email_file", "email:c1", "OVER_BUDGET", "worth 0.5, not above the price of email, 0.5123"),
        ("c2", "email", "email_file", "email:c2", None, None),
    ]
    assert done.filter(pl.col("lane") == "web")["detail"].to_list() == ["as it was"] * 3
    assert_frame_equal(allotted(done, places, {("nordtal", "email"): 0.51234}), done)


def test_the_tally_counts_by_the_channel_and_by_the_one_that_had_been_picked():
    found = tallied(placed(("a", "sms", "email"), ("b", None, "email"), ("c", "email", "email"), ("d", None, "call")))
    assert found.sort("channel").select("channel", "planned", "moved", "fallen").rows() == [
        ("call", 0, 0, 1),
        ("email", 1, 1, 1),
        ("sms", 1, 0, 0),
    ]


@pytest.mark.parametrize(("left", "over"), [(0, ["m1", "m2", "m3"]), (2, ["m3"]), (3, []), (-4, ["m1", "m2", "m3"])])
def test_the_lowest_valued_find_no_room_in_the_day_and_service_takes_none(left, over):
    rows = [
        ("m1", "marketing", 0.9, "a"),
        ("m2", "marketing", 0.5, "b"),
        ("m3", "marketing", 0.5, "c"),
        ("m4", "service", 0.1, "d"),
    ]
    names = ["message_id", "message_type", "score", "decision_id"]
    frame = pl.DataFrame(rows, names, orient="row").with_columns(brand=pl.lit("nordtal"), channel=pl.lit("email"))
    found = overspent(frame, {("nordtal", "email"): left})
    assert sorted(found.rows()) == [(message, "OVER_BUDGET") for message in over]
    assert overspent(frame, {}).is_empty()
