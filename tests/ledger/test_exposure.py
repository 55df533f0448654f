"""The history knows the last day on which a brand showed a dimension to somebody, for ninety days."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import polars as pl
import pytest

from flows.ledger.exposure import LATELY, exposures, forget_superseded, shown_lately
from flows.ledger.store import SCHEMA_VERSION, open_ledger
from flows.setting_tables import Exposure
from tests.ledger.claiming import TODAY, claimed

SMALL = Exposure(in_30_days=0, in_90_days=0)


def shown(ledger, days_ago: int, *facts: str, person: str = "ann", brand: str = "north", published: bool = True) -> str:
    """A batch of one message that showed this some days ago; it gives away `last_order` by coming at all."""
    batch = claimed(ledger, {"message_id": f"{person}{days_ago}{facts}"}, as_of=TODAY - timedelta(days=days_ago))
    rows = pl.DataFrame(
        {"person_key": [person], "brand": [brand], "product": ["care"], "facts": [list(facts)]},
        schema_overrides={"facts": pl.List(pl.String)},
    )
    with ledger.transaction():
        ledger.append("exposure", exposures(rows, {"care": ["last_order"]}, batch))
    if published:
        with ledger.transaction():
            forget_superseded(ledger, batch.batch_id)
    return batch.batch_id


def kept(ledger) -> list[tuple]:
    return sorted(
        (person, brand, dimension, (TODAY - on).days)
        for person, brand, dimension, on in ledger.rows(
            "SELECT person_key, brand, dimension, shown_on FROM exposure"
        ).rows()
    )


def lately(ledger, budget: Exposure = SMALL) -> list[tuple]:
    found = shown_lately(ledger, TODAY, budget)
    assert found.schema == LATELY
    return sorted(found.rows())


@pytest.fixture
def ledger(settings):
    with open_ledger(settings) as ledger:
        yield ledger


def test_facts_and_what_the_product_gives_away_are_shown_once_each(ledger):
    shown(ledger, 3, "last_order", "name")
    shown(ledger, 3, person="ben")
    assert kept(ledger) == [
        ("ann", "north", "last_order", 3),
        ("ann", "north", "name", 3),
        ("ben", "north", "last_order", 3),
    ]


def test_only_the_last_day_of_each_dimension_is_kept_and_no_more_than_ninety(ledger):
    shown(ledger, 95, "age")
    shown(ledger, 80, "name", "city")
    shown(ledger, 20, "name")
    once = [("ann", "north", "city", 80), ("ann", "north", "last_order", 20), ("ann", "north", "name", 20)]
    assert kept(ledger) == [("ann", "north", "age", 95), *once]  # 75 days before the batch
    shown(ledger, 0, person="ben", brand="south")
    assert kept(ledger) == [*once, ("ben", "south", "last_order", 0)]
    shown(ledger, -10, person="ben", brand="south")  # ten days on
    assert kept(ledger) == [*once[1:], ("ben", "south", "last_order", -10)]


def test_a_batch_that_is_not_published_yet_counts_and_takes_nothing_away(ledger):
    shown(ledger, 40, "name")
    shown(ledger, 0, "name", published=False)
    assert kept(ledger) == [
        ("ann", "north", "last_order", 0),
        ("ann", "north", "last_order", 40),
        ("ann", "north", "name", 0),
        ("ann", "north", "name", 40),
    ]
    assert lately(ledger) == [("ann", "north", ["last_order", "name"], ["last_order", "name"])]


def test_the_windows_are_of_30_and_90_days_with_today_in_them(ledger):
    for days, dimension in ((0, "a"), (29, "b"), (30, "c"), (89, "d"), (90, "e")):
        shown(ledger, days, dimension, published=False)
    assert lately(ledger) == [("ann", "north", ["a", "b", "last_order"], ["a", "b", "c", "d", "last_order"])]


def test_days_in_the_future_count(ledger):
    shown(ledger, -5, "name")
    assert lately(ledger) == [("ann", "north", ["last_order", "name"], ["last_order", "name"])]


def test_people_for_whom_three_more_are_not_too_many_are_left_out(ledger):
    shown(ledger, 0, "a", "b")  # three with last_order, which comes of getting it at all
    shown(ledger, 0, "a", "b", "c", person="ben")
    shown(ledger, 40, "a", "b", "c", "d", "e", "f", person="cid")
    budgets = {(7, 10): [], (7, 9): ["cid"], (6, 10): ["ben"], (5, 9): ["ann", "ben", "cid"]}
    for (short, long), people in budgets.items():
        assert [row[0] for row in lately(ledger, Exposure(in_30_days=short, in_90_days=long))] == people


def test_each_brand_has_its_own(ledger):
    shown(ledger, 0, "name")
    shown(ledger, 0, "age", brand="south")
    assert lately(ledger) == [
        ("ann", "north", ["last_order", "name"], ["last_order", "name"]),
        ("ann", "south", ["age", "last_order"], ["age", "last_order"]),
    ]


def test_a_ledger_of_an_earlier_version_gets_the_table(settings):
    with open_ledger(settings):
        pass
    with duckdb.connect(str(settings.ledger)) as connection:
        connection.execute("DROP TABLE exposure; UPDATE schema_version SET number = 1")
    with open_ledger(settings, read_only=True) as ledger:
        assert ledger.rows("SELECT * FROM claim").is_empty()
    for _ in range(2):
        with open_ledger(settings) as ledger:
            assert ledger.rows("SELECT * FROM exposure").is_empty()
            assert ledger.rows("SELECT number FROM schema_version").rows() == [(1,), (SCHEMA_VERSION,)]
