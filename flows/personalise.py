"""The main job under Prefect: plan, look, deliver, on a schedule, by a form, or by a plain call.

The stages are joined in `flows/line/`; this wraps them in few, coarse tasks. Paths and counts go in and out: nothing that
Prefect keeps (parameters, states, logs, artifacts) holds a customer's data.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from dataclasses import replace
from datetime import date  # noqa: TC003  (Prefect reads the annotations when it makes the form)
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from polars.exceptions import PanicException
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State  # noqa: TC002  (the same)
from prefect.futures import as_completed
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows import line
from flows.channels import targets as known_targets
from flows.errors import JustEnoughError, LockedError, UsageError
from flows.ledger.lock import run_lock
from flows.line.request import Carried, Delivered, Outcome, Published, Request
from flows.pages import artifacts
from flows.plan import Plan  # noqa: TC001  (the same)
from flows.workspace import Workspace, load_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


@lru_cache(maxsize=2)
def _workspace(folder: Path, _run_id: str) -> Workspace:
    """The workspace of a run, read once per process: reading takes longer than a small part does.

    `start` refuses a plan of other settings, words or SQL, so what is kept for a run is what its plan was made of.
    """
    return load_workspace(folder)


@task(
    task_run_name="part {part}",
    cache_policy=NO_CACHE,
    persist_result=False,
    log_prints=False,
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_condition_fn=_may_pass,
)
def plan_part(folder: Path, run_id: str, part: int) -> dict[str, int]:
    """Decide for one part of the customers. Repeating it writes the same files again.

    Returns:
        Product -> candidates of this part.
    """
    with without_data(f"{run_id}, part {part}"):
        return line.plan_part(_workspace(folder, run_id), run_id, part)


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    log_prints=False,
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_condition_fn=_may_pass,
)
def settle(folder: Path, run_id: str, totals: list[dict[str, int]]) -> Plan:
    """Bring the parts together; harmless when repeated."""
    with without_data(f"{run_id}, settling"):
        return line.settle(_workspace(folder, run_id), run_id, totals)


@task(task_run_name="{target} for {brand}", cache_policy=NO_CACHE, persist_result=False, log_prints=False)
def publish(folder: Path, run_id: str, target: str, brand: str) -> Published:
    """Publish one target and brand. It is not tried again here: the next run recovers what this one left behind."""
    with without_data(f"{run_id}, {target} for {brand}"):
        return line.publish(_workspace(folder, run_id), run_id, target, brand)


@task(task_run_name="carry {target} for {brand}", cache_policy=NO_CACHE, persist_result=False, log_prints=False)
def carry(folder: Path, run_id: str, target: str, brand: str) -> tuple[Carried, ...]:
    """Carry to its other end what was published for one target and brand. What does not get there the next run carries."""
    with without_data(f"{run_id}, {target} for {brand}"):
        return line.carry(_workspace(folder, run_id), run_id, target, brand)


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
    with without_data("personalise"):
        loaded = load_workspace(workspace)
        with run_lock(loaded.settings, "personalise under Prefect"):
            if what == "deliver a plan":
                if run_id is None:
                    raise UsageError(
                        "run_id", "no plan is named", "name the one to deliver; the page of a plan shows it"
                    )
                _tell(line.tidy(loaded) + line.carry_late(loaded), ())
                delivered = _delivered(loaded, run_id, expect, allow_past=allow_past)
                return _done(Outcome((), (), delivered.plan, delivered))
            recovered, resumed = ([], []) if what == "plan only" else line.prepare(loaded)
            _tell(recovered, resumed)
            planned = _planned(loaded, Request(as_of, products, targets, parts, allow_past))
            _show(planned, loaded, deliverable=what == "plan only")
            if what == "plan only":
                return _done(Outcome((), (), planned, None))
            allow_past = allow_past or not planned.order.moment.is_past  # midnight may pass while it runs
            delivered = _delivered(loaded, planned.order.run_id, expect, allow_past=allow_past)
            return _done(Outcome(tuple(recovered), tuple(resumed), planned, delivered))


def _tell(recovered: Sequence[Recovered], resumed: Sequence[Delivered]) -> None:
    """What killed runs left behind, finished or undone; told in the log."""
    log = get_run_logger()
    for batch in recovered:
        log.warning("batch %s of an earlier run is %s: %s", batch.batch_id, batch.state, batch.reason)
    for delivered in resumed:
        log.warning("plan %s of an earlier run: %s", delivered.plan.order.run_id, artifacts.outcome_line(delivered))


def _planned(workspace: Workspace, request: Request) -> Plan:
    folder, log = workspace.settings.workspace, get_run_logger()
    log.info("reading the warehouse")
    order = line.begin(workspace, request)
    log.info("plan %s for %s: %d parts", order.run_id, order.as_of, order.parts)
    for product in order.overdue:
        log.warning("%s is left out, since its review date has passed", product)
    for product, why in order.paused.items():
        log.warning("%s is left out, since it is paused: %s", product, why)
    settled = settle(folder, order.run_id, _all_parts(folder, order))
    log.info("plan %s: %d get something", order.run_id, settled.people_count)
    return settled


def _all_parts(folder: Path, order: Order) -> list[dict[str, int]]:
    """Every part planned, a few at a time, with a bar that moves where there is more than one."""
    log, run_id = get_run_logger(), order.run_id
    waiting = [plan_part.submit(folder, run_id, part) for part in range(order.parts)]
    about = ("personalise-progress", f"parts of {run_id}")
    bar = cast("UUID", create_progress_artifact(0.0, *about)) if order.parts > 1 else None
    counts: list[dict[str, int]] = []
    for future in as_completed(waiting):
        counts.append(future.result())
        log.info("planned %d of %d parts", len(counts), order.parts)
        if bar is not None:
            update_progress_artifact(bar, 100.0 * len(counts) / order.parts)
    return counts


def _delivered(workspace: Workspace, run_id: str, expect: int | None, *, allow_past: bool) -> Delivered:
    folder, log = workspace.settings.workspace, get_run_logger()
    plan = line.start(workspace, run_id, expected=expect, allow_past=allow_past)
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
    delivered = Delivered(plan, tuple(published), line.finish(workspace, run_id), recalled=recalled)
    page = artifacts.delivery_page(delivered, workspace=workspace.settings.name)
    create_markdown_artifact(page, "personalise-delivery", "What was delivered, by target and brand")
    for batch in delivered.held:
        log.warning("batch %s waits for a person", batch)
    return delivered


def _show(plan: Plan, workspace: Workspace, *, deliverable: bool) -> None:
    """The page of a plan; of one that is still to be delivered, with how to do that."""
    page = artifacts.plan_page(plan, workspace=workspace.settings.name)
    if deliverable:
        page += artifacts.to_deliver(plan, str(workspace.settings.workspace))
    create_markdown_artifact(
        page, "personalise-plan", "Where everybody went, and what is planned by product and target"
    )


def _done(outcome: Outcome) -> State[Outcome]:
    people, run_id = outcome.plan.people_count, outcome.plan.order.run_id
    did = artifacts.outcome_line(outcome.delivered) if outcome.delivered else "nothing was delivered"
    return Completed(data=outcome, message=f"plan {run_id}, {people:,} people: {did}")
