"""Shuffling alone finds what a field depends on and does not declare: no test here lets anything read the SQL."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from flows.errors import CatalogueError, DataError, StatementError
from flows.line import prove
from flows.workspace import load_workspace
from tests.house.tree import ROOT, modules
from tests.line.shuffled_ways import WAYS, statement
from tests.tiny import MORNING, Tiny, clock, crowd, make

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.line.proof import Proof

DIMENSIONS = """
tables:
  people:      {person: customer_id}
  needs:       {person: customer_id, happened_at: since_at}
  late_orders: {person: customer_id, may_be_empty: true}
  consents:    {person: customer_id, happened_at: happened_at, may_be_empty: true}
  barred:      {person: customer_id, may_be_empty: true}
  suppressed:  {address: address, happened_at: happened_at, may_be_empty: true}
  loyalty:     {person: customer_id}
  visits:      {person: customer_id, happened_at: seen_at}
  best:        {person: customer_id}
  wanted:      {person: customer_id}
  parcels:     {person: customer_id}
  parcel_lines: {person: {via: parcel_id, to: parcels}}
  items:       {personal: false}
dimensions:
  last_order: {my: my last order, columns: [needs.*, late_orders.*], known: observed}
  name:       {my: my name, columns: [people.first_name], known: declared}
  age:        {my: my age, columns: [people.birth_on], known: declared}
  membership: {my: my points, columns: [loyalty.*], known: observed}
  visits:     {my: what I look at, columns: [visits.*], known: observed}
  parcels:    {my: how I am sent things, columns: [parcels.*], known: observed}
  contents:   {my: what I was sent, columns: [parcel_lines.*], known: observed}
"""

TABLES = """
ALTER TABLE people ADD COLUMN birth_on DATE;
UPDATE people SET birth_on = DATE '1950-01-01' + (hash(customer_id, 1) % 20000)::int;
UPDATE needs SET since_at = since_at - to_hours((hash(customer_id, 2) % 1000)::int), interest = 3 + hash(customer_id, 3) % 2;
CREATE TABLE items AS SELECT * FROM (VALUES (0, 'tent'), (1, 'rope'), (2, 'stove')) AS i (place, name);
CREATE TABLE loyalty AS SELECT
    customer_id, brand, (hash(customer_id, 4) % 1000)::int AS points,
    CASE WHEN customer_id = 'p00007' THEN 'platinum' WHEN hash(customer_id, 5) % 2 = 0 THEN 'gold' ELSE 'blue' END AS tier,
    json_object('city', 'town ' || hash(customer_id, 6) % 9) AS extras
FROM people;
CREATE TABLE visits AS SELECT
    customer_id, brand, ['care', 'tent', 'rope', 'stove'][1 + (hash(customer_id, v, 7) % 4)::int] AS page,
    TIMESTAMP '2026-11-01' + to_minutes((hash(customer_id, v, 8) % 20000)::int) AS seen_at
FROM people, range(4) AS r (v) WHERE hash(customer_id, v) % 3 = 0;
CREATE TABLE parcels AS
SELECT customer_id, brand, 'P' || customer_id AS parcel_id, 'road ' || hash(customer_id, 9) % 5 AS sent_by FROM people;
CREATE TABLE parcel_lines AS
SELECT parcel_id, v AS line, 'thing ' || hash(parcel_id, v) % 9 AS thing FROM parcels, range(2) AS r (v);
CREATE VIEW best AS SELECT customer_id, brand, tier FROM loyalty WHERE points > 200;
CREATE VIEW wanted AS SELECT customer_id, brand, item FROM needs WHERE interest > 1;
CREATE MACRO many(x) AS CASE WHEN x > 3.5 AND x < 500 THEN 'many' ELSE 'few' END;
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Tiny:
    """Two hundred people of whom more is known than their segment declares."""
    tiny = make(tmp_path_factory.mktemp("shop") / "w", people=crowd(200), late=(), brands=["north"])
    tiny.warehouse(TABLES)
    (tiny.folder / "sql/dimensions.yaml").write_text(DIMENSIONS, "utf-8")
    return tiny


def proof(shop: Tiny, sql: str, **fields: str | list[str] | None) -> Proof:
    """The proof of one segment of that SQL, whose fields declare these dimensions; nothing else looks at it."""
    declared = {"item": "last_order", "first_name": "name", **fields}
    lines = [f"  {name}: {{dimension: {dimension or 'null'}}}" for name, dimension in declared.items()]
    (shop.folder / "sql/segments/owners.yaml").write_text("\n".join(["fields:", *lines]), "utf-8")
    workspace = shop.load()
    queries, segments = replace(workspace.queries, segments={"owners": sql}), {"owners": workspace.segments["owners"]}
    with clock(MORNING):
        return prove(replace(workspace, queries=queries, segments=segments))


