"""The page of a run: what it counts is what was planned and delivered, and its samples are messages of nobody in particular."""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from flows import cli
from flows.counts import Crowd, Waterfall
from flows.line.planned import scan_leaving
from flows.line.surveying import Change, Overview, Sends, overview
from flows.pages import run_html as pages
from flows.pages.charts import FALL_LABEL, FALL_WIDTH, waterfall_chart
from flows.pages.run_html import run_html
from flows.plan import Order, Plan, plan_folder
from tests.pages.shown import Shown, mail
from tests.tiny import MORNING, clock, day, make

SVG = "{http://www.w3.org/2000/svg}"


class Tables(HTMLParser):
    """The tables of a page by what they are called: rows of texts, heads included."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._called, self._is_cell = "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("role") == "region":
            self._called = given["aria-label"]
            self.found[self._called] = []
        if tag == "tr":
            self.found[self._called].append([])
        self._is_cell = tag in {"td", "th"}
        if self._is_cell:
            self.found[self._called][-1].append("")

    def handle_endtag(self, tag):
        self._is_cell = False

    def handle_data(self, data):
        if self._is_cell:
            self.found[self._called][-1][-1] += data


def number(cell: str) -> int:
    return int(cell.replace(",", "").replace("−", "-"))


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    """The day before there was another plan; then needs had gone, were new, and had become a late order's."""
    tiny = make(tmp_path_factory.mktemp("run page") / "workspace", brands=["north"])
    tiny.edit("pyproject.toml", "[tool.justenough]\n", "[tool.justenough]\ncosts = {sms = 0.07}\n")
    tiny.edit("templates/care/sms.j2", "first:", f"first{', and then again' * 9}:")
    before = tiny.plan(at=day(-1))
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'c03'")
    tiny.warehouse("INSERT INTO late_orders VALUES ('c04', 'north', 'o41', 'rope', 5)")
    outcome = tiny.run()
    return tiny, before, outcome


@pytest.fixture(scope="module")
def found(two_days) -> Overview:
    return overview(two_days[0].load(), two_days[2].plan)


@pytest.fixture(scope="module")
def page(two_days, found) -> str:
    return run_html(found, two_days[2].delivered.published, workspace="tiny")


@pytest.mark.slow
def test_the_tables_count_what_the_manifests_and_the_plan_count(two_days, page):
    tiny, _, outcome = two_days
    tables = Tables(page).found
    counted = Counter()
    for _, target, brand, rows in tables["By product and target"][1:]:
        counted[target, brand] += number(rows)
    manifests = {(batch.target, batch.manifest["brand"]): batch.manifest["rows"] for batch in tiny.batches()}
    assert counted == manifests
    finer = tables["By variant, facts, detail level and language"]
    assert sum(number(row[-1]) for row in finer[1:]) == sum(manifests.values())
    assert [(row[0], number(row[2])) for row in tables["Delivered"][1:]] == [
        (f"{batch.target}/{batch.name}", batch.manifest["rows"])
        for batch in sorted(tiny.batches(), key=lambda b: b.target)
    ]
    for called, falls in (("People", outcome.plan.people), ("Deliveries", outcome.plan.deliveries)):
        heads, base, *reasons, passed = tables[called]
        for place, kind in enumerate(heads[2:], start=2):
            assert (number(base[place]), number(passed[place])) == (falls[kind].base, falls[kind].passed)
            told = {row[0]: -number(row[place]) for row in reasons if number(row[place])}
            assert told == falls[kind].reasons


@pytest.mark.slow
def test_what_has_changed_is_what_each_person_is_told_instead(two_days, found):
    tiny, before, outcome = two_days

    def told(plan):
        rows = scan_leaving(plan_folder(tiny.load().settings, plan.order.run_id)).collect()
        return {
            (row["customer_id"], row["subject_id"] if row["message_type"] == "service" else None, row["channel"]): row[
                "product"
            ]
            for row in rows.to_dicts()
        }

    then, now = told(before), told(outcome.plan)
    expected = {}
    for channel, product in sorted({(place[2], told[place]) for told in (then, now) for place in told}):
        mine = {place for place in {*then, *now} if place[2] == channel}
        expected[channel, product] = Change(
            channel,
            product,
            now=sum(now.get(place) == product for place in mine),
            new=sum(now.get(place) == product and place not in then for place in mine),
            switched=sum(now.get(place) == product and then.get(place, product) != product for place in mine),
            dropped=sum(then.get(place) == product and place not in now for place in mine),
            left=sum(then.get(place) == product and now.get(place, product) != product for place in mine),
        )
    assert found.since == before.order.run_id
    assert {(each.channel, each.product): each for each in found.changes} == expected
    assert any(each.dropped for each in found.changes)
    assert any(each.new for each in found.changes)


