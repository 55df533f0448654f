"""A thread asks the warehouse ahead of who works on it, and tells the same as who asks in turn."""

from __future__ import annotations

import threading

import pytest
from polars.testing import assert_frame_equal

from flows.clock import moment
from flows.errors import StatementError
from flows.line.ahead import Ahead
from flows.line.segments import live_segments, read_segment_rows
from flows.line.sources import Source, ask
from flows.warehouse.keeping import session_at_hand
from flows.warehouse.scope import Scope
from tests.line.happened import Happened, event
from tests.tiny import clock, day

FEW = Scope(customers=("c05", "c14"))


@pytest.fixture
def source(planned):
    workspace = planned[0].load()
    with clock(day(0)):
        yield Source(workspace, workspace.settings.database, moment(None, workspace.settings.zone), {})


@pytest.mark.slow
def test_who_works_on_it_is_told_what_they_would_have_been_told_in_turn(source):
    names = live_segments(source.workspace, source.moment.as_of)
    with session_at_hand(), Ahead() as ahead:
        ahead.start(source, FEW, names)
        told, segments = ahead.of(source, FEW, names)
        found = list(segments)
    expected = ask(source, FEW)
    for name in ("customers", "consent", "exclusions", "suppressions"):
        assert_frame_equal(getattr(told, name), getattr(expected, name), check_row_order=False)
    assert [name for name, _ in found] == names
    for name, rows in found:
        assert_frame_equal(rows, read_segment_rows(source, FEW, name), check_row_order=False)
    assert ahead.of(source, Scope(), names) is None
    assert ahead.of(source, FEW, names[1:]) is None
    assert Ahead().of(source, FEW, names) is None


@pytest.mark.slow
def test_what_a_query_runs_into_is_raised_to_who_asked_for_the_answer_and_nothing_is_left_behind(tiny):
    happened = Happened(tiny)
    tiny.run()
    tiny.edit("sql/segments/late.sql", "SELECT", "SELECT nothing_of_the_kind,")
    before = threading.active_count()
    with pytest.raises(StatementError, match="nothing_of_the_kind"):
        happened.respond(event("e1", "c05"))
    assert threading.active_count() <= before
