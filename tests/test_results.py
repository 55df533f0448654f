"""justenough learn says in counts what came in, and in places what is wrong; its flow takes no identity."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import duckdb
import pytest
from prefect.utilities.callables import parameter_schema

from flows import cli
from flows.learn import learn
from flows.respond import respond
from tests.house.tree import ROOT
from tests.line.happened import as_csv as events
from tests.line.happened import event
from tests.line.test_sample import sample
from tests.line.told import Told, as_ndjson, at, row
from tests.test_personalise import _deployments
from tests.tiny import day, make


@pytest.fixture(scope="module")
def spoken_to(tmp_path_factory):
    """A workspace after its first day."""
    tiny = make(tmp_path_factory.mktemp("results") / "tiny", brands=["north"])
    tiny.run()
    return tiny


@pytest.fixture
def say(spoken_to, tmp_path, monkeypatch, capsys):
    told = Told(spoken_to.copy(tmp_path / "tiny"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("JUSTENOUGH_NOW", day(1).isoformat())

    def call(*arguments):
        code = cli.main([*map(str, arguments), "--workspace", str(told.tiny.folder)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    call.told = told
    return call


def test_learn_says_in_counts_what_came_in_and_names_nobody(say):
    told = say.told
    rows = [
        row("e1", "visited", "c01"),
        row("e2", "visited", "c99"),
        row("e3", "visited"),
        row("e4", "unsubscribed", "c03"),
    ]
    code, text = say("learn", told.file(rows, "week.csv"))
    assert code == 3
    counts = {line.rpartition("  ")[0].strip(): line.rpartition(" ")[2] for line in text.splitlines()}
    assert counts["outcomes of people, new"] == "2"
    assert (
        counts["of people or messages that nobody knows here: nothing is kept"] == counts["that cannot be right"] == "1"
    )
    assert "1 notice of people who said stop, or of dead addresses" in text
    assert "week.csv:4: it has neither customer_id nor message_id." in text
    assert "c01" not in text


def test_learn_for_programs_says_the_same(say):
    told = say.told
    files = [told.file([row("e1", "visited", "c01")], "a.csv"), told.file("a,b\n1,2\n", "b.csv")]
    code, text = say("learn", *files, "--json")
    found = json.loads(text)
    assert (code, found["taken"], found["files"]) == (3, 1, 2)
    assert found["refused"][0]["where"] == "b.csv:1"
    assert set(found) >= {
        "taken",
        "repeated",
        "late",
        "unknown",
        "scanners",
        "bad",
        "places",
        "stopped",
        "contradicting",
    }


def test_learn_reads_what_a_platform_wrote(say):
    told = say.told
    event = {"email": "a@x.example.com", "timestamp": 1795341600, "event": "click", "sg_event_id": "E1"}
    file = told.file(json.dumps([{**event, "message_id": told.ids["c01"]}, event]), "events.json")
    code, text = say("learn", file, "--as", "sendgrid", "--json")
    assert (code, json.loads(text)["taken"], json.loads(text)["others"]) == (0, 1, 1)
    assert [each[0] for each in told.outcomes()] == ["clicked"]


@pytest.mark.parametrize(
    ("given", "code", "complaint"),
    [
        (["learn", "none.csv"], 1, "SourceError none.csv: this file cannot be read"),
        (["learn", "none.csv", "--as", "sengrid"], 2, "UsageError --as: there is no adapter 'sengrid'"),
        (["learn", "--as", "ses"], 2, "UsageError --as: it says what files are, and none is named"),
    ],
)
def test_what_cannot_be_learnt_is_said(say, given, code, complaint):
    found, text = say(*given)
    assert found == code
    assert complaint in text


def test_learn_without_a_file_empties_the_inbox(say):
    say.told.file([row("e1", "visited", "c01")], ".justenough/inbox/outcomes/week.csv")
    assert say("learn")[0] == 0
    assert say.told.inbox() == []
    assert len(say.told.outcomes()) == 1


@pytest.mark.parametrize("is_named", [True, False])
def test_while_a_product_is_broken_who_says_stop_is_heard_all_the_same(say, is_named):
    told, name = say.told, ".justenough/inbox/outcomes/week.csv"
    file = told.file([row("e1", "unsubscribed", "c01"), row("e2", "visited", "c03")], name)
    product = told.tiny.folder / "templates" / "care" / "product.yaml"
    as_it_was = product.read_text()
    product.write_text(f"halp: {as_it_was}")
    code, text = say("learn", *([file] if is_named else []))
    assert (code, told.outcomes(), told.inbox()) == (1, [], ["week.csv"])
    assert "product.yaml" in text
    assert "what says stop took effect all the same (1), and nothing else came in" in text
    product.write_text(as_it_was)
    told.tiny.run(at=day(1))
    assert told.tiny.history("SELECT state FROM consent_event") == [("no",)]


def test_the_flow_learn_takes_a_workspace_and_nothing_that_could_name_anybody():
    assert set(parameter_schema(learn).properties) == {"workspace"}
    found = _deployments()["nightly-outcomes"]
    assert (found["entrypoint"], found["parameters"]) == ("flows.learn.learn", {"workspace": "."})
    assert found["schedules"][0]["cron"] == "15 4 * * *"


@pytest.mark.slow
def test_respond_says_in_counts_what_was_answered_and_what_came_of_it(say):
    file = say.told.file(
        events(
            [
                event("e1", "c05"),
                event("e2", "c99"),
                event("e3", "c05", happened_at=at("23:00:00").replace("22T", "24T")),
            ]
        ),
        "e.csv",
    )
    code, text = say("respond", file)
    assert code == 3
    counts = {line.rpartition("  ")[0].strip(): line.rpartition(" ")[2] for line in text.splitlines()}
    assert [
        counts[name] for name in ("answered", "of customers whom the warehouse does not have: nothing is kept")
    ] == ["1", "1"]
    assert "e.csv:4: its happened_at lies ahead." in text
    assert "It is about one customer alone; the crowds and prices are those of plan 2026" in text
    assert "c05" not in text
    code, text = say("respond", file, "--json")
    found = json.loads(text)
    assert (code, found["repeated"], found["plan"], found["refused"]) == (3, 1, None, [])


def test_respond_without_anything_that_waits_has_nothing_to_answer(say):
    code, text = say("respond")
    assert (code, text.split()) == (0, ["Events", "how", "many", "answered", "0"])


def test_the_flow_respond_takes_a_workspace_and_nothing_that_could_name_anybody():
    assert set(parameter_schema(respond).properties) == {"workspace"}
    found = _deployments()["events"]
    assert (found["entrypoint"], found["parameters"]) == ("flows.respond.respond", {"workspace": "."})
    assert found["schedules"] == [{"interval": 60, "slug": "every-minute"}]
    assert found["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    [trigger] = found["triggers"]
    assert trigger["expect"] == ["justenough.events.arrived"]
    assert "parameters" not in trigger  # nothing of an event goes along


@pytest.mark.slow
def test_on_the_sample_outcomes_come_in_by_commands_alone(tmp_path):
    tiny = sample(tmp_path / "sample")

    def command(*arguments, on=0):
        own = {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": day(on).isoformat()}
        line = [sys.executable, "-m", "flows.cli", *map(str, arguments), "--workspace", str(tiny.folder)]
        done = subprocess.run(line, env=os.environ | own, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, text = command("run")
    assert code == 0, text
    sent = [
        {"customer": each["customer_id"], "message": each["message_id"]}
        for batch in tiny.batches() if batch.target == "email_file" and batch.manifest["kind"] == "message"
        for each in batch.rows
    ][:40]  # fmt: skip
    told = Told(tiny)
    whole = [row(f"v{n}", "visited", each["customer"], channel="web") for n, each in enumerate(sent)]
    clicks = [row(f"k{n}", "clicked", message=each["message"]) for n, each in enumerate(sent)]
    arrived = [
        row(f"s{n}", "sent", message=each["message"], happened_at=at("09:59:57")) for n, each in enumerate(sent[:10])
    ]
    told.file([*whole, row("x", "visited", "nobody")], "visits.csv")
    told.file(as_ndjson([*clicks, *arrived]), ".justenough/inbox/outcomes/clicks.ndjson")
    code, text = command("learn", tiny.folder / "visits.csv", "--json", on=1)
    assert (code, json.loads(text)["taken"], json.loads(text)["unknown"]) == (3, len(sent), 1)
    code, text = command("learn", "--json", on=1)
    found = json.loads(text)
    assert (code, found["taken"], found["scanners"], found["acknowledged"]) == (0, len(sent) - 10, 10, 10)
    rows = Counter(tiny.history("SELECT outcome, source FROM outcome WHERE source = 'file'"))
    assert rows == {("visited", "file"): len(sent), ("clicked", "file"): len(sent) - 10}
    assert found["from_sql"] == tiny.history("SELECT count(*) FROM outcome WHERE source LIKE 'sql/%'")[0][0]
    assert command("learn", "--json", on=1) == command("learn", "--json", on=1)
    with duckdb.connect(str(tiny.state / "ledger.duckdb"), read_only=True) as ledger:
        strange = "SELECT count(*) FROM outcome WHERE person_key NOT IN (SELECT person_key FROM decision)"
        assert ledger.execute(strange).fetchall() == [(0,)]
