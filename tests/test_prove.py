"""The proof on the command line and under Prefect: what it says, and with which exit code."""

from __future__ import annotations

import json

import pytest
from prefect.utilities.callables import parameter_schema

from flows import cli
from flows.prove import prove
from tests.tiny import MORNING, Tiny, crowd, make


def shop(folder, people: int) -> Tiny:
    tiny = make(folder, people=crowd(people), late=(), brands=["north"])
    tiny.edit("templates/late/product.yaml", "segment: late", "segment: owners")
    tiny.edit("templates/late/product.yaml", "late_days", "interest")
    return tiny


@pytest.fixture
def say(monkeypatch, capsys):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    monkeypatch.setenv("COLUMNS", "200")

    def call(tiny: Tiny, *more: str) -> tuple[int, str]:
        code = cli.main(["check", "--prove", "--workspace", str(tiny.folder), *more])
        return code, capsys.readouterr().out

    return call


def test_check_says_what_is_proven(tmp_path, say):
    code, told = say(shop(tmp_path / "w", 120))
    rows = [line.split() for line in told.splitlines() if line.startswith("owners")]
    assert code == 0
    assert [(row[1], row[-1]) for row in rows] == [("last_order", "independent"), ("name", "independent")]
    assert told.rstrip().endswith("Next: justenough plan shows who would get what")


def test_check_says_no_where_too_little_changed_and_what_to_do(tmp_path, say):
    tiny = shop(tmp_path / "w", 20)
    code, told = say(tiny)
    assert code == 1
    assert (
        "DataError sql/segments/owners.yaml:4: not proven that field 'first_name' is independent of 'last_order'"
        in told
    )
    assert "bring more people into the segments" in told
    assert "Person" not in told


def test_for_programs_each_field_has_its_counts(tmp_path, say):
    code, told = say(shop(tmp_path / "w", 20), "--json")
    found = json.loads(told)
    assert code == 1
    assert found["bound"]
    assert found["proof"]["is_proven"] is False
    pairs = {(each["segment"], each["field"], each["dimension"]): each for each in found["proof"]["findings"]}
    assert set(pairs) == {("owners", "item", "name"), ("owners", "first_name", "last_order")}
    assert pairs["owners", "item", "name"] == {
        "segment": "owners", "field": "item", "dimension": "name", "where": "sql/segments/owners.yaml:3", "is_read": True,
        "values": 19, "rows": 20, "changed": 0, "verdict": "not proven",
    }  # fmt: skip
    assert [error["kind"] for error in found["proof"]["errors"]] == ["DataError", "DataError"]


def test_the_form_of_the_flow_is_described_and_nothing_must_be_filled_in():
    schema = parameter_schema(prove)
    assert schema.required == []
    assert [name for name, field in schema.properties.items() if not field.get("description")] == []
    assert prove.persist_result is False
