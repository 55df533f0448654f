"""All products together, month by month: who was held out of everything against all others, what that took, what waits."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.cli import main
from flows.keys import draw, load_key
from flows.learning.board import Board, read_board
from flows.learning.sequential import widening
from flows.ledger.proposals import PROPOSED, keep
from flows.ledger.store import open_ledger
from flows.pauses import pause
from flows.settings import load_settings
from tests.learning.histories import LONG_AFTER, START, at, batch, claimed, decided, fill, outcomes, shop
from tests.tiny import day

SHARE = 0.2
SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)


def marketed(count: int, people: int = 100, *, start: int = 0, share: float = SHARE, seed: int = 1) -> pl.DataFrame:
    """Decisions for new people each day, of whom the global holdout holds a share, and the product one in ten others."""
    days = []
    for number in range(start, start + count):
        rows = decided(people, number, first=10_000 + people * number)
        u = np.random.default_rng((seed, number)).random(people)
        is_held, is_held_here = pl.Series(u < share), pl.Series(u >= 0.9)
        days.append(
            rows.with_columns(
                is_held_of_all=is_held,
                reason=pl.when(is_held | is_held_here).then(pl.lit("HOLDOUT")),
                variant=pl.lit(None, pl.String),
            )
        )
    return pl.concat(days)


def run_rows(decisions: pl.DataFrame, share: float = SHARE) -> pl.DataFrame:
    begun = datetime.combine(START, datetime.min.time())
    return decisions.select("run_id", "as_of").unique().with_columns(
        workspace=pl.lit("tiny"), state=pl.lit("delivered"), plan_digest=pl.lit("x"), people_count=pl.lit(1),
        expires_at=pl.lit(begun), source_rows=pl.lit("{}"), started_at=pl.lit(begun), global_holdout=pl.lit(share),
    )  # fmt: skip


def bought(decisions: pl.DataFrame, *, seed: int = 3, held: float = 0.5, treated: float = 0.7) -> pl.DataFrame:
    """How often each person orders within the eighty days that follow: by chance, with what each order is worth."""
    rng = np.random.default_rng(seed)
    rate = np.where(decisions["is_held_of_all"], held, treated)
    count = pl.Series(rng.poisson(rate))
    rows = decisions.select("person_key", begun=(pl.col("as_of") - START).dt.total_days(), count=count)
    rows = rows.filter(pl.col("count") > 0).select(pl.col("person_key", "begun").repeat_by("count").explode())
    after = pl.Series(rng.random(rows.height) * 80)
    worth = pl.Series(rng.uniform(10, 70, rows.height).round(2))
    rows = rows.select("person_key", outcome=pl.lit("ordered"), day=pl.col("begun") + after, value=worth)
    return rows.filter(pl.col("day") < 80)


def told(orders: pl.DataFrame) -> pl.DataFrame:
    return outcomes(orders.drop("value")).with_columns(value=orders["value"])


def board(tiny, moment=LONG_AFTER) -> Board:
    with at(moment):
        return read_board(tiny.load())


@pytest.fixture(scope="module")
def story():
    decisions = marketed(60)
    return decisions, bought(decisions)


@pytest.fixture(scope="module")
def tried(tmp_path_factory, story):
    tiny = shop(tmp_path_factory.mktemp("board") / "workspace", "\n")
    tiny.edit("pyproject.toml", "global_holdout = 0", "global_holdout = 0.2\ncosts = {email = 0.5}")
    decisions, orders = story
    sent = claimed(decisions)
    sent = sent.with_columns(channel=pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("sms")).otherwise("channel"))
    fill(tiny, run=run_rows(decisions), decision=decisions, claim=sent, batch=batch(), outcome=told(orders))
    return tiny


@pytest.fixture(scope="module")
def found(tried):
    return board(tried)


def by_person(story, begins: int, ends: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Of those who had come by a day, whom the holdout held and the others: how often each ordered, and what for."""
    decisions, orders = story
    within = orders.filter(pl.col("day") >= begins, pl.col("day") < ends)
    sums = within.group_by("person_key").agg(ordered=pl.len(), value=pl.col("value").sum())
    there = decisions.filter(pl.col("as_of") < START + timedelta(days=ends)).join(sums, on="person_key", how="left")
    there = there.with_columns(pl.col("ordered", "value").fill_null(0))
    return tuple(
        {name: there.filter(pl.col("is_held_of_all") == is_held)[name].to_numpy() for name in ("ordered", "value")}
        for is_held in (True, False)
    )


