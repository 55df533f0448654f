"""Written is not sent: what the other end tells of a batch, and what that gives back.

A batch goes published -> loaded -> sent; or it failed, or lapsed because nobody loaded it in time. What failed or lapsed reached
nobody, so its claims are released: nobody is capped by it, and the same help may come again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.errors import StateError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.ledger.states import Told
    from flows.ledger.store import Ledger

_MAY_FOLLOW: dict[str, tuple[str, ...]] = {
    "loaded": ("published", "hold"),
    "sent": ("published", "hold", "loaded"),
    "failed": ("published", "loaded"),
    "lapsed": ("published",),
}
"""What a batch may have been before. One on hold that was loaded or sent has been seen, so the doubt is over."""
_LATER = {"loaded": ("sent",), "failed": ("failed", "lapsed"), "lapsed": ("failed", "lapsed")}
"""What is further along already, so that a late or repeated acknowledgement changes nothing."""

_RANK = {"loaded": 1, "sent": 2, "failed": 3, "lapsed": 3}
"""A message only rises here, in whatever order it is told: what failed has given its claim back, and stays so."""


@dataclass(frozen=True)
class Heard:
    """What became of single messages that were told of.

    Attributes:
        noted: state -> how many are that now and were not before.
        released: claims that were given back.
        known: told before, or further along already.
        elsewhere: of another batch; they change nothing.
        unknown: of no batch that is known here.
    """

    noted: Mapping[str, int] = field(default_factory=dict)
    released: int = 0
    known: int = 0
    elsewhere: int = 0
    unknown: int = 0


def acknowledge(ledger: Ledger, batch_id: str, told: Told) -> int:
    """Note what was told of a whole batch; repeated, it changes nothing.

    Args:
        ledger: open, in no transaction.
        batch_id: of the batch.
        told: what became of it.

    Returns:
        How many claims were released.

    Raises:
        StateError: there is no such batch, or it cannot have become that.
    """
    batch = _batch(ledger, batch_id)
    state = str(batch["state"])
    _check_may_fail(batch_id, batch, {told})
    if state == told or state in _LATER.get(told, ()):
        return 0
    if state not in _MAY_FOLLOW[told]:
        raise _not_so(batch_id, state, told)
    with ledger.transaction():
        released = _release(ledger, batch_id) if told in ("failed", "lapsed") else 0
        _note(ledger, batch_id, pl.DataFrame({"message_id": [None], "state": told}, _TOLD))
        _become(ledger, batch_id, told, released)
    return released


def acknowledge_each(ledger: Ledger, batch_id: str, told: pl.DataFrame) -> Heard:
    """Note what was told of single messages of a batch; repeated, or in another order, it changes nothing.

    A batch of which a message was loaded or sent has been loaded: it neither lapses nor stays in doubt.

    Args:
        ledger: open, in no transaction.
        batch_id: of the batch.
        told: `message_id, state` (loaded, sent, failed); a message that stands twice is the graver of the two.

    Raises:
        StateError: there is no such batch, it has not left, none of the messages is in it, or they cannot have become that.
    """
    batch = _batch(ledger, batch_id)
    state, states = str(batch["state"]), set(told["state"].unique())
    _check_may_fail(batch_id, batch, states)
    has_left = state in ("published", "loaded", "sent", "failed", "lapsed")
    if not has_left and not (state == "hold" and states & {"loaded", "sent"}):
        raise _not_so(batch_id, state, "/".join(sorted(states)))
    told = _without_seeds(ledger, told)
    if told.is_empty():
        return Heard({}, 0, 0, 0, 0)
    placed = _placed(ledger, batch_id, told)
    mine = placed.filter(pl.col("is_here"))
    if mine.is_empty():
        what = f"{placed.height} of {placed.height} messages are not in this batch"
        raise StateError(batch_id, what, "look at the file's batch")
    new = mine.filter(pl.col("rank") > pl.col("known_rank"))
    noted = dict(new.group_by("state").len().sort("state").iter_rows())
    with ledger.transaction():
        failed_ones = new.filter(pl.col("state") == "failed")["message_id"].to_list()
        released = _release(ledger, batch_id, failed_ones) if failed_ones else 0
        _note(ledger, batch_id, new.select("message_id", "state"))
        arrived = told.filter(pl.col("state").is_in(["loaded", "sent"]))["message_id"]
        is_loaded = state in ("published", "hold") and mine["message_id"].is_in(arrived.implode()).any()
        _become(ledger, batch_id, "loaded" if is_loaded else state, released)
    strange = placed.filter(~pl.col("is_here"))
    elsewhere = strange.filter(pl.col("is_known")).height
    return Heard(noted, released, mine.height - new.height, elsewhere, strange.height - elsewhere)


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

    What was called back is not among it: it was not to be sent.

    Raises:
        StateError: there is no such batch, or nothing of it failed.
    """
    batch = _batch(ledger, batch_id)
    found = ledger.rows(
        """
        SELECT DISTINCT d.message_id FROM delivery d JOIN acknowledgement a USING (batch_id)
        WHERE d.batch_id = $batch AND a.state IN ('failed', 'lapsed') AND (a.message_id IS NULL OR a.message_id = d.message_id)
          AND d.message_id NOT IN (SELECT message_id FROM recall WHERE recalled_batch_id = $batch)
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


def _without_seeds(ledger: Ledger, told: pl.DataFrame) -> pl.DataFrame:
    """`told` without copies for seed addresses, which nothing counts."""
    return ledger.rows("SELECT t.* FROM told t ANTI JOIN seed USING (message_id)", told=told).cast(_TOLD)  # type: ignore[arg-type]


_TOLD = {"message_id": pl.String, "state": pl.String}


def _check_may_fail(batch_id: str, batch: Mapping[str, object], states: set[str]) -> None:
    for told in sorted(states & {"failed", "lapsed"}):
        if batch["kind"] == "state":
            hint = "load its files: what comes later builds on what they add and take away"
            raise StateError(batch_id, f"what a platform holds cannot have {told}", hint)


def _not_so(batch_id: str, state: str, told: str) -> StateError:
    return StateError(batch_id, f"this batch is {state}, and cannot be {told}", "see: justenough recover")


def _placed(ledger: Ledger, batch_id: str, told: pl.DataFrame) -> pl.DataFrame:
    """`message_id, state, rank`, each message once; what is known of it (`known_rank`), and where it is (`is_here, is_known`)."""
    ranked = told.with_columns(rank=pl.col("state").replace_strict(_RANK, return_dtype=pl.Int8))
    wanted = ranked.sort("rank", "message_id").unique("message_id", keep="last", maintain_order=True)
    known = pl.DataFrame({"state": list(_RANK), "rank": list(_RANK.values())})
    rows = ledger.rows(
        """
        WITH places AS (
            SELECT message_id, bool_or(batch_id = $batch) AS is_here FROM delivery SEMI JOIN wanted USING (message_id)
            GROUP BY message_id
        ),
        before AS (SELECT message_id, rank FROM acknowledgement JOIN known USING (state) WHERE batch_id = $batch)
        SELECT w.message_id, w.state, w.rank, coalesce(p.is_here, false) AS is_here, p.message_id IS NOT NULL AS is_known,
            greatest(
                coalesce((SELECT max(rank) FROM before WHERE message_id IS NULL), 0),
                coalesce((SELECT max(rank) FROM before b WHERE b.message_id = w.message_id), 0)
            ) AS known_rank
        FROM wanted w LEFT JOIN places p USING (message_id) ORDER BY w.message_id
        """,
        {"batch": batch_id},
        wanted=wanted,
        known=known,
    )
    return rows.cast(_TOLD)  # type: ignore[arg-type]


def _note(ledger: Ledger, batch_id: str, told: pl.DataFrame) -> None:
    ledger.append("acknowledgement", told.with_columns(batch_id=pl.lit(batch_id), received_at=pl.lit(present())))


def _become(ledger: Ledger, batch_id: str, state: str, released: int) -> None:
    ledger.execute(
        "UPDATE batch SET state = $state, released_count = released_count + $released WHERE batch_id = $batch",
        {"state": state, "released": released, "batch": batch_id},
    )


def _release(ledger: Ledger, batch_id: str, messages: Collection[str] | None = None) -> int:
    """Give back claims of a batch; returns how many. Of a whole batch those of messages that are known to be sent stay."""
    condition = "message_id IN (SELECT unnest($messages))"
    if messages is None:
        condition = (
            "message_id NOT IN (SELECT message_id FROM acknowledgement WHERE batch_id = $batch AND state = 'sent' AND "
        )
        condition += "message_id IS NOT NULL)"
    given = {"batch": batch_id} | ({} if messages is None else {"messages": list(messages)})
    count = int(ledger.rows(f"SELECT count(*) FROM claim WHERE batch_id = $batch AND {condition}", given).item())
    ledger.execute(f"DELETE FROM claim WHERE batch_id = $batch AND {condition}", given)
    return count
