"""Whole runs, under the run's lock: what the command line does in one go, and flows in tasks."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from flows.clock import moment, present
from flows.errors import PlanError, WaitingError
from flows.ledger.acknowledging import failed, lapse
from flows.ledger.carriage import held_kind
from flows.ledger.lock import run_lock
from flows.ledger.publishing import Recovered, check_folders, held_run, on_hold, recover, resolve
from flows.ledger.restoring import Behind, accept_restored, refuse_restored
from flows.ledger.runs import end_run, unfinished_runs
from flows.ledger.store import open_ledger
from flows.line.acknowledging import deliver_failed
from flows.line.ahead import Ahead
from flows.line.carrying import carry, carry_late
from flows.line.carrying import resolve as resolve_carriage
from flows.line.correcting import begin_correction, plan_correction
from flows.line.delivering import finish, pairs, publish, start
from flows.line.permitting import refuse_waiting
from flows.line.planning import begin, plan_part
from flows.line.recalling import recall_outdated
from flows.line.request import Delivered, Outcome, Progress, Published, Request, Waits, silent
from flows.line.settling import settle
from flows.line.sources import make_sample, scratch_folder
from flows.plan import check_deliverable, read_plan

if TYPE_CHECKING:
    from datetime import date

    from flows.plan import Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

Way = Literal["publish", "abort", "taken"]
"""What a person decides about a batch on hold."""


def run(workspace: Workspace, request: Request, progress: Progress = silent, *, dry_run: bool = False) -> Outcome:
    """Plan and deliver: the main job. With `dry_run` the plan is kept and nothing is delivered.

    Raises:
        LockedError: another run holds the workspace.
        JustEnoughError: see `begin`, `plan_part`, `settle`, `start`, `publish`.
    """
    if dry_run:
        return Outcome((), (), plan(workspace, request, progress), None)
    with run_lock(workspace.settings, "justenough run"):
        recovered, resumed = prepare(workspace, progress)
        done = carry_out(workspace, request, progress)
    return replace(done, recovered=tuple(recovered), resumed=tuple(resumed))


def carry_out(workspace: Workspace, request: Request, progress: Progress) -> Outcome:
    """Plan, and deliver where no person has to let it go on first; under the run's lock and after `prepare`. Raises as `run`."""
    planned = _planned(workspace, request, progress)
    allow_past = request.allow_past or not planned.order.moment.is_past  # midnight may pass while it runs
    return deliver_planned(workspace, planned, progress, allow_past=allow_past)


def deliver_planned(workspace: Workspace, planned: Plan, progress: Progress, *, allow_past: bool) -> Outcome:
    """Deliver a plan that was just made, or begun, where no person has to let it go on first.

    What has fallen away since is left out, however much it is: nobody has looked at the plan, or `start` has asked for that.
    Call it under the run's lock and after `prepare`. Raises as `deliver`.
    """
    approved = planned.people_count
    try:
        run_id = planned.order.run_id
        delivered = _delivered(workspace, run_id, approved, progress, allow_past=allow_past, is_looked_at=False)
    except WaitingError as refused:
        return Outcome((), (), planned, None, Waits.of(refused))
    return Outcome((), (), planned, delivered)


def plan(workspace: Workspace, request: Request, progress: Progress = silent) -> Plan:
    """Only plan: nothing is claimed, nothing is published. Raises as `run`."""
    with run_lock(workspace.settings, "justenough plan"):
        return _planned(workspace, request, progress)


def deliver(
    workspace: Workspace, run_id: str, expected: int | None, progress: Progress = silent, *, allow_past: bool = False
) -> Delivered:
    """Deliver a plan: what was planned, or less, never more.

    Args:
        workspace: must be as it was when the plan was made.
        run_id: of the plan.
        expected: the number of people that was approved; None asks for none.
        progress: is told of each target and brand.
        allow_past: whether a plan for a day that is over may be delivered.

    Raises:
        PlanError: it may not be delivered.
    """
    with run_lock(workspace.settings, f"justenough deliver {run_id}"):
        recovered = tidy(workspace) + carry_late(workspace, progress)
        done = _delivered(workspace, run_id, expected, progress, allow_past=allow_past)
        return replace(done, recovered=tuple(recovered))


