"""By schedule, by hand and by event the same customer gets the same decision; a second trigger brings nothing, and says why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.keys import load_key
from flows.reasons import CODES
from tests.end_to_end.every_reason import GROUPS, NAMED, shop
from tests.house.tree import ROOT
from tests.line.happened import as_csv, event
from tests.tiny import Tiny, day

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

PERSONALISE = "import sys, pathlib; from flows.personalise import personalise; personalise(pathlib.Path(sys.argv[1]))"
RESPOND = "import sys, pathlib; from flows.respond import respond; respond(pathlib.Path(sys.argv[1]))"
DECIDED = (
    "customer_id", "brand", "product", "subject_id", "message_type", "person_key", "decision_id", "score", "variant",
    "propensity", "valid_until", "reason", "detail",
)  # fmt: skip
DELIVERED = (
    "customer_id", "product", "subject_id", "lane", "channel", "target", "message_id", "variant", "level", "facts", "shown",
    "address", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """A workspace in which one of the ways was gone, and what it came to for those whom the events name."""

    tiny: Tiny
    said: str = ""

    def plan(self) -> Path:
        return max((self.tiny.state / "plans").glob("*/plan.json"), key=lambda path: path.stat().st_mtime_ns).parent

    def decisions(self) -> pl.DataFrame:
        return self._rows("decisions", DECIDED)

    def deliveries(self) -> pl.DataFrame:
        return self._rows("deliveries", DELIVERED)

    def erased(self) -> pl.DataFrame:
        """Of whom the plan says that they asked to be forgotten; by their keys, as it names them."""
        rows = pl.concat([pl.read_parquet(file) for file in sorted((self.plan() / "decisions").glob("*.parquet"))])
        return rows.filter(reason="ERASED").select(DECIDED).sort("person_key", "product")

    def messages(self) -> list[dict[str, Any]]:
        """What the files of the second day say to them."""
        found = [
            {"target": batch.target, **row}
            for batch in self.tiny.batches()
            if batch.manifest["as_of"] == "2026-11-23" and batch.manifest["kind"] == "message"
            for row in batch.rows
            if row["customer_id"] in WITH_A_DECISION
        ]
        return sorted(found, key=repr)

    def call(self, *words: str) -> tuple[int, Any]:
        """A command in a process of its own, on the second day."""
        done = started("-m", "flows.cli", *words, "--workspace", str(self.tiny.folder), "--json")
        return done.returncode, json.loads(done.stdout)

    def _rows(self, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
        files = sorted((self.plan() / name).glob("*.parquet"))
        rows = pl.concat([pl.read_parquet(file) for file in files], how="diagonal").select(columns)
        return rows.filter(pl.col("customer_id").is_in(WITH_A_DECISION)).sort(columns[:5], nulls_last=True)


WITH_A_DECISION = [name for name in NAMED if not name.startswith("gone")]


def started(*words: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": day(1).isoformat()}
    return subprocess.run([sys.executable, *words], env=os.environ | own, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ways(tmp_path_factory) -> dict[str, Way]:
    folder = tmp_path_factory.mktemp("parity")
    before = shop(folder / "shop")
    places = ("store", "email", "", "call_centre")
    rows = [event(f"e{n}", customer, places[n % 4]) for n, customer in enumerate(NAMED)]
    copies = {name: Way(before.copy(folder / name)) for name in ("schedule", "hand", "event", "event under Prefect")}
    found = {}
    for name, way in copies.items():
        target = str(way.tiny.folder)
        (way.tiny.folder / "events.csv").write_text(as_csv(rows), "utf-8")
        if name == "schedule":
            done = started("-c", PERSONALISE, target)
        elif name == "hand":
            done = started("-m", "flows.cli", "run", "--workspace", target)
        elif name == "event":
            done = started("-m", "flows.cli", "respond", str(way.tiny.folder / "events.csv"), "--workspace", target)
        else:
            inbox = way.tiny.state / "inbox/events"
            inbox.mkdir(parents=True)
            (inbox / "events.csv").write_text(as_csv(rows), "utf-8")
            done = started("-c", RESPOND, target)
        assert done.returncode == 0, f"{name}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        found[name] = Way(way.tiny, done.stdout)
    return found


def test_five_hundred_customers_get_the_same_decision_by_schedule_by_hand_and_by_event(ways):
    assert len(NAMED) == 500
    first = ways["schedule"]
    for name in ("hand", "event", "event under Prefect"):
        assert_frame_equal(ways[name].decisions(), first.decisions())
        assert_frame_equal(ways[name].deliveries(), first.deliveries())
        assert ways[name].messages() == first.messages()


OF_DECISIONS = {
    *(
        "EXCLUDED",
        "SUPPRESSED",
        "NO_CONSENT",
        "BAD_ADDRESS",
        "UNREACHABLE",
        "SILENCED_BY_SERVICE",
        "STALE_CONTEXT",
        "REPEATED",
    ),
    *("CAPPED", "BELOW_THRESHOLD", "OUTRANKED", "HOLDOUT", "EXPOSED", "LOCALE_MISMATCH"),
}
OF_DELIVERIES = {"UNREACHABLE", "CROWD_TOO_SMALL", "OVER_BUDGET", "AUDIENCE_TOO_SMALL", "DUPLICATE_ADDRESS"}
"""Which reasons the comparisons row by row are about: together with `ERASED`, whose rows name nobody, all that there are."""


def test_every_reason_comes_up_among_them(ways):
    decided, delivered = ways["event"].decisions(), ways["event"].deliveries()
    assert {*decided["reason"].drop_nulls()} == OF_DECISIONS
    assert {*delivered["reason"].drop_nulls()} == OF_DELIVERIES
    assert OF_DECISIONS | OF_DELIVERIES | {"ERASED"} == {*CODES}
    assert {None, "a", "b"} == {*decided["variant"]}
    assert len(ways["event"].messages()) > 150


def test_who_was_forgotten_is_told_the_same_nothing_either_way(ways):
    erased = ways["schedule"].erased()
    gone = [name for name in NAMED if name.startswith("gone")]
    key = load_key(ways["schedule"].tiny.state / "key")
    keys = pl.DataFrame({"customer_id": gone}).select(key.of(pl.col("customer_id"))).to_series()
    assert {*erased["person_key"]} == {*keys} == {*erased["customer_id"]}
    assert_frame_equal(ways["hand"].erased(), erased)
    for name in ("event", "event under Prefect"):
        assert ways[name].erased().is_empty()  # their plan would have to name whom it was asked about
    assert re.search(r"of people who asked to be forgotten: they get nothing +4$", ways["event"].said, re.MULTILINE)
    told = {name: [way.call("explain", customer) for customer in gone] for name, way in ways.items()}
    assert {code for each in told.values() for code, _ in each} == {2}
    for way in told.values():
        assert all("neither plan" in json.dumps(found) for _, found in way)


def test_who_was_forgotten_gets_nothing_either_way_and_no_plan_names_them(ways):
    for way in ways.values():
        sent = {
            row.get("customer_id")
            for batch in way.tiny.batches()
            if batch.manifest["as_of"] == "2026-11-23"
            for row in batch.rows
            if row["_mode"] != "remove"
        }
        assert not [name for name in sent if name and name.startswith("gone")]
    order = json.loads((ways["event"].plan() / "order.json").read_bytes())
    assert len(order["customers"]) == 500 - GROUPS["gone"]


@pytest.mark.parametrize("first", ["hand", "event", "event under Prefect", "schedule"])
def test_a_second_trigger_of_any_kind_brings_nothing_and_says_why(ways, first, tmp_path):
    way = Way(ways[first].tiny.copy(tmp_path / "again"))
    batches, is_event = len(way.tiny.batches()), first.startswith("event")
    code, told = way.call("respond", str(way.tiny.folder / "events.csv"))
    assert code == 0
    if is_event:
        assert (told["taken"], told["repeated"], told["forgotten"], told["plan"]) == (0, 496, 4, None)
    else:
        assert (told["taken"], told["plan"]["people"]["marketing"]["passed"]) == (496, 0)
        again = Counter(way.decisions()["reason"])
        assert again["REPEATED"] > 250
        assert None not in again
    others = [event(f"f{n}", customer) for n, customer in enumerate(NAMED)]
    (way.tiny.folder / "others.csv").write_text(as_csv(others), "utf-8")
    code, told = way.call("respond", str(way.tiny.folder / "others.csv"))
    assert (code, told["plan"]["people_count"], told["plan"]["people"]["marketing"]["reasons"]["REPEATED"] > 250) == (
        0,
        0,
        True,
    )
    assert len(way.tiny.batches()) == batches
    way.call("run")
    assert None not in {*way.decisions()["reason"]}
    sent = Counter(
        (row["customer_id"], row["target"]) for row in way.messages() if not row["customer_id"].startswith("late")
    )
    assert max(sent.values()) == 1
    assert way.messages() == ways[first].messages()
