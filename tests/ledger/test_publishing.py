"""Seal, reveal, commit; and what recovery does with each thing that a killed run can leave behind."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from flows.durable import boot_id
from flows.errors import BalanceError, DataError, OutboxError, PlanError, StateError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.ledger.publishing import (
    check_folders,
    held_run,
    is_whole,
    on_hold,
    publish,
    recover,
    refuse_unbalanced,
    resolve,
    staged,
)
from flows.ledger.store import open_ledger
from tests.ledger.claiming import END, TODAY, claimed

if TYPE_CHECKING:
    from flows.ledger.claims import Batch
    from flows.settings import Settings


@pytest.fixture
def batch(settings):
    """A claimed batch with its staged folder."""
    check_folders(settings)
    with open_ledger(settings) as ledger:
        found = claimed(ledger, {}, {"message_id": "m2", "person_key": "bea"})
    stage(settings, found)
    return found


def stage(settings, batch, messages=("m1", "m2")):
    folder = staged(settings, batch.batch_id)
    folder.mkdir()
    content = "\n".join(["message_id", *messages, ""]).encode()
    (folder / "recipients-0001.csv").write_bytes(content)
    files = [{"name": "recipients-0001.csv", "sha256": hashlib.sha256(content).hexdigest()}]
    (folder / "manifest.json").write_text(json.dumps({"files": files}))


def records(batch):
    rows = {"message_id": ["m1", "m2"], "decision_id": "d1", "creative_id": "c", "valid_until": END}
    shown = {"person_key": ["ann"], "brand": "north", "dimension": "name", "shown_on": batch.as_of}
    tables = {"delivery": pl.DataFrame(rows), "exposure": pl.DataFrame(shown)}
    return {table: added.with_columns(batch_id=pl.lit(batch.batch_id)) for table, added in tables.items()}


@dataclass
class Made:
    """What a staged batch holds: two messages, of Ann and of Bea, in one file."""

    settings: Settings
    batch: Batch
    current: bool = True
    left: tuple[str, ...] = ("m1", "m2")

    def records(self):
        return [
            (table, rows.filter(pl.col("message_id").is_in(self.left)) if "message_id" in rows.columns else rows)
            for table, rows in records(self.batch).items()
        ]

    def rows(self):
        people = {"message_id": ["m1", "m2"], "person_key": ["ann", "bea"], "address_match": ["ann@x", "bea@x"]}
        return [pl.DataFrame(people | {"brand": "north", "channel": "email", "topic": "care"})]

    def is_current(self):
        return self.current

    def forbidden(self, _ledger):
        return None

    def fallen(self, _ledger):
        return pl.DataFrame(schema={"message_id": pl.String, "reason": pl.String})

    def leave_out(self, barred):
        self.left = tuple(name for name in self.left if name not in barred.to_list())
        folder = staged(self.settings, self.batch.batch_id)
        shutil.rmtree(folder)
        stage(self.settings, self.batch, self.left)
        return len(self.left)


def says_no(settings, address):
    inbox.write(settings, [Notice(address=address)])


def noted(settings, *, state, reason=None, claims=0, deliveries=0):
    """What the ledger holds of the one batch."""
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT state, reason FROM batch").rows() == [(state, reason)]
        found = [ledger.rows(f"SELECT * FROM {table}").height for table in ("claim", "delivery")]
    assert found == [claims, deliveries]


def seal(settings, batch, *, boot=None, kind="message"):
    """As a run that was killed between the seal and the rename leaves it."""
    manifest = staged(settings, batch.batch_id) / "manifest.json"
    with open_ledger(settings) as ledger, ledger.transaction():
        for table, rows in records(batch).items():
            ledger.append(table, rows)
        ledger.execute(
            "UPDATE batch SET state = 'sealed', manifest_sha256 = $sha, boot_id = $boot, kind = $kind",
            {"sha": hashlib.sha256(manifest.read_bytes()).hexdigest(), "boot": boot or boot_id(), "kind": kind},
        )


def test_a_batch_appears_whole_and_the_ledger_says_so(settings, batch):
    sealed = publish(settings, batch, Made(settings, batch), 0)
    folder = sealed.folder
    assert (sealed.rows, sealed.barred.height) == (2, 0)
    assert folder == settings.outbox / "email_file" / "2026-11-22-1"
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "recipients-0001.csv"}
    assert list(settings.folder("staging").iterdir()) == []
    noted(settings, state="published", claims=2, deliveries=2)
    assert recover(settings) == []


def test_a_seal_leaves_out_who_has_said_stop_and_goes_on(settings, batch):
    says_no(settings, "ann@x")
    made = Made(settings, batch)
    sealed = publish(settings, batch, made, 0)
    assert sealed.folder is not None
    assert (sealed.rows, sealed.barred.rows()) == (1, [("m1", "SUPPRESSED")])
    assert (sealed.folder / "recipients-0001.csv").read_text() == "message_id\nm2\n"
    noted(settings, state="published", claims=1, deliveries=1)
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT row_count, message_id FROM batch JOIN claim USING (batch_id)").rows() == [(1, "m2")]
    assert list(settings.folder("staging").iterdir()) == []


def test_a_batch_of_which_nobody_is_left_does_not_appear(settings, batch):
    says_no(settings, "ann@x")
    says_no(settings, "bea@x")
    sealed = publish(settings, batch, Made(settings, batch), 0)
    assert (sealed.folder, sealed.rows, sealed.barred.height) == (None, 0, 2)
    noted(settings, state="aborted", reason="everybody in it said stop before it was sealed")
    assert list(settings.outbox.glob("*/*")) == list(settings.folder("staging").iterdir()) == []


def test_what_was_known_when_consent_was_looked_at_is_not_weighed_again(settings, batch):
    says_no(settings, "ann@x")
    sealed = publish(settings, batch, Made(settings, batch), 1)
    assert sealed.barred.is_empty()


def test_words_that_changed_while_a_batch_was_made_release_its_claims(settings, batch):
    with pytest.raises(PlanError) as refused:
        publish(settings, batch, Made(settings, batch, current=False), 0)
    assert refused.value.what == "words or SQL have changed while it was delivered"
    noted(settings, state="aborted", reason="words or SQL changed while it was made")
    assert list(settings.outbox.iterdir()) == list(settings.folder("staging").iterdir()) == []


def test_an_inbox_that_cannot_be_read_holds_everything_back(settings, batch):
    inbox.waiting(settings)
    (settings.folder("inbox", "opt-outs") / "1.ndjson").write_bytes(b"no")
    with pytest.raises(DataError):
        publish(settings, batch, Made(settings, batch), 0)
    assert list(settings.outbox.iterdir()) == []
    noted(settings, state="claimed", claims=2)


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_person_decides_about_a_batch_on_hold(settings, batch, is_taken):
    seal(settings, batch, boot="another")
    recover(settings)
    with open_ledger(settings) as ledger:
        assert on_hold(ledger)["batch_id"].to_list() == [batch.batch_id]
        assert held_run(ledger, batch.batch_id) == "run"
    resolve(settings, batch.batch_id, is_taken=is_taken)
    if is_taken:
        noted(settings, state="published", claims=2, deliveries=2)
    else:
        noted(settings, state="aborted", reason="a person said that nobody has seen it")
    assert list(settings.folder("staging").iterdir()) == []
    with pytest.raises(StateError) as refused:
        resolve(settings, batch.batch_id, is_taken=is_taken)
    assert (refused.value.what, refused.value.hint) == ("this batch is not on hold", "no batch is on hold")


@pytest.fixture
def shown_before(settings, batch):
    """The person has been shown the same forty days ago."""
    with open_ledger(settings) as ledger, ledger.transaction():
        row = records(batch)["exposure"].with_columns(pl.col("shown_on") - timedelta(days=40), batch_id=pl.lit("b0"))
        ledger.append("exposure", row)
    return ("b0", TODAY - timedelta(days=40))


def shown(settings):
    with open_ledger(settings) as ledger:
        return sorted(ledger.rows("SELECT batch_id, shown_on FROM exposure").rows())


def test_what_a_published_batch_shows_takes_the_place_of_what_was_shown_before(settings, batch, shown_before):
    publish(settings, batch, Made(settings, batch), 0)
    assert shown(settings) == [(batch.batch_id, TODAY)]


def test_what_recovery_finds_published_takes_it_too(settings, batch, shown_before):
    seal(settings, batch)
    (settings.outbox / "email_file").mkdir()
    staged(settings, batch.batch_id).rename(settings.outbox / "email_file" / batch.folder)
    assert shown(settings) == [shown_before, (batch.batch_id, TODAY)]
    recover(settings)
    assert shown(settings) == [(batch.batch_id, TODAY)]


def test_a_batch_that_is_undone_has_shown_nothing(settings, batch, shown_before):
    seal(settings, batch)
    recover(settings)
    assert shown(settings) == [shown_before]


def test_a_batch_that_was_recovered_meanwhile_is_not_sealed(settings, batch):
    recover(settings)
    stage(settings, batch)
    with pytest.raises(StateError) as refused:
        publish(settings, batch, Made(settings, batch), 0)
    assert refused.value.what == "this batch is aborted, and should be claimed"
    assert list(settings.outbox.iterdir()) == []
    noted(settings, state="aborted", reason="the run ended before the batch was sealed")


def test_nothing_in_the_outbox_is_ever_replaced(settings, batch):
    taken = settings.outbox / "email_file" / "2026-11-22-1"
    taken.mkdir(parents=True)
    with pytest.raises(OutboxError):
        publish(settings, batch, Made(settings, batch), 0)
    assert list(taken.iterdir()) == []
    noted(settings, state="hold", reason="something of its name is in the outbox", claims=2, deliveries=2)
    assert recover(settings) == []
    assert staged(settings, batch.batch_id).is_dir()


def test_recovery_releases_what_was_claimed_and_not_sealed(settings, batch):
    assert [(r.batch_id, r.state) for r in recover(settings)] == [(batch.batch_id, "aborted")]
    noted(settings, state="aborted", reason="the run ended before the batch was sealed")
    assert list(settings.folder("staging").iterdir()) == []


@pytest.mark.parametrize("kind", ["message", "state"])
def test_recovery_undoes_a_sealed_batch_that_nobody_has_seen(settings, batch, kind):
    seal(settings, batch, kind=kind)
    assert [r.state for r in recover(settings)] == ["aborted"]
    noted(settings, state="aborted", reason="the run ended before the batch appeared")
    assert list(settings.folder("staging").iterdir()) == []
    assert recover(settings) == []


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_sealed_batch_that_is_staged_no_more_was_published_even_if_it_is_gone_since(settings, batch, is_taken):
    seal(settings, batch)
    folder = staged(settings, batch.batch_id)
    if is_taken:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    else:
        (settings.outbox / "email_file").mkdir()
        folder.rename(settings.outbox / "email_file" / batch.folder)
    assert [r.state for r in recover(settings)] == ["published"]
    noted(settings, state="published", claims=2, deliveries=2)


def test_after_a_restart_a_sealed_message_batch_is_held_and_kept(settings, batch):
    seal(settings, batch, boot="another")
    assert [r.state for r in recover(settings)] == ["hold"]
    noted(settings, state="hold", reason="the machine restarted after the seal", claims=2, deliveries=2)
    assert staged(settings, batch.batch_id).is_dir()
    assert recover(settings) == []


def test_after_a_restart_a_sealed_state_batch_is_made_again(settings, batch):
    seal(settings, batch, boot="another", kind="state")
    assert [r.state for r in recover(settings)] == ["aborted"]


def test_a_staged_folder_that_no_batch_knows_is_removed(settings):
    check_folders(settings)
    settings.folder("staging", "unknown").mkdir()
    assert recover(settings) == []
    assert list(settings.folder("staging").iterdir()) == []


def test_other_batches_keep_their_deliveries_when_one_is_undone(settings, batch):
    publish(settings, batch, Made(settings, batch), 0)
    with open_ledger(settings) as ledger:
        other = claimed(ledger, {"message_id": "m9", "person_key": "cid"})
    recover(settings)
    with open_ledger(settings) as ledger:
        assert ledger.rows("SELECT message_id FROM claim ORDER BY 1").rows() == [("m1",), ("m2",)]
        assert ledger.rows("SELECT count(*) FROM delivery").item() == 2
        found = ledger.rows("SELECT state FROM batch WHERE batch_id = $id", {"id": other.batch_id})
    assert found.item() == "aborted"


@pytest.mark.parametrize("damage", ["none", "changed", "cut", "gone", "more", "manifest", "no manifest"])
def test_a_folder_is_whole_only_with_exactly_what_was_sealed(settings, batch, damage):
    folder = staged(settings, batch.batch_id)
    sealed_as = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    payload = folder / "recipients-0001.csv"
    if damage == "changed":
        payload.write_bytes(payload.read_bytes().replace(b"m2", b"m3"))
    elif damage == "cut":
        payload.write_bytes(payload.read_bytes()[:-1])
    elif damage == "gone":
        payload.unlink()
    elif damage == "more":
        (folder / "recipients-0002.csv").write_bytes(b"message_id\nm3\n")
    elif damage == "manifest":
        (folder / "manifest.json").write_text('{"files": []}')
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    assert is_whole(folder, sealed_as) == (damage == "none")


def test_a_run_that_does_not_add_up_fails():
    refuse_unbalanced("that", claims=2, rows=2)
    with pytest.raises(BalanceError) as refused:
        refuse_unbalanced("that", claims=2, rows=3)
    assert refused.value.what == "2 rows claimed, 3 written"
    assert refused.value.exit_code == 70
