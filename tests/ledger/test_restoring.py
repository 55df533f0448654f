"""A ledger from a backup is noticed before anything is sent, and taken for the present only on purpose."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest

from flows import line
from flows.errors import StateError
from flows.ledger.lock import run_lock
from flows.ledger.restoring import accept_restored
from tests.tiny import clock, day, make

LOST = ("email_file-2026-11-23-1", "sms_file-2026-11-23-1", "web_profiles-2026-11-23-1")


@pytest.fixture(scope="module")
def second_day(tmp_path_factory):
    """A workspace after two days, with a copy of its state folder from the end of the first beside it."""
    tiny = make(tmp_path_factory.mktemp("restoring") / "tiny", brands=["north"])
    tiny.run()
    shutil.copytree(tiny.state, tiny.folder / "backup")
    tiny.warehouse("INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4)")
    tiny.run(at=day(1))
    return tiny


def restored(second_day, tmp_path, what):
    """A copy in which the ledger, or the whole state folder, is the backup's."""
    tiny = second_day.copy(tmp_path / "tiny")
    if what == "ledger":
        shutil.copy(tiny.folder / "backup" / "ledger.duckdb", tiny.state / "ledger.duckdb")
    else:
        shutil.rmtree(tiny.state)
        shutil.copytree(tiny.folder / "backup", tiny.state)
    return tiny


def taken(tiny):
    """As consumers do: every batch is taken out of the outbox."""
    for folder in tiny.outbox.glob("*/*"):
        shutil.rmtree(folder)


@pytest.mark.bad_input(106)
@pytest.mark.parametrize("is_taken", [True, False])
@pytest.mark.parametrize("what", ["ledger", "state"])
def test_a_ledger_that_is_older_than_what_has_left_sends_nothing(second_day, tmp_path, what, is_taken):
    tiny = restored(second_day, tmp_path, what)
    if is_taken:
        taken(tiny)
    before, seen = tiny.everything(), tiny.batches()
    for act in (lambda: tiny.run(at=day(2)), lambda: tiny.deliver("a plan", at=day(2))):
        with pytest.raises(StateError) as refused:
            act()
        # a run, an e-mail, an SMS, web profiles
        assert "it lacks 4 runs, batches or erasures" in refused.value.what
        assert ("3 batches of the outbox" in refused.value.what) == (not is_taken)
        assert refused.value.hint.endswith("justenough restored")
    assert (tiny.everything(), tiny.batches()) == (before, seen)


def test_batches_alone_tell_it_too(second_day, tmp_path):
    tiny = restored(second_day, tmp_path, "state")
    (tiny.outbox / ".epoch").unlink()
    with pytest.raises(StateError) as refused:
        tiny.run(at=day(2))
    assert refused.value.what == (
        "this ledger is older than what has left: it lacks 3 batches of the outbox, such as email_file-2026-11-23-1"
    )


@pytest.mark.slow
def test_an_outbox_that_was_emptied_or_is_gone_is_nothing_to_stop_for(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "emptied")
    taken(tiny)
    tiny.run(at=day(2))
    tiny = second_day.copy(tmp_path / "gone")
    shutil.rmtree(tiny.outbox)
    tiny.run(at=day(2))
    assert tiny.outbox.is_dir()


def test_what_others_put_into_the_outbox_is_nothing_to_stop_for(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    for name, manifest in {
        "9999-01-01-1": {"workspace": "another", "batch_id": "sms_file-9999-01-01-1"},
        "copied": {"workspace": "tiny", "batch_id": "sms_file-2026-11-23-1"},
        "list": [],
    }.items():
        folder = tiny.outbox / "sms_file" / name
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (tiny.outbox / ".epoch").write_text(json.dumps({"workspace": "another", "epoch": 99, "forgotten": 9}))
    with clock(day(2)), run_lock(tiny.load().settings, "test"):
        assert line.tidy(tiny.load()) == []


@pytest.mark.slow
def test_a_restored_ledger_can_be_accepted_and_names_and_claims_stay_unique(second_day, tmp_path):
    tiny = restored(second_day, tmp_path, "state")
    settings = tiny.load().settings
    with clock(day(1)), run_lock(settings, "test"):
        behind = accept_restored(settings)
        assert behind.batches == LOST
        assert (behind.events, behind.forgotten) == (4, 0)
        assert not accept_restored(settings)
    tiny.run(at=day(1))  # what was lost leaves again, under a name of its own
    names = sorted(f"{batch.target}-{batch.name}" for batch in tiny.batches())
    assert len(names) == len(set(names))
    assert "sms_file-2026-11-23-2" in names
    assert tiny.history("SELECT batch_id FROM batch WHERE state = 'lost' ORDER BY 1") == [(name,) for name in LOST]
    tiny.run(at=day(2))


def test_what_a_backup_had_claimed_and_is_in_the_outbox_counts_as_published(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    settings = tiny.load().settings
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:  # as if copied while they were made
        connection.execute("UPDATE batch SET state = 'claimed', published_at = NULL WHERE as_of = '2026-11-23'")
    claims = tiny.history("SELECT * FROM claim ORDER BY message_id")
    with clock(day(1)), run_lock(settings, "test"):
        with pytest.raises(StateError):
            line.tidy(tiny.load())
        accept_restored(settings)
        line.tidy(tiny.load())
    assert tiny.history("SELECT target, state FROM batch WHERE as_of = '2026-11-23' ORDER BY 1") == [
        ("email_file", "published"),
        ("sms_file", "published"),
        ("web_profiles", "lost"),
    ]
    assert tiny.history("SELECT * FROM claim ORDER BY message_id") == claims


def test_people_who_were_forgotten_since_the_backup_are_told_by_their_number(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    settings = tiny.load().settings
    backup = (tiny.state / "ledger.duckdb").read_bytes()
    with clock(day(1)):
        line.forget(settings, ("nobody", "c14"))
        (tiny.state / "ledger.duckdb").write_bytes(backup)
        with pytest.raises(StateError):
            line.forget(settings, ("c13",))
        assert accept_restored(settings).forgotten == 2
        assert line.forget(settings, ("c14",)).new == 1


@pytest.mark.slow
def test_a_run_that_was_killed_is_no_restored_ledger(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    for mark in (tiny.state / "epoch", tiny.outbox / ".epoch"):
        noted = json.loads(mark.read_bytes())
        mark.write_text(json.dumps({**noted, "epoch": noted["epoch"] - 2}))  # the marks lag behind
    tiny.run(at=day(2))
    epoch = json.loads((tiny.state / "epoch").read_bytes())
    assert epoch == json.loads((tiny.outbox / ".epoch").read_bytes())
    [(happened,)] = tiny.history(
        "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM batch) + (SELECT count(*) FROM tombstone)"
    )
    assert epoch == {"workspace": "tiny", "epoch": happened, "forgotten": 0}
