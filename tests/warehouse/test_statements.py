import duckdb
import pytest

from flows.catalogue import Catalogue
from flows.errors import StatementError
from flows.warehouse.statements import check_statement, read_statement

CATALOGUE = Catalogue.model_validate(
    {
        "tables": {
            "customers": {"person": "customer_id"},
            "orders": {"person": "customer_id"},
            "order_lines": {"person": {"via": "order_id", "to": "orders"}},
            "items": {"personal": False},
            "suppressions": {"address": "address"},
        },
        "dimensions": {},
    }
)


def check(text: str, *, is_shared: bool = False) -> None:
    check_statement(text, "sql/segments/s.sql", CATALOGUE, is_shared=is_shared)


def refused(text: str) -> StatementError:
    with pytest.raises(StatementError) as caught:
        check(text)
    assert caught.value.where.startswith("sql/segments/s.sql")
    return caught.value


HONEST = {
    "a plain select": "SELECT customer_id, brand FROM orders WHERE ordered_at <= $now AND ordered_at::date < $as_of",
    "from first": "FROM orders SELECT customer_id",
    "case does not matter": "SELECT Customer_ID FROM ORDERS",
    "a common table": "WITH t AS (SELECT customer_id FROM orders) SELECT * FROM t",
    "per person": "SELECT customer_id, max(ordered_at) FROM orders GROUP BY customer_id",
    "per order": "SELECT order_id, sum(quantity) FROM order_lines GROUP BY order_id",
    "by everything that is no aggregate": "SELECT customer_id AS who, count(*) FROM orders GROUP BY ALL",
    "by position": "SELECT brand, customer_id, count(*) FROM orders GROUP BY 1, 2",
    "by position, among others": "SELECT customer_id, count(*) FROM orders GROUP BY 1, brand HAVING count(*) > 2",
    "arg_max": "SELECT customer_id, arg_max(item_id, ordered_at) FROM orders GROUP BY customer_id",
    "qualify": "FROM orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) = 1",
    "a window in brackets": "SELECT max(x) OVER (PARTITION BY (o.customer_id), brand) FROM orders AS o",
    "a window with a name": "SELECT max(x) OVER w FROM orders WINDOW w AS (PARTITION BY customer_id)",
    "an aggregate in a window": "SELECT customer_id, sum(count(*)) OVER (PARTITION BY customer_id) "
    "FROM orders GROUP BY customer_id, brand",
    "union": "SELECT customer_id FROM orders UNION ALL SELECT customer_id FROM customers",
    "a subquery bound to its person": "SELECT customer_id, (SELECT max(o.ordered_at) FROM orders AS o "
    "WHERE o.brand = 'n' AND o.customer_id = c.customer_id) FROM customers AS c",
    "a subquery bound by one condition": "SELECT (SELECT count(*) FROM order_lines l "
    "WHERE l.order_id = o.order_id) FROM orders o",
    "the first row of a subquery bound to its person": "SELECT (SELECT l.item_id FROM order_lines l "
    "WHERE l.order_id = o.order_id ORDER BY l.x LIMIT 1) FROM orders o",
    "everybody, of what is no person's": "SELECT max(price_eur) FROM items",
    "limit, of what is no person's": "SELECT o.customer_id FROM orders o WHERE o.item_id IN (SELECT item_id FROM items LIMIT 3)",
    "distinct on a person": "SELECT DISTINCT ON (customer_id, brand) customer_id, brand FROM orders",
    "distinct": "SELECT DISTINCT customer_id, brand FROM orders",
    "filter": "SELECT customer_id, count(*) FILTER (WHERE x > 1) FROM orders GROUP BY customer_id",
    "unpivot": "SELECT * FROM (UNPIVOT orders ON a, b INTO NAME n VALUE v)",
    "nothing to read": "SELECT 'c1' AS customer_id, 'n' AS brand",
}


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST.keys())
def test_an_honest_query_is_accepted(text):
    check(text)


