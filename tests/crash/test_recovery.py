"""What the next run does with what a killed one has left: also after a restart, tampering, or a kill of its own."""

from __future__ import annotations

import duckdb
import pytest

from flows import cli
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from tests.crash.killing import MAIL, WEB, Consumer, all_is_well, killed
from tests.tiny import clock, day, payloads

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("sealed", "undoing", marks=pytest.mark.slow),
        pytest.param("sealed", "undone", marks=pytest.mark.slow),
        pytest.param("sealed", "discarding", marks=pytest.mark.slow),
        pytest.param("batch staged", "discarded", marks=pytest.mark.slow),
        pytest.param("batch staged", "undone", marks=pytest.mark.slow),
        pytest.param("renamed", "recovering", marks=pytest.mark.slow),
        pytest.param("renamed", "recovered", marks=pytest.mark.slow),
        pytest.param("sealed", "recovered", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("target", [MAIL, pytest.param(WEB, marks=pytest.mark.slow)])
def test_a_recovery_that_is_killed_is_finished_by_the_next_one(second_day, unkilled, tmp_path, first, second, target):
    tiny = second_day.copy(tmp_path / "tiny")
    consumer = Consumer(tiny, greedy=True)
    killed(tiny, first, target, consumer)
    killed(tiny, second, None, consumer)
    tiny.run(at=day(1))
    all_is_well(tiny, consumer, unkilled)


def sealed(second_day, tmp_path, target):
    """A run that was killed after the seal of a target, before the rename."""
    tiny = second_day.copy(tmp_path / "tiny")
    killed(tiny, "sealed", target, Consumer(tiny, greedy=False))
    [folder] = (tiny.state / "staging").iterdir()
    return tiny, folder


@pytest.mark.slow
def test_after_a_restart_of_the_machine_a_sealed_message_batch_waits_for_a_person(second_day, tmp_path):
    tiny, folder = sealed(second_day, tmp_path, MAIL)
    restarted(tiny)
    outcome = tiny.run(at=day(1))
    assert [(r.batch_id, r.state, r.reason) for r in outcome.recovered] == [
        (folder.name, "hold", "the machine restarted after the seal")
    ]
    assert outcome.resumed[0].held == (folder.name,)
    # It is kept, it counts, and nothing of it is sent again, today or later.
    assert folder.is_dir()
    assert [b.target for b in second_batches(tiny)] == ["sms_file", WEB]
    assert tiny.run(at=day(2)).recovered == ()
    assert folder.is_dir()
    held = tiny.history(f"SELECT person_key FROM claim WHERE batch_id = '{folder.name}' ORDER BY 1")
    later = tiny.history("SELECT person_key FROM claim WHERE as_of = '2026-11-24' AND product = 'care'")
    assert len(held) == 4
    assert not set(held) & set(later)


@pytest.mark.slow
def test_after_a_restart_of_the_machine_a_state_target_is_made_again(second_day, unkilled, tmp_path):
    tiny, _ = sealed(second_day, tmp_path, WEB)
    restarted(tiny)
    tiny.run(at=day(1))
    consumer = Consumer(tiny, greedy=False)
    all_is_well(tiny, consumer, unkilled)


def restarted(tiny):
    """As after a restart: the ledger remembers another boot id than this machine's."""
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        connection.execute("UPDATE batch SET boot_id = 'an earlier one' WHERE boot_id IS NOT NULL")


@pytest.mark.parametrize(
    "damage", [pytest.param(d, marks=pytest.mark.slow) for d in ("changed", "cut", "gone", "more", "manifest")]
)
def test_a_staged_file_that_is_not_as_it_was_sealed_is_made_again(second_day, unkilled, tmp_path, damage):
    tiny, folder = sealed(second_day, tmp_path, MAIL)
    payload = folder / "recipients-0001.csv"
    content = payload.read_bytes()
    if damage == "gone":
        payload.unlink()
    elif damage == "more":
        (folder / "recipients-0002.csv").write_bytes(content)
    elif damage == "manifest":
        (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b" ")
    else:
        payload.write_bytes(content[:-1] if damage == "cut" else content.replace(b"c21", b"c99"))
    outcome = tiny.run(at=day(1))
    assert [(r.state, r.reason) for r in outcome.recovered] == [("aborted", "a staged file is not as it was sealed")]
    all_is_well(tiny, Consumer(tiny, greedy=False), unkilled)


@pytest.mark.slow
def test_an_opt_out_after_the_kill_is_honoured_by_the_run_that_finishes(second_day, tmp_path):
    tiny, _ = sealed(second_day, tmp_path, MAIL)
    tiny.says("c21", at=day(1))
    outcome = tiny.run(at=day(1))
    assert outcome.resumed[0].published[0].dropped == {"NO_CONSENT": 1}
    second = [row["customer_id"] for b in tiny.batches() if b.manifest["as_of"] == "2026-11-23" for row in b.rows]
    assert "c21" not in second


@pytest.mark.slow
def test_words_that_changed_after_the_kill_are_planned_anew_and_nobody_gets_both(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    killed(tiny, "message claims committed", "sms_file", Consumer(tiny, greedy=False))  # the e-mails are out already
    tiny.edit("templates/care/sms.j2", "Dry your", "Do dry your")
    tiny.run(at=day(1))
    found = [b for b in tiny.batches() if b.manifest["as_of"] == "2026-11-23"]
    ids = [row["message_id"] for b in found if b.manifest["kind"] == "message" for row in b.rows]
    assert len(ids) == len(set(ids))
    texts = [row["body"] for b in found if b.target == "sms_file" for row in b.rows if row["customer_id"] == "c22"]
    assert len(texts) == 1
    assert texts[0].startswith("North: Do dry your rope")


@pytest.mark.parametrize(
    "damage", [pytest.param(d, marks=pytest.mark.slow) for d in ("cut", "order cut", "a year longer", "deliveries")]
)
def test_a_plan_that_is_not_as_it_was_when_the_run_began_is_made_anew(second_day, unkilled, tmp_path, damage):
    tiny = second_day.copy(tmp_path / "tiny")
    killed(tiny, "message claims committed", MAIL, Consumer(tiny, greedy=False))
    folder = max((tiny.state / "plans").iterdir())
    plan = folder / "plan.json"
    if damage == "a year longer":
        plan.write_bytes(plan.read_bytes().replace(b'"expires_at": "2026', b'"expires_at": "2027'))
    else:
        file = {"cut": plan, "order cut": folder / "order.json"}.get(damage) or min(folder.rglob("*.parquet"))
        file.write_bytes(file.read_bytes()[:-9])
    outcome = tiny.run(at=day(1))
    assert [(r.batch_id, r.state) for r in outcome.recovered][1:] == [(folder.name, "abandoned")]
    assert "changed" in outcome.recovered[1].reason
    assert payloads(tiny.batches()) == unkilled


@pytest.mark.slow
def test_a_plan_that_has_expired_since_the_kill_is_not_delivered_and_a_new_one_is(second_day, tmp_path):
    tiny = second_day.copy(tmp_path / "tiny")
    killed(tiny, "run noted", None, Consumer(tiny, greedy=False))
    outcome = tiny.run(at=day(2))
    assert (outcome.resumed, len(outcome.recovered)) == ((), 1)
    assert tiny.history("SELECT state, count(*) FROM run GROUP BY state ORDER BY state") == [
        ("abandoned", 1),
        ("delivered", 2),
    ]
    assert {b.manifest["as_of"] for b in tiny.batches()} == {"2026-11-22", "2026-11-24"}


@pytest.fixture
def on_hold(second_day, tmp_path):
    """The e-mails of a run that the machine's restart left in doubt, and their messages."""
    tiny, folder = sealed(second_day, tmp_path, MAIL)
    restarted(tiny)
    tiny.run(at=day(1))
    return tiny, folder


def recover_by_hand(tiny, *arguments):
    with clock(day(1)):
        return cli.main(["recover", *arguments, "--workspace", str(tiny.folder)])


def second_batches(tiny):
    """The second day's, but for what it called back of the first."""
    return [b for b in tiny.batches() if b.manifest["as_of"] == "2026-11-23" and b.manifest["kind"] != "recall"]


def second_mails(tiny):
    return [b for b in second_batches(tiny) if b.target == MAIL]


@pytest.mark.slow
def test_a_batch_on_hold_is_named_until_a_person_has_decided(on_hold, capsys):
    tiny, folder = on_hold
    assert recover_by_hand(tiny) == 3
    assert f"{folder.name} is on hold" in capsys.readouterr().out
    assert recover_by_hand(tiny, folder.name, "--abort") == 0
    assert recover_by_hand(tiny) == 0
    assert "nothing is on hold" in capsys.readouterr().out


def test_what_nobody_has_seen_is_delivered_again_without_who_has_said_stop_since(on_hold, capsys):
    tiny, folder = on_hold
    with clock(day(1)):
        inbox.write(tiny.load().settings, [Notice(customer_id="c21")])
    assert recover_by_hand(tiny, folder.name, "--publish") == 0
    capsys.readouterr()
    [batch] = second_mails(tiny)
    assert batch.name != folder.name
    sent = [row["customer_id"] for row in batch.rows]
    assert "c21" not in sent
    assert len(sent) == 3
    assert tiny.history("SELECT DISTINCT state FROM run") == [("delivered",)]
    assert list((tiny.state / "staging").iterdir()) == []
    assert recover_by_hand(tiny, folder.name, "--publish") == 1


@pytest.mark.slow
def test_what_is_aborted_by_hand_may_be_decided_anew_and_what_was_taken_may_not(on_hold, tmp_path):
    tiny, folder = on_hold
    other = tiny.copy(tmp_path / "other")
    assert recover_by_hand(tiny, folder.name, "--abort") == 0
    assert recover_by_hand(other, folder.name, "--taken") == 0
    held = "SELECT count(*) FROM claim WHERE batch_id = '" + folder.name + "'"
    assert (tiny.history(held), other.history(held)) == ([(0,)], [(4,)])
    assert other.history(f"SELECT state FROM batch WHERE batch_id = '{folder.name}'") == [("published",)]
    for each in (tiny, other):
        each.run(at=day(2))
    later = [
        {
            row["customer_id"]
            for b in each.batches()
            if b.target == MAIL and b.manifest["as_of"] == "2026-11-24"
            for row in b.rows
        }
        for each in (tiny, other)
    ]
    assert "c21" in later[0]
    assert "c21" not in later[1]


@pytest.mark.parametrize("given", [["x"], ["x", "--publish", "--abort"], ["--abort"]])
def test_a_decision_takes_one_batch_and_one_way(second_day, capsys, given):
    assert recover_by_hand(second_day, *given) == 2
    assert "it takes one batch and one of --publish, --abort, --taken" in capsys.readouterr().err


def test_only_what_is_on_hold_is_decided_about(second_day, capsys):
    assert recover_by_hand(second_day, "email_file-2026-11-22-1", "--abort") == 1
    assert "this batch is not on hold" in capsys.readouterr().err
