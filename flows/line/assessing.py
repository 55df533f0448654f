"""What can be done today, and what one missing thing would add: per channel, product and wording. It reads, and leaves nothing.

Everybody is decided for, part by part, as a plan decides, as if nothing had been delivered today; then whom no help reaches is
decided for again, with one capability more at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment
from flows.counts import Waterfall
from flows.errors import SourceError
from flows.keys import load_key
from flows.ledger.lock import run_lock
from flows.ledger.portfolio import reach_since, words_since
from flows.ledger.store import open_ledger
from flows.line.binding import bind
from flows.line.branching import TOOK, WANTED, WENT, File, files_of, known, read
from flows.line.covering import covered
from flows.line.deciding import Past, decide
from flows.line.drawing import found_holdouts
from flows.line.health import Sources, healthy_sources
from flows.line.parting import parts_of_run
from flows.line.remembering import recent_exposure, recent_history, recent_messages
from flows.line.request import Request, silent
from flows.line.segments import read_segment_rows
from flows.line.signing import unsigned_now
from flows.line.sources import Source, database, existing_database, hear, read_shared
from flows.line.unlocking import unlocked
from flows.stages.segment import candidates
from flows.warehouse.queries import count_customers
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from flows.clock import Moment
    from flows.keys import Key
    from flows.line.deciding import Decided
    from flows.line.request import Progress
    from flows.workspace import Workspace

LATELY = timedelta(days=30)
_FELL = pl.Schema({"product": pl.String(), "reason": pl.String(), "rows": pl.Int64()})
_WHY = {"absent": "dimension", "stale": "source", "not permitted": "permission"}
"""Why a dimension cannot be used -> what kind of capability is missing."""


@dataclass(frozen=True)
class Way:
    """How far a channel of a brand carries today: see `covering.COVERED`.

    Attributes:
        target: of the channel; None: the brand has none for it.
        filled: dimension -> of how many of the `named` it could be used.
    """

    brand: str
    channel: str
    target: str | None
    customers: int
    addressable: int
    consented: int
    refused: int
    named: int
    fresh: int
    filled: Mapping[str, int]


@dataclass(frozen=True)
class Reach:
    """How far a product carries.

    Attributes:
        product, message_type, status: which.
        fall: where the rows of its segment go today; `passed` are told it, of a draft could be, other helps aside.
        lately: who got it in the last thirty days.
        customers: of its brands.
        floor: how many people it has to reach in thirty days, by its `floor`.
        files: its wordings.
    """

    product: str
    message_type: str
    status: str
    fall: Waterfall
    lately: int
    customers: int
    floor: int
    files: tuple[File, ...]

    @property
    def is_below(self) -> bool:
        """Whether it reaches fewer than its floor, be it by the last thirty days or by today alone; a draft: would reach."""
        return max(self.lately, self.fall.passed) < self.floor

    @property
    def branches(self) -> int:
        """How many wordings of it somebody has to keep."""
        return sum(file.branches for file in self.files)

    @property
    def edges(self) -> int:
        """How many of these almost nobody reads: the tax on edge cases."""
        return sum(file.edges for file in self.files)


@dataclass(frozen=True)
class Unlock:
    """What one capability alone would add.

    Attributes:
        kind, what: the capability: see `unlocking.Capability`; a dimension that is absent, too old (`source`), or not permitted.
        brand: where.
        gains: people who would be told something, and are told nothing now; or detail: people who would be told more.
        people: how many.
        asked: of these, who was asked for the yes that is missing, and has not answered, or whose yes has run out.
        products: product -> how many of them it would tell.
    """

    kind: str
    what: str
    brand: str
    gains: str
    people: int
    asked: int
    products: Mapping[str, int]


@dataclass(frozen=True)
class Assessment:
    """What can be done today, and what would add most.

    Attributes:
        as_of: the day.
        since: the first of the thirty days before it.
        people: customers, of all brands, each once for each.
        reachable: people of marketing whom a live product names today.
        served: of these, who is told something, or held out by lot.
        ways: by brand and channel.
        products: live ones, and drafts as if they were, by name.
        unlocks: what would bring people first, then detail; the most first.
    """

    as_of: date
    since: date
    people: int
    reachable: int
    served: int
    ways: tuple[Way, ...]
    products: tuple[Reach, ...]
    unlocks: tuple[Unlock, ...]


def assess(workspace: Workspace, progress: Progress = silent) -> Assessment:
    """What each channel, product and wording comes to today, and which one missing capability would add how many people.

    It claims and publishes nothing, makes no plan, and takes nothing out of the inbox.

    Args:
        workspace: which.
        progress: is told of each part.

    Raises:
        SourceError: there is nobody in the warehouse, or a table of it is empty or too old.
        LockedError: the sample has to be built first, and a run holds the workspace.
        StatementError, DataError: a query does not run on the warehouse, or does not yield what it should.
    """
    settings = workspace.settings
    now = moment(None, settings.zone)
    path = _warehouse(workspace, now.as_of)
    looking = Source(workspace, path, now, {})
    with looking.open(Scope(), now.now) as session:
        if not count_customers(session, workspace.queries, now):
            hint = f"load your customers into {path.name}, or look at this query; to try it out: justenough init DIR"
            raise SourceError("sql/customers.sql", "there is nobody in this database, so nobody can be reached", hint)
    sources = healthy_sources(path, workspace, Sources(), now.present)
    targeted = {name: tuple(found.targeted) for name, found in bind(workspace, path, now).segments.items()}
    found_out = found_holdouts(workspace, now.as_of, is_whole=True)
    workspace = replace(workspace.holding_out(found_out), unsigned=unsigned_now(workspace))
    source = Source(workspace, path, now, read_shared(workspace, path, now))
    key = load_key(settings.key_file)
    past, exposure = _past(workspace, now), recent_exposure(settings, now.as_of)
    parts = settings.parts or parts_of_run(source, Request(), sources.rows)
    found: dict[str, list[pl.DataFrame]] = {}
    for part in range(parts):
        progress("assessing", part, parts)
        for name, rows in _of_part(source, Scope(part, parts), past, key, targeted, exposure).items():
            found.setdefault(name, []).append(rows)
    progress("assessing", parts, parts)
    return _assessment(workspace, now, {name: _added(rows) for name, rows in found.items()})


def _warehouse(workspace: Workspace, as_of: date) -> Path:
    path = existing_database(workspace.settings, as_of)
    if path is not None:
        return path
    with run_lock(workspace.settings, "justenough assess"):
        return database(workspace.settings, as_of)


def _past(workspace: Workspace, now: Moment) -> Past:
    """What people had before today; what has been delivered today is looked at as if it were still to come."""
    settings = workspace.settings
    history = recent_history(settings, workspace.live(now.as_of), now.as_of).filter(pl.col("as_of") < now.as_of)
    messages = recent_messages(settings, settings.caps, now.present)
    return Past(history, messages.filter(pl.col("at") < now.starts_at.replace(tzinfo=None)), hear(settings))


def _of_part(
    source: Source,
    scope: Scope,
    past: Past,
    key: Key,
    targeted: Mapping[str, Collection[str]],
    exposure: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """What is counted of a part: by kind a frame with what is counted in its last columns, of whole numbers."""
    workspace, now = source.workspace, source.moment
    made = decide(source, scope, past, key)
    live = workspace.live(now.as_of)
    facts: dict[str, pl.DataFrame] = {}
    read_ways = [(WENT.to_frame(), TOOK.to_frame(), WANTED.to_frame())]
    for product in (each for each in live if not made.candidates[each.name].is_empty()):
        facts[product.name] = known(made, product, workspace)
        read_ways.append(read(made, facts[product.name], product, workspace, targeted[product.segment], exposure))
    went, took, wanted = (pl.concat(frames) for frames in zip(*read_ways, strict=True))
    ways_covered, filled = covered(made.bars, workspace, live, now.present, facts)
    return {
        "covered": ways_covered,
        "filled": filled,
        "went": went,
        "took": took,
        "wanted": wanted,
        "fell": pl.concat([_fell(made), *_drafts(source, scope, made, key)]),
        "served": _served(made),
        "gained": unlocked(source, scope, made, key),
    }


def _fell(made: Decided) -> pl.DataFrame:
    rows = made.decisions.group_by("product", "reason").agg(rows=pl.len())
    return rows.select(_FELL.names()).cast(_FELL)


def _drafts(source: Source, scope: Scope, made: Decided, key: Key) -> Iterator[pl.DataFrame]:
    """`_FELL` of products that are drafts, as if they were live: whom each could tell something, others aside."""
    for product in (each for each in source.workspace.products.values() if each.status == "draft"):
        about = candidates(read_segment_rows(source, scope, product.segment), product, source.moment, key)
        if about.height:
            weighed = made.weighing.of(about, product).group_by("reason").agg(rows=pl.len())
            yield weighed.select(pl.lit(product.name).alias("product"), *_FELL.names()[1:]).cast(_FELL)


def _served(made: Decided) -> pl.DataFrame:
    """How many people of marketing a live product names, and how many are told something, or held out."""
    marketing = made.decisions.filter(pl.col("message_type") == "marketing")
    is_won = pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT")
    units = marketing.group_by("customer_id", "brand").agg(is_won=is_won.any())
    return units.select(named=pl.len().cast(pl.Int64), won=pl.col("is_won").sum().cast(pl.Int64))


def _added(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """What parts have counted, together: whole numbers are added up, by everything else."""
    rows = pl.concat(parts)
    numbers = [name for name, kind in rows.schema.items() if kind == pl.Int64]
    by = [name for name in rows.columns if name not in numbers]
    return rows.group_by(by).agg(pl.col(numbers).sum()) if by else rows.sum()


def _assessment(workspace: Workspace, now: Moment, found: Mapping[str, pl.DataFrame]) -> Assessment:
    since = now.as_of - LATELY
    with open_ledger(workspace.settings, read_only=True) as ledger:
        reach = {row["product"]: row["people"] for row in reach_since(ledger, since).to_dicts()}
        words = dict(words_since(ledger, since).iter_rows())
    customers = dict(found["covered"].select("brand", "customers").unique().iter_rows())
    served = found["served"].row(0, named=True)
    return Assessment(
        as_of=now.as_of,
        since=since,
        people=sum(customers.values()),
        reachable=served["named"],
        served=served["won"],
        ways=tuple(_ways(workspace, found)),
        products=tuple(_products(workspace, now, found, customers, reach, words)),
        unlocks=(*_unlocks(found["gained"], "people"), *_unlocks(_detail(found["wanted"]), "detail")),
    )


def _ways(workspace: Workspace, found: Mapping[str, pl.DataFrame]) -> Iterator[Way]:
    for row in found["covered"].sort("brand", "channel").iter_rows(named=True):
        mine = found["filled"].filter(brand=row["brand"], channel=row["channel"])
        filled = dict(mine.select("dimension", "people").sort("dimension").iter_rows())
        target = workspace.settings.targets.get(row["brand"], {}).get(row["channel"])
        yield Way(**row, target=target, filled=filled)


def _products(
    workspace: Workspace,
    now: Moment,
    found: Mapping[str, pl.DataFrame],
    customers: Mapping[str, int],
    reach: Mapping[str, int],
    words: Mapping[str, int],
) -> Iterator[Reach]:
    live = {product.name for product in workspace.live(now.as_of)}
    for name, product in sorted(workspace.products.items()):
        if name not in live and product.status != "draft":
            continue
        mine = sum(customers.get(brand, 0) for brand in product.brands)
        rows = found["fell"].filter(product=name)
        reasons = rows.drop_nulls("reason").sort("rows", "reason", descending=[True, False])
        base = int(rows["rows"].sum())
        fall = Waterfall(
            base=base,
            passed=base - int(reasons["rows"].sum()),
            reasons=dict(reasons.select("reason", "rows").iter_rows()),
        )
        is_told = name in live
        files = files_of(product, workspace, found["went"], found["took"], fall.passed, words) if is_told else ()
        yield Reach(
            product=name,
            message_type=product.message_type,
            status=product.status,
            fall=fall,
            lately=reach.get(name, 0),
            customers=mine,
            floor=ceil(product.floor * mine),
            files=tuple(files),
        )


def _detail(wanted: pl.DataFrame) -> pl.DataFrame:
    """`unlocking.GAINED` of detail."""
    kind = pl.col("why").replace_strict(_WHY, return_dtype=pl.String)
    return wanted.select("brand", "product", "people", kind=kind, what="dimension", asked=pl.lit(0))


def _unlocks(rows: pl.DataFrame, gains: str) -> list[Unlock]:
    found = []
    for (kind, what, brand), mine in rows.partition_by("kind", "what", "brand", as_dict=True).items():
        products = dict(
            mine.sort("people", "product", descending=[True, False]).select("product", "people").iter_rows()
        )
        asked = int(mine["asked"].sum())
        found.append(Unlock(str(kind), str(what), str(brand), gains, sum(products.values()), asked, products))
    return sorted(found, key=lambda each: (-each.people, each.kind, each.what, each.brand))
