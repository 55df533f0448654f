"""A receipt for each message: what of a person's data it used, where that came from, as of when, and by which right."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.keys import load_key
from flows.line import explain
from tests.tiny import MORNING, Tiny, clock, make

ROOT = Path(__file__).parents[2]
SINCE = "TIMESTAMP '2026-11-01' AS last_order_as_of, TIMESTAMP '2026-10-01' AS name_as_of"


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Tiny:
    """A first day on which the segments say since when they know what they know, and both helps say the same on the web."""
    tiny = make(tmp_path_factory.mktemp("receipts") / "tiny", brands=["north"])
    tiny.edit("sql/segments/owners.sql", "n.interest", f"n.interest, {SINCE}")
    tiny.edit("sql/segments/late.sql", "o.late_days", f"o.late_days, {SINCE}")
    words = (tiny.folder / "templates/late/web.j2").read_text("utf-8")
    (tiny.folder / "templates/care/web.j2").write_text(words, "utf-8")
    tiny.run()
    return tiny


def receipts(tiny: Tiny, columns: str, rest: str = "") -> list[tuple]:
    return tiny.history(
        f"SELECT DISTINCT {columns} FROM receipt r JOIN batch b USING (batch_id) "
        f"LEFT JOIN source s USING (sources_sha256) {rest} ORDER BY ALL"
    )


def test_a_receipt_knows_as_of_when_only_of_what_was_shown(day):
    order = {"dimension": "last_order", "at": datetime(2026, 11, 1)}  # noqa: DTZ001 - as DuckDB returns it
    name = {"dimension": "name", "at": datetime(2026, 10, 1)}  # noqa: DTZ001
    expected = {(): [], ("name",): [name], ("last_order",): [order], ("last_order", "name"): [order, name]}
    noted = {tuple(facts): known for facts, known in day.history("SELECT facts, facts_at FROM receipt")}
    assert noted == {facts: expected[facts] for facts in noted}
    assert {("last_order",), ("last_order", "name")} <= noted.keys()


def test_the_sources_are_those_of_the_products_own_segment(day):
    found = receipts(day, "product, channel, dimension, columns", "WHERE channel IN ('email', 'web')")
    assert found == [
        ("care", "email", "last_order", ["needs.item"]),
        ("care", "email", "name", ["people.first_name"]),
        ("care", "web", "last_order", ["needs.item"]),
        ("late", "email", "last_order", ["late_orders.item"]),
        ("late", "email", "name", ["people.first_name"]),
        ("late", "web", "last_order", ["late_orders.item"]),
    ]


def test_sources_are_kept_once_however_many_days_deliver(day, tmp_path):
    before = day.history("SELECT count(*) FROM source")
    tiny = day.copy(tmp_path / "again")
    tiny.warehouse("INSERT INTO late_orders VALUES ('c01', 'north', 'o99', 'rope', 9)")
    tiny.run(at=MORNING.replace(day=MORNING.day + 1))
    assert tiny.history("SELECT count(*) FROM receipt") > day.history("SELECT count(*) FROM receipt")
    assert tiny.history("SELECT count(*) FROM source") == before


def test_what_people_could_tell_is_noted_too(day):
    assert receipts(day, "product, because") == [("care", ["last_order"]), ("late", ["last_order"])]


def test_a_receipt_refers_to_the_consent_by_a_key(day):
    with duckdb.connect(str(day.folder / "warehouse.duckdb"), read_only=True) as connection:
        events = connection.sql("SELECT event_id FROM consents WHERE state = 'yes'").pl()
    keys = events.select(load_key(day.load().settings.key_file).of(pl.col("event_id"))).to_series()
    noted = day.history("SELECT product, consent_key FROM receipt JOIN batch USING (batch_id) WHERE channel = 'email'")
    assert {key for product, key in noted if product == "care"} <= set(keys)
    assert {key for product, key in noted if product == "late"} == {None}


def test_what_was_shown_and_not_sent_is_told_too(day):
    with clock(MORNING):
        told = explain(day.load(), _customer(day)).messages
    sent = {(row["product"], row["channel"]): row for row in told}
    assert {channel for _, channel in sent} == {"email", "web"}
    email = sent["care", "email"]
    assert email["agreed"]["happened_at"] is not None
    assert email["sources"] == [
        {"dimension": "last_order", "columns": ["needs.item"]},
        {"dimension": "name", "columns": ["people.first_name"]},
    ]


def test_the_queries_of_the_documentation_answer_from_the_history(day):
    text = (ROOT / "docs" / "how-to" / "history.md").read_text("utf-8")
    asked = text.partition("```sql\n")[2].partition("```")[0].split(";\n")
    left, built_on, *_ = (day.history(query) for query in asked if query.strip())
    assert sum(count for *_, count in left) == day.history("SELECT count(*) FROM receipt")[0][0]
    assert built_on == []  # nothing left in the third quarter
    this_year = asked[1].replace("2026-07-01", "2026-01-01").replace("2026-09-30", "2026-12-31")
    people = {person for person, *_ in day.history(this_year)}
    everybody = day.history("SELECT DISTINCT person_key FROM decision JOIN delivery USING (decision_id)")
    assert people == {person for (person,) in everybody}  # whoever got one of these helps could tell why


def _customer(tiny: Tiny) -> str:
    """One who got `care` by e-mail."""
    rows = [row for batch in tiny.batches() if batch.target == "email_file" for row in batch.rows]
    by_id = {row["message_id"]: row["customer_id"] for row in rows}
    care = tiny.history(
        "SELECT message_id FROM receipt WHERE product = 'care' AND facts = ['last_order', 'name'] ORDER BY 1"
    )
    return next(by_id[found] for (found,) in care if found in by_id)
