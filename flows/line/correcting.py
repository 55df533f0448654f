"""Correcting a batch: one message more to the same recipients, once and on purpose, in the words as they are now.

A correction is a plan like any other, whose decisions were taken when the batch was made: it is delivered by the same protocol,
resumed after a kill, and delivered again where it failed. Whom nobody may speak to any more gets none; caps and `once_every` do
not bar it, and count it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.clock import moment
from flows.errors import StateError, nearest
from flows.facts import at_level
from flows.keys import load_key, load_keys, recognised
from flows.ledger.corrections import correctable
from flows.ledger.store import open_ledger
from flows.line.ending import ended
from flows.line.planned import last_whole
from flows.line.planning import COUNTED_FOLDER, ROUTED_FOLDER, begin, save, source_of
from flows.line.request import Request
from flows.line.segments import read_segment_rows
from flows.line.sources import read_bars, read_shared
from flows.plan import plan_folder, read_order, save_order
from flows.schemas import DECISIONS, INSTANT, ROUTED
from flows.stages.crowd import shown
from flows.stages.eligibility import standing
from flows.stages.guard import guarded
from flows.stages.segment import candidates
from flows.stages.timing import timed
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from flows.ledger.corrections import Wrong
    from flows.line.sources import Source
    from flows.plan import Order
    from flows.product import Product
    from flows.stages.eligibility import Bars
    from flows.workspace import Workspace

_PLACE = ("customer_id", "brand", "subject_key")


def begin_correction(workspace: Workspace, batch_id: str) -> Order:
    """Check what a correction needs and write down what was asked for. Call it under the run's lock.

    Args:
        workspace: with the words as they are to be.
        batch_id: what is corrected.

    Raises:
        StateError: the batch cannot be corrected, or says something of a product that is gone.
        JustEnoughError: as `planning.begin`.
    """
    settings = workspace.settings
    with open_ledger(settings) as ledger:
        wrong = correctable(ledger, batch_id)
    products = tuple(wrong.rows["product"].unique().sort())
    for name in products:
        if name not in workspace.products:
            raise StateError(batch_id, f"there is no product '{name}' any more", nearest(name, workspace.products))
    target = settings.targets.get(wrong.brand, {}).get(wrong.channel, wrong.target)
    order = begin(workspace, Request(targets=(target,), parts=1))
    about = {"products": products, "is_narrowed": True, "corrects": batch_id, "goes_by": last_whole(settings)}
    order = order.model_copy(update=about)
    save_order(settings, order)
    return order


def plan_correction(workspace: Workspace, run_id: str) -> dict[str, int]:
    """Decide again for whom a batch told something, and route it the same way.

    Writes what `planning.plan_part` writes, with `attempt` beside it, into the plan's folder.

    Returns:
        Product -> rows of its segment that are about the recipients; `people`: everybody.
    """
    settings = workspace.settings
    folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
    source, key = source_of(workspace, order), load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        wrong = correctable(ledger, str(order.corrects))
    bars = read_bars(source, Scope(), key)
    people = bars.people.select("customer_id", "brand", "person_key")
    told = wrong.rows.join(people, on=["person_key", "brand"], how="left", maintain_order="left")
    then = _then(source, wrong)
    decisions, counts = [DECISIONS.to_frame()], {"people": bars.people.height}
    for name in order.products:
        product, mine = workspace.products[name], told.filter(pl.col("product") == name)
        stood, mine = _standing(then, order, product, mine, bars, wrong.channel)
        decided = _unless_ended(source, _decided(mine, stood, order, wrong.channel), mine)
        won = decided.filter(pl.col("reason").is_null())
        fields = workspace.fields(product)
        facts = guarded(won, stood, product, fields, workspace.catalogue, bars.consent, order.moment)
        facts = at_level(facts, pl.col("drawn_level"), product.dimensions, fields)  # no more than was drawn then
        wanted = facts.join(mine.select("decision_id", "lane", "attempt"), on="decision_id", maintain_order="left")
        wanted = wanted.with_columns(
            channel=pl.lit(wrong.channel),
            target=pl.lit(order.targets[0]),
            address=f"{wrong.channel}_address",
            address_match=f"{wrong.channel}_match",
            phone=pl.lit(None, dtype=pl.String),  # only ads go by it, and nothing of theirs is corrected
            consent_event=f"{wrong.channel}_event",
            shown=pl.lit(None, dtype=pl.String),
        ).select(*ROUTED.names(), *fields, "attempt")
        wanted = timed(wanted, workspace.products, settings, order.present, order.starts_at)
        routed, counted = shown(wanted, product, workspace.words[name], fields, key)
        save(routed, folder / ROUTED_FOLDER / f"0000-{name}.parquet")
        save(counted, folder / COUNTED_FOLDER / f"0000-{name}.parquet")
        decisions.append(decided)
        counts[name] = stood.height
    save(pl.concat(decisions), folder / "decisions" / "0000.parquet")
    return counts


def _then(source: Source, wrong: Wrong) -> Source:
    """The warehouse as of the day of the batch: who was in a segment then has its facts, corrected or not."""
    day = moment(wrong.as_of, source.workspace.settings.zone)
    return replace(source, moment=day, shared=read_shared(source.workspace, source.path, day))


def _standing(
    then: Source, order: Order, product: Product, mine: pl.DataFrame, bars: Bars, channel: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a segment that are about the recipients, with what bars each on the channel now; and the recipients.

    The recipients' `subject_key` is under the key in use.
    """
    settings = then.workspace.settings
    rows = read_segment_rows(then, Scope(), product.segment)
    about = candidates(rows, product, order.moment, load_key(settings.key_file))
    mine = recognised(mine, "subject_key", about["subject_id"], load_keys(settings.key_file))
    about = about.join(mine.select(_PLACE), on=list(_PLACE), how="semi", nulls_equal=True, maintain_order="left")
    return standing(about, bars, product, [CHANNELS[channel]], settings.targets, order.present), mine


