"""What a plan counts of its decisions and deliveries: part by part, since each person is in one part only, and then added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.counts import Capped, Count, Held, Missed, Waterfall
from flows.errors import BalanceError
from flows.line.planned import parts_of, scan_decisions, scan_deliveries
from flows.line.planning import MISSED_FOLDER
from flows.reasons import BARRED
from flows.schemas import DECISIONS, INSTANT
from flows.stages.decision import units
from flows.stages.routing import carried
from flows.stages.timing import strange_zones

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.plan import Order, Plan
    from flows.workspace import Workspace

_KINDS = ("marketing", "service")
_COUNTED = ["product", "target", "brand", "variant", "facts"]


class Counts:
    """What the parts of a plan have in them, by kinds of rows: `kind`, and the columns by which each kind is told, and `rows`."""

    def __init__(self, workspace: Workspace, folder: Path, order: Order) -> None:
        """Count what stands in a plan's folder.

        Args:
            workspace: gives products and settings.
            folder: of the plan, with `decisions/` and `deliveries/`.
            order: of the plan.
        """
        found = [_of_part(workspace, folder, order, part) for part in parts_of(folder)]
        self._added = {name: _added(tables[name] for tables in found) for name in found[0]}

    def people(self) -> dict[str, Waterfall]:
        """Message type -> where its units went: see `stages.decision.units`."""
        return _waterfalls(self._added["people"])

    def deliveries(self) -> dict[str, Waterfall]:
        """Message type -> where the wanted deliveries went."""
        return _waterfalls(self._added["deliveries"])

    def open_counts(self, products: Iterable[str]) -> dict[str, int]:
        """How many of each product's candidates may be spoken to, whatever they were sent before."""
        found = dict(self._added["open"].iter_rows())
        return {name: found.get(name, 0) for name in products}

    def leaving(self) -> tuple[Count, ...]:
        """The deliveries that may leave, by kind."""
        rows = self._added["leaving"].sort(_COUNTED, nulls_last=False)
        return tuple(Count.model_validate(row) for row in rows.iter_rows(named=True))

    def capped(self) -> tuple[Capped, ...]:
        """Whom the caps bar, by cap."""
        people = self._added["capped"].group_by("cap").agg(pl.col("rows").sum().alias("people"), pl.col("until").max())
        rows = people.sort("people", "cap", descending=[True, False])
        return tuple(Capped.model_validate(row) for row in rows.iter_rows(named=True))

    def held(self) -> tuple[Held, ...]:
        """What waits for the end of quiet hours, by channel."""
        spans = pl.col("not_before").min().alias("since"), pl.col("not_before").max().alias("until")
        rows = self._added["held"].group_by("channel").agg(pl.col("rows").sum().alias("messages"), *spans)
        return tuple(Held.model_validate(row) for row in rows.sort("channel").iter_rows(named=True))

    def strange_zones(self) -> int:
        """See `stages.timing.strange_zones`."""
        return int(self._added["strange"]["rows"].sum())

    def check_balance(self, plan: Plan) -> None:
        """What is counted in two ways must be the same number.

        Raises:
            BalanceError: with both.
        """
        hint = "nothing was published; please report this"
        passed = dict(self._added["passed"].iter_rows())
        for kind, waterfall in plan.people.items():
            if passed.get(kind, 0) != waterfall.passed or not waterfall.is_balanced:
                what = f"{passed.get(kind, 0)} {kind} decisions, and {waterfall.passed} people in the waterfall"
                raise BalanceError(plan.order.run_id, what, hint)
        wanted = dict(self._added["wanted"].iter_rows())
        for kind, waterfall in plan.deliveries.items():
            if waterfall.base != wanted.get(kind, 0) or not waterfall.is_balanced:
                what = f"{wanted.get(kind, 0)} {kind} deliveries wanted, and {waterfall.base} in the waterfall"
                raise BalanceError(plan.order.run_id, what, hint)


