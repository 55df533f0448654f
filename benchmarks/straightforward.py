"""The straightforward script: what a good engineer writes for the same job without this program.

    .venv/bin/python benchmarks/straightforward.py WORKSPACE DATABASE ADDRESSES OUT --now 2026-11-22T09:00:00

It stands alone and imports nothing of this program: DuckDB for the frozen queries, pandas, then a Python loop with sandboxed
Jinja2, csv, json, hmac and hashlib. It takes the decisions that the line takes of the sample's products with an empty history
(who may be told, how well it fits, one help a day, the holdout, quiet hours, crowds, one message per address), and writes
files that the same platforms load: calls of SES, a CSV of texts, audiences for Google. ADDRESSES is a Parquet file of addresses
that were read before; settings, products and templates are the workspace's.

What it leaves to the line: history, claims, receipts, what a run that was killed leaves behind, budgets of what is shown,
a check of what templates do, slots. An e-mail's layout is rendered once for each sender, the words once for each person.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import duckdb
from straightforward_files import SMALLEST, Shop, days, worded, write

HERE = Path(__file__).resolve().parent
FROZEN = HERE / "frozen"
STRENGTHS = {"low": 0.5, "medium": 1.0, "high": 2.0}
ZONES = available_timezones()


def digest() -> str:
    """Of all that it runs: a changed script is another script."""
    files = (*sorted(HERE.glob("straightforward*.py")), *sorted(FROZEN.rglob("*.sql")))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    kind = {datetime: "TIMESTAMP ", date: "DATE "}.get(type(value), "")
    return f"{kind}'{value}'"


def bound(query: str, **values: Any) -> str:
    """A query with its parameters: views take none."""
    return re.sub(r"\$(\w+)", lambda found: literal(values[found[1]]), query)


def prepared(shop: Shop, database: Path, addresses: Path) -> duckdb.DuckDBPyConnection:
    """What the frozen queries yield of people and consent, in a database in memory."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{database}' AS w (READ_ONLY)")
    given = {"now": shop.now, "as_of": shop.as_of, "addresses": str(addresses)}
    connection.execute(bound((FROZEN / "visible.sql").read_text("utf-8"), **given))
    for name in ("customers", "consent", "suppressions", "exclusions/open_complaint"):
        query = bound((FROZEN / f"{name}.sql").read_text("utf-8"), **given)
        connection.execute(f"CREATE VIEW {name.partition('/')[0]}_query AS {query}")
    connection.execute(bound((FROZEN / "contacts.sql").read_text("utf-8"), **given))
    return connection


def candidates(shop: Shop, connection: duckdb.DuckDBPyConnection, name: str) -> list[Any]:
    """Who may need one help."""
    product = shop.products[name]
    query = (FROZEN / "segments" / f"{product['segment']}.sql").read_text("utf-8")
    connection.execute(f"CREATE OR REPLACE VIEW segment_query AS {bound(query, now=shop.now, as_of=shop.as_of)}")
    asked = {key: product[key] for key in ("brands", "topic", "message_type")}
    frame = connection.sql(bound((FROZEN / "candidates.sql").read_text("utf-8"), **asked)).df()
    frame = frame.astype(object).where(frame.notna(), None)
    return list(frame.itertuples(index=False, name="Row"))


def open_channels(shop: Shop, row: Any, *, is_marketing: bool) -> set[str]:
    """The channels by which a person can be reached and may be spoken to."""
    found = set()
    for channel, address in (("email", row.email), ("sms", row.phone), ("ads", row.email)):
        needs_yes = is_marketing or channel == "ads"
        is_barred = getattr(row, f"{channel}_barred") or getattr(row, f"{channel}_no")
        if address and not is_barred and (getattr(row, f"{channel}_yes") or not needs_yes):
            found.add(channel)
    return found & shop.settings["targets"][row.brand].keys()


def score(shop: Shop, product: dict[str, Any], row: Any) -> float:
    """How well a help fits, from 0 to 1."""
    relevance = product.get("relevance")
    if relevance is None:
        return 1.0
    total = relevance.get("base", -2.0)
    for name, term in relevance.items():
        if name in ("base", "threshold"):
            continue
        signal, weight = getattr(row, name), term.get("weight") or STRENGTHS[term["strength"]]
        if signal is None:
            continue
        if "fades_in" in term:
            age = max(int((shop.now - signal).total_seconds()), 0) / days(term["fades_in"]).total_seconds()
            signal = math.exp(-math.log(2) * age)
        total += weight * float(signal)
    return 1 / (1 + math.exp(-total))


def drawn(salt: str, customer_id: str) -> float:
    return int(hashlib.sha256(f"{salt}:{customer_id}".encode()).hexdigest()[:13], 16) / 2**52


