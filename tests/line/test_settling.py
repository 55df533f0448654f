"""Parts may start at the same time, and bringing them together may fail and be done again: the plan is the same."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from flows import line
from flows.errors import BalanceError, OutboxError
from flows.ledger.store import open_ledger
from flows.line.request import Request
from flows.plan import plan_folder
from tests.tiny import MORNING, clock, make


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


def test_settling_that_failed_half_way_is_done_again_with_the_same_plan(tiny):
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, Request(parts=2))
        counts = [line.plan_part(workspace, order.run_id, part) for part in range(2)]
        in_the_way = plan_folder(workspace.settings, order.run_id) / "creatives.ndjson"
        in_the_way.mkdir()
        with pytest.raises(OutboxError):
            line.settle(workspace, order.run_id, counts)
        in_the_way.rmdir()
        again = line.settle(workspace, order.run_id, counts)
        smooth = line.plan(workspace, Request(parts=2))
        assert line.settle(workspace, order.run_id, counts) == again
    assert again.files["creatives.ndjson"] == smooth.files["creatives.ndjson"]
    assert (again.people, again.deliveries, again.counts) == (smooth.people, smooth.deliveries, smooth.counts)
    left = {path.name for path in plan_folder(workspace.settings, order.run_id).iterdir()}
    assert left.isdisjoint({"routed"})


@pytest.mark.slow
def test_parts_that_start_at_the_same_time_share_one_new_key(tiny):
    (tiny.state / "key").unlink()
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, Request(parts=8))
        with ThreadPoolExecutor(8) as threads:
            counts = list(threads.map(lambda part: line.plan_part(workspace, order.run_id, part), range(8)))
        together = line.settle(workspace, order.run_id, counts)
        alone = line.plan(workspace, Request(parts=1))
    assert together.people == alone.people
    assert together.counts == alone.counts
    assert together.files["creatives.ndjson"] == alone.files["creatives.ndjson"]


def test_the_history_can_be_opened_by_many_threads_at_the_same_time(tiny):
    settings = tiny.load().settings

    def look(_: int) -> int:
        with open_ledger(settings) as ledger:
            return ledger.rows("SELECT count(*) FROM run").item()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(look, range(64))) == [0] * 64


def test_a_delivery_that_is_lost_on_the_way_fails_the_run(tiny):
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, Request())
        counts = [line.plan_part(workspace, order.run_id, 0)]
        file = next((plan_folder(workspace.settings, order.run_id) / "routed").glob("*care.parquet"))
        rows = pl.read_parquet(file)
        rows.head(rows.height - 1).write_parquet(file)
        with pytest.raises(BalanceError, match="marketing deliveries wanted"):
            line.settle(workspace, order.run_id, counts)


@pytest.mark.slow
def test_a_blank_token_is_none_so_that_people_get_the_message_another_way(tiny):
    words = "{% block title %}Dry it first{% endblock %}{% block body %}Three minutes now.{% endblock %}"
    (tiny.folder / "templates/care/push.j2").write_text(words, "utf-8")
    tiny.edit("templates/care/product.yaml", "first_of: [email, sms]", "first_of: [push, email, sms]")
    tiny.edit("pyproject.toml", 'email = "email_file"', 'email = "email_file"\npush = "fcm"')
    token = "CASE customer_id WHEN 'c01' THEN ' app-of-c01 ' WHEN 'c13' THEN ' ' ELSE '' END AS push_token"
    tiny.edit("sql/customers.sql", "email, phone", f"email, phone, {token}")
    tiny.run(products=("care",))
    sent = {batch.target: batch.rows for batch in tiny.batches() if batch.target != "web_profiles"}
    assert [row["token"] for row in sent["fcm"]] == ["app-of-c01"]
    assert {row["customer_id"] for row in sent["email_file"]} == {"c03", "c04", "c13"}


def test_a_plan_counts_the_same_in_one_part_and_in_several(tiny):
    counted = (
        "people",
        "deliveries",
        "candidates",
        "open_counts",
        "counts",
        "crowds",
        "capped",
        "held",
        "strange_zones",
    )
    one, three = ([getattr(plan, name) for name in counted] for plan in (tiny.plan(parts=1), tiny.plan(parts=3)))
    assert one == three
    assert one[0]["marketing"].passed + one[0]["service"].passed == 10


def test_a_plan_is_on_the_disk_before_it_says_that_it_is_done(tiny, monkeypatch):
    synced, sync = [], os.fsync

    def noted(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    plan = tiny.plan()
    folder = plan_folder(tiny.load().settings, plan.order.run_id)
    (done,) = [place for place, path in enumerate(synced) if Path(path).name.startswith(".plan.json")]
    before = set(synced[:done])
    assert {str(folder / name) for name in plan.files} - {str(folder / "order.json")} <= before
    assert {str(folder), str(folder / "deliveries"), str(folder / "decisions")} <= before
