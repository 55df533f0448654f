"""Delivering a plan: consent is looked at last, each message is claimed once, each batch appears whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.channels import CHANNELS, Target, target
from flows.clock import present
from flows.errors import PlanError
from flows.keys import draw, load_key
from flows.ledger import claims as ledger_claims
from flows.ledger.membership import forget_older, read_members, write_members
from flows.ledger.publishing import publish as reveal
from flows.ledger.publishing import staged
from flows.ledger.runs import (
    archive,
    batches_of,
    claims_of,
    end_run,
    last_published,
    run_state,
    start_run,
    versions,
)
from flows.ledger.store import open_ledger
from flows.line.planning import scan_deliveries
from flows.line.request import Published
from flows.line.sources import bars_of_deliveries, database
from flows.plan import Plan, check_deliverable, plan_digest, plan_folder, read_plan
from flows.stages.claims import MEMBERS, Difference, claimable, reconciled
from flows.stages.delivery import Payload, check_balance, header, shaped, write_batch
from flows.stages.eligibility import rechecked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.clock import Moment
    from flows.ledger.claims import Batch, Header
    from flows.workspace import Workspace


def start(workspace: Workspace, run_id: str, *, expected: int | None, allow_past: bool) -> Plan:
    """Take a plan on: check that it may be delivered, and note that it is being delivered. Harmless when repeated.

    Args:
        workspace: must be as it was when the plan was made.
        run_id: of the plan.
        expected: the number of people that was approved; None asks for none.
        allow_past: whether a plan for a day that is over may be delivered.

    Raises:
        PlanError: the plan has expired, was changed, is not what was approved, was delivered already, is about the past, was
            made of other words or SQL, or has lost more than the tolerated share since.
    """
    plan = read_plan(workspace.settings, run_id)
    folder = plan_folder(workspace.settings, run_id)
    check_deliverable(plan, expected)
    if plan.order.inputs_digest != workspace.inputs_digest:
        raise PlanError(run_id, "settings, words or SQL have changed since this plan was made", "make a new plan")
    if plan.order.moment.is_past and not allow_past:
        raise PlanError(run_id, f"{plan.order.as_of} is over", "to deliver for a past day add --allow-past")
    with open_ledger(workspace.settings) as ledger:
        state = run_state(ledger, run_id)
    if state == "delivered":
        raise PlanError(run_id, "this plan was delivered already", "make a new one; nobody gets the same help twice")
    if state is None:
        _check_fallen(workspace, plan, folder)
        decisions = pl.concat([pl.read_parquet(file) for file in sorted((folder / "decisions").glob("*.parquet"))])
        acted_on = decisions.filter(
            pl.col("product").is_in(list(plan.order.products)),
            pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT"),
        )
        with open_ledger(workspace.settings) as ledger:
            start_run(ledger, plan, workspace.settings.name, plan_digest(folder), acted_on)
    return plan


def pairs(workspace: Workspace, run_id: str) -> list[tuple[str, str]]:
    """The targets and brands of a run that are still to be published, in order."""
    plan = read_plan(workspace.settings, run_id)
    with open_ledger(workspace.settings) as ledger:
        done = set(batches_of(ledger, run_id).select("target", "brand").iter_rows())
    ways = workspace.settings.targets
    wanted = {
        (name, brand) for brand, channels in ways.items() for name in channels.values() if name in plan.order.targets
    }
    return sorted(wanted - done)


def publish(workspace: Workspace, run_id: str, target_name: str, brand: str) -> Published:
    """Publish one target and brand of a plan that was taken on by `start`.

    Raises:
        BalanceError: claims, rows and manifest are not the same number.
        OutboxError: the outbox cannot be written to.
    """
    to = target(target_name)
    plan = read_plan(workspace.settings, run_id)
    folder = plan_folder(workspace.settings, run_id)
    checked = _now_checked(workspace, plan, _planned(folder, to, brand))
    if to.kind == "state":
        return _publish_state(workspace, plan, folder, to, brand, checked)
    return _publish_messages(workspace, plan, folder, to, brand, checked)


def finish(workspace: Workspace, run_id: str) -> tuple[str, ...]:
    """Compare a run's claims with its rows, note that it has ended, and return the batches that wait for a person.

    Raises:
        BalanceError: they are not the same number.
    """
    with open_ledger(workspace.settings) as ledger:
        batches = batches_of(ledger, run_id)
        rows = int(batches.filter(pl.col("kind") == "message")["row_count"].sum())
        check_balance(run_id, claims_of(ledger, run_id), rows, rows)
        end_run(ledger, run_id, "delivered")
    return tuple(batches.filter(pl.col("state") == "hold")["batch_id"])


def _planned(folder: Path, to: Target, brand: str) -> pl.DataFrame:
    mine = (pl.col("target") == to.name) & (pl.col("brand") == brand) & pl.col("reason").is_null()
    return scan_deliveries(folder).filter(mine).collect()


def _now(plan: Plan) -> Moment:
    """The run's moment with the true present of now: consent is never older than the claim."""
    moment = plan.order.moment
    return type(moment)(moment.as_of, moment.now, present(), moment.starts_at)