@pytest.mark.oracle
def test_each_month_and_all_of_them_are_scipys_welch_over_people_times_those_who_are_not_held_out(found, story):
    """Who is held out of one product alone is among the others: the question is what all of it together does."""
    of_month = {month.month: {each.metric: each for each in month.effects} for month in found.months}
    spans = [(of_month[SEPTEMBER], 0, 30), (of_month[OCTOBER], 30, 61), ({e.metric: e for e in found.whole}, 0, 61)]
    for effects, begins, ends in spans:
        held, others = by_person(story, begins, ends)
        for name, each in effects.items():
            welch = ttest_ind(others[name], held[name], equal_var=False)
            span, people = welch.confidence_interval(0.95), len(others[name])
            more = people * (others[name].mean() - held[name].mean())
            assert (each.people, each.more, each.without) == pytest.approx((people, more, people * held[name].mean()))
            if (begins, ends) == (0, 61):
                error = np.sqrt(sum(x[name].var(ddof=1) / len(x[name]) for x in (held, others)))
                wide = widening(0.05, people + len(held[name]), 12 * 3_000)
                expected = (more - people * error * wide, more + people * error * wide)
            else:
                expected = (people * span.low, people * span.high)
            assert (each.interval.low, each.interval.high) == pytest.approx(expected, rel=1e-6)
    assert (found.since, found.until, found.held_out) == (SEPTEMBER, NOVEMBER, len(held["value"]))
    assert all(each.interval.low < 0.2 * each.people for each in found.whole if each.metric == "ordered")
    assert found.shares_p > 0.05


def test_a_month_that_is_not_over_has_contacts_and_no_effect(found, tried):
    assert [month.month for month in found.months] == [NOVEMBER, OCTOBER, SEPTEMBER]
    assert {(each.metric, each.refused) for each in found.months[0].effects} == {
        ("ordered", "NOT_OVER"),
        ("value", "NOT_OVER"),
    }
    early = board(tried, datetime(2026, 10, 31, 23, tzinfo=UTC))
    assert [[each.refused for each in month.effects] for month in early.months] == [["NOT_OVER"] * 2, [None] * 2]
    assert early.until == OCTOBER
    assert board(tried, datetime(2026, 9, 30, tzinfo=UTC)).whole == ()


def test_nor_is_a_month_over_of_which_outcomes_may_still_come_in(tmp_path, story):
    tiny = shop(tmp_path / "workspace", "\n")
    decisions, orders = story
    fill(tiny, run=run_rows(decisions), decision=decisions)
    fill(tiny, outcome=outcomes(orders.drop("value").filter(pl.col("day") < 50), 50))
    assert board(tiny).until == OCTOBER


def test_messages_cost_what_is_set_and_who_was_reached_is_counted(found, story):
    sent = claimed(story[0])
    october = found.months[1]
    mine = sent.with_columns(channel=pl.int_range(pl.len()) % 4 == 0).filter(pl.col("as_of") >= OCTOBER)
    sms = int(mine["channel"].sum())
    assert october.messages == {"email": mine.height - sms, "sms": sms}
    assert (october.cost, october.reached, october.unsubscribed) == (0.5 * (mine.height - sms), mine.height, 0)
    assert found.unpriced == ("sms",)


