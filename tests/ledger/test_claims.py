"""The right to send a message is given once."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import StatementError
from flows.ledger.claims import CLAIM, claim, claimed_addresses, verdicts
from flows.ledger.store import open_ledger
from tests.ledger.claiming import END, ONE, TODAY, claimed, header, messages

OTHER = {"message_id": "m2", "decision_id": "d2", "person_key": "bea", "address_key": "bea@"}
LATER = {"message_id": "m2", "decision_id": "d2", "as_of": TODAY + timedelta(days=3)}
SERVICE = {"message_type": "service", "product": "late", "subject_key": "o1", "per_subject": True}


def verdict(settings, earlier, wanted):
    """What the ledger says to a message when another has been claimed."""
    with open_ledger(settings) as ledger:
        claimed(ledger, earlier)
        return verdicts(ledger, messages(wanted))["reason"].to_list()


@pytest.mark.parametrize(
    ("earlier", "wanted", "reason"),
    [
        ({}, {}, "REPEATED"),  # the very message
        ({}, {"lane": "web", "message_id": "m2"}, None),  # the same decision's other lane
        ({}, OTHER, None),  # somebody else
        ({}, OTHER | {"address_key": "ann@"}, "DUPLICATE_ADDRESS"),
        ({}, OTHER | {"address_key": "ann@", "channel": "sms"}, None),
        ({}, OTHER | {"address_key": "ann@", "brand": "south"}, None),
        ({}, OTHER | {"address_key": "ann@", "as_of": TODAY + timedelta(days=1)}, None),
        ({}, OTHER | {"address_key": "ann@", **SERVICE}, None),  # marketing takes nothing from service
        ({}, LATER | {"repeats_after": TODAY - timedelta(days=1)}, "REPEATED"),  # within once_every
        ({}, LATER | {"repeats_after": TODAY}, None),  # it is over
        ({}, LATER | {"repeats_after": TODAY - timedelta(days=1), "product": "swap"}, None),
        ({}, LATER | {"repeats_after": TODAY - timedelta(days=1), "brand": "south"}, None),
        ({}, {"message_id": "m2", "decision_id": "d2", "product": "swap"}, "REPEATED"),  # one decision a day
        ({}, {"message_id": "m2", "decision_id": "d2", **SERVICE}, None),
        ({"as_of": TODAY + timedelta(days=9)}, {"message_id": "m2", "decision_id": "d2"}, "REPEATED"),  # clock set back
        (SERVICE, SERVICE | LATER | {"repeats_after": TODAY - timedelta(days=1)}, "REPEATED"),
        (SERVICE, SERVICE | LATER | {"repeats_after": TODAY - timedelta(days=1), "subject_key": "o2"}, None),
        (SERVICE, SERVICE | {"message_id": "m2", "decision_id": "d2", "subject_key": "o2"}, None),
        (SERVICE, SERVICE | OTHER | {"address_key": "ann@"}, "DUPLICATE_ADDRESS"),  # one order of two people
        (SERVICE, SERVICE | OTHER | {"address_key": "ann@", "subject_key": "o2"}, None),
    ],
)
def test_what_is_said_against_a_message_when_another_has_been_claimed(settings, earlier, wanted, reason):
    assert verdict(settings, earlier, wanted) == [reason]


def test_service_claimed_since_the_plan_silences_marketing(settings):
    marketing = {"message_id": "m2", "decision_id": "d2"}
    assert verdict(settings, SERVICE, marketing) == ["SILENCED_BY_SERVICE"]
    assert verdict(settings, SERVICE, marketing | {"brand": "south"}) == [None]


def held_out(ledger, **changes):
    """A held-out win of Ann's, logged today by another plan."""
    row = {
        "decision_id": "d9", "run_id": "other", "as_of": TODAY, "person_key": "ann", "brand": "north", "product": "care",
        "subject_key": None, "message_type": "marketing", "propensity": 0.05, "score": 0.5, "reason": "HOLDOUT",
        "valid_until": END.replace(tzinfo=None),
    }  # fmt: skip
    with ledger.transaction():
        ledger.append("decision", pl.DataFrame([row | changes]))


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({}, "REPEATED"),
        ({"product": "swap"}, "REPEATED"),  # one marketing decision a day, holdouts included
        ({"product": "swap", "as_of": TODAY - timedelta(days=1)}, None),
        ({"as_of": TODAY - timedelta(days=1)}, "REPEATED"),  # once_every binds those who are held out
        ({"as_of": date(2026, 10, 23)}, None),
        ({"brand": "south"}, None),
        ({"person_key": "bea"}, None),
        ({"reason": None}, None),
    ],
)
def test_who_was_held_out_since_the_plan_gets_nothing(settings, held, reason):
    with open_ledger(settings) as ledger:
        held_out(ledger, **held)
        assert verdicts(ledger, messages({}))["reason"].to_list() == [reason]


