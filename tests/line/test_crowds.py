"""What a plan says of its crowds, and what people are shown where too few share a fact."""

from __future__ import annotations

import polars as pl
import pytest

from flows.counts import Crowd
from flows.digests import sha256
from flows.line.frozen import CROWD_FILE
from flows.plan import plan_folder, read_plan
from tests.tiny import crowd, day, make, payloads


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


def headlines(tiny) -> dict[str, str]:
    """Customer -> what the web shows, as a site has it that has loaded every file in order."""
    shown = {}
    for batch in tiny.batches():
        if batch.target == "web_profiles":
            for row in batch.rows:
                if row["_mode"] == "remove":
                    shown.pop(row["message_id"], None)
                else:
                    shown[row["message_id"]] = (row["customer_id"], row["payload"]["headline"])
    return dict(sorted(shown.values()))


def add(tiny, *customers: str, item: str = "tent") -> None:
    """More people with a need, whom nothing stands in the way of."""
    for customer in customers:
        mail = f"{customer}@x.example.com"
        tiny.warehouse(f"INSERT INTO people VALUES ('{customer}', 'north', 'DE', 'en', '{mail}', NULL, 'New')")
        tiny.warehouse(f"INSERT INTO needs VALUES ('{customer}', 'north', '{item}', 4, TIMESTAMP '2026-01-01')")
        tiny.says(customer, "yes")