def _unless_ended(source: Source, decided: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    """`decided`, STALE_CONTEXT where an outcome has ended the need since the batch was made."""
    rows = decided.join(mine.select("decision_id", decided_at="claimed_at"), on="decision_id", maintain_order="left")
    over = ended(source, rows.rename({"decision_id": "message_id"}))
    is_over = pl.col("decision_id").is_in(over["message_id"].implode())
    return decided.with_columns(reason=pl.coalesce("reason", pl.when(is_over).then(pl.lit("STALE_CONTEXT"))))


def _decided(mine: pl.DataFrame, stood: pl.DataFrame, order: Order, channel: str) -> pl.DataFrame:
    """`DECISIONS`: each recipient once, with what is in the way.

    Who is no customer any more, or not in the segment, is named by the key alone, since nothing else is known of them.
    """
    known = stood.select(*_PLACE, "subject_id", "valid_until", barred=pl.coalesce("reason", f"{channel}_reason"))
    rows = mine.join(known, on=list(_PLACE), how="left", nulls_equal=True, maintain_order="left")
    is_over = pl.col("valid_until").is_null() | (pl.col("valid_until") <= pl.lit(order.present, dtype=INSTANT))
    reason = (
        pl.when(pl.col("customer_id").is_null())
        .then(pl.lit("UNREACHABLE"))
        .when(pl.col("barred").is_not_null())
        .then("barred")
        .when(is_over)
        .then(pl.lit("STALE_CONTEXT"))
    )
    none_of = {name: pl.lit([], dtype=DECISIONS[name]) for name in ("terms", "closed")}
    return rows.with_columns(
        customer_id=pl.coalesce("customer_id", "person_key"),
        subject_id=pl.coalesce("subject_id", "subject_key"),
        reason=reason,
        detail=pl.lit(None, dtype=DECISIONS["detail"]),
        came_by=pl.lit(None, dtype=DECISIONS["came_by"]),
        **none_of,
    ).select(DECISIONS.names())
