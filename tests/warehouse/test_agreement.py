"""What DuckDB reads in a statement is what the syntax tree says, or it is refused."""

from __future__ import annotations

import pytest

from flows.errors import StatementError
from flows.warehouse.agreement import check_agreement, check_depth
from flows.warehouse.statements import parse


def check(text: str) -> None:
    check_agreement(text, "q.sql", parse(text, "q.sql"))


def refused(text: str) -> str:
    with pytest.raises(StatementError) as caught:
        check(text)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT p.a, q.b FROM people AS p JOIN others AS q USING (id) WHERE p.c BETWEEN 1 AND q.d",
        "SELECT a FROM people /* a comment, a, b */ -- and b\nWHERE c",
        "SELECT CASE a WHEN 1 THEN b WHEN 2 THEN c ELSE d END FROM people",
        "SELECT CASE CASE a WHEN 1 THEN 1 WHEN 2 THEN 3 END WHEN 1 THEN b WHEN 2 THEN c WHEN 3 THEN 4 END FROM people",
        "SELECT CASE (SELECT max(a) FROM others) WHEN 1 THEN b WHEN 2 THEN c END FROM people",
        "SELECT list_transform([a], lambda x: x + b) FROM people",
        "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d) FROM people QUALIFY row_number() OVER () = 1",
        "WITH c AS (SELECT a FROM people) SELECT * EXCLUDE (b) REPLACE (a + 1 AS a) FROM c UNION ALL SELECT 1",
        "SELECT a, b FROM people SEMI JOIN others ON others.id = people.id WHERE a IN (SELECT b FROM others)",
        "SELECT \"A b\", 'it''s' FROM people WHERE d = $as_of",
    ],
)
def test_honest_sql_is_read_alike_by_both(text):
    check(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT a\n, #2 FROM people", "StatementError q.sql:2: positional reference is not read here"),
        ("SELECT\na.concat(b) FROM people", "q.sql:2: the function 'concat' stands after a dot"),
        ("SELECT\nmain.concat(b) FROM people", "q.sql:2: the function 'concat' stands after a dot"),
        ("SELECT a FROM", "syntax error"),
    ],
)
def test_what_the_tree_does_not_show_is_refused_with_its_line(text, told):
    with pytest.raises(StatementError) as caught:
        check_agreement(text, "q.sql", parse("SELECT a, b FROM people", "q.sql"))
    assert told.removeprefix("StatementError ") in str(caught.value)


def test_a_column_that_only_duckdb_reads_is_refused():
    with pytest.raises(StatementError, match="sql:2: 'age' is read here, and cannot be found"):
        check_agreement("SELECT city,\nage FROM people", "q.sql", parse("SELECT city FROM people", "q.sql"))


def test_a_column_that_duckdb_reads_once_more_is_refused():
    with pytest.raises(StatementError, match="'age' is read here"):
        check_agreement("SELECT age, age FROM people", "q.sql", parse("SELECT age FROM people", "q.sql"))


def test_a_table_that_only_duckdb_reads_is_refused():
    with pytest.raises(StatementError, match="'orders' is read here"):
        check_agreement("SELECT a FROM people, orders", "q.sql", parse("SELECT a FROM people", "q.sql"))


def test_open_brackets_are_counted_before_duckdb_reads_them():
    """It takes 100 s to refuse 9,000 of them; at so few it is quick."""
    check_depth("SELECT " + "(" * 200, "sql/customers.sql")
    with pytest.raises(StatementError) as refused:
        check_depth("SELECT " + "(" * 201, "sql/customers.sql")
    assert refused.value.what == "this is nested too deeply to be read"
