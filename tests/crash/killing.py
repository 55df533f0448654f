"""A child process that kills itself, a consumer that looks on, and what has to be true afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flows.ledger.publishing import recover
from flows.ledger.runs import unfinished_runs
from flows.ledger.store import open_ledger
from tests.tiny import Tiny, clock, day, payloads, read_batch

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.py")
MAIL, WEB = "email_file", "web_profiles"


class Consumer:
    """Looks into the outbox all the time; each batch it finds must be whole. A greedy one takes the batches away."""

    def __init__(self, tiny: Tiny, *, greedy: bool) -> None:
        self.tiny, self.greedy = tiny, greedy
        self.seen = {}

    def look(self) -> None:
        for folder in self.tiny.outbox.glob("*/*"):
            if folder not in self.seen:
                self.seen[folder] = read_batch(folder)
                if self.greedy:
                    # As a consumer does: out of the way by one step, so that nobody sees it half deleted.
                    folder.rename(self.tiny.folder / f"taken-{folder.parent.name}-{folder.name}")

    def payloads(self):
        return payloads(self.seen.values())


def killed(tiny, point, target, consumer):
    """Run the driver until it dies at the point, the consumer looking on."""
    environment = os.environ | {"JUSTENOUGH_NOW": day(1).isoformat(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(DRIVER), str(tiny.folder), point, *([target] if target else [])]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            consumer.look()
            time.sleep(0.005)
        out, err = child.communicate()
    assert (child.returncode, out) == (-signal.SIGKILL, ""), (point, out, err)


def all_is_well(tiny, consumer, unkilled):
    """Each message exactly once over all batches ever seen, and the ledger agrees with what was seen."""
    consumer.look()
    assert consumer.payloads() == unkilled
    assert list((tiny.state / "staging").iterdir()) == []
    seen = {
        (b.manifest["batch_id"], row["message_id"])
        for b in consumer.seen.values()
        if b.manifest["kind"] == "message"
        for row in b.rows
    }
    assert set(tiny.history("SELECT batch_id, message_id FROM claim")) == seen
    assert tiny.history("SELECT count(*), count(DISTINCT message_id) FROM claim") == [(len(seen), len(seen))]
    published = {b.manifest["batch_id"]: b.manifest["rows"] for b in consumer.seen.values()}
    assert dict(tiny.history("SELECT batch_id, row_count FROM batch WHERE state = 'published'")) == published
    assert tiny.history("SELECT DISTINCT state FROM batch WHERE state NOT IN ('published', 'aborted')") == []
    assert tiny.history("SELECT DISTINCT state FROM run") == [("delivered",)]
    for table in ("delivery", "receipt"):
        rows = tiny.history(f"SELECT count(*), count(DISTINCT message_id) FROM {table}")
        shown = {row["message_id"] for b in consumer.seen.values() for row in b.rows if row["_mode"] == "append"}
        assert rows == [(len(shown), len(shown))], table
    with clock(day(1)):
        before = tiny.everything()
        assert recover(tiny.load().settings) == []
        with open_ledger(tiny.load().settings) as ledger:
            assert unfinished_runs(ledger).is_empty()
        assert tiny.everything() == before
