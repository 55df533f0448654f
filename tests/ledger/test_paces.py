"""How fast people come, and how often something happens to them, is what one gets who goes through them one by one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.ledger.paces import ASKED, DAYS, paced
from flows.ledger.store import open_ledger
from flows.settings import load_settings
from tests.learning.histories import START, decided, outcomes
from tests.tiny import make

MIDNIGHT = timedelta(hours=2)
"""Days begin at some other hour than that of UTC."""
SINCE, UNTIL, PRESENT = 2, 7, 6.5
"""Of the days that count the first and the last; and by when people's time has to be over."""
QUESTIONS = [
    ("care", "sold", "bought", timedelta(days=3)),
    ("care", "sold", "bought_again", timedelta(days=3)),
    ("care", "asked", "asked", timedelta(days=3)),
    ("other", "sold", "bought", timedelta(days=1)),
]

people = st.sampled_from([f"p{number}" for number in range(5)])
decisions = st.lists(
    st.tuples(people, st.integers(0, 8), st.sampled_from(["care", "other"]), st.sampled_from(["marketing", "service"])),
    max_size=12,
)
happenings = st.lists(
    st.tuples(
        people | st.just("nobody"),
        st.sampled_from(["bought", "bought_again", "asked", "visited"]),
        st.integers(0, 9).flatmap(
            lambda day: st.sampled_from([0.0, 1e-9, 1.0, 24.0, 72.0 - 1e-9, 72.0]).map(lambda hours: 24 * day + hours)
        ),
    ),
    max_size=16,
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return load_settings(make(tmp_path_factory.mktemp("paces") / "workspace").folder)


@pytest.mark.slow
@pytest.mark.property
@given(decisions, happenings)
@example(
    [("p0", 2, "care", "marketing"), ("p0", 4, "care", "marketing"), ("p1", 2, "other", "marketing")],
    [("p0", "bought", 48.0), ("p0", "bought_again", 50.0), ("p1", "bought", 72.0), ("p0", "asked", 120.0)],
)
def test_people_and_what_happens_to_them_are_counted_as_one_by_one(settings, decided_for, happened):
    days = [START + timedelta(days=number) for number in range(SINCE, UNTIL + 1)]
    starts = pl.DataFrame([(day, _midnight(day)) for day in days], DAYS, orient="row")
    with open_ledger(settings) as ledger:
        rows = [
            decided(1, day, product=product, person_key=pl.lit(person), message_type=pl.lit(kind))
            for person, day, product, kind in decided_for
        ]
        told = [(person, name, hours / 24 + MIDNIGHT / timedelta(days=1)) for person, name, hours in happened]
        for table, frame in (("decision", pl.concat(rows) if rows else None), ("outcome", outcomes(told))):
            ledger.execute(f"DELETE FROM {table}")
            if frame is not None:
                ledger.append(table, frame)
        asked = pl.DataFrame(QUESTIONS, ASKED, orient="row")
        found, hits = paced(ledger, starts, asked, _midnight(START) + timedelta(days=PRESENT))
    assert (found.rows(), hits.rows()) == _one_by_one(decided_for, happened)


def _midnight(day) -> datetime:
    return datetime.combine(day, datetime.min.time()) + MIDNIGHT


def _one_by_one(decided_for, happened):
    first: dict[tuple[str, str], int] = {}
    for person, day, product, kind in decided_for:
        if kind == "marketing" and SINCE <= day <= UNTIL:
            first[product, person] = min(day, first.get((product, person), day))
    people = Counter(product for product, _ in first)
    since = {
        product: START + timedelta(days=min(day for (of, _), day in first.items() if of == product))
        for product in people
    }
    over, hits = Counter(), Counter()
    for product, metric, within in {(product, metric, within) for product, metric, _, within in QUESTIONS}:
        names = {name for of, asked, name, _ in QUESTIONS if (of, asked) == (product, metric)}
        for (of, person), day in first.items():
            if of == product and day + within.days <= PRESENT:
                over[product, metric] += 1
                hits[product, metric] += any(
                    (who, name in names) == (person, True) and 24 * day <= at < 24 * (day + within.days)
                    for who, name, at in happened
                )
    return (
        [(product, since[product], people[product]) for product in sorted(people)],
        [(product, metric, over[product, metric], hits[product, metric]) for product, metric in sorted(over)],
    )
