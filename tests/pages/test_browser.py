"""Pages as a browser shows them: they ask nothing, everybody can use them, and what they show is what was delivered."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from flows import cli, line
from flows.learning.board import Board
from flows.learning.choices import Read
from flows.learning.products import LedgerReadout, ProductReadout
from flows.learning.relevance import fit
from flows.line.calibrating import Calibration
from flows.line.planned import scan_leaving
from flows.pages.board_html import board_html
from flows.pages.choices_html import learned_html
from flows.pages.effects_html import readout_html
from flows.pages.run_html import run_html
from flows.plan import plan_folder, read_plan
from flows.words import restore
from tests.learning.policies.test_helps import World, flat
from tests.learning.test_relevance import RULES, told
from tests.pages.test_board import effect, month
from tests.pages.test_effects import compared
from tests.tiny import Tiny, clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_BYTES, MOST_SECONDS = 500_000, 1.0
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
SERIOUS = {"serious", "critical"}
PAINTED = """() => new Promise(done => new PerformanceObserver(list => {
    for (const each of list.getEntriesByName('first-contentful-paint')) done(each.startTime)
}).observe({type: 'paint', buffered: true}))"""
"""When something of the page was seen first, in milliseconds."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's own, driven by Playwright; nothing is downloaded."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is needed")
    from playwright.sync_api import sync_playwright

    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=alone)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Tiny:
    """The sample after a day, with a page for each product and for the run."""
    folder = tmp_path_factory.mktemp("browser") / "shop"
    assert cli.main(["init", str(folder)]) == 0
    at = ["--workspace", str(folder)]
    assert cli.main(["sample", "--customers", "4000", *at]) == 0
    assert cli.main(["plan", *at]) == 0
    assert cli.main(["run", *at]) == 0
    shop = Tiny(folder)
    for product in shop.load().products:
        assert cli.main(["preview", product, *at]) == 0
    assert cli.main(["assess", *at]) == 0
    return shop


@pytest.fixture(scope="module")
def pages(shop) -> dict[str, Path]:
    """Every kind of page, by a name; those of readouts are made by hand, since a day has not been measured yet."""
    folder, workspace = shop.state / "pages", shop.load()
    care = ProductReadout(
        "care",
        14,
        (),
        since=date(2026, 9, 1),
        compared=(
            compared("no_question", "helped", 0.02, 0.03, is_sure=False),
            compared("ordered_again", "business", 0.04, 0.02, is_sure=True),
            compared("unsubscribed", "guardrail", 0.02, 0.01, is_sure=True),
        ),
        verdict="SELLS_WITHOUT_HELPING",
        alarms=("unsubscribed, treated",),
    )
    known = datetime(2026, 11, 21, 8)  # noqa: DTZ001
    readout = LedgerReadout(date(2026, 11, 22), known, 0.05, (care,))
    months = tuple(month(number, effect("ordered", 40 * number - 300, 100)) for number in (10, 9, 8))
    board = Board(
        date(2026, 11, 22), known, since=date(2026, 7, 14), until=date(2026, 11, 1), held_out=480, shares_p=1.0,
        months=months, whole=(effect("ordered", 150, 160),),
    )  # fmt: skip
    (folder / "readout.html").write_text(readout_html(readout, workspace=workspace.settings.name), "utf-8")
    (folder / "board.html").write_text(board_html(board, workspace=workspace.settings.name), "utf-8")
    (folder / "learned.html").write_text(learned_html(*learned(), workspace=workspace.settings.name), "utf-8")
    assert cli.main(["calendar", "--page", str(folder / "calendar.html"), "--workspace", str(shop.folder)]) == 0
    found = {path.stem: path for path in folder.glob("*.html")}
    runs = sorted(name for name in found if re.match(r"\d{8}-", name))
    return {name: path for name, path in found.items() if name not in runs} | {"run": found[runs[-1]]}


def learned() -> tuple[Read, Calibration]:
    """What choices by lot of two helps have shown, and how true their scores are."""
    effects = flat(0.0, 0.03, 0.0) | {"care": np.array([[0.12] * 3, [0.0] * 3, [-0.03] * 3])}
    found = World(effects, 1, people=20_000).found()
    day = date(2026, 11, 22)
    scores = {"care": fit(told(4_000, 1), RULES)}
    return Read("ordered", 14, 0.002, 0.05, day, day, found, "3f9a1c2e"), Calibration("ordered", 14, day, day, scores)


def opened(browser: Browser, path: Path, *, said: list[str] | None = None, **options) -> Page:
    """A page in a window of its own; what it says on the console, and what it asks of anywhere, goes into `said`."""
    page = browser.new_page(**options)
    said = [] if said is None else said
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: said.append(f"request: {request.url}") if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page


