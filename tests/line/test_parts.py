"""Whatever the number of parts that customers are cut into, and whoever shares an address or a score: the same bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.tiny import day, make, payloads

EXAMPLES = 20 if settings().max_examples > 100 else 1
PARTS = (1, 2, 7, 13)  # the last is more than there are customers

PERSON = st.tuples(
    st.sampled_from(["north", "south"]),
    st.sampled_from([None, "a@x.example.com", "A@x.example.com", "b@x.example.com", "c@x.example.com", "no address"]),
    st.sampled_from([None, "+4915112345601", "0151 12345601", "+4915112345602"]),
    st.sampled_from([None, "Ann", "Zoë", "O'Neill & <b>"]),
    st.sampled_from([None, "tent", "rope"]),
    st.sampled_from([None, 0.0, 3.0, 4.0]),
)
LATE = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["o1", "o2"])), max_size=4, unique=True)


@pytest.mark.slow  # in `make test` the cuts of test_first_day.py stand for it
@pytest.mark.property
@pytest.mark.timeout(5400)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@example(
    crowd=[("north", "a@x.example.com", "0151 12345601", "Ann", item, 3.0) for item in ("tent", "rope", "tent", None)]
    * 2,
    late=[(0, "o1"), (5, "o1"), (5, "o2")],
)
@given(crowd=st.lists(PERSON, min_size=4, max_size=12), late=LATE)
def test_payloads_do_not_depend_on_the_number_of_parts(crowd, late):
    people = [(f"c{number:02}", *person) for number, person in enumerate(crowd)]
    orders = [(f"c{n:02}", crowd[n][0], f"{order}-{n}", "tent", 4) for n, order in late if n < len(crowd)]
    with tempfile.TemporaryDirectory() as name:
        base = make(Path(name) / "base", people=people, late=orders)
        base.advertise(least=2)
        base.edit("pyproject.toml", "web = 0", "web = 3")
        base.set(largest_fall=1)
        if not any(person[-1] is not None for person in people):
            base.warehouse("INSERT INTO needs VALUES ('nobody', 'north', 'tent', 0, TIMESTAMP '2026-01-01')")
        seen = []
        for parts in PARTS:
            tiny = base.copy(Path(name) / f"{parts}")
            first = tiny.run(parts=parts).plan
            tiny.warehouse("UPDATE needs SET item = 'stove' WHERE customer_id <= 'c03'; DELETE FROM late_orders")
            second = tiny.run(at=day(31), parts=parts).plan  # what holds meets what is wanted anew
            seen.append((payloads(tiny.batches()), first.people, first.deliveries, second.people, second.deliveries))
    assert all(other == seen[0] for other in seen[1:])
