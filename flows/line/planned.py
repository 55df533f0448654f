"""What plans have kept, read again: their decisions, deliveries and creatives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
from polars import selectors

from flows.errors import PlanError
from flows.keys import load_key
from flows.ledger.runs import delivered_runs
from flows.ledger.store import open_ledger
from flows.plan import read_order
from flows.schemas import DECISIONS, ROUTED, frame_schema
from flows.stages.next_best import CHOICES, UNIT
from flows.tokens import ID_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.plan import Order
    from flows.settings import Settings
    from flows.workspace import Workspace

CHOICES_FOLDER = "next_best"
"""In a plan's folder: the open helps of each person of each part, and which was chosen (`stages.next_best.CHOICES`)."""
ANEW = (
    "find out who changes files there; an answer goes by the last run over everybody, so make a new one: justenough run"
)
"""What to do where the run that answers go by is not as it was."""
PLANNED = frame_schema(
    "message_id", "customer_id", "brand", "product", "subject_id", "channel", "address", "address_match"
)
"""What a plan knows of a message."""


def check_current(workspace: Workspace, order: Order) -> None:
    """Refuse a plan of other settings, words or SQL, of another key or an earlier version. Raises PlanError."""
    if order.key_id != load_key(workspace.settings.key_file).key_id:
        raise PlanError(order.run_id, "there is a new key since this plan was made", "make a new plan")
    if order.digits != ID_DIGITS:
        raise PlanError(order.run_id, "it was made by an earlier version of this program", "make a new plan")
    if order.inputs_digest != workspace.inputs_digest:
        what = "settings, words or SQL have changed since this plan was made"
        raise PlanError(order.run_id, what, "make a new plan")


def parts_of(folder: Path) -> list[str]:
    """The parts of a plan, as its files name them. A person is in one of them."""
    return sorted(file.stem for file in (folder / "decisions").glob("*.parquet"))


def scan_deliveries(folder: Path, part: str = "*") -> pl.LazyFrame:
    """The deliveries of a plan, or of a part: the columns of `message.worded`, and those with a reason without words."""
    files = sorted((folder / "deliveries").glob(f"{part}-*.parquet"))
    # There is none where no product is live; and an earlier version of the program may have written fewer columns.
    return pl.concat([_DELIVERED.lazy(), *(pl.scan_parquet(file) for file in files)], how="diagonal")


_DELIVERED = frame_schema(*ROUTED, "creative_id", "message_id", "not_before", "not_after", "detail").to_frame()


def scan_leaving(folder: Path, part: str = "*") -> pl.LazyFrame:
    """The deliveries of a plan, or of a part, that may leave: as `scan_deliveries`."""
    return scan_deliveries(folder, part).filter(pl.col("reason").is_null())


def read_leaving(folder: Path, part: str = "*") -> pl.DataFrame:
    """The deliveries of a plan, or of a part, that may leave, without their words.

    Returns:
        `schemas.ROUTED`, `message_id`, of corrections `attempt`.
    """
    return (
        scan_leaving(folder, part)
        .select(selectors.by_name(*ROUTED.names(), "message_id", "attempt", require_all=False))
        .collect()
    )


def read_planned(settings: Settings, rows: pl.DataFrame) -> pl.DataFrame:
    """`PLANNED` of some messages, from those of their plans that are kept, and can be read.

    Args:
        settings: say where the plans are.
        rows: `message_id, run_id`.
    """
    found = [PLANNED.to_frame()]
    for run_id in rows["run_id"].unique().sort():
        mine = rows.lazy().filter(pl.col("run_id") == run_id).select("message_id")
        try:
            planned = scan_deliveries(settings.folder("plans", run_id)).with_columns(
                pl.col("message_id").str.head(ID_DIGITS)
            )
            found.append(planned.join(mine, on="message_id", how="semi").select(PLANNED.names()).collect())
        except (OSError, pl.exceptions.PolarsError):  # damaged; the message is named by its id alone
            continue
    return pl.concat(found).unique("message_id", keep="first", maintain_order=True)


def last_whole(settings: Settings) -> str | None:
    """The last run over everybody, all products and all targets that was delivered; None where nothing of such a one is kept."""
    with open_ledger(settings) as ledger:
        delivered = delivered_runs(ledger)
    for run_id in delivered:
        if settings.folder("plans", run_id, "order.json").exists():
            order = read_order(settings, run_id)
            if order.is_whole and not order.is_narrowed:
                return run_id
    return None


def read_creatives(folder: Path, used: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """The creatives of a plan by their ids: those that are used, or all."""
    used = None if used is None else set(used)
    with (folder / "creatives.ndjson").open(encoding="utf-8") as lines:
        read = map(json.loads, lines)
        return {each["creative_id"]: each for each in read if used is None or each["creative_id"] in used}


def scan_choices(folder: Path) -> pl.LazyFrame:
    """`stages.next_best.CHOICES` of a plan; nobody's where the setting `next_best` is not there."""
    files = sorted((folder / CHOICES_FOLDER).glob("*.parquet"))
    return pl.concat([CHOICES.to_frame().lazy(), *(pl.scan_parquet(file) for file in files)])


def chosen_by(folder: Path) -> dict[str, int]:
    """How the helps of a plan's people were chosen: see `plan.Plan.chosen`."""
    units = scan_choices(folder).group_by(UNIT)
    how = (
        pl.when("is_drawn").then(pl.lit("lot"))
        .when(~pl.col("is_chosen")).then(pl.lit("silent"))
        .when("knows_all").then(pl.lit("learned"))
        .otherwise(pl.lit("relevance"))
    )  # fmt: skip
    told = units.agg(pl.col("is_drawn", "is_chosen").any(), knows_all=pl.col("worth").is_not_null().all())
    return dict(told.group_by(how=how).len().sort("how").collect().iter_rows())


def scan_decisions(folder: Path, part: str = "*") -> pl.LazyFrame:
    """The decisions of a plan, or of a part: `schemas.DECISIONS`."""
    files = sorted((folder / "decisions").glob(f"{part}.parquet"))
    # An earlier version of the program has written fewer columns.
    return pl.concat([DECISIONS.to_frame().lazy(), *(pl.scan_parquet(file) for file in files)], how="diagonal")