def deliver_again(workspace: Workspace, batch_id: str) -> Published:
    """Deliver again what failed in a batch, and nothing else.

    Raises:
        StateError: nothing of the batch failed.
        PlanError: its plan may not be delivered any more.
    """
    with run_lock(workspace.settings, f"justenough deliver --failed {batch_id}"):
        tidy(workspace)
        carry_late(workspace)
        return _delivered_again(workspace, batch_id)


def correct(
    workspace: Workspace, batch_id: str, expected: int | None, progress: Progress = silent
) -> tuple[Plan, Delivered | None]:
    """Plan one message more to the recipients of a batch; deliver it where the number of people is the expected one.

    Args:
        workspace: with the words as they are to be.
        batch_id: what is corrected.
        expected: the number of people that was approved; None only plans.
        progress: is told of each step.

    Raises:
        StateError: the batch cannot be corrected: see `ledger.corrections.correctable`.
        PlanError: another number of people was approved.
        LockedError: a run is going on.
        JustEnoughError: as `run`.
    """
    with run_lock(workspace.settings, f"justenough correct {batch_id}"):
        recovered = tidy(workspace) + carry_late(workspace, progress)
        progress("planning", 0, 1)
        order = begin_correction(workspace, batch_id)
        planned = settle(workspace, order.run_id, [plan_correction(workspace, order.run_id)])
        progress("planning", 1, 1)
        if expected is None:
            return planned, None
        done = _delivered(workspace, order.run_id, expected, progress, allow_past=True)  # midnight may pass meanwhile
        return planned, replace(done, recovered=tuple(recovered))


def sample(
    settings: Settings, as_of: date | None, customers: int, seed: int, progress: Progress = silent
) -> dict[str, int]:
    """Build the sample warehouse of a workspace anew, of any size, and return the rows of each table.

    Args:
        settings: of a workspace without a warehouse of its own.
        as_of: the day from which on runs use it; None is today in the workspace's time zone.
        customers: how many.
        seed: what the draws start from.
        progress: is told of each step.

    Raises:
        LockedError: a run holds the workspace.
        JustEnoughError: see `sources.make_sample`.
    """
    with run_lock(settings, "justenough sample"):
        return make_sample(settings, moment(as_of, settings.zone).as_of, customers, seed, progress)


def restored(settings: Settings) -> Behind:
    """Go on with a ledger from a backup, and return what it does not know. Raises LockedError where a run is going on."""
    with run_lock(settings, "justenough restored"):
        return accept_restored(settings)


def tidy(workspace: Workspace) -> list[Recovered]:
    """Finish or undo the batches, and drop the scratch files, that killed runs left behind.

    Raises:
        OutboxError: the outbox cannot be published to.
        StateError: the ledger is from a backup, and does not know of all that has left.
    """
    check_folders(workspace.settings)
    refuse_restored(workspace.settings)
    shutil.rmtree(scratch_folder(workspace.settings), ignore_errors=True)
    return recover(workspace.settings)


def recover_now(workspace: Workspace) -> tuple[list[Recovered], list[str]]:
    """What killed runs have left behind, finished or undone; and the batches that wait for a person. Raises as `tidy`."""
    with run_lock(workspace.settings, "justenough recover"):
        recovered = tidy(workspace) + carry_late(workspace)
        with open_ledger(workspace.settings) as ledger:
            return recovered, on_hold(ledger)["batch_id"].to_list()


