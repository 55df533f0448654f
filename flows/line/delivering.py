"""Delivering a plan: consent is looked at last, each message is claimed once, each batch appears whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import target, targets
from flows.clock import present
from flows.errors import PlanError
from flows.keys import load_key
from flows.ledger.claims import claim, verdicts
from flows.ledger.publishing import refuse_unbalanced
from flows.ledger.restoring import mark
from flows.ledger.runs import batches_of, claims_of, end_run, is_of_plan, run_state, start_run, states_told
from flows.ledger.store import open_ledger
from flows.line.batches import (
    Job,
    claims_wanted,
    publish_batch,
    reasons_of,
    valid_until,
    within_budget,
    within_hours,
)
from flows.line.budgeting import over_today
from flows.line.health import Sources, healthy_sources
from flows.line.listing import check_lists
from flows.line.looking import first_look, latest_look
from flows.line.planned import read_leaving, scan_decisions, scan_deliveries
from flows.line.reconciling import publish_state
from flows.line.request import Published
from flows.line.seeding import addresses, seeded
from flows.line.sources import database
from flows.line.watching import published_members
from flows.plan import Plan, check_deliverable, plan_digest, plan_folder, read_plan
from flows.schemas import KEYS
from flows.stages.delivery import Payload
from flows.stages.routing import FIRST, carried

if TYPE_CHECKING:
    from datetime import date, datetime

    from flows.ledger.store import Ledger
    from flows.line.batches import Look
    from flows.workspace import Workspace


def start(workspace: Workspace, run_id: str, *, expected: int | None, allow_past: bool) -> Plan:
    """Take a plan on: check that it may be delivered, and note that it is being delivered. Harmless when repeated.

    Args:
        workspace: must be as it was when the plan was made.
        run_id: of the plan.
        expected: the number of people that was approved; None asks for none.
        allow_past: whether a plan for a day that is over may be delivered.

    Raises:
        PlanError: the plan has expired, was changed, is not what was approved, was delivered already, is about the past or a day
            ahead of the clock, was made of other words or SQL, or has lost more than the tolerated share since.
    """
    settings = workspace.settings
    plan = read_plan(settings, run_id)
    check_deliverable(plan, expected)
    check_current(workspace, plan)
    if _is_over(workspace, plan) and not allow_past:
        raise PlanError(run_id, f"{plan.order.as_of} is over", "to deliver for a past day add --allow-past")
    check_lists(settings)
    planned_on = Sources(plan.order.source_rows, plan.order.source_columns)
    healthy_sources(database(settings, plan.order.as_of), workspace, planned_on, present())
    folder = plan_folder(settings, run_id)
    with open_ledger(settings) as ledger:
        state = run_state(ledger, run_id)
        is_as_begun = state is None or is_of_plan(ledger, run_id, plan_digest(folder))
    if not is_as_begun:
        raise PlanError(run_id, "this plan was changed after its delivery had begun", "make a new plan")
    if state == "delivered":
        raise PlanError(run_id, "this plan was delivered already", "make a new one; nobody gets the same help twice")
    if state is None and plan.order.as_of > _today(workspace):
        what = f"{plan.order.as_of} has not begun yet by this machine's clock"
        raise PlanError(run_id, what, "look at the clock; then make a new plan")
    look = first_look(workspace, plan)
    if state is None:
        _check_fallen(workspace, plan, look.on(read_leaving(folder)), look.at)
        planned = scan_deliveries(folder).select(*KEYS, "lane", "channel").collect()
        is_won = pl.col("reason").is_null()
        decisions = scan_decisions(folder).filter(is_won | (pl.col("reason") == "HOLDOUT")).drop("terms").collect()
        won = decisions.filter(is_won)
        # What is wanted by no target of this run was not acted on: a later run of the day may.
        acted_on = won.join(planned, on=list(KEYS), how="semi", nulls_equal=True)
        acted_on = _gone_by(carried(acted_on, workspace.products, settings), planned)
        with open_ledger(settings) as ledger:
            acted_on = pl.concat([acted_on, _held_out(ledger, workspace, plan, decisions)])
            start_run(ledger, plan, settings.name, plan_digest(folder), acted_on)
        mark(settings)  # before anything leaves: no backup of an earlier time can pass for the present
    return plan


def check_current(workspace: Workspace, plan: Plan) -> None:
    """Refuse a plan that was made of other settings, words or SQL, or under another key. Raises PlanError."""
    if plan.order.key_id != load_key(workspace.settings.key_file).key_id:
        raise PlanError(plan.order.run_id, "there is a new key since this plan was made", "make a new plan")
    if plan.order.inputs_digest != workspace.inputs_digest:
        what = "settings, words or SQL have changed since this plan was made"
        raise PlanError(plan.order.run_id, what, "make a new plan")


def _gone_by(decisions: pl.DataFrame, planned: pl.DataFrame) -> pl.DataFrame:
    """Decisions with the channel that they go by, where a budget has had them go by another than `first_of` would pick."""
    firsts = planned.filter(pl.col("lane") == FIRST).select(*KEYS, goes="channel")
    rows = decisions.join(firsts, on=list(KEYS), how="left", nulls_equal=True, maintain_order="left")
    return rows.with_columns(channel=pl.coalesce("goes", "channel")).drop("goes")


def _held_out(ledger: Ledger, workspace: Workspace, plan: Plan, decisions: pl.DataFrame) -> pl.DataFrame:
    """The held-out wins of a plan, but for those that the ledger bars by now: it would bar the message that they stand for."""
    is_held = (pl.col("reason") == "HOLDOUT") & pl.col("product").is_in(list(plan.order.products))
    held = carried(decisions.filter(is_held), workspace.products, workspace.settings)
    nowhere = dict.fromkeys(("address_match", "time_zone"), pl.lit(None, pl.String))
    messages = held.with_columns(message_id="decision_id", lane=pl.lit(FIRST), **nowhere)
    said = verdicts(ledger, claims_wanted(workspace, plan, messages)).filter(pl.col("reason").is_null())
    return held.join(said, left_on="decision_id", right_on="message_id", how="semi")


def pairs(workspace: Workspace, run_id: str) -> list[tuple[str, str]]:
    """The targets and brands of a run that are still to be published, in order.

    Beside those of the settings these are the state targets that a brand has given up and that still hold somebody.
    """
    settings, order = workspace.settings, read_plan(workspace.settings, run_id).order
    with open_ledger(settings) as ledger:
        done = set(batches_of(ledger, run_id).select("target", "brand").iter_rows())
        told = set(states_told(ledger).iter_rows())
    ways = {(name, brand) for brand, channels in settings.targets.items() for name in channels.values()}
    wanted = {(name, brand) for name, brand in ways if name in order.targets}
    given_up = set() if order.is_narrowed else {(name, brand) for name, brand in told - ways if name in targets()}
    holding = {way for way in given_up if not published_members(settings, target(way[0]), way[1]).is_empty()}
    return sorted((wanted | holding) - done)


def publish(workspace: Workspace, run_id: str, target_name: str, brand: str) -> Published:
    """Publish one target and brand of a plan that was taken on by `start`.

    Raises:
        BalanceError: claims, rows and manifest are not the same number.
        OutboxError: the outbox cannot be written to.
    """
    job = Job(workspace, read_plan(workspace.settings, run_id), workspace.target(target_name), brand)
    look = latest_look(workspace, job.plan)
    return publish_state(job, look) if job.target.kind == "state" else publish_messages(job, job.planned(), look)


def finish(workspace: Workspace, run_id: str) -> tuple[str, ...]:
    """Compare a run's claims with its rows, note that it has ended, and return the batches that wait for a person.

    Raises:
        BalanceError: they are not the same number.
    """
    with open_ledger(workspace.settings) as ledger:
        batches = batches_of(ledger, run_id)
        messages = batches.filter(pl.col("kind") == "message")
        rows = int(messages["row_count"].sum()) - int(messages["released_count"].sum())
        refuse_unbalanced(run_id, claims=claims_of(ledger, run_id), rows=rows)
        end_run(ledger, run_id, "delivered")
    mark(workspace.settings)
    return tuple(batches.filter(pl.col("state") == "hold")["batch_id"])


def _is_over(workspace: Workspace, plan: Plan) -> bool:
    """Whether the day of a plan is over, by the clock."""
    return plan.order.as_of < _today(workspace)


def _today(workspace: Workspace) -> date:
    return present().astimezone(workspace.settings.zone).date()


def _check_fallen(workspace: Workspace, plan: Plan, planned: pl.DataFrame, at: datetime) -> None:
    """Refuse a plan of which more than the tolerated share has fallen away since: it is not what was looked at.

    What a plan for a past day has lost to the time since then is no surprise, and does not count.
    """
    if planned.is_empty():
        return
    rows = within_hours(workspace, plan, within_budget(workspace, plan, planned), at)
    messages = rows.filter(
        pl.col("target").is_in([name for name in plan.order.targets if target(name).kind == "message"])
    )
    with open_ledger(workspace.settings) as ledger:
        said = _refused(ledger, workspace, plan, messages, claims_wanted(workspace, plan, messages), at)
    barred = pl.concat([rows.select("message_id", "reason"), said]).drop_nulls("reason")
    if _is_over(workspace, plan):
        barred = barred.filter(pl.col("reason") != "STALE_CONTEXT")
    fallen = barred["message_id"].n_unique()
    if fallen / planned.height > workspace.settings.tolerated_share:
        what = f"{fallen} of {planned.height} planned deliveries may not leave any more"
        raise PlanError(plan.order.run_id, what, "make a new plan and look at it")


def _refused(
    ledger: Ledger, workspace: Workspace, plan: Plan, rows: pl.DataFrame, wanted: pl.DataFrame, at: datetime
) -> pl.DataFrame:
    """`message_id, reason` of what the history bars, or the day has no room for; a correction is on purpose, and only counts."""
    said = verdicts(ledger, wanted).drop_nulls("reason")
    if plan.order.corrects is not None:
        return said
    free = rows.filter(pl.col("reason").is_null()).join(said, on="message_id", how="anti")
    return pl.concat([said, over_today(ledger, workspace.settings, free, at)])


def publish_messages(job: Job, planned: pl.DataFrame, look: Look) -> Published:
    """Claim what is still free of some planned deliveries, and publish exactly that. Raises as `publish`."""
    rows = within_budget(job.workspace, job.plan, look.on(planned))
    rows = within_hours(job.workspace, job.plan, rows, look.at)
    free = rows.filter(pl.col("reason").is_null())
    wanted = claims_wanted(job.workspace, job.plan, free)
    with open_ledger(job.workspace.settings) as ledger, ledger.transaction():
        said = _refused(ledger, job.workspace, job.plan, free, wanted, look.at)
        free = free.drop("reason").join(said, on="message_id", how="left", maintain_order="left")
        dropped = reasons_of(pl.concat([rows.filter(pl.col("reason").is_not_null()), free], how="diagonal"))
        leaving = free.filter(pl.col("reason").is_null())
        refuse_unbalanced(
            f"{job.target.name} for {job.brand}", claims=rows.height, rows=leaving.height + sum(dropped.values())
        )
        if leaving.is_empty():
            return Published(job.target.name, job.brand, None, dropped=dropped)
        mine = wanted.join(leaving, on="message_id", how="semi")
        batch = claim(ledger, job.header(), mine, valid_until(leaving))
    creatives = job.creatives(leaving)
    seeds = addresses(job.workspace, job.brand, job.target.channel)
    seeds = look.open_seeds(seeds, load_key(job.workspace.settings.key_file))
    copies = seeded(job.workspace, job.plan.order.as_of, leaving, creatives, seeds)
    creatives = {**creatives, **copies.creatives}
    whole = pl.concat([leaving, copies.rows], how="diagonal_relaxed")
    files = [Payload("recipients", "append", job.content(whole, creatives))]
    sealed = publish_batch(job, batch, whole, creatives, files, look)
    barred = sealed.barred.join(leaving, on="message_id", how="semi")
    dropped = dict(Counter(dropped) + Counter(reasons_of(barred)))
    return Published(job.target.name, job.brand, sealed.folder, rows=sealed.rows, dropped=dropped)
