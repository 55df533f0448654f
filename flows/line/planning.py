"""Planning: what is decided for whom, per part of the customers, and settled where totals meet. It claims nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment as moment_of
from flows.clock import present
from flows.durable import private_folder, sync_file, write_bytes
from flows.errors import BalanceError, OutboxError, SourceError, UsageError, nearest
from flows.keys import Key, load_key
from flows.ledger.claims import claimed_addresses
from flows.ledger.store import open_ledger
from flows.line.sources import (
    Source,
    database,
    healthy_rows,
    read_bars,
    read_segment_rows,
    read_shared,
    recent_history,
    rows_before,
)
from flows.plan import (
    Count,
    Order,
    Plan,
    Waterfall,
    digests,
    new_run_id,
    plan_folder,
    read_order,
    read_plan,
    save_order,
    save_plan,
)
from flows.schemas import DECISIONS, KEYS, ROUTED
from flows.stages.decision import decided, units
from flows.stages.eligibility import eligible
from flows.stages.guard import guarded
from flows.stages.message import worded
from flows.stages.relevance import scored
from flows.stages.routing import routed
from flows.stages.segment import candidates
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from flows.line.request import Request
    from flows.workspace import Workspace

MOST_PARTS = 4096
_LANE = (*KEYS, "lane")
_ROUTED = "routed"  # the folder of what is not worded yet


def begin(workspace: Workspace, request: Request) -> Order:
    """Check what a run needs and write down what was asked for.

    Raises:
        UsageError: the request names what the workspace does not have, or a day in the future.
        SourceError: the warehouse is missing, unreadable, or a table of it is empty or has fallen.
    """
    settings = workspace.settings
    moment = moment_of(request.as_of, settings.zone)
    if request.parts is not None and not 1 <= request.parts <= MOST_PARTS:
        raise UsageError("--parts", f"{request.parts} parts cannot be made", f"ask for 1 to {MOST_PARTS}")
    path = database(settings, moment.as_of)
    load_key(settings.key_file)  # made here where there is none: parts may start at the same time
    live = [product.name for product in workspace.live(moment.as_of)]
    targets = sorted({name for ways in settings.targets.values() for name in ways.values()})
    order = Order(
        run_id=new_run_id(moment.as_of),
        as_of=moment.as_of,
        now=moment.now,
        present=moment.present,
        starts_at=moment.starts_at,
        parts=request.parts or settings.parts,
        products=_chosen(request.products, live, "--product", "live product"),
        targets=_chosen(request.targets, targets, "--target", "target of this workspace"),
        is_narrowed=bool(request.products or request.targets),
        inputs_digest=workspace.inputs_digest,
        source_rows=healthy_rows(path, workspace, rows_before(settings)),
    )
    shared = read_shared(workspace, path, moment)
    folder = save_order(settings, order)
    for name, rows in shared.items():
        _save(rows, folder / "shared" / f"{name}.parquet")
    history = recent_history(settings, workspace.live(moment.as_of), moment.as_of)
    _save(history, folder / "history.parquet")
    return order


def plan_part(workspace: Workspace, run_id: str, part: int) -> dict[str, int]:
    """Decide for one part of the customers, and route what was decided.

    Writes `decisions/<part>.parquet` and `routed/<part>-<product>.parquet` into the plan's folder.

    Returns:
        Product -> candidates of this part.
    """
    settings = workspace.settings
    folder = plan_folder(settings, run_id)
    order = read_order(settings, run_id)
    moment, key, scope = order.moment, load_key(settings.key_file), Scope(part, order.parts)
    source = source_of(workspace, order)
    bars = read_bars(source, scope, key)
    history = pl.read_parquet(folder / "history.parquet")
    live = workspace.live(order.as_of)
    rows = {name: read_segment_rows(source, scope, name) for name in sorted({p.segment for p in live})}
    frames: dict[str, pl.DataFrame] = {}
    for product in live:
        about = candidates(rows[product.segment], product, moment, key)
        open_ones = eligible(about, bars, history, product, workspace.channels(product), settings.targets, moment)
        frames[product.name] = scored(open_ones, product, moment)
    decisions = decided(list(frames.values()), history, live, settings, key, moment) if live else DECISIONS.to_frame()
    _save(decisions, folder / "decisions" / f"{part:04}.parquet")
    for product in live:
        if product.name in order.products:
            mine = decisions.filter(pl.col("product") == product.name, pl.col("reason").is_null())
            fields = workspace.fields(product)
            facts = guarded(mine, frames[product.name], product, fields, workspace.catalogue, bars.consent, moment)
            wanted = routed(facts, product, settings, fields).filter(pl.col("target").is_in(list(order.targets)))
            _save(wanted, folder / _ROUTED / f"{part:04}-{product.name}.parquet")
    return {"people": bars.people.height, **{name: frame.height for name, frame in frames.items()}}


def settle(workspace: Workspace, run_id: str, parts: Iterable[dict[str, int]]) -> Plan:
    """Bring the parts together: one message per address, the words, both waterfalls; then the plan is done.

    Harmless when repeated.

    Args:
        workspace: as it was when the run began.
        run_id: of the run.
        parts: what `plan_part` returned for each part.

    Raises:
        SourceError: sql/customers.sql yields nobody.
        BalanceError: the rows do not add up.
    """
    settings = workspace.settings
    folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
    if (folder / "plan.json").exists():
        return read_plan(settings, run_id)
    totals = _added(parts)
    if not totals.pop("people"):
        raise SourceError(
            "sql/customers.sql", "this query yields nobody", "look at the query, and at the tables it reads"
        )
    key = load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        dropped = _doubled(folder, claimed_addresses(ledger, order.as_of), key)
    creatives: dict[str, dict[str, object]] = {}
    for file in sorted((folder / _ROUTED).glob("*.parquet")):
        product = workspace.products[file.stem.partition("-")[2]]
        rows = pl.read_parquet(file).join(dropped, on=_LANE, how="left", nulls_equal=True, maintain_order="left")
        rows = rows.with_columns(pl.coalesce("reason", "dropped").alias("reason")).drop("dropped")
        words = worded(rows.filter(pl.col("reason").is_null()), product, workspace, key)
        barred = rows.filter(pl.col("reason").is_not_null()).select(ROUTED.names())
        _save(pl.concat([words.rows, barred], how="diagonal"), folder / "deliveries" / file.name)
        creatives |= words.creatives
    lines = (json.dumps(creatives[name], ensure_ascii=False) + "\n" for name in sorted(creatives))
    write_bytes(folder / "creatives.ndjson", "".join(lines).encode())
    plan = _counted(workspace, folder, order, totals, present() + settings.plan_expires)
    save_plan(folder, plan)
    shutil.rmtree(folder / _ROUTED, ignore_errors=True)  # last, so that a settling that failed half-way can be repeated
    return plan


def source_of(workspace: Workspace, order: Order) -> Source:
    """The warehouse of a run, with what `begin` has read of sql/shared/."""
    files = sorted((plan_folder(workspace.settings, order.run_id) / "shared").glob("*.parquet"))
    shared = {file.stem: pl.read_parquet(file) for file in files}
    return Source(workspace, database(workspace.settings, order.as_of), order.moment, shared)


def scan_deliveries(folder: Path) -> pl.LazyFrame:
    """All deliveries of a plan: the columns of `message.worded`, and those with a reason without words."""
    files = sorted((folder / "deliveries").glob("*.parquet"))
    return pl.concat([pl.scan_parquet(file) for file in files], how="diagonal") if files else ROUTED.to_frame().lazy()


def read_decisions(folder: Path) -> pl.DataFrame:
    """All decisions of a plan: `schemas.DECISIONS`."""
    return pl.concat([pl.read_parquet(file) for file in sorted((folder / "decisions").glob("*.parquet"))])


def _doubled(folder: Path, taken: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Which lanes lose to another customer with the same address: `_LANE` and `dropped`.

    Source: CONTRACTS, Channels: on a shared address the highest score wins, then the lowest customer_id. Service messages
    are compared only with those about the same subject of the same product.

    Args:
        folder: of the plan.
        taken: the addresses of messages that left the same day, as `claimed_addresses` yields them: they have won already.
        key: for `address_key`.
    """
    files = sorted((folder / _ROUTED).glob("*.parquet"))
    columns = [*_LANE, "subject_key", "message_type", "channel", "address_match", "score", "reason"]
    frames = [pl.scan_parquet(file).select(columns) for file in files]
    rows = pl.concat(frames).collect() if frames else ROUTED.to_frame().select(columns)
    ranked = (
        rows.filter(pl.col("reason").is_null(), pl.col("address_match").is_not_null())
        .sort("score", "customer_id", descending=[True, False])
        .with_columns(address_key=key.of(pl.col("brand"), pl.col("channel"), pl.col("address_match")))
    )
    is_service = pl.col("message_type") == "service"
    about = [pl.when(is_service).then(name).alias(f"about_{name}") for name in ("product", "subject_key")]
    shared = ["brand", "channel", "message_type", "address_key", "about_product", "about_subject_key"]
    ranked, taken = ranked.with_columns(about), taken.with_columns(about)
    is_second = pl.int_range(pl.len()).over(shared) > 0
    losers = pl.concat([ranked.filter(is_second), ranked.join(taken, on=shared, how="semi", nulls_equal=True)])
    return losers.select(*_LANE, dropped=pl.lit("DUPLICATE_ADDRESS")).unique()


