"""What the ledger remembers of people: for `once_every`, for the next run's comparisons, for `explain`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flows.schemas import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import polars as pl

    from flows.ledger.store import Ledger


def read_history(ledger: Ledger, since: date, today: date, persons: Sequence[str] | None = None) -> pl.DataFrame:
    """Claims, and held-out wins, of `since` and later, and all that was decided `today`: `schemas.HISTORY`.

    Decisions of dates in the future count as well, so that a clock that is set back loosens nothing. A decision of today counts
    without a claim too, or a second run would decide anew for whom another customer of the same address got the message;
    not so those of a run that was abandoned before all of it was delivered. With `persons` theirs alone, by their keys.
    """
    named = _named(persons or ())
    whose = f"AND {_among(named)}" if persons else ""
    rows = ledger.rows(
        f"""
        SELECT DISTINCT person_key, brand, product, message_type, subject_key, as_of FROM claim WHERE as_of >= $since {whose}
        UNION
        SELECT person_key, brand, product, message_type, subject_key, as_of FROM decision
        WHERE as_of >= $since AND reason = 'HOLDOUT' {whose}
        UNION
        SELECT person_key, brand, product, message_type, subject_key, d.as_of FROM decision d JOIN run USING (run_id)
        WHERE d.as_of = $today AND state <> 'abandoned' {whose}
        """,
        {"since": since, "today": today, **named},
    )
    return rows.cast(HISTORY)


def last_sources(ledger: Ledger) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    """Table -> rows, and table -> column -> type, at the last run that delivered; empty before the first.

    Runs that go by another are passed over: what falls by a little from event to event falls by much from day to day.
    """
    rows = ledger.rows(
        """
        SELECT source_rows::varchar AS rows, coalesce(source_columns::varchar, '{}') AS columns FROM run
        WHERE goes_by IS NULL ORDER BY started_at DESC LIMIT 1
        """
    )
    return ({}, {}) if rows.is_empty() else (json.loads(rows["rows"].item()), json.loads(rows["columns"].item()))


def last_counts(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """Product -> rows of its segment, and those of them that may be spoken to, at the last run that delivered it to everybody."""
    rows = ledger.rows(
        """
        SELECT product, arg_max(row_count, started_at) AS row_count, arg_max(open_count, started_at) AS open_count
        FROM segment_count JOIN run USING (run_id) GROUP BY product
        """
    )
    return {product: (row_count, open_count) for product, row_count, open_count in rows.iter_rows()}


def messages_to(ledger: Ledger, persons: Sequence[str]) -> pl.DataFrame:
    """What one person was sent, and where they were held out, the latest first; under whichever of their keys it was noted.

    Returns:
        `as_of, product, brand, channel, message_type, product_version, batch_id, state`; what the receipt says: `level, facts,
        because, facts_at, sources` (lists of a dimension with its instant, or with its columns), `consent_key, words_sha256,
        consent_checked_at`. Of a held-out win only the first three, and `state` says so.
    """
    named = _named(persons)
    theirs = _among(named)
    decided = ledger.rows(
        f"SELECT decision_id, as_of, product, brand, message_type, reason FROM decision WHERE {theirs}", named
    )
    claimed = ledger.rows(
        f"SELECT message_id, batch_id, as_of, product, brand, channel, message_type FROM claim WHERE {theirs}", named
    )
    found = ledger.rows(
        """
        WITH failed AS (
            SELECT message_id, batch_id, any_value(state) AS state FROM acknowledgement
            WHERE message_id IS NOT NULL AND state = 'failed' GROUP BY ALL
        )
        SELECT
            m.as_of, m.product, m.brand, m.channel, m.message_type, m.batch_id, coalesce(f.state, b.state) AS state,
            m.message_id, b.as_of AS batch_as_of
        FROM (FROM claimed UNION FROM unclaimed) m JOIN batch b USING (batch_id) LEFT JOIN failed f USING (message_id, batch_id)
        UNION ALL BY NAME
        SELECT as_of, product, brand, 'held out' AS state FROM decided WHERE reason = 'HOLDOUT'
        """,
        decided=decided,
        claimed=claimed,
        unclaimed=_unclaimed(ledger, decided).cast(claimed.schema),
    )
    receipts = _receipts(ledger, found.drop_nulls("message_id"))
    told = found.join(receipts, on=["message_id", "batch_id"], how="left", maintain_order="left").select(_TOLD)
    order = ["as_of", "product", "channel"]
    return told.sort(order, descending=[True, False, False], nulls_last=True, maintain_order=True)


def _unclaimed(ledger: Ledger, decided: pl.DataFrame) -> pl.DataFrame:
    """What came of some decisions without a claim: what is shown on the web or in ads, and what failed and gave its claim back.

    To look for a few decisions among all deliveries takes as long as all the rest, so that is left where no batch has any.

    Returns:
        `message_id, batch_id, as_of, product, brand, channel, message_type`.
    """
    without = "(kind = 'state' OR released_count > 0)"
    is_any = decided.height and ledger.rows(f"SELECT 1 FROM batch WHERE {without} LIMIT 1").height
    deliveries = "delivery" if is_any else "(FROM delivery LIMIT 0)"
    return ledger.rows(
        f"""
        SELECT d.message_id, d.batch_id, b.as_of, e.product, e.brand, b.channel, e.message_type
        FROM decided e JOIN {deliveries} d USING (decision_id) JOIN batch b USING (batch_id) WHERE {without}
        """,
        decided=decided,
    )


_TOLD = (
    *("as_of", "product", "brand", "channel", "message_type", "product_version", "batch_id", "state", "level", "facts"),
    *("because", "facts_at", "sources", "consent_key", "words_sha256", "consent_checked_at"),
)


def _receipts(ledger: Ledger, messages: pl.DataFrame) -> pl.DataFrame:
    """What is noted of some messages: only the days of their batches are looked at, since receipts lie in the order of days.

    Args:
        ledger: open.
        messages: `message_id, batch_as_of`.
    """
    days = ", ".join(f"DATE '{day}'" for day in messages["batch_as_of"].unique().sort()) or "NULL"
    ids = {f"message_{place}": name for place, name in enumerate(messages["message_id"])}
    return ledger.rows(
        f"""
        WITH behind AS (
            SELECT sources_sha256, list(struct_pack(dimension, columns) ORDER BY dimension) AS sources FROM source GROUP BY ALL
        )
        SELECT
            r.message_id, r.batch_id, r.product_version, r.level, r.facts, r.because, r.facts_at, s.sources, r.consent_key,
            r.words_sha256, r.consent_checked_at
        FROM receipt r LEFT JOIN behind s USING (sources_sha256)
        WHERE r.as_of IN ({days}) AND r.message_id IN ({", ".join(f"${name}" for name in ids) or "NULL"})
        """,
        ids,
    )


def _named(persons: Sequence[str]) -> dict[str, str]:
    """Keys of a person by names of parameters: what a list holds is not looked for where rows are read, but after."""
    return {f"person_{place}": key for place, key in enumerate(persons)}


def _among(names: Iterable[str]) -> str:
    return f"person_key IN ({', '.join(f'${name}' for name in names)})"
