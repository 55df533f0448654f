"""Claims, crashes, recoveries, opt-outs, acknowledgements, erasures, restarts and jumping clocks in any order.

Whatever happens, the outbox holds nothing twice, nothing for who had said stop, and the ledger agrees with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flows.keys import load_key
from flows.ledger import inbox, publishing
from flows.ledger.acknowledging import acknowledge
from flows.ledger.claims import CLAIM, Header, claim, verdicts
from flows.ledger.consent import drain, told
from flows.ledger.erasure import bury, erase, tombstones
from flows.ledger.inbox import Notice
from flows.ledger.store import open_ledger
from flows.settings import Settings
from flows.stages.eligibility import latest_consent
from tests.ledger.claiming import ONE, messages
from tests.tiny import MORNING, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.ledger.claims import Batch

PEOPLE = tuple(f"c{number}" for number in range(6))
SOME = st.sets(st.sampled_from(PEOPLE), min_size=1)
ONCE_EVERY = timedelta(days=30)


class CrashError(BaseException):
    """As a kill: nothing catches it."""


@dataclass
class Rows:
    """The contents of a staged batch: a message for each of some people."""

    settings: Settings
    batch: Batch
    messages: pl.DataFrame

    def stage(self) -> None:
        folder = publishing.staged(self.settings, self.batch.batch_id)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        content = self.messages.select("message_id", "person_key", "as_of").write_csv().encode()
        (folder / "recipients-0001.csv").write_bytes(content)
        files = [{"name": "recipients-0001.csv", "sha256": hashlib.sha256(content).hexdigest()}]
        (folder / "manifest.json").write_text(json.dumps({"files": files, "rows": self.messages.height}))

    def rows(self) -> list[pl.DataFrame]:
        asked = self.messages.select(
            "message_id", "person_key", "brand", "channel", topic=pl.lit("care"), address_match=pl.col("address_key")
        )
        return [asked]

    def is_current(self) -> bool:
        return True

    def forbidden(self, _ledger: object) -> None:
        return None

    def fallen(self, _ledger: object) -> pl.DataFrame:
        return pl.DataFrame(schema={"message_id": pl.String, "reason": pl.String})

    def leave_out(self, barred: pl.Series) -> int:
        self.messages = self.messages.filter(~pl.col("message_id").is_in(barred.implode()))
        self.stage()
        return self.messages.height

    def records(self) -> list[tuple[str, pl.DataFrame]]:
        rows = self.messages.select(
            "message_id", "decision_id", creative_id=pl.lit("c"), valid_until=pl.lit(self.batch.valid_until)
        )
        return [("delivery", rows.with_columns(batch_id=pl.lit(self.batch.batch_id)))]


class Publishing(RuleBasedStateMachine):
    """What may happen to a workspace, and beside it what has to be true of its outbox."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        state = self.folder / "state"
        self.settings = Settings(
            workspace=self.folder, name="test", state=state, ledger=state / "ledger.duckdb", key_file=state / "key",
            outbox=self.folder / "outbox", targets={}, brands={"north": {}},
        )  # fmt: skip
        publishing.check_folders(self.settings)
        self.key = load_key(self.settings.key_file)
        self.now, self.boot = MORNING, 1
        self.seen: dict[str, dict[str, bytes]] = {}  # batch -> its files, as they were when they were first seen
        self.sent: dict[str, list[tuple[str, str, str]]] = {}  # batch -> message, person, day
        self.failed: set[str] = set()  # batches that reached nobody
        self.stopped: set[str] = set()  # people who said stop last
        self.forgotten: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule(
        people=SOME,
        late=st.sets(st.sampled_from(PEOPLE), max_size=2),
        crash=st.sampled_from([None, None, "claimed", "staged", "sealed", "renamed"]),
    )
    def run(self, people: set[str], late: set[str], crash: str | None) -> None:
        """A run for some people; meanwhile some say stop, and it may be killed."""
        with self.at_present():
            publishing.recover(self.settings)
            with self.ledger() as ledger:
                look = drain(self.settings, ledger, self.key)
                wanted = self.wanted(people - self.barred(ledger))
                with ledger.transaction():
                    said = verdicts(ledger, wanted)
                    free = wanted.join(said.filter(pl.col("reason").is_null()), on="message_id", how="semi")
                    if free.is_empty():
                        return
                    header = Header(f"r{len(self.seen)}", "email_file", "north", "email", "message", self.now.date())
                    batch = claim(ledger, header, [free.select(*CLAIM)], self.now + timedelta(days=5))
            if crash == "claimed":
                return
            contents = Rows(self.settings, batch, free)
            contents.stage()
            for person in sorted(late):
                self.say(person, "no")
            if crash == "staged":
                return
            with self.killed(crash):
                publishing.publish(self.settings, batch, contents, look)
        self.look(not_to=self.stopped | self.forgotten)

    @rule()
    def recover(self) -> None:
        with self.at_present():
            publishing.recover(self.settings)
            with self.ledger() as ledger:
                states = ledger.rows("SELECT batch_id, state FROM batch WHERE state IN ('claimed', 'sealed', 'hold')")
        assert set(states["state"]) <= {"hold"}
        left = {path.name for path in self.settings.folder("staging").iterdir()}
        assert left == set(states["batch_id"])
        self.look(not_to=set())

    @rule(person=st.sampled_from(PEOPLE), state=st.sampled_from(["no", "yes"]))
    def speak(self, person: str, state: str) -> None:
        self.now += timedelta(minutes=1)
        with self.at_present():
            self.say(person, state)

    @rule(told_=st.sampled_from(["loaded", "sent", "failed", "lapsed"]), data=st.data())
    @precondition(lambda self: len(self.sent) > 0)
    def hear(self, told_: str, data: st.DataObject) -> None:
        """An acknowledgement of a batch that has left."""
        batch = data.draw(st.sampled_from(sorted(self.sent)))
        with self.at_present(), self.ledger() as ledger:
            state = ledger.rows("SELECT state FROM batch WHERE batch_id = $b", {"b": batch}).item()
            if state not in {"loaded": ("published", "loaded", "sent"), "sent": ("published", "loaded", "sent")}.get(
                told_, ("published",)
            ):
                return
            acknowledge(ledger, batch, told_)  # type: ignore[arg-type]
        if told_ in ("failed", "lapsed"):
            self.failed.add(batch)

    @rule()
    def restart(self) -> None:
        self.boot += 1

    @rule(is_taken=st.booleans())
    def decide(self, is_taken: bool) -> None:
        """A person says of every batch on hold that nobody has seen it, or that somebody has."""
        with self.at_present():
            with self.ledger() as ledger:
                held = publishing.on_hold(ledger)["batch_id"].to_list()
            for batch in held:
                publishing.resolve(self.settings, batch, is_taken=is_taken)

    @rule(person=st.sampled_from(PEOPLE))
    def forget(self, person: str) -> None:
        with self.at_present():
            publishing.recover(self.settings)
            who = pl.DataFrame({"customer_id": [person]}).with_columns(
                key_id=pl.lit(self.key.key_id), person_key=self.keyed()
            )
            with self.ledger() as ledger:
                bury(ledger, who, self.key)
                erase(ledger, who)
        self.forgotten.add(person)
        self.look(not_to=set())

    @rule(days=st.integers(-3, 20))
    def jump(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def nobody_gets_the_same_help_twice(self) -> None:
        reached = [row for batch, rows in getattr(self, "sent", {}).items() if batch not in self.failed for row in rows]
        assert [m for m, count in Counter(m for m, *_ in reached).items() if count > 1] == []
        for person in {who for _, who, _ in reached}:
            days = sorted(pl.Series([day for _, who, day in reached if who == person]).str.to_date())
            assert all(later - day >= ONCE_EVERY for day, later in pairwise(days)), days

    @invariant()
    def claims_are_what_has_left(self) -> None:
        if not hasattr(self, "folder"):
            return
        with self.ledger() as ledger:
            rows = ledger.rows(
                """
                SELECT b.batch_id, b.row_count - b.released_count AS due, count(c.message_id) AS claimed
                FROM batch b LEFT JOIN claim c USING (batch_id) WHERE b.state <> 'aborted' GROUP BY ALL
                """
            )
            undone = ledger.rows(
                "SELECT count(*) FROM claim SEMI JOIN (FROM batch WHERE state = 'aborted') USING (batch_id)"
            )
        assert rows.filter(pl.col("due") != pl.col("claimed")).rows() == []
        assert undone.item() == 0

    def look(self, *, not_to: set[str]) -> None:
        """See what is in the outbox: what was there has not changed, and what is new is for nobody who had said stop."""
        for folder in (self.settings.outbox / "email_file").glob("*"):
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            batch = f"email_file-{folder.name}"
            assert self.seen.setdefault(batch, files) == files
            if batch not in self.sent:
                rows = pl.read_csv(files["recipients-0001.csv"], infer_schema=False)
                assert json.loads(files["manifest.json"])["rows"] == rows.height > 0
                names = self.names()
                self.sent[batch] = [(m, names[p], day) for m, p, day in rows.iter_rows()]
                assert {person for _, person, _ in self.sent[batch]} & not_to == set()

    def say(self, person: str, state: str) -> None:
        said = {"source": "shop", "wording": "w1"} if state == "yes" else {}
        inbox.write(
            self.settings, [Notice(customer_id=person, brand="north", state=state, happened_at=self.now, **said)]
        )
        (self.stopped.add if state == "no" else self.stopped.discard)(person)

    def wanted(self, people: set[str]) -> pl.DataFrame:
        day = self.now.date()
        changes = [
            {"message_id": f"m-{person}-{day}", "decision_id": f"d-{person}-{day}", "as_of": day, "address_key": person}
            | {"person_key": person, "repeats_after": day - ONCE_EVERY}
            for person in sorted(people)
        ]
        rows = messages(*changes) if changes else messages(ONE).clear()
        return rows.with_columns(person_key=self.key.of(pl.col("person_key")))

    def barred(self, ledger: object) -> set[str]:
        """Who said stop last, as the product sees it, and who was forgotten."""
        names = self.names()
        events = told(ledger).with_columns(
            customer_id=pl.col("person_key").replace_strict(names, return_dtype=pl.String)
        )  # type: ignore[arg-type]
        last = latest_consent(events, self.now)
        gone = {names[key] for key in tombstones(ledger)["person_key"]}  # type: ignore[arg-type]
        return {*last.filter(pl.col("state") == "no")["customer_id"]} | gone

    def keyed(self) -> pl.Expr:
        return self.key.of(pl.col("customer_id"))

    def names(self) -> dict[str, str]:
        people = pl.DataFrame({"customer_id": PEOPLE}).with_columns(key=self.keyed())
        return dict(people.select("key", "customer_id").iter_rows())

    @contextmanager
    def at_present(self) -> Iterator[None]:
        """The clock and the start of the machine as they are now."""
        boot_id = publishing.boot_id
        publishing.boot_id = lambda: str(self.boot)
        try:
            with clock(self.now):
                yield
        finally:
            publishing.boot_id = boot_id

    @contextmanager
    def killed(self, crash: str | None) -> Iterator[None]:
        rename = publishing.rename_once

        def deadly(source: Path, destination: Path) -> None:
            if crash == "renamed":
                rename(source, destination)
            raise CrashError

        if crash is not None:
            publishing.rename_once = deadly
        try:
            yield
        except CrashError:
            pass
        finally:
            publishing.rename_once = rename

    @contextmanager
    def ledger(self) -> Iterator[object]:
        with open_ledger(self.settings) as ledger:
            yield ledger


@pytest.mark.property
@pytest.mark.parametrize(
    ("sequences", "steps"), [(3, 15), pytest.param(25, 40, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_in_whatever_order_it_happens_nothing_is_doubled_and_nobody_is_written_to_after_a_no(sequences, steps):
    checks = settings(
        max_examples=sequences, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Publishing, settings=checks)
