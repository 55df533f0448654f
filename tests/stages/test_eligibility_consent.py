"""What people have said, and what it lets be said to them: the part of eligibility that is about consent."""

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.product import Product
from flows.schemas import CONSENT
from flows.stages.eligibility import Bars, eligible, latest_consent, standing
from tests.stages.making import (
    MOMENT,
    NOW,
    TARGETS,
    bars,
    candidates,
    channels,
    history,
    people,
    product,
    said,
)

AGO = [NOW - timedelta(days=days) for days in range(10)]
LATER = NOW + timedelta(days=1)
SERVICE = {"message_type": "service", "topic": "orders"}


def reason(found: Bars, of: Product) -> str | None:
    rows = candidates({}, of=of)
    return eligible(rows, found, history(), of, channels(of), TARGETS, MOMENT)["reason"].item()


def state(*events: dict) -> str | None:
    found = latest_consent(said(*events), NOW)
    return found["state"].item() if found.height else None


# What was said last.


def test_the_latest_of_each_scope_holds():
    found = latest_consent(
        said(
            {"happened_at": AGO[3]},
            {"happened_at": AGO[1], "state": "no"},
            {"happened_at": AGO[2], "channel": "email"},
            {"happened_at": AGO[2], "topic": "care", "state": "no"},
            {"happened_at": AGO[1], "topic": "care"},
            {"happened_at": AGO[9], "brand": "seewind"},
        ),
        NOW,
    )
    expected = pl.DataFrame(
        {
            "customer_id": "c1",
            "brand": ["nordtal", "nordtal", "nordtal", "seewind"],
            "channel": ["*", "*", "email", "*"],
            "topic": ["*", "care", "*", "*"],
            "state": ["no", "yes", "yes", "yes"],
            "event_id": "e",
        }
    )
    assert_frame_equal(found, expected, check_row_order=False)


def test_a_no_that_is_ahead_of_a_clock_that_was_set_back_counts_and_a_yes_does_not():
    assert state({"happened_at": AGO[1]}, {"state": "no", "happened_at": LATER}) == "no"
    assert state({"happened_at": AGO[1]}, {"state": "snooze", "happened_at": LATER}) == "no"
    assert state({"state": "no", "happened_at": AGO[1]}, {"happened_at": LATER}) == "no"
    assert state({"happened_at": AGO[1]}, {"happened_at": NOW, "state": "no"}) == "no"
    assert state({"happened_at": LATER}) is None


@pytest.mark.parametrize(("one", "other"), [("yes", "no"), ("no", "yes"), ("yes", "pending"), ("pending", "no")])
def test_two_things_said_at_the_same_instant_are_a_no(one, other):
    assert state({"state": one, "happened_at": AGO[1]}, {"state": other, "happened_at": AGO[1]}) == "no"


@pytest.mark.bad_input(82)
def test_the_same_thing_said_twice_at_an_instant_stands():
    assert state({"happened_at": AGO[1]}, {"happened_at": AGO[1]}) == "yes"


def test_a_pending_yes_is_neither_yes_nor_no_and_ends_an_earlier_yes():
    assert state({"happened_at": AGO[2]}, {"happened_at": AGO[1], "state": "pending"}) == "neither"


@pytest.mark.parametrize("given", ["maybe", "", "oui", "NO", None])
def test_a_state_that_nobody_knows_is_a_no(given):
    assert state({"happened_at": AGO[2]}, {"happened_at": AGO[1], "state": given}) == "no"


@pytest.mark.parametrize("channel", ["fax", "", None])
def test_a_no_on_a_channel_that_nobody_knows_is_one_on_all_and_a_yes_there_is_nothing(channel):
    found = latest_consent(said({"channel": channel, "state": "no"}), NOW)
    assert found["channel"].to_list() == ["*"]
    found = latest_consent(said({"channel": channel, "state": "yes"}), NOW)
    assert found["channel"].to_list() == [channel]


def test_capitals_and_blanks_do_not_matter_to_a_state():
    assert state({"state": " Yes "}) == "yes"


def test_a_snooze_is_a_no_until_it_ends_and_then_as_if_it_had_never_been():
    before = {"happened_at": AGO[5]}
    assert state(before, {"state": "snooze", "happened_at": AGO[1], "until": LATER}) == "no"
    assert state(before, {"state": "snooze", "happened_at": AGO[1], "until": None}) == "no"
    assert state(before, {"state": "snooze", "happened_at": AGO[1], "until": NOW}) == "yes"
    assert state({"state": "snooze", "happened_at": AGO[1], "until": NOW}) is None


