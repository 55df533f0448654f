"""What people did comes into the history: each event once, about people who are known, and without their names."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter

import duckdb
import polars as pl
import pytest

from flows import line
from flows.errors import DataError, LockedError, StateError, UsageError
from flows.ledger.lock import run_lock
from flows.line import learning
from flows.line.learning import Learned
from tests.line.told import NAMES, Told, as_csv, as_ndjson, at, row
from tests.tiny import MORNING, clock, day


@pytest.fixture
def told(tiny):
    return Told(tiny)


def test_what_people_did_is_noted_under_keys_whichever_id_names_them(told):
    ids, ann, cid = told.ids, told.person("c01"), told.person("c03")
    done = told.rows(
        row("e1", "visited", "c01", channel="web"),
        row("e2", "ordered", message=ids["c03"], value="12.50"),
        row("e3", "ordered", "c03", f"{ids['c03']}{'f' * 32}", value="1e2", happened_at="2026-11-22 12:00:00.5+0100"),
    )
    assert done == Learned(files=1, taken=3)
    when = "2026-11-22 10:00:00"
    assert told.outcomes() == [
        ("ordered", cid, ids["c03"], 100.0, None, "2026-11-22 11:00:00.5", "file"),
        ("ordered", cid, ids["c03"], 12.5, None, when, "file"),
        ("visited", ann, None, None, "web", when, "file"),
    ]
    stored = repr(told.tiny.everything()["outcome"])
    assert not [text for text in ("c01", "'e1'", "c03") if text in stored]


@pytest.mark.bad_input(81, 82)
def test_an_event_counts_once_however_often_and_by_whatever_form_it_is_told(told):
    rows = [row("e1", "visited", "c01"), row("e2", "ordered", "c03", value="7"), row("e1", "visited", "c01")]
    assert told.rows(*rows) == Learned(files=1, taken=2, repeated=1)
    before = told.tiny.everything()
    parquet = told.tiny.folder / "told.parquet"
    pl.DataFrame(rows).with_columns(pl.col(name).replace("", None) for name in NAMES).write_parquet(parquet)
    ndjson = told.file(as_ndjson(rows), "told.ndjson")
    done = told.learn(parquet, ndjson, told.file(rows))
    assert done == Learned(files=3, repeated=9)
    assert told.tiny.everything() == before


def test_of_an_event_that_is_told_otherwise_later_the_first_holds_and_it_is_said(told):
    told.rows(row("e1", "ordered", "c01", value="10"))
    before = told.tiny.everything()
    done = told.rows(
        row("e1", "ordered", "c01", value="11"), row("e1", "visited", "c01"), row("e1", "ordered", "c01", value="10")
    )
    assert done == Learned(files=1, repeated=1, contradicting=2)
    assert not done.is_whole
    assert told.tiny.everything() == before


@pytest.mark.bad_input(79)
def test_of_people_and_messages_that_nobody_knows_nothing_is_kept_but_their_number(told):
    before = told.tiny.everything()
    strange = "0" * 32
    done = told.rows(
        row("e1", "visited", "c99"), row("e2", "visited", message=strange), row("e3", "visited", "c01", strange)
    )
    assert done == Learned(files=1, unknown=3)
    assert told.tiny.everything() == before


def test_somebody_is_known_as_a_customer_or_by_the_history(told):
    told.tiny.warehouse("INSERT INTO people VALUES ('c77', 'north', 'DE', 'en', NULL, NULL, 'Gil')")
    told.tiny.warehouse("DELETE FROM people WHERE customer_id = 'c01'")
    assert told.rows(row("e1", "visited", "c77"), row("e2", "visited", "c01")) == Learned(files=1, taken=2)


def test_who_was_forgotten_is_not_noted_again_by_any_id(told):
    message = told.ids["c01"]
    told.rows(row("e1", "visited", "c01"), row("e2", "visited", message=message), row("e3", "visited", "c03"))
    with clock(day(1)):
        done = line.forget(told.tiny.load().settings, ["c01"])
    assert done.ledger["outcome"] == 2
    assert told.rows(row("e4", "visited", "c01"), row("e5", "clicked", message=message)) == Learned(files=1, unknown=2)
    assert told.rows(row("e6", "unsubscribed", "c01")).stopped == 0
    assert [each[0] for each in told.outcomes()] == ["visited"]


@pytest.mark.slow
def test_a_scan_and_an_arrival_are_forgotten_with_their_person(told):
    message = told.ids["c01"]
    told.rows(row("e1", "sent", message=message), row("e2", "clicked", message=message))
    assert [len(told.tiny.everything()[table]) for table in ("scan", "arrival")] == [1, 1]
    with clock(day(1)):
        line.forget(told.tiny.load().settings, ["c01"])
    assert [len(told.tiny.everything()[table]) for table in ("scan", "arrival")] == [0, 0]


def test_a_new_key_renews_outcomes_and_what_was_told_under_the_old_one_is_known_still(told):
    rows = [row("e1", "visited", "c01"), row("e2", "clicked", message=told.ids["c03"])]
    told.rows(*rows)
    old = {person for _, person, *_ in told.outcomes()}
    with clock(day(1)):
        line.rotate(told.tiny.load())
    assert told.rows(*rows) == Learned(files=1, repeated=2)
    now = {person for _, person, *_ in told.outcomes()}
    assert (len(now), now & old) == (2, set())
    assert now <= {key for (key,) in told.tiny.history("SELECT person_key FROM claim")}


def test_an_id_that_belongs_to_another_makes_a_row_bad_and_is_not_quoted(told):
    done = told.rows(row("e1", "visited", "c01"), row("e2", "visited", "c03", told.ids["c01"]), row("e3", "visited"))
    places = ("its message was for another than its customer_id", "it has neither customer_id nor message_id")
    assert [place.partition(": ")[2] for place in done.places] == list(places)
    assert [place.partition(":")[2].partition(":")[0] for place in done.places] == ["3", "4"]
    assert (done.taken, done.bad, done.is_whole) == (1, 2, False)


@pytest.mark.bad_input(84)
def test_what_lies_ahead_or_is_no_instant_makes_a_row_bad(told):
    good = [row(f"g{n}", "visited", "c01") for n in range(300)]
    done = told.rows(
        row("e1", "visited", "c01", happened_at="2999-01-01T00:00:00Z"),
        row("e2", "visited", "c01", happened_at="2026-02-30T00:00:00Z"),
        row("e3", "visited", "c01", happened_at="2026-11-22T10:00:00"),
        row("e4", "ordered", "c01", value="12,5"),
        *good,
    )
    whys = ["its happened_at lies ahead", "its happened_at is none", "its happened_at is none", "its value is none"]
    assert [place.partition(": ")[2] for place in done.places] == whys
    assert (done.taken, done.bad) == (300, 4)


def test_what_happened_before_the_history_that_is_kept_comes_too_late(told):
    kept = row("e1", "visited", "c01", happened_at="2024-11-23T00:00:00Z")
    gone = row("e2", "visited", "c01", happened_at="2024-11-22T23:59:59Z")
    assert told.rows(kept, gone) == Learned(files=1, taken=1, late=1)


def test_outcomes_go_when_the_decisions_that_they_can_be_about_go(told):
    ids = told.ids
    told.rows(
        row("e1", "visited", "c01"), row("e2", "sent", message=ids["c01"]), row("e3", "clicked", message=ids["c01"])
    )
    told.rows(row("e4", "visited", "c03", happened_at="2026-12-20T00:00:00Z"), on=40)
    with clock(day(729)):
        assert line.retain(told.tiny.load()).history == {}
    with clock(day(740)):
        gone = line.retain(told.tiny.load()).history
    assert {name: gone[name] for name in ("outcome", "scan", "arrival")} == {"outcome": 1, "scan": 1, "arrival": 1}
    assert [outcome[5] for outcome in told.outcomes()] == ["2026-12-20 00:00:00"]
    assert told.rows(row("e1", "visited", "c01"), on=740) == Learned(files=1, late=1)


def test_outcomes_stay_while_a_decision_holds_that_they_are_about(told):
    told.rows(row("e1", "visited", "c01"), row("e2", "visited", "c03"))
    ann = told.person("c01")
    with duckdb.connect(str(told.tiny.state / "ledger.duckdb")) as connection:
        connection.execute(f"UPDATE decision SET valid_until = '2099-01-01' WHERE person_key = '{ann}'")
    with clock(day(740)):
        line.retain(told.tiny.load())
    assert [outcome[1] for outcome in told.outcomes()] == [ann]


def test_a_click_before_a_message_arrived_or_within_seconds_is_a_scanners(told):
    message = told.ids["c01"]
    done = told.rows(
        row("s", "sent", message=message),
        row("e1", "clicked", message=message, happened_at=at("09:59:00")),
        row("e2", "clicked", message=message, happened_at=at("10:00:04.9")),
        row("e3", "visited", message=message, happened_at=at("10:00:01")),
        row("e4", "clicked", message=message, happened_at=at("10:00:05")),
        row("e5", "ordered", message=message, happened_at=at("10:00:01")),
        row("e6", "visited", "c01", happened_at=at("10:00:01")),
        row("e7", "clicked", message=told.ids["c03"], happened_at=at("10:00:01")),
    )
    assert done == Learned(files=1, taken=4, scanners=3, acknowledged=1)
    assert Counter(name for name, *_ in told.outcomes()) == {"clicked": 2, "ordered": 1, "visited": 1}
    assert Counter(name for name, *_ in told.outcomes("scan")) == {"clicked": 2, "visited": 1}


def test_how_soon_is_too_soon_is_a_setting(told):
    told.tiny.set(scanner_seconds=0.5)
    message = told.ids["c01"]
    clicks = [row(f"e{n}", "clicked", message=message, happened_at=at(f"10:00:00.{n}")) for n in (4, 5)]
    assert told.rows(row("s", "sent", message=message), *clicks).scanners == 1


def test_an_arrival_that_is_told_later_moves_what_was_taken_for_a_person_and_back(told):
    message = told.ids["c01"]
    click = row("e1", "clicked", message=message, happened_at=at("10:00:03"))
    assert told.rows(click).taken == 1
    told.rows(row("s1", "sent", message=message))
    assert [len(told.outcomes(table)) for table in ("outcome", "scan")] == [0, 1]
    assert told.rows(click) == Learned(files=1, repeated=1)
    told.rows(row("s2", "sent", message=message, happened_at=at("09:59:50")))
    assert [len(told.outcomes(table)) for table in ("outcome", "scan")] == [1, 0]


def test_that_a_message_was_loaded_sent_or_failed_is_acknowledged_in_its_batch(told):
    ids = told.ids
    done = told.rows(
        row("a", "loaded", message=ids["c01"]),
        row("b", "sent", message=ids["c01"]),
        row("c", "failed", message=ids["c03"]),
        row("d", "sent", "c01"),
    )
    assert (done.acknowledged, done.taken, done.bad) == (3, 0, 1)
    assert done.places[0].endswith(":5: it has no message_id, and tells of a message")
    said = told.tiny.history("SELECT message_id, state FROM acknowledgement ORDER BY state")
    assert said == [(ids["c03"], "failed"), (ids["c01"], "sent")]
    assert told.tiny.history(f"SELECT count(*) FROM claim WHERE message_id = '{ids['c03']}'") == [(0,)]
    assert told.rows(row("e", "visited", message=ids["c03"])).taken == 1  # what failed is known still


def test_a_failure_that_is_told_again_is_not_about_what_was_delivered_again_since(told):
    batch, message = told.mails()[0].manifest["batch_id"], told.ids["c03"]
    failure = row("f", "failed", message=message, happened_at=at("09:01:00"))
    told.rows(failure, on=0)
    assert told.tiny.history(f"SELECT count(*) FROM claim WHERE message_id = '{message}'") == [(0,)]
    with clock(MORNING.replace(hour=12)):
        line.deliver_again(told.tiny.load(), batch)
    claimed = told.tiny.history(f"SELECT batch_id FROM claim WHERE message_id = '{message}'")
    assert len(claimed) == 1
    told.rows(failure)
    assert told.tiny.history(f"SELECT batch_id FROM claim WHERE message_id = '{message}'") == claimed


@pytest.mark.bad_input(86)
@pytest.mark.parametrize(
    ("outcome", "state"), [("unsubscribed", "no"), ("complained", "complained"), ("hard_bounce", "bounced")]
)
def test_who_says_stop_is_heard_even_where_the_file_is_refused(told, outcome, state):
    good = as_csv([row("e1", outcome, message=told.ids["c01"]), row("e2", "visited", "c03"), row("e3", outcome, "c13")])
    file = told.file(f"{good}e4,2026-11-")
    with pytest.raises(DataError, match="this file is cut short"):
        told.learn(file)
    assert told.outcomes() == []
    said = told.tiny.history("SELECT message_id, state, person_key FROM consent_event")
    assert sorted(said, key=repr) == sorted(
        [(told.ids["c01"], state, told.person("c01")), (None, "no", told.person("c13"))], key=repr
    )
    before = told.tiny.everything()
    with pytest.raises(DataError):
        told.learn(file)
    assert told.tiny.everything() == before
    told.tiny.run(at=day(30))
    mails = [batch for batch in told.tiny.batches() if batch.target == "email_file"][1:]
    later = {each["customer_id"] for batch in mails for each in batch.rows}
    assert "c03" in later
    assert not later & {"c01", "c13"}


def test_who_says_stop_in_a_row_that_cannot_be_right_is_heard(told):
    rows = [row(f"g{n}", "visited", "c03") for n in range(200)]
    done = told.rows(row("e1", "complained", message=told.ids["c01"], value="none"), *rows)
    assert (done.bad, done.stopped) == (1, 1)
    assert told.tiny.history("SELECT state FROM consent_event") == [("complained",)]


def test_while_a_run_goes_on_only_who_says_stop_is_heard(told):
    file = told.file([row("e1", "unsubscribed", "c01"), row("e2", "visited", "c03")])
    with run_lock(told.tiny.load().settings, "a run"), pytest.raises(LockedError):
        told.learn(file)
    assert told.outcomes() == []
    assert told.tiny.history("SELECT state FROM consent_event") == [("no",)]


def test_a_ledger_from_a_backup_takes_nothing_in(told):
    with duckdb.connect(str(told.tiny.state / "ledger.duckdb")) as connection:
        connection.execute("DELETE FROM run")
    with pytest.raises(StateError, match="older than what has left"):
        told.rows(row("e1", "visited", "c01"))


def test_one_file_of_several_that_is_refused_costs_the_others_nothing(told):
    done = told.learn(told.file([row("e1", "visited", "c01")]), told.file("a,b\n1,2\n", "strange.csv"))
    assert (done.files, done.taken, done.is_whole) == (2, 1, False)
    [refused] = done.refused
    assert (refused.where, refused.what) == ("strange.csv:1", "the header has no column event_id")


def test_files_of_the_inbox_go_when_the_history_has_them(told):
    told.file([row("e1", "visited", "c01")], ".justenough/inbox/outcomes/week.csv")
    told.file([row("e2", "visited", "c01"), row("e3", "visited")], ".justenough/inbox/outcomes/odd.csv")
    told.file("a,b\n1,2\n", ".justenough/inbox/outcomes/strange.csv")
    told.file("half", ".justenough/inbox/outcomes/.half.csv")
    told.file("{}\n", ".justenough/inbox/outcomes/ses/odd.json")
    told.file("{}\n", ".justenough/inbox/outcomes/sess/odd.json")
    done = told.waiting()
    assert (done.files, done.taken, done.bad) == (5, 2, 1)
    assert sorted(refused.where for refused in done.refused) == ["inbox/outcomes/sess", "odd.json:1", "strange.csv:1"]
    assert told.inbox() == [".half.csv", "odd.csv", "ses/odd.json", "sess/odd.json", "strange.csv"]
    assert told.waiting().taken == 0


def test_a_file_that_takes_the_name_of_one_that_was_read_stays(told, monkeypatch):
    file = told.file([row("e1", "visited", "c01")], ".justenough/inbox/outcomes/week.csv")
    taken = learning.take

    def taken_meanwhile(*given):
        if file.exists():
            told.file([row("e2", "visited", "c03")], ".justenough/inbox/outcomes/.next.csv").replace(file)
        return taken(*given)

    monkeypatch.setattr(learning, "take", taken_meanwhile)
    assert told.waiting().taken == 1
    monkeypatch.undo()
    assert told.inbox() == ["week.csv"]
    assert told.waiting().taken == 1
    assert told.inbox() == []


def test_a_file_that_nobody_mends_goes_with_retention_and_forgetting_says_that_it_may_name_them(told):
    file = told.file("a,b\n1,2\n", ".justenough/inbox/outcomes/strange.csv")
    os.utime(file, (day(1).timestamp(), day(1).timestamp()))
    with clock(day(14)):
        assert line.forget(told.tiny.load().settings, ["c01"]).untold == 1
        assert line.retain(told.tiny.load()).told == 0
    with clock(day(16)):
        assert line.retain(told.tiny.load()).told == 1
        assert line.forget(told.tiny.load().settings, ["c01"]).untold == 0
    assert told.inbox() == []


def manifest(path, rows, content=None):
    digest = hashlib.sha256(path.read_bytes() if content is None else content).hexdigest()
    path.with_name(f"{path.name}.manifest.json").write_text(json.dumps({"rows": rows, "sha256": digest, "by": "shop"}))


def test_a_file_is_what_its_manifest_says_and_both_go(told):
    file = told.file([row("e1", "visited", "c01")], ".justenough/inbox/outcomes/week.csv")
    manifest(file, 1)
    assert told.waiting().taken == 1
    assert told.inbox() == []


@pytest.mark.bad_input(71)
@pytest.mark.parametrize(
    ("rows", "content", "what"),
    [
        (3, None, "this file has 2 rows, and its manifest says 3"),
        (2, b"other", "this file is not the one that its manifest is about"),
    ],
)
def test_a_file_that_is_not_what_its_manifest_says_is_refused_but_for_who_says_stop(told, rows, content, what):
    file = told.file([row("e1", "visited", "c01"), row("e2", "unsubscribed", "c03")])
    manifest(file, rows, content)
    with pytest.raises(DataError) as refused:
        told.learn(file)
    assert refused.value.what == what
    assert told.outcomes() == []
    assert told.tiny.history("SELECT state FROM consent_event") == [("no",)]


def test_a_manifest_that_says_nothing_refuses_its_file(told):
    file = told.file([row("e1", "complained", message=told.ids["c01"])])
    file.with_name(f"{file.name}.manifest.json").write_text("[]")
    with pytest.raises(DataError, match="this does not tell the file's rows and its digest"):
        told.learn(file)
    assert told.tiny.history("SELECT state FROM consent_event") == [("complained",)]


@pytest.mark.bad_input(63)
def test_a_header_alone_is_a_file_only_where_a_manifest_promises_no_row(told):
    file = told.file(as_csv([]))
    with pytest.raises(DataError, match="there is no row"):
        told.learn(file)
    manifest(file, 0)
    assert told.learn(file) == Learned(files=1)


def test_an_adapter_that_there_is_not_is_said(told):
    with pytest.raises(UsageError, match="did you mean 'mailgun'"):
        told.learn(told.file("{}"), adapter="mailgum")


SQL = """
SELECT customer_id, brand, 'ordered' AS outcome, since_at + INTERVAL 301 DAY AS happened_at, {more}
    interest::DECIMAL(4, 1) AS value
