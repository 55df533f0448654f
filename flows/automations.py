"""What Prefect's server looks after by itself: runs that nobody hears of any more, and telling people of changes.

Each is as the server's API takes it. Names begin alike, so that they are found again, and those that are not wanted any more are
taken away.
"""

from __future__ import annotations

from typing import Any

from flows.line.wellbeing import EVENTS

PREFIX = "justenough: "
HEARTBEAT_SECONDS = 30  # Source: the least that Prefect's PREFECT_FLOWS_HEARTBEAT_FREQUENCY takes
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.justenough"}
"""Runs of our deployments alone, where a server has others: theirs may be heard of less often."""
_RUNS = {"type": "event", "match": {"prefect.resource.id": "prefect.flow-run.*"}, "match_related": _OURS}
_AT_MOST_EVERY_SECONDS = 3600
"""Crashes are told no more often: a run of every minute may crash every minute."""


def lost_runs(lost_after: int) -> dict[str, Any]:
    """Have a run be Crashed of which nothing was heard for so many seconds: its process is gone, and nobody was left to say so.

    Source: Prefect's documentation, "Detect and respond to zombie flows".
    """
    trigger = {
        **_RUNS,
        "posture": "Proactive",
        "for_each": ["prefect.resource.id"],
        "after": ["prefect.flow-run.heartbeat"],
        "expect": ["prefect.flow-run.*"],  # the next heartbeat, or any state: ours have names of their own
        "threshold": 1,
        "within": lost_after,
    }
    message = f"nothing was heard of it for {lost_after} seconds; the next run finishes or undoes what it had begun"
    crash = {"type": "change-flow-run-state", "state": "CRASHED", "message": message}
    about = "A run whose process or machine is gone would be running for ever, and keep the next one from starting."
    return _automation("runs that nobody hears of have crashed", about, trigger, crash)


def notifications(block: str) -> list[dict[str, Any]]:
    """Have people told where a workspace gets worse or better, and where runs crash.

    Args:
        block: the id of the notification block.
    """
    change = {
        "type": "event",
        "posture": "Reactive",
        "match": {"prefect.resource.id": "justenough.workspace.*"},
        "expect": list(EVENTS.values()),
        "threshold": 1,
        "within": 0,
    }
    crash = {
        **_RUNS,
        "posture": "Reactive",
        "expect": ["prefect.flow-run.Crashed"],
        "threshold": 1,
        "within": _AT_MOST_EVERY_SECONDS,
    }
    told = (
        "{{ event.payload.workspace }}, {{ event.payload.job }}: {{ event.payload.level }}",
        "{{ event.payload.why }}",
    )
    crashed = ("{{ flow.name }} crashed", "{{ flow_run.name }}: {{ flow_run.state.message }}")
    return [
        _automation("tell of changes", "Once where it changes, however many runs follow.", change, _tell(block, *told)),
        _automation("tell of crashes", "Once an hour at most.", crash, _tell(block, *crashed)),
    ]


def _tell(block: str, subject: str, body: str) -> dict[str, Any]:
    return {"type": "send-notification", "block_document_id": block, "subject": subject, "body": body}


def _automation(name: str, about: str, trigger: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{PREFIX}{name}",
        "description": about,
        "enabled": True,
        "trigger": trigger,
        "actions": [action],
    }
