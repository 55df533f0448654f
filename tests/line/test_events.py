"""Files of events are read with care: what is wrong with a row is told by its place, and costs no other row."""

from __future__ import annotations

import polars as pl
import pytest

from flows.line import events
from flows.line.reports import refused
from tests.line.happened import as_csv, as_ndjson, event
from tests.tiny import clock, day


def read(tmp_path, content, name="e.csv"):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with clock(day(1)):
        reports = events.read_events_told([path])
        return events.rows_of(reports), reports


@pytest.mark.bad_input(78)
def test_csv_and_ndjson_tell_the_same(tmp_path):
    rows = [event("e1", "c01", "app"), event("0012", "1E5", happened_at="2026-11-23 09:00:00.5+01:00")]
    found = [read(tmp_path, as_csv(rows))[0], read(tmp_path, as_ndjson(rows), "e.ndjson")[0]]
    assert found[0].drop("line").equals(found[1].drop("line"))
    assert [each["line"].to_list() for each in found] == [[2, 3], [1, 2]]
    assert found[0].select("event_id", "event", "customer_id", "channel", "why").rows() == [
        ("e1", "basket_left", "c01", "app", None),
        ("0012", "basket_left", "1E5", None, None),
    ]
    assert found[0]["happened_at"].dt.to_string("%H:%M:%S%.3f").to_list() == ["08:00:00.000", "08:00:00.500"]


@pytest.mark.bad_input(84, 117)
def test_what_lies_ahead_or_is_no_instant_is_told_and_costs_no_other_row(tmp_path):
    ahead, never = "2026-11-23T09:06:00Z", "2026-13-23T09:00:00Z"
    soon = "2026-11-23T09:04:00Z"  # clocks differ
    rows = [event("e1", "c01", happened_at=each) for each in (ahead, never, soon)]
    assert read(tmp_path, as_csv(rows))[0]["why"].to_list() == [
        "its happened_at lies ahead",
        "its happened_at is none",
        None,
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"customer_id": ""}, "it has no customer_id"),
        ({"event_id": ""}, "it has no event_id"),
        ({"event": "Ann 3"}, "its event is none"),
        ({"happened_at": "2026-11-23T09:00:00"}, "its happened_at is none"),
        ({"channel": "+49151"}, "its channel is none"),
    ],
)
@pytest.mark.bad_input(115)
def test_a_row_that_cannot_be_read_is_left_out_and_a_file_of_such_rows_refused(tmp_path, change, why):
    rows, [report] = read(tmp_path, as_csv([event("e1", "c01"), event("e2", "c02") | change]))
    assert rows["event_id"].to_list() == ["e1"]
    assert report.found.places == [(3, why)]
    _, many = read(tmp_path, as_csv([event("e2", "c02") | change] * 3))
    [told] = refused(many)
    assert told.where == "e.csv:2"
    assert why in told.what


@pytest.mark.bad_input(115)
def test_a_file_without_a_column_that_is_needed_is_refused(tmp_path):
    _, reports = read(tmp_path, "event_id,happened_at,event\ne1,2026-11-23T08:00:00Z,basket_left\n")
    assert [each.what for each in refused(reports)] == ["the header has no column customer_id"]


def test_somebody_came_in_by_the_last_channel_of_ours_that_is_told(tmp_path):
    told = [
        ("c01", "email", 1), ("c01", "app", 3), ("c01", "store", 4), ("c02", "site", 1), ("c02", "sms", 2), ("c03", None, 1),
    ]  # fmt: skip
    rows = pl.DataFrame(told, ["customer_id", "channel", "happened_at"], orient="row")
    rows.sample(fraction=1, shuffle=True, seed=3).write_parquet(tmp_path / events.EVENTS_FILE)
    found = events.read_entries(tmp_path)
    assert sorted(found.rows()) == [("c01", "push"), ("c02", "sms")]
    assert events.read_entries(tmp_path / "no plan") is None
