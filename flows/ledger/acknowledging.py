"""Written is not sent: what the other end tells of a batch, and what that gives back.

A batch goes published -> loaded -> sent; or it failed, or lapsed because nobody loaded it in time. What failed or lapsed reached
nobody, so its claims are released: nobody is capped by it, and the same help may come again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.clock import present
from flows.errors import StateError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.ledger.store import Ledger

Told = Literal["loaded", "sent", "failed", "lapsed"]
_MAY_FOLLOW: dict[str, tuple[str, ...]] = {
    "loaded": ("published", "hold"),
    "sent": ("published", "hold", "loaded"),
    "failed": ("published", "loaded"),
    "lapsed": ("published",),
}
"""What a batch may have been before. One on hold that was loaded or sent has been seen, so the doubt is over."""
_LATER = {"loaded": ("sent",), "failed": ("failed", "lapsed"), "lapsed": ("failed", "lapsed")}
"""What is further along already, so that a late or repeated acknowledgement changes nothing."""


def acknowledge(ledger: Ledger, batch_id: str, told: Told, messages: Collection[str] = ()) -> int:
    """Note what was told of a batch, or of some of its messages; repeated, it changes nothing.

    Args:
        ledger: open, in no transaction.
        batch_id: of the batch.
        told: what became of it.
        messages: the `message_id` of those that failed; none means the whole batch.

    Returns:
        How many claims were released.

    Raises:
        StateError: there is no such batch or message, or it cannot have become that.
    """
    batch = _batch(ledger, batch_id)
    state = str(batch["state"])
    if messages and told != "failed":
        raise StateError(batch_id, f"single messages cannot be {told}", "acknowledge the batch, or what failed in it")
    if told in ("failed", "lapsed") and batch["kind"] == "state":
        hint = "load its files: what comes later builds on what they add and take away"
        raise StateError(batch_id, f"what a platform holds cannot have {told}", hint)
    if not messages and (state == told or state in _LATER.get(told, ())):
        return 0
    if state not in _MAY_FOLLOW[told] and not (messages and state == "sent"):
        raise StateError(batch_id, f"this batch is {state}, and cannot be {told}", "see: justenough recover")
    if messages:
        _check_messages(ledger, batch_id, messages)
    with ledger.transaction():
        released = _release(ledger, batch_id, messages) if told in ("failed", "lapsed") else 0
        noted = pl.DataFrame({"message_id": list(messages) if messages else [None]}, {"message_id": pl.String})
        known = ledger.rows(
            "SELECT message_id FROM acknowledgement WHERE batch_id = $batch AND state = $state",
            {"batch": batch_id, "state": told},
        )
        new = noted.join(known.cast(pl.String), on="message_id", how="anti", nulls_equal=True)
        stamp = pl.lit(present())
        ledger.append(
            "acknowledgement", new.with_columns(batch_id=pl.lit(batch_id), state=pl.lit(told), received_at=stamp)
        )
        ledger.execute(
            """
            UPDATE batch SET state = CASE WHEN $whole THEN $state ELSE state END, released_count = released_count + $released
            WHERE batch_id = $batch
            """,
            {"whole": not messages, "state": told, "released": released, "batch": batch_id},
        )
    return released


def lapse(ledger: Ledger, targets: Collection[str]) -> list[str]:
    """Note that batches have lapsed: of targets that tell when they have loaded one, what they have not in time.

    Returns:
        Their ids.
    """
    over = ledger.rows(
        """
        SELECT batch_id FROM batch
        WHERE state = 'published' AND kind = 'message' AND valid_until <= $now AND target IN (SELECT unnest($targets))
        ORDER BY batch_id
        """,
        {"now": present().replace(tzinfo=None), "targets": list(targets)},
    )["batch_id"].to_list()
    for batch_id in over:
        acknowledge(ledger, batch_id, "lapsed")
    return over


def failed(ledger: Ledger, batch_id: str) -> tuple[str, str, str, pl.Series]:
    """The run, target and brand of a batch, and the `message_id` of what failed or lapsed in it.

    Raises:
        StateError: there is no such batch, or nothing of it failed.
    """
    batch = _batch(ledger, batch_id)
    found = ledger.rows(
        """
        SELECT DISTINCT d.message_id FROM delivery d JOIN acknowledgement a USING (batch_id)
        WHERE d.batch_id = $batch AND a.state IN ('failed', 'lapsed') AND (a.message_id IS NULL OR a.message_id = d.message_id)
        """,
        {"batch": batch_id},
    )["message_id"].cast(pl.String)
    if found.is_empty():
        raise StateError(batch_id, "nothing of this batch failed", "see: justenough acknowledge --help")
    return str(batch["run_id"]), str(batch["target"]), str(batch["brand"]), found


def _batch(ledger: Ledger, batch_id: str) -> dict[str, object]:
    rows = ledger.rows(
        "SELECT run_id, target, brand, kind, state FROM batch WHERE batch_id = $batch", {"batch": batch_id}
    )
    if rows.is_empty():
        known = ledger.rows("SELECT batch_id FROM batch ORDER BY rowid DESC LIMIT 20")["batch_id"]
        raise StateError(batch_id, "there is no such batch", nearest(batch_id, known))
    return rows.row(0, named=True)


def _check_messages(ledger: Ledger, batch_id: str, messages: Collection[str]) -> None:
    wanted = pl.DataFrame({"message_id": list(messages)}, {"message_id": pl.String})
    strange = ledger.rows(
        "SELECT count(*) FROM wanted ANTI JOIN (SELECT message_id FROM delivery WHERE batch_id = $batch) USING (message_id)",
        {"batch": batch_id},
        wanted=wanted,
    ).item()
    if strange:
        raise StateError(
            batch_id, f"{strange} of {len(messages)} messages are not in this batch", "look at the file's batch"
        )


def _release(ledger: Ledger, batch_id: str, messages: Collection[str]) -> int:
    """Give back claims of a batch; returns how many."""
    condition = "batch_id = $batch" + (" AND message_id IN (SELECT unnest($messages))" if messages else "")
    given = {"batch": batch_id} | ({"messages": list(messages)} if messages else {})
    count = int(ledger.rows(f"SELECT count(*) FROM claim WHERE {condition}", given).item())
    ledger.execute(f"DELETE FROM claim WHERE {condition}", given)
    return count
