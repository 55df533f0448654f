"""What a value depends on, in sentences; the shapes of SQL are tried in thousands by test_generated.py."""

from __future__ import annotations

import pytest

from flows.catalogue import Catalogue
from flows.errors import StatementError
from flows.lineage import Lineage, Shape, check_shared, dimensions, shape_of, trace
from flows.warehouse.scope import Macro, Seen

TABLES = {
    "people": ("customer_id", "brand", "age", "city", "email"),
    "orders": ("order_id", "customer_id", "total"),
    "lines": ("order_id", "item_id"),
    "visits": ("customer_id", "page"),
    "items": ("item_id", "title"),
    "shops": ("brand", "town"),
    "grown": ("customer_id", "brand", "city"),
    "reviewed": ("customer_id", "score"),
}
CATALOGUE = Catalogue.model_validate(
    {
        "tables": {
            "people": {"person": "customer_id", "routing": ["email"]},
            "orders": {"person": "customer_id"},
            "lines": {"person": {"via": "order_id", "to": "orders"}},
            "visits": {"person": "customer_id"},
            "grown": {"person": "customer_id"},
            "reviewed": {"person": "customer_id", "dimension": "age", "reviewed_by": "Ann", "on": "2026-11-01"},
            "items": {"personal": False},
            "shops": {"personal": False},
        },
        "dimensions": {
            name: {"my": f"my {name}", "columns": columns, "known": "observed"}
            for name, columns in {
                "age": ["people.age"],
                "home": ["people.city"],
                "last_order": ["orders.*", "lines.*"],
                "pages": ["visits.*"],
            }.items()
        },
    }
)
CUSTOMERS = "SELECT customer_id, brand, email FROM people"
VIEWS = {
    "grown": "SELECT customer_id, brand, city FROM people WHERE age > 50",
    "reviewed": "SELECT customer_id, 1 AS score FROM nowhere",
}
MACROS = {
    "older": Macro(("n",), "(n > 50)"),
    "round_about": Macro(("n",), "round_about(n)"),
    "seen_by": Macro(("who",), "(SELECT count_star() FROM visits AS v WHERE (v.customer_id = who))"),
}


def shape(customers: str = CUSTOMERS, **views: str) -> Shape:
    return shape_of(Seen(TABLES, VIEWS | views, MACROS), CATALOGUE, customers)


def traced(text: str, customers: str = CUSTOMERS) -> Lineage:
    return trace(text, "q.sql", shape(customers))


def told(text: str, field: str = "f", customers: str = CUSTOMERS) -> set[str]:
    """The dimensions of a field."""
    return set(dimensions(traced(text, customers).columns[field], "q.sql", CATALOGUE))


def targeted(text: str) -> set[str]:
    return set(dimensions(traced(text).targeted, "q.sql", CATALOGUE))


def refused(text: str) -> StatementError:
    with pytest.raises(StatementError) as caught:
        traced(text)
    return caught.value


# Whom a segment targets, and what its fields say.


def test_the_last_where_targets_and_tells_nothing_by_a_field():
    text = "SELECT p.customer_id, p.city AS f FROM people p WHERE p.age > 50"
    assert told(text) == {"home"}
    assert targeted(text) == {"age"}


def test_the_last_where_tells_by_a_field_where_it_chooses_among_a_persons_rows():
    text = "SELECT p.customer_id, o.total AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id WHERE o.total > p.age"
    assert told(text) == {"last_order", "age"}


def test_each_subject_is_chosen_for_itself():
    text = """
        SELECT o.customer_id, o.order_id AS subject_id, o.total AS f FROM orders o JOIN people p USING (customer_id)
        WHERE o.order_id > p.age
    """
    assert told(text) == {"last_order"}
    assert targeted(text) == {"last_order", "age"}


def test_what_counts_subjects_knows_which_are_left_out():
    text = """
        SELECT o.customer_id, o.order_id AS subject_id, count(*) OVER (PARTITION BY o.customer_id) AS f
        FROM orders o JOIN people p USING (customer_id) WHERE o.order_id > p.age
    """
    assert told(text) == {"last_order", "age"}


def test_that_there_is_a_customer_tells_nothing():
    assert traced("SELECT customer_id, 'hello' AS f FROM people").columns["f"] == frozenset()
    assert targeted("SELECT customer_id FROM people") == set()


