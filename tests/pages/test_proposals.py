"""What is proposed, and what was paused, as people see it with a readout: in a terminal, on both pages, and under Prefect."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from flows.learning.levels import Level
from flows.learning.products import LedgerReadout, ProductReadout
from flows.learning.proposals import Proposal
from flows.pages.effects import products_page, products_read
from flows.pages.effects_html import readout_html
from flows.pages.proposals import reach
from flows.pauses import Pause
from flows.readout import ended

PAUSED = (
    "care is paused from now on: more people have complained in treated, as justenough readout tells. justenough recall calls"
    " back what is on its way; when it may speak, justenough resume care."
)
PROPOSED = (
    "Proposal a1b2c3d4, use less data (level 0): Less, <really>. It would speak to 12 people fewer in thirty days."
)


@pytest.fixture
def found() -> LedgerReadout:
    proposal = Proposal("a1b2c3d4", "care", "use_less_data", "level 0", "Less, <really>.", -12, (), (), {})
    levels = (Level(2, 3, "NOT_SURE"), Level(1, 3, "NOT_WORSE"), Level(0, 3, "WORSE"))
    care = ProductReadout("care", 14, (), since=date(2026, 9, 1), levels=levels, proposals=(proposal,))
    paused = Pause(
        "care",
        datetime(2026, 11, 22, tzinfo=UTC),
        "more people have complained in treated, as justenough readout tells",
    )
    return LedgerReadout(date(2026, 11, 22), None, 0.05, (care,), (paused,))


def test_a_terminal_says_first_what_was_paused_and_what_is_proposed_after_what_was_found(found):
    file = io.StringIO()
    Console(file=file, soft_wrap=True, width=250).print(products_read(found))
    lines = file.getvalue().splitlines()
    assert lines[:2] == [PAUSED, "care: Whether it helps nobody can be sure of yet."]
    assert lines[4:7] == [
        "Detail level 1 is not worse, by as much as matters, than 3.",
        "Detail level 0 is worse than 3.",
        PROPOSED,
    ]


def test_both_pages_say_the_same(found):
    markdown = products_page(found, workspace="shop")
    assert f"\n\n**{PAUSED}**\n\n" in markdown
    assert f"\n\n- {PROPOSED}\n" in markdown
    page = readout_html(found, workspace="shop")
    assert f'<p class="bad">{PAUSED}</p>' in page
    assert f'<p class="called">{PROPOSED.replace("<", "&lt;").replace(">", "&gt;")}</p>' in page


def test_the_flows_state_says_what_was_paused(found):
    state = ended(found)
    told = "care is paused: more people have complained in treated, as justenough readout tells"
    assert (state.is_completed(), state.name, state.message) == (True, "Breached", told)
    calm = ended(LedgerReadout(found.as_of, None, 0.05, found.products))
    assert (calm.name, calm.message) == ("Completed", "1 products, 0 sure differences, 1 proposals")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (0, ""),
        (1_200, " It would speak to 1,200 people more in thirty days."),
        (-1_200, " It would speak to 1,200 people fewer in thirty days."),
        (None, " How many people that is in thirty days is not told."),
    ],
)
def test_a_change_of_reach_is_said_in_people(change, said):
    assert reach(change) == said