def verdicts(found: Proof, field: str) -> dict[str, str]:
    return {finding.dimension: finding.verdict for finding in found.findings if finding.field == field}


FEW = ("union_arm", "existence_of_a_row", "window_rank", "view")
HONEST = (
    "SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest{1} "
    "FROM needs AS n JOIN people AS p USING (customer_id, brand){0}"
)
LOYAL = " LEFT JOIN loyalty AS l USING (customer_id, brand)"


@pytest.fixture(scope="module")
def ways(shop) -> Callable[[str], Proof]:
    """The proof of a few ways and their twins together, or of many: the query for all of them takes a second to be planned."""

    @cache
    def made(names: tuple[str, ...]) -> Proof:
        return proof(
            shop, statement(names), **dict.fromkeys([*names, *(f"{name}_twin" for name in names)], "last_order")
        )

    many = [name for name in WAYS if name not in FEW]
    groups = [FEW, *(tuple(many[start : start + 8]) for start in range(0, len(many), 8))]
    return lambda way: made(next(group for group in groups if way in group))


def look_at(found: Proof, way: str) -> None:
    dimension = WAYS[way][0]
    assert {each for each, verdict in verdicts(found, way).items() if verdict == "depends"} == {dimension}
    error = next(e for e in found.complaints if f"field '{way}' depends on '{dimension}'" in e.what)
    assert type(error) is CatalogueError
    assert error.hint == f"declare it, as in dimension: [..., {dimension}], or take it out of sql/segments/owners.sql"
    assert "depends" not in verdicts(found, f"{way}_twin").values()


@pytest.mark.parametrize("way", FEW)
def test_what_a_field_gives_away_is_found_and_its_honest_twin_let_through(ways, way):
    look_at(ways(way), way)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", [name for name in WAYS if name not in FEW])
def test_it_is_found_in_whatever_way_it_is_written(ways, way):
    look_at(ways(way), way)


def test_a_date_by_which_a_fact_is_held_to_be_fresh_may_not_depend_on_others(shop):
    fresh = ", CASE WHEN l.points > 500 THEN n.since_at END AS name_as_of, n.since_at AS last_order_as_of"
    sql = HONEST.format(LOYAL, fresh)
    found = proof(shop, sql)
    assert verdicts(found, "name_as_of")["membership"] == "depends"
    assert "depends" not in verdicts(found, "first_name").values()
    assert set(verdicts(found, "last_order_as_of").values()) <= {"independent", "not read"}


@pytest.mark.slow
def test_what_is_targeted_chooses_people_and_not_what_they_are_shown(shop):
    sql = (
        HONEST.format("", "")
        + LOYAL
        + " WHERE l.points > 500 AND EXISTS (SELECT 1 FROM visits v WHERE v.customer_id = n.customer_id)"
    )
    found = proof(shop, sql)
    assert found.complaints == ()
    assert {verdicts(found, "item")[dimension] for dimension in ("membership", "visits")} == {"independent"}


def test_a_field_that_changes_by_itself_is_told_as_that(shop):
    found = proof(
        shop, HONEST.format("", ", random() AS draw, n.item || n.interest AS both"), draw=None, both="last_order"
    )
    assert [(type(e), e.what.split(":")[0]) for e in found.complaints] == [
        (StatementError, "field 'draw' changes by itself")
    ]
    assert not [each for each in found.findings if each.field == "draw"]


@pytest.mark.slow
def test_a_tie_that_nothing_breaks_is_told_as_that(shop):
    tied = ", (SELECT v.page FROM (SELECT *, row_number() OVER (PARTITION BY customer_id) AS r FROM visits) AS v {}) AS page"
    sql = HONEST.format("", tied.format("WHERE v.customer_id = n.customer_id AND v.r = 1"))
    found = proof(shop, sql, page="visits")
    assert [each.field for each in found.unsteady] == ["page"]


