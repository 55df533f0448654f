"""Two versions compared, as it stands on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from flows.line.comparing import Changed, Difference
from flows.line.flipping import Flip, Flips, LeftOut, Reach
from flows.pages.differences import compared
from tests.tiny import MORNING

SMS = Changed(
    product="care",
    channel="sms",
    kind="changed",
    added={"shown": ("name",), "because": ("last_order",)},
    dropped={"branched": ("visits", "basket")},
    levels_before=("last_order",),
    levels_after=("name", "last_order"),
    creep_before=(16, 20),
    creep_after=(16, 20, 28),
    words={"templates/care/sms.de.j2": "added", "templates/care/sms.j2": "changed"},
)
FLIPS = Flips(
    MORNING,
    20_000,
    1_200_000,
    (Flip("marketing", None, "care", 1_250), Flip("marketing", "care", "mend", 12), Flip("service", "late", None, 1)),
    (Reach("care", 900, 2_138, 1_250, 12), Reach("mend", 0, 12, 12, 0)),
)
WHOLE = Difference("main", {"mend": "added"}, (SMS,), {"sql/segments/owners.sql": "changed"}, FLIPS)


def printed(found: Difference) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=100, soft_wrap=True).print(compared(found))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_messages_files_and_people_are_told_in_this_order():
    assert printed(WHOLE) == [
        "Against main",
        "added: mend",
        (
            "care/sms: shows +name, branches on −visits −basket, gives away +last_order, "
            "detail levels 1 last_order → 1 name, 2 last_order, creep 16 20 → 16 20 28, words sms.de.j2, sms.j2"
        ),
        "changed: sql/segments/owners.sql",
        "Both decide for the same 20,000 of 1,200,000 customers, by what is known at 2026-11-22 09:00 UTC:",
        "instead of  they would get  people",
        "nothing     care             1,250",
        "care        mend                12",
        "late        nothing              1",
        "reach  before  after  gained  lost",
        "care      900  2,138   1,250    12",
        "mend        0     12      12     0",
    ]


def test_a_channel_that_is_new_or_gone_says_so():
    new = replace(SMS, kind="added", added={"shown": ("name",)}, dropped={}, levels_before=(), creep_before=())
    gone = replace(SMS, kind="dropped", added={}, dropped={"shown": ("name",)}, levels_after=(), creep_after=())
    assert printed(replace(WHOLE, messages=(new, gone)))[2:4] == [
        "care/sms: added, shows +name, creep none → 16 20 28",
        "care/sms: dropped, shows −name, creep 16 20 → none",
    ]


def test_where_nothing_differs_that_is_said():
    same = Difference("main", {}, (), {}, replace(FLIPS, customers=900, of=900, flips=()))
    assert printed(same) == [
        "Against main",
        "Nothing that is said or decided has changed.",
        "Both decide for the same 900 customers, by what is known at 2026-11-22 09:00 UTC:",
        "nobody would get another help, and nobody fewer or more.",
    ]
    assert printed(replace(same, customers=None))[-1] == "Nobody was compared: there is no warehouse yet."


def test_audiences_of_which_other_people_are_handed_over_are_told_whether_or_not_anybody_gets_another_help():
    audiences = (LeftOut("buyers", "north", 1_200, 1_190, 5, 15), LeftOut("held_out", "north", 40, 40, 0, 0))
    told = [
        "left out of other campaigns  before  after  gained  lost",
        "buyers of north               1,200  1,190       5    15",
    ]
    assert printed(replace(WHOLE, customers=replace(FLIPS, left_out=audiences)))[-2:] == told
    assert printed(replace(WHOLE, customers=replace(FLIPS, flips=(), left_out=audiences)))[-2:] == told
