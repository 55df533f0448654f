from datetime import date
from pathlib import Path

import pytest
import yaml

from flows.catalogue import Catalogue, read_catalogue, read_segment
from flows.errors import CatalogueError

ORDERS = {"person": "customer_id", "happened_at": "ordered_at"}
NAME = {"my": "my name", "columns": ["people.first_name"], "known": "declared"}


def read(folder: Path, tables: dict | None = None, dimensions: dict | None = None, **more) -> Catalogue:
    content = {
        "tables": tables or {"orders": ORDERS, "people": {"person": "customer_id"}},
        "dimensions": {"name": NAME} if dimensions is None else dimensions,
        **more,
    }
    (folder / "dimensions.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return read_catalogue(folder)


def refused(folder: Path, **given) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        read(folder, **given)
    assert caught.value.where.startswith("sql/dimensions.yaml")
    return caught.value


def test_each_table_says_whose_its_rows_are(tmp_path):
    tables = {
        "orders": ORDERS,
        "lines": {"person": {"via": "order_id", "to": "orders"}},
        "returns": {"person": {"via": "line_id", "to": "lines"}, "may_be_empty": True},
        "items": {"personal": False},
        "suppressions": {"address": "address"},
    }
    found = read(tmp_path, tables, {})
    assert found.tables["lines"].person.to == "orders"
    assert [table.personal for table in found.tables.values()] == [True, True, True, False, True]
    assert set(found.without(["items", "nowhere"]).tables) == set(tables) - {"items"}


WHOSE = "it has to be said whose the rows are"
REFUSED = {
    "nobody's": ({"orders": {"happened_at": "x"}}, WHOSE),
    "two ways": ({"orders": {"person": "customer_id", "address": "email"}}, WHOSE),
    "a person's and not personal": ({"orders": {"person": "customer_id", "personal": False}}, WHOSE),
    "a way to nowhere": (
        {"lines": {"person": {"via": "order_id", "to": "order"}}, "orders": ORDERS},
        "tables.lines: its way leads to no person",
    ),
    "a way to itself": ({"lines": {"person": {"via": "order_id", "to": "lines"}}}, "its way leads to no person"),
    "a way in a circle": (
        {"a": {"person": {"via": "x", "to": "b"}}, "b": {"person": {"via": "y", "to": "a"}}},
        "its way leads to no person",
    ),
    "an unknown key": ({"orders": {"person": "customer_id", "happend_at": "x"}}, "'happend_at' is not a key here"),
    "half a way with more": (
        {"lines": {"person": {"via": "order_id", "from": "orders"}}, "orders": ORDERS},
        "'from' is not a key here",
    ),
    "half a way": ({"lines": {"person": {"via": "order_id"}}}, "person"),
}


@pytest.mark.parametrize(("tables", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_that_is_nobodys_or_leads_nowhere_is_refused(tmp_path, tables, what):
    assert what in refused(tmp_path, tables=tables).what


def test_the_refusal_names_the_line_and_what_may_have_been_meant(tmp_path):
    error = refused(tmp_path, tables={"lines": {"person": {"via": "order_id", "to": "order"}}, "orders": ORDERS})
    assert error.hint == "did you mean 'orders'?"
    error = refused(tmp_path, tables={"orders": {"person": "customer_id", "happend_at": "x"}})
    assert (error.where, error.hint) == ("sql/dimensions.yaml:4", "did you mean 'happened_at'?")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"known": "guessed"}, "dimensions.name.known: 'guessed' is not known"),
        ({"columns": []}, "dimensions.name.columns: List should have at least 1 item"),
        ({"fresh_for": "90"}, "this is not a duration (it is '90')"),
        ({"sensitve": True}, "'sensitve' is not a key here"),
        ({"my": None}, "'dimensions.name.my' has no value"),
    ],
)
def test_a_dimension_that_is_not_as_it_should_be_is_refused(tmp_path, change, what):
    assert what in refused(tmp_path, dimensions={"name": NAME | change}).what


