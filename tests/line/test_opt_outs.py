"""People who say stop: before a run, between two, and while a batch is being made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.ledger.lock import run_lock
from flows.ledger.store import open_ledger
from tests.line.test_state_target import held
from tests.tiny import MORNING, clock, day, make

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


def say(tiny, *notices: Notice, at=MORNING) -> None:
    with clock(at):
        inbox.write(tiny.load().settings, notices)


def reached(tiny, target: str) -> list[str]:
    return sorted(row["customer_id"] for batch in tiny.batches() if batch.target == target for row in batch.rows)


def test_what_is_in_the_inbox_holds_for_the_run_beside_what_the_warehouse_says(tiny):
    say(
        tiny,
        Notice(customer_id="c01"),
        Notice(address="mia@x.example.com", channel="email"),
        Notice(customer_id="c06", topic="other"),
    )
    outcome = tiny.run()
    assert outcome.plan.people["marketing"].reasons["NO_CONSENT"] == 2  # c09 says no in the warehouse
    assert reached(tiny, "email_file") == ["c03", "c04", "c07", "c08", "c08"]
    assert reached(tiny, "sms_file") == ["c06"]


@pytest.mark.slow
def test_a_later_yes_of_the_warehouse_holds_against_an_earlier_no_of_the_inbox_and_the_other_way_round(tiny):
    say(
        tiny,
        Notice(customer_id="c01", brand="north", happened_at=day(-20)),
        Notice(customer_id="c03", brand="north", happened_at=day(-2)),
    )
    for customer in ("c01", "c03"):
        tiny.says(customer, "yes", at=day(-10))
    tiny.run()
    assert reached(tiny, "email_file") == [
        "c01",
        "c02",
        "c04",
        "c07",
        "c08",
        "c08",
        "c13",
    ]  # c02 has the address of c03


@pytest.mark.slow
def test_who_answers_to_a_message_gets_no_more_of_its_brand(tiny):
    tiny.run()
    [message] = [
        row["message_id"]
        for b in tiny.batches()
        for row in b.rows
        if row["customer_id"] == "c01" and b.target == "email_file"
    ]
    say(tiny, Notice(message_id=message), at=day(1))
    tiny.run(at=day(40))
    later = [
        row["customer_id"]
        for b in tiny.batches()
        if b.manifest["as_of"] == f"{day(40):%F}"
        for row in b.rows
        if row["_mode"] == "append"
    ]
    assert "c03" in later
    assert "c01" not in later


def test_who_says_stop_while_a_batch_is_made_is_left_out_of_it_and_the_others_are_not(tiny, while_staged):
    while_staged("email_file", lambda: say(tiny, Notice(customer_id="c03"), Notice(address="c01@other.example.com")))
    outcome = tiny.run()
    mail = outcome.delivered.published[0]
    assert (mail.target, mail.rows, mail.dropped) == ("email_file", 6, {"NO_CONSENT": 1})
    assert reached(tiny, "email_file") == ["c01", "c04", "c07", "c08", "c08", "c13"]
    [batch] = [b for b in tiny.batches() if b.target == "email_file"]
    assert sum(product["rows"] for product in batch.manifest["products"]) == 6
    claimed = tiny.history("SELECT count(*) FROM claim JOIN batch USING (batch_id) WHERE target = 'email_file'")
    rows = tiny.history("SELECT row_count, state FROM batch WHERE target = 'email_file'")
    assert (claimed, rows) == ([(6,)], [(6, "published")])
    for table in ("delivery", "receipt"):
        assert tiny.history(
            f"SELECT count(*) FROM {table} JOIN batch USING (batch_id) WHERE target = 'email_file'"
        ) == [(6,)]
    # On the web, which is sealed later, consent was looked at again.
    assert "c03" not in reached(tiny, "web_profiles")


@pytest.mark.slow
def test_where_everybody_says_stop_while_a_batch_is_made_it_does_not_appear(tiny, while_staged):
    while_staged("sms_file", lambda: say(tiny, Notice(customer_id="c06")))
    outcome = tiny.run()
    text = outcome.delivered.published[1]
    assert (text.target, text.folder, text.rows, text.dropped) == ("sms_file", None, 0, {"NO_CONSENT": 1})
    assert reached(tiny, "sms_file") == []
    assert tiny.history("SELECT count(*) FROM claim WHERE channel = 'sms'") == [(0,)]
    assert tiny.history("SELECT state FROM run") == [("delivered",)]


@pytest.mark.slow
def test_who_says_stop_while_the_web_is_made_is_not_shown_and_what_was_shown_is_taken_away_next(tiny, while_staged):
    tiny.run()
    before = held(tiny)
    assert ("c01", "care") in before
    # Ann's need changes, so that she would be shown something new; Une is new.
    tiny.warehouse("UPDATE people SET first_name = 'Anna' WHERE customer_id = 'c01'")
    tiny.warehouse("UPDATE needs SET item = 'rope' WHERE customer_id IN ('c01', 'c02')")
    while_staged("web_profiles", lambda: say(tiny, Notice(customer_id="c01"), at=day(31)))
    tiny.run(at=day(31))
    shown = [
        row
        for b in tiny.batches()
        if b.manifest["as_of"] == f"{day(31):%F}" and b.target == "web_profiles"
        for row in b.rows
    ]
    assert "c01" not in {row["customer_id"] for row in shown if row["_mode"] == "append"}
    assert "c02" in {row["customer_id"] for row in shown if row["_mode"] == "append"}
    tiny.run(at=day(32))
    assert "c01" not in {customer for customer, _ in held(tiny)}


@pytest.mark.slow
def test_words_that_are_changed_while_a_batch_is_made_stop_it_and_the_next_run_says_the_new_ones(tiny, while_staged):
    changed = []

    def change():
        if not changed:
            changed.append(1)
            tiny.edit("templates/care/email.j2", "dry it first", "let it dry first")

    while_staged("email_file", change)
    with pytest.raises(Exception, match="words or SQL have changed while it was delivered"):
        tiny.run()
    assert [b for b in tiny.batches() if b.target == "email_file"] == []
    assert tiny.history("SELECT count(*) FROM claim") == [(0,)]
    outcome = tiny.run()
    assert outcome.recovered[0].state == "abandoned"
    assert len(reached(tiny, "email_file")) == 7
    [batch] = [b for b in tiny.batches() if b.target == "email_file"]
    assert b"let it dry first" in batch.payload["creatives.ndjson"] + b"".join(batch.payload.values())


@pytest.mark.slow
def test_to_opt_out_takes_neither_the_lock_of_a_run_nor_the_ledger(tiny, capsys):
    tiny.run()
    with run_lock(tiny.load().settings, "a run"), open_ledger(tiny.load().settings):
        command = [sys.executable, "-m", "flows.cli", "opt-out", "c01", "--workspace", str(tiny.folder), "--json"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"notices": 1}
    assert len(inbox.waiting(tiny.load().settings)) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "UsageError justenough opt-out: it names one of customer_id, address and message_id"),
        (["c01", "--address", "a@x.example.com"], "UsageError justenough opt-out: it names one of"),
        (["c01", "--brand", "nroth"], "UsageError --brand: 'nroth' is no brand of this workspace"),
        (["c01", "--channel", "mail"], "UsageError --channel: 'mail' is no channel of this workspace"),
        (["c01", "--state", "snooze"], "UsageError justenough opt-out: a snooze says until when"),
    ],
)
def test_what_is_no_opt_out_is_said_to_whoever_types_it(tiny, capsys, given, complaint):
    assert cli.main(["opt-out", *given, "--workspace", str(tiny.folder)]) == 2
    assert complaint in capsys.readouterr().err
    assert inbox.waiting(tiny.load().settings) == []


def test_many_opt_outs_come_in_a_file_all_of_them_or_none(tiny, tmp_path, capsys):
    file = tmp_path / "said.ndjson"
    file.write_text('{"customer_id": "c01"}\n{"address": "mia@x.example.com"}\n')
    assert cli.main(["opt-out", "--file", str(file), "--workspace", str(tiny.folder)]) == 0
    assert "2 notices are in the inbox" in capsys.readouterr().out
    file.write_text('{"customer_id": "c02"}\n{"customer": "c03"}\n')
    assert cli.main(["opt-out", "--file", str(file), "--workspace", str(tiny.folder)]) == 1
    assert "said.ndjson:2: this is no notice" in capsys.readouterr().err
    assert len(inbox.waiting(tiny.load().settings)) == 1
    assert cli.main(["opt-out", "--file", str(tmp_path / "none"), "--workspace", str(tiny.folder)]) == 1
