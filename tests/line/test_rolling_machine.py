"""Whatever is changed, dated back, corrected, given away or deleted in any table, a rolling run decides what a full one does.

Both plan at the same instants, on one warehouse and one history, and whole plans are compared: decisions, deliveries, counts.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from flows import line
from flows.line.request import Request
from tests.line.rolling_shop import COUNT, needs, same_as_full, shop
from tests.tiny import MORNING, clock

EXAMPLES = 40 if settings().max_examples > 100 else 6
WHO = st.integers(1, COUNT - 1)
AGO = st.integers(-4, 25)
"""How many days ago: some of it has yet to happen."""
CHANGES = {
    "people: a name is corrected": "UPDATE people SET first_name = 'Name {days}' WHERE customer_id = '{who}'",
    "people: one is deleted": "DELETE FROM people WHERE customer_id = '{who}'",
    "people: one comes back": (
        "INSERT INTO people SELECT '{who}', 'north', 'DE', 'en', '{who}@x.example.com', NULL, 'Back' "
        "WHERE '{who}' NOT IN (SELECT customer_id FROM people)"
    ),
    "needs: one comes, maybe late": "INSERT INTO needs VALUES ('{who}', 'north', '{item}', 3, '{at}')",
    "needs: one is dated otherwise": "UPDATE needs SET since_at = '{at}' WHERE customer_id = '{who}'",
    "needs: one is another's": "UPDATE needs SET customer_id = '{other}' WHERE customer_id = '{who}'",
    "needs: one is deleted": "DELETE FROM needs WHERE customer_id = '{who}'",
    "late_orders: one comes": "INSERT INTO late_orders VALUES ('{who}', 'north', 'o{days}', '{item}', 3)",
    "late_orders: one is another's": "UPDATE late_orders SET customer_id = '{other}' WHERE order_id = 'o{days}'",
    "late_orders: one is deleted": "DELETE FROM late_orders WHERE customer_id = '{who}'",
    "parcels: one comes": "INSERT INTO parcels VALUES ('o{days}', '{at}'::TIMESTAMP::DATE, NULL)",
    "parcels: one is promised otherwise": "UPDATE parcels SET promised_on = '{at}'::TIMESTAMP::DATE WHERE order_id = 'o{days}'",
    "parcels: one arrives": "UPDATE parcels SET arrived_at = '{at}' WHERE order_id = 'o{days}'",
    "parcels: one is deleted": "DELETE FROM parcels WHERE order_id = 'o{days}'",
    "consents: a no": "INSERT INTO consents VALUES ('n', '{who}', 'north', '*', '*', 'no', '{at}')",
    "consents: all are deleted": "DELETE FROM consents WHERE customer_id = '{who}'",
    "barred: one is": "INSERT INTO barred VALUES ('{who}')",
    "barred: one is not any more": "DELETE FROM barred WHERE customer_id = '{who}'",
    "complaints: one is opened": "INSERT INTO complaints VALUES ('{who}', '{at}', NULL)",
    "complaints: one is closed": "UPDATE complaints SET closed_at = '{at}' WHERE customer_id = '{who}'",
    "complaints: one is deleted": "DELETE FROM complaints WHERE customer_id = '{who}'",
    "items: a label is another": "UPDATE items SET label = 'label {days}' WHERE item = '{item}'",
}
CHANGE = st.tuples(st.sampled_from(sorted(CHANGES)), WHO, WHO, AGO, st.sampled_from(["tent", "rope"]))


class Rolling(RuleBasedStateMachine):
    """A shop on which days pass; `told` counts over all of them."""

    told: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.tiny = shop(Path(self.folder.name) / "shop")
        self.tiny.set(full_every="14 days")
        self.now, self.touched = MORNING, set[str]()

    @initialize(waiting=st.lists(st.tuples(WHO, AGO), max_size=6, unique_by=lambda pair: pair[0]))
    def begin(self, waiting):
        for number, days in waiting:
            needs(self.tiny, number, at=self.now - timedelta(days=days))
        self._look()

    @rule(changes=st.lists(CHANGE, min_size=1, max_size=4))
    def something_changes(self, changes):
        for how, who, other, days, item in changes:
            at = self.now - timedelta(days=days)
            named = {"who": f"c{who:02}", "other": f"c{other:02}"}
            self.tiny.warehouse(CHANGES[how].format(**named, days=days, item=item, at=f"{at:%F %T}"))
            self.touched |= {named["who"], named["other"]} if "{other}" in CHANGES[how] else {named["who"]}
            self.told["changes"] += 1

    @rule(hours=st.sampled_from([0, 5, 24, 24, 24, 48, 24 * 6]), parts=st.sampled_from([1, 3]))
    def time_passes(self, hours, parts):
        self.now += timedelta(hours=hours)
        self._look(parts)

    @rule()
    def a_run_ends_half_way(self):
        with clock(self.now):
            workspace = self.tiny.load()
            order = line.begin(workspace, Request(rolling=True))
            line.plan_part(workspace, order.run_id, 0)

    def _look(self, parts: int = 1) -> None:
        plan = same_as_full(self.tiny, self.now, parts)
        self.tiny.deliver(plan.order.run_id, at=self.now)
        assert plan.untold == {}
        found = plan.order.rolling
        self.told["runs"] += 1
        if found.because is None:
            self.told["rolling"] += 1
            self.told["touched"] += len(self.touched)
            self.told["looked"] += found.scope
            self.told["people"] += found.customers
        self.touched.clear()

    def teardown(self) -> None:
        self.folder.cleanup()


@pytest.mark.slow  # in `make test` the days of test_rolling.py stand for it
@pytest.mark.property
@pytest.mark.timeout(7200)
def test_a_rolling_run_decides_what_a_full_one_does_whatever_happens(record_property):
    Rolling.told = told = dict.fromkeys(["changes", "runs", "rolling", "touched", "looked", "people"], 0)
    checks = settings(
        max_examples=EXAMPLES,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    run_state_machine_as_test(Rolling, settings=checks)
    assert told["looked"] < told["people"]  # or nothing was proven
    record_property(
        "told",
        f"{told['changes']} changes, {told['touched']} people touched by them; {told['rolling']} of {told['runs']} runs rolled, "
        f"and looked at {told['looked']} of {told['people']} people",
    )
