"""Planning: what is decided for whom, per part of the customers. It claims nothing."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import polars as pl
from polars import selectors

from flows.clock import moment as moment_of
from flows.durable import private_folder, sync_file
from flows.errors import OutboxError, UsageError, nearest
from flows.keys import load_key
from flows.line.binding import Bound, bind
from flows.line.deciding import Past, decide
from flows.line.excluding import read_left_out
from flows.line.health import healthy_sources, sources_before
from flows.line.listing import check_lists
from flows.line.rating import check_creep, ratings
from flows.line.rotating import follow_key
from flows.line.seeding import open_seeds, seed_key
from flows.line.sources import (
    Source,
    database,
    read_shared,
    recent_exposure,
    recent_history,
    recent_messages,
    take_notices,
)
from flows.line.trying import try_words
from flows.line.watching import held, held_since, seeds, seen
from flows.plan import (
    Order,
    new_run_id,
    plan_folder,
    read_order,
    save_order,
)
from flows.product import review_is_due
from flows.schemas import ROUTED, frame_schema
from flows.stages.budgets import offered
from flows.stages.crowd import shown
from flows.stages.exposure import spared
from flows.stages.guard import guarded
from flows.stages.routing import routed
from flows.stages.timing import timed
from flows.warehouse.attaching import stamp_of
from flows.warehouse.queries import count_customers
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from flows.line.request import Request
    from flows.product import Product
    from flows.settings import Settings
    from flows.workspace import Workspace

MOST_PARTS = 4096
_FEW = 10_000
"""People who are always planned for at a time, with however little memory."""
SOURCES = "sources.parquet"
MISSED_FOLDER = "missed"
ROUTED_FOLDER = "routed"
"""In a plan's folder: what is not worded yet."""
HELD = "held.parquet"
"""In a plan's folder: what state targets held when it was begun (`MEMBERS`)."""
HELD_FOLDER = "held"
"""In a plan's folder: what bars it, of the people of each part."""
SEEDS = "seeds.parquet"
"""In a plan's folder: the seeds that nothing bars, by their keys."""
LEFT_OUT_FOLDER = "left_out"
"""In a plan's folder: whom audiences name, before all are brought together."""
COUNTED_FOLDER = "counted"
"""In a plan's folder: how many people of each part are shown the same."""
OFFERED_FOLDER = "offered"
"""In a plan's folder: which messages have a budget, and between which channels they may choose."""