def test_every_message_gets_one_verdict(settings):
    with open_ledger(settings) as ledger:
        claimed(ledger, {}, OTHER)
        found = verdicts(ledger, messages({}, OTHER, {"message_id": "m3", "person_key": "cid", "decision_id": "d3"}))
    expected = {"message_id": ["m1", "m2", "m3"], "reason": ["REPEATED", "REPEATED", "DUPLICATE_ADDRESS"]}
    assert_frame_equal(found, pl.DataFrame(expected), check_row_order=False)


def test_of_no_message_there_is_nothing_to_say(settings):
    with open_ledger(settings) as ledger:
        assert_frame_equal(verdicts(ledger, messages().clear()), verdicts(ledger, messages()).clear())


def test_a_ledger_without_claims_says_nothing_against_anybody(settings):
    with open_ledger(settings) as ledger:
        expected = pl.DataFrame(
            {"message_id": ["m1"], "reason": [None]}, {"message_id": pl.String, "reason": pl.String}
        )
        assert_frame_equal(verdicts(ledger, messages({})), expected)


def test_a_batch_notes_its_claims_and_their_number(settings):
    with open_ledger(settings) as ledger:
        batch = claimed(ledger, {}, OTHER)
        rows = ledger.rows("SELECT * EXCLUDE (claimed_at) FROM claim ORDER BY message_id")
        noted = ledger.rows("SELECT batch_id, state, row_count, number FROM batch").rows()
    assert noted == [("email_file-2026-11-22-1", "claimed", 2, 1)]
    expected = messages({}, OTHER).select(*CLAIM, batch_id=pl.lit(batch.batch_id))
    assert_frame_equal(rows, expected, check_column_order=False, check_dtypes=False)


def test_a_number_of_a_target_and_day_is_never_used_twice_not_even_an_aborted_ones(settings):
    with open_ledger(settings) as ledger:
        names = [claimed(ledger, {}).batch_id]
        with ledger.transaction():
            ledger.execute("UPDATE batch SET state = 'aborted'")
        names += [claimed(ledger, {}).batch_id]
        names += [claimed(ledger, {}, target="sms_file").batch_id, claimed(ledger, {}, as_of=date(2026, 11, 23)).folder]
    assert names == ["email_file-2026-11-22-1", "email_file-2026-11-22-2", "sms_file-2026-11-22-1", "2026-11-23-1"]


def test_a_transaction_that_fails_claims_nothing(settings):
    with open_ledger(settings) as ledger:
        with pytest.raises(StatementError), ledger.transaction():
            _claimed_and_failed(ledger)
        assert [ledger.rows(f"SELECT * FROM {table}").height for table in ("claim", "batch")] == [0, 0]
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT * FROM claim").is_empty()


def _claimed_and_failed(ledger):
    claim(ledger, header(), [messages({}).select(*CLAIM)], END)
    ledger.execute("DELETE FROM nowhere")


def test_the_addresses_of_a_day_are_those_of_its_claims(settings):
    with open_ledger(settings) as ledger:
        claimed(ledger, {}, LATER, SERVICE | OTHER)
        found = claimed_addresses(ledger, TODAY).sort("address_key")
    columns = ["brand", "channel", "message_type", "product", "subject_key", "address_key"]
    assert_frame_equal(found, messages({}, SERVICE | OTHER).select(columns))
    assert ONE["address_key"] == "ann@"
