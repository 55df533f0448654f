"""Answers to events that wait for a person: each waits by the plan that it has, and goes by that very plan once it is approved.

Whoever asks again meanwhile waits with it, so that nobody is answered by two plans; everybody else is answered at once. A plan
that cannot be delivered any more, since it has expired, its day is over, words or settings have changed or somebody has edited
it, is no answer: its events are planned anew, in one plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment
from flows.errors import PlanError, SourceError, WaitingError
from flows.ledger.runs import begun_runs
from flows.ledger.store import open_ledger
from flows.line.delivering import start
from flows.line.events import EVENTS_FILE, read_events
from flows.line.permitting import refuse_changed
from flows.line.planned import check_current
from flows.line.request import Outcome, Waits
from flows.line.running import deliver_planned
from flows.plan import check_deliverable, read_plan

if TYPE_CHECKING:
    from flows.line.request import Progress
    from flows.plan import Plan
    from flows.workspace import Workspace

_WHOM = pl.Schema({"event_id": pl.String(), "customer_id": pl.String()})


@dataclass(frozen=True)
class Awaited:
    """What became of answers that had waited.

    Attributes:
        outcomes: of each that is asked for still, delivered or waiting on, the earliest first.
        answered: the events that are answered by one that was delivered now.
        held: those whose customer is waiting with one that is not.
    """

    outcomes: tuple[Outcome, ...]
    answered: pl.Series
    held: pl.Series


def go_on(workspace: Workspace, told: pl.DataFrame, progress: Progress) -> Awaited:
    """Deliver the answers to some events that had waited and that nothing is in the way of any more.

    Call it under the run's lock, after `prepare`.

    Args:
        workspace: as it is now.
        told: `event_id, customer_id` of events that are not answered.
        progress: is told of each target and brand.
    """
    done, answered, waiting = [], [_WHOM.to_frame()], [_WHOM.to_frame()]
    for plan, events in _planned(workspace, told["event_id"]):
        outcome = _gone_on(workspace, plan, progress)
        if outcome is not None:
            done.append(outcome)
            (waiting if outcome.waits else answered).append(events)
    is_answered = told["event_id"].is_in(pl.concat(answered)["event_id"].implode())
    is_held = told["customer_id"].is_in(pl.concat(waiting)["customer_id"].implode()) & ~is_answered
    return Awaited(tuple(done), told["event_id"].filter(is_answered), told["event_id"].filter(is_held))


def _gone_on(workspace: Workspace, plan: Plan, progress: Progress) -> Outcome | None:
    """A plan delivered, or waiting on; None where it cannot be delivered any more."""
    try:
        start(workspace, plan.order.run_id, expected=plan.people_count, allow_past=False)
    except WaitingError as refused:
        return Outcome((), (), plan, None, Waits.of(refused))
    except (PlanError, SourceError):  # its people were spoken to meanwhile, say, or a table has fallen
        return None
    # It is begun, and was held against what has fallen away; midnight may pass meanwhile.
    return deliver_planned(workspace, plan, progress, allow_past=True)


def _planned(workspace: Workspace, told: pl.Series) -> list[tuple[Plan, pl.DataFrame]]:
    """The plans of today that were to answer some events and did not begin to, with their `_WHOM`, the earliest first.

    What a later one answers is none of an earlier one's: that was given up then.
    """
    settings = workspace.settings
    if not settings.approval.most:  # nothing can be waiting, and who has taken the rules out has other settings now
        return []
    today = moment(None, settings.zone).as_of
    files = list(settings.folder("plans").glob(f"{today:%Y%m%d}-*/{EVENTS_FILE}"))
    with open_ledger(settings) as ledger:
        begun = begun_runs(ledger, today)
    folders = [file.parent for file in files if file.parent.name not in begun]
    left, found = set(told), []
    for folder in sorted(folders, key=lambda folder: (folder / "order.json").stat().st_mtime_ns, reverse=True):
        plan = _deliverable(workspace, folder.name)
        events = read_events(folder) if plan else None
        if plan is None or events is None or left.isdisjoint(events["event_id"]):
            continue
        found.append((plan, events.select(_WHOM.names())))
        left -= set(events["event_id"])
    return found[::-1]


def _deliverable(workspace: Workspace, run_id: str) -> Plan | None:
    """A plan that may be delivered once a person has let it; None where it may not, whoever lets it."""
    try:
        plan = read_plan(workspace.settings, run_id)
        check_deliverable(plan, None)
        check_current(workspace, plan.order)
        refuse_changed(workspace, plan)
    except PlanError:  # killed before it was finished, too
        return None
    return plan
