"""docs/reference/ is what the code says, and every entry explains itself and has an example of its own."""

from __future__ import annotations

import shlex
import tomllib
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import duckdb
import pytest

from flows import cli
from flows.catalogue import Catalogue, Segment
from flows.documents import parsed_text
from flows.product import Product
from flows.settings import Settings, shipped
from tests.documentation.reference import FOLDER, PAGES, Entry, entries_of, pages

BASE = {"workspace": ".", "name": "shop", "targets": {}, "brands": {}}
ONE = Entry("one", "It is the first.", "one = 1")


def test_the_reference_is_made_of_the_code_as_it_is():
    made = pages()
    outdated = [
        name
        for name, text in made.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != text
    ]
    assert outdated == [], "make docs writes them anew"


@pytest.mark.parametrize("page", PAGES)
def test_every_entry_explains_itself_and_has_an_example_of_its_own(page):
    assert len(entries_of(page)) > 15
    assert wanting(entries_of(page)) == []


@pytest.mark.parametrize(
    ("others", "complaints"),
    [
        ([replace(ONE, name="two", explanation="It is the second.", example="two = 2")], []),
        ([replace(ONE, name="two", explanation="It is the second.")], ["one, two: the same example"]),
        ([replace(ONE, name="two", example="two = 2")], ["one, two: the same explanation"]),
        ([Entry("two", "", "two = 2")], ["two: no explanation"]),
        ([Entry("two", "It is the second.", "  ")], ["two: no example"]),
        ([Entry("two", "It is the second.", "two = 2", told=(("key", ""),))], ["two: key is not explained"]),
    ],
)
def test_an_entry_that_lacks_something_is_seen(others, complaints):
    assert wanting([ONE, *others]) == complaints


@pytest.mark.parametrize("entry", entries_of("settings"), ids=lambda entry: entry.name)
def test_the_example_of_a_setting_is_taken(entry):
    given = tomllib.loads(entry.example)
    assert list(given) == [entry.name]
    read = Settings.model_validate({**BASE, **given})
    assert getattr(read, entry.name) != Settings.model_fields[entry.name].default


PRODUCT = """
name: care
help: {need: Owners ask., kind: guide, action: {label: Read, url: /help}}
owner: ann@example.com
status: draft
review_by: 2027-01-31
message_type: service
topic: care
brands: [north]
segment: owners
channels: {first_of: [email, sms]}
once_every: {every: 30 days}
relevance: {seen_at: {strength: low, fades_in: 1 day}}
success: {helped: no_question, business: ordered, within: 7 days}
test: {variants: {a: 40%, b: 60%}}
dimensions: [last_order, visits]
"""
CATALOGUE = """
tables:
  orders: {person: {via: key, to: keys}, loaded_at: at, dimension: d, reviewed_by: Ben, on: 2026-01-01}
dimensions: {last_order: {my: my latest order, columns: [a.b], known: inferred}}
"""
SEGMENT = "fields: {item: {dimension: null}}"
CHOSEN = {"<table>": "orders", "<dimension>": "last_order", "<column>": "item", "<signal>": "seen_at"}
WHOSE = {"person", "address", "personal"}
YAML = [(page, entry) for page in ("product", "catalogue") for entry in entries_of(page)]


@pytest.mark.parametrize(("page", "entry"), YAML, ids=lambda of: getattr(of, "name", of))
def test_the_example_of_a_key_of_yaml_is_taken(page, entry):
    """Laid over a file that holds no more than it has to, it fits the model, which then is another one."""
    model, text = (Product, PRODUCT) if page == "product" else (Catalogue, CATALOGUE)
    model, text = (Segment, SEGMENT) if "segments" in entry.group else (model, text)
    given = parsed_text(text, page)
    before = model.model_validate(deepcopy(given))
    *way, leaf = [CHOSEN.get(step, step) for step in entry.name.split(".")]
    at = given
    for step in way:
        at = at.setdefault(step, {})
    example = parsed_text(entry.example, page)
    assert list(example) == [leaf]
    for other in {"strength"} if leaf == "weight" else WHOSE if leaf in WHOSE else ():
        at.pop(other, None)
    at |= example
    assert model.model_validate(given) != before


@pytest.mark.parametrize("entry", entries_of("commands"), ids=lambda entry: entry.name)
def test_the_examples_of_a_command_can_be_called(entry):
    for line in entry.example.splitlines():
        program, *words = shlex.split(line)
        assert program == "justenough"
        assert " ".join(words).startswith(entry.name)
        cli.app.parse_args(words, exit_on_error=False, print_error=False)


def test_the_queries_of_the_history_are_answered():
    text = shipped("sql", "ledger", "tables.sql").read_text("utf-8")
    with duckdb.connect() as connection:
        connection.execute(text)
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        described = entries_of("history")
        assert {entry.name for entry in described} == tables
        for entry in described:
            connection.execute(entry.example)
            named = connection.execute(f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{entry.name}'")
            assert {name for name, _ in entry.told} == {name for (name,) in named.fetchall()}


def wanting(entries: list[Entry]) -> list[str]:
    """What entries lack."""
    complaints = []
    for entry in entries:
        complaints += [
            f"{entry.name}: no {what}" for what in ("explanation", "example") if not _said(getattr(entry, what))
        ]
        complaints += [f"{entry.name}: {name} is not explained" for name, text in entry.told if not text.strip()]
    for what in ("explanation", "example"):
        counted = Counter(" ".join(getattr(entry, what).split()) for entry in entries)
        for text in (text for text, count in counted.items() if count > 1):
            names = ", ".join(entry.name for entry in entries if " ".join(getattr(entry, what).split()) == text)
            complaints.append(f"{names}: the same {what}")
    return complaints


def _said(text: str) -> bool:
    return bool(text.strip())
