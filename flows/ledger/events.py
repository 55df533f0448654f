"""What people did that a run has answered: each event once, whichever file tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.schemas import INSTANT

if TYPE_CHECKING:
    from flows.ledger.store import Ledger

EVENTS = pl.Schema(
    {
        "event_id": pl.String(),
        "person_key": pl.String(),
        "event": pl.String(),
        "channel": pl.String(),
        "happened_at": INSTANT,
    }
)


def answered(ledger: Ledger, asked: pl.DataFrame) -> pl.DataFrame:
    """`event_id, answered_to`: those of some events that were answered, and the `person_key` of whom.

    A run that was abandoned has answered nothing.

    Args:
        ledger: open.
        asked: `event_id, known_as`: under which ids each may have been noted, by keys of before, too.
    """
    return ledger.rows(
        """
        SELECT a.event_id, any_value(e.person_key) AS answered_to FROM event e
        JOIN asked a ON a.known_as = e.event_id JOIN run USING (run_id) WHERE state <> 'abandoned' GROUP BY a.event_id
        """,
        asked=asked,
    ).cast(pl.String)
