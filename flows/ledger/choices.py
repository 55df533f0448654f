"""Choices among helps in the ledger: how likely each was, and what came of the people they were made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from flows.ledger.store import Ledger

CONTEXTS = pl.List(pl.Struct({"name": pl.String, "value": pl.String}))
SIGNALS = pl.List(pl.Struct({"name": pl.String, "strength": pl.Float64}))
_MADE = {
    "product": pl.String(),
    "is_given": pl.Boolean(),
    "among": pl.List(pl.String),
    "chances": pl.List(pl.Float64),
    "nothing": pl.Float64(),
    "share": pl.Float64(),
    "by_rules": pl.String(),
    "contexts": CONTEXTS,
    "signals": SIGNALS,
}
NOTED = pl.Schema({**dict.fromkeys(("decision_id", "person_key", "brand"), pl.String()), **_MADE})
"""A choice as it is kept: the open helps with the probability that each is given, and that nothing is, of those for whom any
help was decided on, which are a `share`."""
PARTS = 5
"""Into which people fall by their keys, whatever is asked of them."""
TOLD = pl.Schema({"part": pl.Int64(), **_MADE, "has_happened": pl.Boolean()})
"""The first choice that was made for a person, and whether an outcome has happened to them within its time."""


def note(ledger: Ledger, as_of: date, choices: pl.DataFrame) -> None:
    """Keep choices whose decisions are in the ledger, each once; inside the transaction that notes these.

    Args:
        ledger: in a transaction.
        as_of: the day.
        choices: `NOTED`.
    """
    if choices.is_empty():
        return
    names = ", ".join(choices.columns)
    ledger.execute(
        f"""
        INSERT INTO choice ({names}, as_of) SELECT {names}, $day FROM added
        SEMI JOIN decision USING (decision_id) ANTI JOIN choice USING (decision_id)
        """,
        {"day": as_of},
        added=choices,
    )


def days(ledger: Ledger) -> list[date]:
    """The days for which choices were made."""
    return ledger.rows("SELECT DISTINCT as_of FROM choice ORDER BY 1")["as_of"].to_list()


def told(ledger: Ledger, outcomes: Sequence[str], windows: pl.DataFrame) -> pl.DataFrame:
    """`TOLD` of people whose first choice was made on one of some days, in no order that tells who they are.

    Args:
        ledger: open.
        outcomes: the names of what counts.
        windows: `ledger.tally.WINDOWS`, of these days.
    """
    rows = ledger.rows(
        """
        WITH made AS (
            SELECT * FROM choice QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY as_of, brand) = 1
        ),
        mine AS (SELECT * FROM made JOIN windows USING (as_of)),
        hit AS (
            SELECT DISTINCT m.person_key FROM mine m JOIN outcome o
                ON o.person_key = m.person_key AND o.happened_at >= m.starts_at AND o.happened_at < m.ends_at
            WHERE list_contains($outcomes, o.outcome)
        )
        SELECT ('0x' || person_key[:8])::BIGINT % $parts AS part, product, is_given, among, chances, nothing, share, by_rules,
            contexts, signals, person_key IN (SELECT person_key FROM hit) AS has_happened
        FROM mine ORDER BY sha256(person_key)
        """,
        {"outcomes": list(outcomes), "parts": PARTS},
        windows=windows,
    )
    return rows.cast(dict(TOLD))  # type: ignore[arg-type]