def _now_checked(workspace: Workspace, plan: Plan, deliveries: pl.DataFrame) -> tuple[pl.DataFrame, datetime]:
    moment = _now(plan)
    bars = bars_of_deliveries(workspace, database(workspace.settings, plan.order.as_of), moment, deliveries)
    targets = workspace.settings.targets
    rows = rechecked(deliveries, bars, workspace.products, CHANNELS, targets, moment.present)
    return rows, moment.present


def _check_fallen(workspace: Workspace, plan: Plan, folder: Path) -> None:
    """Refuse a plan of which more than the tolerated share has fallen away since: it is not what was looked at."""
    planned = scan_deliveries(folder).filter(pl.col("reason").is_null()).collect()
    messages = planned.filter(pl.col("target").is_in([t for t in plan.order.targets if target(t).kind == "message"]))
    if messages.is_empty():
        return
    rows, _ = _now_checked(workspace, plan, messages)
    wanted = claimable(rows, workspace.products, load_key(workspace.settings.key_file), plan.order.moment)
    with open_ledger(workspace.settings) as ledger:
        said = ledger_claims.verdicts(ledger, wanted)
    fallen = rows.drop("reason").join(said, on="message_id", how="left").filter(pl.col("reason").is_not_null()).height
    fallen = max(fallen, rows.filter(pl.col("reason").is_not_null()).height)
    share = fallen / messages.height
    if share > workspace.settings.tolerated_share:
        what = f"{fallen} of {messages.height} planned messages may not leave any more"
        raise PlanError(plan.order.run_id, what, "make a new plan and look at it")


def _publish_messages(
    workspace: Workspace, plan: Plan, folder: Path, to: Target, brand: str, checked: tuple[pl.DataFrame, datetime]
) -> Published:
    rows, consent_checked_at = checked
    settings = workspace.settings
    free = rows.filter(pl.col("reason").is_null())
    wanted = claimable(free, workspace.products, load_key(settings.key_file), plan.order.moment)
    with open_ledger(settings) as ledger, ledger.transaction():
        said = ledger_claims.verdicts(ledger, wanted)
        free = free.drop("reason").join(said, on="message_id", how="left", maintain_order="left")
        dropped = _reasons(pl.concat([rows.filter(pl.col("reason").is_not_null()), free.select(rows.columns)]))
        leaving = free.filter(pl.col("reason").is_null())
        if leaving.is_empty():
            return Published(to.name, brand, None, dropped=dropped)
        mine = wanted.join(leaving, on="message_id", how="semi")
        batch = ledger_claims.claim(ledger, _header(plan, to, brand), mine, _valid_until(leaving))
        numbers = versions(ledger, _digests(workspace, leaving))
    creatives = _creatives(folder, leaving)
    files = [Payload("recipients", "append", shaped(leaving, creatives, to, plan.order.starts_at))]
    written = _stage(workspace, plan, to, batch, files, creatives, leaving, numbers, consent_checked_at)
    check_balance(batch.batch_id, mine.height, files[0].rows.height, written)
    records = _records(batch, leaving, creatives, numbers, consent_checked_at)
    revealed = reveal(settings, batch, records)
    return Published(to.name, brand, revealed, rows=written, dropped=dropped)


def _publish_state(
    workspace: Workspace, plan: Plan, folder: Path, to: Target, brand: str, checked: tuple[pl.DataFrame, datetime]
) -> Published:
    rows, consent_checked_at = checked
    settings = workspace.settings
    free = rows.filter(pl.col("reason").is_null())
    dropped = _reasons(rows)
    with open_ledger(settings) as ledger:
        last = last_published(ledger, to.name, brand)
    published = read_members(settings, to.name, brand, last, MEMBERS)
    creatives = _creatives(folder, free)
    content = shaped(free, creatives, to, plan.order.starts_at)
    wanted = _members(free, content)
    difference = _difference(workspace, plan, published, wanted, folder)
    new = free.join(difference.additions, on="message_id", how="semi")
    if new.is_empty() and difference.removals.is_empty():
        return Published(to.name, brand, None, unchanged=difference.unchanged, dropped=dropped)
    with open_ledger(settings) as ledger, ledger.transaction():
        header_ = _header(plan, to, brand)
        batch = ledger_claims.claim(
            ledger,
            header_,
            claimable(new.clear(), workspace.products, load_key(settings.key_file), plan.order.moment),
            _valid_until(difference.members),
        )
        numbers = versions(ledger, _digests(workspace, new))
    added = content.join(difference.additions, on="message_id", how="semi", maintain_order="left")
    removed = to.removals(difference.removals) if to.removals else difference.removals.clear()
    files = [Payload("removals", "remove", removed), Payload("additions", "append", added)]
    write_members(settings, to.name, brand, batch.batch_id, difference.members)
    written = _stage(workspace, plan, to, batch, files, {}, new, numbers, consent_checked_at)
    check_balance(batch.batch_id, new.height + difference.removals.height, added.height + removed.height, written)
    records = _records(batch, new, _creatives(folder, new), numbers, consent_checked_at)
    revealed = reveal(settings, batch, records)
    forget_older(settings, to.name, brand, batch.batch_id)
    return Published(to.name, brand, revealed, written, removed.height, difference.unchanged, dropped)


