"""What runs when: products keep to their days, and a calendar says which these are, how much is to come, and what clashes."""

from __future__ import annotations

import json
import stat
from datetime import date

import icalendar
import pytest

from flows import cli, line
from flows.days import Span
from flows.errors import ProductError, SettingError, UsageError
from flows.line.scheduling import Clash, stretches
from flows.pages.schedule import clashes, problems, weekly
from tests.line.two_helps import SETTING, two_helps
from tests.tiny import MORNING, Tiny, clock, day

YAML = "templates/care/product.yaml"
NOT_ON = "not_on: [2026-11-24, 2026-12-24 to 2026-12-26]"


def quiet(tiny: Tiny, what: str = NOT_ON) -> Tiny:
    tiny.edit(YAML, "when: {", f"when: {{{what}, ")
    return tiny


def test_on_such_a_day_a_product_says_nothing_and_all_others_go_on(tiny):
    quiet(tiny)
    live = {
        number: [product.name for product in tiny.load().live(day(number).date())] for number in (1, 2, 3, 32, 34, 35)
    }
    assert live == {
        1: ["care", "late"],
        2: ["late"],
        3: ["care", "late"],
        32: ["late"],
        34: ["late"],
        35: ["care", "late"],
    }


def test_on_a_blackout_no_marketing_runs_and_service_does(tiny):
    tiny.set(blackouts=["2026-11-27", "2026-12-24 to 2027-01-01"])
    assert [product.name for product in tiny.load().live(day(5).date())] == ["late"]
    assert tiny.load().settings.blackouts == (
        Span(date(2026, 11, 27), date(2026, 11, 27)), Span(date(2026, 12, 24), date(2027, 1, 1)),
    )  # fmt: skip
    assert tiny.load().live(day(4).date())[0].name == "care"


@pytest.mark.slow
def test_what_platforms_hold_of_it_is_taken_away_on_that_day(tiny):
    held = tiny.batches()
    shown = {
        row["message_id"]
        for batch in held
        if batch.target == "web_profiles"
        for row in batch.rows
        if "care" in json.dumps(row)
    }
    quiet(tiny, "not_on: [2026-11-23]")
    tiny.run(at=day(1))
    today = [
        batch for batch in tiny.batches() if batch.target == "web_profiles" and batch.manifest["as_of"] == "2026-11-23"
    ]
    assert {(row["_mode"], row["message_id"]) for batch in today for row in batch.rows} == {
        ("remove", each) for each in shown
    }


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("not_on: [2026-12-26 to 2026-12-24]", "they end on 2026-12-24, before they begin"),
        ("not_on: [tomorrow]", "these are no days"),
        ("not_on: [2026-02-30 to 2026-03-01]", "these are no days"),
    ],
)
def test_what_are_no_days_is_refused(tiny, given, what):
    quiet(tiny, given)
    with pytest.raises(ProductError) as caught:
        tiny.load()
    assert what in caught.value.what


def test_what_are_no_days_is_refused_of_settings_too(tiny):
    tiny.set(blackouts=["Christmas"])
    with pytest.raises(SettingError) as caught:
        tiny.load()
    assert "these are no days" in caught.value.what


def test_days_without_a_gap_are_one_stretch():
    days = [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 3)]
    assert stretches(iter(days)) == (Span(days[0], days[2]), Span(days[3], days[3]))
    assert stretches(iter(())) == ()


