"""What became of everybody whom marketing was ever decided for, by month, counted by DuckDB: no row of a person leaves it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import polars as pl

from flows.ledger.recalls import CALLED_BACK

if TYPE_CHECKING:
    from datetime import datetime

    from flows.ledger.store import Ledger

MONTHS = pl.Schema({"month": pl.Date(), "starts_at": pl.Datetime("us")})
"""The first day of each month, without a gap, and when it begins; UTC without its zone."""
DAYS = pl.Schema({"as_of": pl.Date(), "starts_at": pl.Datetime("us")})
"""When days begin, likewise."""
WANTED = pl.Schema({"outcome": pl.String(), "metric": pl.String(), "is_value": pl.Boolean()})
"""What counts for a metric: each outcome of a name once, or, where `is_value`, what it was worth."""
ENTERED = pl.Schema(
    {"month": pl.Date(), "is_held_out": pl.Boolean(), "global_holdout": pl.Float64(), "people": pl.Int64()}
)
"""People by the month of their first decision, whether the global holdout held them then, and the share that it was to hold."""
AMOUNTS = pl.Schema(
    {
        **ENTERED,
        "metric": pl.String(),
        **dict.fromkeys(("total", "spread", "cubes", "fourths"), pl.Float64()),
    }
)
"""Of the people of whom something has happened in a month (null: in any), how often, or what it was worth: their sum, the sum of
the squares of how far each is from their mean, and the sums of the third and fourth powers."""
CONTACTS = pl.Schema({"month": pl.Date(), "channel": pl.String(), "messages": pl.Int64()})
REACHED = pl.Schema({"month": pl.Date(), "people": pl.Int64()})

_FIRST = """
    CREATE OR REPLACE TEMP TABLE entrant AS
    WITH "first" AS (
        SELECT min((as_of - DATE '2000-01-01') * (1::BIGINT << 40) + rowid) & ((1::BIGINT << 40) - 1) AS row_id
        FROM decision WHERE message_type = 'marketing' AND is_held_of_all IS NOT NULL GROUP BY person_key
    )
    SELECT person_key, d.as_of, date_trunc('month', d.as_of)::DATE AS "month", is_held_of_all AS is_held_out, global_holdout
    FROM decision d SEMI JOIN "first" f ON d.rowid = f.row_id JOIN run USING (run_id)
"""
_LEFT = f"""
    claim c JOIN batch b USING (batch_id)
    WHERE c.message_type = 'marketing' AND b.kind = 'message' AND b.state IN ('published', 'loaded', 'sent')
    AND (c.message_id, c.batch_id) NOT IN (SELECT (message_id, batch_id) FROM ({CALLED_BACK}))
"""


def decision_days(ledger: Ledger) -> pl.Series:
    """The days on which marketing was decided of which it is known whom the global holdout held; in order."""
    rows = ledger.rows(
        "SELECT DISTINCT as_of FROM decision WHERE message_type = 'marketing' AND is_held_of_all IS NOT NULL ORDER BY 1"
    )
    return rows["as_of"].cast(pl.Date)


def by_month(
    ledger: Ledger,
    days: pl.DataFrame,
    months: pl.DataFrame,
    until: datetime,
    wanted: pl.DataFrame,
    largest_value: float | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count the people of all products together, and what has happened to them since each one's first decision.

    Args:
        ledger: open.
        days: `DAYS`, those of `decision_days`.
        months: `MONTHS`, from the first one that counts on.
        until: what happens then and later does not count: the end of a month, UTC without its zone.
        wanted: `WANTED`.
        largest_value: what one person is worth at the most in a month; None: any number.

    Returns:
        `ENTERED`; `AMOUNTS` by month, and, with `month` null, of all months together.
    """
    ledger.execute(_FIRST)
    kept = "is_held_out, global_holdout"
    entered = ledger.rows(f'SELECT "month", {kept}, count(*) AS people FROM entrant GROUP BY ALL ORDER BY ALL')
    amounts = ledger.rows(
        f"""
        WITH since AS (SELECT person_key, {kept}, starts_at FROM entrant JOIN days USING (as_of)),
        event AS (
            SELECT o.person_key, m."month", {kept}, w.metric, CASE WHEN w.is_value THEN coalesce(o.value, 0) ELSE 1 END AS amount,
                CASE WHEN w.is_value THEN $most ELSE $endless END AS most
            FROM outcome o JOIN wanted w USING (outcome) JOIN since s USING (person_key)
                ASOF JOIN months m ON o.happened_at >= m.starts_at
            WHERE o.happened_at >= s.starts_at AND o.happened_at < $until
        ),
        monthly AS (
            SELECT person_key, "month", {kept}, metric, greatest(-most, least(most, sum(amount))) AS amount
            FROM event GROUP BY person_key, "month", {kept}, metric, most
        ),
        whole AS (SELECT person_key, NULL::DATE AS "month", {kept}, metric, sum(amount) AS amount FROM monthly GROUP BY ALL)
        SELECT "month", {kept}, count(*) AS people, metric, sum(amount) AS total, count(*) * var_pop(amount) AS spread,
            sum(amount ** 3) AS cubes, sum(amount ** 4) AS fourths
        FROM (FROM monthly UNION ALL FROM whole) GROUP BY "month", {kept}, metric ORDER BY ALL
        """,
        {"until": until, "most": inf if largest_value is None else largest_value, "endless": inf},
        days=days,
        months=months,
        wanted=wanted,
    )
    ledger.execute("DROP TABLE entrant")
    return entered.cast(dict(ENTERED)), amounts.cast(dict(AMOUNTS))  # type: ignore[arg-type]


def contacts(ledger: Ledger) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`CONTACTS`: the messages of marketing that left and were not called back; `REACHED`: to how many people they went."""
    month = "date_trunc('month', c.as_of)::DATE"
    sent = ledger.rows(
        f'SELECT {month} AS "month", c.channel, count(*) AS messages FROM {_LEFT} GROUP BY ALL ORDER BY ALL'
    )
    reached = ledger.rows(
        f'SELECT {month} AS "month", count(DISTINCT c.person_key) AS people FROM {_LEFT} GROUP BY ALL ORDER BY ALL'
    )
    return sent.cast(dict(CONTACTS)), reached.cast(dict(REACHED))  # type: ignore[arg-type]


def unsubscribed(ledger: Ledger, months: pl.DataFrame) -> pl.DataFrame:
    """`REACHED` of who said no in each of some months, by themselves or by what a platform told.

    Args:
        ledger: open.
        months: `MONTHS`.
    """
    rows = ledger.rows(
        """
        WITH said AS (
            SELECT coalesce(person_key, event_id) AS who, happened_at FROM consent_event WHERE state = 'no'
            UNION ALL SELECT person_key, happened_at FROM outcome WHERE outcome = 'unsubscribed'
        )
        SELECT "month", count(DISTINCT who) AS people FROM said ASOF JOIN months m ON happened_at >= m.starts_at
        GROUP BY "month" ORDER BY "month"
        """,
        months=months,
    )
    return rows.cast(dict(REACHED))  # type: ignore[arg-type]