def unfolded(page: Page) -> Page:
    """With everything open that can be."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    return page


def test_no_page_asks_anything_of_anywhere_nor_complains_and_each_is_small_and_soon_there(chromium, pages):
    assert len(pages) == 6 + 6
    for name, path in pages.items():
        assert path.stat().st_size < MOST_BYTES, name
        said: list[str] = []
        page = opened(chromium, path, said=said, viewport=PHONE)
        painted = page.evaluate(PAINTED) / 1000
        assert painted < MOST_SECONDS, (name, painted)
        for frame in unfolded(page).locator("iframe").all():
            if frame.is_visible():
                frame.scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        page.close()
        assert [each for each in said if "about:srcdoc" not in each] == [], name


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_no_serious_fault(chromium, pages, colours, screen):
    from axe_playwright_python.sync_playwright import Axe

    faults = {}
    for name, path in pages.items():
        page = unfolded(opened(chromium, path, viewport=screen, color_scheme=colours))
        found = Axe().run(page).response["violations"]
        faults[name] = [(each["id"], each["nodes"][0]["html"][:160]) for each in found if each["impact"] in SERIOUS]
        assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"] or name == "board", name
        page.close()
    assert {name: found for name, found in faults.items() if found} == {}


def test_every_switch_is_reached_by_the_keyboard_and_works_by_it(chromium, pages):
    page = opened(chromium, pages["care_guide"], viewport=DESKTOP)
    reached: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        if reached[-1].startswith("colours"):
            break
    assert reached == ["fact-0", "fact-1", "locale-0", "brand-0", "screen-phone", "colours-system"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "colours-dark"
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    focus = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert focus == "solid"
    page.locator("#fact-0").focus()
    page.keyboard.press("Space")
    assert not page.locator("#fact-0").is_checked()
    page.close()


def test_for_each_choice_one_message_of_each_channel_is_seen_with_the_facts_that_are_chosen(chromium, pages, shop):
    product = shop.load().products["care_guide"]
    page = opened(chromium, pages["care_guide"], viewport=DESKTOP)
    seen = """[...document.querySelectorAll('article')].filter(each => each.checkVisibility())
        .map(each => [each.dataset.channel, each.dataset.shown, each.querySelector('h3').textContent])"""
    for place, locale in enumerate(("en", "de")):
        page.locator(f"#locale-{place}").check()
        for number, brand in enumerate(product.brands):
            page.locator(f"#brand-{number}").check()
            for is_ordered in (True, False):
                page.locator("#fact-0").set_checked(is_ordered)
                for is_named in (True, False):
                    page.locator("#fact-1").set_checked(is_named)
                    found = page.evaluate(seen)
                    assert sorted(channel for channel, _, _ in found) == sorted(product.channels.all)
                    for channel, shown, heading in found:
                        assert heading.startswith(f"{brand}, {locale}"), heading
                        assert ("last_order" in shown) <= is_ordered
                        assert ("name" in shown) <= is_named
                        assert channel != "email" or set(shown.split()) == {
                            *(["last_order"] if is_ordered else []), *(["name"] if is_named else []),
                        }  # fmt: skip
    page.close()


def test_a_mail_is_as_wide_as_the_screen_and_in_its_colours(chromium, pages):
    page = opened(chromium, pages["care_guide"], viewport=DESKTOP)
    frame = next(each for each in page.locator("iframe").all() if each.is_visible())
    frame.scroll_into_view_if_needed()
    inside = frame.content_frame
    inside.locator("main").wait_for()
    paper = "element => getComputedStyle(element).backgroundColor"
    narrow, light = frame.bounding_box()["width"], inside.locator("td.words").evaluate(paper)
    page.locator("#screen-desktop").check()
    page.locator("#colours-dark").check()
    wide, dark = frame.bounding_box()["width"], inside.locator("td.words").evaluate(paper)
    assert narrow <= 390 < 600 < wide
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(31, 37, 34)")
    page.close()


def delivered(shop: Tiny) -> dict[str, dict[str, str]]:
    """message_id -> its parts, as the delivered files say them, read without any code that writes them."""
    found = {}
    for batch in shop.batches():
        creatives = {}
        if batch.target == "email_file":
            lines = batch.payload["creatives.ndjson"].decode().split("\n")
            creatives = {each["creative_id"]: each for each in map(json.loads, filter(None, lines))}
        for row in batch.rows:
            if batch.target == "email_file":
                slots = {name: value or "" for name, value in row.items() if isinstance(value, str | None)}
                parts = {part: restore(text, slots) for part, text in creatives[row["creative_id"]]["parts"].items()}
            elif batch.target == "ses":
                template = row["content"]["Template"]
                values = {**json.loads(template["TemplateData"]), **row["slots"]}
                parts = {
                    part.lower(): re.sub(r"\{\{(\w+)\}\}", lambda mark: values[mark[1]], text)  # noqa: B023
                    for part, text in template["TemplateContent"].items()
                }
            elif batch.target == "sms_file":
                parts = {"body": row["body"]}
            elif batch.target == "fcm":
                parts = row["notification"]
            elif batch.target == "web_profiles":
                parts = {part: row["payload"][part] for part in ("headline", "body")}
            else:
                continue
            found[row["message_id"]] = parts
    return found


def test_fifty_messages_drawn_by_chance_are_shown_as_they_were_delivered(chromium, shop, tmp_path):
    workspace = shop.load()
    run_id = max(path.name for path in (shop.state / "plans").iterdir())
    plan = read_plan(workspace.settings, run_id)
    found = line.overview(workspace, plan, samples=9)
    file = tmp_path / "run.html"
    file.write_text(run_html(found, workspace="shop"), "utf-8")
    ways = pl.Enum(list(dict.fromkeys(("email", "sms", "push", "web", "ads", "call"))))
    rows = scan_leaving(plan_folder(workspace.settings, run_id)).collect()
    rows = rows.sort("product", pl.col("channel").cast(ways), "message_id")
    drawn = rows.group_by("product", "channel", maintain_order=True).head(9)["message_id"].to_list()
    said, receipts = delivered(shop), dict(shop.history("SELECT message_id, facts FROM receipt"))
    page = unfolded(opened(chromium, file, viewport=DESKTOP))
    articles = page.locator("article").all()
    assert 50 < len(articles) <= len(drawn)
    known = [place for place in range(len(articles)) if drawn[place] in said]
    chosen = random.Random(7).sample(known, 50)
    channels = set()
    for place in chosen:
        article, parts, facts = articles[place], said[drawn[place]], receipts[drawn[place]]
        channels.add(article.get_attribute("data-channel"))
        assert article.get_attribute("data-uses").split() == facts
        marks = set()
        for part, text in parts.items():
            shown = article.locator(f'[data-part="{part}"]')
            if part == "html":
                shown.scroll_into_view_if_needed()
                inside = shown.content_frame.locator("body")
                plain = page.evaluate(
                    "text => new DOMParser().parseFromString(text, 'text/html').body.textContent", text
                )
                assert inside.text_content() == plain
                marks |= {each.get_attribute("data-fact") for each in inside.locator("mark").all()}
            else:
                assert shown.text_content() == text
                marks |= {each.get_attribute("data-fact") for each in shown.locator("mark").all()}
        shown_facts = {fact for mark in marks for fact in mark.split(", ")}
        assert shown_facts == set(article.get_attribute("data-shown").split())
        product = article.get_attribute("data-product")
        decided = {
            fact
            for key, usage in workspace.usages(workspace.products[product]).items()
            if key.channel == article.get_attribute("data-channel")
            for fact in usage.branched
        }
        assert shown_facts <= set(facts) <= shown_facts | decided
    assert channels == {"email", "sms", "push", "web"}
    page.close()


def test_the_counts_of_a_run_are_those_of_the_manifests(chromium, shop, pages):
    page = opened(chromium, pages["run"], viewport=DESKTOP)
    rows = page.locator('[aria-label="By product and target"] tbody tr').all()
    counted: dict[tuple[str, str], int] = {}
    for row in rows:
        _, target, brand, deliveries = row.locator("td").all_text_contents()
        counted[target, brand] = counted.get((target, brand), 0) + int(deliveries.replace(",", ""))
    manifests = {}
    for batch in shop.batches():
        left_out = sum(row.get("_use") == "exclude" for row in batch.rows)
        about = batch.manifest
        manifests[batch.target, about["brand"]] = about["rows"] - about["seed_rows"] - left_out
    assert counted == {place: rows for place, rows in manifests.items() if rows}  # ads leave people out, and no more
    page.close()


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_days_of_a_calendar_can_be_read(chromium, shop, screen, tmp_path):
    """From four days before a month on: its first day is told, and the next one only where there is room."""
    with clock(datetime(2026, 11, 27, 8, tzinfo=UTC)):
        assert cli.main(["calendar", "--page", str(tmp_path / "c.html"), "--workspace", str(shop.folder)]) == 0
    page = opened(chromium, tmp_path / "c.html", viewport=screen)
    days = page.locator("svg.days")
    assert set(shop.load().products) < set(days.locator("text").all_text_contents())
    dates = [each for each in days.locator("text").all() if re.match(r"\d", each.text_content())]
    assert [each.text_content() for each in dates] == ["27 Nov", "1 Jan", "1 Feb"]
    boxes = [each.bounding_box() for each in dates]
    assert all(one["x"] + one["width"] < next_one["x"] for one, next_one in pairwise(boxes))
    assert min(box["height"] for box in boxes) > 11
    page.close()


def test_a_page_that_a_person_has_printed_is_light(chromium, pages):
    page = opened(chromium, pages["run"], color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.emulate_media(media="print", color_scheme="dark")
    assert dark == "rgb(15, 23, 42)"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