def test_that_there_is_an_order_tells_something():
    assert targeted("SELECT customer_id FROM orders") == {"last_order"}


# Which tables have everybody.

BOTH = "SELECT p.customer_id, p.brand FROM people p JOIN orders o ON o.customer_id = p.customer_id"


@pytest.mark.parametrize(
    ("customers", "found"),
    [
        ("SELECT p.customer_id, p.brand FROM people p JOIN reviewed r USING (customer_id)", {"people", "reviewed"}),
        (f"{BOTH} AND o.total > 2", {"people"}),
        (f"{BOTH} AND o.order_id = 'o1'", {"people"}),
        (BOTH, {"people", "orders"}),
        ("SELECT p.customer_id, p.brand FROM people p LEFT JOIN orders o USING (customer_id)", {"people"}),
        ("SELECT customer_id, brand FROM people WHERE email IS NOT NULL", {"people"}),
        ("SELECT customer_id, brand FROM people WHERE age > 18", set()),
        ("SELECT customer_id, brand FROM people GROUP BY customer_id, brand", set()),
        ("SELECT customer_id, brand FROM people UNION SELECT customer_id, 'x' FROM orders", set()),
        ("WITH people AS (SELECT * FROM orders) SELECT customer_id, 'x' AS brand FROM people", set()),
    ],
)  # fmt: skip
def test_a_table_has_one_row_for_everybody_where_customers_sql_joins_all_of_it(customers, found):
    assert shape(customers).everybody == found


def test_a_table_of_which_customers_sql_picks_a_row_may_have_more():
    text = "SELECT p.customer_id, o.total AS f FROM people p JOIN orders o USING (customer_id) WHERE o.total > p.age"
    assert told(text, customers=BOTH) == {"last_order"}
    assert told(text, customers=f"{BOTH} AND o.total > 2") == {"last_order", "age"}


# Joins.


def test_what_was_joined_before_a_right_join_is_there_together():
    text = """
        SELECT q.customer_id, p.city AS f FROM people p JOIN visits v ON v.customer_id = p.customer_id AND v.page = 'x'
        RIGHT JOIN people q ON q.customer_id = p.customer_id AND q.brand = p.brand
    """
    assert told(text) == {"home", "pages"}


def test_what_stands_beside_somebody_by_a_right_join_is_chosen_by_its_condition():
    text = "SELECT p.customer_id, i.title AS f FROM people p RIGHT JOIN items i ON i.item_id > p.city"
    assert told(text) == {"home"}


def test_a_semi_join_is_an_exists():
    text = "SELECT p.customer_id, p.city AS f FROM people p SEMI JOIN visits v ON v.customer_id = p.customer_id"
    assert told(text) == {"home"}
    assert targeted(text) == {"pages"}


def test_how_often_a_left_join_repeats_a_row_is_told_by_counting():
    repeated = (
        "WITH c AS (SELECT p.customer_id, p.city FROM people p LEFT JOIN visits v ON v.customer_id = p.customer_id)"
    )
    assert told(f"{repeated} SELECT customer_id, count(*) AS f FROM c GROUP BY customer_id") == {"pages"}
    assert told(f"{repeated} SELECT customer_id, city AS f FROM c") == {"home"}


def test_how_many_rows_distinct_leaves_is_told_by_counting():
    text = """
        WITH c AS (SELECT DISTINCT o.customer_id, p.age > o.total FROM orders o JOIN people p USING (customer_id))
        SELECT customer_id, count(*) AS f FROM c GROUP BY customer_id
    """
    assert told(text) == {"last_order", "age"}


def test_the_order_of_a_cte_may_be_taken_over():
    text = """
        WITH c AS (SELECT o.customer_id, o.total FROM orders o JOIN people p USING (customer_id) ORDER BY o.total - p.age)
        SELECT customer_id, list(total) AS f FROM c GROUP BY customer_id
    """
    assert told(text) == {"last_order", "age"}


def test_a_look_up_by_the_brand_that_a_row_is_about_depends_on_nothing():
    text = "SELECT g.customer_id, g.brand, s.town AS f FROM grown g LEFT JOIN shops s ON s.brand = g.brand"
    assert told(text) == set()
    text = "SELECT g.customer_id, g.brand, s.town AS f FROM grown g JOIN shops s ON g.brand = s.brand"
    assert told(text) == set()


