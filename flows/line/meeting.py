"""Where a plan's totals meet: budgets, crowds, one message per address. Everything before is per part, and so are words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
from pydantic import BaseModel, ConfigDict

from flows.counts import Price
from flows.durable import write_bytes
from flows.errors import SourceError
from flows.keys import Key, load_key
from flows.ledger.claims import claimed_addresses
from flows.ledger.lock import file_lock
from flows.ledger.store import open_ledger
from flows.line.budgeting import keep_budgets
from flows.line.crowding import read_crowd, shared
from flows.line.frozen import CROWD_FILE
from flows.line.planning import ROUTED_FOLDER, save
from flows.plan import plan_folder, read_order
from flows.schemas import KEYS, ROUTED
from flows.stages.crowd import CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flows.plan import Order
    from flows.workspace import Workspace

LANE = (*KEYS, "lane")
SETTLING = "settling.lock"
"""In a plan's folder: held by who brings its parts together."""
_PATIENCE_SECONDS = 10.0
MET_FOLDER = "met"
"""In a plan's folder: what totals have come to, for the parts that are put into words then."""


class Met(BaseModel):
    """What totals have come to.

    Attributes:
        candidates: product -> rows of its segment that were about it.
        prices: of the channels that have a budget.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: dict[str, int]
    prices: tuple[Price, ...]


def meet(workspace: Workspace, run_id: str, parts: Iterable[dict[str, int]]) -> list[int]:
    """Bring totals together: budgets, crowds, one message per address. Harmless when repeated.

    Args:
        workspace: as it was when the run began.
        run_id: of the run.
        parts: what `plan_part` returned for each part.

    Returns:
        The parts that are to be put into words; none where the plan is done.

    Raises:
        SourceError: sql/customers.sql yields nobody.
    """
    folder, order = plan_folder(workspace.settings, run_id), read_order(workspace.settings, run_id)
    with alone(folder):
        if (folder / "plan.json").exists():
            return []
        _meet(workspace, folder, order, _added(parts))
    return sorted({int(file.stem.partition("-")[0]) for file in (folder / ROUTED_FOLDER).glob("*.parquet")})


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While nobody else brings the parts of a plan together.

    Raises:
        LockedError: somebody does still who was given up, and whose work was given to us.
    """
    with file_lock(folder / SETTLING, "bringing its parts together", _PATIENCE_SECONDS):
        yield


def _meet(workspace: Workspace, folder: Path, order: Order, totals: dict[str, int]) -> None:
    settings = workspace.settings
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
    save(classes, folder / MET_FOLDER / "classes.parquet")
    save(_doubled(folder, barred, taken, key), folder / MET_FOLDER / "dropped.parquet")
    write_bytes(folder / MET_FOLDER / "met.json", Met(candidates=totals, prices=prices).model_dump_json().encode())


def _doubled(folder: Path, barred: pl.DataFrame, taken: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Which lanes lose to another customer with the same address: `LANE` and `dropped`.

    Source: CONTRACTS, Channels: on a shared address the highest score wins, then the lowest customer_id. Service messages
    are compared only with those about the same subject of the same product.

    Args:
        folder: of the plan.
        barred: the classes whose crowd is too small: they win nothing.
        taken: the addresses of messages that left the same day, as `claimed_addresses` yields them: they have won already.
        key: for `address_key`.
    """
    columns = [*LANE, "subject_key", "message_type", "channel", "address_match", "score", "shown", "reason"]
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
    losers = [ROUTED.to_frame().select(LANE)]
    if parts:
        ranked = pl.concat(part.filter(place.is_in(several)).collect() for part in parts)
        ranked = ranked.sort("score", "customer_id", descending=[True, False])
        is_second = pl.int_range(pl.len()).over(*shared, "address_match") > 0
        losers.append(ranked.filter(is_second).select(LANE))
    if taken.height:
        gone = taken.with_columns(about).lazy()
        address_key = key.of(pl.col("brand"), pl.col("channel"), pl.col("address_match"))
        for part in parts:
            keyed = part.with_columns(address_key=address_key)
            met = keyed.join(gone, on=[*shared, "address_key"], how="semi", nulls_equal=True)
            losers.append(met.select(LANE).collect())
    return pl.concat(losers).with_columns(dropped=pl.lit("DUPLICATE_ADDRESS")).unique()


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            totals[name] = totals.get(name, 0) + count
    return totals
