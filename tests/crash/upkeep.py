"""What looks after messages and history, killing itself: `python -m tests.crash.upkeep WORKSPACE ACT POINT`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash.driver import wrap

if TYPE_CHECKING:
    from collections.abc import Callable

WHO = "c01"
BATCH, RECIPIENTS = "email_file-2026-11-22-1", 7
LAST_STEP = ("flows.line.forgetting", "_drop_made_anew")
# what is done: point: (module, the name there, before or after which call)
POINTS = {
    "forget": {
        "recall claimed": ("flows.line.recalling", "write_batch", "before"),
        "recall staged": ("flows.line.recalling", "write_batch", "after"),
        "recall sealed": ("flows.ledger.publishing", "rename_once", "before"),
        "recall renamed": ("flows.ledger.publishing", "rename_once", "after"),
        "recalled": ("flows.line.forgetting", "_recall", "after"),
        "buried": ("flows.line.forgetting", "bury", "after"),
        "erasing, not committed": ("flows.ledger.erasure", "_delete", "after 3"),
        "erased": ("flows.line.forgetting", "erase", "after"),
        "erasure marked": ("flows.line.forgetting", "mark", "after"),
        "half a file of a plan": ("flows.durable", "create_file", "after 3"),
        "a file of a plan": ("flows.line.forgetting", "write_frame", "after"),
        "a plan": ("flows.line.forgetting", "save_plan", "after"),
        "what is made anew": (*LAST_STEP, "after"),
        "ledger copied": ("flows.ledger.store", "sync_folder", "before"),
        "ledger renamed": ("flows.ledger.store", "sync_folder", "before 2"),
        "ledger rewritten": ("flows.ledger.store", "sync_folder", "after 2"),
    },
    "retain": {
        "half of a plan dropped": ("flows.line.forgetting", "private_folder", "after"),
        "a plan dropped": ("flows.line.retaining", "drop_plan", "after"),
        "a batch moved away": ("flows.line.retaining", "rename_once", "after"),
        "history": ("flows.line.retaining", "_drop_history", "before"),
    },
    "recall": {
        "recall claimed": ("flows.line.recalling", "write_batch", "before"),
        "recall staged": ("flows.line.recalling", "write_batch", "after"),
        "recall sealed": ("flows.ledger.publishing", "rename_once", "before"),
        "recall renamed": ("flows.ledger.publishing", "rename_once", "after"),
    },
    "correct": {
        "correction ordered": ("flows.line.correcting", "save_order", "after"),
        "correction planned": ("flows.line.running", "settle", "after"),
        "correction begun": ("flows.line.running", "start", "after"),
        "correction claimed": ("flows.line.delivering", "publish_batch", "before"),
        "correction sealed": ("flows.ledger.publishing", "rename_once", "before"),
        "correction renamed": ("flows.ledger.publishing", "rename_once", "after"),
        "correction published": ("flows.line.running", "finish", "before"),
    },
    "learn": {
        "who says stop heard": ("flows.line.learning", "stop", "after"),
        "taking, not committed": ("flows.ledger.outcomes", "_part", "after"),
        "outcomes taken": ("flows.line.learning", "take", "after"),
        "messages acknowledged": ("flows.line.learning", "acknowledge_rows", "after"),
        "a manifest removed": ("flows.line.reports", "sync_folder", "after"),
        "a file removed": ("flows.line.reports", "remove", "after"),
        "the inbox emptied": ("flows.line.learning", "_told_by_sql", "before"),
        "outcomes of the warehouse taken": ("flows.line.learning", "take", "after 2"),
    },
    "rotate": {
        "key written": ("flows.line.rotating", "rotate_key", "after"),
        "ledger under the new key": ("flows.line.rotating", "rekey", "after"),
        "ledger rewritten, not noted": ("flows.line.rotating", "note_key", "before"),
    },
}


def main(workspace: str, act: str, point: str) -> None:
    """Do it until the point is reached; print `alive` if it never is."""
    # The ledger's folder is synced all the time: what counts are the syncs of the rewriting.
    armed = [not point.startswith("ledger ") or act != "forget"]
    wrap(*LAST_STEP, lambda call: _arming(call, armed))
    module, name, when = POINTS[act][point]
    place, _, count = when.partition(" ")
    wrap(module, name, lambda call: _deadly(call, place, int(count or 1), armed))
    from flows import line
    from flows.workspace import load_workspace

    loaded = load_workspace(Path(workspace))
    acts = {
        "retain": line.retain,
        "learn": lambda one: line.learn(one, line.hear_waiting(one.settings)),
        "rotate": line.rotate,
        "forget": lambda one: line.forget(one.settings, [WHO]),
        "recall": lambda one: line.recall(one.settings, line.Which(product="care")),
        "correct": lambda one: line.correct(one, BATCH, RECIPIENTS),
    }
    acts[act](loaded)
    print("alive")  # noqa: T201


def _arming(call: Callable[..., Any], armed: list[bool]) -> Callable[..., Any]:
    def last(*given: Any) -> Any:
        made = call(*given)
        armed[0] = True
        return made

    return last


def _deadly(call: Callable[..., Any], place: str, count: int, armed: list[bool]) -> Callable[..., Any]:
    left = [count]

    def deadly(*given: Any, **named: Any) -> Any:
        left[0] -= armed[0]
        is_now = armed[0] and not left[0]
        if is_now and place == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        made = call(*given, **named)
        if is_now:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    return deadly


if __name__ == "__main__":
    main(*sys.argv[1:])
