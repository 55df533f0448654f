"""What the other end tells of a batch: how it goes on, and what it gives back."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from flows.errors import StateError
from flows.ledger.acknowledging import Heard, acknowledge, acknowledge_each, failed, lapse
from flows.ledger.store import open_ledger
from tests.ledger.claiming import END, claimed
from tests.tiny import clock


@pytest.fixture
def ledger(settings):
    with open_ledger(settings) as ledger:
        yield ledger


@pytest.fixture
def batch(ledger):
    """A published batch of three messages."""
    made = claimed(ledger, *({"message_id": f"m{n}", "person_key": f"p{n}"} for n in (1, 2, 3)))
    rows = {"message_id": ["m1", "m2", "m3"], "decision_id": "d1", "creative_id": "c", "valid_until": END}
    with ledger.transaction():
        ledger.append("delivery", pl.DataFrame(rows).with_columns(batch_id=pl.lit(made.batch_id)))
    become(ledger, made.batch_id, "published")
    return made.batch_id


def become(ledger, batch_id, state, kind="message"):
    with ledger.transaction():
        ledger.execute(
            "UPDATE batch SET state = $state, kind = $kind WHERE batch_id = $batch",
            {"state": state, "kind": kind, "batch": batch_id},
        )


def found(ledger):
    """The state of the one batch, how many claims it gave back, and those it still has."""
    state = ledger.rows("SELECT state, released_count FROM batch").row(0)
    return *state, ledger.rows("SELECT message_id FROM claim ORDER BY 1")["message_id"].to_list()


def each(ledger, batch_id, **told):
    """What is told of single messages."""
    return acknowledge_each(ledger, batch_id, pl.DataFrame({"message_id": list(told), "state": list(told.values())}))


ALL = ["m1", "m2", "m3"]


def test_a_batch_is_loaded_and_then_sent(ledger, batch):
    assert acknowledge(ledger, batch, "loaded") == 0
    assert found(ledger) == ("loaded", 0, ALL)
    assert acknowledge(ledger, batch, "sent") == 0
    assert found(ledger) == ("sent", 0, ALL)
    assert acknowledge(ledger, batch, "loaded") == 0  # late
    assert found(ledger) == ("sent", 0, ALL)


@pytest.mark.parametrize("told", ["failed", "lapsed"])
def test_what_reached_nobody_is_given_back_once(ledger, batch, told):
    assert acknowledge(ledger, batch, told) == 3
    assert found(ledger) == (told, 3, [])
    assert acknowledge(ledger, batch, told) == 0
    assert found(ledger) == (told, 3, [])
    run, target, brand, messages = failed(ledger, batch)
    assert (run, target, brand, sorted(messages)) == ("run", "email_file", "north", ALL)


def test_what_failed_in_a_batch_is_given_back_and_the_rest_is_not(ledger, batch):
    acknowledge(ledger, batch, "loaded")
    assert each(ledger, batch, m2="failed") == Heard({"failed": 1}, released=1)
    assert each(ledger, batch, m2="failed") == Heard(known=1)
    assert found(ledger) == ("loaded", 1, ["m1", "m3"])
    assert failed(ledger, batch)[3].to_list() == ["m2"]
    acknowledge(ledger, batch, "sent")
    assert each(ledger, batch, m2="failed", m3="failed") == Heard({"failed": 1}, released=1, known=1)
    assert found(ledger) == ("sent", 2, ["m1"])


def test_of_a_batch_that_failed_what_was_sent_stays(ledger, batch):
    assert each(ledger, batch, m1="sent", m2="loaded") == Heard({"loaded": 1, "sent": 1})
    assert found(ledger) == ("loaded", 0, ALL)
    assert acknowledge(ledger, batch, "failed") == 2
    assert found(ledger) == ("failed", 2, ["m1"])
    assert each(ledger, batch, m2="sent", x="sent") == Heard(known=1, unknown=1)
    assert found(ledger) == ("failed", 2, ["m1"])


@pytest.mark.parametrize("told", ["loaded", "sent"])
def test_one_message_that_arrived_takes_a_batch_off_its_hold(ledger, batch, told):
    become(ledger, batch, "hold")
    assert each(ledger, batch, m1="failed", m2=told) == Heard({"failed": 1, told: 1}, released=1)
    assert found(ledger) == ("loaded", 1, ["m2", "m3"])


@pytest.mark.parametrize("told", ["loaded", "sent"])
def test_what_was_on_hold_and_has_been_loaded_is_in_doubt_no_more(ledger, batch, told):
    become(ledger, batch, "hold")
    acknowledge(ledger, batch, told)
    assert found(ledger) == (told, 0, ALL)


@pytest.mark.parametrize(
    ("state", "kind", "told", "messages", "what"),
    [
        ("claimed", "message", "loaded", [], "this batch is claimed, and cannot be loaded"),
        ("sealed", "message", "failed", [], "this batch is sealed, and cannot be failed"),
        ("aborted", "message", "sent", [], "this batch is aborted, and cannot be sent"),
        ("hold", "message", "failed", [], "this batch is hold, and cannot be failed"),
        ("sent", "message", "failed", [], "this batch is sent, and cannot be failed"),
        ("loaded", "message", "lapsed", [], "this batch is loaded, and cannot be lapsed"),
        ("failed", "message", "loaded", [], "this batch is failed, and cannot be loaded"),
        ("sealed", "message", "sent", ["m1"], "this batch is sealed, and cannot be sent"),
        ("hold", "message", "failed", ["m1"], "this batch is hold, and cannot be failed"),
        ("published", "message", "failed", ["x", "y"], "2 of 2 messages are not in this batch"),
        ("published", "state", "failed", ["m1"], "what a platform holds cannot have failed"),
        ("published", "state", "failed", [], "what a platform holds cannot have failed"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(ledger, batch, state, kind, told, messages, what):
    become(ledger, batch, state, kind)
    with pytest.raises(StateError) as refused:
        each(ledger, batch, **dict.fromkeys(messages, told)) if messages else acknowledge(ledger, batch, told)
    assert refused.value.what == what
    assert found(ledger) == (state, 0, ALL)


def test_a_batch_that_is_unknown_is_told_with_the_nearest(ledger, batch):
    with pytest.raises(StateError) as refused:
        acknowledge(ledger, batch[:-1] + "2", "loaded")
    assert (refused.value.what, refused.value.hint) == ("there is no such batch", f"did you mean '{batch}'?")
    with pytest.raises(StateError, match="nothing of this batch failed"):
        failed(ledger, batch)


@pytest.mark.parametrize(
    ("targets", "later", "state", "lapsed"),
    [
        (["email_file"], timedelta(0), "published", True),
        (["email_file"], -timedelta(seconds=1), "published", False),
        (["sms_file"], timedelta(0), "published", False),
        ([], timedelta(0), "published", False),
        (["email_file"], timedelta(0), "loaded", False),
        (["email_file"], timedelta(0), "hold", False),
    ],
)
def test_a_batch_lapses_where_its_target_would_have_told_and_it_has_run_out(
    ledger, batch, targets, later, state, lapsed
):
    become(ledger, batch, state)
    with clock(END + later):
        assert lapse(ledger, targets) == ([batch] if lapsed else [])
    assert found(ledger) == (("lapsed", 3, []) if lapsed else (state, 0, ALL))