def segment(folder: Path, fields: dict) -> dict:
    (folder / "segments").mkdir(exist_ok=True)
    (folder / "segments/buyers.yaml").write_text(yaml.safe_dump({"fields": fields}), "utf-8")
    return read_segment(folder, "buyers", read(folder)).fields


def test_a_field_shows_a_dimension_or_nothing_about_the_person(tmp_path):
    found = segment(
        tmp_path, {"first_name": {"dimension": "name", "examples": ["Ann", 5, None]}, "season": {"dimension": None}}
    )
    assert [field.dimensions for field in found.values()] == [("name",), ()]
    assert found["first_name"].examples == ["Ann", 5, None]


def test_a_field_may_show_several_dimensions_each_named_once(tmp_path):
    assert segment(tmp_path, {"nearest": {"dimension": ["name"]}})["nearest"].dimensions == ("name",)
    for wrong in ([], ["name", "name"]):
        with pytest.raises(CatalogueError) as caught:
            segment(tmp_path, {"nearest": {"dimension": wrong}})
        assert caught.value.hint == "name each once, or write null where it tells nothing"


@pytest.mark.parametrize(
    ("fields", "what", "hint"),
    [
        (
            {"first_name": {"dimension": "nmae"}},
            "field 'first_name' has the unknown dimension 'nmae'",
            "did you mean 'name'?",
        ),
        ({"first_name": {}}, "'fields.first_name.dimension' is missing", "add it"),
        ({"first_name": {"dimension": "name", "sample": []}}, "'sample' is not a key here", ""),
        (
            {"score": {"dimension": "name"}},
            "'score' is a column of the line itself, and cannot be a field",
            "such as buyers_score",
        ),
        (
            {"_x": {"dimension": "name"}},
            "'_x' is a column of the line itself, and cannot be a field",
            "such as buyers_x",
        ),
    ],
)
def test_a_field_that_cannot_be_one_is_refused(tmp_path, fields, what, hint):
    with pytest.raises(CatalogueError) as caught:
        segment(tmp_path, fields)
    assert caught.value.where.startswith("sql/segments/buyers.yaml")
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_missing_catalogue_or_segment_is_named(tmp_path):
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(tmp_path)
    assert caught.value.where == "sql/dimensions.yaml"
    with pytest.raises(CatalogueError) as caught:
        read_segment(tmp_path, "buyers", read(tmp_path))
    assert caught.value.where == "sql/segments/buyers.yaml"


# A view that is declared at its border.


def bordered(folder: Path, entry: str) -> Catalogue:
    (folder / "dimensions.yaml").write_text(
        f"tables:\n  best: {{person: customer_id, {entry}}}\n"
        "dimensions:\n  visits: {my: my visits, columns: [best.*], known: observed}\n",
        "utf-8",
    )
    return read_catalogue(folder)


def test_a_view_is_declared_with_its_dimension_and_who_looked_at_it_and_when(tmp_path):
    table = bordered(tmp_path, "dimension: visits, reviewed_by: Ann, on: 2026-11-01").tables["best"]
    assert (table.dimension, table.reviewed_by, table.on) == ("visits", "Ann", date(2026, 11, 1))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("dimension: visits", "a view is declared whole"),
        ("dimension: visits, reviewed_by: Ann", "a view is declared whole"),
        ("reviewed_by: Ann, on: 2026-11-01", "a view is declared whole"),
        ("dimension: visit, reviewed_by: Ann, on: 2026-11-01", "'visit' is no dimension"),
        ("dimension: visits, reviewed_by: Ann, on: lately", "on"),
    ],
)
def test_a_view_that_is_half_declared_is_refused_with_its_line(tmp_path, entry, told):
    with pytest.raises(CatalogueError, match=told) as caught:
        bordered(tmp_path, entry)
    assert caught.value.where == "sql/dimensions.yaml:2"
