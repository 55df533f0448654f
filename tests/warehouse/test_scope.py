import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import Catalogue
from flows.errors import DataError, JustEnoughError, SourceError, StatementError
from flows.warehouse.scope import Scope, count_rows, last_loads, open_scoped

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CATALOGUE = Catalogue.model_validate(
    {
        "tables": {
            "customers": {"person": "customer_id"},
            "orders": {"person": "customer_id", "happened_at": "ordered_at"},
            "order_lines": {"person": {"via": "order_id", "to": "orders"}},
            "returns": {"person": {"via": "line_id", "to": "order_lines"}, "happened_at": "opened_at"},
            "items": {"personal": False},
            "suppressions": {"address": "address", "happened_at": "happened_at"},
        },
        "dimensions": {},
    }
)
PEOPLE = [f"c{n:02}" for n in range(20)]
TABLES = """
CREATE TABLE customers AS SELECT format('c{:02d}', n) AS customer_id, '30' AS age FROM range(20) r(n);
CREATE TABLE orders AS SELECT format('o{:02d}', n) AS order_id, format('c{:02d}', n) AS customer_id,
    TIMESTAMP '2026-11-20' AS ordered_at FROM range(20) r(n);
CREATE TABLE order_lines AS SELECT format('l{:02d}', n) AS line_id, format('o{:02d}', n) AS order_id,
    '5' AS quantity FROM range(20) r(n);
CREATE TABLE returns AS SELECT format('r{:02d}', n) AS return_id, format('l{:02d}', n) AS line_id,
    TIMESTAMP '2026-11-21' AS opened_at FROM range(20) r(n);
CREATE TABLE items AS SELECT 'i1' AS item_id, 'tent' AS name;
CREATE TABLE suppressions AS SELECT 'email' AS channel, 'a@example.com' AS address, TIMESTAMP '2026-01-01' AS happened_at;
CREATE TABLE secret AS SELECT 'not in the catalogue' AS text;
"""


