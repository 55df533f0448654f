"""What DuckDB counts of all products together, month by month, is what one gets who goes through people one by one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.ledger.months import DAYS, MONTHS, WANTED, by_month, contacts, decision_days, unsubscribed
from flows.ledger.store import open_ledger
from flows.settings import load_settings
from tests.learning.histories import START, batch, claimed, decided, fill, outcomes, said
from tests.tiny import make

MIDNIGHT = timedelta(hours=2)
"""Days begin at some other hour than that of UTC."""
BEGINS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
OFFSETS = [(month - START).days for month in BEGINS]
COUNTED = BEGINS[:2]
ASKED = pl.DataFrame(
    [("ordered", "ordered", False), ("ordered", "value", True), ("booked", "value", True)], WANTED, orient="row"
)
DAYS_OF = [0, 1, 29, 30, 31, 60, 61, 62]
people = st.sampled_from([f"p{number}" for number in range(5)])
decisions = st.lists(
    st.tuples(
        people,
        st.sampled_from(DAYS_OF),
        st.sampled_from(["marketing", "marketing", "marketing", "service"]),
        st.sampled_from([True, False, None]),  # whether the global holdout holds the person; None: an earlier run
        st.sampled_from([0.1, 0.2]),
    ),
    max_size=12,
)
happenings = st.lists(
    st.tuples(
        people | st.just("nobody"),
        st.sampled_from(["ordered", "booked", "visited"]),
        st.sampled_from(DAYS_OF).flatmap(lambda day: st.sampled_from([0.0, -1e-6, 5.0]).map(lambda more: day + more)),
        st.sampled_from([None, 0.0, 12.5, -30.0, 900.0]),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return load_settings(make(tmp_path_factory.mktemp("months") / "workspace").folder)


def at(day: float) -> datetime:
    return datetime.combine(START, datetime.min.time()) + MIDNIGHT + timedelta(days=day)


@pytest.mark.slow
@pytest.mark.property
@given(decisions, happenings, st.sampled_from([None, 20.0]))
@example(
    [("p0", 29, "marketing", False, 0.1), ("p0", 31, "marketing", True, 0.2), ("p1", 30, "marketing", True, 0.2)],
    [
        ("p0", "ordered", 29.0, 12.5),
        ("p0", "ordered", 34.0, 12.5),
        ("p0", "booked", 35.0, 900.0),
        ("p1", "ordered", 29.0, 1.0),
    ],
    20.0,
)
def test_people_are_counted_by_month_as_one_by_one(settings, decided_for, happened, largest):
    """Service, earlier runs, second decisions, what came before the first one and after the last month among them."""
    with open_ledger(settings) as ledger:
        _write(ledger, decided_for, happened)
        days = pl.DataFrame([(day, at((day - START).days)) for day in decision_days(ledger)], DAYS, orient="row")
        months = pl.DataFrame([(month, at((month - START).days)) for month in COUNTED], MONTHS, orient="row")
        entered, amounts = by_month(ledger, days, months, at(OFFSETS[2]), ASKED, largest)
    counted, theirs = _one_by_one(decided_for, happened, largest)
    assert {row[:-1]: row[-1] for row in entered.rows()} == counted
    keys = ["month", "is_held_out", "global_holdout", "metric"]
    assert {row[:-1]: row[-1] for row in amounts.select(*keys, "people").rows()} == {
        cell: len(each) for cell, each in theirs.items()
    }
    for *cell, total, spread, cubes, fourths in amounts.select(*keys, "total", "spread", "cubes", "fourths").rows():
        each = np.array(theirs[tuple(cell)])
        assert (cubes, fourths) == pytest.approx(((each**3).sum(), (each**4).sum()))
        assert (total, spread) == pytest.approx((each.sum(), ((each - each.mean()) ** 2).sum()), abs=1e-6)


def test_messages_that_left_and_were_not_called_back_are_counted_by_month_and_channel(tmp_path):
    tiny = make(tmp_path / "workspace")
    sent = pl.concat([decided(50), decided(40, 35, first=30)])  # twenty people in both months
    service = decided(7, 3, first=200, message_type=pl.lit("service"))
    held, lost = decided(9, 4, first=300), decided(8, 5, first=400)
    claims = pl.concat([claimed(sent), claimed(service), claimed(held, "hold"), claimed(lost, "back-of")])
    claims = claims.with_columns(
        channel=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("sms")).otherwise("channel")
    )
    back = claims.filter(pl.col("batch_id") == "back-of").select(
        "message_id", batch_id=pl.lit("back"), recalled_batch_id=pl.lit("back-of"), reason=pl.lit("ended")
    )
    batches = [batch(), batch("hold", "hold"), batch("back-of", "published"), batch("back", "published", "recall")]
    fill(tiny, claim=claims, batch=batches, recall=back)
    mine = claims.filter(pl.col("batch_id") == "b", pl.col("message_type") == "marketing")
    by = mine.with_columns(month=pl.col("as_of").dt.truncate("1mo"))
    with open_ledger(load_settings(tiny.folder)) as ledger:
        messages, reached = contacts(ledger)
    assert messages.rows() == by.group_by("month", "channel").len().sort("month", "channel").rows()
    assert reached.rows() == by.group_by("month").agg(pl.col("person_key").n_unique()).sort("month").rows()


def test_who_said_no_counts_once_a_month_however_it_was_told(tmp_path):
    tiny = make(tmp_path / "workspace")
    told = said([("p1", "no", 3.0), ("p2", "no", 4.0), ("p3", "yes", 4.0), ("p1", "no", 40.0)])
    nobody = said([("x", "no", 5.0)]).with_columns(person_key=pl.lit(None, pl.String), event_id=pl.lit("of an address"))
    fill(
        tiny,
        consent_event=[told, nobody],
        outcome=outcomes([("p1", "unsubscribed", 9.0), ("p4", "unsubscribed", 9.0), ("p5", "ordered", 9.0)]),
    )
    months = pl.DataFrame([(month, at((month - START).days)) for month in BEGINS], MONTHS, orient="row")
    with open_ledger(load_settings(tiny.folder)) as ledger:
        assert unsubscribed(ledger, months).rows() == [(BEGINS[0], 4), (BEGINS[1], 1)]


def _write(ledger, decided_for, happened) -> None:
    rows = [
        decided(
            1,
            day,
            person_key=pl.lit(person),
            decision_id=pl.lit(f"d{number}"),
            run_id=pl.lit(f"run-{number}"),
            message_type=pl.lit(kind),
            is_held_of_all=pl.lit(is_held if kind == "marketing" else None, pl.Boolean),
        )
        for number, (person, day, kind, is_held, _) in enumerate(decided_for)
    ]
    runs = [_run(number, day, share) for number, (_, day, _, _, share) in enumerate(decided_for)]
    did = [(person, name, day + MIDNIGHT / timedelta(days=1)) for person, name, day, _ in happened]
    worth = pl.Series([value for *_, value in happened], dtype=pl.Float64)
    with ledger.transaction():
        for table in ("decision", "run", "outcome"):
            ledger.execute(f"DELETE FROM {table}")
        if rows:
            ledger.append("decision", pl.concat(rows))
            ledger.append("run", pl.DataFrame(runs))
        ledger.append("outcome", outcomes(did).with_columns(value=worth))


def _run(number: int, day: int, share: float) -> dict:
    begun = at(day)
    return {
        "run_id": f"run-{number}", "workspace": "tiny", "as_of": begun.date(), "state": "delivered", "plan_digest": "x",
        "people_count": 1, "expires_at": begun, "source_rows": "{}", "started_at": begun, "global_holdout": share,
    }  # fmt: skip


def _one_by_one(decided_for, happened, largest) -> tuple[dict, dict]:
    """How many people there are of each arm and month; and of each, month and metric, what is told of whom it happened to."""
    first: dict[str, int] = {}
    for number, (person, day, kind, is_held, _) in enumerate(decided_for):
        if kind == "marketing" and is_held is not None and (person not in first or day < decided_for[first[person]][1]):
            first[person] = number
    counted, amounts = Counter(), defaultdict(list)
    for person, number in first.items():
        _, day, _, is_held, share = decided_for[number]
        arm = (is_held, share)
        counted[((START + timedelta(days=day)).replace(day=1), *arm)] += 1
        whole = defaultdict(list)
        for place, month in enumerate(COUNTED):
            # An instant is kept to the microsecond.
            mine = [
                (name, value or 0.0)
                for who, name, when, value in happened
                if who == person and when >= day and OFFSETS[place] <= round(when, 9) < OFFSETS[place + 1]
            ]
            orders, paid = [1 for name, _ in mine if name == "ordered"], [v for name, v in mine if name != "visited"]
            if orders:
                whole["ordered"].append(sum(orders))
                amounts[(month, *arm, "ordered")].append(sum(orders))
            if paid:
                most = math.inf if largest is None else largest
                whole["value"].append(max(-most, min(most, sum(paid))))
                amounts[(month, *arm, "value")].append(whole["value"][-1])
        for metric, each in whole.items():
            amounts[(None, *arm, metric)].append(sum(each))
    return dict(counted), dict(amounts)
