"""What answers go by of a whole run is what was delivered, whatever has become of its files."""

from __future__ import annotations

import polars as pl
import pytest

from flows.errors import PlanError
from flows.line.frozen import CROWD_FILE
from flows.plan import plan_folder
from tests.line.test_crowds import add
from tests.tiny import day, make

ANEW = "hint: find out who changes files there; an answer goes by the last run over everybody, so make a new one: justenough run"


@pytest.fixture
def tiny(tmp_path):
    """A workspace whose e-mail shows what fifty share, after its first day, and who is new there."""
    made = make(tmp_path / "tiny", brands=["north"])
    made.edit("pyproject.toml", "web = 0", "web = 0\nemail = 50")
    made.run()
    add(made, "d02", item="tent")
    return made


def whole_run(tiny):
    return tiny.history("SELECT run_id FROM run WHERE goes_by IS NULL ORDER BY started_at DESC LIMIT 1")[0][0]


def shown(tiny):
    """The facts that a run for d02 alone shows in e-mail."""
    plan = tiny.plan(at=day(1), customers=("d02",))
    return [count.facts for count in plan.counts if count.target == "email_file"]


def widen(tiny):
    """Have the last whole run say that a thousand share whatever it showed."""
    file = plan_folder(tiny.load().settings, whole_run(tiny)) / CROWD_FILE
    pl.read_parquet(file).with_columns(people=pl.lit(1000, pl.UInt32)).write_parquet(file)


@pytest.mark.slow
@pytest.mark.bad_input(113)
def test_who_edits_the_crowds_of_the_last_run_lets_nothing_leave_and_a_new_run_mends_it(tiny):
    assert shown(tiny) == [()]
    widen(tiny)
    with pytest.raises(PlanError) as refused:
        shown(tiny)
    assert str(refused.value) == f"{whole_run(tiny)}/{CROWD_FILE}: this file of the plan was changed\n{ANEW}"
    tiny.run(at=day(1))
    assert tiny.plan(at=day(2), customers=("d02",)).order.goes_by == whole_run(tiny)


@pytest.mark.slow
@pytest.mark.bad_input(113)
def test_it_is_the_history_that_proves_them_and_no_row_of_it_that_was_edited(tiny):
    folder = plan_folder(tiny.load().settings, whole_run(tiny))
    widen(tiny)
    tiny.change("UPDATE approval SET digest = 'd' WHERE kind = 'frozen'")
    with pytest.raises(PlanError, match=f"{CROWD_FILE}: this file of the plan was changed"):
        shown(tiny)
    (folder / "plan.seal").unlink()
    with pytest.raises(PlanError, match="nothing proves which crowds and prices it had"):
        shown(tiny)


@pytest.mark.slow
def test_of_a_run_that_an_earlier_version_has_delivered_the_sealed_plan_proves_them(tiny):
    before = shown(tiny)
    tiny.change("DELETE FROM approval WHERE kind = 'frozen'")
    assert shown(tiny) == before
    folder = plan_folder(tiny.load().settings, whole_run(tiny))
    widen(tiny)
    with pytest.raises(PlanError, match=f"{CROWD_FILE}: this file of the plan was changed"):
        shown(tiny)
    for name in ("plan.json", "plan.seal"):
        (folder / name).unlink()
    with pytest.raises(PlanError, match="nothing proves which crowds and prices it had"):
        shown(tiny)


@pytest.mark.slow
def test_where_the_crowds_are_gone_nobody_shares_anything(tiny):
    (plan_folder(tiny.load().settings, whole_run(tiny)) / CROWD_FILE).unlink()
    assert shown(tiny) == [()]
