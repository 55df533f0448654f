"""Parts are planned and put into words by whoever has them, wherever: one of them counts, as a whole, and needs no ledger."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from flows import line
from flows.errors import LockedError, PlanError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.ledger.lock import file_lock
from flows.line import meeting
from flows.line.request import Request
from flows.line.sources import take_notices
from flows.plan import plan_folder
from tests.tiny import MORNING, clock, make, payloads

PARTS = 3
CONTENT = ("decisions/", "deliveries/", "creatives.ndjson", "crowd.parquet")
"""What of a plan is the same whoever has worked on its parts."""


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


@pytest.fixture
def begun(tiny):
    """A run of three parts that has begun: its workspace, its id and its folder."""
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, Request(parts=PARTS))
        yield workspace, order.run_id, plan_folder(workspace.settings, order.run_id)


def each_apart(workspace, run_id, step, parts, name="first"):
    """What each part comes to, done under a name and taken."""
    found = []
    for part in parts:
        found.append(step(workspace, run_id, part, f"{name}-{part}"))
        line.take(workspace.settings, run_id, f"{name}-{part}")
    return found


def finished(workspace, run_id, counts, name="first"):
    each_apart(workspace, run_id, line.word_part, line.meet(workspace, run_id, counts), name)
    return line.complete(workspace, run_id)


def content(plan):
    return {name: digest for name, digest in plan.files.items() if name.startswith(CONTENT)}


def test_a_plan_whose_parts_are_made_one_by_one_is_the_plan_of_a_run(tiny, begun):
    workspace, run_id, folder = begun
    plan = finished(workspace, run_id, each_apart(workspace, run_id, line.plan_part, range(PARTS)))
    whole = line.plan(workspace, Request(parts=PARTS))
    assert content(plan) == content(whole)
    assert (plan.people, plan.counts, plan.crowds) == (whole.people, whole.counts, whole.crowds)
    left = {path.name for path in folder.iterdir()}
    assert left.isdisjoint({"said", "met", "creatives", "apart", "routed", "settling.lock"})
    assert left == {path.name for path in plan_folder(workspace.settings, whole.order.run_id).iterdir()}


def test_a_part_that_two_have_planned_is_the_ones_whose_work_was_taken_whatever_the_other_still_writes(tiny, begun):
    workspace, run_id, folder = begun
    counts = each_apart(workspace, run_id, line.plan_part, range(PARTS))
    decided = {path: path.read_bytes() for path in folder.glob("*/*.parquet")}
    tiny.warehouse("UPDATE needs SET interest = 0")  # whoever reads later reads something else
    for part in range(PARTS):
        line.plan_part(workspace, run_id, part, f"given-up-{part}")
        late = pl.read_parquet(folder / f"apart/given-up-{part}/decisions/{part:04}.parquet")
        assert late.filter(pl.col("reason").is_null(), pl.col("product") == "care").is_empty()
    assert {path: path.read_bytes() for path in folder.glob("*/*.parquet")} == decided
    assert finished(workspace, run_id, counts).people_count == 10
    assert not (folder / "apart").exists()


@pytest.mark.slow
def test_words_that_come_late_change_nothing_of_a_plan_that_is_done(begun):
    workspace, run_id, folder = begun
    counts = each_apart(workspace, run_id, line.plan_part, range(PARTS))
    parts = line.meet(workspace, run_id, counts)
    kept = shutil.copytree(folder, folder.parent / "as-the-lost-worker-sees-it")
    each_apart(workspace, run_id, line.word_part, parts)
    plan = line.complete(workspace, run_id)
    for name in ("met", "routed"):
        shutil.copytree(kept / name, folder / name)
    shutil.rmtree(kept)
    for file in folder.glob("routed/*.parquet"):
        pl.read_parquet(file).head(1).write_parquet(file)  # before budgets, say
    line.word_part(workspace, run_id, parts[0], "late")
    assert line.complete(workspace, run_id) == plan
    assert line.meet(workspace, run_id, counts) == []
    assert line.deliver(workspace, run_id, plan.people_count).plan == plan


def test_a_part_needs_no_ledger(begun):
    workspace, run_id, _ = begun
    ledger = workspace.settings.ledger
    away = ledger.rename(ledger.with_name("elsewhere"))
    counts = each_apart(workspace, run_id, line.plan_part, range(PARTS))
    assert not ledger.exists()
    away.rename(ledger)
    parts = line.meet(workspace, run_id, counts)
    ledger.rename(away)
    each_apart(workspace, run_id, line.word_part, parts)
    assert not ledger.exists()
    away.rename(ledger)
    assert line.complete(workspace, run_id).people_count == 10


def test_all_parts_know_the_same_of_what_people_have_said_and_what_comes_later_is_heard_at_the_delivery(tiny, begun):
    workspace, run_id, _ = begun
    counts = each_apart(workspace, run_id, line.plan_part, [0])
    inbox.write(workspace.settings, [Notice(customer_id=name) for name in ("c01", "c03", "c04")])
    take_notices(workspace.settings)
    counts += each_apart(workspace, run_id, line.plan_part, [1, 2])
    plan = finished(workspace, run_id, counts)
    assert plan.people["marketing"].reasons["NO_CONSENT"] == 1  # who says no in the warehouse
    with pytest.raises(PlanError, match="planned deliveries may not leave any more"):
        line.deliver(workspace, run_id, None)


def test_a_worker_that_has_other_words_or_another_key_does_not_work(tiny, begun):
    workspace, run_id, folder = begun
    tiny.edit("templates/care/email.j2", "dry it", "wash it")
    with pytest.raises(PlanError, match="settings, words or SQL have changed since this plan was made"):
        line.plan_part(tiny.load(), run_id, 0, "elsewhere")
    tiny.edit("templates/care/email.j2", "wash it", "dry it")
    workspace.settings.key_file.unlink()
    with pytest.raises(PlanError, match="there is a new key"):
        line.plan_part(workspace, run_id, 0, "elsewhere")
    assert not list((folder / "apart").rglob("*.parquet"))


def test_two_who_bring_parts_together_do_not_do_so_at_the_same_time(begun, monkeypatch):
    workspace, run_id, folder = begun
    monkeypatch.setattr(meeting, "_PATIENCE_SECONDS", 0.2)
    counts = each_apart(workspace, run_id, line.plan_part, range(PARTS))
    with file_lock(folder / "settling.lock", "a worker that was given up", 0):
        for step in (lambda: line.meet(workspace, run_id, counts), lambda: line.complete(workspace, run_id)):
            with pytest.raises(LockedError, match="a worker that was given up"):
                step()
    assert finished(workspace, run_id, counts).people_count == 10


def test_each_of_several_workers_gets_two_parts_where_nobody_says_how_many(tiny):
    with clock(MORNING):
        workspace = tiny.load()
        assert [line.begin(workspace, Request(workers=number)).parts for number in (1, 2, 3)] == [1, 4, 6]
        assert line.begin(workspace, Request(workers=3, parts=2)).parts == 2
        assert line.begin(workspace, Request(workers=3, customers=("c01",))).parts == 1


@pytest.mark.slow
def test_what_is_delivered_of_parts_that_were_made_apart_is_what_a_run_delivers(tmp_path, tiny, begun):
    alone = tiny.copy(tmp_path / "alone")
    shutil.rmtree(alone.state / "plans")
    workspace, run_id, _ = begun
    plan = finished(workspace, run_id, each_apart(workspace, run_id, line.plan_part, range(PARTS)))
    line.deliver(workspace, run_id, plan.people_count)
    alone.run(parts=1)
    assert payloads(tiny.batches()) == payloads(alone.batches())
