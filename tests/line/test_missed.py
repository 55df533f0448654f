"""What is not known of people, and what of it costs the most: a plan that tells most people nothing of themselves says so."""

from __future__ import annotations

from flows.counts import Missed
from flows.pages.sentences import without_facts
from tests.tiny import make


def test_a_plan_in_which_most_people_have_no_facts_says_what_costs_the_most(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.edit(
        "sql/segments/owners.sql",
        "n.item, p.first_name",
        "nullif(n.item, n.item) AS item, nullif(p.first_name, 'Ann') AS first_name",
    )
    tiny.warehouse("UPDATE people SET first_name = CASE WHEN customer_id = 'c01' THEN 'Bo' ELSE 'Ann' END")
    plan = tiny.plan(parts=3)
    care = [row for row in plan.missed if row.product == "care"]
    assert [(row.dimension, row.why) for row in care] == [("last_order", "absent"), ("name", "absent")]
    assert {row.people for row in care} == {care[0].bare}
    assert care[0].decided - care[0].bare == 1  # c01 has a name
    assert "late" not in {row.product for row in plan.missed}


def test_where_most_people_have_some_fact_nothing_is_said(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    assert tiny.plan().missed == ()


def test_what_costs_the_most_is_said_in_a_sentence_with_what_to_do():
    row = {"product": "care", "decided": 1200, "bare": 1000}
    rows = (
        Missed(**row, dimension="last_order", why="stale", people=900),
        Missed(**row, dimension="name", why="absent", people=300),
        Missed(product="tips", decided=3, bare=2, dimension="name", why="not permitted", people=2),
    )
    care, tips = without_facts(rows)
    assert care == (
        "care uses nothing that is known of 1,000 of 1,200 people. What costs the most: last_order is stale for 900; load it "
        "more often, or look at its fresh_for in sql/dimensions.yaml."
    )
    assert tips.endswith("name is not permitted for 2; it needs a consent that they have not given, or a lawful basis.")
