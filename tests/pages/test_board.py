"""What all products together come to, as people see it: in a terminal, on Prefect's page, and on a page to print."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from datetime import date, datetime
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from flows.learning.board import Board, Effect, Month
from flows.learning.contrasts import Interval
from flows.learning.waiting import Waiting
from flows.pages.board import board_page, board_read
from flows.pages.board_html import board_html
from flows.pages.charts import HARM, MARGIN, MONTH_WIDTH, PLOT_HEIGHT, SURE, UNSURE, months_chart
from tests.pages.seen import Seen

SVG = "{http://www.w3.org/2000/svg}"


def effect(metric: str, more: float, reach: float) -> Effect:
    return Effect(metric, None, 9_000, more, Interval(more - reach, more + reach), 2_000.0)


def month(number: int, *effects: Effect, **changes) -> Month:
    return replace(Month(date(2026, number, 1), {"email": 1_200, "sms": 30}, 3.3, 1_100, None, effects), **changes)


@pytest.fixture
def found() -> Board:
    return Board(
        date(2026, 11, 22),
        datetime(2026, 11, 21, 8),  # noqa: DTZ001
        since=date(2026, 7, 14),
        until=date(2026, 11, 1),
        held_out=480,
        shares_p=1.0,
        months=(
            month(
                11,
                Effect("<b>ordered", "NOT_OVER", 9_100),
                Effect("value", "NOT_OVER", 9_100),
                messages={},
                unsubscribed=14,
            ),
            month(10, effect("<b>ordered", 300, 100), Effect("value", "TOO_UNEVEN", 9_000)),
            month(9, effect("<b>ordered", 50, 100), Effect("value", "TOO_UNEVEN", 8_000)),
            month(8, effect("<b>ordered", -200, 100), Effect("value", "TOO_UNEVEN", 7_000), cost=None, reached=0),
        ),
        whole=(effect("<b>ordered", 150, 160), Effect("value", "TOO_UNEVEN", 9_000)),
        unpriced=("sms",),
        waiting=(Waiting("care", "stop", "Stop it & look.", "justenough accept 3f9a1c2e"),),
        waiting_more=2,
    )


def printed(found) -> str:
    file = io.StringIO()
    Console(file=file, soft_wrap=True, width=250).print(board_read(found))
    return file.getvalue()


def test_what_may_be_chance_is_called_so_and_every_month_says_what_it_took(found):
    lines = printed(found).splitlines()
    assert lines[0] == (
        "<b>ordered: 150 more than the 2,000 without us, +7.5%; the truth lies between -10 and +310, so it may be chance."
    )
    assert lines[1].startswith(
        "From 2026-07-14 until 2026-11-01: of all for whom there was something, 480 got no marketing at all"
    )
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines if re.match(r"(Nov|Oct|Sep|Aug) 2026", line)]
    assert rows == [
        ["Nov 2026", "not over", "not over", "none", "3.30", "1,100", "14"],
        ["Oct 2026", "+300 (+200 to +400)", "TOO_UNEVEN", "1,200 email, 30 sms", "3.30", "1,100", "few"],
        ["Sep 2026", "+50 (-50 to +150)", "TOO_UNEVEN", "1,200 email, 30 sms", "3.30", "1,100", "few"],
        ["Aug 2026", "-200 (-300 to -100)", "TOO_UNEVEN", "1,200 email, 30 sms", "–", "0", "few"],
    ]
    assert "value: no answer (TOO_UNEVEN) where none stands, because a few people make up too much of it" in "\n".join(
        lines
    )
    assert "care: Stop it & look. Next: justenough accept 3f9a1c2e" in lines
    assert "2 more: justenough proposals, justenough products" in lines
    assert "What messages by sms cost is not set (`costs`), and not in the sum." in lines
    sure = replace(found, whole=(effect("ordered", -150, 20),), unpriced=())
    assert printed(sure).startswith(
        "ordered: 150 less than the 2,000 without us, -7.5%; the truth lies between -170 and -130.\n"
    )


def test_a_chart_has_a_dot_and_an_interval_for_each_month_that_has_an_answer(found):
    drawn = ET.fromstring(months_chart(found, "<b>ordered"))
    dots = list(drawn.iter(f"{SVG}circle"))
    scale, zero = PLOT_HEIGHT / 700, MARGIN + 400 * PLOT_HEIGHT / 700
    assert [float(dot.get("cy")) for dot in dots] == pytest.approx(
        [zero - more * scale for more in (-200, 50, 300)], abs=0.06
    )
    assert [float(dot.get("cx")) for dot in dots] == [MARGIN + MONTH_WIDTH * (place + 0.5) for place in range(3)]
    assert [dot.get("fill") for dot in dots] == [HARM, UNSURE, SURE]
    last = list(drawn.iter(f"{SVG}line"))[-1]
    ends = [float(last.get(end)) for end in ("y1", "y2")]
    assert ends == pytest.approx([zero - 400 * scale, zero - 200 * scale], abs=0.06)
    assert [text.text for text in drawn.iter(f"{SVG}text")] == [
        "Aug 2026",
        "-200",
        "Sep 2026",
        "+50",
        "Oct 2026",
        "+300",
    ]
    assert months_chart(found, "value") == ""


def test_the_page_to_print_asks_nothing_of_anywhere_and_runs_nothing(found):
    text = board_html(found, workspace="<i>shop")
    seen = Seen(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "i", "b", "a"} & set(seen.tags)
    assert not {
        name for name in seen.names if name in {"src", "href", "srcset", "action", "data"} or name.startswith("on")
    }
    assert set(re.findall(r"https?://[^\"'\s>]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text
    assert "@page{size:A4 landscape" in text
    assert seen.tags.count("svg") == 1
    said = "".join(seen.said)
    for line in (
        "<i>shop: what our messages come to, 2026-11-22",
        "+300 (+200 to +400)",
        "Stop it & look.",
        "more <b>ordered",
    ):
        assert line in said


def test_prefects_page_has_the_same_words_and_the_chart_in_itself(found):
    page = board_page(found, workspace="shop")
    assert page.startswith(
        "# shop: what our messages come to, 2026-11-22\n\n- **<b>ordered: 150 more than the 2,000 without us"
    )
    picture = re.search(r"data:image/svg\+xml;base64,([\w+/=]+)\)", page)[1]
    assert base64.b64decode(picture).decode() == months_chart(found, "<b>ordered")
    assert page.count("data:image") == 1
    assert "- care: Stop it & look. Next: justenough accept 3f9a1c2e" in page


def test_before_anything_was_sent_and_before_a_month_is_over_that_is_what_is_said(found):
    assert "Nothing of marketing has been decided yet." in printed(Board(date(2026, 11, 22), None))
    early = replace(found, since=None, until=None, whole=(), months=(month(11),))
    assert "What it has changed is told once a month is over." in printed(early)
    assert "None." in printed(replace(found, waiting=(), waiting_more=0))
    assert "<table>" not in board_html(Board(date(2026, 11, 22), None), workspace="shop")