def decided(shop: Shop, connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """One help for each person and brand, service messages apart."""
    units: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for name, product in shop.products.items():
        is_marketing, ends_at = (
            product["message_type"] == "marketing",
            shop.starts_at + days(product["when"]["valid_for"]),
        )
        threshold = (product.get("relevance") or {}).get("threshold", 0.25)
        for row in candidates(shop, connection, name):
            next_due_on, valid_until = getattr(row, "next_due_on", None), min(row.valid_until or ends_at, ends_at)
            ways = open_channels(shop, row, is_marketing=is_marketing)
            first = next((channel for channel in product["channels"]["first_of"] if channel in ways), None)
            if (next_due_on and next_due_on.date() > shop.as_of) or first is None or valid_until <= shop.now:
                continue
            fit = score(shop, product, row)
            if fit >= threshold or product.get("relevance") is None:
                units[row.customer_id, row.brand].append(
                    {"product": name, "row": row, "score": fit, "valid_until": valid_until, "first": first,
                     "is_shown_ads": "ads" in ways, "is_marketing": is_marketing,
                     "subject_id": getattr(row, "subject_id", None) or ""}
                )  # fmt: skip
    won = []
    holdout, salt = shop.settings.get("global_holdout", 0.05), f"{shop.settings['name']}/global_holdout"
    for (customer_id, _), found in sorted(units.items()):
        found.sort(key=lambda one: (-one["score"], one["product"], one["subject_id"]))
        service = {one["subject_id"]: one for one in reversed(found) if not one["is_marketing"]}
        if service:
            won += service.values()
        elif drawn(salt, customer_id) >= holdout:
            won.append(found[0])
    return won


@cache
def opening(zones: tuple[str, ...], now: datetime) -> tuple[datetime, datetime]:
    """The first stretch after now that is no night anywhere; on days on which the clocks change it may be an hour off."""
    nights = []
    for zone in map(ZoneInfo, zones):
        for day in (now.date() + timedelta(days=n) for n in range(-3, 5)):
            begins = datetime(day.year, day.month, day.day, 20, tzinfo=zone)
            nights.append([at.astimezone(UTC).replace(tzinfo=None) for at in (begins, begins + timedelta(hours=12))])
    nights.sort()
    opens = nights[0][1]
    for begins, ends in nights:
        if opens < begins and now < begins:
            return opens, begins
        opens = max(opens, ends)
    raise ValueError(zones)


def routed(shop: Shop, won: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A delivery for each way, and when it may be sent; then what depends on all of them: crowds, and one per address."""
    found = []
    for one in won:
        row, first = one["row"], one["first"]
        times = shop.starts_at, one["valid_until"]
        if first == "sms" and one["is_marketing"]:
            home = row.time_zone if row.time_zone in ZONES else shop.settings["timezone"]
            number = row.phone_zones.split("|") if row.phone_zones else []
            opens, closes = opening((home,) if home in number else (home, *number), shop.now)
            times = (
                (max(opens, shop.starts_at), min(closes, one["valid_until"])) if opens < one["valid_until"] else None
            )
        if times:
            found.append({**one, "channel": first, "lane": "first", "times": times})
        if one["is_shown_ads"] and "ads" in shop.products[one["product"]]["channels"]["also"]:
            found.append({**one, "channel": "ads", "lane": "ads", "times": times})
    people = {(one["product"], one["row"].brand, one["row"].customer_id) for one in found if one["channel"] == "ads"}
    crowds = Counter((product, brand) for product, brand, _ in people)
    found = [one for one in found if one["channel"] != "ads" or crowds[one["product"], one["row"].brand] >= SMALLEST]
    taken: set[tuple[Any, ...]] = set()
    kept = []
    for one in sorted(found, key=lambda one: (-one["score"], one["row"].customer_id)):
        row = one["row"]
        about = () if one["is_marketing"] else (one["product"], one["subject_id"])
        address = row.phone if one["channel"] == "sms" else row.email_match
        place = (row.brand, one["channel"], one["is_marketing"], address, about)
        if place not in taken:
            taken.add(place)
            kept.append(one)
    return sorted(kept, key=lambda one: one["row"].customer_id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("workspace", "database", "addresses", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True, help="UTC")
    asked = parser.parse_args()
    began = time.perf_counter()
    shop = Shop(asked.workspace, asked.now.replace(tzinfo=None))
    found = routed(shop, decided(shop, prepared(shop, asked.database, asked.addresses)))
    for one in found:
        worded(shop, one)
    write(shop, asked.out, found)
    print(json.dumps({"seconds": time.perf_counter() - began, "digest": digest()}))


if __name__ == "__main__":
    main()
