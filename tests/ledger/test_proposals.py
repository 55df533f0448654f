"""What readouts propose is renewed by the next look that finds it, withdrawn by one that does not, and ended by a person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.ledger.proposals import OPEN, PROPOSED, READOUT, keep, last_readouts, move, open_proposals, proposals_of
from flows.ledger.store import SCHEMA_VERSION, open_ledger
from tests.tiny import clock

MORNING = datetime(2026, 11, 22, 9, tzinfo=UTC)
EVENING, NEXT = MORNING + timedelta(hours=9), MORNING + timedelta(days=1)


def look(product="care", at=MORNING, **other) -> pl.DataFrame:
    row = {
        "product": product, "product_version": 3, "as_of": at.date(), "since": date(2026, 9, 1), "until": date(2026, 11, 7),
        "verdict": "HELPS", "metric": "no_question", "lift": 0.1, "lift_low": 0.05, "lift_high": None, "alarms": [],
        "found": '{"a": 1}', "read_at": at, **other,
    }  # fmt: skip
    return pl.DataFrame([row], READOUT)


def proposed(*ids: str, product="care", says="Do it.", reach=None) -> pl.DataFrame:
    rows = [(each, product, 3, "scale", "holdout", says, reach, "[]", '[{"place": ["test"]}]', "{}") for each in ids]
    return pl.DataFrame(rows, PROPOSED, orient="row")


def kept(settings, moment, looked, found) -> None:
    with clock(moment), open_ledger(settings) as ledger:
        keep(ledger, looked, found)


def waiting(settings) -> pl.DataFrame:
    with open_ledger(settings, read_only=True) as ledger:
        return open_proposals(ledger)


def story(settings, proposal_id) -> list[tuple]:
    with open_ledger(settings, read_only=True) as ledger:
        return proposals_of(ledger, proposal_id).select("state", "says", "made_at", "ended_at").rows()


def test_before_the_first_look_nothing_is_found_and_nothing_waits(settings):
    with open_ledger(settings, read_only=True) as ledger:
        assert_frame_equal(last_readouts(ledger), pl.DataFrame(schema=READOUT))
        assert_frame_equal(open_proposals(ledger), pl.DataFrame(schema=OPEN))


def test_a_ledger_of_the_version_before_gets_both_tables(settings):
    with open_ledger(settings):
        pass
    with duckdb.connect(str(settings.ledger)) as connection:
        connection.execute("DROP TABLE readout; DROP TABLE proposal; UPDATE schema_version SET number = 8")
    kept(settings, MORNING, look(), proposed("a"))
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT number FROM schema_version").rows() == [(8,), (SCHEMA_VERSION,)]
    assert waiting(settings)["id"].to_list() == ["a"]


def test_of_each_product_the_last_look_is_told_and_each_day_keeps_one(settings):
    kept(settings, MORNING, pl.concat([look(), look("late", lift=None, lift_low=None)]), proposed())
    kept(settings, EVENING, look(at=EVENING, verdict="HARMS"), proposed())
    kept(settings, NEXT, look(at=NEXT, alarms=["complained, treated"]), proposed())
    with open_ledger(settings, read_only=True) as ledger:
        expected = [look(at=NEXT, alarms=["complained, treated"]), look("late", lift=None, lift_low=None)]
        assert_frame_equal(last_readouts(ledger), pl.concat(expected))
        days = ledger.rows("SELECT product, as_of, verdict, found IS NULL FROM readout ORDER BY ALL").rows()
    assert days == [
        ("care", MORNING.date(), "HARMS", True),
        ("care", NEXT.date(), "HELPS", False),
        ("late", MORNING.date(), "HELPS", False),
    ]


def test_what_is_found_again_is_renewed_and_what_is_not_is_withdrawn(settings):
    kept(settings, MORNING, look(), proposed("a", "b"))
    kept(settings, NEXT, look(at=NEXT), proposed("b", says="Do it now.", reach=12))
    row = ("care", "b", "scale", "holdout", "Do it now.", 12, MORNING)
    assert_frame_equal(waiting(settings), pl.DataFrame([row], OPEN, orient="row"))
    assert story(settings, "a") == [("withdrawn", "Do it.", MORNING, NEXT)]


def test_a_look_at_one_product_withdraws_nothing_of_another(settings):
    kept(
        settings, MORNING, pl.concat([look(), look("late")]), pl.concat([proposed("a"), proposed("z", product="late")])
    )
    kept(settings, NEXT, look(at=NEXT), proposed())
    assert waiting(settings)["id"].to_list() == ["z"]


def test_what_has_ended_stays_and_is_another_one_when_it_is_found_again(settings):
    kept(settings, MORNING, look(), proposed("a"))
    kept(settings, EVENING, look(at=EVENING), proposed())
    kept(settings, NEXT, look(at=NEXT), proposed("a"))
    assert story(settings, "a") == [("withdrawn", "Do it.", MORNING, EVENING), ("open", "Do it.", NEXT, None)]


@pytest.mark.parametrize("found", [(), ("a",)])
def test_what_a_person_is_accepting_no_look_changes(settings, found):
    kept(settings, MORNING, look(), proposed("a"))
    with open_ledger(settings) as ledger:
        move(ledger, "a", "accepting", of=("open",))
    kept(settings, EVENING, look(at=EVENING), proposed(*found, says="Otherwise."))
    assert story(settings, "a") == [("accepting", "Do it.", MORNING, None)]
    assert waiting(settings)["id"].to_list() == ["a"]
    with clock(NEXT), open_ledger(settings) as ledger:
        move(ledger, "a", "accepted", of=("open", "accepting"))
    assert story(settings, "a") == [("accepted", "Do it.", MORNING, NEXT)]
    assert waiting(settings).is_empty()
