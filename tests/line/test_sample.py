"""The line on the sample, at its full size: parts, a second run, and numbers that other code counts again."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from flows.line.parting import parts_needed
from tests.tiny import KEY, MORNING, Tiny, payloads

ROOT = Path(__file__).parents[2]


def sample(folder) -> Tiny:
    """This repository's own workspace in a folder of its own, with the key of the tiny ones."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("sql", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / ".justenough").mkdir(mode=0o700)
    (folder / ".justenough" / "key").write_text(KEY)
    (folder / ".justenough" / "key").chmod(0o600)
    return Tiny(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One part, one run."""
    workspace = sample(tmp_path_factory.mktemp("sample") / "whole")
    return workspace, workspace.run()


def test_claims_rows_manifests_and_ledger_are_the_same_messages(whole):
    workspace, outcome = whole
    batches = workspace.batches()
    on_disk = [
        (b.manifest["batch_id"], row["message_id"])
        for b in batches
        if b.manifest["kind"] == "message"
        for row in b.rows
    ]
    assert len(on_disk) == len(set(on_disk)) > 500
    for table in ("claim", "delivery JOIN batch USING (batch_id) WHERE kind = 'message'"):
        found = workspace.history(f"SELECT batch_id, message_id FROM {table}")
        assert Counter(found) == Counter(on_disk)
    rows = [(b, row) for b in batches for row in b.rows]
    shown = Counter(
        row["message_id"] for _, row in rows if "_use" not in row
    )  # nothing is said to whom campaigns leave out
    assert Counter(dict(workspace.history("SELECT message_id, count(*) FROM receipt GROUP BY ALL"))) == shown
    planned = Counter((c.target, c.brand) for c in outcome.plan.counts for _ in range(c.rows))
    assert planned == Counter((b.target, b.manifest["brand"]) for b, row in rows if "_use" not in row)
    out = {(b.manifest["brand"], row["audience"]) for b, row in rows if "_use" in row}
    assert out == {(found.brand, found.code) for found in outcome.plan.left_out if found.audience == "recent_buyers"}
    assert len([row for _, row in rows if "_use" in row]) == sum(found.passed for found in outcome.plan.left_out) > 1000


def test_each_of_six_helps_reaches_people_of_both_brands_in_every_channel(whole):
    workspace, outcome = whole
    loaded = workspace.load()
    reached = {(count.product, count.target, count.brand) for count in outcome.plan.counts}
    ways = ("email", "sms", "push", "web", "ads")
    assert len(loaded.products) == 6
    all_ways = {
        (product.name, loaded.settings.targets[brand][channel], brand)
        for product in loaded.products.values()
        for brand in product.brands
        for channel in ways
    }
    (ads,) = [crowd for crowd in outcome.plan.crowds if crowd.channel == "ads"]
    unreached = all_ways - reached
    assert reached < all_ways
    assert {name for _, name, _ in unreached} == {"ads_audiences"}  # too few are chosen for some in so small a shop
    assert len(unreached) < 12 < ads.barred
    assert ads.smallest >= ads.floor == 100
    delivered = workspace.history("SELECT DISTINCT product, target, brand FROM receipt JOIN batch USING (batch_id)")
    assert set(delivered) == reached


def test_people_are_spoken_to_in_their_language(whole):
    workspace, _ = whole
    (plan,) = workspace.state.glob("plans/*")
    rows = pl.concat(
        [pl.read_parquet(file, columns=["locale", "creative_id"]) for file in plan.glob("deliveries/*.parquet")]
    ).drop_nulls("creative_id")
    lines = (plan / "creatives.ndjson").read_text("utf-8").splitlines()
    creatives = {read["creative_id"]: read for read in map(json.loads, lines)}
    spoken = rows.unique()
    languages = {(locale and locale[:2], creatives[name]["locale"]) for locale, name in spoken.iter_rows()}
    assert languages == {("de", "de"), *((other, "en") for other in ("en", "fr", "sv", "nl", "es", None))}
    assert {creative["action_label"] for creative in creatives.values() if creative["locale"] == "de"}.isdisjoint(
        creative["action_label"] for creative in creatives.values() if creative["locale"] == "en"
    )


def test_both_waterfalls_add_up(whole):
    _, outcome = whole
    for waterfalls in (outcome.plan.people, outcome.plan.deliveries):
        for waterfall in waterfalls.values():
            assert waterfall.base == waterfall.passed + sum(waterfall.reasons.values())
            assert waterfall.passed > 0
    assert outcome.plan.people["marketing"].reasons["HOLDOUT"] > 0
    assert "HOLDOUT" not in outcome.plan.people["service"].reasons


def test_on_one_day_an_address_gets_one_marketing_message_of_a_brand(whole):
    workspace, _ = whole
    doubled = workspace.history(
        "SELECT 1 FROM claim WHERE message_type = 'marketing' GROUP BY brand, channel, address_key HAVING count(*) > 1"
    )
    assert doubled == []
    both = workspace.history(
        "SELECT 1 FROM claim GROUP BY person_key, brand HAVING count(DISTINCT message_type) > 1"  # service silences
    )
    assert both == []


def test_no_person_of_the_warehouse_is_named_in_ledger_manifests_or_plan(whole):
    workspace, _ = whole
    recipients = [row for b in workspace.batches() if b.manifest["channel"] == "email" for row in b.rows][::50]
    canaries = {row[name].encode() for row in recipients for name in ("email", "customer_id") if name in row}
    assert len(canaries) > 20
    files = [workspace.state / "ledger.duckdb", *workspace.state.glob("plans/*/*.json")]
    for path in [*files, *workspace.outbox.rglob("manifest.json")]:
        content = path.read_bytes()
        assert not [canary for canary in canaries if canary in content], path.name


def test_as_many_parts_are_made_as_the_memory_asks_for():
    gib = 2**30
    assert [parts_needed(people, 4 * gib) for people in (0, 20_000, 1_000_000, 10_000_000)] == [1, 1, 1, 8]
    assert [parts_needed(10_000_000, memory * gib) for memory in (2, 8, 64)] == [24, 4, 1]
    assert parts_needed(20_000, gib // 2) == 2  # with however little, ten thousand at a time


@pytest.mark.slow
def test_with_little_memory_a_run_is_cut_into_parts_and_gives_the_same_bytes(whole, tmp_path):
    workspace, outcome = whole
    cut = sample(tmp_path / "cut")
    cut.set(memory="1 GiB")
    shutil.copytree(workspace.state / "sample", cut.state / "sample")
    in_parts = cut.run()
    assert (outcome.plan.order.parts, in_parts.plan.order.parts) == (1, 2)
    assert payloads(cut.batches()) == payloads(workspace.batches())
    assert (in_parts.plan.people, in_parts.plan.deliveries) == (outcome.plan.people, outcome.plan.deliveries)


@pytest.mark.slow
def test_a_second_run_of_the_day_delivers_nothing_more(whole, tmp_path):
    workspace = whole[0].copy(tmp_path / "again")
    before, seen = workspace.everything(), payloads(workspace.batches())
    outcome = workspace.run(at=MORNING.replace(minute=5))
    after = workspace.everything()
    assert all(p.folder is None for p in outcome.delivered.published)
    assert payloads(workspace.batches()) == seen
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"run", "segment_count"}
