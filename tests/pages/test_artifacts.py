"""The pages of a run: waterfalls whose columns add up, counts, a chart, and the next step."""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flows.counts import Count, Waterfall
from flows.line.request import Delivered, Published
from flows.pages import artifacts
from flows.plan import Order, Plan

DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PEOPLE = {
    "marketing": Waterfall(base=1500, passed=900, reasons={"HOLDOUT": 100, "NO_CONSENT": 500}),
    "service": Waterfall(base=20, passed=17, reasons={"NO_CONSENT": 3}),
}


def test_a_waterfall_lists_reasons_in_their_precedence_and_adds_up():
    assert artifacts.waterfalls(PEOPLE, "get something") == (
        "|  | because | marketing | service |\n"
        "| --- | --- | ---: | ---: |\n"
        "| all |  | 1,500 | 20 |\n"
        "| NO_CONSENT | there is no consent for this topic on this channel, or it was withdrawn | 500 | 3 |\n"
        "| HOLDOUT | the person is in a holdout, so that effects can be measured | 100 | 0 |\n"
        "| **get something** |  | **900** | **17** |"
    )


def test_a_message_type_without_anybody_has_no_column():
    found = {"marketing": PEOPLE["marketing"], "service": Waterfall(base=0, passed=0, reasons={})}
    assert "service" not in artifacts.waterfalls(found, "get something")
    assert artifacts.waterfalls({"service": found["service"]}, "get something") == "There is nothing to show."


def test_counts_are_summed_over_variants_and_facts_and_told_apart_below():
    counts = [
        Count(product="care", target="email_file", brand="north", variant=None, facts=("last_order",), rows=1200),
        Count(product="care", target="email_file", brand="north", variant="short", facts=(), rows=34),
    ]
    table, _, finer = artifacts.counts_table(counts).partition("<details>")
    assert "| care | email_file | north | 1,234 |" in table
    assert "| care | email_file | north |  | last_order | 1,200 |" in finer
    assert "| care | email_file | north | short | none | 34 |" in finer
    assert artifacts.counts_table([]) == "Nothing is planned."


def test_the_chart_draws_a_bar_in_proportion_for_each_reason():
    drawn = _svg(artifacts.chart("marketing", PEOPLE["marketing"]))
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    widths = [int(bar.get("width", "")) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert words == ["marketing: 1,500", "get something", "900", "HOLDOUT", "100", "NO_CONSENT", "500"]
    assert widths == [320, pytest.approx(320 / 9, abs=1), pytest.approx(320 * 5 / 9, abs=1)]


def test_a_chart_of_nobody_can_be_drawn():
    assert _svg(artifacts.chart("marketing", Waterfall(base=0, passed=0, reasons={}))) is not None


def test_the_page_of_a_plan_is_small_and_has_a_chart_for_each_message_type():
    page = artifacts.plan_page(_plan(), workspace="shop")
    assert page.startswith("# shop, 2026-11-22: 917 get something\n")
    assert len(re.findall(r"!\[\w+: where everybody went\]\(data:image/svg", page)) == 2
    assert len(page) < 20_000


def test_the_next_step_after_a_plan_names_it_and_the_number_that_was_seen():
    step = artifacts.to_deliver(_plan(), "/srv/our shop")
    assert "justenough deliver 20261122-090000-abc --expect 917 --workspace '/srv/our shop'" in step
    assert "-p workspace='/srv/our shop' -p what='deliver a plan' -p run_id=20261122-090000-abc -p expect=917\n" in step


def test_the_next_step_for_a_past_day_says_so():
    step = artifacts.to_deliver(_plan(present=NOW + timedelta(days=2)), "shop")
    assert "--allow-past" in step
    assert "-p allow_past=true" in step


def test_a_delivery_is_told_by_target_and_brand_with_what_fell_away_and_what_waits():
    published = (
        Published("email_file", "north", Path("outbox/email_file/2026-11-22-1"), rows=1200, dropped={"NO_CONSENT": 2}),
        Published("web_profiles", "north", None, unchanged=7),
    )
    page = artifacts.delivery_page(Delivered(_plan(), published, held=("sms_file/2026-11-22-1",)), workspace="shop")
    assert page.startswith("# shop, 2026-11-22: 1,200 rows in 1 batch\n")
    assert "| email_file | north | `2026-11-22-1` | 1,200 | 0 | 0 | 2 NO_CONSENT |" in page
    assert "| web_profiles | north | nothing new | 0 | 0 | 7 |  |" in page
    assert "**These wait for a person:** `sms_file/2026-11-22-1`" in page


def test_a_delivery_of_nothing_says_so():
    assert (
        artifacts.outcome_line(Delivered(_plan(), (Published("sms_file", "north", None),))) == "nothing new to deliver"
    )


def _plan(present: datetime = NOW) -> Plan:
    order = Order(
        run_id="20261122-090000-abc",
        as_of=DAY,
        now=NOW,
        present=present,
        starts_at=NOW,
        parts=1,
        products=("care",),
        targets=("email_file",),
        is_narrowed=False,
        inputs_digest="",
        source_rows={},
    )
    return Plan(
        order=order,
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        people=PEOPLE,
        deliveries=PEOPLE,
        candidates={"care": 1520},
        counts=(),
        files={},
    )


def _svg(uri: str) -> ET.Element:
    return ET.fromstring(base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")))


def test_pages_are_named_by_their_place_in_the_workspace():
    run, elsewhere = Path("/shop/.justenough/pages/run-1.html"), Path("/state/pages/care.html")
    named = "`.justenough/pages/run-1.html`, `/state/pages/care.html`. `justenough preview PRODUCT` makes"
    assert f"\n## As pages\n\nIn the workspace's folder: {named} " in artifacts.as_pages(
        [run, elsewhere], Path("/shop")
    )
    assert artifacts.as_pages([], Path("/shop")) == ""
