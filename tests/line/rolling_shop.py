"""A tiny workspace whose segments say when people come to be due, and one that does not; and what a rolling run has to equal.

`owners` names who has needed something for two days, until the twentieth, unless a complaint is open; `late` whose parcel was
promised for an earlier day and is not here; `again`, of the product of that name, who has needed something for five days: it does
not say `tells_when_due`. Labels of items say nothing about people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.line.planned import scan_decisions, scan_deliveries
from flows.schemas import KEYS
from tests.tiny import FILES, MORNING, Tiny, day, make

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import polars as pl

    from flows.plan import Plan

COUNT = 12
TABLES = """
CREATE TABLE parcels (order_id VARCHAR, promised_on DATE, arrived_at TIMESTAMP);
CREATE TABLE complaints (customer_id VARCHAR, opened_at TIMESTAMP, closed_at TIMESTAMP);
CREATE TABLE items (item VARCHAR, label VARCHAR);
INSERT INTO items VALUES ('tent', 'Alpine tent'), ('rope', 'rope'), ('stove', 'stove');
"""
OWNERS = """
SELECT n.customer_id, n.brand, i.label AS item, p.first_name, n.interest, (n.since_at + INTERVAL 2 DAY)::DATE AS next_due_on
FROM needs n JOIN people p USING (customer_id, brand) LEFT JOIN items i USING (item)
WHERE n.since_at > $now - INTERVAL 20 DAY
    AND n.customer_id NOT IN (SELECT customer_id FROM complaints WHERE closed_at IS NULL AND customer_id IS NOT NULL)
QUALIFY row_number() OVER (PARTITION BY n.customer_id, n.brand ORDER BY n.since_at DESC, n.item) = 1
"""
LATE = """
SELECT o.customer_id, o.brand, o.order_id AS subject_id, any_value(o.item) AS item, any_value(p.first_name) AS first_name,
    any_value(o.late_days) AS late_days, min(w.promised_on) + 1 AS next_due_on
FROM late_orders o JOIN people p USING (customer_id, brand) JOIN parcels w USING (order_id)
WHERE coalesce(w.arrived_at > $now, true)
GROUP BY o.customer_id, o.brand, o.order_id
"""
AGAIN = """
SELECT n.customer_id, n.brand, any_value(p.first_name) AS first_name, max(n.since_at) AS since_at
FROM needs n JOIN people p USING (customer_id, brand)
WHERE n.since_at <= $now - INTERVAL 5 DAY
GROUP BY n.customer_id, n.brand
"""
LEAVING = "why: They have what is sold there.\nbecause: [last_order]\ncomes_and_goes: true\n"
AGAIN_PRODUCT = (
    FILES["templates/care/product.yaml"]
    .replace("segment: owners", "segment: again")
    .replace("[email, sms], also: [web]", "[email]")
    .replace("relevance: {interest: {weight: 1}}", "relevance: {since_at: {strength: high, fades_in: 9 days}}")
    .replace("brands: [north, south]", "brands: [north]")
    .replace("dimensions: [last_order, name]", "dimensions: [name]")
)


def person(number: int) -> tuple[object, ...]:
    name = f"c{number:02}"
    return (name, "north", f"{name}@x.example.com", None, f"Person {number}", None, None)


def shop(folder: Path) -> Tiny:
    """The workspace; nobody needs anything yet but `c00`, whose need is long over."""
    tiny = make(folder, people=[person(number) for number in range(COUNT)], late=[], brands=["north"])
    tiny.warehouse(TABLES)
    needs(tiny, 0, at=day(-60))
    tables = "  parcels:     {person: {via: order_id, to: late_orders}, may_be_empty: true}\n"
    tables += "  complaints:  {person: customer_id, happened_at: opened_at, may_be_empty: true}\n"
    tables += "  items:       {personal: false}\ndimensions:\n"
    tiny.edit("sql/dimensions.yaml", "dimensions:\n", tables)
    tiny.edit("sql/dimensions.yaml", "late_orders.*]", "late_orders.*, parcels.*]")
    tiny.edit(
        "sql/dimensions.yaml",
        "  name: ",
        "  trouble:    {my: my complaint, columns: [complaints.*], known: observed}\n  name: ",
    )
    for name, text in (("owners", OWNERS), ("late", LATE), ("again", AGAIN)):
        (tiny.folder / f"sql/segments/{name}.sql").write_text(text, "utf-8")
    for name in ("owners", "late"):
        tiny.edit(f"sql/segments/{name}.yaml", "fields:", "tells_when_due: true\nfields:")
    fields = "fields:\n  first_name: {dimension: name, examples: [Ann]}\n"
    (tiny.folder / "sql/segments/again.yaml").write_text(fields, "utf-8")
    tiny.edit(
        "templates/care/product.yaml",
        "because: [last_order]",
        "because: [last_order]\nunseen: {trouble: Nobody can tell.}",
    )
    (tiny.folder / "templates/again").mkdir()
    (tiny.folder / "templates/again/product.yaml").write_text(AGAIN_PRODUCT, "utf-8")
    words = FILES["templates/care/email.j2"].replace("{% if item %}{{ item }}{% else %}new kit{% endif %}", "it")
    (tiny.folder / "templates/again/email.j2").write_text(words, "utf-8")
    tiny.advertise(least=2)
    audience = {
        "sql": "SELECT DISTINCT customer_id, brand FROM needs WHERE since_at > $now - INTERVAL 6 DAY",
        "yaml": LEAVING,
    }
    for kind, text in audience.items():
        (tiny.folder / "sql/audiences").mkdir(exist_ok=True)
        (tiny.folder / f"sql/audiences/needy.{kind}").write_text(text, "utf-8")
    tiny.set(largest_fall=1, largest_rise=1000, caps=[], tolerated_share=1)
    return tiny


def needs(tiny: Tiny, number: int, item: str = "tent", *, at: datetime = MORNING, interest: float = 3) -> None:
    """Somebody comes to need something."""
    tiny.warehouse(f"INSERT INTO needs VALUES ('c{number:02}', 'north', '{item}', {interest}, '{at:%F %T}')")


def planned(tiny: Tiny, plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame, tuple[object, ...]]:
    """All that a plan has decided and would deliver, and what it counts."""
    folder = tiny.state / "plans" / plan.order.run_id
    deliveries = scan_deliveries(folder).collect()
    deliveries = deliveries.select(sorted(deliveries.columns)).sort(
        "product", "customer_id", "brand", "subject_id", "lane"
    )
    counted = (plan.people, plan.deliveries, plan.candidates, plan.open_counts, plan.counts, plan.left_out, plan.missed)
    return scan_decisions(folder).sort(KEYS).collect(), deliveries, counted


def same_as_full(tiny: Tiny, at: datetime, parts: int = 1) -> Plan:
    """Plan both ways at one instant, see that they are the same, and return the rolling plan."""
    full, rolling = tiny.plan(at=at, rolling=False), tiny.plan(at=at, rolling=True, parts=parts)
    (decisions, deliveries, counts), others = planned(tiny, full), planned(tiny, rolling)
    assert decisions.equals(others[0])
    assert deliveries.equals(others[1])
    assert counts == others[2]
    return rolling
