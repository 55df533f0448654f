"""What a segment declares, held against what its SQL does; and sql/customers.sql, which is for routing."""

from __future__ import annotations

import pytest

from flows.catalogue import Catalogue, Segment
from flows.errors import CatalogueError, JustEnoughError, StatementError
from flows.lineage import Verified, shape_of, trace, verify, verify_customers
from flows.warehouse.scope import Seen

TABLES = {"people": ("customer_id", "brand", "age", "city", "country", "email", "faith", "note", "odd", "since")}
DIMENSIONS = {
    "age": {"columns": ["people.age"]},
    "home": {"columns": ["people.city", "people.country"], "routing_for": {"people.country": ["match"]}},
    "faith": {"columns": ["people.faith"], "sensitive": True},
    "history": {"columns": ["people.since", "people.note"]},
}
WHERE = "sql/segments/told.sql"


def catalogue(**changes: dict) -> Catalogue:
    dimensions = {
        name: {"my": f"my {name}", "known": "declared"} | entry | changes.get(name, {})
        for name, entry in DIMENSIONS.items()
    }
    tables = {"people": {"person": "customer_id", "routing": ["email"]}}
    return Catalogue.model_validate({"tables": tables, "dimensions": dimensions, "free_text": ["people.note"]})


def verified(text: str, known: Catalogue | None = None, signals: tuple[str, ...] = (), **fields: object) -> Verified:
    known = known or catalogue()
    shape = shape_of(Seen(TABLES, {}, {}), known, "SELECT customer_id, brand FROM people")
    segment = Segment.model_validate({"fields": {name: {"dimension": shown} for name, shown in fields.items()}})
    return verify(trace(text, WHERE, shape), "told", segment, signals, known)


def refused(text: str, kind: type[JustEnoughError] = CatalogueError, **given: object) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        verified(text, **given)
    assert type(caught.value) is kind
    return caught.value.where, caught.value.what


def test_what_a_segment_uses_is_told_with_columns_and_lines():
    text = "SELECT customer_id, brand, city AS f, age AS strength\nFROM people\nWHERE since > $now"
    found = verified(text, signals=("strength",), f="home")
    assert found == Verified({"f": ("people.city",)}, {"strength": ("age",)}, {"history": f"{WHERE}:3"})


def test_a_field_that_depends_on_more_than_it_declares_is_refused_with_the_line_that_reads_it():
    where, what = refused("SELECT customer_id, brand,\nconcat(city,\nage) AS f FROM people", f="home")
    assert (where, what) == (f"{WHERE}:3", "'f' depends on people.age, which is 'age', and declares 'home'")


def test_a_field_may_declare_several_dimensions():
    assert verified("SELECT customer_id, brand, concat(city, age) AS f FROM people", f=["home", "age"])


def test_a_field_of_no_dimension_depends_on_nothing():
    assert verified("SELECT customer_id, brand, 'winter' AS f FROM people", f=None)
    assert refused("SELECT customer_id, brand, city AS f FROM people", f=None)[1].endswith("and declares no dimension")


def test_what_is_undeclared_is_told_before_what_is_declared_and_not_read():
    assert "depends on people.age" in refused("SELECT customer_id, brand, age AS f FROM people", f="home")[1]


def test_a_field_that_shows_what_is_not_read_is_refused():
    assert "reads nothing" in refused("SELECT customer_id, brand, 'x' AS f FROM people", f="home")[1]


def test_a_field_may_show_what_its_segment_targets():
    text = "SELECT customer_id, brand, 'for those who know' AS f FROM people WHERE age > 50"
    assert verified(text, f="age").targeted == {"age": f"{WHERE}:1"}


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ("email", "'f' depends on people.email, which is routing"),
        ("note", "'f' depends on people.note, which is free text that somebody typed"),
        ("odd", "people.odd is read here, and is in no entry of the catalogue"),
    ],
)
def test_routing_free_text_and_unknown_columns_cannot_be_shown(column, what):
    assert refused(f"SELECT customer_id, brand,\n{column} AS f FROM people", f="home") == (f"{WHERE}:2", what)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT customer_id, brand, city AS f FROM people WHERE faith = 'x'",
        "SELECT customer_id, brand, city AS f, faith = 'x' AS strength FROM people",
    ],
)
def test_what_is_sensitive_is_not_used_in_any_way_without_a_lawful_basis(text):
    assert refused(text, f="home")[1] == "people.faith is read here, and 'faith' is sensitive and names no lawful basis"
    assert verified(text, known=catalogue(faith={"lawful_basis": "consent"}), f="home")


def test_the_customer_and_the_brand_are_a_rows_own():
    assert refused("SELECT upper(customer_id) AS customer_id, brand FROM people", StatementError)[0] == WHERE
    where, what = refused("SELECT customer_id,\nif(age > 50, 'a', 'b') AS brand FROM people", StatementError)
    assert (where, what) == (f"{WHERE}:2", "'brand' depends on people.age, which is 'age'")
    assert verified("SELECT customer_id, 'a' AS brand FROM people")
    assert verified("SELECT customer_id::varchar AS customer_id, brand FROM people")


def test_as_of_tells_no_more_than_its_dimension_and_what_is_shown_with_it():
    text = "SELECT customer_id, brand, {} AS f, {} AS home_as_of FROM people"
    assert "'home_as_of' depends on people.age" in refused(text.format("city", "age"), f="home")[1]
    assert verified(text.format("city", "city"), f="home")
    assert verified(text.format("concat(city, age)", "age"), f=["home", "age"])


def test_valid_until_tells_no_more_than_the_fields_and_whom_the_segment_targets():
    text = "SELECT customer_id, brand, city AS f, {} AS valid_until FROM people WHERE since > $now"
    assert "'valid_until' depends on people.age" in refused(text.format("age"), f="home")[1]
    assert verified(text.format("city"), f="home")
    assert verified(text.format("since"), f="home")


def test_when_somebody_is_due_decides_who_gets_it():
    found = verified("SELECT customer_id, brand, age AS next_due_on FROM people")
    assert found.targeted == {"age": f"{WHERE}:1"}


# sql/customers.sql


def customers(text: str) -> None:
    known = catalogue()
    shape = shape_of(Seen(TABLES, {}, {}), known, text)
    verify_customers(trace(text, "sql/customers.sql", shape), known)


def test_customers_sql_may_yield_routing_and_what_is_routing_for_something():
    customers("SELECT customer_id, brand, country, email FROM people WHERE email IS NOT NULL")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT customer_id, brand,\nage AS country FROM people",
        "SELECT customer_id, brand,\ncity AS country FROM people",
        "SELECT customer_id, brand,\nCASE WHEN age > 50 THEN country END AS country FROM people",
        "SELECT customer_id, brand, 'AT' AS country FROM people\nWHERE age > 9 UNION ALL SELECT 'x', 'y', 'z'",
    ],
)
def test_customers_sql_chooses_no_words_by_what_is_known(text):
    with pytest.raises(CatalogueError, match="and this query is for routing only") as caught:
        customers(text)
    assert caught.value.where == "sql/customers.sql:2"
