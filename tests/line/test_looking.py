"""What bars messages is read once for all batches of a delivery, and again as soon as it may have changed."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from flows import line
from flows.channels import target
from flows.errors import BalanceError, OutboxError
from flows.line import sources
from flows.line.batches import Look
from flows.line.looking import HOLDS, first_look, latest_look, look_again, look_at
from flows.line.planned import scan_leaving
from flows.line.watching import out_there_in_pieces, scan_published, seeds
from tests.line.test_opt_outs import Notice, say
from tests.line.test_recalling import ends
from tests.line.test_seeds import MAILS, with_seeds
from tests.tiny import MORNING, Tiny, clock, day, make


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


@pytest.fixture(scope="module")
def next_day(tmp_path_factory):
    """The second day of a workspace, of whose people many are not as they were on the first."""
    tiny = with_seeds(make(tmp_path_factory.mktemp("next") / "tiny"))
    tiny.run()
    tiny.says("c01")
    tiny.warehouse("DELETE FROM people WHERE customer_id = 'c03'; INSERT INTO barred VALUES ('c04')")
    listed = [("*", "tie@x.example.com"), ("email", MAILS[0]), ("sms", "0151 12345699")]
    ends(tiny, "('c13', NULL, 'returned', '2026-11-22 12:00', NULL)")
    rows = ", ".join(f"('{channel}', '{address}', '*', 'bounce', '2026-11-22')" for channel, address in listed)
    tiny.warehouse(f"INSERT INTO suppressed VALUES {rows}")
    return tiny


def same(one: Look, other: Look) -> bool:
    tables = [(getattr(one, name), getattr(other, name)) for name in ("planned", "seeds")]
    tables.append((one.out, other.out.join(one.out, on="message_id", how="semi")))
    return all(a.sort(a.columns).equals(b.select(a.columns).sort(a.columns)) for a, b in tables)


def held(tiny: Tiny) -> pl.DataFrame:
    ways = [(name, brand) for brand, ways in tiny.load().settings.targets.items() for name in ways.values()]
    states = [(target(name), brand) for name, brand in ways if target(name).kind == "state"]
    return pl.concat(scan_published(tiny.load().settings, to, brand) for to, brand in states).collect()


@pytest.mark.parametrize("parts", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_plan_has_seen_what_a_look_at_it_sees(next_day, tmp_path, parts):
    tiny = next_day.copy(tmp_path / "tiny")
    plan = tiny.plan(at=day(1), parts=parts)
    with clock(day(1) + timedelta(minutes=1)):
        own, again = first_look(tiny.load(), plan), look_again(tiny.load(), plan)
    assert (own.at, again.at) == (day(1), day(1) + timedelta(minutes=1))
    assert same(own, again)
    barred = set(own.out["reason"].drop_nulls())
    assert barred == {"NO_CONSENT", "EXCLUDED", "ended"}
    members = held(tiny)
    assert members.join(own.out, on="message_id", how="semi").height >= 3
    assert set(own.no_more(members)["message_id"]) == set(again.no_more(members)["message_id"])
    # What may be sent still of everybody but c03, who is no customer any more, and is looked at once it is delivered.
    sent = {name for (name,) in tiny.history("SELECT message_id FROM claim JOIN delivery USING (message_id) "
                                             "WHERE valid_until > '2026-11-23 09:00'")}  # fmt: skip
    unseen = again.out.join(own.out, on="message_id", how="anti")
    assert sent <= set(again.out["message_id"])
    assert sent & set(own.out["message_id"])
    assert unseen["reason"].unique().to_list() == ["UNREACHABLE"]
    assert unseen.height == 2  # an e-mail, and what the web shows
    assert own.seeds.height == 2 * (len(MAILS) + 1 - 2)  # of two brands


def test_a_look_at_parts_sees_who_is_in_none_any_more_and_who_is_in_another_one(next_day, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FEW", 0)  # nobody is asked about by their ids
    tiny = next_day.copy(tmp_path / "tiny")
    plan = tiny.plan(at=day(1), parts=3)
    tiny.warehouse("DELETE FROM people WHERE customer_id IN ('c02', 'c06')")
    of_plan = tiny.state / "plans" / plan.order.run_id
    with clock(day(1) + timedelta(minutes=1)):
        apart = look_again(tiny.load(), plan)
        for folder in ("decisions", "deliveries"):  # as if the cut into parts were another one by now
            for file in sorted((of_plan / folder).glob("000[01]*")):
                file.rename(file.with_name(f"x{file.name}"))
            for file in sorted((of_plan / folder).glob("x*")):
                file.rename(file.with_name(f"000{1 - int(file.name[4])}{file.name[5:]}"))
        moved = look_again(tiny.load(), plan)
        monkeypatch.undo()
        workspace, targets, planned = tiny.load(), plan.order.targets, [scan_leaving(of_plan)]
        whole = look_at(
            workspace,
            plan.order,
            planned,
            pl.concat(out_there_in_pieces(workspace, targets)),
            seeds(workspace, targets),
        )
    assert [same(whole, look) for look in (apart, moved)] == [True, True]
    assert [look.out.height for look in (apart, moved)] == [whole.out.height] * 2
    assert whole.planned.filter(pl.col("reason") == "UNREACHABLE").height == 2


def test_a_delivery_relies_on_what_its_plan_has_just_seen(own):
    tiny, _ = own
    plan = tiny.plan()
    with clock(MORNING + timedelta(minutes=2)):
        assert first_look(tiny.load(), plan).at == MORNING


def test_a_delivery_looks_again_once_somebody_has_said_something(own):
    tiny, _ = own
    plan = tiny.plan()
    say(tiny, Notice(customer_id="c01"), at=MORNING + timedelta(minutes=1))
    with clock(MORNING + timedelta(minutes=2)):
        look = first_look(tiny.load(), plan)
    assert look.at == MORNING + timedelta(minutes=2)
    assert look.planned["reason"].drop_nulls().unique().to_list() == ["NO_CONSENT"]


def test_a_delivery_looks_again_once_a_state_target_holds_something_else(own):
    tiny, _ = own
    plan = tiny.plan()
    tiny.run(at=MORNING + timedelta(minutes=1))
    with clock(MORNING + timedelta(minutes=2)):
        assert first_look(tiny.load(), plan).at == MORNING + timedelta(minutes=2)


def test_what_is_written_while_a_plan_is_made_is_looked_at_again(own):
    tiny, _ = own
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, line.Request())
        counts = [line.plan_part(workspace, order.run_id, 0)]
        tiny.says("c01")
        plan = line.settle(workspace, order.run_id, counts)
    with clock(MORNING + timedelta(minutes=1)):
        look = first_look(tiny.load(), plan)
    assert look.planned["reason"].drop_nulls().unique().to_list() == ["NO_CONSENT"]
