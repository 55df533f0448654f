"""One customer's decision, told from the plan, the history and the products' settings."""

from __future__ import annotations

import shutil
from datetime import date, time, timedelta

import pytest

from flows import line
from flows.errors import UsageError
from flows.keys import rotate_key
from tests.tiny import MORNING, clock, day, make

NOON = MORNING + timedelta(hours=3)

TIPS = "relevance: {interest: {weight: 0.8}, since_at: {weight: 0.5, fades_in: 4 days}}"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Three helps: `tips` for the same people as `care`, a little less relevant; its terms fade, and its channels differ."""
    tiny = make(tmp_path_factory.mktemp("explaining") / "workspace", brands=["north"])
    shutil.copytree(tiny.folder / "templates/care", tiny.folder / "templates/tips")
    tiny.edit("templates/tips/product.yaml", "relevance: {interest: {weight: 1}}", TIPS)
    tiny.edit("sql/segments/owners.sql", "n.interest", "n.interest, n.since_at")
    (tiny.folder / "sql/exclusions/no_web.sql").write_text(
        "SELECT customer_id, 'web' AS channel FROM people WHERE customer_id IN ('c06', 'c12')", "utf-8"
    )
    (tiny.folder / "sql/exclusions/staff.sql").write_text(
        "SELECT customer_id, brand FROM people WHERE customer_id = 'c12'", "utf-8"
    )
    tiny.warehouse("UPDATE needs SET since_at = TIMESTAMP '2026-11-20 09:00' WHERE customer_id IN ('c01', 'c14')")
    return tiny


@pytest.fixture(scope="module")
def first(tiny, tmp_path_factory):
    """After the first day."""
    copy = tiny.copy(tmp_path_factory.mktemp("first") / "workspace")
    copy.run()
    return copy


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """With a plan of the second day too."""
    copy = first.copy(tmp_path_factory.mktemp("second") / "workspace")
    copy.plan(at=day(1))
    return copy


def of(tiny, customer, product):
    """What is told of one help."""
    [row] = [row for row in line.explain(tiny.load(), customer).candidates if row["product"] == product]
    return row


def test_a_help_that_is_outranked_names_the_one_that_fits_better(first):
    care, tips = of(first, "c01", "care"), of(first, "c01", "tips")
    assert (care["reason"], care["winner"], tips["reason"]) == (None, None, "OUTRANKED")
    assert tips["winner"] == {"product": "care", "subject_id": None, "score": care["score"]}


def test_a_held_out_winner_has_outranked_the_others_too(tiny, tmp_path):
    held = tiny.copy(tmp_path / "held")
    held.edit("pyproject.toml", "global_holdout = 0", "global_holdout = 1.0")
    held.plan()
    assert of(held, "c01", "care")["reason"] == "HOLDOUT"
    assert of(held, "c01", "tips")["winner"]["product"] == "care"


def test_a_winner_that_would_show_too_much_has_outranked_the_others_too(tiny, tmp_path):
    shown = tiny.copy(tmp_path / "shown")
    shown.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        "[tool.justenough.exposure]\nin_30_days = 0\n[tool.justenough.crowd]",
    )
    shown.plan()
    assert of(shown, "c01", "care")["reason"] == "EXPOSED"
    assert of(shown, "c01", "tips")["winner"]["product"] == "care"


def test_a_service_message_is_outranked_only_by_one_about_the_same_subject(tiny, tmp_path):
    rivals = tiny.copy(tmp_path / "rivals")
    shutil.copytree(rivals.folder / "templates/late", rivals.folder / "templates/later")
    rivals.plan()
    told = line.explain(rivals.load(), "c08").candidates
    winners = {
        (row["product"], row["subject_id"]): row["winner"] and (row["winner"]["product"], row["winner"]["subject_id"])
        for row in told
        if row["message_type"] == "service"
    }
    assert winners == {
        ("late", "o81"): None, ("late", "o82"): None, ("later", "o81"): ("late", "o81"), ("later", "o82"): ("late", "o82")
    }  # fmt: skip


def test_what_silences_marketing_is_named(first):
    assert of(first, "c07", "care")["service"]["subject_id"] == "o71"
    assert of(first, "c01", "care")["service"] is None


def test_a_signal_that_fades_is_told_by_its_age_and_another_by_its_value(first):
    base, interest, since = of(first, "c01", "tips")["terms"]
    assert (base["age_days"], base["value"]) == (None, None)
    assert (interest["value"], interest["age_days"]) == (pytest.approx(4.0), None)
    assert (since["value"], since["age_days"]) == (None, pytest.approx(2.0))


def test_a_repetition_says_when_it_was_had_and_when_it_is_due_again(second):
    care, tips = of(second, "c01", "care"), of(second, "c01", "tips")
    assert (care["reason"], care["had_on"], care["due_on"]) == ("REPEATED", date(2026, 11, 22), date(2026, 12, 22))
    assert (tips["reason"], tips["had_on"], tips["due_on"]) == (None, None, None)


@pytest.mark.parametrize(("after_days", "reason"), [(29, "REPEATED"), (30, None)])
def test_on_the_day_that_is_told_it_is_due_again_and_not_a_day_before(first, tmp_path, after_days, reason):
    copy = first.copy(tmp_path / "later")
    copy.plan(at=day(after_days), products=("care",))
    assert of(copy, "c01", "care")["reason"] == reason


@pytest.mark.slow
def test_per_subject_each_subject_has_its_own_turns(first, tmp_path):
    copy = first.copy(tmp_path / "again")
    copy.warehouse("INSERT INTO late_orders VALUES ('c07', 'north', 'o72', 'rope', 9)")
    copy.run(at=day(1))
    copy.plan(at=day(2))
    told = [row for row in line.explain(copy.load(), "c07").candidates if row["product"] == "late"]
    assert [(row["subject_id"], row["had_on"], row["due_on"]) for row in told] == [
        ("o71", date(2026, 11, 22), date(2026, 11, 26)),
        ("o72", date(2026, 11, 23), date(2026, 11, 27)),
    ]


def test_a_decision_of_the_same_day_is_no_repetition_of_this_help(first, tmp_path):
    copy = first.copy(tmp_path / "same_day")
    copy.plan()
    care, tips = of(copy, "c01", "care"), of(copy, "c01", "tips")
    assert (care["reason"], care["had_on"]) == ("REPEATED", date(2026, 11, 22))
    assert (tips["reason"], tips["had_on"]) == ("REPEATED", None)


def test_an_exclusion_is_told_with_its_files(first):
    assert of(first, "c12", "care")["detail"] == "barred, staff"
    assert of(first, "c06", "care")["closed"][-1] == {"channel": "web", "reason": "EXCLUDED", "detail": "no_web"}


def test_channels_that_come_later_and_those_without_a_target_are_named(first, tmp_path):
    assert of(first, "c01", "care")["spare"] == ["sms"]
    assert of(first, "c06", "care")["spare"] == []
    other = first.copy(tmp_path / "other")
    other.edit("pyproject.toml", 'sms = "sms_file"\n', "")
    other.plan(at=day(40))
    row = of(other, "c01", "care")
    assert (row["spare"], row["unserved"]) == ([], ["sms"])


def test_after_a_change_nothing_is_told_that_may_not_have_been_so(first, tmp_path):
    other = first.copy(tmp_path / "changed")
    other.edit("templates/care/product.yaml", "need: New owners", "need: Old owners")
    told = line.explain(other.load(), "c01")
    row = next(row for row in told.candidates if row["product"] == "care")
    assert not told.is_current
    assert [row[name] for name in ("need", "threshold", "unserved")] == [None, None, None]
    assert [(term["value"], term["age_days"]) for term in row["terms"]] == [(None, None), (None, None)]


def test_the_live_products_whose_segments_do_not_have_the_customer_are_named(first):
    assert line.explain(first.load(), "c01").elsewhere == ["late"]
    assert line.explain(first.load(), "c07").elsewhere == []


def next_of(tiny, customer, at):
    """What comes next from `north`."""
    with clock(at):
        [row] = line.explain(tiny.load(), customer).coming
    assert (row["brand"], row["time_zone"]) == ("north", "UTC")
    return row


def test_after_a_decision_the_next_is_of_the_next_day_and_the_same_help_of_its_own_turn(first):
    row = next_of(first, "c01", NOON)
    assert row["next_on"] == date(2026, 11, 23)
    assert row["again"] == [
        {"product": "care", "per": "person", "had_on": date(2026, 11, 22), "due_on": date(2026, 12, 22)}
    ]
    assert row["caps"] == [{"cap": "3 messages in 7 days", "had": 1, "most": 3, "until": None, "is_of_all": True}]
    assert row["quiet"] == [{"channels": ["sms"], "then": "hold", "begins": time(20), "ends": time(8)}]
    assert next_of(first, "c01", day(2))["next_on"] == day(2).date()


@pytest.mark.slow
def test_a_plan_that_is_not_delivered_yet_decides_the_day_and_who_gets_nothing_may_be_spoken_to(tiny, tmp_path):
    planned = tiny.copy(tmp_path / "planned")
    planned.plan()
    assert next_of(planned, "c01", NOON)["next_on"] == date(2026, 11, 23)
    assert next_of(planned, "c14", NOON)["next_on"] == date(2026, 11, 22)
    assert next_of(planned, "c01", NOON)["again"] == []


@pytest.mark.slow
def test_where_a_cap_is_full_the_next_contact_is_when_it_has_room_again(tiny, tmp_path):
    capped = tiny.copy(tmp_path / "capped")
    capped.edit(
        "pyproject.toml", "global_holdout = 0", 'global_holdout = 0\ncaps = ["1 in 5 days", "1 sms in 30 days"]'
    )
    capped.run()
    row = next_of(capped, "c01", day(1))
    assert [(cap["cap"], cap["had"], cap["until"]) for cap in row["caps"]] == [
        ("1 message in 5 days", 1, "2026-11-27 00:00"),
        ("1 sms message in 30 days", 0, None),
    ]
    assert row["next_on"] == date(2026, 11, 27)
    # A cap of a channel alone keeps nobody from the others.
    by_text = next_of(capped, "c06", day(5))
    assert [cap["until"] for cap in by_text["caps"]] == [None, "2026-12-22 00:00"]
    assert by_text["next_on"] == day(5).date()
    capped.plan(at=day(4))
    assert of(capped, "c01", "tips")["reason"] == "CAPPED"
    capped.plan(at=day(5))
    assert of(capped, "c01", "tips")["reason"] is None


@pytest.mark.slow
def test_what_is_scheduled_is_told_with_its_day_even_of_who_is_in_no_plan_yet(tiny, tmp_path):
    scheduled = tiny.copy(tmp_path / "scheduled")
    scheduled.edit(
        "sql/segments/owners.sql",
        "n.interest",
        "n.interest, CASE WHEN n.customer_id = 'c14' THEN DATE '2026-12-05' END AS next_due_on",
    )
    scheduled.edit("sql/segments/owners.yaml", "fields:", "tells_when_due: true\nfields:")
    scheduled.plan()
    told = line.explain(scheduled.load(), "c14")
    assert told.candidates == []
    on = {"subject_id": None, "on": date(2026, 12, 5)}
    assert told.coming[0]["due"] == [{"product": "care", **on}, {"product": "tips", **on}]
    scheduled.edit("templates/care/product.yaml", "need: New owners", "need: Old owners")
    with pytest.raises(UsageError, match=r"neither plan .* nor the history has this customer"):
        line.explain(scheduled.load(), "c14")  # its segments may be others than those of the plan


def test_each_delivery_tells_since_when_its_facts_are_known_when_it_may_go_and_which_yes_it_relies_on(first):
    [way] = [row for row in line.explain(first.load(), "c06").deliveries if row["channel"] == "sms"]
    assert (way["facts"], way["facts_at"]) == (["last_order"], [])
    assert (f"{way['not_before']:%H:%M}", f"{way['not_after']:%H:%M}") == (
        "08:00",
        "19:00",
    )  # their number is German, and they live by UTC
    assert way["agreed"]["happened_at"] == MORNING - timedelta(days=300)
    [late] = [row for row in line.explain(first.load(), "c07").deliveries if row["channel"] == "email"]
    assert (late["consent_key"], late["agreed"]) == (None, None)


@pytest.mark.slow
def test_what_was_had_under_a_key_that_is_retired_counts(first, tmp_path):
    copy = first.copy(tmp_path / "rotated")
    rotate_key(copy.state / "key")
    row = next_of(copy, "c01", NOON)
    assert (row["caps"][0]["had"], row["next_on"], len(row["again"])) == (1, date(2026, 11, 23), 1)


@pytest.mark.slow
def test_messages_of_several_days_have_their_receipts(first, tmp_path):
    copy = first.copy(tmp_path / "month")
    copy.run(at=day(31))
    told = [(row["as_of"], row["product_version"], row["facts"]) for row in line.explain(copy.load(), "c01").messages]
    both = ["last_order", "name"]
    assert told == [(day(31).date(), 1, both)] * 2 + [(day(0).date(), 1, both)] * 2