def test_another_share_of_the_holdout_weighs_by_its_inverse_and_before_there_was_one_nobody_counts(tmp_path):
    """In September half are held out, when twice as much is ordered; in the days before nobody is, and all order."""
    tiny = shop(tmp_path / "workspace", "\n")
    before, half, fifth = marketed(5, share=0), marketed(25, start=5, share=0.5), marketed(30, start=30)
    orders = [
        bought(before, held=3, treated=3),
        bought(half, held=1, treated=1),
        bought(fifth, held=0.5, treated=0.5),
    ]
    fill(
        tiny,
        run=[run_rows(before, 0.0), run_rows(half, 0.5), run_rows(fifth)],
        decision=[before, half, fifth],
        outcome=told(pl.concat(orders)),
    )
    whole = next(each for each in board(tiny).whole if each.metric == "ordered")
    both = pl.concat([half.with_columns(share=pl.lit(0.5)), fifth.with_columns(share=pl.lit(SHARE))])
    count = pl.concat(orders).filter(pl.col("day") < 61).group_by("person_key").agg(count=pl.len())
    both = both.join(count, on="person_key", how="left").with_columns(pl.col("count").fill_null(0))
    both = both.with_columns(weight=1 / pl.when("is_held_of_all").then("share").otherwise(1 - pl.col("share")))
    held, others = (both.filter(pl.col("is_held_of_all") == is_held) for is_held in (True, False))
    means = [(rows["count"] * rows["weight"]).sum() / rows["weight"].sum() for rows in (held, others)]
    assert whole.people == others.height
    assert (whole.without, whole.more) == pytest.approx(
        (means[0] * others.height, (means[1] - means[0]) * others.height)
    )
    assert not whole.is_clear
    plain = others["count"].mean() - held["count"].mean()
    assert plain * others.height < whole.more  # unweighted it would seem that we lose orders


@pytest.mark.slow
def test_what_cannot_be_told_is_refused_with_its_code(tmp_path, story):
    decisions, orders = story

    def codes(name: str, **tables) -> list[str | None]:
        tiny = shop(tmp_path / name, "\n")
        rows = tables.pop("decision", decisions)
        fill(tiny, **{"run": run_rows(rows), "decision": rows, **tables})
        return [each.refused for each in board(tiny).whole]

    assert codes("silent", outcome=outcomes(orders.drop("value"))) == [None, "NOT_TOLD"]
    assert codes("none", outcome=outcomes([("nobody", "visited", 79.0)])) == ["NOT_TOLD", "NOT_TOLD"]
    free = marketed(60, share=0)
    assert codes("free", decision=free, run=run_rows(free, 0.0), outcome=told(bought(free))) == ["NO_HOLDOUT"] * 2
    lost = decisions.filter(pl.col("is_held_of_all") | (pl.int_range(pl.len()) % 5 > 0))
    assert codes("lost", decision=lost, outcome=told(orders)) == ["SHARES_OFF"] * 2
    few = decisions.filter(~pl.col("is_held_of_all") | (pl.int_range(pl.len()) % 20 == 0))
    assert codes("few", decision=few, outcome=told(orders)) == ["SHARES_OFF"] * 2
    small = marketed(4)
    assert codes("small", decision=small, outcome=told(bought(small))) == ["TOO_FEW"] * 2
    much = orders.with_columns(value=pl.when(pl.col("day") == pl.col("day").min()).then(1e6).otherwise("value"))
    assert codes("uneven", outcome=told(much)) == [None, "TOO_UNEVEN"]


def test_largest_value_bounds_what_a_person_is_worth_in_a_month_where_all_products_set_it(tmp_path, story):
    decisions, orders = story
    tiny = shop(tmp_path / "workspace", "\n")
    tiny.edit("templates/care/product.yaml", "within: 14 days}", "within: 14 days, largest_value: 50}")
    fill(tiny, run=run_rows(decisions), decision=decisions, outcome=told(orders))
    value = next(each for each in board(tiny).months[1].effects if each.metric == "value")
    held, others = by_person(story, 30, 61)
    assert value.without == pytest.approx(np.minimum(held["value"], 50).mean() * len(others["value"]))


