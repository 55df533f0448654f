"""Delivering a plan: consent is looked at last, each message is claimed once, each batch appears whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import target, targets
from flows.channels.filing import Payload
from flows.channels.recipients import rounds
from flows.clock import present
from flows.draws import EVERYBODY, begin_tests
from flows.errors import PlanError
from flows.keys import load_key
from flows.ledger.claims import claim, verdicts
from flows.ledger.exposure import shown_lately
from flows.ledger.publishing import refuse_unbalanced
from flows.ledger.restoring import mark
from flows.ledger.runs import batches_of, claims_of, end_run, is_of_plan, run_state, start_run, states_told
from flows.ledger.store import open_ledger
from flows.line.batches import (
    Gist,
    Job,
    Noted,
    Staged,
    checked,
    claims_wanted,
    publish_batch,
    reasons_of,
)
from flows.line.budgeting import budgeted_by_day, over_today
from flows.line.drawing import refuse_stale
from flows.line.events import read_events
from flows.line.excluding import is_held_out
from flows.line.health import Sources, healthy_sources
from flows.line.listing import check_lists
from flows.line.looking import first_look, latest_look
from flows.line.permitting import forbidden, note_delivered, refuse_waiting
from flows.line.planned import CHOICES_FOLDER, check_current, parts_of, read_leaving, scan_decisions, scan_deliveries
from flows.line.reconciling import publish_state
from flows.line.request import Published
from flows.line.rows import Rows
from flows.line.seeding import addresses, seeded
from flows.line.sources import database
from flows.line.watching import scan_published
from flows.plan import Plan, check_deliverable, plan_digest, plan_folder, read_plan
from flows.schemas import KEYS, frame_schema
from flows.stages.budgets import VALUED
from flows.stages.next_best import noted
from flows.stages.routing import FIRST, carried
from flows.stops import in_stopped_country

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from flows.channels import Target
    from flows.counts import Count
    from flows.ledger.store import Ledger
    from flows.line.batches import Look
    from flows.workspace import Workspace


def start(
    workspace: Workspace, run_id: str, *, expected: int | None, allow_past: bool, is_looked_at: bool = True
) -> Plan:
    """Take a plan on: check that it may be delivered, and note that it is being delivered. Harmless when repeated.

    Args:
        workspace: must be as it was when the plan was made.
        run_id: of the plan.
        expected: the number of people that was approved; None asks for none.
        allow_past: whether a plan for a day that is over may be delivered.
        is_looked_at: whether somebody may have looked at it since it was made: too much of it may not have fallen away then.

    Raises:
        PlanError: the plan has expired, was changed, is not what was approved, was delivered already, is about the past or a day
            ahead of the clock, was made of other words or SQL, or has lost more than the tolerated share since.
        WaitingError: a person has to let it go on; it is kept.
    """
    settings = workspace.settings
    plan = read_plan(settings, run_id)
    check_deliverable(plan, expected)
    check_current(workspace, plan.order)
    refuse_waiting(workspace, plan)
    refuse_stale(workspace.holding_out(plan.order.holdouts), plan.order)
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
        with open_ledger(settings) as ledger:
            if is_looked_at:
                _check_fallen(ledger, workspace, plan, look)
            acted_on = (_acted_on(ledger, workspace, plan, part) for part in parts_of(folder))
            if plan.order.corrects is None:  # what it corrects was drawn then
                drawn = workspace.holding_out(plan.order.holdouts).tests_drawn
                mine = {name: drawn[name] for name in (EVERYBODY, *plan.order.products)}
                begin_tests(settings, mine, plan.order.as_of, plan.order.adapted)
            of_all = workspace.settings_drawn.global_holdout
            digest, events = plan_digest(folder), read_events(folder)
            chosen = _chosen(workspace.holding_out(plan.order.holdouts), plan)
            start_run(ledger, plan, settings.name, digest, acted_on, of_all, events, chosen)
        mark(settings)  # before anything leaves: no backup of an earlier time can pass for the present
    return plan


def _acted_on(ledger: Ledger, workspace: Workspace, plan: Plan, part: str) -> pl.DataFrame:
    """The decisions of a part that a plan acts on: those that it delivers, and its held-out wins, with `is_held_of_all`."""
    folder = plan_folder(workspace.settings, plan.order.run_id)
    planned = scan_deliveries(folder, part).select(*KEYS, "lane", "channel").collect()
    is_won = pl.col("reason").is_null()
    decisions = scan_decisions(folder, part).filter(is_won | (pl.col("reason") == "HOLDOUT")).drop("terms").collect()
    # What is wanted by no target of this run was not acted on: a later run of the day may.
    wanted = decisions.filter(is_won).join(planned, on=list(KEYS), how="semi", nulls_equal=True)
    delivered = _gone_by(wanted, planned, workspace)
    acted_on = pl.concat([delivered, _held_out(ledger, workspace, plan, decisions)])
    is_marketing = pl.col("message_type") == "marketing"
    return acted_on.with_columns(is_held_of_all=pl.when(is_marketing).then(is_held_out(workspace.settings_drawn)))


def _chosen(workspace: Workspace, plan: Plan) -> Iterator[pl.DataFrame]:
    """`ledger.choices.NOTED` of each part of a plan, where its helps were chosen by the setting `next_best`."""
    folder = plan_folder(workspace.settings, plan.order.run_id)
    kept = 1 - workspace.settings_drawn.global_holdout
    treated, sizes = {}, dict[str, dict[str, float]]()
    for name in plan.order.products:
        test = workspace.as_drawn(workspace.products[name]).test
        treated[name] = (kept * (1 - test.holdout) * (1 - test.usual), 1 - kept * (1 - test.holdout))
        relevance = workspace.products[name].relevance
        sizes[name] = {signal: term.size for signal, term in relevance.terms.items()} if relevance else {}
    for file in sorted((folder / CHOICES_FOLDER).glob("*.parquet")):
        decisions = scan_decisions(folder, file.stem).filter(
            pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT")
        )
        yield noted(pl.read_parquet(file), decisions.collect(), treated, sizes)


def _gone_by(decisions: pl.DataFrame, planned: pl.DataFrame, workspace: Workspace) -> pl.DataFrame:
    """Decisions with the `channel` that they go by, or of those that go by none of `first_of` here, would."""
    firsts = planned.filter(pl.col("lane") == FIRST).select(*KEYS, "channel")
    gone = decisions.join(firsts, on=list(KEYS), how="inner", nulls_equal=True)
    others = decisions.join(firsts, on=list(KEYS), how="anti", nulls_equal=True)
    return pl.concat([gone, carried(others, workspace.products, workspace.settings)])


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
    held = {way: scan_published(settings, target(way[0]), way[1]).head(1).collect() for way in given_up}
    holding = {way for way, some in held.items() if some.height}
    return sorted((wanted | holding) - done)


def publish(workspace: Workspace, run_id: str, target_name: str, brand: str) -> Published:
    """Publish one target and brand of a plan that was taken on by `start`.

    Raises:
        BalanceError: claims, rows and manifest are not the same number.
        OutboxError: the outbox cannot be written to.
    """
    job = Job(workspace, read_plan(workspace.settings, run_id), workspace.target(target_name), brand)
    if job.target.kind == "message" and not any(_is_of(count, job) for count in job.plan.counts):
        return Published(target_name, brand, None)
    if job.target.kind == "state":
        return publish_state(job)
    return publish_messages(job, job.read(job.scan()), latest_look(workspace, job.plan))


def _is_of(count: Count, job: Job) -> bool:
    return (count.target, count.brand) == (job.target.name, job.brand)


def finish(workspace: Workspace, run_id: str, *, is_whole: bool = True) -> tuple[str, ...]:
    """Compare a run's claims with its rows, note that it has ended, and return the batches that wait for a person.

    Args:
        workspace: of the run.
        run_id: of it.
        is_whole: whether nothing of it was stopped; else it goes on once that has ended.

    Raises:
        BalanceError: they are not the same number.
    """
    with open_ledger(workspace.settings) as ledger:
        batches = batches_of(ledger, run_id)
        messages = batches.filter(pl.col("kind") == "message")
        rows = int(messages["row_count"].sum()) - int(messages["released_count"].sum())
        refuse_unbalanced(run_id, claims=claims_of(ledger, run_id), rows=rows)
        if is_whole:
            note_delivered(ledger, workspace, read_plan(workspace.settings, run_id))
            end_run(ledger, run_id, "delivered")
    mark(workspace.settings)
    return tuple(batches.filter(pl.col("state") == "hold")["batch_id"])


def _is_over(workspace: Workspace, plan: Plan) -> bool:
    """Whether the day of a plan is over, by the clock."""
    return plan.order.as_of < _today(workspace)


def _today(workspace: Workspace) -> date:
    return present().astimezone(workspace.settings.zone).date()


def _check_fallen(ledger: Ledger, workspace: Workspace, plan: Plan, look: Look) -> None:
    """Refuse a plan of which more than the tolerated share has fallen away since: it is not what was looked at.

    What a plan for a past day has lost to the time since then is no surprise, and does not count; nor do people of a country that
    somebody has stopped.
    """
    folder = plan_folder(workspace.settings, plan.order.run_id)
    is_open = ~in_stopped_country(workspace.settings)
    lately = shown_lately(ledger, plan.order.as_of, workspace.settings.exposure)
    leaving = (read_leaving(folder, part).filter(is_open) for part in parts_of(folder))
    parts = (checked(workspace, plan, rows, look, lately) for rows in leaving)
    planned, barred = _barred(ledger, workspace, plan, parts, look.at)
    if _is_over(workspace, plan):
        barred = barred.filter(pl.col("reason") != "STALE_CONTEXT")
    if planned and barred.height / planned > workspace.settings.tolerated_share:
        what = f"{barred.height} of {planned} planned deliveries may not leave any more"
        raise PlanError(plan.order.run_id, what, "make a new plan and look at it")


def _barred(
    ledger: Ledger, workspace: Workspace, plan: Plan, windows: Iterable[pl.DataFrame], at: datetime
) -> tuple[int, pl.DataFrame]:
    """How many planned deliveries there are, and `message_id, reason` of those that may not leave.

    The history may bar a message, too, or the day have no room for it; a correction is on purpose, and only counts.

    Args:
        ledger: open, in the transaction of the claim where one follows.
        workspace: gives products and settings.
        plan: of which they are.
        windows: them, as `checked` yields them, in any pieces.
        at: UTC instant as of which budgets are looked at.
    """
    sent = [name for name in plan.order.targets if target(name).kind == "message"]
    has_days = plan.order.corrects is None and budgeted_by_day(workspace.settings)
    planned, found, valued = 0, [_BARRED.to_frame()], []
    for rows in windows:
        planned += rows.height
        free = rows.filter(pl.col("reason").is_null(), pl.col("target").is_in(sent))
        said = verdicts(ledger, claims_wanted(workspace, plan, free)).drop_nulls("reason")
        found += [rows.drop_nulls("reason").select(_BARRED.names()), said]
        if has_days:
            valued.append(free.join(said, on="message_id", how="anti").select(VALUED))
    if valued:
        found.append(over_today(ledger, workspace.settings, pl.concat(valued), at))
    return planned, pl.concat(found)


_BARRED = frame_schema("message_id", "reason")


def publish_messages(job: Job, planned: Rows, look: Look) -> Published:
    """Claim what is still free of some planned deliveries, and publish exactly that. Raises as `publish`."""
    workspace, plan = job.workspace, job.plan
    key = load_key(workspace.settings.key_file)
    seeds = look.open_seeds(addresses(workspace, job.brand, job.target.channel), key)
    if not workspace.settings.is_production and seeds.is_empty():
        return Published(job.target.name, job.brand, None, dropped={"SUPPRESSED": sum(map(len, planned))})
    job = replace(job, seeds=seeds)
    with open_ledger(workspace.settings) as ledger, ledger.transaction():
        if (why := forbidden(ledger, workspace, plan, job.brand)) is not None:
            return Published(job.target.name, job.brand, None, stopped=why)
        lately = shown_lately(ledger, plan.order.as_of, workspace.settings.exposure)
        rows = planned.map(lambda found: checked(workspace, plan, found, look, lately))
        count, barred = _barred(ledger, workspace, plan, rows, look.at)
        leaving, dropped = rows.map(lambda found: _less(found, barred)), reasons_of(barred)
        gist = Gist.of(leaving)
        where = f"{job.target.name} for {job.brand}"
        refuse_unbalanced(where, claims=count, rows=gist.rows + sum(dropped.values()))
        if gist.rows == 0:
            return Published(job.target.name, job.brand, None, dropped=dropped)
        wanted = (claims_wanted(workspace, plan, found) for found in leaving)
        batch = claim(ledger, job.header(), wanted, gist.valid_until)
        noted = Noted.of(ledger, workspace, gist.products)
    creatives = job.creatives(gist.creatives)
    copies = seeded(workspace, plan.order.as_of, leaving, creatives, seeds)
    creatives = {**creatives, **copies.creatives}
    whole = leaving.map(job.addressed).along(copies.rows)
    content = _in_rounds(whole, job.target).map(lambda found: job.content(found, creatives))
    files = [Payload("recipients", "append", content)]
    contents = Staged(job, batch, noted, leaving, creatives, files, look.at, copies.rows, Rows.of(copies.rows.clear()))
    sealed = publish_batch(contents, look)
    stopped = sealed.barred.join(copies.rows, on="message_id", how="anti")
    dropped = dict(Counter(dropped) + Counter(reasons_of(stopped)))
    return Published(
        job.target.name, job.brand, sealed.folder, rows=sealed.rows, dropped=dropped, stopped=sealed.stopped
    )


def _less(rows: pl.DataFrame, barred: pl.DataFrame) -> pl.DataFrame:
    free = rows.filter(pl.col("reason").is_null())
    return free.join(barred, on="message_id", how="anti", maintain_order="left")


def _in_rounds(whole: Rows, to: Target) -> Rows:
    """All rows of a batch, with their `round` where no window of them could tell it."""
    if len(whole) == 1 or not to.has_rounds:
        return whole
    narrow = pl.concat([found.select({"message_id", "address", *to.order}) for found in whole]).sort(to.order)
    later = narrow.select("message_id", rounds(narrow["address"])).drop_nulls("round")
    return whole.map(lambda found: found.join(later, on="message_id", how="left", maintain_order="left"))