def test_a_plan_says_how_many_share_what_is_shown_and_how_many_are_shown_less(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 4")
    plan = tiny.plan()
    assert plan.crowds == (
        Crowd(channel="email", floor=0, smallest=1, lowered=0, barred=0),
        Crowd(channel="sms", floor=0, smallest=1, lowered=0, barred=0),
        Crowd(channel="web", floor=4, smallest=2, lowered=5, barred=0),  # c03, c06, and the three late orders
    )
    facts = {(count.product, count.target, count.facts): count.rows for count in plan.counts}
    assert facts["care", "web_profiles", ("last_order", "name")] == 4
    assert facts["care", "web_profiles", ()] == 3
    assert facts["late", "web_profiles", ()] == 3
    assert facts["late", "email_file", ("last_order", "name")] == 3


def test_on_the_web_only_what_enough_people_share_is_shown(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 4")
    outcome = tiny.run()
    care = "Looking after your {}".format
    assert headlines(tiny) == {
        **dict.fromkeys(["c01", "c02", "c04", "c05"], care("tent")),
        **dict.fromkeys(["c03", "c06", "c13"], care("new kit")),
        **dict.fromkeys(["c07", "c08"], "Your order is late"),
    }
    receipts = tiny.history(
        "SELECT level, facts, count(*) FROM receipt JOIN batch USING (batch_id) WHERE channel = 'web' GROUP BY ALL ORDER BY 1, 2"
    )
    assert receipts == [(0, [], 5), (2, [], 1), (2, ["last_order", "name"], 4)]
    for waterfall in outcome.plan.deliveries.values():
        assert waterfall.is_balanced


@pytest.mark.slow
def test_the_web_asks_for_twenty_and_a_setting_for_more(tiny):
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]\nweb = 0\n", "")
    add(tiny, *(f"d{n:02}" for n in range(15)))
    assert {c.floor: c.lowered for c in tiny.plan().crowds if c.channel == "web"} == {20: 24}
    add(tiny, "d15")  # the twentieth with a tent
    assert {c.floor: c.lowered for c in tiny.plan().crowds if c.channel == "web"} == {20: 5}
    tiny.edit("pyproject.toml", "[tool.justenough]\n", "[tool.justenough]\ncrowd = {web = 21, email = 21}\n")
    assert {c.channel: (c.floor, c.lowered) for c in tiny.plan().crowds} == {
        "email": (21, 24),
        "sms": (0, 0),
        "web": (21, 25),
    }


def test_a_plan_keeps_its_counts_by_digests_and_the_digest_of_them(tiny):
    plan = tiny.plan()
    file = plan_folder(tiny.load().settings, plan.order.run_id) / CROWD_FILE
    counts = pl.read_parquet(file)
    assert counts.group_by("channel").agg(pl.col("people").sum()).sort("channel").rows() == [
        ("email", 6 + 2),
        ("sms", 1),
        ("web", 7 + 2),
    ]
    assert not set(counts["shown"]) & {"tent", "rope", "stove"}
    assert b"tent" not in file.read_bytes()
    assert plan.files[CROWD_FILE] == sha256(file)
    assert read_plan(tiny.load().settings, plan.order.run_id) == plan


@pytest.mark.slow
def test_whoever_is_shown_it_already_counts(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 4")
    tiny.run()
    tiny.edit("pyproject.toml", "web = 4", "web = 6")
    add(tiny, "d01")
    add(tiny, "d02", item="rope")
    tiny.run(at=day(1))  # c02, c05 and c07 are due with d01; c01 and c04 have had it, and are shown it still
    shown = headlines(tiny)
    assert (shown["d01"], shown["d02"]) == ("Looking after your tent", "Looking after your new kit")


@pytest.mark.slow
def test_whoever_is_shown_it_no_longer_does_not_count(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 4")
    tiny.run()
    tiny.set(largest_fall=1)
    tiny.warehouse("DELETE FROM needs WHERE item = 'tent'")
    add(tiny, "d01")
    tiny.run(at=day(6))  # after five days no profile holds any more
    assert headlines(tiny)["d01"] == "Looking after your new kit"


@pytest.mark.slow
def test_a_run_for_one_customer_goes_by_the_crowds_of_the_last_whole_run(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 0\nemail = 3")
    add(tiny, "d01", item="rope")
    first = tiny.plan(customers=("d01",))
    assert [count.facts for count in first.counts if count.target == "email_file"] == [()]
    tiny.run()
    add(tiny, "d02", item="tent")
    add(tiny, "d03", item="rope")
    later = {
        customer: [
            count.facts for count in tiny.plan(at=day(1), customers=(customer,)).counts if count.target == "email_file"
        ]
        for customer in ("d02", "d03")
    }
    assert later == {"d02": [("last_order", "name")], "d03": [()]}


@pytest.mark.slow
def test_ads_are_for_a_hundred_who_share_what_they_show(tmp_path):
    people = [(*person[:5], "tent", 3.0) for person in crowd(100)]
    rope = ("c50", "north", "P00000@x.example.com", None, "Ros", "rope", 4.0)  # the address of a person with a tent
    tiny = make(tmp_path / "tiny", people=[*people, rope], late=[], brands=["north"])
    tiny.advertise(least=1)
    words = "{% block headline %}Care{% if item %} for your {{ item }}{% endif %}{% endblock %}"
    (tiny.folder / "templates/care/ads.j2").write_text(
        f"{words}{{% block description %}}It lasts.{{% endblock %}}", "utf-8"
    )
    outcome = tiny.run(parts=3)
    (ads,) = [c for c in outcome.plan.crowds if c.channel == "ads"]
    assert ads == Crowd(channel="ads", floor=100, smallest=100, lowered=0, barred=1)
    assert outcome.plan.deliveries["marketing"].reasons == {"CROWD_TOO_SMALL": 1, "DUPLICATE_ADDRESS": 1}  # the mail
    (batch,) = [batch for batch in tiny.batches() if batch.target == "ads_audiences"]
    assert len(batch.rows) == 100  # whom too few share an ad with does not keep the address from who may have it
    assert {row["headline"] for row in batch.rows} == {"Care for your tent"}


@pytest.mark.slow
def test_the_whole_plan_is_the_same_in_one_part_and_in_five(tiny, tmp_path):
    tiny.edit("pyproject.toml", "web = 0", "web = 3\nemail = 2")
    cut = tiny.copy(tmp_path / "cut")
    one, five = tiny.run(parts=1), cut.run(parts=5)
    assert one.plan.crowds == five.plan.crowds
    assert one.plan.files[CROWD_FILE] == five.plan.files[CROWD_FILE]
    assert payloads(tiny.batches()) == payloads(cut.batches())