def test_the_three_most_urgent_decisions_wait_first_and_that_a_test_goes_on_is_none(tmp_path):
    tiny = shop(tmp_path / "workspace", "\n")
    tiny.edit("templates/care/product.yaml", "2027-06-30", "2026-11-21")
    tiny.edit("templates/late/product.yaml", "2027-06-30", "2026-11-29")
    rows = [
        {
            "proposal_id": kind[:2],
            "product": "late",
            "kind": kind,
            "what": "x",
            "says": f"Do {kind}.",
            "reach_change": 0,
        }
        for kind in ("keep_testing", "use_less_data", "scale", "stop")
    ]
    proposed = pl.DataFrame([{**row, "evidence": "[]", "edits": "[]", "about": "{}"} for row in rows])
    proposed = (
        proposed.with_columns(product_version=pl.lit(None, pl.Int32)).select(PROPOSED.names()).cast(dict(PROPOSED))
    )
    with at(), open_ledger(load_settings(tiny.folder)) as ledger:
        keep(ledger, pl.DataFrame(schema=_READOUT), proposed)
    found = board(tiny)
    assert [(each.product, each.kind) for each in found.waiting] == [
        ("care", "overdue"),
        ("late", "stop"),
        ("late", "review"),
    ]
    assert found.waiting[1].step == "justenough accept st"
    assert found.waiting_more == 2  # to scale it, and to use less data
    assert found.months == ()
    pause(load_settings(tiny.folder), "late", "complained, treated", LONG_AFTER)
    found = board(tiny)
    assert [(each.product, each.kind) for each in found.waiting] == [
        ("late", "paused"),
        ("care", "overdue"),
        ("late", "stop"),
    ]
    assert found.waiting_more == 2  # nobody waits for the review of what is paused


@pytest.mark.slow
def test_a_run_logs_whom_the_global_holdout_holds_apart_from_who_is_held_out_of_one_product(tmp_path):
    tiny = shop(tmp_path / "workspace", "\ntest: {holdout: 50%}\n")
    tiny.edit("pyproject.toml", "global_holdout = 0", "global_holdout = 0.4")
    tiny.run(at=day(0))
    logged = tiny.history(
        "SELECT message_type, reason, is_held_of_all, count(*) FROM decision GROUP BY ALL ORDER BY ALL"
    )
    assert {row[:3] for row in logged} == {
        ("marketing", None, False),
        ("marketing", "HOLDOUT", False),
        ("marketing", "HOLDOUT", True),
        ("service", None, None),
    }
    assert tiny.history("SELECT global_holdout FROM run") == [(0.4,)]
    people = pl.DataFrame({"customer_id": [f"c{number:02}" for number in range(1, 21)]}).select(
        person_key=load_key(load_settings(tiny.folder).key_file).of(pl.col("customer_id")),
        is_held=draw("tiny/global_holdout", pl.col("customer_id")) < 0.4,
    )
    held = dict(people.iter_rows())
    rows = tiny.history("SELECT person_key, is_held_of_all FROM decision WHERE message_type = 'marketing'")
    assert len(rows) > 5
    assert all(held[person] == is_held for person, is_held in rows)


def test_the_command_prints_it_json_without_nan_and_a_page_for_one_alone(tried, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", LONG_AFTER.isoformat())
    monkeypatch.setenv("COLUMNS", "200")
    page = tmp_path / "board.html"
    words = ["board", "--workspace", str(tried.folder)]
    assert main([*words, "--page", str(page)]) == 0
    assert capsys.readouterr().out.startswith("ordered: ")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main([*words, "--json"]) == 0
    told_so = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told_so["months"][1]["month"] == "2026-10-01"
    empty = shop(tmp_path / "empty", "\n")
    assert main(["board", "--workspace", str(empty.folder)]) == 1
    assert "Nothing of marketing has been decided yet." in capsys.readouterr().out


_READOUT = {"product": pl.String, "as_of": pl.Date}
