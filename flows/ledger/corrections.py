"""What a correction has to know of the batch that it corrects, and which batches cannot be corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import StateError, nearest
from flows.ledger.recalls import CALLED_BACK
from flows.schemas import INSTANT

if TYPE_CHECKING:
    from datetime import date

    from flows.ledger.store import Ledger

_TEXTS = ("person_key", "brand", "product", "subject_key", "message_type", "decision_id", "lane", "channel", "variant")
TOLD = pl.Schema(
    {
        **dict.fromkeys(_TEXTS, pl.String()),
        "attempt": pl.Int32(),
        "propensity": pl.Float64(),
        "score": pl.Float64(),
        "drawn_level": pl.Int8(),
        "claimed_at": INSTANT,
    }
)
"""A message that is to be corrected, as it was decided; `attempt` is the one of the correction."""


@dataclass(frozen=True)
class Wrong:
    """A batch that is to be corrected.

    Attributes:
        batch_id, target, brand, channel: of it.
        as_of: its day.
        rows: `TOLD`.
    """

    batch_id: str
    target: str
    brand: str
    channel: str
    as_of: date
    rows: pl.DataFrame


def correctable(ledger: Ledger, batch_id: str) -> Wrong:
    """A batch with what it told whom.

    What failed reached nobody and has no claim any more; what was called back did so unless it is known to be sent.

    Raises:
        StateError: there is no such batch, nobody has loaded it, it reached nobody, or it was corrected before.
    """
    batch = _batch(ledger, batch_id)
    _check_seen(batch_id, str(batch["kind"]), str(batch["state"]))
    done = ledger.rows(
        """
        SELECT batch_id FROM batch WHERE corrects = $batch AND state NOT IN ('aborted', 'failed', 'lapsed')
        ORDER BY rowid DESC
        """,
        {"batch": batch_id},
    )["batch_id"]
    if done.len():
        hint = f"if that is wrong, too, correct it: justenough correct {done[0]}"
        raise StateError(batch_id, f"this batch was corrected by {done[0]}", hint)
    rows = ledger.rows(
        f"""
        SELECT c.person_key, c.brand, c.product, c.subject_key, c.message_type, c.decision_id, c.lane, c.channel, d.variant,
            c.claimed_at, c.attempt + 1 AS attempt, coalesce(d.propensity, 1) AS propensity, coalesce(d.score, 0) AS score,
            d.drawn_level
        FROM claim c LEFT JOIN (SELECT DISTINCT ON (decision_id) * FROM decision ORDER BY decision_id) d USING (decision_id)
        WHERE c.batch_id = $batch AND (
            c.message_id NOT IN (SELECT message_id FROM ({CALLED_BACK}) WHERE batch_id = $batch)
            OR c.message_id IN (SELECT message_id FROM acknowledgement WHERE batch_id = $batch AND state = 'sent')
        )
        ORDER BY c.message_id
        """,
        {"batch": batch_id},
    )
    rows = rows.with_columns(pl.col("claimed_at").dt.replace_time_zone("UTC")).cast(dict(TOLD))  # type: ignore[arg-type]
    about = {name: str(batch[name]) for name in ("target", "brand", "channel")}
    return Wrong(batch_id, as_of=batch["as_of"], rows=rows.select(TOLD.names()), **about)  # type: ignore[arg-type]


def _batch(ledger: Ledger, batch_id: str) -> dict[str, object]:
    names = "target, brand, channel, kind, as_of, state"
    rows = ledger.rows(f"SELECT {names} FROM batch WHERE batch_id = $batch", {"batch": batch_id})
    if rows.is_empty():
        known = ledger.rows("SELECT batch_id FROM batch ORDER BY rowid DESC LIMIT 20")["batch_id"]
        raise StateError(batch_id, "there is no such batch", nearest(batch_id, known))
    return rows.row(0, named=True)


def _check_seen(batch_id: str, kind: str, state: str) -> None:
    """Refuse a batch that has told nobody anything. Raises StateError."""
    if kind != "message":
        what = "nothing of it is sent to anybody, so there is nothing to correct"
        raise StateError(batch_id, what, "what platforms hold is put right by: justenough run")
    if state == "published":
        hint = f"call it back: justenough recall --batch {batch_id}; "
        hint += f"if it was loaded, say so: justenough acknowledge {batch_id} loaded"
        raise StateError(batch_id, "nobody has told that it was loaded", hint)
    if state == "hold":
        hint = f"look at the platform, then: justenough recover {batch_id} --abort, or --taken"
        raise StateError(batch_id, "this batch is on hold: nobody knows whether it was seen", hint)
    if state not in ("loaded", "sent"):
        raise StateError(batch_id, f"this batch is {state}: it reached nobody", "the next run decides anew")