@pytest.mark.parametrize("topic", [None, "", "  "])
def test_a_no_without_a_topic_is_one_to_all_and_a_yes_without_one_is_to_none(topic):
    by_mail = product(channels={"first_of": ["email"]})
    assert reason(bars(people("c1"), {}, {"topic": topic, "state": "no"}), by_mail) == "NO_CONSENT"
    assert reason(bars(people("c1"), {"topic": topic}), by_mail) == "NO_CONSENT"


def test_a_yes_runs_out_and_a_no_does_not():
    assert state({"until": LATER}) == "yes"
    assert state({"until": NOW}) == "neither"
    assert state({"state": "no", "until": AGO[1]}) == "no"


def test_a_no_without_a_time_holds_and_a_yes_without_one_was_never_said():
    assert state({"happened_at": AGO[1]}, {"happened_at": None, "state": "no"}) == "no"
    assert state({"happened_at": None, "state": "no"}) == "no"
    assert state({"happened_at": None}) is None
    assert state({"happened_at": AGO[1], "state": "no"}, {"happened_at": None}) == "no"


def test_nothing_said_is_no_state_of_anybody():
    assert latest_consent(CONSENT.to_frame(), NOW).is_empty()


# Whom consent lets be spoken to.

ANYTHING, MAIL, CARE = {}, {"channel": "email"}, {"topic": "care"}
EXACT = {"channel": "email", "topic": "care"}
MARKETING_BY_MAIL = [
    ((), "NO_CONSENT"),
    ((ANYTHING,), None),
    ((MAIL,), None),
    ((CARE,), None),
    ((EXACT,), None),
    (({"channel": "sms"},), "NO_CONSENT"),
    (({"topic": "offers"},), "NO_CONSENT"),
    (({"brand": "seewind"},), "NO_CONSENT"),
    (({"customer_id": "c2"},), "NO_CONSENT"),
    (({"state": "pending"},), "NO_CONSENT"),
    ((EXACT, {"state": "no", "happened_at": AGO[9]}), "NO_CONSENT"),
    ((ANYTHING, EXACT | {"state": "no", "happened_at": AGO[9]}), "NO_CONSENT"),
    ((ANYTHING, MAIL | {"state": "no"}), "NO_CONSENT"),
    ((ANYTHING, CARE | {"state": "no"}), "NO_CONSENT"),
    ((ANYTHING, {"channel": "sms", "state": "no"}), None),
    ((ANYTHING, {"topic": "offers", "state": "no"}), None),
    ((ANYTHING, {"brand": "seewind", "state": "no"}), None),
    ((ANYTHING, EXACT | {"state": "pending"}), None),
    ((ANYTHING, {"brand": None, "state": "no"}), "NO_CONSENT"),
    ((ANYTHING, {"brand": "*", "state": "no", "topic": "care"}), "NO_CONSENT"),
    ((ANYTHING, {"brand": None, "state": "no", "topic": "offers"}), None),
    ((ANYTHING, {"brand": None, "state": "no", "customer_id": "c2"}), None),
    (({"brand": None},), "NO_CONSENT"),
]


@pytest.mark.parametrize(("events", "expected"), MARKETING_BY_MAIL)
def test_marketing_needs_a_yes_to_its_topic_or_all_and_no_matching_no(events, expected):
    by_mail = product(channels={"first_of": ["email"]})
    nobody_else = events or ({"customer_id": "c9"},)
    assert reason(bars(people("c1"), *nobody_else), by_mail) == expected


SERVICE_BY_MAIL = [
    (({"customer_id": "c2"},), None),
    (({"state": "pending"},), None),
    (({"state": "no"},), "NO_CONSENT"),
    (({"topic": "orders", "state": "no"},), "NO_CONSENT"),
    (({"topic": "orders", "channel": "email", "state": "no"},), "NO_CONSENT"),
    (({"topic": "care", "state": "no"},), None),
    (({"channel": "sms", "state": "no"},), None),
    (({"state": "snooze", "until": LATER},), "NO_CONSENT"),
]


@pytest.mark.parametrize(("events", "expected"), SERVICE_BY_MAIL)
def test_service_needs_no_yes_and_a_no_to_its_topic_or_all_stops_it(events, expected):
    by_mail = product(**SERVICE, channels={"first_of": ["email"]})
    assert reason(bars(people("c1"), *events), by_mail) == expected


def test_consent_is_looked_at_channel_by_channel():
    found = bars(people("c1"), {}, {"channel": "email", "state": "no"})
    got = standing(candidates({}), found, product(), channels(product()), TARGETS, NOW)
    names = ["email_reason", "sms_reason", "web_reason"]
    assert got.select(names).row(0) == ("NO_CONSENT", None, None)
