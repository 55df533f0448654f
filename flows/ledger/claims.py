"""Claims: the right to send one message, given once, by set and under the run's lock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.ledger.pressure import HEARD_SINCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from flows.ledger.store import Ledger

CLAIM = (
    "message_id",
    "decision_id",
    "lane",
    "attempt",
    "as_of",
    "person_key",
    "brand",
    "product",
    "subject_key",
    "message_type",
    "channel",
    "address_key",
)


@dataclass(frozen=True)
class Batch:
    """What one run publishes for one target and brand: `outbox/<target>/<as_of>-<number>/`."""

    batch_id: str
    run_id: str
    target: str
    brand: str
    channel: str
    kind: str
    as_of: date
    number: int
    row_count: int
    valid_until: datetime

    @property
    def folder(self) -> str:
        """Its name below outbox/<target>/."""
        return f"{self.as_of}-{self.number}"


@dataclass(frozen=True)
class Header:
    """A batch before it has a number."""

    run_id: str
    target: str
    brand: str
    channel: str
    kind: str
    as_of: date
    corrects: str | None = None


def verdicts(ledger: Ledger, wanted: pl.DataFrame) -> pl.DataFrame:
    """What the ledger says against each wanted message, decided inside the transaction of the claim.

    Only the end of the history is read, as far back as any of the messages asks: its rows lie in the order of their days.

    Args:
        ledger: open.
        wanted: the columns of `CLAIM`, `repeats_after` (date: claims after it, of the same help, bar the message),
            `per_subject` (whether only those about the same subject do) and `windows` (see `caps.WINDOWS`).

    Returns:
        `message_id, reason`: REPEATED, SILENCED_BY_SERVICE, CAPPED, DUPLICATE_ADDRESS, or null where the message may be claimed.
    """
    if wanted.is_empty():
        return wanted.select("message_id", reason=pl.lit(None, pl.String))
    since = wanted["windows"].explode().struct.field("since").min()
    oldest = wanted.select(pl.min_horizontal("repeats_after", "as_of").min()).item()
    return ledger.rows(
        f"""
        WITH recent AS MATERIALIZED (
            SELECT * FROM claim WHERE as_of >= $oldest AND person_key IN (SELECT person_key FROM wanted)
        ),
        that_day AS MATERIALIZED (
            SELECT * FROM claim WHERE as_of IN (SELECT as_of FROM wanted) AND address_key IN (SELECT address_key FROM wanted)
        ),
        held AS (SELECT * FROM decision WHERE as_of >= $oldest AND reason = 'HOLDOUT'),
        asked AS (
            SELECT message_id, person_key, brand, channel, unnest(windows) AS w
            FROM wanted WHERE message_type = 'marketing' AND channel IS NOT NULL
        ),
        capped AS (
            SELECT a.message_id FROM asked a JOIN ({HEARD_SINCE}) h
                ON h.person_key = a.person_key AND h.brand = a.brand AND h.at >= a.w.since
            WHERE a.w.channels = [] OR (list_contains(a.w.channels, a.channel) AND list_contains(a.w.channels, h.channel))
            GROUP BY a.message_id, a.w.cap, a.w.most HAVING count(*) >= a.w.most
        )
        SELECT w.message_id, CASE
            WHEN EXISTS (SELECT 1 FROM recent c WHERE c.message_id = w.message_id) THEN 'REPEATED'
            WHEN w.attempt > 1 THEN NULL  -- a correction is on purpose: nothing but itself is in its way
            WHEN EXISTS (
                SELECT 1 FROM recent c
                WHERE c.person_key = w.person_key AND c.brand = w.brand AND c.product = w.product
                  AND c.as_of > w.repeats_after AND c.decision_id <> w.decision_id
                  AND (NOT w.per_subject OR c.subject_key IS NOT DISTINCT FROM w.subject_key)
            ) THEN 'REPEATED'
            WHEN w.message_type = 'marketing' AND EXISTS (
                SELECT 1 FROM recent c
                WHERE c.person_key = w.person_key AND c.brand = w.brand AND c.as_of = w.as_of
                  AND c.message_type = 'marketing' AND c.decision_id <> w.decision_id
            ) THEN 'REPEATED'
            WHEN w.message_type = 'marketing' AND EXISTS (
                SELECT 1 FROM recent c
                WHERE c.person_key = w.person_key AND c.brand = w.brand AND c.as_of = w.as_of AND c.message_type = 'service'
            ) THEN 'SILENCED_BY_SERVICE'
            WHEN EXISTS (
                SELECT 1 FROM held d
                WHERE d.person_key = w.person_key AND d.brand = w.brand
                  AND d.decision_id <> w.decision_id
                  AND ((d.product = w.product AND d.as_of > w.repeats_after
                        AND (NOT w.per_subject OR d.subject_key IS NOT DISTINCT FROM w.subject_key))
                       OR (d.as_of = w.as_of AND d.message_type = 'marketing' AND w.message_type = 'marketing'))
            ) THEN 'REPEATED'
            WHEN w.message_id IN (SELECT message_id FROM capped) THEN 'CAPPED'
            WHEN EXISTS (
                SELECT 1 FROM that_day c
                WHERE c.brand = w.brand AND c.channel = w.channel AND c.address_key = w.address_key
                  AND c.as_of = w.as_of AND c.message_type = w.message_type AND c.decision_id <> w.decision_id
                  AND (w.message_type = 'marketing'
                       OR (c.product = w.product AND c.subject_key IS NOT DISTINCT FROM w.subject_key))
            ) THEN 'DUPLICATE_ADDRESS'
        END AS reason
        FROM wanted w
        """,
        {"since": since or present().replace(tzinfo=None), "oldest": oldest or present().date()},
        wanted=wanted,
    ).cast({"reason": pl.String})


def claimed_addresses(ledger: Ledger, as_of: date) -> pl.DataFrame:
    """Where a day's messages go: `brand, channel, message_type, product, subject_key, address_key`."""
    rows = ledger.rows(
        "SELECT brand, channel, message_type, product, subject_key, address_key FROM claim WHERE as_of = $as_of",
        {"as_of": as_of},
    )
    return rows.cast(pl.String)