@pytest.mark.slow
def test_what_nobody_does_yet_is_found_in_a_world_where_they_do(shop, tmp_path):
    """Nobody has two pages, so which is taken never shows; and yet it depends on the points."""
    other = shop.copy(tmp_path / "w")
    one = "SELECT customer_id, brand, min(page) AS page, any_value(seen_at) AS seen_at FROM visits GROUP BY ALL"
    other.warehouse(f"CREATE OR REPLACE TABLE visits AS {one} UNION ALL (FROM ({one}) ORDER BY ALL LIMIT 1)")
    chosen = "row_number() OVER (PARTITION BY v.customer_id, v.brand ORDER BY md5(v.page || l.points // 300), v.page)"
    ranked = (
        f"SELECT v.customer_id, v.page, {chosen} AS r FROM visits AS v JOIN loyalty AS l USING (customer_id, brand)"
    )
    joined = f" JOIN ({ranked}) AS v ON v.customer_id = n.customer_id AND v.r = 1"
    found = proof(other, HONEST.format(joined, ", v.page"), page="visits")
    assert verdicts(found, "page")["membership"] == "depends"


@pytest.mark.slow
def test_the_way_to_a_person_is_no_fact_of_its_own(shop):
    """A line is known by its parcel: whose the parcel is stays as it is for fields that show what was in it."""
    sql = HONEST.format(
        " LEFT JOIN (SELECT o.customer_id, min(c.thing) AS thing, min(o.sent_by) AS sent_by FROM parcels AS o "
        "JOIN parcel_lines AS c USING (parcel_id) GROUP BY ALL) AS t USING (customer_id)",
        ", t.thing, t.sent_by",
    )
    found = proof(shop, sql, thing="contents", sent_by="contents")
    assert verdicts(found, "thing")["parcels"] == "independent"
    assert verdicts(found, "sent_by")["parcels"] == "depends"


@pytest.mark.slow
def test_a_view_that_somebody_declared_is_a_record_of_its_own(shop, tmp_path):
    declared = shop.copy(tmp_path / "w")
    border = "best: {person: customer_id, dimension: visits, reviewed_by: Ann, on: 2026-11-01}"
    declared.edit("sql/dimensions.yaml", "best:        {person: customer_id}", border)
    sql = HONEST.format("", f", {WAYS['view'][1]} AS tier")
    assert verdicts(proof(declared, sql, tier="last_order"), "tier") == {
        "name": "independent", "age": "independent", "membership": "not read", "visits": "depends", "parcels": "not read",
        "contents": "not read",
    }  # fmt: skip


def test_of_few_people_nothing_is_proven(tmp_path):
    tiny = make(tmp_path / "w", people=crowd(20), late=(), brands=["north"])
    found = proof(tiny, HONEST.format("", ""))
    assert {each.verdict for each in found.findings} == {"not proven"}
    error = next(error for error in found.complaints if "'item'" in error.what)
    assert type(error) is DataError
    assert error.where == "sql/segments/owners.yaml:2"
    assert error.what == (
        "not proven that field 'item' is independent of 'name': 19 values changed (at least 50), "
        "20 rows were compared (at least 30)"
    )


@pytest.mark.slow
def test_of_enough_people_it_is_proven(tmp_path):
    tiny = make(tmp_path / "w", people=crowd(120), late=(), brands=["north"])
    found = proof(tiny, HONEST.format("", ""))
    assert {(each.field, each.dimension, each.verdict) for each in found.findings} == {
        ("item", "name", "independent"),
        ("first_name", "last_order", "independent"),
    }


@pytest.mark.slow
def test_it_comes_to_the_same_each_time(shop):
    sql = HONEST.format(LOYAL, ", l.tier")
    assert proof(shop, sql, tier="last_order") == proof(shop, sql, tier="last_order")


def test_the_copy_leaves_nothing_on_the_disk(shop):
    before = sorted(shop.folder.rglob("*"))
    proof(shop, HONEST.format("", ""))
    assert set(shop.folder.rglob("*")) - set(before) <= {shop.state / "scratch"}


def test_it_shares_no_code_with_what_reads_the_sql():
    """Two proofs that fail together would be one."""
    names = ("flows.line.proving", "flows.line.proof", "flows.warehouse.copies", "flows.warehouse.shuffling")
    tree = {module.name: module.imports for module in modules(ROOT)}
    assert not [name for each in names for name in tree[each] if name.startswith(("flows.lineage", "sqlglot"))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_sample_shows_is_proven(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_STATE", str(tmp_path))
    found = prove(load_workspace(ROOT))
    assert found.complaints == ()
    assert {each.verdict for each in found.findings} == {"independent", "not read"}
    assert len({each.segment for each in found.findings}) == 6
