"""How fast people come to products, and how often their successes happen: counted by DuckDB, no person leaves the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from datetime import date, datetime

    from flows.ledger.store import Ledger

DAYS = pl.Schema({"as_of": pl.Date(), "starts_at": pl.Datetime("us")})
"""When days begin, UTC without its zone."""
ASKED = pl.Schema({"product": pl.String(), "metric": pl.String(), "outcome": pl.String(), "within": pl.Duration("us")})
"""What counts for a metric of a product, and for how long from the start of a person's day on."""
PACE = pl.Schema({"product": pl.String(), "first_on": pl.Date(), "people": pl.Int64()})
"""How many people something was decided for, each counted once, and since when."""
HAPPENED = pl.Schema({"product": pl.String(), "metric": pl.String(), "people": pl.Int64(), "hits": pl.Int64()})
"""Of the people whose time is over, to how many something has happened within it."""


def paced(
    ledger: Ledger, days: pl.DataFrame, asked: pl.DataFrame, until: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count the people of each product of marketing, by their first decision in some days, and what has happened to them.

    Args:
        ledger: open.
        days: `DAYS`, without a gap: of earlier ones, and of later ones, nothing counts.
        asked: `ASKED`.
        until: by when a person's time has to be over, to count for how often something happens; UTC without its zone.

    Returns:
        `PACE` and `HAPPENED`, by product. Who is held out counts like everybody else.
    """
    found = ledger.rows(
        f"SELECT product, min(as_of) AS first_on, count(*) AS people FROM ({_FIRST}) GROUP BY product ORDER BY product",
        days=days,
    )
    happened = ledger.rows(
        f"""
        WITH "first" AS ({_FIRST}),
        metric AS (SELECT DISTINCT product, metric, "within" FROM asked),
        over AS (
            SELECT product, metric, person_key, starts_at, starts_at + "within" AS ends_at
            FROM "first" JOIN days USING (as_of) JOIN metric USING (product) WHERE starts_at + "within" <= $until
        ),
        hit AS (
            SELECT DISTINCT product, metric, person_key
            FROM over v JOIN asked a USING (product, metric) JOIN outcome o USING (person_key)
            WHERE o.outcome = a.outcome AND o.happened_at >= v.starts_at AND o.happened_at < v.ends_at
        )
        SELECT product, metric, count(*) AS people, count(h.person_key) AS hits
        FROM over LEFT JOIN hit h USING (product, metric, person_key) GROUP BY ALL ORDER BY ALL
        """,
        {"until": until},
        days=days,
        asked=asked,
    )
    return found.cast(dict(PACE)), happened.cast(dict(HAPPENED))  # type: ignore[arg-type]


def people_since(ledger: Ledger, product: str | None, since: date) -> int:
    """How many people of marketing something was decided for from a day on, of a product, or of all (None)."""
    rows = ledger.rows(
        "SELECT count(DISTINCT person_key) AS people FROM decision WHERE as_of >= $since AND message_type = 'marketing' "
        "AND coalesce(product = $product, true)",
        {"product": product, "since": since},
    )
    return int(rows["people"].item())


_FIRST = """
    SELECT product, person_key, min(as_of) AS as_of FROM decision
    WHERE message_type = 'marketing' AND as_of BETWEEN (SELECT min(as_of) FROM days) AND (SELECT max(as_of) FROM days)
    GROUP BY product, person_key
"""
