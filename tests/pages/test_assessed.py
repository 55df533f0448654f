"""What can be done, as people read it: in a terminal, as Markdown, as a page."""

from __future__ import annotations

from datetime import date

from rich.console import Console

from flows.counts import Waterfall
from flows.line.assessing import Assessment, Reach, Unlock, Way
from flows.line.branching import ANOTHER_WAY, File, Side
from flows.pages.assessed import assessed, assessed_page
from flows.pages.assessed_html import assessed_html

EMAIL = File(
    "templates/care/email.j2", "email", None, None,
    Waterfall(base=900, passed=400, reasons={"NO_CONSENT": 420, ANOTHER_WAY: 80}), 1_234, is_edge=False,
    sides=(Side("item & <b>", True, 398, False), Side("item & <b>", False, 2, True)),
)  # fmt: skip
CARE = Reach(
    "care", "marketing", "live", Waterfall(base=900, passed=480, reasons={"NO_CONSENT": 420}), 1_300, 4_000, 4, (EMAIL,)
)
RARE = Reach("rare", "marketing", "live", Waterfall(base=3, passed=1, reasons={"CAPPED": 2}), 2, 4_000, 40, ())
DRAFT = Reach("fit", "marketing", "draft", Waterfall(base=90, passed=12, reasons={"NO_CONSENT": 78}), 0, 4_000, 40, ())
UNLOCKS = (
    Unlock("consent", "email, product_care", "north", "people", 310, 18, {"care": 300, "rare": 10}),
    Unlock("channel", "sms", "north", "people", 40, 0, {"care": 40}),
    Unlock("address", "phone", "north", "people", 30, 0, {"care": 30}),
    Unlock("language", "fr", "north", "people", 20, 0, {"care": 20}),
    Unlock("source", "owners", "north", "people", 10, 0, {"care": 10}),
    Unlock("address", "email", "north", "people", 5, 0, {"care": 5}),
    Unlock("source", "last_order", "north", "detail", 77, 0, {"care": 77}),
    Unlock("permission", "visits", "north", "detail", 7, 0, {"care": 7}),
)
FOUND = Assessment(
    date(2026, 11, 22), date(2026, 10, 23), 4_000, 2_000, 1_500,
    (Way("north", "email", "ses", 4_000, 3_600, 2_500, 400, 900, 850, {"last_order": 450, "name": 855}),),
    (CARE, DRAFT, RARE), UNLOCKS,
)  # fmt: skip


def said(found: Assessment = FOUND) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(assessed(found))
    return captured.get()


def test_what_adds_most_comes_first_and_says_for_whom():
    lines = said().splitlines()
    first = lines.index("What one thing more would reach: people who get nothing now")
    assert lines[first + 1 : first + 3] == [
        "      310  a yes to product_care by email (18 were asked, and have not answered), for north: care 300, rare 10",
        "       40  the channel sms: a target, and words in these products, for north: care 40",
    ]
    assert lines[first + 6] == "           and 1 more, on the page"
    assert "       77  a fresher source of last_order, for north: care 77" in lines
    assert "        7  a consent to use visits, or a lawful basis, for north: care 7" in lines


def test_what_is_below_its_floor_is_told_with_what_to_do_and_a_draft_otherwise():
    told = " ".join(said().split())
    assert "rare has reached 2 people in thirty days, and would reach 1 today: its floor is 40." in told
    assert "fit is a draft, and could tell 12 people something today: its floor is 40. Leave it a draft" in told
    assert "care has reached" not in told


def test_where_no_single_thing_would_do_that_is_said():
    none = Assessment(FOUND.as_of, FOUND.since, 9, 0, 0, (), (), ())
    assert said(none).count("No single thing would do: nobody wants for just one.") == 2
    assert assessed_page(none, workspace="tiny").count("No single thing would do") == 2
    assert assessed_html(none, workspace="tiny").count("No single thing would do") == 2


def test_the_markdown_has_every_capability_and_the_tax_on_edge_cases():
    page = assessed_page(FOUND, workspace="tiny")
    assert page.startswith("# tiny: what can be done, 2026-11-22\n\nOf 4,000 customers of all brands live products")
    assert "| 5 | an e-mail address, for north: care 5 |" in page
    assert "| care | 900 | 480 | 1,300 | 4 | 2 | 1 (50%) |" in page
    assert "| north | email | ses | 4,000 | 3,600 | 2,500 | 400 | 900 | 850 | last_order 50%, name 95% |" in page


def test_the_page_shows_every_side_and_whatever_a_template_asks_is_text_in_it():
    page = assessed_html(FOUND, workspace="tiny")
    assert "<td>item &amp; &lt;b&gt;</td>" in page
    assert (
        '<td>else, of: item &amp; &lt;b&gt;</td><td class="number">2</td><td><span class="edge">almost nobody</span></td>'
        in page
    )
    row = (
        '<td class="number">900</td><td class="number">400</td><td class="number">1,234</td><td class="number">80</td>'
    )
    assert row in page
    assert "<td>NO_CONSENT 420</td>" in page
    assert page.count("<svg") == 2 + 3
