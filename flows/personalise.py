"""The main job under Prefect: plan, look, deliver, on a schedule, by a form, or by a plain call.

The stages are joined in `flows/line/`; this wraps them in few, coarse tasks. Paths and counts go in and out: nothing that
Prefect keeps (parameters, states, logs, artifacts) holds a customer's data.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date  # noqa: TC003  (Prefect reads the annotations when it makes the form)
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from polars.exceptions import PanicException
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State  # noqa: TC002  (the same)
from prefect.context import FlowRunContext
from prefect.futures import as_completed
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows import line
from flows.channels import targets as known_targets
from flows.cluster import Cluster, Worked, cluster, noted, result, worked
from flows.errors import JustEnoughError, LockedError, UsageError, WaitingError
from flows.ledger.lock import run_lock
from flows.line.request import Carried, Delivered, Outcome, Published, Request, Waits
from flows.pages import artifacts
from flows.pages.approvals import page_to_go_on
from flows.pages.sentences import in_environment, to_look_at
from flows.plan import Plan, read_plan
from flows.showing import as_pages, page_in_run
from flows.workspace import Workspace, load_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from prefect import Task
    from prefect.client.schemas.objects import TaskRun
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

    from flows.ledger.publishing import Recovered
    from flows.plan import Order

PACKAGE = Path(__file__).resolve().parent
# DuckDB and Polars use every core by themselves, and the setting `memory` is for one part: another at a time would take as much.
THREADS = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=1))

_PURPOSE = "personalise under Prefect"

What = Literal["plan and deliver", "plan only", "deliver a plan"]
TargetName = Annotated[str, Field(json_schema_extra={"enum": sorted(known_targets())})]


@contextmanager
def without_data(where: str) -> Iterator[None]:
    """Let our own errors through, and hide the words of all others, which may quote a customer's data.

    Args:
        where: the step, for the error.

    Raises:
        JustEnoughError: the one that was raised, without what led to it; or the kind and the place of another error.
    """
    try:
        yield
    except JustEnoughError as problem:
        raise problem from None
    except (Exception, PanicException) as problem:  # noqa: BLE001  (whatever it is, its words stay here)
        what = f"{type(problem).__name__} at {_place(problem)}"
        hint = "please report this; the same with `justenough` and JUSTENOUGH_DEBUG=1 shows all, customers' data too"
        raise JustEnoughError(where, what, hint) from None


def _place(problem: BaseException) -> str:
    """The innermost line of ours that an exception came through; if no other, the one where it was caught."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(problem.__traceback__)]
    file, line_number = [frame for frame in frames if frame[0].is_relative_to(PACKAGE)][-1]
    return f"{file.relative_to(PACKAGE.parent)}:{line_number}"


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: not where a person has to mend something."""
    problem = state.data if isinstance(state.data, Exception) else state.result(raise_on_failure=False)
    return type(problem) is JustEnoughError or isinstance(problem, LockedError)


_QUIET: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "log_prints": False}
_AGAIN: dict[str, Any] = {**_QUIET, "retries": 2, "retry_delay_seconds": [1, 10], "retry_condition_fn": _may_pass}


@task(task_run_name="part {part}", **_AGAIN)
def plan_part(folder: Path, run_id: str, part: int) -> Worked:
    """Decide for one part of the customers; of several who do only one counts.

    Returns:
        With product -> candidates of this part.
    """
    with without_data(f"{run_id}, part {part}"):
        return worked("plan", part, lambda apart: line.work_on("plan", folder, run_id, part, apart))


@task(**_AGAIN)
def meet(folder: Path, run_id: str, totals: list[dict[str, int]]) -> list[int]:
    """Bring totals together, and return the parts that are to be put into words; harmless when repeated."""
    with without_data(f"{run_id}, totals"):
        return line.meet(line.workspace_of(folder, run_id), run_id, totals)


@task(task_run_name="words of part {part}", **_AGAIN)
def word_part(folder: Path, run_id: str, part: int) -> Worked:
    """Put words to the deliveries of one part; of several who do only one counts.

    Returns:
        With the number of deliveries.
    """
    with without_data(f"{run_id}, words of part {part}"):
        return worked("word", part, lambda apart: line.work_on("word", folder, run_id, part, apart))


@task(**_AGAIN)
def settle(folder: Path, run_id: str) -> Plan:
    """Count what the parts have come to; harmless when repeated."""
    with without_data(f"{run_id}, settling"):
        return line.complete(line.workspace_of(folder, run_id), run_id)


@task(task_run_name="{target} for {brand}", **_QUIET)
def publish(folder: Path, run_id: str, target: str, brand: str) -> Published:
    """Publish one target and brand. It is not tried again here: the next run recovers what this one left behind."""
    with without_data(f"{run_id}, {target} for {brand}"):
        return line.publish(line.workspace_of(folder, run_id), run_id, target, brand)


@task(task_run_name="carry {target} for {brand}", **_QUIET)
def carry(folder: Path, run_id: str, target: str, brand: str) -> tuple[Carried, ...]:
    """Carry to its other end what was published for one target and brand. What does not get there the next run carries."""
    with without_data(f"{run_id}, {target} for {brand}"):
        return line.carry(line.workspace_of(folder, run_id), run_id, target, brand)


@task(**_QUIET)
def prepare(folder: Path) -> tuple[list[Recovered], list[Delivered]]:
    """Finish or undo, on a worker, what killed runs left behind."""
    with without_data("recovering"):
        loaded = load_workspace(folder)
        with run_lock(loaded.settings, _PURPOSE):
            return line.prepare(loaded)


@task(**_QUIET)
def deliver(folder: Path, run_id: str, expect: int | None, *, allow_past: bool) -> Delivered:
    """Deliver a plan on a worker, which holds the lock as long as it claims and seals.

    Whoever is given it after a worker that was lost finds what that one left behind, as the next run would: nobody can hold the
    lock beside a worker that was only given up.
    """
    with without_data(f"{run_id}, delivering"):
        loaded = load_workspace(folder)
        with run_lock(loaded.settings, _PURPOSE):
            _tell(line.tidy(loaded) + line.carry_late(loaded), ())
            return _delivered(loaded, run_id, expect, allow_past=allow_past)


@flow(
    name="personalise",
    task_runner=THREADS,
    persist_result=False,
    log_prints=False,
)
def personalise(  # noqa: PLR0913  (a form: each parameter is a field of it)
    workspace: Path = Path(),
    *,
    what: What = "plan and deliver",
    as_of: date | None = None,
    products: tuple[str, ...] = (),
    targets: tuple[TargetName, ...] = (),
    parts: Annotated[int, Field(ge=1, le=4096)] | None = None,
    allow_past: bool = False,
    run_id: str | None = None,
    expect: Annotated[int, Field(ge=0)] | None = None,
) -> State[Outcome]:
    """Plan who gets which help, and deliver it.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
        what: Plan and deliver in one go; or only plan, to look at it first; or deliver a plan that was looked at.
        as_of: The day to plan for. Empty is today in the workspace's time zone.
        products: Names of the products to deliver. Empty is all. What is decided stays the same.
        targets: The targets to deliver to. Empty is all that the workspace has.
        parts: Into how many parts to cut the customers; more parts need less memory. Empty takes the workspace's setting.
        allow_past: Deliver for a day that is over.
        run_id: The plan to deliver, where a plan is to be delivered.
        expect: How many people were approved. A plan with another number is not delivered.
    """
    by_name, say = what == "deliver a plan", get_run_logger().warning
    request = Request(as_of, products, targets, parts, allow_past)
    watch = nullcontext(list) if what == "plan only" else line.watched(workspace, say, is_asked=by_name)
    with watch as waits, without_data("personalise"):
        if by_name and run_id is None:
            raise UsageError("run_id", "no plan is named", "name the one to deliver; the page of a plan shows it")
        loaded = load_workspace(workspace)
        work = _on_a_cluster if loaded.settings.runner == "dask" else _here
        outcome = work(loaded, what, request, run_id, expect)
        waits(line.left_of(outcome))
    return _done(outcome)


def _here(loaded: Workspace, what: What, request: Request, run_id: str | None, expect: int | None) -> Outcome:
    """All of it in this process, under the lock of the workspace."""
    with run_lock(loaded.settings, _PURPOSE):
        if what == "deliver a plan":
            _tell(line.tidy(loaded) + line.carry_late(loaded), ())
            asked, is_late = str(run_id), request.allow_past
            return _outcome(loaded, asked, lambda: _delivered(loaded, asked, expect, allow_past=is_late))
        recovered, resumed = ([], []) if what == "plan only" else line.prepare(loaded)
        _tell(recovered, resumed)
        planned = _planned(loaded, request, what)
        if what == "plan only":
            return Outcome((), (), planned, None)
        is_late = request.allow_past or not planned.order.moment.is_past  # midnight may pass while it runs
        made, before = planned.order.run_id, (tuple(recovered), tuple(resumed))
        given: dict[str, bool] = {"allow_past": is_late, "is_looked_at": False}
        return _outcome(loaded, made, lambda: _delivered(loaded, made, expect, **given), before)


def _on_a_cluster(loaded: Workspace, what: What, request: Request, run_id: str | None, expect: int | None) -> Outcome:
    """The same on the workers of a cluster: this process holds the lock while it plans, and hands on paths and counts alone.

    Who delivers holds the lock then, and no other: what this process held would be gone with it, while the worker goes on.
    """
    if not PREFECT_API_URL.value():
        hint = "start one with: prefect server start; then set PREFECT_API_URL, for the workers too"
        raise UsageError("PREFECT_API_URL", "the workers of a cluster need a Prefect server that they can reach", hint)
    folder, allow_past = loaded.settings.workspace, request.allow_past
    with cluster(loaded.settings) as workers:
        recovered, resumed = [], []
        if what == "plan and deliver":
            recovered, resumed = _once(workers, prepare, folder=folder)
            _tell(recovered, resumed)
        if what != "deliver a plan":
            with (
                run_lock(loaded.settings, _PURPOSE),
                workers.tidied(line.leave, folder),
                line.travelling(loaded.settings),
            ):
                planned = _planned(loaded, request, what, workers)
            if what == "plan only":
                return Outcome((), (), planned, None)
            run_id = planned.order.run_id
            allow_past = allow_past or not planned.order.moment.is_past  # midnight may pass while it runs
        given = {"folder": folder, "run_id": run_id, "expect": expect, "allow_past": allow_past}
        before = (tuple(recovered), tuple(resumed))
        return _outcome(loaded, str(run_id), lambda: _once(workers, deliver, **given), before)


def _once(workers: Cluster | None, step: Task[..., Any], **given: Any) -> Any:  # noqa: ANN401
    """A step that only one can do: on one of the workers, or here."""
    return step(**given) if workers is None else workers.once(step, given)


def _tell(recovered: Sequence[Recovered], resumed: Sequence[Delivered]) -> None:
    """What killed runs left behind, finished or undone; told in the log."""
    log = get_run_logger()
    for batch in recovered:
        log.warning("batch %s of an earlier run is %s: %s", batch.batch_id, batch.state, batch.reason)
    for delivered in resumed:
        log.warning("plan %s of an earlier run: %s", delivered.plan.order.run_id, artifacts.outcome_line(delivered))


def _planned(workspace: Workspace, request: Request, what: What, workers: Cluster | None = None) -> Plan:
    folder, log = workspace.settings.workspace, get_run_logger()
    for where in in_environment(workspace.settings):
        log.warning(where)
    log.info("reading the warehouse")
    order = line.begin(workspace, replace(request, workers=workers.workers if workers else 1))
    log.info("plan %s for %s: %d parts", order.run_id, order.as_of, order.parts)
    for told in to_look_at(order):
        log.warning("%s", told)
    run_id = order.run_id
    line.share_begun(workspace.settings, run_id)
    decided = _each(workspace, order, plan_part, range(order.parts), workers)
    parts = _once(workers, meet, folder=folder, run_id=run_id, totals=[each.found for each in decided])
    line.share_met(workspace.settings, run_id, parts)
    worded = _each(workspace, order, word_part, parts, workers)
    for told in noted(workspace.settings, run_id, {"plan": decided, "word": worded}):
        log.warning("%s", told)
    settled = _once(workers, settle, folder=folder, run_id=run_id)
    log.info("plan %s: %d get something", run_id, settled.people_count)
    _show(settled, workspace, "" if what == "plan only" else None)
    return cast("Plan", settled)


def _each(
    workspace: Workspace, order: Order, step: Task[..., Worked], parts: Sequence[int], workers: Cluster | None
) -> list[Worked]:
    """A step done for each part, a few at a time, and taken into the plan; with a bar that moves where there is more than one."""
    log, run_id = get_run_logger(), order.run_id
    runner: TaskRunner[Any] = workers.runner if workers else FlowRunContext.get().task_runner  # type: ignore[union-attr]
    given = {"folder": workspace.settings.workspace, "run_id": run_id}
    waiting = [runner.submit(step, {**given, "part": part}) for part in parts]
    has_bar, about = step is plan_part and len(parts) > 1, ("personalise-progress", f"parts of {run_id}")
    bar = cast("UUID", create_progress_artifact(0.0, *about)) if has_bar else None
    done: list[Worked] = []
    for future in as_completed(waiting):
        made: Worked = result(future)
        line.take(workspace.settings, run_id, made.apart)
        done.append(made)
        did = "planned" if step is plan_part else "put into words"
        log.info("%s %d of %d parts", did, len(done), len(parts))
        log.info("part %d took %.1f s of %s", made.part, made.seconds, made.worker)
        if bar is not None:
            update_progress_artifact(bar, 100.0 * len(done) / len(parts))
    return done


def _delivered(
    workspace: Workspace, run_id: str, expect: int | None, *, allow_past: bool, is_looked_at: bool = True
) -> Delivered:
    folder, log = workspace.settings.workspace, get_run_logger()
    plan = line.start(workspace, run_id, expected=expect, allow_past=allow_past, is_looked_at=is_looked_at)
    recalled = line.recall_outdated(workspace, plan)
    for folder_name, rows in recalled.batches.items():
        log.info("called back by %s: %d messages", folder_name, rows)
    waiting = line.pairs(workspace, run_id)
    published = []
    for place, (target, brand) in enumerate(waiting, start=1):
        published.append(publish(folder, run_id, target, brand))
        log.info("published %d of %d: %s for %s, %d rows", place, len(waiting), target, brand, published[-1].rows)
        if target in workspace.settings.transports:
            published[-1] = replace(published[-1], carried=carry(folder, run_id, target, brand))
            for each in published[-1].carried:
                level = logging.INFO if each.state == "carried" else logging.WARNING
                log.log(level, "batch %s to %s: %s %s", each.batch_id, each.to, each.state, each.reason or "")
    held = line.finish(workspace, run_id, is_whole=not any(each.stopped for each in published))
    delivered = Delivered(plan, tuple(published), held, recalled=recalled)
    for why in delivered.stopped:
        log.warning("a part of plan %s waits: %s", run_id, why)
    page_in_run(workspace, plan, published)
    page = artifacts.delivery_page(delivered, workspace=workspace.settings.name) + as_pages(workspace, plan)
    create_markdown_artifact(page, "personalise-delivery", "What was delivered, by target and brand")
    for batch in delivered.held:
        log.warning("batch %s waits for a person", batch)
    return delivered


def _show(plan: Plan, workspace: Workspace, why: str | None = None) -> None:
    """The page of a plan; of one that is still to be delivered, with why, if anything is in the way, and how to do that."""
    page, folder = artifacts.plan_page(plan, workspace=workspace.settings.name), str(workspace.settings.workspace)
    if not why:
        page_in_run(workspace, plan)  # where it waits it has one, and another run may hold the lock
    page += as_pages(workspace, plan)
    if why is not None:
        page += page_to_go_on(line.asked_of(workspace, plan), plan, folder, why)
    create_markdown_artifact(
        page, "personalise-plan", "Where everybody went, and what is planned by product and target"
    )


def _outcome(
    workspace: Workspace, run_id: str, deliver: Callable[[], Delivered], before: tuple[Any, Any] = ((), ())
) -> Outcome:
    """What came of delivering a plan; where it waits for a person its page says why, and what can be done."""
    try:
        delivered = deliver()
    except WaitingError as refused:
        waits, plan = Waits.of(refused), read_plan(workspace.settings, run_id)
        get_run_logger().warning("plan %s waits: %s", run_id, waits.why)
        _show(plan, workspace, waits.why)
        return Outcome(*before, plan, None, waits)
    return Outcome(*before, delivered.plan, delivered)


def _done(outcome: Outcome) -> State[Outcome]:
    people, run_id, waits = outcome.plan.people_count, outcome.plan.order.run_id, outcome.waits
    did = artifacts.outcome_line(outcome.delivered) if outcome.delivered else "nothing was delivered"
    did += f", since {waits.why}" if waits else ""
    is_stopped = outcome.delivered is not None and bool(outcome.delivered.stopped)
    name = waits.state if waits else "Stopped" if is_stopped else "Completed"
    return Completed(data=outcome, message=f"plan {run_id}, {people:,} people: {did}", name=name)