def begin(workspace: Workspace, request: Request) -> Order:
    """Check what a run needs and write down what was asked for.

    Raises:
        UsageError: the request names what the workspace does not have, or a day in the future.
        ProductError: a product that is asked for by name is past its review date.
        TemplateError, CreepError, StatementError, DataError, CatalogueError: what `check` would refuse.
        SourceError: the warehouse is missing, unreadable, or a table of it is empty or has fallen.
    """
    settings = workspace.settings
    moment = moment_of(request.as_of, settings.zone)
    if request.parts is not None and not 1 <= request.parts <= MOST_PARTS:
        raise UsageError("--parts", f"{request.parts} parts cannot be made", f"ask for 1 to {MOST_PARTS}")
    overdue = workspace.overdue(moment.as_of)
    for product in overdue:
        if product.name in request.products:
            raise review_is_due(product)
    check_creep(workspace, ((tried, ratings(workspace, tried)) for tried in try_words(workspace)))
    path = database(settings, moment.as_of)
    stamp = stamp_of(path)  # before anything of it is read
    bound = bind(workspace, path, moment)
    drained = take_notices(settings)  # makes the key where there is none, before parts start at the same time
    list_ages = check_lists(settings)
    sources = healthy_sources(path, workspace, sources_before(settings), moment.present)
    follow_key(Source(workspace, path, moment, {}))
    live = [product.name for product in workspace.live(moment.as_of)]
    targets = sorted({name for ways in settings.targets.values() for name in ways.values()})
    chosen = _chosen(request.targets, targets, "--target", "target of this workspace")
    shared = read_shared(workspace, path, moment)
    source = Source(workspace, path, moment, shared)
    order = Order(
        run_id=new_run_id(moment.as_of),
        as_of=moment.as_of,
        now=moment.now,
        present=moment.present,
        starts_at=moment.starts_at,
        parts=request.parts or settings.parts or _parts(source, request, sources.rows),
        products=_chosen(request.products, live, "--product", "live product"),
        targets=chosen,
        customers=tuple(sorted(set(request.customers))),
        is_narrowed=bool(request.products or request.targets),
        inputs_digest=workspace.inputs_digest,
        source_rows=dict(sources.rows),
        list_ages=list_ages,
        source_columns={name: dict(columns) for name, columns in sources.columns.items()},
        overdue=tuple(product.name for product in overdue),
        seeds=_seeds(settings, chosen),
        targeted={name: tuple(found.targeted) for name, found in bound.segments.items()},
        audiences={} if request.products else dict(bound.audiences),
        key_id=load_key(settings.key_file).key_id,
        warehouse=stamp,
        drain=drained,
        held=held_since(settings, chosen),
    )
    folder = save_order(settings, order)
    for name, rows in shared.items():
        save(rows, folder / "shared" / f"{name}.parquet")
    history = recent_history(settings, workspace.live(moment.as_of), moment.as_of)
    save(history, folder / "history.parquet")
    save(recent_messages(settings, settings.caps, moment.present), folder / "heard.parquet")
    save(recent_exposure(settings, moment.as_of), folder / "exposure.parquet")
    save(held(workspace, chosen), folder / HELD)
    save(_sources(workspace, bound), folder / SOURCES)
    return order


_BYTES = 2**30
"""What a part takes, however few people are in it."""
_BYTES_EACH = 2_500
"""What it takes more for each person: benchmarks/line.py, with a third more."""


def _parts(source: Source, request: Request, table_rows: Mapping[str, int]) -> int:
    """Into how many parts the customers have to be cut, so that each fits into the memory."""
    memory = source.workspace.settings.memory
    if request.customers or parts_needed(sum(table_rows.values()), memory) == 1:  # nobody has to be counted
        return 1
    with source.open(Scope(), source.moment.now) as session:
        people = count_customers(session, source.workspace.queries, source.moment)
    return min(parts_needed(people, memory), MOST_PARTS)