PEOPLE_TOGETHER = {
    "aggregate": "SELECT max(ordered_at) FROM orders",
    "aggregate in having": "SELECT brand FROM orders GROUP BY brand HAVING count(*) > 3",
    "aggregate by brand": "SELECT brand, count(*) FROM orders GROUP BY brand",
    "aggregate by all": "SELECT brand, count(*) FROM orders GROUP BY ALL",
    "aggregate by a position": "SELECT brand, customer_id, count(customer_id) FROM orders GROUP BY 1",
    "aggregate by a position that is not there": "SELECT brand, count(*) FROM orders GROUP BY 9",
    "an aggregate that only DuckDB knows": "SELECT histogram(x) FROM orders",
    "another of those": "SELECT brand, mean(x) FROM orders GROUP BY ALL",
    "by something of the customer": "SELECT hash(customer_id) % 10, avg(x) FROM orders GROUP BY hash(customer_id) % 10",
    "by the customer's first letter": "SELECT count(*) FROM orders GROUP BY left(customer_id, 1)",
    "window": "SELECT customer_id, rank() OVER (ORDER BY ordered_at) FROM orders",
    "window by brand": "SELECT customer_id, rank() OVER (PARTITION BY brand ORDER BY ordered_at) FROM orders",
    "window by something of the customer": "SELECT rank() OVER (PARTITION BY customer_id[1]) FROM orders",
    "window with a name": "SELECT max(x) OVER w FROM orders WINDOW w AS (PARTITION BY brand)",
    "in a common table": "WITH t AS (SELECT avg(x) AS x FROM orders) SELECT customer_id FROM orders, t",
    "of a common table": "WITH t AS (FROM orders) SELECT count(*) FROM t",
    "in a subquery": "SELECT customer_id FROM orders WHERE x > (SELECT avg(x) FROM orders)",
    "in one arm of a union": "SELECT customer_id FROM orders UNION SELECT max(customer_id) FROM orders",
    "through a join": "SELECT max(i.price_eur) FROM items i JOIN order_lines l USING (item_id)",
    "bound to nobody outside": "SELECT c.customer_id, (SELECT max(l.x) FROM order_lines l, orders o "
    "WHERE l.order_id = o.order_id) FROM customers c",
    "bound by one of two ways": "SELECT c.customer_id, (SELECT max(o.x) FROM orders o "
    "WHERE o.customer_id = c.customer_id OR o.brand = 'n') FROM customers c",
    "bound by the brand": "SELECT c.customer_id, (SELECT max(o.x) FROM orders o WHERE o.brand = c.brand) FROM customers c",
    "bound to a value": "SELECT c.customer_id, (SELECT max(o.x) FROM orders o WHERE o.customer_id = 'c1') FROM customers c",
    "limit": "SELECT customer_id FROM orders LIMIT 10",
    "offset": "SELECT customer_id FROM orders OFFSET 10",
    "fetch": "SELECT customer_id FROM orders FETCH FIRST 10 ROWS ONLY",
    "limit of a union": "SELECT customer_id FROM orders UNION SELECT customer_id FROM customers LIMIT 10",
    "limit in brackets": "SELECT * FROM ((SELECT customer_id FROM orders) LIMIT 10)",
    "limit of a subquery": "SELECT customer_id FROM orders WHERE order_id IN (SELECT order_id FROM order_lines LIMIT 1)",
    "limit bound by the brand": "SELECT (SELECT o.x FROM orders o WHERE o.brand = c.brand LIMIT 1) FROM customers c",
    "limit bound within": "SELECT (SELECT l.x FROM order_lines l, orders o "
    "WHERE l.order_id = o.order_id LIMIT 1) FROM customers c",
    "limit of a union that is bound": "SELECT (SELECT o.x FROM orders o WHERE o.customer_id = c.customer_id "
    "UNION ALL SELECT x FROM orders LIMIT 1) FROM customers c",
    "distinct on": "SELECT DISTINCT ON (brand) customer_id FROM orders",
    "rollup": "SELECT customer_id, count(*) FROM orders GROUP BY ROLLUP (customer_id)",
    "cube": "SELECT customer_id, count(*) FROM orders GROUP BY CUBE (customer_id)",
    "grouping sets": "SELECT count(*) FROM orders GROUP BY GROUPING SETS ((customer_id), ())",
    "sample": "SELECT customer_id FROM orders USING SAMPLE 10",
    "sample of a table": "SELECT customer_id FROM orders TABLESAMPLE 10%",
    "pivot": "SELECT * FROM (PIVOT orders ON brand USING sum(x))",
}


@pytest.mark.parametrize("text", PEOPLE_TOGETHER.values(), ids=PEOPLE_TOGETHER.keys())
def test_a_query_that_puts_several_peoples_rows_together_is_refused(text):
    refused(text)


@pytest.mark.oracle
def test_every_aggregate_that_duckdb_has_is_seen():
    rows = duckdb.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    ).fetchall()
    names = sorted(name for (name,) in rows)
    seen = []
    for name in names:
        for arguments in ("x", "x, y", "x, 0.5", "x, y, z", ""):
            try:
                check(f"SELECT {name}({arguments}) FROM orders")
            except StatementError as error:
                if "goes over several people" in error.what:
                    seen.append(name)
                    break
    assert len(names) > 50
    assert seen == names


def test_the_refusal_says_what_to_add():
    error = refused("SELECT max(ordered_at) FROM orders")
    assert error.what == "max(ordered_at) goes over several people".replace("max", "MAX")
    assert error.hint == "add GROUP BY customer_id; what needs everybody goes to sql/shared/"
    error = refused("SELECT rank() OVER (ORDER BY x) FROM orders")
    assert error.hint == "add PARTITION BY customer_id; what needs everybody goes to sql/shared/"


