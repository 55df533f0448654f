"""A person's digest changes with whatever becomes of their rows, and with nothing that becomes of others'."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

from flows.catalogue import Catalogue
from flows.warehouse.news import named_tables, read_digests

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CATALOGUE = Catalogue.model_validate(
    {
        "tables": {
            "customers": {"person": "customer_id"},
            "orders": {"person": "customer_id", "happened_at": "ordered_at"},
            "lines": {"person": {"via": "order_id", "to": "orders"}},
            "returns": {"person": {"via": "line_id", "to": "lines"}, "happened_at": "opened_at"},
            "items": {"personal": False, "happened_at": "listed_at"},
            "popular": {"personal": False},
            "blocked": {"address": "address"},
        },
        "dimensions": {},
    }
)
PEOPLE = ("c1", "c2", "c3")
TABLES = """
CREATE TABLE customers (customer_id VARCHAR, r VARCHAR, age INTEGER);
INSERT INTO customers VALUES ('c1', 'Ann', 31), ('c2', 'Ben', NULL), ('c3', NULL, 33), (NULL, 'nobody', 1);
CREATE TABLE orders (order_id VARCHAR, customer_id VARCHAR, ordered_at TIMESTAMP);
INSERT INTO orders SELECT 'o' || n, 'c' || n, TIMESTAMP '2026-11-01' FROM range(1, 4) t (n);
CREATE TABLE lines (line_id VARCHAR, order_id VARCHAR, quantity INTEGER);
INSERT INTO lines SELECT 'l' || n, 'o' || n, 1 FROM range(1, 4) t (n);
CREATE TABLE returns (return_id VARCHAR, line_id VARCHAR, opened_at TIMESTAMP);
INSERT INTO returns SELECT 'r' || n, 'l' || n, TIMESTAMP '2026-11-05' FROM range(1, 4) t (n);
CREATE TABLE items (item_id VARCHAR, listed_at TIMESTAMP);
INSERT INTO items VALUES ('i1', TIMESTAMP '2026-01-01'), ('i2', NULL), ('i3', TIMESTAMP '2026-12-24');
"""


@pytest.fixture
def database(tmp_path):
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(TABLES)
    return tmp_path / "shop.duckdb"


def digests(database, until=NOW):
    popular = pl.DataFrame({"item_id": ["i1", "i2"], "people": [12, 11]})
    named = set(CATALOGUE.tables) - {"blocked"}
    return read_digests(database, CATALOGUE, named, until, {"popular": popular})


def change(database, statement):
    with duckdb.connect(str(database)) as connection:
        connection.execute(statement)


def test_everybody_with_a_row_has_a_digest_and_nobody_has_none(database):
    assert set(digests(database).people["customer_id"]) == set(PEOPLE)


HAPPENS = [
    ("UPDATE customers SET age = 32 WHERE customer_id = 'c1'", {"c1"}),
    ("UPDATE customers SET r = 'Ben' WHERE customer_id = 'c3'", {"c3"}),
    ("INSERT INTO customers VALUES ('c4', 'Dee', 9)", {"c4"}),
    ("DELETE FROM customers WHERE customer_id = 'c4'", {"c4"}),
    ("INSERT INTO customers FROM customers WHERE customer_id = 'c1'", {"c1"}),
    ("INSERT INTO customers FROM customers WHERE customer_id = 'c1'", {"c1"}),
    ("UPDATE orders SET ordered_at = TIMESTAMP '2026-10-01' WHERE order_id = 'o2'", {"c2"}),
    ("UPDATE lines SET quantity = 0 WHERE line_id = 'l3'", {"c3"}),
    ("UPDATE returns SET return_id = 'r9' WHERE line_id = 'l1'", {"c1"}),
    ("INSERT INTO returns VALUES ('r8', 'l2', TIMESTAMP '2025-01-01')", {"c2"}),
    ("DELETE FROM returns WHERE line_id = 'l2'", {"c2"}),
    ("INSERT INTO returns VALUES ('r7', 'l2', TIMESTAMP '2026-11-23')", set()),
    ("INSERT INTO orders VALUES ('o9', 'c1', TIMESTAMP '2026-11-23')", set()),
    ("INSERT INTO items VALUES ('i4', NULL)", set()),
    ("CREATE TABLE t AS FROM customers; DELETE FROM customers; INSERT INTO customers FROM t ORDER BY age DESC", set()),
    ("UPDATE lines SET order_id = 'o2' WHERE line_id = 'l3'", {"c2", "c3"}),
    ("UPDATE orders SET customer_id = 'c3' WHERE order_id = 'o1'", {"c1", "c3"}),
]
"""One after the other -> the people whose rows it changes."""


def test_whatever_becomes_of_a_row_changes_the_digests_of_whose_it_is_and_was(database):
    before = dict(digests(database).people.iter_rows())
    for statement, people in HAPPENS:
        change(database, statement)
        after = dict(digests(database).people.iter_rows())
        changed = {person for person in before.keys() | after.keys() if before.get(person) != after.get(person)}
        assert changed == people, statement
        before = after


def test_a_row_counts_from_when_it_happens_on(database):
    change(database, "INSERT INTO returns VALUES ('r8', 'l2', TIMESTAMP '2026-11-23')")
    before, after = (
        dict(digests(database, until).people.iter_rows()) for until in (NOW, datetime(2026, 11, 23, tzinfo=UTC))
    )
    assert {person for person in before if before[person] != after[person]} == {"c2"}


def test_tables_about_nobody_have_a_digest_of_what_can_be_seen_of_them(database):
    before = digests(database).tables
    change(database, "INSERT INTO items VALUES ('i4', TIMESTAMP '2026-12-01')")
    unseen = digests(database).tables
    change(database, "UPDATE items SET item_id = 'i5' WHERE item_id = 'i2'")
    after = digests(database).tables
    assert before.keys() == {"items", "popular"}
    assert unseen == before
    assert {name for name in before if before[name] != after[name]} == {"items"}


def test_a_query_names_tables_also_by_a_macro_and_in_whatever_letters(database):
    change(database, "CREATE MACRO pieces(o) AS (SELECT sum(quantity) FROM lines l WHERE l.order_id = o)")
    assert named_tables("SELECT customer_id, pieces(order_id) FROM Orders", CATALOGUE, database) == {"orders", "lines"}


def test_a_row_is_followed_through_a_table_that_calls_its_key_otherwise(database):
    change(database, "ALTER TABLE orders RENAME COLUMN order_id TO id")
    tables = CATALOGUE.model_dump(exclude_none=True)["tables"]
    tables["lines"]["person"] = {"via": "order_id", "to": "orders", "key": "id"}
    catalogue = Catalogue.model_validate({"tables": tables, "dimensions": {}})
    found = []
    for statement in ("SELECT 1", "UPDATE lines SET quantity = 9 WHERE line_id = 'l3'"):
        change(database, statement)
        found.append(set(read_digests(database, catalogue, {"lines", "returns"}, NOW, {}).people.rows()))
    assert {row[0] for row in found[0]} == set(PEOPLE)
    assert {row[0] for row in found[0] ^ found[1]} == {"c3"}
