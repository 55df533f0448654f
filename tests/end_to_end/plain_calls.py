"""Calls the flows as functions: plans, delivers that plan by its name, runs into a lock and a broken query; then proves.

    python plain_calls.py FOLDER HELD_FOLDER BROKEN_FOLDER PROVEN_FOLDER UNPROVEN_FOLDER CANARIES

and speaks to the person in each workspace of CANARIES, where that goes; then learns what they did, reads out what that
tells, and forgets them, where `inbox/forget` says so;

prints what came of it as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from flows.errors import JustEnoughError
from flows.forget import forget
from flows.learn import learn
from flows.personalise import personalise
from flows.prove import prove
from flows.readout import readout


def refused(folder: Path) -> str:
    """What is said of a workspace that cannot be run."""
    try:
        personalise(workspace=folder)
    except JustEnoughError as problem:
        return f"{type(problem).__name__} {problem}"
    return "it ran"


def proved(folder: Path) -> str:
    """What is said of a workspace whose segments are proven, or not."""
    try:
        prove(workspace=folder)
    except JustEnoughError as problem:
        return f"{type(problem).__name__} {problem}"
    return "proven"


def forgot(folder: Path) -> bool:
    """Whether somebody was to be forgotten, and is."""
    asked = (folder / ".justenough/inbox/forget").is_dir()
    return asked and forget(workspace=folder, return_state=True).is_completed()


def learnt(folder: Path) -> list[str]:
    """What is said of outcomes, and of what they tell: the states of both flows."""
    states = [learn(workspace=folder, return_state=True), readout(workspace=folder, return_state=True)]
    return [f"{state.type.value}: {state.message}" for state in states]


def main(folder: Path, held: Path, broken: Path, proven: Path, unproven: Path, canaries: Path) -> None:
    """Make the calls."""
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
    del os.environ["JUSTENOUGH_DATABASE"]  # these have warehouses of their own
    found |= {"proven": proved(proven), "unproven": proved(unproven)}
    found["canaries"] = {each.name: refused(each) for each in sorted(canaries.iterdir())}
    found["learnt"] = learnt(canaries / "delivered")
    found["forgotten"] = [each.name for each in sorted(canaries.iterdir()) if forgot(each)]
    sys.stdout.write(f"\nFOUND {json.dumps(found)}\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