@pytest.mark.parametrize("join", ["LEFT JOIN grown g", "JOIN grown g"])
def test_a_look_up_by_the_brand_of_another_row_depends_on_that_row(join):
    text = f"""
        SELECT p.customer_id, p.brand, s.town AS f FROM people p
        {join} ON g.customer_id = p.customer_id LEFT JOIN shops s ON s.brand = g.brand
    """
    assert "age" in told(text)


# What there is one row of, put together.


@pytest.mark.parametrize("function", ["any_value", "min", "max"])
def test_the_first_or_any_of_what_there_is_one_row_of_is_that_whatever_it_is_joined_with(function):
    text = f"""
        SELECT p.customer_id, p.brand, {function}(p.city) AS f, count(*) AS n
        FROM people p JOIN visits v ON v.customer_id = p.customer_id GROUP BY p.customer_id, p.brand
    """
    assert told(text) == {"home"}
    assert told(text, "n") == {"pages"}


def test_any_of_several_rows_depends_on_what_they_are_joined_with():
    text = """
        SELECT p.customer_id, p.brand, any_value(o.total) AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id
        JOIN visits v ON v.customer_id = p.customer_id AND v.page = o.order_id GROUP BY p.customer_id, p.brand
    """
    assert told(text) == {"last_order", "pages"}


IN_BOTH = "FROM people p JOIN grown g ON g.customer_id = p.customer_id AND g.brand = p.brand"
AS_NORTH = "SELECT p.customer_id, 'north' AS brand,"


@pytest.mark.parametrize(
    "text",
    [
        f"{AS_NORTH} any_value(p.city) AS f {IN_BOTH} GROUP BY p.customer_id",
        f"{AS_NORTH} count(*) AS f {IN_BOTH} GROUP BY p.customer_id",
        f"SELECT p.customer_id, p.brand, count(*) OVER (PARTITION BY p.customer_id) AS f {IN_BOTH}",
        (
            f"SELECT p.customer_id, p.brand, lag(p.city) OVER w AS f {IN_BOTH} "
            "WINDOW w AS (PARTITION BY p.customer_id ORDER BY p.brand)"
        ),
        f"SELECT DISTINCT ON (p.customer_id) p.customer_id, 'north' AS brand, p.city AS f {IN_BOTH}",
        f"SELECT q.customer_id, q.brand, (SELECT count(*) {IN_BOTH} WHERE p.customer_id = q.customer_id) AS f FROM people q",
    ],
)
def test_what_puts_a_persons_brands_together_knows_in_which_of_them_there_is_a_row(text):
    assert "age" in told(text)


def test_what_keeps_them_apart_does_not():
    assert told(f"SELECT p.customer_id, p.brand, count(*) AS f {IN_BOTH} GROUP BY p.customer_id, p.brand") == set()
    window = "count(*) OVER (PARTITION BY p.customer_id, p.brand)"
    assert told(f"SELECT p.customer_id, p.brand, {window} AS f {IN_BOTH}") == set()


# Names.


def test_two_columns_of_one_name_are_held_to_be_one():
    assert told("SELECT customer_id, city AS f, age AS F FROM people") == {"home", "age"}


def test_the_arms_of_a_union_are_put_together_by_place():
    text = """
        SELECT customer_id, city AS x, city AS f FROM people WHERE false
        UNION ALL SELECT customer_id, age AS f, email AS x FROM people
    """
    assert told(text, "x") == {"home", "age"}
    assert told(text) == {"home"}


# Views and macros.


def test_a_view_is_the_query_that_it_stands_for():
    assert told("SELECT p.customer_id, g.city AS f FROM people p LEFT JOIN grown g USING (customer_id, brand)") == {
        "home",
        "age",
    }


def test_a_view_that_is_declared_shows_its_dimension_and_is_not_read():
    assert told("SELECT customer_id, score AS f FROM reviewed") == {"age"}


def test_a_view_that_reads_itself_is_refused():
    with pytest.raises(StatementError, match="the view 'grown' reads itself"):
        trace("SELECT city FROM grown", "q.sql", shape(grown="SELECT * FROM grown"))


