"""What bars messages is read once for all batches of a delivery, and again as soon as it may have changed."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from flows.errors import BalanceError, OutboxError
from flows.line.batches import Look
from flows.line.looking import HOLDS, latest_look, look_again
from tests.line.test_seeds import MAILS, with_seeds
from tests.tiny import MORNING, Tiny, clock, make


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """A plan that has been looked at once, at nine."""
    tiny = with_seeds(make(tmp_path_factory.mktemp("looking") / "tiny", brands=["north"]))
    plan = tiny.plan()
    with clock(MORNING):
        look_again(tiny.load(), plan)
    return tiny, plan


@pytest.fixture
def own(looked, tmp_path):
    tiny, plan = looked
    return tiny.copy(tmp_path / "tiny"), plan


def at(tiny: Tiny, plan, minutes: float):
    """The look that is relied on some minutes after the first."""
    with clock(MORNING + timedelta(minutes=minutes)):
        return latest_look(tiny.load(), plan)


def test_a_look_holds_for_a_quarter_of_an_hour(looked):
    tiny, plan = looked
    kept = at(tiny, plan, 14)
    assert kept.at == MORNING
    assert kept.planned["reason"].null_count() == kept.planned.height == 18
    assert timedelta(minutes=15) == HOLDS


def test_a_look_is_taken_again_when_it_is_old(own):
    assert at(*own, 15).at == MORNING + timedelta(minutes=15)
    assert at(*own, 16).at == MORNING + timedelta(minutes=15)


def test_a_look_from_ahead_of_the_clock_does_not_hold(own):
    assert at(*own, -1).at == MORNING - timedelta(minutes=1)


def test_a_look_does_not_hold_once_somebody_has_written_into_the_warehouse(own):
    tiny, plan = own
    tiny.says("c01")
    again = at(tiny, plan, 1)
    assert again.at == MORNING + timedelta(minutes=1)
    assert again.planned["reason"].drop_nulls().unique().to_list() == ["NO_CONSENT"]


def test_half_a_look_is_none(own):
    """Killed, or the disk was full, after the first of its files had been written again."""
    tiny, plan = own
    blocked = tiny.state / "plans" / plan.order.run_id / "look" / "seeds.parquet"
    blocked.unlink()
    blocked.mkdir()
    with clock(MORNING + timedelta(minutes=1)), pytest.raises(OutboxError):
        look_again(tiny.load(), plan)
    blocked.rmdir()
    pl.DataFrame(schema={"seed_key": pl.String}).write_parquet(blocked)
    assert at(tiny, plan, 2).at == MORNING + timedelta(minutes=2)


def test_what_was_not_looked_at_does_not_leave():
    seen = pl.DataFrame(
        {"message_id": ["m1"], "reason": [None], "consent_key": ["k"]}, schema_overrides={"reason": pl.String}
    )
    look = Look(seen, pl.DataFrame(), pl.DataFrame(), MORNING, 0)
    assert look.on(pl.DataFrame({"message_id": ["m1"]}))["consent_key"].to_list() == ["k"]
    with pytest.raises(BalanceError) as refused:
        look.on(pl.DataFrame({"message_id": ["m1", "m2"]}))
    assert refused.value.what == "2 deliveries, and 1 of them were looked at"


def test_nobodys_address_stands_in_what_is_kept(looked):
    tiny, plan = looked
    folder = tiny.state / "plans" / plan.order.run_id / "look"
    kept = "".join(pl.read_parquet(path).write_csv() for path in sorted(folder.glob("*.parquet")))
    assert len(at(tiny, plan, 1).seeds) == len(MAILS) + 1  # and a number
    assert kept.count("\n") > len(MAILS)
    assert "@" not in kept
    assert "c01" not in kept.split()
