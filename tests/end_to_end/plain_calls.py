"""Calls the flow as a function: plans, delivers that plan by its name, then runs into a lock and a broken query.

    python plain_calls.py FOLDER HELD_FOLDER BROKEN_FOLDER

prints what came of it as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flows.errors import JustEnoughError
from flows.personalise import personalise


def refused(folder: Path) -> str:
    """What is said of a workspace that cannot be run."""
    try:
        personalise(workspace=folder)
    except JustEnoughError as problem:
        return f"{type(problem).__name__} {problem}"
    return "it ran"


def main(folder: Path, held: Path, broken: Path) -> None:
    """Make the four calls."""
    looked_at = personalise(workspace=folder, what="plan only").plan
    before = sorted(path.name for path in (folder / "outbox").rglob("*") if path.is_file())
    run_id, people = looked_at.order.run_id, looked_at.people_count
    delivered = personalise(workspace=folder, what="deliver a plan", run_id=run_id, expect=people).delivered
    found = {
        "files_before_delivery": before,
        "run_id": run_id,
        "people": people,
        "rows": sum(batch.rows for batch in delivered.published),
        "held": refused(held),
        "broken": refused(broken),
    }
    sys.stdout.write(f"\nFOUND {json.dumps(found)}\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
