"""Bringing a plan's parts together. It claims nothing.

Totals meet: budgets, crowds, addresses (`meet`). Then each part is put into words by itself (`word_part`), anywhere. What has
been made of all of them is counted, and the plan is done (`complete`).
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import target
from flows.channels.cutting import too_long
from flows.clock import present
from flows.durable import private_folder, sync_files, sync_folder, write_bytes
from flows.keys import Key, load_key
from flows.ledger.approvals import seal_plan
from flows.line import rolling
from flows.line.counting import Counts, missed
from flows.line.crowding import crowds
from flows.line.excluding import LEFT_OUT_FILE, counted
from flows.line.health import check_people
from flows.line.looking import keep_first_look
from flows.line.meeting import LANE, MET_FOLDER, SETTLING, Met, alone, meet
from flows.line.planned import check_current, chosen_by, scan_deliveries
from flows.line.planning import (
    APART_FOLDER,
    AT_ONCE,
    COUNTED_FOLDER,
    LEFT_OUT_FOLDER,
    OFFERED_FOLDER,
    OUT,
    OUT_FOLDER,
    ROUTED_FOLDER,
    SAID_FOLDER,
    SEEDS,
    folder_apart,
    save,
)
from flows.line.reconciling import in_too_small, members_of
from flows.line.rolling import remember
from flows.line.rows import Rows, by_customer
from flows.line.watching import scan_published
from flows.plan import Order, Plan, digests, plan_folder, read_order, read_plan, save_plan
from flows.schemas import ROUTED
from flows.stages.audience import LEFT_OUT, once_per_address, told
from flows.stages.claims import Reach, reconciled
from flows.stages.crowd import lowered
from flows.stages.delivery import shaped
from flows.stages.message import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from flows.channels import Creatives, Target
    from flows.counts import Crowd
    from flows.stages.message import Worded
    from flows.workspace import Workspace

CREATIVES_FOLDER = "creatives"
"""In a plan's folder: the creatives of each part and product, before all are brought together."""


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
    for part in meet(workspace, run_id, parts):
        word_part(workspace, run_id, part)
    return complete(workspace, run_id)


def word_part(workspace: Workspace, run_id: str, part: int, apart: str | None = None) -> int:
    """Put words to the deliveries of one part, and return how many those are. It needs no ledger.

    Writes `deliveries/<part>-<product>.parquet` and `creatives/<part>-<product>.json` into the plan's folder.

    Args:
        workspace: as it was when the run began.
        run_id: of the run, whose totals have met.
        part: which.
        apart: as `plan_part` takes it.

    Raises:
        PlanError: the workspace is not as it was, here.
        GuardError, TemplateError: see `stages.message.worded`.
    """
    settings = workspace.settings
    folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
    check_current(workspace, order)
    key, to = load_key(settings.key_file), private_folder(folder_apart(folder, apart))
    classes, dropped = (pl.read_parquet(folder / MET_FOLDER / f"{name}.parquet") for name in ("classes", "dropped"))
    files = sorted((folder / ROUTED_FOLDER).glob(f"{part:04}-*.parquet"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda file: _worded(workspace, order, file, to, (classes, dropped), key), files))


def complete(workspace: Workspace, run_id: str) -> Plan:
    """Count what the parts have come to, and write down that the plan is done. Harmless when repeated.

    Raises:
        SourceError: a segment yields far fewer or more people than at the last run.
        BalanceError: the rows do not add up.
    """
    folder = plan_folder(workspace.settings, run_id)
    with alone(folder):
        if (folder / "plan.json").exists():
            return read_plan(workspace.settings, run_id)
        return _complete(workspace, folder, read_order(workspace.settings, run_id))