def _counted(workspace: Workspace, folder: Path, order: Order, found: dict[str, int], expires_at: datetime) -> Plan:
    decisions = read_decisions(folder)
    deliveries = scan_deliveries(folder).select("message_type", *_COUNTED, "reason").collect()
    leaving = deliveries.filter(pl.col("reason").is_null())
    counts = leaving.group_by(_COUNTED).len("rows").sort(_COUNTED, nulls_last=False)
    plan = Plan(
        order=order,
        created_at=present(),
        expires_at=expires_at,
        people=_waterfalls(units(decisions)),
        deliveries=_waterfalls(deliveries),
        candidates=found,
        counts=tuple(Count.model_validate(row) for row in counts.iter_rows(named=True)),
        files={name: digest for name, digest in digests(folder).items() if not name.startswith(f"{_ROUTED}/")},
    )
    _check_balance(plan, decisions, _wanted(workspace, order, decisions))
    return plan


_COUNTED = ["product", "target", "brand", "variant", "facts"]


def _waterfalls(rows: pl.DataFrame) -> dict[str, Waterfall]:
    """Message type -> waterfall over `reason`, null being what passed."""
    found: dict[str, Waterfall] = {}
    for kind in ("marketing", "service"):
        mine = rows.filter(pl.col("message_type") == kind)
        reasons = (
            mine.drop_nulls("reason").group_by("reason").len("rows").sort("rows", "reason", descending=[True, False])
        )
        passed = mine.height - int(reasons["rows"].sum())
        found[kind] = Waterfall(base=mine.height, passed=passed, reasons=dict(reasons.iter_rows()))
    return found