NOT_ONE_SELECT = [
    "",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "DELETE FROM orders",
    "CREATE TABLE t AS SELECT 1",
    "COPY orders TO 'x.csv'",
    "PRAGMA version",
    "ATTACH 'x.duckdb'",
    "SET memory_limit = '1GB'",
    "DESCRIBE orders",
    "SUMMARIZE orders",
    "INSTALL httpfs",
]


@pytest.mark.parametrize("text", NOT_ONE_SELECT)
def test_a_file_is_one_select_and_nothing_else(text):
    refused(text)


def test_two_statements_are_named_as_such():
    assert refused("SELECT 1; DROP TABLE orders").what == "there are 2 statements in this file"


@pytest.mark.parametrize(
    "table", ["warehouse.orders", "main.orders", "warehouse.main.orders", "information_schema.tables"]
)
def test_a_query_names_no_schema_and_no_database(table):
    error = refused(f"SELECT * FROM {table}")
    assert error.what == f"'{table}' names a schema or a database"
    assert error.hint == f"write only '{table.rpartition('.')[2]}'"


@pytest.mark.parametrize(
    "call", ["read_csv('x.csv')", "query('SELECT 1')", "range(10)", "duckdb_settings()", "glob('*')"]
)
def test_a_query_calls_no_table_function(call):
    assert refused(f"SELECT * FROM {call}").what.endswith("is a table function")


def test_a_query_reads_no_file_by_its_name():
    assert refused("SELECT * FROM 'people.csv'").what == "'people.csv' is in no entry of the catalogue"


def test_an_unknown_table_gets_the_nearest_name():
    error = refused("SELECT * FROM order_line")
    assert (error.what, error.hint) == ("'order_line' is in no entry of the catalogue", "did you mean 'order_lines'?")


def test_shared_sql_may_put_everybody_together():
    check("SELECT item_id, count(*) AS sold FROM order_lines GROUP BY item_id", is_shared=True)


def test_shared_sql_reads_only_what_the_catalogue_has():
    with pytest.raises(StatementError, match="is in no entry of the catalogue"):
        check_statement("SELECT * FROM secrets", "sql/shared/s.sql", CATALOGUE, is_shared=True)


@pytest.mark.parametrize(("text", "shown"), [("$today", "$today"), ("$1", "$1")])
def test_an_unknown_parameter_is_named_beside_the_known_ones(text, shown):
    error = refused(f"SELECT customer_id FROM orders WHERE ordered_at < {text}")
    assert error.what == f"'{shown}' is not a parameter"
    assert error.hint == "there are $as_of (a date) and $now (a UTC timestamp)"


def test_a_question_mark_is_no_parameter_either():
    assert refused("SELECT customer_id FROM orders WHERE ordered_at < ?").what.endswith("is not a parameter")


def test_what_is_no_sql_is_refused_with_its_line():
    error = refused("SELECT customer_id\nFROM orders\nWHERE (brand = 'n'")
    assert error.where == "sql/segments/s.sql:3"
    assert refused("SELECT 'open").hint == "mend the statement; DuckDB's SQL applies"


def test_a_file_is_read_without_its_last_semicolon(tmp_path):
    (tmp_path / "q.sql").write_text("SELECT 1;\n", "utf-8")
    assert read_statement(tmp_path / "q.sql", "sql/q.sql") == "SELECT 1"


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path):
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    for name in ("none.sql", "latin.sql"):
        with pytest.raises(StatementError) as caught:
            read_statement(tmp_path / name, f"sql/{name}")
        assert caught.value.where == f"sql/{name}"


def test_a_mistake_is_told_with_its_line_also_after_an_interval():
    since = "SELECT customer_id\nFROM orders\nWHERE ordered_at > $now - interval 3 days"
    text = f"{since}\n  AND item_id IN (\n    SELECT item_id FROM itms)"
    assert refused(text).where == "sql/segments/s.sql:5"


def test_a_misspelt_table_is_told_the_nearest_of_the_catalogue_and_of_the_statement():
    refusal = refused("WITH arrivals AS (SELECT customer_id FROM orders) SELECT customer_id FROM arivals")
    assert refusal.hint == "did you mean 'arrivals'?"
    assert refused("SELECT customer_id FROM oders").hint == "did you mean 'orders'?"


def test_what_one_catalogue_allows_another_may_refuse():
    text = "SELECT customer_id, brand FROM orders"
    check(text)
    others = Catalogue.model_validate({"tables": {"customers": {"person": "customer_id"}}, "dimensions": {}})
    with pytest.raises(StatementError):
        check_statement(text, "sql/segments/s.sql", others)
    check(text)
