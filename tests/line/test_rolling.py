"""A rolling run reads few people again, and decides what a full run does; where it cannot know that, it reads everybody."""

from __future__ import annotations

import polars as pl
import pytest

from flows.clock import moment
from flows.errors import DataError
from flows.line import vouching
from flows.line.forgetting import forget
from flows.line.retaining import retain
from flows.line.rolling import FOLDER, look_for_news
from flows.line.sources import Source
from flows.pages.sentences import rolled as told
from flows.settings import load_settings
from tests.line.rolling_shop import COUNT, needs, same_as_full, shop
from tests.tiny import clock, day, payloads

NOT_TOLD = {"again": "it does not say `tells_when_due`"}


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    tiny = shop(tmp_path_factory.mktemp("rolling") / "shop")
    needs(tiny, 1, at=day(-3))  # named, and told
    needs(tiny, 2, at=day(0))  # named in two days
    needs(tiny, 3, at=day(-1))  # named tomorrow
    tiny.warehouse("INSERT INTO complaints VALUES ('c04', '2026-11-01', NULL)")
    needs(tiny, 4, at=day(-4))  # not named, as long as the complaint is open
    tiny.warehouse("INSERT INTO late_orders VALUES ('c08', 'north', 'o8', 'tent', 3)")
    tiny.warehouse("INSERT INTO parcels VALUES ('o8', '2026-11-28', NULL)")  # named in a week
    return tiny, tiny.run(rolling=True).plan


@pytest.fixture
def tiny(rolled, tmp_path):
    """A shop after a day on which everybody was read."""
    return rolled[0].copy(tmp_path / "tiny")


def looked(tiny, number=1):
    """How much a rolling run of a day would read."""
    with clock(day(number)):
        workspace = tiny.load()
        return look_for_news(
            Source(workspace, workspace.settings.database, moment(None, workspace.settings.zone), {})
        ).told


def test_the_first_rolling_run_reads_everybody(rolled):
    _, plan = rolled
    assert plan.order.rolling.because == "nothing is noted of a run before"
    assert (plan.order.rolling.few, plan.candidates["care"]) == ((), 1)


def test_who_has_no_news_and_is_not_due_is_not_looked_at_and_the_decisions_are_those_of_a_full_run(tiny):
    quiet = looked(tiny)
    assert (quiet.few, quiet.whole, quiet.because) == (("late", "owners"), NOT_TOLD, None)
    assert (quiet.scope, quiet.customers) == (3, COUNT)  # c01 is named; c03 is today, and c02 tomorrow
    # A complaint is deleted, a row given to another, one comes late, one is corrected where it stands.
    tiny.warehouse("DELETE FROM complaints; UPDATE needs SET customer_id = 'c05' WHERE customer_id = 'c01'")
    tiny.warehouse("UPDATE people SET first_name = 'Nova' WHERE customer_id = 'c03'")
    needs(tiny, 6, at=day(-5))
    plan = same_as_full(tiny, day(1))
    assert plan.order.rolling.scope == 6  # c01 to c06
    assert plan.candidates == {"again": 3, "care": 4, "late": 0}
    assert told(plan) == [
        f"6 of {COUNT} people were looked at again, in late, owners.",
        "again was read over everybody: it does not say `tells_when_due`.",
    ]
    # Who was not looked at is not forgotten: c08 is due after that, beside those who are named (all but c01).
    assert looked(tiny, 6).scope == 6


def test_what_was_noted_of_people_goes_with_plans_where_no_rolling_run_comes_any_more(tiny):
    def retained(number):
        with clock(day(number)):
            return retain(tiny.load()).notes

    assert (retained(14), looked(tiny, 14).because) == (0, "`full_every` has passed since everybody was read last")
    assert (retained(15), (tiny.state / FOLDER).exists()) == (3, False)
    assert (retained(15), looked(tiny, 15).because) == (0, "nothing is noted of a run before")


@pytest.mark.parametrize(
    ("statement", "people"),
    [
        ("INSERT INTO late_orders VALUES ('c07', 'north', 'o7', 'tent', 3)", 4),
        ("UPDATE people SET email = NULL WHERE customer_id = 'c08'", 4),
        ("INSERT INTO needs VALUES ('c09', 'north', 'tent', 3, '2026-12-24')", 3),  # it has not happened yet
        ("INSERT INTO consents VALUES ('n', 'c10', 'north', '*', '*', 'no', '2026-11-22')", 3),  # no segment reads it
    ],
)
def test_news_is_what_segments_can_see(tiny, statement, people):
    tiny.warehouse(statement)
    assert looked(tiny).scope == people


def test_a_segment_that_reads_a_table_about_nobody_is_read_over_everybody_when_that_has_changed(tiny):
    tiny.warehouse("UPDATE items SET label = 'Alpine 4' WHERE item = 'tent'")
    found = looked(tiny)
    assert (found.few, found.whole) == (("late",), {**NOT_TOLD, "owners": "the table items has changed"})


def damaged(tiny):
    (file,) = (tiny.state / FOLDER).glob("*/people.parquet")
    file.write_bytes(file.read_bytes()[:100])


def forgotten(tiny):
    forget(load_settings(tiny.folder), ["c11"])