def _wanted(workspace: Workspace, order: Order, decisions: pl.DataFrame) -> dict[str, int]:
    """Message type -> decided x wanted targets, from the decisions and the settings alone.

    A decision wants the target of the first channel of `first_of` that is not closed, and those of all channels of `also`.
    """
    won = decisions.filter(pl.col("reason").is_null(), pl.col("product").is_in(list(order.products)))
    closed = pl.col("closed").list.eval(pl.element().struct.field("channel"))
    totals = {"marketing": 0, "service": 0}
    for name, brand in won.select("product", "brand").unique().iter_rows():
        product, ways = workspace.products[name], workspace.settings.targets.get(brand, {})
        open_ways = [way for way in product.channels.first_of if way in ways]
        chosen = pl.coalesce(
            pl.lit(None), *(pl.when(~closed.list.contains(way)).then(pl.lit(way)) for way in open_ways)
        )
        rows = won.filter(pl.col("product") == name, pl.col("brand") == brand).select(chosen=chosen)
        firsts = rows.filter(pl.col("chosen").is_in([way for way in open_ways if ways[way] in order.targets])).height
        along = sum(ways.get(way) in order.targets for way in product.channels.also)
        totals[product.message_type] += firsts + along * rows.height
    return totals


def _check_balance(plan: Plan, decisions: pl.DataFrame, wanted: dict[str, int]) -> None:
    """What is counted in two ways must be the same number.

    Raises:
        BalanceError: with both.
    """
    for kind, waterfall in plan.people.items():
        passed = decisions.filter(pl.col("message_type") == kind, pl.col("reason").is_null()).height
        if passed != waterfall.passed or not waterfall.is_balanced:
            what = f"{passed} {kind} decisions, and {waterfall.passed} people in the waterfall"
            raise BalanceError(plan.order.run_id, what, "nothing was published; please report this")
    for kind, waterfall in plan.deliveries.items():
        if waterfall.base != wanted[kind] or not waterfall.is_balanced:
            what = f"{wanted[kind]} {kind} deliveries wanted, and {waterfall.base} in the waterfall"
            raise BalanceError(plan.order.run_id, what, "nothing was published; please report this")


def _chosen(asked: Sequence[str], known: Sequence[str], option: str, kind: str) -> tuple[str, ...]:
    for name in asked:
        if name not in known:
            raise UsageError(option, f"'{name}' is no {kind}", nearest(name, known))
    return tuple(sorted(set(asked))) if asked else tuple(known)


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            totals[name] = totals.get(name, 0) + count
    return totals


def _save(frame: pl.DataFrame, path: Path) -> None:
    private_folder(path.parent)
    try:
        frame.write_parquet(path)
        sync_file(path)
    except (OSError, pl.exceptions.ComputeError):  # Polars tells a full disk either way
        raise OutboxError(path, "this file cannot be written", "free some space, or mend the rights") from None
