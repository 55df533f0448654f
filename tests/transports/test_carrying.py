"""Batches that wait are carried by the next run: whole, once, in time, and without those who have said stop since."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from flows import line
from flows.cli import main
from flows.errors import DoubtError, SettingError, StateError, TransportError
from flows.ledger import carriage
from flows.ledger.store import open_ledger
from flows.line.request import Carried
from flows.settings import load_settings
from flows.stops import go, stop
from flows.transports import Parcel, open_way
from tests.tiny import MORNING, clock, day, make
from tests.transports.servers import SFTP_SERVER, free_port, proxy, sha256, sshd
from tests.transports.shops import MAIL, WEB, later, sent, states, torn, watched, ways

BATCH = f"{MAIL}-2026-11-22-1"
FIRST = f"{BATCH}/recipients-0001.csv"


def on_its_way(tiny, end, state="begun", **more):
    """As a run leaves it that was killed when it had begun to reveal the first file, or when that had arrived."""
    ways(tiny, **{MAIL: end.settings(**more)})
    with open_ledger(tiny.load().settings) as ledger:
        carriage.note(ledger, BATCH, "carrying", to=end.settings()["to"])
        carriage.note_file(ledger, BATCH, "recipients-0001.csv", state)


def on_the_web(folder):
    return make(folder / "tiny", brands=("north",), late=())


def shown(outcome):
    """What became of the batches of the web."""
    return [each for way in outcome.delivered.published for each in way.carried if each.batch_id.startswith(WEB)]


def claims(tiny):
    return tiny.history("SELECT count(*) FROM claim WHERE channel = 'email'")


def test_where_nobody_answers_a_batch_waits_in_the_outbox_and_the_run_says_so(waiting_shop):
    tiny, outcome = waiting_shop
    [published] = outcome.delivered.published
    [carried] = published.carried
    assert (carried.batch_id, carried.state) == (BATCH, "waiting")
    assert carried.reason == "the server does not answer (ConnectionRefusedError)"
    assert outcome.delivered.is_waiting
    assert published.folder.is_dir()
    assert states(tiny) == {BATCH: "waiting"}


@pytest.mark.slow
def test_what_is_stopped_is_not_carried_before_it_may_go(waiting, sftp_end):
    ways(waiting, **{MAIL: sftp_end.settings()})
    settings = load_settings(waiting.folder)
    stop(settings, "brand", "north", "wrong prices", MORNING)
    assert later(waiting)[BATCH] == ("waiting", "brand north is stopped since 2026-11-22 09:00 UTC: wrong prices")
    assert sftp_end.list() == {}
    go(settings, "brand", "north")
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list() == sent(waiting)


def test_the_next_run_carries_it_whole_and_once(waiting, end):
    ways(waiting, **{MAIL: end.settings()})
    with watched(end) as watcher:
        assert later(waiting)[BATCH][0] == "carried"
    assert end.list() == sent(waiting)
    assert watcher.torn == []
    assert states(waiting) == {BATCH: "carried"}
    end.take(FIRST)
    assert later(waiting) == {}  # what was carried is the other end's
    assert FIRST not in end.list()


def test_the_manifest_comes_last(waiting, end):
    ways(waiting, **{MAIL: end.settings()})
    end.put(f"{BATCH}/creatives.ndjson", b"another")
    assert later(waiting)[BATCH] == ("hold", f"something else is called {BATCH}/creatives.ndjson there")
    assert end.list().keys() == {FIRST, f"{BATCH}/creatives.ndjson"}
    assert end.list()[f"{BATCH}/creatives.ndjson"] == b"another"


@pytest.mark.slow
def test_a_file_that_is_there_already_is_not_sent_again(waiting, end):
    ways(waiting, **{MAIL: end.settings()})
    files = sent(waiting)
    end.put(FIRST, files[FIRST])
    assert later(waiting)[BATCH][0] == "carried"
    assert end.list() == files


def test_nothing_is_replaced_that_has_come_since_somebody_looked(waiting, end):
    ways(waiting, **{MAIL: end.settings()})
    end.put(FIRST, b"another")
    [path] = (waiting.outbox / MAIL).rglob("recipients-0001.csv")
    content = path.read_bytes()
    with open_way(waiting.load().settings.transports[MAIL]) as way:
        parcel = Parcel(path, FIRST, len(content), sha256(content))
        way.upload(parcel, int)
        with pytest.raises((TransportError, DoubtError)):
            way.reveal(parcel, int)
        assert way.find(parcel) == "other"
    assert end.list() == {FIRST: b"another"}


@pytest.mark.slow
def test_a_history_from_before_a_batch_was_carried_does_not_carry_it_again(waiting, sftp_end):
    ways(waiting, **{MAIL: sftp_end.settings()})
    ledger = waiting.state / "ledger.duckdb"
    shutil.copy(ledger, waiting.folder / "backup")
    later(waiting)
    shutil.copy(waiting.folder / "backup", ledger)
    with pytest.raises(StateError, match="this ledger is older than what has left"):
        later(waiting)


@pytest.mark.slow
def test_files_of_a_flat_layout_are_made_outside_of_the_folder_that_is_watched(waiting, sftp_end):
    making = sftp_end.home / f"making-{sftp_end.folder.name}"
    ways(waiting, **{MAIL: sftp_end.settings(layout="flat", temporary=str(making))})
    (sftp_end.folder / f"{BATCH}-manifest.json.part").mkdir()  # a file could not be made there
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list() == sent(waiting, layout="flat")
    assert list(making.iterdir()) == []


def test_a_file_that_may_have_been_loaded_is_not_sent_again_before_a_person_has_looked(waiting, end):
    on_its_way(waiting, end)
    why = "recipients-0001.csv may have been there, and is not any more: somebody may have loaded it"
    assert later(waiting) == {BATCH: ("hold", why)}
    assert end.list() == {}
    with clock(day(0)):
        assert line.recover_now(waiting.load()) == ([], [BATCH])


@pytest.mark.slow
def test_where_files_are_kept_one_that_is_missing_was_never_there(waiting, sftp_end):
    on_its_way(waiting, sftp_end, keeps_files=True)
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list() == sent(waiting)


@pytest.mark.slow
def test_another_destination_is_not_tried_before_a_person_has_looked_at_the_first(waiting, sftp_end, s3_end):
    on_its_way(waiting, sftp_end)
    ways(waiting, **{MAIL: s3_end.settings()})
    state, reason = later(waiting)[BATCH]
    assert state == "hold"
    assert reason.startswith(f"a part of it may be at {sftp_end.settings()['to']}, and the settings say s3://")
    assert s3_end.list() == {}


def test_a_file_under_its_temporary_name_was_not_revealed(waiting, sftp_end):
    on_its_way(waiting, sftp_end)
    sftp_end.put(f"{FIRST}.part", b"the first half of ")
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list() == sent(waiting)
    assert list(sftp_end.folder.rglob("*.part")) == []


@pytest.mark.slow
def test_what_arrived_and_was_taken_is_not_sent_again(waiting, sftp_end):
    on_its_way(waiting, sftp_end, "arrived")
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list().keys() == sent(waiting).keys() - {FIRST}


@pytest.mark.slow
def test_a_link_at_the_other_end_is_not_taken_for_the_file(waiting, sftp_end):
    ways(waiting, **{MAIL: sftp_end.settings()})
    sftp_end.put("elsewhere", sent(waiting)[FIRST])
    (sftp_end.folder / BATCH).mkdir()
    (sftp_end.folder / FIRST).symlink_to(sftp_end.folder / "elsewhere")
    assert later(waiting)[BATCH][0] == "hold"


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "gone", "a link"])
def test_a_copy_that_is_not_as_it_was_sealed_is_not_carried(waiting, sftp_end, damage):
    ways(waiting, **{MAIL: sftp_end.settings()})
    folder = waiting.outbox / MAIL / "2026-11-22-1"
    file = folder / "recipients-0001.csv"
    if damage == "gone":
        shutil.rmtree(folder)
    else:
        content = file.read_bytes()
        file.unlink()
        (waiting.folder / "copy").write_bytes(content)
        if damage == "changed":
            file.write_bytes(content + b"more")
        else:
            file.symlink_to(waiting.folder / "copy")
    assert later(waiting) == {BATCH: ("hold", "its copy in the outbox is gone, or not as it was sealed")}
    assert sftp_end.list() == {}


def test_a_batch_that_has_run_out_lapses_and_its_claims_are_released(waiting, sftp_end):
    ways(waiting, **{MAIL: sftp_end.settings()})
    assert later(waiting, at=day(6)) == {BATCH: ("lapsed", "it ran out before it could be carried")}
    assert sftp_end.list() == {}
    assert claims(waiting) == [(0,)]


@pytest.mark.slow
def test_what_was_uploaded_of_a_batch_that_is_given_up_is_taken_away(waiting, sftp_end):
    on_its_way(waiting, sftp_end, "refused")
    sftp_end.put(f"{FIRST}.part", b"the first half of ")
    assert later(waiting, at=day(6))[BATCH][0] == "lapsed"
    assert [path for path in sftp_end.folder.rglob("*") if path.is_file()] == []


def test_a_batch_in_which_somebody_has_said_stop_since_fails_and_goes_to_the_others_alone(waiting, s3_end):
    ways(waiting, **{MAIL: s3_end.settings()})
    with clock(day(0)):
        line.tell(waiting.load().settings, {"customer_id": "c01"})
        why = "1 of its 7 messages are to people who have said stop since it was sealed"
        assert later(waiting) == {BATCH: ("failed", why)}
        assert s3_end.list() == {}
        assert claims(waiting) == [(0,)]
        again = line.deliver_again(waiting.load(), BATCH)
    assert [each.state for each in again.carried] == ["carried"]
    assert again.rows == 6
    listing = s3_end.list()
    assert {name.split("/")[0] for name in listing} == {f"{MAIL}-2026-11-22-2"}
    assert torn(listing) == []
    assert b"ann@x.example.com" not in b"".join(listing.values())


@pytest.mark.slow
def test_who_is_not_in_a_batch_does_not_keep_it_back(waiting, s3_end):
    ways(waiting, **{MAIL: s3_end.settings()})
    with clock(day(0)):
        line.tell(waiting.load().settings, {"customer_id": "c06"})
    assert later(waiting)[BATCH][0] == "carried"


@pytest.mark.slow
def test_without_its_plan_nobody_can_tell_who_has_said_stop_so_a_batch_fails(waiting, s3_end):
    ways(waiting, **{MAIL: s3_end.settings()})
    shutil.rmtree(waiting.state / "plans")
    why = "its plan is gone, so nobody can tell who in it has said stop since"
    assert later(waiting) == {BATCH: ("failed", why)}


@pytest.mark.slow
def test_where_a_part_may_be_there_a_stop_is_for_a_person_to_decide(waiting, s3_end):
    on_its_way(waiting, s3_end)
    with clock(day(0)):
        line.tell(waiting.load().settings, {"customer_id": "c01"})
    assert later(waiting)[BATCH][0] == "hold"
    assert claims(waiting) == [(7,)]


@pytest.mark.slow
def test_who_is_forgotten_is_not_carried_any_more(waiting, s3_end):
    ways(waiting, **{MAIL: s3_end.settings()})
    with clock(day(0)):
        done = line.forget(waiting.load().settings, ["c13"])
    assert [(each.batch_id, each.state) for each in done.withdrawn] == [(BATCH, "failed")]
    assert done.recalled == {}  # it has not left
    assert later(waiting) == {}
    assert s3_end.list() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "becomes", "left"), [("taken", "carried", 7), ("abort", "given_up", 0), ("publish", "given_up", 7)]
)
def test_a_person_decides_about_what_is_on_hold_on_its_way(waiting, s3_end, way, becomes, left):
    on_its_way(waiting, s3_end)
    later(waiting)
    with clock(day(0)):
        done = line.resolve_hold(waiting.load(), BATCH, way)
        assert line.recover_now(waiting.load()) == ([], [])
    assert states(waiting)[BATCH] == becomes
    assert claims(waiting) == [(left,)]
    assert {name.split("/")[0] for name in s3_end.list()} == ({f"{MAIL}-2026-11-22-2"} if way == "publish" else set())
    assert (done is None) == (way != "publish")


@pytest.mark.slow
def test_the_copy_of_what_waits_for_a_person_is_kept(waiting, s3_end):
    on_its_way(waiting, s3_end)
    later(waiting)
    with clock(day(90)):
        assert line.retain(waiting.load()).batches == 0
        line.resolve_hold(waiting.load(), BATCH, "taken")
        assert line.retain(waiting.load()).batches == 1


@pytest.mark.slow
def test_what_holds_goes_in_order_and_late_ones_right_before_the_next(tmp_path, s3_end):
    tiny = on_the_web(tmp_path)
    away = {**s3_end.settings(port=free_port()), "patience_seconds": 1}
    ways(tiny, **{WEB: away})
    tiny.run()
    ways(tiny, **{WEB: s3_end.settings()})
    assert later(tiny) == {}  # nobody knows yet who has to go again
    assert s3_end.list() == {}
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'c01'")
    assert [each.state for each in shown(tiny.run(at=day(1), products=("late",)))] == ["waiting"]
    assert [(each.batch_id, each.state) for each in shown(tiny.run(at=day(1)))] == [
        (f"{WEB}-2026-11-22-1", "carried"),
        (f"{WEB}-2026-11-23-1", "carried"),
    ]
    assert s3_end.list() == sent(tiny, WEB)


@pytest.mark.slow
def test_what_holds_cannot_be_given_up_but_carried_from_the_start(tmp_path, s3_end):
    tiny = on_the_web(tmp_path)
    batch, name = f"{WEB}-2026-11-22-1", "additions-0001.ndjson"
    s3_end.put(f"{batch}/{name}", b"another")
    ways(tiny, **{WEB: s3_end.settings()})
    assert [each.state for each in shown(tiny.run())] == ["hold"]
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'c01'")
    assert [each.reason for each in shown(tiny.run(at=day(1)))] == ["one before it waits for a person"]
    with clock(day(1)):
        with pytest.raises(StateError, match="cannot be given up"):
            line.resolve_hold(tiny.load(), batch, "abort")
        s3_end.take(f"{batch}/{name}")
        line.resolve_hold(tiny.load(), batch, "publish")
        tiny.run(at=day(1))
    assert s3_end.list() == sent(tiny, WEB)


def test_another_key_of_the_server_is_not_trusted(waiting, sftp_end):
    other = waiting.folder / "others"
    other.write_text(f"[127.0.0.1]:{sftp_end.port} {(sftp_end.home / 'client.pub').read_text()}")
    ways(waiting, **{MAIL: sftp_end.settings(known_hosts=str(other))})
    assert later(waiting) == {BATCH: ("waiting", "the server's key is not the one in `known_hosts`")}
    other.write_text("")  # nor on first use
    assert later(waiting) == {BATCH: ("waiting", "the server's key is not the one in `known_hosts`")}
    assert sftp_end.list() == {}


@pytest.mark.slow
def test_a_key_that_the_server_does_not_know_is_refused(waiting, sftp_end):
    ways(waiting, **{MAIL: sftp_end.settings(key_file=str(sftp_end.home / "host"))})
    assert later(waiting) == {BATCH: ("waiting", "the server does not take this user with this key")}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refuses", "is full"])
def test_where_a_server_takes_nothing_a_batch_waits(waiting, tmp_path, sftp_end, fault):
    full = tmp_path / "full"
    full.write_text(f"#!/bin/sh\ntrap '' XFSZ\nulimit -f 0\nexec {SFTP_SERVER}\n")  # no byte has room
    full.chmod(0o755)
    program, said = (f"{SFTP_SERVER} -R", "SFTPPermissionDenied") if fault == "refuses" else (full, "SFTPFailure")
    with sshd(tmp_path / "home", str(program)) as other:
        ways(waiting, **{MAIL: other.settings()})
        assert later(waiting) == {BATCH: ("waiting", f"the server refuses to take it ({said})")}
        assert other.list() == {}
    ways(waiting, **{MAIL: sftp_end.settings()})
    assert later(waiting)[BATCH][0] == "carried"
    assert sftp_end.list() == sent(waiting)


@pytest.mark.slow
def test_where_a_store_refuses_a_batch_waits(waiting, s3_end):
    ways(waiting, **{MAIL: {**s3_end.settings(), "to": "s3://no-such-bucket/in"}})
    assert later(waiting) == {BATCH: ("waiting", "the store refuses: NoSuchBucket (404)")}
    ways(waiting, **{MAIL: s3_end.settings()})
    assert later(waiting)[BATCH][0] == "carried"


@pytest.mark.slow
def test_a_server_that_falls_silent_keeps_nobody_for_ever(waiting, sftp_end, tmp_path):
    with proxy(sftp_end.port, tmp_path / "log", "deaf", 4000) as port:
        sftp_end.know(port)
        ways(waiting, **{MAIL: sftp_end.settings(port=port, patience_seconds=5)})
        assert later(waiting)[BATCH][0] in ("carried", "waiting")
        assert later(waiting).get(BATCH, ("carried",))[0] == "carried"
    assert sftp_end.list() == sent(waiting)


@pytest.mark.slow
def test_a_destination_that_is_taken_out_of_the_settings_keeps_the_batch_waiting(waiting):
    ways(waiting)
    why = f"there is no [tool.justenough.transports.{MAIL}] any more"
    assert later(waiting) == {BATCH: ("waiting", why)}


@pytest.mark.slow
def test_the_command_line_says_where_each_batch_is(waiting, sftp_end, capsys):
    ways(waiting, **{MAIL: sftp_end.settings()})
    where = ("--workspace", str(waiting.folder))
    with clock(day(1)):
        assert main(["run", "--json", "--target", MAIL, *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["batch_id"], each["state"]) for each in told["recovered"]] == [(BATCH, "carried")]


@pytest.mark.parametrize("library", ["asyncssh", "botocore"])
def test_a_library_that_is_missing_is_named_before_anything_leaves(waiting, openssh, monkeypatch, library):
    there = openssh.settings() if library == "asyncssh" else {"to": "s3://deliveries/in"}
    ways(waiting, **{MAIL: there})
    monkeypatch.setitem(sys.modules, library, None)
    extra = there["to"].split(":")[0]
    for act in (line.check, line.recover_now):
        with pytest.raises(SettingError) as refused:
            act(waiting.load())
        assert (refused.value.what, refused.value.hint) == (
            f"{extra} needs {library}",
            f"pip install 'justenough[{extra}]'",
        )


@pytest.mark.parametrize("file", ["known_hosts", "key_file"])
def test_a_file_that_is_missing_is_named(waiting, openssh, file):
    ways(waiting, **{MAIL: openssh.settings(**{file: "nowhere"})})
    with pytest.raises(SettingError, match=f"{file}: there is no file {waiting.folder}/nowhere"):
        line.check(waiting.load())


@pytest.mark.slow
def test_carried_is_told_for_each_batch_of_a_run(tmp_path, s3_end):
    tiny = make(tmp_path / "tiny", brands=("north",))
    ways(tiny, **{MAIL: s3_end.settings()})
    [published] = tiny.run(targets=(MAIL,)).delivered.published
    assert published.carried == (Carried(BATCH, f"s3://{s3_end.bucket}/in", "carried"),)
    assert s3_end.list() == sent(tiny)
