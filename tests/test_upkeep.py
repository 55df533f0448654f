"""justenough forget, retain, rotate-key and restored say in counts what they did, and their flows take no identity."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from flows import cli
from flows.forget import forget
from flows.retain import retain
from tests.house.tree import ROOT
from tests.tiny import MORNING, day, make


@pytest.fixture(scope="module")
def spoken_to(tmp_path_factory):
    """A workspace after its first day."""
    tiny = make(tmp_path_factory.mktemp("upkeep") / "tiny", brands=["north"])
    tiny.run()
    return tiny


@pytest.fixture
def say(spoken_to, tmp_path, monkeypatch, capsys):
    tiny = spoken_to.copy(tmp_path / "tiny")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments, at=MORNING):
        monkeypatch.setenv("JUSTENOUGH_NOW", at.isoformat())
        code = cli.main([*arguments, "--workspace", str(tiny.folder)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    call.tiny = tiny
    return call


def test_forget_says_in_counts_what_went_where_and_names_nobody(say):
    code, told = say("forget", "c01")
    assert code == 0
    rows = {line.rpartition(" ")[0].strip(): line.rpartition(" ")[2] for line in told.splitlines()}
    assert rows["recalled by outbox/email_file/2026-11-22-2"] == "1"
    assert (rows["history: claim"], rows["history: receipt"]) == ("1", "2")
    assert "1 person is forgotten." in told
    assert "web_profiles for north: the next run takes 1 row away." in told
    assert "Copies in the outbox go with retention." in told
    assert "c01" not in told
    code, told = say("forget", "c01", "zz99", "--json")
    found = json.loads(told)
    assert (code, found["people"], found["new"], found["ledger"]) == (0, 2, 1, {})


def test_who_is_nowhere_may_be_a_typing_mistake(say):
    code, told = say("forget", "C01")
    assert code == 0
    assert "Nothing of them was found: are the ids right?" in told


def test_forget_without_a_customer_does_what_the_inbox_asks_for(say):
    assert say("forget") == (0, "Nobody was to be forgotten.\n")
    requests = say.tiny.state / "inbox" / "forget"
    requests.mkdir(parents=True)
    (requests / "monday").write_text("c01\nc03\n")
    (requests / "broken").write_bytes(b"\xff")
    code, told = say("forget")
    assert code == 3
    assert "2 people are forgotten." in told
    assert "inbox/forget/broken is no file of text, and was left." in told


def test_a_batch_on_hold_is_told(say):
    with duckdb.connect(str(say.tiny.state / "ledger.duckdb")) as connection:
        connection.execute("UPDATE batch SET state = 'hold' WHERE target = 'email_file'")
    code, told = say("forget", "c01")
    assert code == 3
    assert "email_file-2026-11-22-1 is on hold and may hold them: decide about it with justenough recover" in told


def test_retain_says_what_went(say):
    code, told = say("retain", at=day(800))
    assert code == 0
    rows = {line.rpartition(" ")[0].strip(): line.rpartition(" ")[2] for line in told.splitlines()}
    assert (rows["plans"], rows["batches in the outbox"]) == ("1", "3")
    assert int(rows["history: claim"]) > 5
    assert "History is kept from 2027-01-31 on." in told


def test_rotate_key_says_which_key_is_in_use(say):
    code, told = say("rotate-key")
    assert code == 0
    key_id = (say.tiny.state / "key").read_text().partition(":")[0]
    assert f"The key {key_id} is in use; " in told
    assert "1 retired key is kept below it" in told
    assert (say.tiny.state / "key").read_text().splitlines()[0].partition(":")[2] not in told


@pytest.mark.slow
def test_restored_says_what_is_not_known_any_more(say):
    assert say("restored") == (0, "This ledger knows of everything that has left: there was nothing to accept.\n")
    backup = (say.tiny.state / "ledger.duckdb").read_bytes()
    say("forget", "c01")
    (say.tiny.state / "ledger.duckdb").write_bytes(backup)
    code, told = say("run", at=day(1))
    assert code == 1
    assert told.startswith("StateError ")
    code, told = say("restored", at=day(1))
    assert code == 0
    assert "Accepted: a ledger that lacks 2 runs, batches or erasures." in told
    assert "email_file-2026-11-22-2 is in the outbox, and nobody knows any more whom it reached." in told
    assert "Since the backup 1 person has asked to be forgotten" in told
    shutil.rmtree(say.tiny.outbox)
    assert say("run", at=day(1))[0] == 0


def test_the_forms_of_the_flows_ask_for_no_identity():
    assert set(parameter_schema(forget).properties) == {"workspace", "file"}
    assert set(parameter_schema(retain).properties) == {"workspace"}
    for flow in (forget, retain):
        schema = parameter_schema(flow)
        assert schema.required == []
        assert [name for name, field in schema.properties.items() if not field.get("description")] == []
        assert flow.persist_result is False


def test_both_flows_run_every_night():
    listed = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    crons = {each["entrypoint"]: each["schedules"][0].get("cron") for each in listed if "schedules" in each}
    assert crons["flows.forget.forget"] == "0 4 * * *"  # before the main job, which takes away what platforms hold
    assert crons["flows.retain.retain"] == "30 5 * * *"
