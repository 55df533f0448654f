"""Messages that may be sent still, and those of them that were called back: each once, while it is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.schemas import INSTANT

if TYPE_CHECKING:
    from datetime import datetime

    from flows.ledger.store import Ledger

OPEN = pl.Schema(
    {
        **dict.fromkeys(
            ("target", "brand", "channel", "message_id", "batch_id", "run_id", "person_key", "product", "subject_key"),
            pl.String(),
        ),
        "claimed_at": INSTANT,
        "valid_until": INSTANT,
    }
)
"""A message that has left, or may have, and of which nobody has told that it was sent."""

_HAS_LEFT = "b.state IN ('published', 'loaded', 'hold')"
CALLED_BACK = """
    SELECT r.message_id, r.recalled_batch_id AS batch_id FROM recall r JOIN batch b USING (batch_id)
    WHERE b.state NOT IN ('failed', 'lapsed')
"""
"""What was called back by a batch that is not known to have come to nothing at the other end."""


def recallable(ledger: Ledger, now: datetime) -> pl.DataFrame:
    """`OPEN`: the messages that may be sent still, each on its own, and have not been called back yet.

    A batch on hold may have been taken before the machine stopped, so it counts. What failed or lapsed has no claim any more.

    Args:
        ledger: open.
        now: UTC instant; what is valid until then or earlier is not sent any more.
    """
    rows = ledger.rows(
        f"""
        SELECT b.target, b.brand, b.channel, c.message_id, c.batch_id, b.run_id, c.person_key, c.product, c.subject_key,
            c.claimed_at, d.valid_until
        FROM claim c JOIN batch b USING (batch_id) JOIN delivery d USING (message_id, batch_id)
        WHERE {_HAS_LEFT} AND d.valid_until > $now
          AND (c.message_id, c.batch_id) NOT IN (
              SELECT (message_id, batch_id) FROM acknowledgement WHERE message_id IS NOT NULL AND state = 'sent'
          )
          AND (c.message_id, c.batch_id) NOT IN (SELECT (message_id, batch_id) FROM ({CALLED_BACK}))
        ORDER BY b.target, b.brand, c.message_id, c.batch_id
        """,
        {"now": now.replace(tzinfo=None)},
    )
    instants = [name for name, kind in OPEN.items() if kind == INSTANT]
    return rows.with_columns(pl.col(instants).dt.replace_time_zone("UTC")).cast(dict(OPEN))  # type: ignore[arg-type]


def recallable_runs(ledger: Ledger, now: datetime) -> list[str]:
    """The runs of batches of which something may be sent still: their plans say to whom."""
    rows = ledger.rows(
        f"SELECT DISTINCT run_id FROM batch b WHERE kind = 'message' AND {_HAS_LEFT} AND valid_until > $now",
        {"now": now.replace(tzinfo=None)},
    )
    return rows["run_id"].to_list()


def recalled_rows(rows: pl.DataFrame, batch_id: str) -> pl.DataFrame:
    """Rows of the ledger's table `recall`: that a batch has called messages back.

    Args:
        rows: `message_id, batch_id` of the messages, and `reason`.
        batch_id: of the batch that calls them back.
    """
    return rows.select("message_id", recalled_batch_id="batch_id", batch_id=pl.lit(batch_id), reason="reason")


def note_withdrawn(ledger: Ledger, rows: pl.DataFrame) -> None:
    """Note that messages were called back before their batch left for its other end: it is what takes them away itself.

    Args:
        ledger: open.
        rows: `message_id, batch_id, reason`.
    """
    with ledger.transaction():
        added = rows.select("message_id", "batch_id", recalled_batch_id="batch_id", reason="reason")
        ledger.append("recall", added)