@pytest.mark.slow
def test_people_of_one_help_who_get_another_have_switched(two_days, tmp_path):
    tiny = two_days[0].copy(tmp_path / "switched")
    for name in ("product.yaml", "email.j2", "sms.j2", "web.j2"):
        text = (tiny.folder / "templates/care" / name).read_text("utf-8")
        target = tiny.folder / "templates/tips" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text.replace("interest: {weight: 1}", "interest: {weight: 2}"), "utf-8")
    first = overview(tiny.load(), tiny.plan(at=day(40)))
    assert (first.since, first.changes) == (None, ())  # plans of other products are of another kind
    before = tiny.plan(at=day(41))
    tiny.edit("templates/tips/product.yaml", "weight: 2", "weight: 0.5")
    found = overview(tiny.load(), tiny.plan(at=day(42)))
    assert found.since == before.order.run_id
    mail = {each.product: each for each in found.changes if each.channel == "email"}
    assert mail["care"].switched == mail["tips"].left > 2
    assert mail["care"].new == mail["tips"].dropped == 0


@pytest.mark.slow
def test_text_messages_cost_by_segment_and_what_has_no_price_has_no_cost(two_days, found, page):
    tiny = two_days[0]
    [batch] = [batch for batch in tiny.batches() if batch.target == "sms_file"]
    segments = sum(int(row["segments"]) for row in batch.rows)
    by_channel = {each.channel: each for each in found.sends}
    assert by_channel["sms"] == Sends("sms", len(batch.rows), segments, 0.07)
    assert segments == 2
    assert by_channel["email"].cost is None
    rows = Tables(page).found["What is sent, and what it costs"]
    assert ["sms", "1", "2 segments", "0.07", "0.14"] in rows
    assert rows[-1] == ["together", "", "", "", "0.14"]


@pytest.mark.slow
def test_samples_are_messages_as_delivered_with_the_facts_of_their_receipts_and_nobodys_id(two_days, found, page):
    tiny, _, outcome = two_days
    articles = Shown(page).articles
    assert len(articles) == len(found.samples) > 8
    folder = plan_folder(tiny.load().settings, outcome.plan.order.run_id)
    rows = (
        scan_leaving(folder)
        .sort("product", pl.col("channel").cast(pl.Enum(["email", "sms", "web"])), "message_id")
        .collect()
    )
    drawn = rows.group_by("product", "channel", maintain_order=True).head(3)
    facts = dict(tiny.history("SELECT message_id, facts FROM receipt"))
    for (number_, product, message), article, row in zip(found.samples, articles, drawn.to_dicts(), strict=True):
        assert (product, message.channel) == (row["product"], row["channel"]) == (
            article.attributes["data-product"], article.attributes["data-channel"],
        )  # fmt: skip
        assert article.attributes["data-uses"].split() == facts[row["message_id"]]
        assert article.heading.startswith(f"Customer {number_}, north, en")
        if message.channel == "email":
            assert article.parts["subject"] == message.parts["subject"].text
            assert {dimension for _, dimension, _ in mail(article).marks} == {"name"} & {*facts[row["message_id"]]}
    people = {row["customer_id"] for row in drawn.to_dicts()}
    assert {each for each, _, _ in found.samples} == set(range(1, len(people) + 1))
    shown = page.partition("Some messages")[2]
    assert not re.findall(r"@x\.example|\bc\d\d\b|\bo\d\d\b|\+49", shown)


@pytest.mark.slow
def test_run_and_plan_write_a_private_page_and_forgetting_and_retention_take_it_away(tmp_path, capsys):
    tiny = make(tmp_path / "workspace", brands=["north"])
    at = ["--workspace", str(tiny.folder)]
    with clock(MORNING):
        assert cli.main(["plan", "--json", *at]) == 0
        planned = json.loads(capsys.readouterr().out)
        assert planned["page"] == str(tiny.state / f"pages/{planned['order']['run_id']}.html")
        assert cli.main(["run", *at]) == 0
    said = capsys.readouterr().out
    [run] = [path for path in (tiny.state / "pages").iterdir() if str(path) != planned["page"]]
    assert f"As a page: {run}" in said
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tiny.state / "pages").iterdir()} == {0o600}
    assert "Delivered" in run.read_text("utf-8")
    long_ago = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    os.utime(planned["page"], (long_ago, long_ago))
    with clock(MORNING):
        assert cli.main(["retain", *at]) == 0
    assert list((tiny.state / "pages").iterdir()) == [run]
    with clock(MORNING):
        assert cli.main(["forget", "c01", *at]) == 0
    assert list((tiny.state / "pages").iterdir()) == []


