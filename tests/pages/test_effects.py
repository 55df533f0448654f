"""What products have changed, as people see it: in a terminal, on Prefect's page, and on a page that stands by itself."""

from __future__ import annotations

import base64
import io
import re
from datetime import date, datetime
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from flows.learning.cells import HELD_OUT, TREATED
from flows.learning.contrasts import Contrast, Interval
from flows.learning.effects import Arm, Compared
from flows.learning.products import LedgerReadout, ProductReadout
from flows.pages.charts import HARM, LABEL_WIDTH, PLOT_WIDTH, SURE, UNSURE, chart
from flows.pages.effects import products_page, products_read
from flows.pages.effects_html import readout_html
from tests.pages.seen import Seen

SVG = "{http://www.w3.org/2000/svg}"


def compared(metric, role, difference, reach, *, is_sure, arm=TREATED, control=HELD_OUT) -> Compared:
    found = Contrast(
        metric,
        arm,
        control_mean=0.1,
        arm_mean=0.1 + difference,
        difference=difference,
        always=Interval(difference - reach, difference + reach),
        is_sure=is_sure,
        lift=difference / 0.1,
        lift_always=Interval((difference - reach) / 0.1, None),
        detectable_always=0.02,
    )
    return Compared(role, "intention", control, found, 1_234)


@pytest.fixture
def found() -> LedgerReadout:
    refused = Compared("guardrail", "intention", HELD_OUT, Contrast("bounced", TREATED, "TOO_RARE"))
    care = ProductReadout(
        "care",
        14,
        (),
        since=date(2026, 9, 1),
        arms=(Arm(HELD_OUT, 2_000, 30, None, {}), Arm(TREATED, None, 0, 0.97, {})),
        shares_p=1.0,
        compared=(
            compared("no_question", "helped", 0.02, 0.03, is_sure=False),
            compared("ordered_again", "business", 0.04, 0.02, is_sure=True),
            compared("unsubscribed", "guardrail", 0.02, 0.01, is_sure=True),
            compared("ordered_again", "business", -0.02, 0.01, is_sure=True, arm="<b>&", control="guide"),
            refused,
        ),
        verdict="SELLS_WITHOUT_HELPING",
        alarms=("unsubscribed, treated",),
    )
    late = ProductReadout("late", 7, (), refused={HELD_OUT: "NOT_HELD_OUT"})
    return LedgerReadout(date(2026, 11, 22), datetime(2026, 11, 21, 8), 0.05, (care, late))  # noqa: DTZ001


def printed(found) -> str:
    file = io.StringIO()
    Console(file=file, soft_wrap=True, width=250).print(products_read(found))
    return file.getvalue()


def test_a_product_is_called_what_it_is_first_and_every_refusal_has_its_reason(found):
    lines = printed(found).splitlines()
    assert lines[:4] == [
        "care: It sells, and nothing shows that it helps.",
        "Decided for since 2026-09-01; what happens within 14 days counts.",
        "held out: 2,000 people, 30 wait; treated: fewer people than are told of, 97% reached.",
        "More people have unsubscribed in treated.",
    ]
    row = next(line for line in lines if line.startswith("ordered_again"))
    told = [
        "ordered_again",
        "treated – held out",
        "all",
        "10.00% → 14.00%",
        "+4.00 pt",
        "+2.00 pt to +6.00 pt",
        "+40.0%",
    ]
    assert re.split(r"\s{2,}", row.strip()) == [*told, "+20.00% to ∞", "2.00 pt", "1,234", "sure"]
    because = "because it has happened too seldom, or was missed too seldom, for an interval to hold."
    assert f"treated – held out, bounced of all: no answer (TOO_RARE), {because}" in lines
    assert any(line.startswith("Against those who are held out: no answer (NOT_HELD_OUT), because") for line in lines)
    assert any(line.startswith("Outcomes are known until 2026-11-21 08:00 UTC.") for line in lines)


def test_a_chart_has_a_dot_and_an_interval_for_each_answer_in_the_colour_of_what_is_sure(found):
    drawn = ET.fromstring(chart(found.products[0]))
    dots = list(drawn.iter(f"{SVG}circle"))
    middle, furthest = LABEL_WIDTH + PLOT_WIDTH / 2, 0.06
    places = [middle + PLOT_WIDTH / 2 * each / furthest for each in (0.02, 0.04, 0.02, -0.02)]
    assert [float(dot.get("cx")) for dot in dots] == pytest.approx(places, abs=0.06)
    assert [dot.get("fill") for dot in dots] == [UNSURE, SURE, HARM, HARM]
    first = list(drawn.iter(f"{SVG}line"))[1]
    assert [float(first.get(end)) for end in ("x1", "x2")] == pytest.approx(
        [middle - PLOT_WIDTH / 2 * 0.01 / furthest, middle + PLOT_WIDTH / 2 * 0.05 / furthest], abs=0.06
    )
    assert chart(found.products[1]) == ""


def test_the_page_asks_nothing_of_anywhere_and_runs_nothing(found):
    text = readout_html(found, workspace="<i>shop")
    seen = Seen(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "i", "b", "a"} & set(seen.tags)
    assert not {
        name for name in seen.names if name in {"src", "href", "srcset", "action", "data"} or name.startswith("on")
    }
    assert "url(" not in text
    assert "@import" not in text
    assert set(re.findall(r"https?://[^\"'\s>]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text
    assert seen.tags.count("svg") == 1
    said = "".join(seen.said)
    for line in (
        "<i>shop: what products have changed, 2026-11-22",
        "It sells, and nothing shows that it helps.",
        "<b>& – guide",
    ):
        assert line in said


def test_prefects_page_has_the_same_words_and_the_chart_in_itself(found):
    page = products_page(found, workspace="shop")
    assert page.startswith(
        "# shop: what products have changed, 2026-11-22\n\n## care\n\n**It sells, and nothing shows that it helps.**"
    )
    picture = re.search(r"data:image/svg\+xml;base64,([\w+/=]+)\)", page)[1]
    assert base64.b64decode(picture).decode() == chart(found.products[0])
    assert "- **More people have unsubscribed in treated.**" in page
    assert page.count("data:image") == 1
