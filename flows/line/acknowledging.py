"""What became of a batch at the other end, and delivering again what failed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import UsageError
from flows.incoming import Shape, read_incoming
from flows.ledger import acknowledging
from flows.ledger.store import open_ledger
from flows.line.batches import Job
from flows.line.delivering import publish_messages
from flows.line.looking import look_at
from flows.line.planned import check_current
from flows.line.seeding import addresses
from flows.line.stopping import stop
from flows.line.watching import OUT_THERE
from flows.plan import check_deliverable, read_plan
from flows.tokens import ID_DIGITS, MESSAGE_ID

if TYPE_CHECKING:
    from pathlib import Path

    from flows.ledger.acknowledging import Heard
    from flows.ledger.states import Told
    from flows.line.request import Published
    from flows.settings import Settings
    from flows.workspace import Workspace


FILE = Shape(
    columns={"message_id": ("message_id",), "state": ("state",), "reason": ("reason",)},
    required=("message_id",),
    patterns={"message_id": MESSAGE_ID, "state": "loaded|sent|failed"},
    plain="message_id",
    hint="write a message_id a line; or CSV whose header is message_id,state,reason; or JSON objects of these, one a line",
)
"""What tells of single messages."""
_COLUMNS = dict.fromkeys(FILE.columns, pl.String)
_STOPS = {"complaint": "complained", "hard_bounce": "bounced", "unsubscribed": "no"}
"""The reasons that are more than a reason: whom they are about gets nothing any more."""


@dataclass(frozen=True)
class Acknowledged:
    """What was noted of a batch.

    Attributes:
        batch: its id.
        state: what all of it became, or what the messages of a plain list became; None where a file says it of each.
        released: claims that were given back.
        messages: what became of single messages; None where the whole batch was told of.
        stopped: people of these who get nothing any more, by complaint, hard bounce or unsubscribing.
        unreadable: rows of the file that say nothing.
    """

    batch: str
    state: Told | None
    released: int
    messages: Heard | None = None
    stopped: int = 0
    unreadable: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was told took effect."""
        strange = self.messages.elsewhere + self.messages.unknown if self.messages else 0
        return strange + self.unreadable == 0


def acknowledge(settings: Settings, batch_id: str, told: Told | None, file: Path | None = None) -> Acknowledged:
    """Note what the other end tells of a batch; a run may be under way.

    Complaints, hard bounces and opt-outs of the file hold at once, also where the rest of it is refused.

    Args:
        settings: of the workspace.
        batch_id: of the batch.
        told: what became of it; None where the file says it.
        file: see `FILE`; None means the whole batch.

    Raises:
        UsageError: nothing was told, or twice.
        SourceError, DataError: the file cannot be read, or is not whole.
        StateError: there is no such batch, none of the messages is in it, or it cannot have become that.
    """
    if file is None:
        if told is None:
            raise UsageError(
                "justenough acknowledge", "it says nothing of the batch", "add loaded, sent, failed or lapsed"
            )
        with open_ledger(settings) as ledger:
            return Acknowledged(batch_id, told, acknowledging.acknowledge(ledger, batch_id, told))
    found = read_incoming(file, FILE)  # before the key and the ledger are opened: a fork would have them too
    rows = pl.DataFrame({name: found.values(name) for name in FILE.columns}, _COLUMNS)
    rows = rows.with_columns(pl.col("message_id").str.head(ID_DIGITS))
    stopped = _stop(settings, batch_id, [rows, pl.DataFrame(found.doubtful, _COLUMNS)])
    if found.refusal:
        raise found.refusal
    states = rows["state"].drop_nulls()
    if told is not None and not states.is_empty():
        raise UsageError("justenough acknowledge", "the file says what became of each message", f"leave out {told}")
    if told == "lapsed" or (told is None and states.is_empty()):
        what = "it does not say what became of the messages"
        raise UsageError("justenough acknowledge", what, "add loaded, sent or failed, or a column state")
    said = rows.with_columns(pl.coalesce("state", pl.lit(told, pl.String)).alias("state"))
    with open_ledger(settings) as ledger:
        heard = acknowledging.acknowledge_each(ledger, batch_id, said.drop_nulls("state").select("message_id", "state"))
    silent = said["state"].null_count()
    return Acknowledged(batch_id, told, heard.released, heard, stopped, found.bad + silent)


def _stop(settings: Settings, batch_id: str, rows: list[pl.DataFrame]) -> int:
    """Suppress whom a reason says to, before any claim is given back: it tells whose message it was."""
    reason = pl.col("reason").str.strip_chars().str.to_lowercase()
    state = reason.replace_strict(_STOPS, default=None, return_dtype=pl.String)
    return stop(settings, pl.concat(rows).select("message_id", state=state, source=pl.lit(batch_id)))


def deliver_failed(workspace: Workspace, batch_id: str) -> Published:
    """Deliver again what failed in a batch, and nothing else, to those who may still get it. Call it under the run's lock.

    Raises:
        StateError: nothing of the batch failed.
        PlanError: its plan has expired, or words or SQL have changed since.
    """
    with open_ledger(workspace.settings) as ledger:
        run_id, target_name, brand, messages = acknowledging.failed(ledger, batch_id)
    plan = read_plan(workspace.settings, run_id)
    check_deliverable(plan, None)
    check_current(workspace, plan.order)
    job = Job(workspace, plan, workspace.target(target_name), brand)
    failed = job.scan().filter(pl.col("message_id").is_in(messages.implode()))
    seeds = addresses(workspace, brand, job.target.channel)
    look = look_at(workspace, plan.order, [failed], OUT_THERE.to_frame(), seeds)
    return publish_messages(job, job.read(failed), look)