@pytest.mark.slow
def test_a_run_that_cannot_have_a_page_is_done_all_the_same(tmp_path, capsys):
    tiny = make(tmp_path / "workspace", brands=["north"])
    (tiny.state / "pages").write_text("in the way")
    with clock(MORNING):
        assert cli.main(["run", "--workspace", str(tiny.folder)]) == 0
    assert "There is no page of it" in capsys.readouterr().out
    assert tiny.batches()


# By hand: nothing is planned.


@pytest.fixture
def by_hand() -> Overview:
    order = Order(
        run_id="20261122-090000-abc",
        as_of=date(2026, 11, 22),
        now=MORNING,
        present=MORNING,
        starts_at=MORNING,
        parts=1,
        products=("care",),
        targets=("email_file",),
        is_narrowed=False,
        inputs_digest="",
        source_rows={"people": 1_200, "<b>needs": 30},
        source_ages={"people": "3 hours"},
        list_ages={"ses": "2 days"},
        creep={"templates/care/email.j2": 24, "templates/care/web.j2": 61},
        overdue=("old",),
        paused={"loud": "it was <i>too loud"},
    )
    fall = Waterfall(base=1_500, passed=900, reasons={"HOLDOUT": 100, "NO_CONSENT": 500})
    plan = Plan(
        order=order,
        created_at=MORNING,
        expires_at=day(1),
        people={"marketing": fall, "service": Waterfall(base=0, passed=0, reasons={})},
        deliveries={"marketing": Waterfall(base=20, passed=13, reasons={"EXPOSED": 7})},
        candidates={},
        counts=(),
        files={},
        crowds=(Crowd(channel="web", floor=20, smallest=23, lowered=4, barred=1),),
    )
    change = Change("email", "care", now=900, new=300, switched=20, dropped=11, left=2)
    return Overview(plan, (), (), "20261121-090000-abc", {"people": 1_100}, (change,))


def test_the_page_has_every_guard_and_asks_nothing_of_anywhere(by_hand):
    text = run_html(by_hand, workspace="<i>shop")
    tables = Tables(text).found
    assert tables["Sources"][1:] == [["people", "1,200", "1,100", "3 hours"], ["<b>needs", "30", "", ""]]
    assert tables["Creep"][1:] == [["templates/care/web.j2", "61", "high"], ["templates/care/email.j2", "24", ""]]
    assert tables["Crowds"][1:] == [["web", "20", "23", "4", "1"]]
    assert tables["What has changed"][1:] == [["email", "care", "900", "300", "20", "11", "2"]]
    for line in (
        "&lt;i&gt;shop, 2026-11-22: 900 get something",
        "7 were shown too much lately",
        "The suppression list of ses was compared 2 days ago.",
        "old is left out: its review date has passed.",
        "loud is paused: it was &lt;i&gt;too loud.",
        "Nothing is sent.",
        "Against the plan 20261121-090000-abc",
    ):
        assert line in text, line
    shown = Shown(text)
    assert not {"script", "link", "img", "a", "i", "b"} & {tag for tag, _ in shown.tags}
    assert set(re.findall(r"https?://[^\"'\s>]+", text)) == {"http://www.w3.org/2000/svg"}
    alone = run_html(replace(by_hand, since=None, changes=()), workspace="shop")
    assert "No earlier plan of the same kind is kept." in alone


def test_a_waterfall_begins_each_bar_where_the_one_above_ends(by_hand):
    drawn = ET.fromstring(waterfall_chart("People, <marketing>", by_hand.plan.people["marketing"], "get something"))
    bars = list(drawn.iter(f"{SVG}rect"))
    scale = FALL_WIDTH / 1_500
    spans = [(float(bar.get("x")) - FALL_LABEL, float(bar.get("width"))) for bar in bars]
    expected = [(0, 1_500), (1_000, 500), (900, 100), (0, 900)]  # in the reasons' precedence
    assert [pytest.approx((start * scale, length * scale), abs=0.11) for start, length in expected] == spans
    assert [bar.get("class") for bar in bars] == ["all", "stayed", "stayed", "passed"]
    assert drawn.get("role") == "img"
    assert "of 1,500 900 get something" in drawn.get("aria-label")
    assert ET.fromstring(waterfall_chart("Nobody", Waterfall(base=0, passed=0, reasons={}), "x")) is not None


def test_samples_that_would_make_the_page_too_heavy_are_left_out(by_hand, monkeypatch):
    from flows import line
    from flows.workspace import load_workspace
    from tests.house.tree import ROOT

    message = line.preview(load_workspace(ROOT), "care_guide", line.Asked(("sms",), ("en",))).messages[0]
    many = replace(by_hand, samples=tuple((number, "care", message) for number in range(1, 9)))
    assert len(Shown(run_html(many, workspace="shop")).articles) == 8
    monkeypatch.setattr(pages, "MOST_BYTES", 8_000)
    text = run_html(many, workspace="shop")
    assert 0 < len(Shown(text).articles) < 8