def test_a_view_keeps_its_joins_in_parentheses_and_their_conditions_count():
    kept = "SELECT p.customer_id, p.brand, p.city FROM (people AS p INNER JOIN visits AS v ON ((v.customer_id = p.customer_id)))"
    found = trace(
        "SELECT q.customer_id, g.city AS f FROM people q LEFT JOIN grown g USING (customer_id)",
        "q.sql",
        shape(grown=kept),
    )
    assert set(dimensions(found.columns["f"], "q.sql", CATALOGUE)) == {"home", "pages"}


def test_a_macro_is_written_out():
    assert told("SELECT p.customer_id, older(p.age) AS f FROM people p") == {"age"}
    assert told("SELECT p.customer_id, seen_by(p.customer_id) AS f FROM people p") == {"pages"}


def test_a_macro_with_a_query_is_given_columns_with_their_table():
    assert (
        "is given 'customer_id', and has a query of its own"
        in refused("SELECT seen_by(customer_id) AS f FROM people").what
    )


def test_macros_in_a_circle_are_refused():
    assert refused("SELECT round_about(age) AS f FROM people").what == "macros are nested more than 20 deep"


def test_a_macro_takes_its_values_one_after_the_other():
    assert refused("SELECT older(n := age) AS f FROM people").hint == "give them all, without names"


# What is refused, with its line.


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT p.age AS f\nFROM people p NATURAL JOIN items i", "NATURAL JOIN cannot be traced"),
        ("SELECT p.age AS f\nFROM people p POSITIONAL JOIN items i", "POSITIONAL JOIN cannot be traced"),
        ("SELECT p.age AS f FROM people p\nSEMI JOIN orders o USING (customer_id)", "SEMI JOIN without ON cannot be traced"),
        ("SELECT 1 AS f FROM people p LEFT JOIN\n(orders o JOIN items i ON true) ON true", "a join in parentheses cannot be"),
        ("SELECT p.a AS f\nFROM people AS p(a, b)", "a table with other names for its columns cannot be traced"),
        ("SELECT age AS f FROM people\nUNION ALL BY NAME SELECT age AS f FROM people", "UNION BY NAME cannot be traced"),
        ("SELECT 1 AS f\nFROM people p, unnest((SELECT [1])) u(n)", "a list of another table's column cannot be traced"),
        ("SELECT\nCOLUMNS('a.*') FROM people", "COLUMNS(…) cannot be traced"),
        ("SELECT to_json(p) AS f\nFROM people p", "a whole row as one value cannot be traced"),
        ("SELECT nowhere.x AS f FROM people", "this cannot be traced"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_refused(text, what):
    error = refused(text)
    assert error.where.startswith("q.sql")
    assert error.what.startswith(what)
    assert error.hint


# Tables that count as nobody's.


@pytest.mark.parametrize(
    "text",
    [
        "SELECT o.total, count(*) AS n FROM orders o GROUP BY o.total HAVING count(DISTINCT o.customer_id) >= 10",
        "SELECT count(*) AS n FROM orders HAVING count(DISTINCT customer_id) >= 12 AND count(*) > 1",
        "SELECT o.total FROM (SELECT customer_id, total FROM orders) o GROUP BY 1 HAVING count(DISTINCT customer_id) >= 10",
        "SELECT title FROM items",
    ],
)
def test_what_is_made_of_many_may_be_nobodys(text):
    check_shared(text, "sql/shared/x.sql", shape())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT md5(customer_id) AS k, age FROM people",
        "SELECT total, count(*) AS n FROM orders GROUP BY total",
        "SELECT total FROM orders GROUP BY total HAVING count(DISTINCT customer_id) >= 9",
        "SELECT total FROM orders GROUP BY total HAVING count(customer_id) >= 10",
        "SELECT total FROM orders GROUP BY total HAVING count(DISTINCT order_id) >= 10",
        "SELECT city FROM people GROUP BY city HAVING count(DISTINCT brand) >= 10",
        "SELECT total FROM orders GROUP BY total HAVING count(DISTINCT customer_id) >= 10 OR total > 1",
        "SELECT title FROM items UNION ALL SELECT email FROM people",
    ],
)
def test_what_may_be_one_persons_is_refused_as_nobodys(text):
    with pytest.raises(StatementError, match="a row of this may be about one person"):
        check_shared(text, "sql/shared/x.sql", shape())
