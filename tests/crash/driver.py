"""A run that kills itself at a named point: `python driver.py WORKSPACE POINT [TARGET]`.

The product knows nothing of it: functions are wrapped from outside, by the names under which their callers know them. With a
target the point counts only from the moment at which that target's batch begins.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# point: (module, the name there, before or after the call). `after` of what runs in a transaction is before its commit.
POINTS = {
    "order written": ("flows.line.planning", "save_order", "after"),
    "part planned": ("flows.line.running", "plan_part", "after"),
    "plan settled": ("flows.line.running", "settle", "after"),
    "run noted, folder not synced": ("flows.ledger.store", "sync_folder", "before"),
    "run noted": ("flows.line.delivering", "start_run", "after"),
    "message claims made, not committed": ("flows.line.delivering", "claim", "after"),
    "members wanted": ("flows.line.reconciling", "members_of", "before"),
    "state batch opened, not committed": ("flows.line.reconciling", "claim", "after"),
    "message claims committed": ("flows.line.delivering", "publish_batch", "before"),
    "state batch committed": ("flows.line.reconciling", "write_members", "before"),
    "members written": ("flows.line.reconciling", "write_members", "after"),
    "version archived": ("flows.line.batches", "archive", "after"),
    "staging begun": ("flows.channels.filing", "new_file", "after"),
    "payload staged": ("flows.channels.filing", "entry_of", "after"),
    "batch staged": ("flows.line.batches", "write_batch", "after"),
    "sealing": ("flows.ledger.publishing", "boot_id", "after"),
    "sealed": ("flows.ledger.publishing", "rename_once", "before"),
    "renamed": ("flows.ledger.publishing", "rename_once", "after"),
    "outbox synced": ("flows.ledger.publishing", "sync_folder", "after"),
    "publishing": ("flows.ledger.publishing", "_stamp", "after 2"),
    "published": ("flows.line.batches", "publish", "after"),
    "older members dropped": ("flows.line.reconciling", "forget_older", "after"),
    "before the end": ("flows.line.running", "finish", "before"),
    "end noted": ("flows.line.running", "finish", "after"),
    # in a recovery
    "recovering": ("flows.ledger.publishing", "_recover_batch", "before"),
    "undoing": ("flows.ledger.publishing", "_undo", "before"),
    "undone": ("flows.ledger.publishing", "_undo", "after"),
    "discarding": ("flows.ledger.publishing", "_discard", "before"),
    "discarded": ("flows.ledger.publishing", "_discard", "after"),
    "recovered": ("flows.line.running", "recover", "after"),
}


PLANNING = ("order written", "part planned", "plan settled", "run noted, folder not synced", "run noted")
OF_A_MESSAGE = (
    "message claims made, not committed",
    "message claims committed",
    "version archived",
    "staging begun",
    "payload staged",
    "batch staged",
    "sealing",
    "sealed",
    "renamed",
    "outbox synced",
    "publishing",
    "published",
)
OF_A_STATE = (
    "members wanted",
    "state batch opened, not committed",
    "state batch committed",
    "members written",
    *OF_A_MESSAGE[2:],
    "older members dropped",
)
LATE = ("before the end", "end noted")
RECOVERING = ("recovering", "undoing", "undone", "discarding", "discarded", "recovered")


def main(workspace: str, point: str, target: str | None = None) -> None:
    """Run until the point is reached; print `alive` if it never is."""
    reach(point, lambda: os.kill(os.getpid(), signal.SIGKILL), target)
    from flows import line
    from flows.line.request import Request
    from flows.workspace import load_workspace

    line.run(load_workspace(Path(workspace)), Request())
    print("alive")  # noqa: T201


def reach(point: str, happens: Callable[[], object], target: str | None = None) -> None:
    """Have something happen when a point is reached for the first time; with `target`, within its batch (`*`: in any)."""
    armed = [target is None]
    if target:
        wrap("flows.line.running", "publish", lambda call: _arming(call, target, armed))
    module, name, when = POINTS[point]
    place, _, count = when.partition(" ")
    wrap(module, name, lambda call: _counted(call, place, int(count or 1), armed, happens))


def wrap(module: str, name: str, wrapped: Callable[[Any], Any]) -> None:
    """Put something around a function, under the name by which a module calls it."""
    owner = importlib.import_module(module)
    setattr(owner, name, wrapped(getattr(owner, name)))


def _arming(call: Callable[..., Any], target: str, armed: list[bool]) -> Callable[..., Any]:
    def publish(workspace: Any, run_id: str, name: str, brand: str) -> Any:
        armed[0] = target in ("*", name)
        return call(workspace, run_id, name, brand)

    return publish


def _counted(
    call: Callable[..., Any], place: str, count: int, armed: list[bool], happens: Callable[[], object]
) -> Callable[..., Any]:
    left = [count]

    def counted(*given: Any, **named: Any) -> Any:
        left[0] -= armed[0]
        is_now = armed[0] and not left[0]
        if is_now and place == "before":
            happens()
        made = call(*given, **named)
        if is_now and place == "after":
            happens()
        return made

    return counted


if __name__ == "__main__":
    main(*sys.argv[1:])