@pytest.fixture
def database(tmp_path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    return path


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def seen(path: Path, text: str, scope: Scope | None = None, until: datetime = NOW, **given) -> list[tuple]:
    with open_scoped(path, CATALOGUE, scope or Scope(), until, memory="1 GiB", **given) as session:
        return sorted(session.query(text).rows(), key=repr)


def part_of(path: Path, customer: str, parts: int = 2) -> Scope:
    """The part of the customers in which one is."""
    scopes = [Scope(part, parts) for part in range(parts)]
    return next(s for s in scopes if (customer,) in seen(path, "SELECT customer_id FROM customers", s))


# Who is in it.


def test_everybody_is_in_the_whole_scope(database):
    assert seen(database, "SELECT customer_id FROM customers") == [(customer,) for customer in PEOPLE]


@pytest.mark.parametrize("parts", [2, 3, 7])
@pytest.mark.parametrize("table", ["customers", "orders", "order_lines", "returns"])
def test_the_parts_of_each_table_together_are_the_table_and_share_no_row(database, table, parts):
    pieces = [seen(database, f"FROM {table}", Scope(part, parts)) for part in range(parts)]
    assert sorted((row for piece in pieces for row in piece), key=repr) == seen(database, f"FROM {table}")
    assert sum(bool(piece) for piece in pieces) > 1


def test_rows_that_lead_to_a_person_by_way_of_others_are_in_that_persons_part(database):
    way = "SELECT r.return_id, o.customer_id FROM returns r JOIN order_lines l USING (line_id) JOIN orders o USING (order_id)"
    for part in range(3):
        scope = Scope(part, 3)
        people = {customer for (customer,) in seen(database, "SELECT customer_id FROM customers", scope)}
        assert {customer for _, customer in seen(database, way, scope)} == people
        assert {f"r{c[1:]}" for c in people} == {r for (r,) in seen(database, "SELECT return_id FROM returns", scope)}


def test_a_row_of_nobody_is_in_just_one_part_and_one_that_leads_nowhere_in_none(database):
    change(
        database,
        "INSERT INTO customers VALUES (NULL, '1')",
        "INSERT INTO order_lines VALUES ('l99', 'o99', '1'), ('l98', NULL, '1')",
    )
    rows = [seen(database, "FROM customers WHERE customer_id IS NULL", Scope(part, 3)) for part in range(3)]
    assert sorted(map(len, rows)) == [0, 0, 1]
    assert seen(database, "FROM order_lines WHERE line_id IN ('l98', 'l99')") == []


def test_what_says_nothing_about_people_is_in_every_part(database):
    assert seen(database, "SELECT name FROM items", Scope(1, 5)) == [("tent",)]


def test_only_what_the_catalogue_names_is_there(database):
    with pytest.raises(StatementError):
        seen(database, "FROM secret")


def test_lists_of_addresses_are_seen_apart_from_people(database):
    assert seen(database, "SELECT address FROM suppressions", lists=True) == [("a@example.com",)]
    with pytest.raises(StatementError):
        seen(database, "FROM suppressions")
    with pytest.raises(StatementError):
        seen(database, "FROM customers", lists=True)


# When.


def test_what_happens_later_is_hidden_and_what_leads_through_it_too(database):
    change(database, "UPDATE orders SET ordered_at = TIMESTAMP '2026-11-22 09:00:01' WHERE order_id = 'o03'")
    assert len(seen(database, "FROM orders")) == 19
    assert ("o03",) not in seen(database, "SELECT order_id FROM order_lines")
    assert ("r03",) not in seen(database, "SELECT return_id FROM returns")
    later = datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
    assert len(seen(database, "FROM returns", until=later)) == 20


def test_what_has_no_time_is_seen(database):
    change(database, "UPDATE orders SET ordered_at = NULL")
    assert len(seen(database, "FROM orders")) == 20


def test_the_instant_itself_is_seen_to_the_microsecond(database):
    change(database, "UPDATE orders SET ordered_at = TIMESTAMP '2026-11-22 09:00:00.000001'")
    assert seen(database, "FROM orders") == []
    assert len(seen(database, "FROM orders", until=NOW.replace(microsecond=1))) == 20


def test_a_suppression_of_tomorrow_is_not_in_force(database):
    change(database, "UPDATE suppressions SET happened_at = TIMESTAMP '2026-11-23'")
    assert seen(database, "FROM suppressions", lists=True) == []


# What is outside can neither be seen nor break a run.

BREAKING = [
    "SELECT customer_id FROM customers WHERE age::INTEGER > 20",
    "SELECT customer_id, age::INTEGER FROM customers",
    "SELECT c.customer_id FROM customers c JOIN orders o USING (customer_id) WHERE c.age::INTEGER > 20",
    "SELECT customer_id, max(age::INTEGER) FROM customers GROUP BY customer_id",
    "SELECT o.customer_id FROM orders o WHERE o.customer_id IN (SELECT customer_id FROM customers WHERE age::INTEGER = 30)",
    "WITH adults AS (SELECT * FROM customers WHERE age::INTEGER > 18) SELECT customer_id FROM adults WHERE age <> '99'",
]


@pytest.mark.parametrize("text", BREAKING)
def test_a_row_that_breaks_a_query_breaks_it_in_its_own_part_only(database, text):
    change(database, "UPDATE customers SET age = 'thirty' WHERE customer_id = 'c07'")
    broken = part_of(database, "c07")
    whole = Scope(1 - broken.part, 2)
    assert seen(database, text, whole)
    with pytest.raises(DataError) as caught:
        seen(database, text, broken)
    assert "thirty" not in str(caught.value)


# Each of these was seen to fail in the other part, too, without the barrier.
BREAKING_BY_ORDER = [
    "SELECT line_id FROM order_lines WHERE quantity::INTEGER > 2",
    "SELECT l.line_id FROM order_lines l JOIN orders o USING (order_id) WHERE l.quantity::INTEGER > 2",
]


@pytest.mark.parametrize("text", BREAKING_BY_ORDER)
def test_a_line_of_an_order_that_breaks_a_query_breaks_it_in_its_owners_part_only(database, text):
    change(
        database,  # with a few rows only DuckDB looks at the scope first, whatever the plan says
        "INSERT INTO customers SELECT format('m{:04d}', n), '30' FROM range(2000) r(n)",
        "INSERT INTO orders SELECT format('p{:04d}', n), format('m{:04d}', n), TIMESTAMP '2026-11-20' FROM range(2000) r(n)",
        "INSERT INTO order_lines SELECT format('k{:04d}', n), format('p{:04d}', n), '5' FROM range(2000) r(n)",
        "UPDATE order_lines SET quantity = 'two' WHERE order_id = 'p0777'",
    )
    broken = part_of(database, "m0777")
    assert seen(database, text, Scope(1 - broken.part, 2))
    with pytest.raises(DataError) as caught:
        seen(database, text, broken)
    assert "two" not in str(caught.value)


# Of everybody mostly nothing is hidden, and the views are the tables themselves: the barrier costs half as much as a query.


def is_table(path: Path, name: str, scope: Scope | None = None, **given) -> bool:
    """Whether a query reads a table without a barrier."""
    with open_scoped(path, CATALOGUE, scope or Scope(), NOW, memory="1 GiB", **given) as session:
        [[_, plan]] = session.execute(f"EXPLAIN FROM {name}")
    return "CTE" not in plan


def test_a_view_that_hides_nothing_is_the_table(database):
    assert all(is_table(database, name) for name in ("customers", "orders", "order_lines", "returns"))


def test_a_view_of_a_part_or_of_some_is_never_the_table(database):
    change(database, "DELETE FROM customers WHERE customer_id <> 'c07'")
    assert not is_table(database, "customers", part_of(database, "c07"))
    assert not is_table(database, "customers", Scope(customers=("c07",)))


def test_a_row_of_tomorrow_is_hidden_as_soon_as_it_is_there_and_breaks_nothing(database):
    text = "SELECT count(*) FROM orders WHERE customer_id[2:]::INTEGER >= 0"
    assert seen(database, text) == [(20,)]
    change(database, "INSERT INTO orders VALUES ('o20', 'nobody', TIMESTAMP '2999-01-01')")
    assert seen(database, text) == [(20,)]
    assert not is_table(database, "orders")
    assert is_table(database, "customers")


def test_a_line_of_no_order_is_hidden_as_soon_as_it_is_there(database):
    assert seen(database, "SELECT count(*) FROM order_lines") == [(20,)]
    change(database, "INSERT INTO order_lines VALUES ('l20', 'o99', '1')")
    assert seen(database, "SELECT count(*) FROM order_lines") == [(20,)]
    assert not is_table(database, "order_lines")


def test_where_no_row_is_read_none_is_looked_for(database):
    assert not is_table(database, "orders", looking=True)


# The connection.


def test_nothing_outside_the_views_can_be_reached_or_changed(database, tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n", "utf-8")
    for text in [
        f"SELECT * FROM read_csv('{tmp_path}/x.csv')",
        f"COPY (FROM customers) TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
        "SET memory_limit = '100 GiB'",
        "INSTALL httpfs",
        "DELETE FROM warehouse.customers",
        f"ATTACH '{tmp_path}/other.duckdb'",
    ]:
        with pytest.raises(JustEnoughError):
            seen(database, text)
    assert not (tmp_path / "out.csv").exists()
    assert len(seen(database, "FROM customers")) == 20


def test_tables_that_sql_shared_has_made_stand_beside_the_others(database):
    tables = {**{n: t.model_dump() for n, t in CATALOGUE.tables.items()}, "popular": {"personal": False}}
    widened = Catalogue.model_validate({"tables": tables, "dimensions": {}})
    rows = pl.DataFrame({"item_id": ["i1"], "place": [1]})
    with open_scoped(database, widened, Scope(), NOW, memory="1 GiB", shared={"popular": rows}) as session:
        assert_frame_equal(session.query("FROM popular"), rows)


def test_memory_that_is_no_size_is_refused(database):
    with pytest.raises(JustEnoughError) as caught, open_scoped(database, CATALOGUE, Scope(), NOW, memory="lots"):
        pass
    assert caught.value.where == "memory"


def test_a_table_that_the_database_lacks_is_named(database):
    change(database, "DROP TABLE returns")
    with pytest.raises(StatementError) as caught:
        seen(database, "SELECT 1")
    assert caught.value.what == "the table 'returns' is in the catalogue but not in the database"


def test_a_column_that_the_database_lacks_is_named_with_its_table(database):
    change(database, "ALTER TABLE orders RENAME ordered_at TO placed_at")
    with pytest.raises(StatementError) as caught:
        seen(database, "SELECT 1")
    assert caught.value.what == "the table 'orders' has no column 'ordered_at'"


def test_a_missing_database_is_no_empty_one(tmp_path):
    with pytest.raises(SourceError):
        seen(tmp_path / "none.duckdb", "SELECT 1")


def test_rows_are_counted_in_the_whole_of_each_table(database):
    change(database, "DELETE FROM items", "DROP TABLE returns")
    assert count_rows(database, CATALOGUE) == {
        "customers": 20,
        "items": 0,
        "order_lines": 20,
        "orders": 20,
        "suppressions": 1,
    }


SPILLS = "SELECT n, repeat(n::varchar, 20) AS text FROM range(1500000) r(n) ORDER BY hash(n)"


@contextmanager
def watched(folder: Path) -> Iterator[dict[str, int]]:
    """The modes of whatever is in a folder meanwhile."""
    found: dict[str, int] = {}
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.002):
            for path in folder.rglob("*"):
                with suppress(FileNotFoundError):
                    found[str(path)] = path.stat().st_mode & 0o777

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def test_what_does_not_fit_into_memory_goes_to_a_private_folder_and_nowhere_else(database, tmp_path, monkeypatch):
    called_from, scratch = tmp_path / "here", tmp_path / "scratch"
    called_from.mkdir()
    scratch.mkdir(mode=0o700)
    monkeypatch.chdir(called_from)
    with (
        watched(scratch) as modes,
        open_scoped(database, CATALOGUE, Scope(), NOW, memory="100MB", scratch=scratch) as session,
    ):
        assert session.query(SPILLS).height == 1_500_000
    assert modes
    assert set(modes.values()) <= {0o700, 0o600}
    assert list(scratch.iterdir()) == list(called_from.iterdir()) == []


def test_without_such_a_folder_a_query_that_is_too_large_is_refused(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    with open_scoped(database, CATALOGUE, Scope(), NOW, memory="60MB") as session, pytest.raises(SourceError):
        session.query(SPILLS)
    assert set(tmp_path.iterdir()) == before


def test_tables_and_columns_may_have_any_name(tmp_path):
    name, key = 'all "our" people', 'the "id"'
    path = tmp_path / "odd.duckdb"
    change(path, 'CREATE TABLE "all ""our"" people" AS SELECT unnest([\'c1\', \'c2\']) AS "the ""id"""')
    catalogue = Catalogue.model_validate({"tables": {name: {"person": key}}, "dimensions": {}})
    assert count_rows(path, catalogue) == {name: 2}
    with open_scoped(path, catalogue, Scope(customers=("c2",)), NOW, memory="1 GiB") as session:
        assert session.query('FROM "all ""our"" people"').rows() == [("c2",)]


def test_what_was_counted_is_counted_again_as_soon_as_somebody_has_written(database):
    before, loaded = count_rows(database, CATALOGUE), last_loads(database, CATALOGUE, ["orders"])
    change(
        database,
        "INSERT INTO orders BY NAME SELECT * REPLACE (ordered_at + INTERVAL 9 YEAR AS ordered_at) FROM orders LIMIT 1",
    )
    assert count_rows(database, CATALOGUE) == before | {"orders": before["orders"] + 1}
    assert last_loads(database, CATALOGUE, ["orders"])["orders"] > loaded["orders"]


def test_a_way_may_have_another_name_in_the_other_table(database):
    change(database, "ALTER TABLE orders RENAME COLUMN order_id TO id")
    tables = CATALOGUE.model_dump(exclude_none=True)["tables"]
    tables["order_lines"]["person"] = {"via": "order_id", "to": "orders", "key": "id"}
    catalogue = Catalogue.model_validate({"tables": tables, "dimensions": {}})
    scope = Scope(customers=("c03",))
    with open_scoped(database, catalogue, scope, NOW, memory="1 GiB") as session:
        assert session.query("SELECT order_id FROM order_lines").rows() == [("o03",)]
        assert session.query("SELECT line_id FROM returns").rows() == [("l03",)]
    tables["order_lines"]["person"]["key"] = "ids"
    wrong = Catalogue.model_validate({"tables": tables, "dimensions": {}})
    with pytest.raises(StatementError, match="the table 'orders' has no column 'ids'"):
        open_scoped(database, wrong, scope, NOW, memory="1 GiB")


@pytest.mark.parametrize("customers", [("c03", "c07"), ("nobody",)])
def test_what_is_held_of_the_tables_that_are_named_is_what_their_views_show(database, customers):
    change(database, "UPDATE orders SET ordered_at = '2026-11-23' WHERE customer_id = 'c07'")
    scope = Scope(customers=customers)
    shown = {table: seen(database, f"FROM {table}", scope) for table in CATALOGUE.tables if table != "suppressions"}
    for table in shown:
        held = {"scope": scope, "named": {"returns", table}}
        for each in {"returns", table}:
            assert seen(database, f"FROM {each}", **held) == shown[each]
            assert is_table(database, each, **held) == (each != "items")


def test_a_table_that_is_not_named_is_not_there(database):
    for scope in (Scope(), Scope(customers=("c03",))):
        with pytest.raises(StatementError, match="orders"):
            seen(database, "FROM orders", scope, named={"customers"})
