"""What is in the history of outcomes depends on the events alone, not on how they were told."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from flows.ledger.outcomes import EVENTS, Taken, take
from flows.ledger.store import open_ledger
from tests.tiny import MORNING, clock

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOBODY = pl.DataFrame(schema={"event_id": pl.String, "known_as": pl.String})
WITHIN = timedelta(seconds=5)
MESSAGES = ("m1", "m2", None)


def events(*rows):
    return pl.DataFrame(list(rows), EVENTS, orient="row")


def click(number, message, second, outcome="clicked"):
    return (f"e{number}", TEN + timedelta(seconds=second), outcome, f"p-{message}", message, None, "email", "file")


def arrivals(*told):
    return pl.DataFrame(
        [(message, TEN + timedelta(seconds=second)) for message, second in told],
        {"message_id": pl.String, "arrived_at": EVENTS["happened_at"]},
        orient="row",
    )


def held(ledger):
    tables = {
        name: ledger.rows(f"SELECT * EXCLUDE received_at FROM {name} ORDER BY ALL") for name in ("outcome", "scan")
    }
    return {name: rows.rows() for name, rows in {**tables, "arrival": ledger.rows("FROM arrival ORDER BY ALL")}.items()}


@st.composite
def told_in_files(draw):
    """Events and arrivals, in what order and how often they come, and where one file ends and the next begins."""
    kinds = st.tuples(st.sampled_from(MESSAGES), st.integers(-9, 9), st.sampled_from(["clicked", "visited", "ordered"]))
    found = [click(number, *kind) for number, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=8)))]
    sent = draw(st.lists(st.tuples(st.sampled_from(MESSAGES[:2]), st.integers(-9, 9)), max_size=4))
    whole = [("event", each) for each in found] + [("arrival", each) for each in sent]
    shuffled = draw(st.permutations(whole + draw(st.lists(st.sampled_from(whole), max_size=8))))
    cuts = sorted(draw(st.sets(st.integers(0, len(shuffled)), max_size=4)))
    return whole, [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A ledger without anything in it, made once."""
    from flows.settings import Settings

    folder = tmp_path_factory.mktemp("empty")
    made = Settings(
        workspace=folder, name="test", state=folder, ledger=folder / "ledger.duckdb", key_file=folder / "key",
        outbox=folder / "outbox", targets={}, brands={},
    )  # fmt: skip
    with clock(MORNING), open_ledger(made):
        pass
    return made


def learned(empty, files):
    with tempfile.TemporaryDirectory() as folder:
        copy = empty.model_copy(update={"state": Path(folder), "ledger": Path(folder) / "ledger.duckdb"})
        shutil.copy(empty.ledger, copy.ledger)
        with clock(MORNING), open_ledger(copy) as ledger:
            for file in files:
                rows = events(*(each for kind, each in file if kind == "event"))
                sent = arrivals(*(each for kind, each in file if kind == "arrival"))
                take(ledger, rows, NOBODY, sent, ("clicked", "visited"), WITHIN)
            return held(ledger)


@pytest.mark.property
@given(told_in_files())
@options(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_split_order_and_repetition_of_the_same_events_gives_the_same_tables(empty, told):
    whole, files = told
    assert learned(empty, files) == learned(empty, [whole])


def test_what_is_told_is_counted_by_what_became_of_it(settings):
    with clock(MORNING), open_ledger(settings) as ledger:
        first = events(click(1, "m1", 1), click(2, "m1", 9), click(1, "m1", 1), click(1, "m1", 2))
        sent = arrivals(("m1", 0), ("m1", 3))
        assert take(ledger, first, NOBODY, sent, ("clicked",), WITHIN) == Taken(1, 1, 1, 1)
        assert take(ledger, first, NOBODY, sent, ("clicked",), WITHIN) == Taken(0, 3, 1, 0)
        assert held(ledger)["arrival"] == [("m1", TEN.replace(tzinfo=None))]


def test_of_several_arrivals_that_are_told_of_a_message_the_earliest_counts(settings):
    with clock(MORNING), open_ledger(settings) as ledger:
        for second in (3, 0, 2):
            take(ledger, events(click(1, "m1", 6)), NOBODY, arrivals(("m1", second)), ("clicked",), WITHIN)
        assert held(ledger)["arrival"] == [("m1", TEN.replace(tzinfo=None))]
        assert (len(held(ledger)["outcome"]), held(ledger)["scan"]) == (1, [])


def test_an_event_that_was_noted_under_another_key_is_known(settings):
    also = pl.DataFrame({"event_id": ["e1"], "known_as": ["e0"]})
    with clock(MORNING), open_ledger(settings) as ledger:
        take(ledger, events(click(0, "m1", 9)), NOBODY, arrivals(), ("clicked",), WITHIN)
        again = events(("e1", *click(0, "m1", 9)[1:]))
        assert take(ledger, again, also, arrivals(), ("clicked",), WITHIN) == Taken(0, 1, 0, 0)