def test_a_product_that_says_nothing_any_more_is_told_with_its_reason(tiny):
    with clock(MORNING):
        found = line.calendar(quiet(tiny).load(), 60)
        assert [(entry.product, len(entry.runs), entry.problem) for entry in found.entries] == [
            ("care", 3, None), ("late", 1, None),
        ]  # fmt: skip
        assert found.clashes == ()
        for days in (0, 732):
            with pytest.raises(UsageError):
                line.calendar(tiny.load(), days)
    changes = {
        "ends: 2026-11-01": "it ended on 2026-11-01: retire it, or set another day",
        "starts: 2027-02-01": "it starts on 2027-02-01",
        "not_on: [2026-11-22 to 2027-06-01]": "there is no day on which it may speak: all are among not_on, or blackouts",
    }
    for given, told in changes.items():
        other = tiny.copy(tiny.folder.parent / given.partition(":")[0])
        other.edit(YAML, f"{NOT_ON}, ", f"{given}, ")
        with clock(MORNING):
            assert problems(line.calendar(other.load(), 60)) == [f"care: {told}."]
    tiny.edit(YAML, "review_by: 2027-06-30", "review_by: 2026-12-01")
    with clock(MORNING):
        says = "it says nothing after 2026-12-01, its review date, until somebody has looked at it"
        assert problems(line.calendar(tiny.load(), 60)) == [f"care: {says}."]
    with clock(day(20)):
        assert problems(line.calendar(tiny.load(), 60))[0].startswith("care: its review date has passed, 2026-12-01")


@pytest.mark.slow
def test_clashes_and_messages_are_those_of_runs_and_all_of_it_goes_into_a_calendar_and_a_page(
    tmp_path, monkeypatch, capsys
):
    tiny = two_helps(tmp_path / "tiny")
    tiny.edit("pyproject.toml", SETTING, "")
    tiny.edit("templates/fit/product.yaml", "when: {", "when: {starts: 2026-11-20, ends: 2026-12-10, ")
    tiny.set(blackouts=["2026-12-01"])
    with clock(MORNING):
        assert clashes(line.calendar(tiny.load())) == ["Nobody can tell before a run over everybody: justenough run"]
    tiny.run()
    monkeypatch.chdir(tiny.folder)
    with clock(day(1)):
        found = line.calendar(tiny.load(), 30)
        assert cli.main(["calendar", "--days", "30", "--ics", "all.ics", "--page", "all.html"]) == 0
        shown = capsys.readouterr().out
        assert cli.main(["calendar", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 3
    both = (Span(date(2026, 11, 23), date(2026, 11, 30)), Span(date(2026, 12, 2), date(2026, 12, 10)))
    assert found.clashes == (Clash("care", "fit", "north", 900, 900, both),)
    told = "care and fit want the same 900 people of north; care is given to 100% of them. Both run on "
    assert clashes(found) == [f"{told}2026-11-23 to 2026-11-30, 2026-12-02 to 2026-12-10."]
    care = next(entry for entry in found.entries if entry.product == "care")
    sent = dict(tiny.history("SELECT channel, count(*) FROM claim GROUP BY channel"))
    assert dict(care.messages) == sent
    assert found.volumes["2026-12-01"] == {}
    assert found.volumes["2026-11-25"] == sent
    weeks = weekly(found)
    assert {first: counts["email"] / sent["email"] for first, counts in weeks.items()} == {
        date(2026, 11, 23): 7, date(2026, 11, 30): 6, date(2026, 12, 7): 7, date(2026, 12, 14): 7, date(2026, 12, 21): 2,
    }  # fmt: skip
    assert "care and fit want the same 900 people" in " ".join(shown.split())
    events = icalendar.Calendar.from_ical((tiny.folder / "all.ics").read_bytes()).events
    told = {(str(event["summary"]), event["dtstart"].dt, event["dtend"].dt) for event in events}
    assert ("fit", date(2026, 12, 2), date(2026, 12, 11)) in told  # the end of whole days is the day after
    assert ("No marketing", date(2026, 12, 1), date(2026, 12, 2)) in told
    assert len({str(event["uid"]) for event in events}) == len(events)
    for name in ("all.ics", "all.html"):
        assert stat.S_IMODE((tiny.folder / name).stat().st_mode) == 0o600
    html = (tiny.folder / "all.html").read_text("utf-8")
    assert html.count('class="run"') == sum(len(entry.runs) for entry in found.entries)
    assert html.count('class="quiet"') == 1
    assert "care and fit want the same 900 people" in html
