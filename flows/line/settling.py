"""Bringing a plan's parts together, where totals meet: addresses, words, audiences, both waterfalls. It claims nothing."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import target
from flows.channels.cutting import too_long
from flows.clock import present
from flows.durable import sync_files, sync_folder, write_bytes
from flows.errors import SourceError
from flows.keys import Key, load_key
from flows.ledger.claims import claimed_addresses
from flows.ledger.store import open_ledger
from flows.line import rolling
from flows.line.budgeting import keep_budgets
from flows.line.counting import Counts, missed
from flows.line.crowding import CROWD_FILE, crowds, read_crowd, shared
from flows.line.excluding import LEFT_OUT_FILE, counted
from flows.line.health import check_people
from flows.line.looking import keep_first_look
from flows.line.planned import scan_deliveries
from flows.line.planning import (
    AT_ONCE,
    COUNTED_FOLDER,
    LEFT_OUT_FOLDER,
    OFFERED_FOLDER,
    OUT,
    OUT_FOLDER,
    ROUTED_FOLDER,
    SEEDS,
    save,
)
from flows.line.reconciling import in_too_small, members_of
from flows.line.rolling import remember
from flows.line.watching import published_members
from flows.plan import (
    Crowd,
    Order,
    Plan,
    digests,
    plan_folder,
    read_order,
    read_plan,
    save_plan,
)
from flows.schemas import KEYS, ROUTED
from flows.stages.audience import LEFT_OUT, once_per_address, told
from flows.stages.claims import Reach, reconciled
from flows.stages.crowd import CLASS, lowered
from flows.stages.delivery import shaped
from flows.stages.message import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
    prices = keep_budgets(settings, folder, order)
    classes = read_crowd(workspace, folder, order)
    save(shared(classes), folder / CROWD_FILE)
    barred = classes.filter(pl.col("reason").is_not_null())
    with open_ledger(settings) as ledger:
        taken = claimed_addresses(ledger, order.as_of)
    if order.corrects is not None:  # it goes where a message has gone already, on purpose
        taken = taken.clear()
    dropped = _doubled(folder, barred, taken, key)
    creatives: dict[str, Mapping[str, Any]] = {}
    files = sorted((folder / ROUTED_FOLDER).glob("*.parquet"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for made in pool.map(lambda file: _worded(workspace, order, file, classes, dropped, key), files):
            creatives |= made
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
    plan = plan.model_copy(update={"prices": prices, "untold": remember(settings, order, folder)})
    _sync(folder, plan)
    save_plan(folder, plan)
    if order.corrects is None and not order.is_rolling:  # such a run has not seen everybody
        keep_first_look(workspace, order)
    for passing in _PASSING:  # last, so that a settling that failed half-way can be repeated
        _remove(folder / passing)
    return plan


def _worded(
    workspace: Workspace, order: Order, file: Path, classes: pl.DataFrame, dropped: pl.DataFrame, key: Key
) -> Creatives:
    """Put words to the deliveries of one product and part, keep them in the plan, and return their creatives."""
    product = workspace.products[file.stem.partition("-")[2]]
    rows = lowered(pl.read_parquet(file), classes, product, workspace.fields(product))
    rows = rows.join(dropped, on=_LANE, how="left", nulls_equal=True, maintain_order="left")
    rows = rows.with_columns(pl.coalesce("reason", "dropped").alias("reason")).drop("dropped")
    words = worded(rows.filter(pl.col("reason").is_null()), product, workspace, key)
    others = rows.filter(pl.col("reason").is_not_null()).select(*ROUTED.names(), "detail")
    told = _within_limits(words, workspace, order)
    save(pl.concat([told, others], how="diagonal"), file.parent.parent / "deliveries" / file.name)
    return words.creatives


def _sync(folder: Path, plan: Plan) -> None:
    """Make the files of a plan durable, before it says that it is done."""
    files = [folder / name for name in plan.files]
    sync_files(files)
    for parent in sorted({file.parent for file in files}):
        sync_folder(parent)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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
    columns = [*_LANE, "subject_key", "message_type", "channel", "address_match", "score", "shown", "reason"]
    is_service = pl.col("message_type") == "service"
    about = [pl.when(is_service).then(name).alias(f"about_{name}") for name in ("product", "subject_key")]
    shared = ["brand", "channel", "message_type", "about_product", "about_subject_key"]
    place = pl.struct(*shared, "address_match").hash()
    parts = [
        pl.scan_parquet(file)
        .select(columns)
        .filter(pl.col("reason").is_null(), pl.col("address_match").is_not_null())
        .join(barred.lazy(), on=CLASS, how="anti")
        .with_columns(about)
        for file in sorted((folder / ROUTED_FOLDER).glob("*.parquet"))
    ]
    # Few addresses are shared: all others are not held, and a digest that two happen to have costs a look at both.
    places = pl.concat([pl.Series(dtype=pl.UInt64), *(part.select(place).collect().to_series() for part in parts)])
    several = places.filter(places.is_duplicated()).unique().implode()
    losers = [ROUTED.to_frame().select(_LANE)]
    if parts:
        ranked = pl.concat(part.filter(place.is_in(several)).collect() for part in parts)
        ranked = ranked.sort("score", "customer_id", descending=[True, False])
        is_second = pl.int_range(pl.len()).over(*shared, "address_match") > 0
        losers.append(ranked.filter(is_second).select(_LANE))
    if taken.height:
        gone = taken.with_columns(about).lazy()
        address_key = key.of(pl.col("brand"), pl.col("channel"), pl.col("address_match"))
        for part in parts:
            keyed = part.with_columns(address_key=address_key)
            met = keyed.join(gone, on=[*shared, "address_key"], how="semi", nulls_equal=True)
            losers.append(met.select(_LANE).collect())
    return pl.concat(losers).with_columns(dropped=pl.lit("DUPLICATE_ADDRESS")).unique()


def _within_limits(words: Worded, workspace: Workspace, order: Order) -> pl.DataFrame:
    """Deliveries with their words, UNREACHABLE where the platform would refuse or cut what the person is told."""
    rows = words.rows
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
        found = pl.scan_parquet(file)
        if "message_id" in found.collect_schema() and found.select(_is_in(small).any()).collect().item():
            rows = found.collect()
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
    counts = Counts(workspace, folder, order)
    plan = Plan(
        order=order,
        created_at=present(),
        expires_at=present() + workspace.settings.plan_expires,
        people=counts.people(),
        deliveries=counts.deliveries(),
        candidates=found,
        open_counts=counts.open_counts(found),
        counts=counts.leaving(),
        crowds=crowds,
        left_out=counted(workspace, order, left_out),
        capped=counts.capped(),
        held=counts.held(),
        strange_zones=counts.strange_zones(),
        missed=missed(folder),
        files={name: digest for name, digest in digests(folder).items() if not name.startswith(_PASSING)},
    )
    counts.check_balance(plan)
    return plan


_PASSING = (
    f"{ROUTED_FOLDER}/", f"{COUNTED_FOLDER}/", f"{OFFERED_FOLDER}/", f"{LEFT_OUT_FOLDER}/", f"{OUT_FOLDER}/", OUT, SEEDS,
    f"{rolling.FOLDER}/",
)  # fmt: skip


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            totals[name] = totals.get(name, 0) + count
    return totals
