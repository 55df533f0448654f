"""Bringing a plan's parts together, where totals meet: addresses, words, audiences, both waterfalls. It claims nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import target
from flows.channels.cutting import too_long
from flows.clock import present
from flows.durable import write_bytes
from flows.errors import BalanceError, SourceError
from flows.keys import Key, load_key
from flows.ledger.claims import claimed_addresses
from flows.ledger.store import open_ledger
from flows.line import rolling
from flows.line.crowding import CROWD_FILE, crowds, read_crowd, shared
from flows.line.excluding import LEFT_OUT_FILE, counted
from flows.line.health import check_people
from flows.line.planning import (
    COUNTED_FOLDER,
    LEFT_OUT_FOLDER,
    MISSED_FOLDER,
    ROUTED_FOLDER,
    read_decisions,
    save,
    scan_deliveries,
)
from flows.line.reconciling import in_too_small, members_of, published_members
from flows.line.rolling import remember
from flows.plan import (
    Capped,
    Count,
    Crowd,
    Held,
    Missed,
    Order,
    Plan,
    Waterfall,
    digests,
    plan_folder,
    read_order,
    read_plan,
    save_plan,
)
from flows.reasons import BARRED
from flows.schemas import INSTANT, KEYS, ROUTED
from flows.stages.audience import LEFT_OUT, once_per_address, told
from flows.stages.claims import Reach, reconciled
from flows.stages.crowd import CLASS, lowered
from flows.stages.decision import units
from flows.stages.delivery import shaped
from flows.stages.message import worded
from flows.stages.routing import carried
from flows.stages.timing import strange_zones

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from flows.channels import Creatives, Target
    from flows.stages.message import Worded
    from flows.workspace import Workspace

_LANE = (*KEYS, "lane")


def settle(workspace: Workspace, run_id: str, parts: Iterable[dict[str, int]]) -> Plan:
    """Bring the parts together: crowds, one message per address, the words, both waterfalls; then the plan is done.

    Harmless when repeated.

    Args:
        workspace: as it was when the run began.
        run_id: of the run.
        parts: what `plan_part` returned for each part.

    Raises:
        SourceError: sql/customers.sql yields nobody, or a segment far fewer or more people than at the last run.
        BalanceError: the rows do not add up.
    """
    settings = workspace.settings
    folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
    if (folder / "plan.json").exists():
        return read_plan(settings, run_id)
    totals = _added(parts)
    if not totals.pop("people") and not order.is_rolling:  # such a run may find that nobody is named today
        who = "none of the customers that were asked for" if order.customers else "nobody"
        hint = "look at the query, and at the tables it reads"
        raise SourceError("sql/customers.sql", f"this query yields {who}", hint)
    key = load_key(settings.key_file)
    classes = read_crowd(workspace, folder, order)
    save(shared(classes), folder / CROWD_FILE)
    barred = classes.filter(pl.col("reason").is_not_null())
    with open_ledger(settings) as ledger:
        taken = claimed_addresses(ledger, order.as_of)
    if order.corrects is not None:  # it goes where a message has gone already, on purpose
        taken = taken.clear()
    dropped = _doubled(folder, barred, taken, key)
    creatives: dict[str, dict[str, object]] = {}
    for file in sorted((folder / ROUTED_FOLDER).glob("*.parquet")):
        product = workspace.products[file.stem.partition("-")[2]]
        rows = lowered(pl.read_parquet(file), classes, product, workspace.fields(product))
        rows = rows.join(dropped, on=_LANE, how="left", nulls_equal=True, maintain_order="left")
        rows = rows.with_columns(pl.coalesce("reason", "dropped").alias("reason")).drop("dropped")
        words = worded(rows.filter(pl.col("reason").is_null()), product, workspace, key)
        others = rows.filter(pl.col("reason").is_not_null()).select(ROUTED.names())
        told = _within_limits(words, workspace, order)
        save(pl.concat([told, others], how="diagonal"), folder / "deliveries" / file.name)
        creatives |= words.creatives
    left_out = _once(folder)
    small = _small_audiences(workspace, folder, order, creatives, left_out)
    _drop(folder, small)
    left_out = left_out.with_columns(reason=pl.when(_is_in(small)).then(_TOO_SMALL).otherwise("reason"))
    if order.audiences:
        save(left_out, folder / LEFT_OUT_FILE)
    lines = (json.dumps(creatives[name], ensure_ascii=False) + "\n" for name in sorted(creatives))
    write_bytes(folder / "creatives.ndjson", "".join(lines).encode())
    plan = _counted(workspace, folder, order, totals, crowds(settings, classes), left_out)
    if order.is_whole:  # a run for a few has nothing to be held against
        check_people(workspace, plan)
    plan = plan.model_copy(update={"untold": remember(settings, order, folder)})
    save_plan(folder, plan)
    for passing in _PASSING:  # last, so that a settling that failed half-way can be repeated
        shutil.rmtree(folder / passing, ignore_errors=True)
    return plan


def _doubled(folder: Path, barred: pl.DataFrame, taken: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Which lanes lose to another customer with the same address: `_LANE` and `dropped`.

    Source: CONTRACTS, Channels: on a shared address the highest score wins, then the lowest customer_id. Service messages
    are compared only with those about the same subject of the same product.

    Args:
        folder: of the plan.
        barred: the classes whose crowd is too small: they win nothing.
        taken: the addresses of messages that left the same day, as `claimed_addresses` yields them: they have won already.
        key: for `address_key`.
    """
    files = sorted((folder / ROUTED_FOLDER).glob("*.parquet"))
    columns = [*_LANE, "subject_key", "message_type", "channel", "address_match", "score", "shown", "reason"]
    frames = [pl.scan_parquet(file).select(columns) for file in files]
    rows = pl.concat(frames).collect() if frames else ROUTED.to_frame().select(columns)
    ranked = (
        rows.filter(pl.col("reason").is_null(), pl.col("address_match").is_not_null())
        .join(barred, on=CLASS, how="anti")
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


def _within_limits(words: Worded, workspace: Workspace, order: Order) -> pl.DataFrame:
    """Deliveries with their words, UNREACHABLE where the platform would refuse or cut what the person is told."""
    rows = words.rows.with_columns(detail=pl.lit(None, dtype=pl.String))
    for name in rows["target"].unique().sort():
        to = workspace.target(name)
        mine = rows.filter(pl.col("target") == name, pl.col("reason").is_null())
        if to.kind == "message" and (to.limit or to.most_bytes) and mine.height:  # what holds is of a fixed width
            used = {key: words.creatives[key] for key in mine["creative_id"].unique()}
            long = too_long(shaped(mine, used, to, order.starts_at), used, to)
            is_long = pl.col("message_id").is_in(long.implode())
            rows = rows.with_columns(
                reason=pl.when(is_long).then(pl.lit("UNREACHABLE")).otherwise("reason"),
                detail=pl.when(is_long).then(pl.lit(f"the message is longer than {name} takes")).otherwise("detail"),
            )
    return rows


def _once(folder: Path) -> pl.DataFrame:
    """`stages.audience.LEFT_OUT` of all parts, each address once."""
    files = sorted((folder / LEFT_OUT_FOLDER).glob("*.parquet"))
    return once_per_address(pl.concat([LEFT_OUT.to_frame(), *(pl.read_parquet(file) for file in files)]))


def _small_audiences(
    workspace: Workspace, folder: Path, order: Order, creatives: Creatives, left_out: pl.DataFrame
) -> pl.DataFrame:
    """`message_id` of what would go to an audience with too few people, those included who are in it already.

    Whom consent bars by then is seen when the batch is published, and judged again.
    """
    ways = {(name, brand) for brand, channels in workspace.settings.targets.items() for name in channels.values()}
    small = [
        _in_small_audiences(workspace, folder, order, creatives, left_out, workspace.target(name), brand)
        for name, brand in sorted(ways)
        if name in order.targets and target(name).audience is not None
    ]
    return pl.concat(small) if small else pl.DataFrame(schema={"message_id": pl.String})


_TOO_SMALL = pl.lit("AUDIENCE_TOO_SMALL")


def _is_in(small: pl.DataFrame) -> pl.Expr:
    return pl.col("message_id").is_in(small["message_id"].implode()).fill_null(value=False)


def _drop(folder: Path, small: pl.DataFrame) -> None:
    """Give AUDIENCE_TOO_SMALL to some deliveries."""
    if small.is_empty():
        return
    for file in sorted((folder / "deliveries").glob("*.parquet")):
        rows = pl.read_parquet(file)
        if "message_id" in rows.columns:
            save(rows.with_columns(reason=pl.when(_is_in(small)).then(_TOO_SMALL).otherwise("reason")), file)


def _in_small_audiences(
    workspace: Workspace,
    folder: Path,
    order: Order,
    creatives: Creatives,
    left_out: pl.DataFrame,
    to: Target,
    brand: str,
) -> pl.DataFrame:
    settings = workspace.settings
    mine = (pl.col("target") == to.name) & (pl.col("brand") == brand) & pl.col("reason").is_null()
    rows, unsaid = scan_deliveries(folder).filter(mine).collect(), left_out.filter(mine)
    if rows.is_empty() and unsaid.is_empty():
        return pl.DataFrame(schema={"message_id": pl.String})
    content = shaped(rows, {name: creatives[name] for name in rows["creative_id"].unique()}, to, order.starts_at)
    published = published_members(settings, to, brand)
    wanted = [members_of(rows, content, to), members_of(unsaid, told(unsaid, to, settings.name), to)]
    nobody = pl.DataFrame(schema={"message_id": pl.String})
    reach = Reach({*order.products, *order.audiences}, order.customers)
    members = reconciled(published, pl.concat(wanted), nobody, reach, order.present).members
    return in_too_small(members, published, to, settings)


def _counted(
    workspace: Workspace,
    folder: Path,
    order: Order,
    found: dict[str, int],
    crowds: tuple[Crowd, ...],
    left_out: pl.DataFrame,
) -> Plan:
    decisions = read_decisions(folder)
    deliveries = scan_deliveries(folder).select("message_type", *_COUNTED, *_TIMED, "reason").collect()
    leaving = deliveries.filter(pl.col("reason").is_null())
    counts = leaving.group_by(_COUNTED).len("rows").sort(_COUNTED, nulls_last=False)
    plan = Plan(
        order=order,
        created_at=present(),
        expires_at=present() + workspace.settings.plan_expires,
        people=_waterfalls(units(decisions)),
        deliveries=_waterfalls(deliveries),
        candidates=found,
        open_counts=_open_counts(decisions, found),
        counts=tuple(Count.model_validate(row) for row in counts.iter_rows(named=True)),
        crowds=crowds,
        left_out=counted(workspace, order, left_out),
        capped=_capped(decisions),
        held=_held(leaving, order.present),
        strange_zones=strange_zones(leaving, workspace.settings),
        missed=_missed(folder),
        files={name: digest for name, digest in digests(folder).items() if not name.startswith(_PASSING)},
    )
    _check_balance(plan, decisions, _wanted(workspace, order, decisions))
    return plan


def _open_counts(decisions: pl.DataFrame, products: Iterable[str]) -> dict[str, int]:
    """How many of each product's candidates may be spoken to, whatever they were sent before."""
    is_open = pl.col("reason").is_null() | ~pl.col("reason").is_in(BARRED)
    found = dict(decisions.filter(is_open).group_by("product").len().iter_rows())
    return {name: found.get(name, 0) for name in products}


def _capped(decisions: pl.DataFrame) -> tuple[Capped, ...]:
    """Whom the caps bar, by cap: see `stages.pressure` for what the detail says."""
    told = pl.col("detail").str.extract_groups(r"^until (?<until>\S+) \S+: (?<cap>.+)$").struct
    barred = decisions.filter(pl.col("reason") == "CAPPED").with_columns(told.field("cap"), told.field("until"))
    people = barred.group_by("cap").agg(
        people=pl.struct("customer_id", "brand").n_unique(), until=pl.col("until").max()
    )
    rows = people.sort("people", "cap", descending=[True, False])
    return tuple(Capped.model_validate(row) for row in rows.iter_rows(named=True))


def _held(leaving: pl.DataFrame, at: datetime) -> tuple[Held, ...]:
    """What waits for the end of quiet hours, by channel."""
    waiting = leaving.filter(pl.col("not_before") > pl.lit(at, dtype=INSTANT)).group_by("channel")
    rows = waiting.agg(messages=pl.len(), since=pl.col("not_before").min(), until=pl.col("not_before").max())
    return tuple(Held.model_validate(row) for row in rows.sort("channel").iter_rows(named=True))


def _missed(folder: Path) -> tuple[Missed, ...]:
    """What stands in the way in products in which most people have no fact, over all parts."""
    files = sorted((folder / MISSED_FOLDER).glob("*.parquet"))
    if not files:
        return ()
    parts = pl.concat([pl.read_parquet(file) for file in files])
    counted = parts.group_by("product", "dimension", "why").agg(pl.col("people").sum())
    whole = counted.filter(pl.col("dimension").is_null()).pivot("why", index="product", values="people")
    mostly_bare = whole.filter(2 * pl.col("bare") > pl.col("decided"))
    rows = counted.drop_nulls("dimension").join(mostly_bare, on="product")
    rows = rows.sort("product", "people", "dimension", "why", descending=[False, True, False, False])
    return tuple(Missed.model_validate(row) for row in rows.iter_rows(named=True))


_PASSING = (f"{ROUTED_FOLDER}/", f"{COUNTED_FOLDER}/", f"{LEFT_OUT_FOLDER}/", f"{rolling.FOLDER}/")
_COUNTED = ["product", "target", "brand", "variant", "facts"]
_TIMED = ["customer_id", "channel", "time_zone", "not_before"]


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

    A decision wants the target of the first channel of `first_of` that is not closed, and those of all channels of `also`;
    a correction just the one that it went to.
    """
    won = decisions.filter(pl.col("reason").is_null(), pl.col("product").is_in(list(order.products)))
    totals = {"marketing": 0, "service": 0}
    if order.corrects is not None:
        return totals | dict(won.group_by("message_type").len().iter_rows())
    routed = carried(won, workspace.products, workspace.settings).partition_by("product", "brand", as_dict=True)
    for (name, brand), rows in routed.items():
        product, ways = workspace.products[name], workspace.settings.targets.get(brand, {})
        firsts = rows.filter(pl.col("channel").is_in([way for way in ways if ways[way] in order.targets])).height
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


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            totals[name] = totals.get(name, 0) + count
    return totals