def _of_part(workspace: Workspace, folder: Path, order: Order, part: str) -> dict[str, pl.DataFrame]:
    decisions = scan_decisions(folder, part).select(_DECIDED).collect()
    deliveries = scan_deliveries(folder, part).select("message_type", *_COUNTED, *_TIMED, "reason").collect()
    leaving = deliveries.filter(pl.col("reason").is_null())
    is_open = pl.col("reason").is_null() | ~pl.col("reason").is_in(BARRED)
    won = decisions.filter(pl.col("reason").is_null())
    late = leaving.filter(pl.col("not_before") > pl.lit(order.present, dtype=INSTANT))
    strange = pl.DataFrame({"rows": [strange_zones(leaving, workspace.settings)]}, {"rows": pl.UInt32})
    return {
        "people": _by(units(decisions), "message_type", "reason"),
        "deliveries": _by(deliveries, "message_type", "reason"),
        "open": _by(decisions.filter(is_open), "product"),
        "passed": _by(won, "message_type"),
        "wanted": _wanted(workspace, order, won),
        "leaving": _by(leaving, *_COUNTED),
        "capped": _by(_capped(decisions), "cap", "until"),
        "held": _by(late, "channel", "not_before"),
        "strange": strange,
    }


_DECIDED = [name for name in DECISIONS if name not in {"person_key", "subject_key", "decision_id", "terms"}]
_TIMED = ["customer_id", "channel", "time_zone", "not_before"]


def _by(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return rows.group_by(columns).len("rows")


def _added(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    every = pl.concat(tables)
    return every.group_by(pl.exclude("rows")).agg(pl.col("rows").sum()) if every.width > 1 else every


def _waterfalls(counted: pl.DataFrame) -> dict[str, Waterfall]:
    """Message type -> waterfall over `reason`, null being what passed."""
    found: dict[str, Waterfall] = {}
    for kind in _KINDS:
        mine = counted.filter(message_type=kind)
        reasons = mine.drop_nulls("reason").sort("rows", "reason", descending=[True, False])
        base = int(mine["rows"].sum())
        passed = base - int(reasons["rows"].sum())
        found[kind] = Waterfall(base=base, passed=passed, reasons=dict(reasons.select("reason", "rows").iter_rows()))
    return found


def _capped(decisions: pl.DataFrame) -> pl.DataFrame:
    """Each person once whom a cap bars: `cap, until`; see `stages.pressure` for what the detail says."""
    told = pl.col("detail").str.extract_groups(r"^until (?<until>\S+) \S+: (?<cap>.+)$").struct
    barred = decisions.filter(pl.col("reason") == "CAPPED").with_columns(told.field("cap"), told.field("until"))
    return barred.group_by("cap", "customer_id", "brand").agg(pl.col("until").max())


def _wanted(workspace: Workspace, order: Order, won: pl.DataFrame) -> pl.DataFrame:
    """`message_type, rows`: decided x wanted targets, from the decisions and the settings alone.

    A decision wants the target of the first channel of `first_of` that is not closed, and those of all channels of `also`;
    a correction just the one that it went to.
    """
    won = won.filter(pl.col("product").is_in(list(order.products)))
    if order.corrects is not None:
        return _by(won, "message_type")
    totals = dict.fromkeys(_KINDS, 0)
    routed = carried(won, workspace.products, workspace.settings).partition_by("product", "brand", as_dict=True)
    for (name, brand), rows in routed.items():
        product, ways = workspace.products[name], workspace.settings.targets.get(brand, {})
        firsts = rows.filter(pl.col("channel").is_in([way for way in ways if ways[way] in order.targets])).height
        along = sum(ways.get(way) in order.targets for way in product.channels.also)
        totals[product.message_type] += firsts + along * rows.height
    return pl.DataFrame(list(totals.items()), {"message_type": pl.String, "rows": pl.UInt32}, orient="row")


def missed(folder: Path) -> tuple[Missed, ...]:
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