def _difference(
    workspace: Workspace, plan: Plan, published: pl.DataFrame, wanted: pl.DataFrame, folder: Path
) -> Difference:
    """What holds no longer: barred now, held out, or of a product that speaks no more (a narrowed run leaves those be)."""
    settings = workspace.settings
    known = published.filter(pl.col("product").is_in(list(workspace.products)))
    rows, _ = _now_checked(workspace, plan, known)
    held = draw(f"{settings.name}/global_holdout", pl.col("customer_id")) < settings.global_holdout
    decisions = pl.concat([pl.read_parquet(file) for file in sorted((folder / "decisions").glob("*.parquet"))])
    held_now = decisions.filter(pl.col("reason") == "HOLDOUT").select("customer_id", "brand", "product")
    live = [product.name for product in workspace.live(plan.order.as_of)]
    marketing = pl.col("message_type") == "marketing"
    barred = pl.concat(
        [
            rows.filter(pl.col("reason").is_not_null()).select("message_id"),
            published.filter(marketing & held).select("message_id"),
            published.join(held_now, on=["customer_id", "brand", "product"], how="semi").select("message_id"),
            published.filter(~pl.col("product").is_in(live)).select("message_id"),
        ]
    ).unique()
    everything = {*workspace.products, *published["product"].unique()}
    products = set(plan.order.products) if plan.order.is_narrowed else everything
    return reconciled(published, wanted, barred, products, present())


def _members(rows: pl.DataFrame, content: pl.DataFrame) -> pl.DataFrame:
    """The wanted rows as members, with a digest of what the file says of each."""
    digest: pl.Expr = pl.struct(pl.all()).struct.json_encode().chash.sha2_256()  # type: ignore[attr-defined]
    payloads = content.select("message_id", payload_sha256=digest)
    return rows.join(payloads, on="message_id", how="left").select(MEMBERS.names())


def _stage(
    workspace: Workspace,
    plan: Plan,
    to: Target,
    batch: Batch,
    files: list[Payload],
    creatives: Mapping[str, Mapping[str, Any]],
    rows: pl.DataFrame,
    numbers: pl.DataFrame,
    consent_checked_at: datetime,
) -> int:
    settings = workspace.settings
    for product, digest in numbers.select("product", "digest").iter_rows():
        archive(workspace, product, digest)
    products = (
        rows.group_by("product", "variant", "facts")
        .len("rows")
        .join(numbers.select("product", version="number"), on="product")
    ).sort("product", "variant", "facts")
    digest = plan_digest(plan_folder(settings, plan.order.run_id))
    entries = header(batch, settings.name, digest, consent_checked_at, products.to_dicts())
    beside = creatives.values() if to.merges else ()
    return write_batch(staged(settings, batch.batch_id), files, beside, to, entries)


def _records(
    batch: Batch,
    rows: pl.DataFrame,
    creatives: Mapping[str, Mapping[str, Any]],
    numbers: pl.DataFrame,
    consent_checked_at: datetime,
) -> dict[str, pl.DataFrame]:
    """What becomes true with the seal: deliveries, their receipts, and new product versions."""
    words = {name: creative["words_sha256"] for name, creative in creatives.items()}
    receipts = rows.join(numbers.select("product", product_version="number"), on="product", how="left")
    new = numbers.filter(pl.col("is_new")).select("product", "number", "digest", first_delivered_at=pl.lit(present()))
    return {
        "delivery": rows.select(
            "message_id", "decision_id", "creative_id", "valid_until", batch_id=pl.lit(batch.batch_id)
        ),
        "receipt": receipts.select(
            "message_id",
            "product",
            "product_version",
            "level",
            "facts",
            as_of=pl.lit(batch.as_of),
            words_sha256=pl.col("creative_id").replace_strict(words, return_dtype=pl.String),
            consent_checked_at=pl.lit(consent_checked_at),
        ),
        "product_version": new,
    }


def _header(plan: Plan, to: Target, brand: str) -> Header:
    return ledger_claims.Header(plan.order.run_id, to.name, brand, to.channel, to.kind, plan.order.as_of)


def _valid_until(rows: pl.DataFrame) -> datetime:
    """A batch may be loaded as long as any of its rows is true."""
    latest = rows["valid_until"].max()
    return latest if isinstance(latest, type(present())) else present()


def _creatives(folder: Path, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    used = set(rows["creative_id"])
    with (folder / "creatives.ndjson").open(encoding="utf-8") as lines:
        return {read["creative_id"]: read for read in map(json.loads, lines) if read["creative_id"] in used}


def _digests(workspace: Workspace, rows: pl.DataFrame) -> dict[str, str]:
    return {name: workspace.product_digest(workspace.products[name]) for name in sorted(rows["product"].unique())}


def _reasons(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.drop_nulls("reason").group_by("reason").len().sort("reason").iter_rows())
