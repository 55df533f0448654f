"""What became of the people for whom a product was decided, counted by DuckDB: no row of a person leaves the ledger."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import polars as pl

from flows.ledger.recalls import CALLED_BACK

if TYPE_CHECKING:
    from datetime import date, datetime

    from flows.ledger.store import Ledger

CELL = pl.Schema(
    {
        "as_of": pl.Date(),
        "is_held_out": pl.Boolean(),
        "variant": pl.String(),
        "propensity": pl.Float64(),
        "has_channel": pl.Boolean(),
        "is_reached": pl.Boolean(),
        "drawn_level": pl.Int8(),
    }
)
"""People who are alike: by the day and the draw of their first decision, whether a message would go, and whether one did."""
DRAWN = pl.Schema({**{name: CELL[name] for name in ("as_of", "is_held_out", "variant", "propensity", "drawn_level")}})
"""How people were drawn on a day."""
WATCHED = pl.Schema({"metric": pl.String(), "name": pl.String(), "is_said": pl.Boolean()})
"""What counts for a metric: an outcome of a name; or, where `is_said`, a consent event of a state."""
WINDOWS = pl.Schema({"as_of": pl.Date(), "starts_at": pl.Datetime("us"), "ends_at": pl.Datetime("us")})
"""From when to when what happens counts for people decided for on a day; UTC without its zone, the end is not part of it."""

_COUNTED = {**CELL, "people": pl.Int64()}
_HAPPENED = {**_COUNTED, "metric": pl.String(), **dict.fromkeys(("total", "spread", "cubes", "fourths"), pl.Float64())}
_TOGETHER = ", ".join(CELL)
_PEOPLE = f"""
    CREATE OR REPLACE TEMP TABLE person AS
    WITH "first" AS (
        -- Of a person's decisions the first that was logged of the first day: later ones find somebody who was treated already.
        SELECT min((as_of - DATE '2000-01-01') * (1::BIGINT << 40) + rowid) & ((1::BIGINT << 40) - 1) AS row_id
        FROM decision WHERE product = $product AND as_of >= $since GROUP BY person_key
    ),
    reached AS (
        -- What failed or lapsed has no claim any more.
        SELECT c.decision_id FROM claim c JOIN batch b USING (batch_id)
        WHERE c.product = $product AND c.as_of >= $since AND b.kind = 'message' AND b.state IN ('published', 'loaded', 'sent')
          AND (c.message_id, c.batch_id) NOT IN (SELECT (message_id, batch_id) FROM ({CALLED_BACK}))
    )
    SELECT d.person_key, d.as_of, coalesce(d.reason = 'HOLDOUT', false) AS is_held_out, d.variant, d.propensity,
        d.drawn_level, d.channel IS NOT NULL AS has_channel, d.decision_id IN (SELECT decision_id FROM reached) AS is_reached
    FROM decision d SEMI JOIN "first" f ON d.rowid = f.row_id
"""
_EVENTS = """
    SELECT o.person_key, w.metric, o.happened_at, o.value FROM outcome o JOIN watched w ON w.name = o.outcome AND NOT w.is_said
    UNION ALL
    SELECT e.person_key, w.metric, e.happened_at, NULL FROM consent_event e JOIN watched w ON w.name = e.state AND w.is_said
    WHERE e.person_key IS NOT NULL
"""


def drawn(ledger: Ledger, product: str) -> pl.DataFrame:
    """`DRAWN` of all that was ever decided for a product, each once, by day."""
    rows = ledger.rows(
        """
        SELECT DISTINCT as_of, coalesce(reason = 'HOLDOUT', false) AS is_held_out, variant, propensity, drawn_level
        FROM decision
        WHERE product = $product ORDER BY ALL
        """,
        {"product": product},
    )
    return rows.cast(dict(DRAWN))  # type: ignore[arg-type]


def told_until(ledger: Ledger) -> datetime | None:
    """When outcomes came in last, in UTC without its zone: of what has happened since nothing is known."""
    found: datetime | None = ledger.rows("SELECT max(received_at) AS at FROM outcome")["at"].item()
    return found


def outcomes_told(ledger: Ledger) -> list[str]:
    """The names of all outcomes that have ever come in."""
    return ledger.rows("SELECT DISTINCT outcome FROM outcome ORDER BY 1")["outcome"].to_list()


def values_told(ledger: Ledger) -> list[str]:
    """The names of all outcomes that have ever come in with what they were worth."""
    return ledger.rows("SELECT DISTINCT outcome FROM outcome WHERE value IS NOT NULL ORDER BY 1")["outcome"].to_list()


def tallied(
    ledger: Ledger,
    product: str,
    since: date,
    windows: pl.DataFrame,
    watched: pl.DataFrame,
    largest_value: float | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count the people of a product's experiment, and of how many of them something has happened, and what that was worth.

    Args:
        ledger: open.
        product: whose decisions.
        since: the first day of the experiment; of each person the first decision from then on counts.
        windows: `WINDOWS`, of each day of decisions.
        watched: `WATCHED`.
        largest_value: what all of it is worth at the most, of one person; None: any number.

    Returns:
        `CELL` and `people`; `CELL`, `metric` and `people`, those of whom it has happened within their window at least once,
        with what it was worth of all of them (`total`), the sum of the squares of how far each is from their mean (`spread`),
        and the sums of the third and fourth powers (`cubes, fourths`). What comes without a value is worth nothing.
    """
    ledger.execute(_PEOPLE, {"product": product, "since": since})
    people = ledger.rows(f"SELECT {_TOGETHER}, count(*) AS people FROM person GROUP BY ALL ORDER BY ALL")
    happened = ledger.rows(
        f"""
        WITH hit AS (
            SELECT p.person_key, {_TOGETHER}, e.metric,
                greatest(-$most, least($most, sum(coalesce(e.value, 0)))) AS value
            FROM ({_EVENTS}) e JOIN person p USING (person_key) JOIN windows USING (as_of)
            WHERE e.happened_at >= starts_at AND e.happened_at < ends_at
            GROUP BY ALL
        )
        SELECT {_TOGETHER}, metric, count(*) AS people, sum(value) AS total, count(*) * var_pop(value) AS spread,
            sum(value ** 3) AS cubes, sum(value ** 4) AS fourths
        FROM hit GROUP BY {_TOGETHER}, metric ORDER BY ALL
        """,
        {"most": inf if largest_value is None else largest_value},
        windows=windows,
        watched=watched,
    )
    ledger.execute("DROP TABLE person")
    return people.cast(_COUNTED), happened.cast(_HAPPENED)  # type: ignore[arg-type]