def _complete(workspace: Workspace, folder: Path, order: Order) -> Plan:
    settings = workspace.settings
    met = Met.model_validate_json((folder / MET_FOLDER / "met.json").read_bytes())
    classes = pl.read_parquet(folder / MET_FOLDER / "classes.parquet")
    creatives: dict[str, Mapping[str, Any]] = {}
    for file in sorted((folder / CREATIVES_FOLDER).glob("*.json")):
        creatives |= json.loads(file.read_bytes())
    left_out = _once(folder)
    small = _small_audiences(workspace, folder, order, creatives, left_out)
    _drop(folder, small)
    left_out = left_out.with_columns(reason=pl.when(_is_in(small)).then(_TOO_SMALL).otherwise("reason"))
    if order.audiences:
        save(left_out, folder / LEFT_OUT_FILE)
    lines = (json.dumps(creatives[name], ensure_ascii=False) + "\n" for name in sorted(creatives))
    write_bytes(folder / "creatives.ndjson", "".join(lines).encode())
    plan = _counted(workspace, folder, order, met.candidates, crowds(settings, classes), left_out)
    if order.is_whole:  # a run for a few has nothing to be held against
        check_people(workspace, plan)
    plan = plan.model_copy(update={"prices": met.prices, "untold": remember(settings, order, folder)})
    _sync(folder, plan)
    save_plan(folder, plan)
    seal_plan(folder, load_key(settings.key_file))
    if order.corrects is None:
        keep_first_look(workspace, order)
    for passing in _PASSING:  # last, so that a settling that failed half-way can be repeated
        _remove(folder / passing)
    return plan


def _worded(
    workspace: Workspace, order: Order, file: Path, to: Path, met: tuple[pl.DataFrame, pl.DataFrame], key: Key
) -> int:
    """Put words to the deliveries of one product and part, keep them with their creatives, and return how many they are."""
    classes, dropped = met
    product = workspace.products[file.stem.partition("-")[2]]
    rows = lowered(pl.read_parquet(file), classes, product, workspace.fields(product))
    rows = rows.join(dropped, on=LANE, how="left", nulls_equal=True, maintain_order="left")
    rows = rows.with_columns(pl.coalesce("reason", "dropped").alias("reason")).drop("dropped")
    words = worded(rows.filter(pl.col("reason").is_null()), product, workspace, key)
    others = rows.filter(pl.col("reason").is_not_null()).select(*ROUTED.names(), "detail")
    told = _within_limits(words, workspace, order)
    save(pl.concat([told, others], how="diagonal"), to / "deliveries" / file.name)
    made = json.dumps(words.creatives, ensure_ascii=False).encode()
    write_bytes(to / CREATIVES_FOLDER / f"{file.stem}.json", made)
    return rows.height


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
    planned, unsaid = scan_deliveries(folder).filter(mine), left_out.lazy().filter(mine)
    nobody = pl.DataFrame(schema={"message_id": pl.String})
    if planned.head(1).collect().is_empty() and unsaid.head(1).collect().is_empty():
        return nobody
    published = scan_published(settings, to, brand)
    bounds = by_customer(published, planned, unsaid)
    reach = Reach({*order.products, *order.audiences}, order.customers)

    def members(rows: pl.DataFrame, about: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
        content = shaped(rows, {name: creatives[name] for name in rows["creative_id"].unique()}, to, order.starts_at)
        wanted = [members_of(rows, content, to), members_of(about, told(about, to, settings.name), to)]
        return reconciled(before, pl.concat(wanted), nobody, reach, order.present).members

    said, about, before = (Rows.within(found, bounds) for found in (planned, unsaid, published))
    return in_too_small(said.map(members, about, before), before, to, settings)


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
        chosen=chosen_by(folder),
        files={name: digest for name, digest in digests(folder).items() if not name.startswith(_PASSING)},
    )
    counts.check_balance(plan)
    return plan


_PASSING = (
    f"{ROUTED_FOLDER}/", f"{COUNTED_FOLDER}/", f"{OFFERED_FOLDER}/", f"{LEFT_OUT_FOLDER}/", f"{OUT_FOLDER}/", OUT, SEEDS,
    f"{rolling.FOLDER}/", f"{SAID_FOLDER}/", f"{MET_FOLDER}/", f"{CREATIVES_FOLDER}/", f"{APART_FOLDER}/",
    SETTLING,
)  # fmt: skip
