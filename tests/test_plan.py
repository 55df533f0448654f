"""A plan is kept whole, read back as it was, and refused where it is not what was looked at."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from flows.counts import Count, Waterfall
from flows.digests import digest_of
from flows.errors import PlanError
from flows.plan import (
    Order,
    Plan,
    check_deliverable,
    digests,
    new_run_id,
    plan_digest,
    plan_folder,
    read_order,
    read_plan,
    save_order,
    save_plan,
    sha256,
)
from flows.settings import Settings

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORDER = Order(
    run_id="20261122-090000-abcdef",
    as_of=date(2026, 11, 22),
    now=NOW,
    present=NOW,
    starts_at=NOW.replace(hour=0),
    parts=2,
    products=("care",),
    targets=("email_file",),
    is_narrowed=True,
    inputs_digest="d",
    source_rows={"people": 3},
)


@pytest.fixture
def settings(tmp_path):
    return Settings(workspace=tmp_path, name="test", state=tmp_path / "state", targets={}, brands={})


@pytest.fixture
def plan(settings):
    """A settled plan in its folder."""
    folder = save_order(settings, ORDER)
    (folder / "decisions").mkdir()
    (folder / "decisions" / "0000.parquet").write_bytes(b"rows")
    settled = Plan(
        order=ORDER,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=24),
        people={
            "marketing": Waterfall(base=5, passed=3, reasons={"NO_CONSENT": 2}),
            "service": Waterfall(base=1, passed=1, reasons={}),
        },
        deliveries={},
        candidates={"care": 5},
        counts=(Count(product="care", target="email_file", brand="north", variant=None, facts=("name",), rows=3),),
        files=digests(folder),
    )
    save_plan(folder, settled)
    return settled


def test_a_plan_is_read_back_as_it_was_saved(settings, plan):
    assert read_plan(settings, ORDER.run_id) == plan
    assert read_order(settings, ORDER.run_id) == ORDER
    assert plan.people_count == 4
    assert plan.files.keys() == {"order.json", "decisions/0000.parquet"}


def test_a_waterfall_adds_up_or_not():
    assert Waterfall(base=5, passed=3, reasons={"NO_CONSENT": 1, "REPEATED": 1}).is_balanced
    assert not Waterfall(base=5, passed=3, reasons={"NO_CONSENT": 1}).is_balanced


@pytest.mark.parametrize(
    ("name", "is_gone"), [("order.json", False), ("decisions/0000.parquet", False), ("decisions/0000.parquet", True)]
)
def test_a_file_that_was_changed_or_removed_is_refused_by_its_name(settings, plan, name, is_gone):
    path = plan_folder(settings, ORDER.run_id) / name
    path.unlink() if is_gone else path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(PlanError) as refused:
        read_plan(settings, ORDER.run_id)
    assert (refused.value.where, refused.value.what) == (f"{ORDER.run_id}/{name}", "this file of the plan was changed")


def test_a_plan_that_was_never_settled_is_refused(settings):
    save_order(settings, ORDER)
    with pytest.raises(PlanError) as refused:
        read_plan(settings, ORDER.run_id)
    assert refused.value.what == "this plan was never finished"


@pytest.mark.parametrize("name", ["20261122-090000-abcdee", "..", "", "../plans/20261122-090000-abcdef"])
def test_a_name_of_no_plan_is_refused(settings, plan, name):
    with pytest.raises(PlanError) as refused:
        plan_folder(settings, name)
    assert refused.value.what == "there is no plan of this name"


@pytest.mark.parametrize(("hours", "is_over"), [(0, False), (23.999, False), (24, True), (48, True)])
def test_a_plan_is_delivered_until_it_expires(plan, monkeypatch, hours, is_over):
    monkeypatch.setenv("JUSTENOUGH_NOW", (NOW + timedelta(hours=hours)).isoformat())
    if not is_over:
        check_deliverable(plan, None)
        return
    with pytest.raises(PlanError) as refused:
        check_deliverable(plan, None)
    assert refused.value.what == "this plan expired at 2026-11-23 09:00 UTC"


@pytest.mark.parametrize("expected", [0, 3, 5])
def test_the_number_of_people_is_the_one_that_was_approved(plan, monkeypatch, expected):
    monkeypatch.setenv("JUSTENOUGH_NOW", NOW.isoformat())
    check_deliverable(plan, 4)
    with pytest.raises(PlanError) as refused:
        check_deliverable(plan, expected)
    assert refused.value.what == f"{expected} were approved, and the plan has 4"
    assert refused.value.hint.endswith("--expect 4")


def test_run_ids_sort_by_date_and_are_unique(monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", NOW.isoformat())
    names = {new_run_id(date(2026, 11, 22)) for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("20261122-090000-") for name in names)
    assert max(names) < new_run_id(date(2026, 11, 23))


def test_a_digest_is_of_names_and_contents(settings, plan, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    whole = digest_of({"a": one, "b": two})
    assert whole == digest_of({"b": two, "a": one})
    assert len({whole, digest_of({"a": two, "b": one}), digest_of({"a": one}), digest_of({"c": one, "b": two})}) == 4
    folder = plan_folder(settings, ORDER.run_id)
    assert plan_digest(folder) == sha256(folder / "plan.json")
