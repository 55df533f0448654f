"""Random queries: what a shuffle shows to change a field is in the field's static lineage."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.lineage.queries import Analyst
from tests.lineage.shuffling import Worlds, values
from tests.lineage.trying import try_queries


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("worlds"), seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 150])
def test_nothing_that_a_field_really_depends_on_is_missing_from_its_lineage(worlds, first):
    try_queries(worlds, range(first, first + 150))


@pytest.mark.slow
def test_nothing_is_missing_from_the_lineage_of_queries_that_were_written_to_be_hard(worlds):
    queries = (Path(__file__).parent / "by_hand.sql").read_text("utf-8").splitlines()[1:]
    tried = [worlds.tried(query) for query in queries]
    missed = [f"{sorted(one.missed)} missed in\n{one.query}" for one in tried if one.missed]
    assert not missed, "\n\n".join(missed)
    assert len([one for one in tried if one.refused]) < len(queries) / 5


def test_the_same_seed_writes_the_same_query():
    assert Analyst(Random(7)).query() == Analyst(Random(7)).query()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("first_name", {"name"}),
        ("age_band::varchar", {"age"}),
        ("(address).street", {"home"}),
        ("CASE WHEN city = 'X' THEN traits END", {"home", "traits"}),
        ("(SELECT count(*) FROM orders o WHERE o.customer_id = people.customer_id)::varchar", {"last_order"}),
        ("(SELECT max(o.day) FROM orders o WHERE o.customer_id = people.customer_id)::varchar", {"last_order"}),
        ("(SELECT max(v.page) FROM visits v WHERE v.customer_id = people.customer_id)", {"pages"}),
        ("(SELECT min(tags)::varchar FROM visits v WHERE v.customer_id = people.customer_id)", {"pages"}),
        ("brand", set()),
    ],
)
def test_a_shuffle_shows_each_dimension_and_no_other(worlds, value, shown):
    query = f"SELECT customer_id, brand, {value} AS f FROM people"
    assert worlds.changing(query, values(worlds.own, query), worlds.others) == shown
