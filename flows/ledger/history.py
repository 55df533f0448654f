"""What the ledger remembers of people: for `once_every`, for the next run's comparisons, for `explain`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from flows.schemas import HISTORY

if TYPE_CHECKING:
    from datetime import date

    from flows.ledger.store import Ledger


def read_history(ledger: Ledger, since: date, today: date) -> pl.DataFrame:
    """Claims, and held-out wins, of `since` and later, and all that was decided `today`: `schemas.HISTORY`.

    Decisions of dates in the future count as well, so that a clock that is set back loosens nothing. A decision of today counts
    without a claim too, or a second run would decide anew for whom another customer of the same address got the message;
    not so those of a run that was abandoned before all of it was delivered.
    """
    rows = ledger.rows(
        """
        SELECT DISTINCT person_key, brand, product, message_type, subject_key, as_of FROM claim WHERE as_of >= $since
        UNION
        SELECT person_key, brand, product, message_type, subject_key, as_of FROM decision
        WHERE as_of >= $since AND reason = 'HOLDOUT'
        UNION
        SELECT person_key, brand, product, message_type, subject_key, d.as_of FROM decision d JOIN run USING (run_id)
        WHERE d.as_of = $today AND state <> 'abandoned'
        """,
        {"since": since, "today": today},
    )
    return rows.cast(HISTORY)


def erased_people(ledger: Ledger) -> pl.DataFrame:
    """`person_key` of everybody who asked to be forgotten."""
    return ledger.rows("SELECT DISTINCT person_key FROM tombstone").cast({"person_key": pl.String})


def last_source_rows(ledger: Ledger) -> dict[str, int]:
    """Table -> rows at the last run that delivered; empty before the first."""
    rows = ledger.rows("SELECT source_rows::varchar AS source_rows FROM run ORDER BY started_at DESC LIMIT 1")
    return {} if rows.is_empty() else {str(name): int(count) for name, count in json.loads(rows.item()).items()}


def messages_to(ledger: Ledger, person_key: str) -> pl.DataFrame:
    """What one person was sent, and where they were held out, the latest first.

    Returns:
        `as_of, product, brand, channel, facts, product_version, batch_id, state`; of a held-out win only the first three, and
        `state` says so.
    """
    return ledger.rows(
        """
        SELECT c.as_of, c.product, c.brand, c.channel, r.facts, r.product_version, c.batch_id, b.state
        FROM claim c JOIN batch b USING (batch_id) LEFT JOIN receipt r USING (message_id, batch_id)
        WHERE c.person_key = $person
        UNION ALL
        SELECT as_of, product, brand, NULL, NULL, NULL, NULL, 'held out' FROM decision
        WHERE person_key = $person AND reason = 'HOLDOUT'
        ORDER BY 1 DESC, 2, 4
        """,
        {"person": person_key},
    )
