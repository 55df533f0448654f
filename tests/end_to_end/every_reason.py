"""A shop on its second day, in which every reason comes up: for whom it is about, what was done before, and what is new."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from flows import line
from flows.keys import load_key
from tests.tiny import MORNING, Tiny, clock, day, make

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {
    "told": 120,  # had the care guide on the first day
    "due": 63,
    "rare": 5,  # nobody else has what they have
    "text": 6,  # reached by text message alone, for which there is no budget
    "pair": 8,  # two and two share an address
    "no": 10,
    "barred": 5,
    "listed": 5,
    "wrong": 5,  # neither address nor number can be one
    "none": 5,  # neither is known
    "late": 8,  # their order is late
    "over": 6,  # the occasion is over
    "full": 112,  # had a hint on the first day, and no more is allowed for now
    "cool": 8,  # not relevant enough
    "both": 6,  # two helps are due
    "hint": 112,  # the other help alone
    "seen": 6,  # were shown much lately
    "german": 6,
    "gone": 4,  # asked to be forgotten
}
OTHERS = {"other": 60, "before": 20, "waited": 8}
"""As many customers of whom no event tells: due; told on the first day; and whose order was late then."""
NAMED = [f"{group}{n:03}" for group, count in GROUPS.items() for n in range(count)]


def shop(folder: Path) -> Tiny:
    """The state after the first day, with the news of the second one in the warehouse."""
    ids = [*NAMED, *(f"{group}{n:03}" for group, count in OTHERS.items() for n in range(count))]
    late = [(customer, "north", f"o{customer}", "tent", 4) for customer in ids if customer.startswith("waited")]
    tiny = make(folder, people=[_person(customer) for customer in ids], late=late, brands=["north"])
    _products(tiny)
    _settings(tiny)
    with clock(day(0)):
        line.run(tiny.load(), line.Request())
    _news(tiny, ids)
    with clock(day(1)):
        line.forget(tiny.load().settings, [name for name in NAMED if name.startswith("gone")])
    return tiny


def _group(customer: str) -> tuple[str, int]:
    return customer[:-3], int(customer[-3:])


def _person(customer: str) -> tuple[object, ...]:
    group, number = _group(customer)
    item = {"told": "tent", "before": "tent", "full": "hint", "gone": "tent"}.get(group)
    mail, phone = f"{customer}@x.example.com", None
    if group == "pair":
        mail = f"pair{number // 2}@x.example.com"
    if group in {"text", "none", "wrong"}:
        mail = "no address" if group == "wrong" else None
    if group in {"text", "listed", "wrong"}:
        phone = "123" if group == "wrong" else f"+49151123{456_00 + number + 20 * (group == 'text'):05}"
    return (customer, "north", mail, phone, f"Person {customer}", item, 3.0 if item else None)


def _products(tiny: Tiny) -> None:
    care, tips = tiny.folder / "templates/care", tiny.folder / "templates/tips"
    tiny.advertise(least=120)
    words = "{% block headline %}Care{% if item %} for your {{ item }}{% endif %}{% endblock %}"
    (care / "ads.j2").write_text(f"{words}{{% block description %}}It lasts.{{% endblock %}}", "utf-8")
    shutil.copytree(care, tips)
    tiny.edit("templates/tips/product.yaml", "interest: {weight: 1}", "interest: {weight: 0.9}")
    tiny.edit("templates/tips/product.yaml", "segment: owners", "segment: hints")
    for name in ("email", "sms", "web", "ads"):
        shutil.copy(care / f"{name}.j2", care / f"{name}.b.j2")
    tiny.edit("templates/care/product.yaml", "success:", "test: {variants: {a: 50%, b: 50%}}\nsuccess:")
    tiny.speak("de")
    tiny.edit("templates/care/product.yaml", "once_every:", "locales: [en]\nonce_every:")
    owners, about = tiny.folder / "sql/segments/owners.sql", tiny.folder / "sql/segments/owners.yaml"
    until = "CASE WHEN n.item = 'old' THEN n.since_at END AS valid_until,\n   "
    query = owners.read_text("utf-8").replace("n.interest", f"{until} n.interest")
    for name, condition in (("owners", "<>"), ("hints", "=")):
        text = f"{query}WHERE n.item {condition} 'hint'\n"
        (tiny.folder / f"sql/segments/{name}.sql").write_text(text, "utf-8")
        (tiny.folder / f"sql/segments/{name}.yaml").write_text(about.read_text("utf-8"), "utf-8")


def _settings(tiny: Tiny) -> None:
    tiny.set(caps=["1 in 3 days"])  # type: ignore[arg-type]
    tiny.edit("pyproject.toml", "global_holdout = 0", "global_holdout = 0.05")
    more = '[tool.justenough.budgets.north]\nsms = "0 a run"\n\n[tool.justenough.exposure]\nin_30_days = 2\nin_90_days = 9\n\n'
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{more}[tool.justenough.crowd]\nemail = 3")


def _news(tiny: Tiny, ids: list[str]) -> None:
    """What has happened since the first day."""
    items = {"rare": "kit {}", "over": "old", "hint": "hint"}
    silent = {"told", "before", "gone", "waited"}
    needs = []
    for group, number in map(_group, ids):
        if group not in silent:
            item = items.get(group, "tent").format(number)
            needs.append((f"{group}{number:03}", item, 0.0 if group == "cool" else 3.0))
        if group == "both":
            needs.append((f"{group}{number:03}", "hint", 3.0))
    since = MORNING - timedelta(days=1)
    with duckdb.connect(str(tiny.folder / "warehouse.duckdb")) as shop:
        shop.executemany(
            f"INSERT INTO needs VALUES ($1, 'north', $2, $3, TIMESTAMP '{since:%F %T}')", [list(row) for row in needs]
        )
        of = "FROM people WHERE customer_id LIKE '{}%'"
        shop.execute(
            f"INSERT INTO late_orders SELECT customer_id, brand, 'o' || customer_id, 'tent', 4 {of.format('late')}"
        )
        shop.execute(
            "INSERT INTO consents SELECT 'no', customer_id, brand, '*', '*', 'no', TIMESTAMP '2026-11-22 12:00:00' "
            + of.format("no0")
        )
        shop.execute(f"INSERT INTO barred SELECT customer_id {of.format('barred')}")
        for channel, column in (("email", "email"), ("sms", "phone")):
            listed = f"SELECT '{channel}', {column}, '*', 'complaint', TIMESTAMP '2026-01-01' {of.format('listed')}"
            shop.execute(f"INSERT INTO suppressed {listed}")
        shop.execute("UPDATE people SET locale = 'de-AT' WHERE customer_id LIKE 'german%'")
    key = load_key(tiny.state / "key")
    seen = [name for name in ids if name.startswith("seen")]
    persons = pl.DataFrame({"customer_id": seen}).select(key.of(pl.col("customer_id"))).to_series()
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as ledger:
        for person in persons:
            for dimension in ("age", "health"):
                row = [person, "north", dimension, MORNING.date(), "earlier"]
                ledger.execute("INSERT INTO exposure VALUES ($1, $2, $3, $4, $5)", row)
