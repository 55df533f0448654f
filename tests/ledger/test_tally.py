"""What DuckDB counts of people is what one gets who goes through them one by one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.ledger.store import open_ledger
from flows.ledger.tally import CELL, WATCHED, WINDOWS, drawn, outcomes_told, tallied, told_until, values_told
from flows.settings import load_settings
from tests.learning.histories import START, batch, claimed, decided, fill, outcomes, said
from tests.tiny import make

WITHIN = timedelta(days=3)
MIDNIGHT = timedelta(hours=2)
"""Days begin at some other hour than that of UTC."""
SINCE = START + timedelta(days=2)
ASKED = pl.DataFrame(
    [("bought", "bought", False), ("bought", "bought_again", False), ("left", "left", False), ("left", "no", True)],
    WATCHED,
    orient="row",
)
DAYS = range(9)

people = st.sampled_from([f"p{number}" for number in range(6)])
decisions = st.lists(
    st.tuples(
        people,
        st.sampled_from(DAYS),
        st.sampled_from(["care", "care", "care", "other"]),
        st.sampled_from([None, "guide", "list"]),  # None: held out
        st.sampled_from(["email", "sms", None]),
        st.sampled_from([0.2, 0.4]),
    ),
    max_size=14,
)
messages = st.lists(
    st.tuples(st.integers(0, 13), st.sampled_from(["sent", "published", "loaded", "hold", "failed", "state"])),
    max_size=14,
)
recalls = st.lists(st.tuples(st.integers(0, 13), st.sampled_from(["published", "failed"])), max_size=4)
happenings = st.lists(
    st.tuples(
        people | st.just("nobody"),
        st.sampled_from(["bought", "bought_again", "left", "visited", "no", "yes"]),
        st.sampled_from(DAYS).flatmap(
            lambda day: st.sampled_from([0.0, 1e-9, 1.0, 72.0 - 1e-9, 72.0, 30.0]).map(lambda hours: 24 * day + hours)
        ),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return load_settings(make(tmp_path_factory.mktemp("tally") / "workspace").folder)


values = st.lists(st.sampled_from([None, 0.0, 12.5, -30.0, 900.0]), min_size=20, max_size=20)


@pytest.mark.property
@given(decisions, messages, recalls, happenings, values, st.sampled_from([None, 20.0]))
@example(
    [
        ("p0", 3, "care", "guide", "email", 0.4),
        ("p0", 5, "care", "list", None, 0.4),
        ("p1", 4, "care", "list", "sms", 0.2),
    ],
    [(0, "sent"), (2, "hold")],
    [(0, "published")],
    [("p0", "bought", 24 * 3 + 72.0), ("p1", "no", 24 * 4 + 0.0)],
    [None] * 20,
    None,
)
@example(
    [("p0", 3, "care", "guide", "email", 0.4), ("p1", 3, "care", "guide", "email", 0.4)],
    [],
    [],
    [("p0", "bought", 24 * 3 + 1.0), ("p0", "bought_again", 24 * 3 + 30.0), ("p1", "bought", 24 * 3 + 30.0)],
    [12.5, 5.0, 900.0, *[None] * 17],
    20.0,
)
def test_people_are_counted_as_one_by_one(settings, decided_for, sent, called_back, happened, worth, largest):
    """Decisions of other products, second ones, failed, held and recalled messages, doubled and late outcomes among them."""
    with open_ledger(settings) as ledger:
        _write(ledger, decided_for, sent, called_back, happened, worth)
        counted, hits = tallied(ledger, "care", SINCE, _windows(), ASKED, largest)
    ours = {row[:-1]: row[-1] for row in counted.rows()}
    told = {row[:-1]: row[-1] for row in hits.select(*CELL, "metric", "people").rows()}
    theirs, amounts = _one_by_one(decided_for, sent, called_back, happened, worth, largest)
    assert (ours, told) == (theirs, {cell: len(each) for cell, each in amounts.items()})
    for *cell, total, spread, cubes, fourths in hits.select(
        *CELL, "metric", "total", "spread", "cubes", "fourths"
    ).rows():
        each = np.array(amounts[tuple(cell)])
        assert (cubes, fourths) == pytest.approx(((each**3).sum(), (each**4).sum()))
        assert (total, spread) == pytest.approx((each.sum(), ((each - each.mean()) ** 2).sum()), abs=1e-6)


def test_draws_and_names_are_told_once_each_and_the_latest_news_by_its_coming(tmp_path):
    tiny = make(tmp_path / "workspace")
    two = pl.concat([decided(50), decided(50, 1, first=50), decided(5, first=100, product="other")])
    fill(
        tiny,
        decision=two,
        outcome=[outcomes([("p1", "bought", 3.0)], 4), outcomes([("p2", "bought", 1.0), ("p2", "left", 1)], 6)],
    )
    with open_ledger(load_settings(tiny.folder)) as ledger, ledger.transaction():
        ledger.execute("UPDATE outcome SET value = 0 WHERE outcome = 'left'")
    with open_ledger(load_settings(tiny.folder)) as ledger:
        rows = [(START + timedelta(days=day), *draw) for day in (0, 1) for draw in _DRAWS]
        assert sorted(drawn(ledger, "care").rows(), key=str) == sorted(rows, key=str)
        assert outcomes_told(ledger) == ["bought", "left"]
        assert values_told(ledger) == ["left"]
        assert told_until(ledger) == datetime.combine(START, datetime.min.time()) + timedelta(days=6)


_RECALL = dict.fromkeys(("message_id", "batch_id", "recalled_batch_id", "reason"), pl.String)
_DRAWS = [(True, None, 0.2, None), (False, "guide", 0.4, None), (False, "list", 0.4, None)]


def _windows() -> pl.DataFrame:
    days = [START + timedelta(days=day) for day in DAYS]
    starts = [datetime.combine(day, datetime.min.time()) + MIDNIGHT for day in days]
    return pl.DataFrame([(day, at, at + WITHIN) for day, at in zip(days, starts, strict=True)], WINDOWS, orient="row")


def _write(ledger, decided_for, sent, called_back, happened, worth) -> None:
    rows = [
        decided(
            1,
            day,
            product=product,
            person_key=pl.lit(person),
            decision_id=pl.lit(f"d{number}"),
            reason=pl.lit(None if variant else "HOLDOUT", pl.String),
            variant=pl.lit(variant, pl.String),
            channel=pl.lit(channel, pl.String),
            propensity=pl.lit(propensity),
        )
        for number, (person, day, product, variant, channel, propensity) in enumerate(decided_for)
    ]
    told = [
        (person, name, hours / 24 + MIDNIGHT / timedelta(days=1), value)
        for (person, name, hours), value in zip(happened, worth, strict=False)
    ]
    did = [row for row in told if row[1] not in ("no", "yes")]
    batches = [batch(state, state) for state in ("sent", "published", "loaded", "hold", "failed")]
    batches += [batch("state", "published", "state")]
    batches += [batch(f"back-{place}", state, "recall") for place, (_, state) in enumerate(called_back)]
    claims = [
        claimed(rows[number].with_columns(channel=pl.lit("email")), state).with_columns(message_id=pl.lit(f"m{number}"))
        for number, state in sent
        if number < len(rows) and decided_for[number][3] and state != "failed"  # what failed has no claim any more
    ]
    recalled = [
        pl.DataFrame([(f"m{number}", f"back-{place}", "sent", "ended")], _RECALL, orient="row")
        for place, (number, _) in enumerate(called_back)
    ]
    tables = {
        "decision": rows,
        "claim": claims,
        "batch": batches,
        "recall": recalled,
        "outcome": [
            outcomes([row[:3] for row in did]).with_columns(value=pl.Series([row[3] for row in did], dtype=pl.Float64))
        ],
        "consent_event": [said([row[:3] for row in told if row[1] in ("no", "yes")])],
    }
    with ledger.transaction():
        for table, frames in tables.items():
            ledger.execute(f"DELETE FROM {table}")
            if frames:
                ledger.append(table, pl.concat(frames))


def _one_by_one(decided_for, sent, called_back, happened, worth, largest) -> tuple[dict, dict]:
    """How many people there are of each cell; and of each cell and metric what it was worth of each whom it happened to."""
    back = {number for number, state in called_back if state != "failed"}
    reached = {
        number
        for number, state in sent
        if state in ("sent", "published", "loaded") and not (state == "sent" and number in back)
    }
    first: dict[str, int] = {}
    for number, (person, day, product, *_) in enumerate(decided_for):
        if product != "care" or START + timedelta(days=day) < SINCE:
            continue
        if person not in first or day < decided_for[first[person]][1]:
            first[person] = number
    counted, amounts = Counter(), defaultdict(list)
    for person, number in first.items():
        _, day, _, variant, channel, propensity = decided_for[number]
        is_reached = variant is not None and number in reached
        cell = (
            START + timedelta(days=day),
            variant is None,
            variant,
            propensity,
            channel is not None,
            is_reached,
            None,
        )
        counted[cell] += 1
        during = [
            (name, 0.0 if name == "no" else value or 0.0)
            for (who, name, hours), value in zip(happened, worth, strict=False)
            if who == person and 24 * day <= hours + 1e-12 and hours < 24 * day + 72
        ]
        for metric, names in {"bought": {"bought", "bought_again"}, "left": {"left", "no"}}.items():
            mine = [value for name, value in during if name in names]
            if mine:
                most = math.inf if largest is None else largest
                amounts[(*cell, metric)].append(max(-most, min(most, sum(mine))))
    return dict(counted), dict(amounts)