def claim(
    ledger: Ledger,
    header: Header,
    wanted: Iterable[pl.DataFrame],
    valid_until: datetime,
    *,
    row_count: int | None = None,
) -> Batch:
    """Open a batch and make its claims; call it inside a transaction, with the messages that `verdicts` let through.

    Args:
        ledger: in a transaction.
        header: of the batch.
        wanted: the columns of `CLAIM`, in any pieces; none for a state target, which claims nothing.
        valid_until: UTC instant after which the batch must not be used.
        row_count: rows that the batch will have; None where that is one per claim.
    """
    batch, stamp, claims = _numbered(ledger, header, valid_until, row_count or 0), pl.lit(present()), 0
    for part in wanted:
        ledger.append("claim", part.select(*CLAIM, batch_id=pl.lit(batch.batch_id), claimed_at=stamp))
        claims += part.height
    batch = batch if row_count is not None else replace(batch, row_count=claims)
    row = pl.DataFrame(
        {
            "batch_id": batch.batch_id,
            "run_id": batch.run_id,
            "target": batch.target,
            "brand": batch.brand,
            "channel": batch.channel,
            "kind": batch.kind,
            "as_of": batch.as_of,
            "number": batch.number,
            "state": "claimed",
            "row_count": batch.row_count,
            "valid_until": batch.valid_until,
            "corrects": header.corrects,
        }
    )
    ledger.append("batch", row.with_columns(claimed_at=stamp))
    return batch


def _numbered(ledger: Ledger, header: Header, valid_until: datetime, row_count: int) -> Batch:
    """A number that no batch of this target and date has had, not even an aborted one: names are never used twice."""
    last = ledger.rows(
        "SELECT coalesce(max(number), 0) AS number FROM batch WHERE target = $target AND as_of = $as_of",
        {"target": header.target, "as_of": header.as_of},
    ).item()
    number = int(last) + 1
    return Batch(
        batch_id=f"{header.target}-{header.as_of}-{number}",
        run_id=header.run_id,
        target=header.target,
        brand=header.brand,
        channel=header.channel,
        kind=header.kind,
        as_of=header.as_of,
        number=number,
        row_count=row_count,
        valid_until=valid_until,
    )