def resolve_hold(
    workspace: Workspace, batch_id: str, way: Way, progress: Progress = silent
) -> Delivered | Published | None:
    """Decide about a batch on hold, here or on its way.

    Args:
        workspace: must be as it was when the plan was made, to publish.
        batch_id: of the batch.
        way: publish: nobody has seen it, so its plan is delivered again, as a new batch and with consent as it is now; abort:
            nobody has seen it, and its claims are released; taken: somebody has loaded it, so it counts as published.
        progress: is told of each target and brand.

    Raises:
        StateError: the batch is not on hold.
        PlanError: its plan may not be delivered any more.
    """
    settings = workspace.settings
    with run_lock(settings, f"justenough recover {batch_id}"):
        tidy(workspace)
        with open_ledger(settings) as ledger:
            run_id, kind = held_run(ledger, batch_id), held_kind(ledger, batch_id)
        if way == "publish" and kind in (None, "message"):
            planned = read_plan(settings, run_id)
            check_deliverable(planned, None)
            refuse_waiting(workspace, planned)
        if kind is not None:
            resolve_carriage(settings, batch_id, kind, is_taken=way == "taken", again=way == "publish")
            return _delivered_again(workspace, batch_id) if (way, kind) == ("publish", "message") else None
        resolve(settings, batch_id, is_taken=way == "taken", again=way == "publish")
        return _delivered(workspace, run_id, None, progress, allow_past=True) if way == "publish" else None


def prepare(workspace: Workspace, progress: Progress = silent) -> tuple[list[Recovered], list[Delivered]]:
    """Finish or undo what killed runs left behind, and deliver their plans to the end while they are valid.

    Call it under the run's lock, before anything else.
    """
    settings = workspace.settings
    recovered = tidy(workspace)
    recovered += carry_late(workspace, progress)
    with open_ledger(settings) as ledger:
        over = "nobody had loaded it when it ran out"
        recovered += [Recovered(batch_id, "lapsed", over) for batch_id in lapse(ledger, settings.acknowledged)]
        unfinished = unfinished_runs(ledger)
    resumed: list[Delivered] = []
    for run_id, expires_at in unfinished.iter_rows():
        state, obstacle = ("abandoned", _EXPIRED) if present() >= expires_at else _obstacle(workspace, run_id)
        if obstacle is None:
            resumed.append(_delivered(workspace, run_id, None, progress, allow_past=True))
            continue
        if state == "abandoned":
            with open_ledger(settings) as ledger:
                end_run(ledger, run_id, state)
        recovered.append(Recovered(run_id, state, obstacle))
    return recovered, resumed


_EXPIRED = "its plan has expired"


def _obstacle(workspace: Workspace, run_id: str) -> tuple[str, str | None]:
    """Why a plan that was half delivered cannot be finished, and what becomes of it; None where it can.

    It is abandoned, and a new plan takes its place; or waits, where a person has to let it go on.
    """
    try:
        start(workspace, run_id, expected=None, allow_past=True)
    except WaitingError as refused:
        return "waiting", refused.what
    except PlanError as refused:
        return "abandoned", refused.what
    return "delivering", None


def _planned(workspace: Workspace, request: Request, progress: Progress) -> Plan:
    counts = []
    with Ahead() if request.customers else nullcontext() as ahead:
        order = begin(workspace, request, ahead)
        for part in range(order.parts):
            progress("planning", part, order.parts)
            counts.append(plan_part(workspace, order.run_id, part, ahead=ahead))
    progress("planning", order.parts, order.parts)
    progress("wording", 0, 1)
    settled = settle(workspace, order.run_id, counts)
    progress("wording", 1, 1)
    return settled


def _delivered(
    workspace: Workspace,
    run_id: str,
    expected: int | None,
    progress: Progress,
    *,
    allow_past: bool,
    is_looked_at: bool = True,
) -> Delivered:
    taken = start(workspace, run_id, expected=expected, allow_past=allow_past, is_looked_at=is_looked_at)
    recalled = recall_outdated(workspace, taken)
    waiting = pairs(workspace, run_id)
    published = []
    for place, (target, brand) in enumerate(waiting):
        progress("publishing", place, len(waiting))
        done = publish(workspace, run_id, target, brand)
        published.append(replace(done, carried=carry(workspace, run_id, target, brand, progress)))
    progress("publishing", len(waiting), len(waiting))
    held = finish(workspace, run_id, is_whole=not any(each.stopped for each in published))
    return Delivered(taken, tuple(published), held, recalled=recalled)


def _delivered_again(workspace: Workspace, batch_id: str) -> Published:
    done = deliver_failed(workspace, batch_id)
    with open_ledger(workspace.settings) as ledger:
        run_id = failed(ledger, batch_id)[0]
    return replace(done, carried=carry(workspace, run_id, done.target, done.brand))