FROM needs
"""


def sql(told, more="", name="orders"):
    folder = told.tiny.folder / "sql/outcomes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sql").write_text(SQL.format(more=more))


def test_sql_outcomes_come_in_of_people_about_whom_something_was_decided(told):
    sql(told)
    decided = told.tiny.history("SELECT DISTINCT person_key FROM decision")
    done = told.waiting()
    assert done.from_sql == len(told.outcomes()) > 5
    assert {(each[1],) for each in told.outcomes()} <= set(decided)
    assert (
        "ordered",
        told.person("c01"),
        None,
        4.0,
        None,
        "2026-11-23 09:00:00",
        "sql/outcomes/orders.sql",
    ) in told.outcomes()
    assert told.waiting() == Learned()


def test_sql_outcomes_of_before_the_first_decision_are_not_read(told):
    sql(told)
    told.tiny.warehouse("UPDATE needs SET since_at = since_at - INTERVAL 2 DAY WHERE customer_id <> 'c01'")
    told.waiting()
    assert {each[1] for each in told.outcomes()} == {told.person("c01")}


def test_rows_of_sql_that_tell_the_same_are_as_many_events(told):
    sql(told)
    told.tiny.warehouse("INSERT INTO needs FROM needs WHERE customer_id = 'c01' AND brand = 'north'")
    told.waiting()
    assert Counter(each[1] for each in told.outcomes())[told.person("c01")] == 3  # one of them is about the other brand
    assert told.waiting().from_sql == 0


def test_an_event_of_sql_with_an_id_is_the_one_that_a_file_tells(told):
    sql(told, more="'e-' || customer_id AS event_id, 'web' AS channel,")
    when = "2026-11-23T09:00:00Z"
    told.rows(row("e-c01", "ordered", "c01", value="4", channel="web", happened_at=when))
    told.waiting()
    assert Counter(each[1] for each in told.outcomes())[told.person("c01")] == 1


def test_nothing_is_asked_of_sql_outcomes_before_anything_was_decided(tmp_path):
    from tests.tiny import make

    told = Told(make(tmp_path / "fresh", brands=["north"]))
    sql(told)
    assert told.waiting() == Learned()


def test_who_says_stop_in_sql_outcomes_is_heard(told):
    folder = told.tiny.folder / "sql/outcomes"
    folder.mkdir()
    text = "SELECT customer_id, 'unsubscribed' AS outcome, since_at + INTERVAL 301 DAY AS happened_at FROM needs"
    (folder / "left.sql").write_text(f"{text} WHERE customer_id = 'c01'")
    assert (told.waiting().stopped, told.waiting().stopped) == (1, 0)
    assert told.tiny.history("SELECT state, source FROM consent_event") == [("no", "sql/outcomes/left.sql")]


def test_copies_for_seed_addresses_are_counted_apart(told):
    with duckdb.connect(str(told.tiny.state / "ledger.duckdb")) as connection:
        connection.execute("INSERT INTO seed VALUES (?, 'email_file-2026-11-22-1')", ["5" * 32])
    assert told.rows(row("e1", "clicked", message="5" * 32)) == Learned(files=1, others=1)