def parts_needed(people: int, memory: int) -> int:
    """Into how many parts so many people are cut for so many bytes of memory."""
    most = max((memory - _BYTES) // _BYTES_EACH, _FEW)
    return max(-(-people // most), 1)


def plan_part(workspace: Workspace, run_id: str, part: int) -> dict[str, int]:
    """Decide for one part of the customers, and route what was decided.

    Writes `decisions/`, `held/` and `left_out/<part>.parquet`, and `routed/`, `counted/` and `offered/<part>-<product>.parquet`,
    into the plan's folder.

    Returns:
        Product -> candidates of this part.
    """
    settings = workspace.settings
    folder = plan_folder(settings, run_id)
    order = read_order(settings, run_id)
    moment, key, scope = order.moment, load_key(settings.key_file), Scope(part, order.parts, order.customers)
    past = Past(pl.read_parquet(folder / "history.parquet"), pl.read_parquet(folder / "heard.parquet"))
    members, copied = pl.read_parquet(folder / HELD), seeds(workspace, order.targets)
    others = pl.concat([members, copied], how="diagonal")
    made = decide(source_of(workspace, order), scope, past, key, others)
    mine = members.join(made.bars.people.select("customer_id"), on="customer_id", how="semi")
    save(seen(workspace, mine, made.bars, order.present), folder / HELD_FOLDER / f"{part:04}.parquet")
    if part == 0:
        save(open_seeds(copied, made.bars.suppressed).select(seed_key=seed_key(key)), folder / SEEDS)
    decisions, lately = made.decisions, pl.read_parquet(folder / "exposure.parquet")
    exposed = [decisions.clear().select("decision_id")]
    for product in workspace.live(order.as_of):
        mine = decisions.filter(pl.col("product") == product.name, pl.col("reason").is_null())
        fields = workspace.fields(product)
        about, consent = made.candidates[product.name], made.bars.consent
        facts = guarded(mine, about, product, fields, workspace.catalogue, consent, moment)
        save(_missing(facts, product), folder / MISSED_FOLDER / f"{part:04}-{product.name}.parquet")
        facts = spared(facts, lately, product, fields, settings.exposure)
        exposed.append(facts.filter(pl.col("reason").is_not_null()).select("decision_id"))
        if product.name in order.products:
            open_ones = facts.filter(pl.col("reason").is_null())
            lanes = routed(open_ones, product, settings, fields, order.targeted[product.segment])
            lanes = timed(lanes, workspace.products, settings, order.present, order.starts_at)
            wanted, offers = offered(lanes, product, settings, order.targets)
            told, counts = shown(wanted, product, workspace.words[product.name], fields, key)
            save(told, folder / ROUTED_FOLDER / f"{part:04}-{product.name}.parquet")
            save(counts, folder / COUNTED_FOLDER / f"{part:04}-{product.name}.parquet")
            if not offers.is_empty():
                save(offers, folder / OFFERED_FOLDER / f"{part:04}-{product.name}.parquet")
    if order.audiences:
        rows = read_left_out(source_of(workspace, order), scope, order.audiences, order.targets, made.bars, key)
        save(rows, folder / LEFT_OUT_FOLDER / f"{part:04}.parquet")
    is_exposed = pl.col("decision_id").is_in(pl.concat(exposed)["decision_id"].implode()).fill_null(value=False)
    reason = pl.when(is_exposed).then(pl.lit("EXPOSED")).otherwise("reason")
    save(_nameless(decisions.with_columns(reason=reason)), folder / "decisions" / f"{part:04}.parquet")
    return {"people": made.bars.people.height, **{name: frame.height for name, frame in made.candidates.items()}}


def _nameless(decisions: pl.DataFrame) -> pl.DataFrame:
    """The decisions, of people who asked to be forgotten by their keys alone: they count, and nothing of theirs is kept."""
    is_erased = pl.col("reason") == "ERASED"
    keys = {"customer_id": "person_key", "subject_id": "subject_key"}
    return decisions.with_columns(
        pl.when(is_erased).then(key).otherwise(name).alias(name) for name, key in keys.items()
    )


def _missing(facts: pl.DataFrame, product: Product) -> pl.DataFrame:
    """Why people are told nothing that is known of them.

    Returns:
        `product, dimension, why, people`: the people of whom nothing is known that could be shown, by each dimension and what is
        in its way; and without a dimension how many they are (`bare`), and how many were decided for (`decided`).
    """
    bare = facts.filter(pl.col("facts").list.len() == 0)
    missed = bare.select(pl.col("missed").explode()).unnest("missed").drop_nulls()
    whole = pl.DataFrame({"dimension": None, "why": ["decided", "bare"], "people": [facts.height, bare.height]})
    counted = missed.group_by("dimension", "why").len("people")
    kinds: dict[str, type[pl.DataType]] = {"dimension": pl.String, "why": pl.String, "people": pl.Int64}
    return pl.concat([pl.DataFrame(rows, kinds) for rows in (whole, counted)]).with_columns(
        product=pl.lit(product.name)
    )


def _sources(workspace: Workspace, bound: Bound) -> pl.DataFrame:
    """The columns of the warehouse behind each dimension of each template file, for receipts.

    Returns:
        `product, words_sha256, dimension, columns`, and `sources_sha256` over the last two of a file: several files, and several
        versions, that read the same have the same.
    """
    rows = []
    for product in workspace.products.values():
        segment, shown = workspace.segments[product.segment], bound.segments[product.segment].shown
        for words in workspace.words[product.name].values():
            behind: dict[str, set[str]] = {}
            for field in words.fields:
                for dimension in segment.fields[field].dimensions:
                    behind.setdefault(dimension, set()).update(shown[field])
            columns = {dimension: sorted(behind[dimension]) for dimension in sorted(behind)}
            digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
            rows += [(product.name, words.digest, digest, *pair) for pair in columns.items()]
    return pl.DataFrame(rows, _SOURCES, orient="row")


_SOURCES: dict[str, pl.DataType | type[pl.DataType]] = {
    "product": pl.String,
    "words_sha256": pl.String,
    "sources_sha256": pl.String,
    "dimension": pl.String,
    "columns": pl.List(pl.String),
}


def source_of(workspace: Workspace, order: Order) -> Source:
    """The warehouse of a run, with what `begin` has read of sql/shared/."""
    files = sorted((plan_folder(workspace.settings, order.run_id) / "shared").glob("*.parquet"))
    shared = {file.stem: pl.read_parquet(file) for file in files}
    return Source(workspace, database(workspace.settings, order.as_of), order.moment, shared)


def parts_of(folder: Path) -> list[str]:
    """The parts of a plan, as its files name them. A person is in one of them."""
    return sorted(file.stem for file in (folder / "decisions").glob("*.parquet"))


def scan_deliveries(folder: Path, part: str = "*") -> pl.LazyFrame:
    """The deliveries of a plan, or of a part: the columns of `message.worded`, and those with a reason without words."""
    files = sorted((folder / "deliveries").glob(f"{part}-*.parquet"))
    # There is none where no product is live; and an earlier version of the program may have written fewer columns.
    known = frame_schema(*ROUTED, "creative_id", "message_id", "not_before", "not_after", "detail").to_frame().lazy()
    return pl.concat([known, *(pl.scan_parquet(file) for file in files)], how="diagonal")


def read_leaving(folder: Path, part: str = "*") -> pl.DataFrame:
    """The deliveries of a plan that may leave, without their words: `schemas.ROUTED`, `message_id`, of corrections `attempt`."""
    return without_words(scan_deliveries(folder, part).filter(pl.col("reason").is_null()))


def without_words(found: pl.LazyFrame) -> pl.DataFrame:
    """Deliveries of a plan without their words: `schemas.ROUTED`, `message_id`, of corrections `attempt`."""
    return found.select(selectors.by_name(*ROUTED.names(), "message_id", "attempt", require_all=False)).collect()


def read_creatives(folder: Path, used: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The creatives of a plan that are used, by their ids."""
    used = set(used)
    with (folder / "creatives.ndjson").open(encoding="utf-8") as lines:
        return {read["creative_id"]: read for read in map(json.loads, lines) if read["creative_id"] in used}


def scan_decisions(folder: Path, part: str = "*") -> pl.LazyFrame:
    """The decisions of a plan, or of a part: `schemas.DECISIONS`."""
    return pl.concat([pl.scan_parquet(file) for file in sorted((folder / "decisions").glob(f"{part}.parquet"))])


def _seeds(settings: Settings, targets: Collection[str]) -> dict[str, int]:
    """Channel -> its seed addresses, of the channels that some targets are for."""
    channels = {channel for ways in settings.targets.values() for channel, name in ways.items() if name in targets}
    return {channel: len(given) for channel, given in settings.seeds.items() if channel in channels}


def _chosen(asked: Sequence[str], known: Sequence[str], option: str, kind: str) -> tuple[str, ...]:
    for name in asked:
        if name not in known:
            raise UsageError(option, f"'{name}' is no {kind}", nearest(name, known))
    return tuple(sorted(set(asked))) if asked else tuple(known)


def save(frame: pl.DataFrame, path: Path) -> None:
    """Keep a frame in a plan's folder. Raises OutboxError where the disk is full."""
    private_folder(path.parent)
    try:
        frame.write_parquet(path)
        sync_file(path)
    except (OSError, pl.exceptions.ComputeError):  # Polars tells a full disk either way
        raise OutboxError(path, "this file cannot be written", "free some space, or mend the rights") from None
