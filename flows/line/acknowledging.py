"""What became of a batch at the other end, and delivering again what failed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import target
from flows.errors import SourceError
from flows.ledger import acknowledging
from flows.ledger.store import open_ledger
from flows.line.batches import Job
from flows.line.delivering import check_current, publish_messages
from flows.plan import check_deliverable, read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from flows.ledger.acknowledging import Told
    from flows.line.request import Published
    from flows.settings import Settings
    from flows.workspace import Workspace


def acknowledge(settings: Settings, batch_id: str, told: Told, file: Path | None = None) -> int:
    """Note what the other end tells of a batch; a run may be under way. Returns how many claims were released.

    Args:
        settings: of the workspace.
        batch_id: of the batch.
        told: what became of it.
        file: the `message_id` of those that failed, one a line; None means the whole batch.

    Raises:
        SourceError: the file cannot be read, or is empty.
        StateError: there is no such batch or message, or it cannot have become that.
    """
    messages = _lines(file) if file else ()
    with open_ledger(settings) as ledger:
        return acknowledging.acknowledge(ledger, batch_id, told, messages)


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
    check_current(workspace, plan)
    job = Job(workspace, plan, target(target_name), brand)
    return publish_messages(job, job.planned().filter(pl.col("message_id").is_in(messages.implode())))


def _lines(file: Path) -> list[str]:
    try:
        found = [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise SourceError(file.name, "this file cannot be read", "name a file with a message_id a line") from None
    if not found:
        raise SourceError(file.name, "this file is empty", "name a file with a message_id a line")
    return found