@pytest.mark.parametrize(
    ("happens", "number", "because"),
    [
        (damaged, 1, "nothing is noted of a run before"),
        (forgotten, 1, "nothing is noted of a run before"),
        (lambda _: None, -1, "the last run was for a later time"),
        (
            lambda tiny: tiny.edit("sql/segments/again.sql", "5 DAY", "6 DAY"),
            1,
            "settings, words or SQL have changed",
        ),
        (
            lambda tiny: tiny.warehouse("ALTER TABLE needs ADD COLUMN note VARCHAR"),
            1,
            "the tables, views or macros of the warehouse have changed",
        ),
        (lambda _: None, 7, "`full_every` has passed since everybody was read last"),
    ],
)
def test_everybody_is_read_where_nothing_says_that_all_else_is_as_it_was(tiny, happens, number, because):
    happens(tiny)
    assert looked(tiny, number).because == because


def test_where_no_segment_tells_everybody_is_read(tiny):
    for name in ("owners", "late"):
        tiny.edit(f"sql/segments/{name}.yaml", "tells_when_due: true\n", "")
    assert looked(tiny).because == "no segment says `tells_when_due`"


def test_a_warehouse_from_a_backup_is_news_of_whom_it_knows_otherwise(tiny):
    backup = (tiny.folder / "warehouse.duckdb").read_bytes()
    needs(tiny, 7)
    tiny.plan(at=day(1), rolling=True)
    (tiny.folder / "warehouse.duckdb").write_bytes(backup)
    assert looked(tiny).scope == 4  # c07 beside who may be due


def test_a_segment_that_tells_yields_the_day(tiny):
    tiny.edit("sql/segments/owners.sql", "AS next_due_on", "AS due_on")
    with pytest.raises(DataError) as caught:
        tiny.plan(at=day(1))
    assert (caught.value.where, caught.value.what) == (
        "sql/segments/owners.sql",
        "the column 'next_due_on' is missing, and sql/segments/owners.yaml:2 names it",
    )


@pytest.mark.slow
def test_a_segment_that_does_not_keep_its_word_is_told_of_when_everybody_is_read_again(tiny):
    tiny.edit("sql/segments/owners.sql", "WHERE n.", "WHERE n.since_at <= $now - INTERVAL 2 DAY AND n.")
    tiny.set(full_every="1 day")
    tiny.plan(rolling=True)
    assert tiny.plan(at=day(1), rolling=True).untold == {"owners": 1}  # c03, a day too late for a row that says when


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_leaves_in_nine_days_of_rolling_runs_is_what_leaves_in_full_ones(tiny, tmp_path):
    full = tiny.copy(tmp_path / "full")
    days = {
        1: "DELETE FROM complaints",
        2: "UPDATE needs SET since_at = '2026-11-23' WHERE customer_id = 'c02'",
        3: "INSERT INTO late_orders VALUES ('c07', 'north', 'o7', 'tent', 3)",
        4: "INSERT INTO parcels VALUES ('o7', '2026-11-26', NULL)",
        5: "INSERT INTO consents VALUES ('n', 'c03', 'north', '*', '*', 'no', '2026-11-27')",
        6: "DELETE FROM needs WHERE customer_id = 'c04'",
        8: "UPDATE parcels SET arrived_at = '2026-11-30'",
    }
    for number in range(1, 10):
        for each, rolling in ((tiny, True), (full, False)):
            each.warehouse(days.get(number, "SELECT 1"))
            each.run(at=day(number), rolling=rolling)
    assert payloads(tiny.batches()) == payloads(full.batches())


def found_anew(monkeypatch):
    """What is tried or bound from now on."""
    asked = []
    for name in ("try_words", "bind"):
        does = getattr(vouching, name)
        monkeypatch.setattr(vouching, name, lambda *given, name=name, does=does: asked.append(name) or does(*given))
    return asked


@pytest.mark.slow
def test_words_and_sql_are_not_tried_again_while_people_are_not_read_again(tiny, monkeypatch):
    asked = found_anew(monkeypatch)
    tiny.plan(at=day(1), rolling=True)
    assert asked == []
    tiny.plan(at=day(1))  # a full run takes nobody's word
    assert asked == ["try_words", "bind"]
    tiny.plan(at=day(7), rolling=True)  # `full_every` has passed
    assert asked == ["try_words", "bind"] * 2
    tiny.edit("templates/care/email.j2", "dry it first", "dry it well")
    tiny.plan(at=day(8), rolling=True)
    assert asked == ["try_words", "bind"] * 3


@pytest.mark.slow
def test_what_a_changed_plan_says_of_words_and_sql_is_not_believed_and_stops_nothing(tiny, monkeypatch):
    (kept,) = (tiny.state / "plans").glob("*/vouched")
    kept.write_bytes(kept.read_bytes().replace(b'"creep":{', b'"creep":{"x":1,'))
    asked = found_anew(monkeypatch)
    plan = tiny.plan(at=day(1), rolling=True)
    assert (asked, plan.order.rolling.few) == (["try_words", "bind"], ("late", "owners"))


def test_what_targets_hold_of_whom_no_query_names_any_more_is_looked_at_with_the_plan(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'c01'; INSERT INTO barred VALUES ('c01')")
    looks = []
    for rolling in (False, True):
        folder = tiny.state / "plans" / tiny.plan(at=day(1), rolling=rolling).order.run_id / "look"
        looks.append(pl.read_parquet(folder / "out.parquet").sort("message_id"))
    assert looks[0].height > 0
    assert looks[1].equals(looks[0])
