"""Planning: what is decided for whom, per part of the customers. It claims nothing."""

from __future__ import annotations

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment as moment_of
from flows.durable import private_folder
from flows.errors import OutboxError, UsageError, nearest
from flows.growing import write_pieces
from flows.keys import load_key
from flows.line.deciding import Past, decide
from flows.line.drawing import adapted_shares, found_holdouts, kept
from flows.line.events import EVENTS_FILE, read_entries
from flows.line.excluding import read_left_out
from flows.line.health import healthy_sources, sources_before
from flows.line.listing import check_lists
from flows.line.parting import MOST_PARTS, parts_of_run
from flows.line.planned import CHOICES_FOLDER, check_current, last_whole
from flows.line.remembering import recent_exposure, recent_history, recent_messages
from flows.line.rolling import few_of, found_before, look_for_news, note_due
from flows.line.rotating import follow_key
from flows.line.seeding import open_seeds, seed_key
from flows.line.segments import live_segments
from flows.line.signing import unsigned_now
from flows.line.sources import (
    Heard,
    Source,
    database,
    hear,
    read_shared,
    take_notices,
)
from flows.line.vouching import SOURCES, keep, tried, vouch, vouched_before
from flows.line.watching import LOOKED_AT, held_since, looked_at_alone, out_there_in_pieces, seeds, seen
from flows.plan import Order, new_run_id, plan_folder, read_order, save_order
from flows.product import review_is_due
from flows.schemas import DECISIONS
from flows.stages.arm import armed
from flows.stages.budgets import offered
from flows.stages.crowd import shown
from flows.stages.exposure import spared
from flows.stages.guard import guarded
from flows.stages.routing import routed
from flows.stages.timing import timed
from flows.stops import stopped
from flows.tokens import ID_DIGITS
from flows.warehouse.attaching import stamp_of
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from flows.line.ahead import Ahead
    from flows.line.deciding import Decided
    from flows.line.request import Request
    from flows.product import Product
    from flows.settings import Settings
    from flows.workspace import Workspace

AT_ONCE = 2
"""Products that are worked on at a time: much of it is one thread's work, and each takes memory."""
MISSED_FOLDER = "missed"
ROUTED_FOLDER = "routed"
"""In a plan's folder: what is not worded yet."""
OUT = "out.parquet"
"""In a plan's folder: what was out there when it was begun (`watching.OUT_THERE`)."""
OUT_FOLDER = "out"
"""In a plan's folder: what bars it, of the people of each part."""
SEEDS = "seeds.parquet"
"""In a plan's folder: the seeds that nothing bars, by their keys."""
LEFT_OUT_FOLDER = "left_out"
"""In a plan's folder: whom audiences name, before all are brought together."""
COUNTED_FOLDER = "counted"
"""In a plan's folder: how many people of each part are shown the same."""
OFFERED_FOLDER = "offered"
"""In a plan's folder: which messages have a budget, and between which channels they may choose."""
SAID_FOLDER = "said"
"""In a plan's folder: what people had told us when it was begun, so that its parts need no ledger."""
_SAID = ("events", "forms", "buried")
APART_FOLDER = "apart"
"""In a plan's folder: what somebody has made of a part, by a name of its own, before it is taken into the plan."""


def begin(workspace: Workspace, request: Request, ahead: Ahead | None = None) -> Order:
    """Check what a run needs and write down what was asked for.

    Args:
        workspace: as it is now.
        request: what is asked for.
        ahead: begins to ask about the customers whom the run is for, if it is to be planned in one part.

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
    goes_by = request.goes_by or (last_whole(settings) if request.customers else None)
    is_rolling = (settings.rolling if request.rolling is None else request.rolling) and not request.customers
    before = found_before(workspace, moment) if is_rolling else vouched_before(workspace, goes_by)
    creep = before.creep if before else tried(workspace)
    path = database(settings, moment.as_of)
    stamp = stamp_of(path)  # before anything of it is read
    vouched = vouch(workspace, path, moment, before, creep)
    drained = take_notices(settings)  # makes the key where there is none, before parts start at the same time
    list_ages = check_lists(settings)
    sources = healthy_sources(path, workspace, sources_before(settings), moment.present)
    follow_key(Source(workspace, path, moment, {}))
    live = [product.name for product in workspace.live(moment.as_of)]
    targets = sorted({name for ways in settings.targets.values() for name in ways.values()})
    chosen = _chosen(request.targets, targets, "--target", "target of this workspace")
    shared = read_shared(workspace, path, moment)
    source = Source(workspace, path, moment, shared)
    news = look_for_news(source) if is_rolling else None
    order = Order(
        run_id=new_run_id(moment.as_of),
        as_of=moment.as_of,
        now=moment.now,
        present=moment.present,
        starts_at=moment.starts_at,
        parts=request.parts or parts_of_run(source, request, sources.rows, news.told.customers if news else 0),
        products=_chosen(request.products, live, "--product", "live product"),
        targets=chosen,
        customers=tuple(sorted(set(request.customers))),
        is_narrowed=bool(request.products or request.targets),
        inputs_digest=workspace.inputs_digest,
        source_rows=dict(sources.rows),
        source_ages=dict(sources.ages),
        list_ages=list_ages,
        creep=creep,
        source_columns={name: dict(columns) for name, columns in sources.columns.items()},
        overdue=tuple(product.name for product in overdue),
        reviews={product.name: product.review_by for product in workspace.due_soon(moment.as_of)},
        paused={name: pause.why for name, pause in workspace.pauses.items()},
        unsigned=unsigned_now(workspace),
        stopped={each.of: each.said for each in stopped(settings, "everything", "brand", "country")},
        tests_kept=kept(workspace),
        holdouts=found_holdouts(workspace, moment.as_of, is_whole=not request.customers),
        adapted=adapted_shares(workspace, moment),
        calibrated=_calibrated(workspace),
        weights=workspace.calibrated.products if workspace.calibrated else {},
        effects=workspace.learned.effects if workspace.learned else {},
        seeds=_seeds(settings, chosen),
        targeted=vouched.targeted,
        audiences={} if request.products else vouched.audiences,
        key_id=load_key(settings.key_file).key_id,
        digits=ID_DIGITS,
        events=0 if request.events is None else request.events.height,
        goes_by=goes_by,
        warehouse=stamp,
        drain=drained,
        held=held_since(settings, chosen),
        rolling=news.told if news else None,
    )
    if ahead is not None and order.customers and order.parts == 1:
        ahead.start(source, Scope(customers=order.customers), live_segments(workspace, order.as_of))
    folder = save_order(settings, order)
    if news:
        news.save(folder)
    if request.events is not None:
        save(request.events, folder / EVENTS_FILE)
    for name, rows in shared.items():
        save(rows, folder / "shared" / f"{name}.parquet")
    history = recent_history(settings, workspace.live(moment.as_of), moment.as_of)
    save(history, folder / "history.parquet")
    save(recent_messages(settings, settings.caps, moment.present), folder / "heard.parquet")
    save(recent_exposure(settings, moment.as_of), folder / "exposure.parquet")
    heard = hear(settings)
    for name in _SAID:
        save(getattr(heard, name), folder / SAID_FOLDER / f"{name}.parquet")
    write_pieces(folder / OUT, out_there_in_pieces(workspace, chosen, looked_at_alone(order)))
    save(vouched.sources, folder / SOURCES)
    keep(vouched, folder)
    return order


def plan_part(
    workspace: Workspace, run_id: str, part: int, apart: str | None = None, ahead: Ahead | None = None
) -> dict[str, int]:
    """Decide for one part of the customers, and route what was decided. It needs no ledger.

    Writes `decisions/`, `out/` and `left_out/<part>.parquet`, and `routed/`, `counted/` and `offered/<part>-<product>.parquet`,
    into the plan's folder.

    Args:
        workspace: as it was when the run began.
        run_id: of the run.
        part: which, from 0 on.
        apart: a name under which all of it waits for `take`: of several who plan the same part one counts, as a whole,
            whatever the others still write.
        ahead: that `begin` was given.

    Returns:
        Product -> candidates of this part.

    Raises:
        PlanError: the workspace is not as it was, here.
        JustEnoughError: as `decide`.
    """
    settings = workspace.settings
    folder = plan_folder(settings, run_id)
    order, to = read_order(settings, run_id), private_folder(folder_apart(folder, apart))
    check_current(workspace, order)
    workspace = replace(workspace.holding_out(order.holdouts), unsigned=order.unsigned, adapted=order.adapted)
    key, scope = load_key(settings.key_file), Scope(part, order.parts, order.customers or None)
    said = Heard(order.drain, *(pl.read_parquet(folder / SAID_FOLDER / f"{name}.parquet") for name in _SAID))
    history, messages = (pl.read_parquet(folder / f"{name}.parquet") for name in ("history", "heard"))
    past = Past(history, messages, said, read_entries(folder))
    source, out, copied = source_of(workspace, order), pl.scan_parquet(folder / OUT), seeds(workspace, order.targets)
    others = pl.concat([out, copied.lazy()], how="diagonal")
    made = decide(source, scope, past, key, others, few_of(source, order, scope, folder, out) or ahead)
    note_due(made, order, settings, to, part)
    is_mine = pl.col("customer_id").is_in(made.bars.people["customer_id"].implode())
    mine = out.select(LOOKED_AT.names()).filter(is_mine).collect()
    save(seen(workspace, mine, made.bars, order.present), to / OUT_FOLDER / f"{part:04}.parquet")
    if part == 0:
        save(open_seeds(copied, made.bars.suppressed).select(seed_key=seed_key(key)), to / SEEDS)
    decisions, live = made.decisions, workspace.live(order.as_of)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda product: _routed(workspace, order, part, product, made, to), live))
    if order.audiences:
        rows = read_left_out(source, scope, order.audiences, order.targets, made.bars, key)
        save(rows, to / LEFT_OUT_FOLDER / f"{part:04}.parquet")
    known = decisions.join(pl.concat([_TOLD.to_frame(), *told]), on="decision_id", how="left", maintain_order="left")
    known = known.with_columns(pl.coalesce(f"{name}_now", name).alias(name) for name in _LEARNT).select(
        DECISIONS.names()
    )
    save(_nameless(known), to / "decisions" / f"{part:04}.parquet")
    if made.choices is not None:
        save(made.choices, to / CHOICES_FOLDER / f"{part:04}.parquet")
    return {"people": made.bars.people.height, **{name: frame.height for name, frame in made.candidates.items()}}


def folder_apart(folder: Path, apart: str | None) -> Path:
    """Where what is made of a part under a name of its own waits; without a name the plan's own folder."""
    return folder / APART_FOLDER / apart if apart else folder


def take(settings: Settings, run_id: str, apart: str) -> None:
    """Take what was made of a part under a name into the plan, in the place of what may be there. Raises OutboxError."""
    folder = plan_folder(settings, run_id)
    made = folder_apart(folder, apart)
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        place = folder / file.relative_to(made)
        private_folder(place.parent)
        file.replace(place)
    shutil.rmtree(made)


def _routed(workspace: Workspace, order: Order, part: int, product: Product, made: Decided, to: Path) -> pl.DataFrame:
    """Route what one part was decided to get of one product, and return `_TOLD`."""
    settings, name = workspace.settings, f"{part:04}-{product.name}.parquet"
    folder, key = plan_folder(settings, order.run_id), load_key(settings.key_file)
    mine = made.decisions.filter(pl.col("product") == product.name, pl.col("reason").is_null())
    if mine.is_empty():
        return _TOLD.to_frame()
    fields = workspace.fields(product)
    about, consent = made.candidates[product.name], made.bars.consent
    facts = guarded(mine, about, product, fields, workspace.catalogue, consent, order.moment)
    save(_missing(facts, product), to / MISSED_FOLDER / name)
    product = workspace.as_drawn(product)
    facts = armed(facts, product, fields, settings.name)
    facts = spared(facts, pl.read_parquet(folder / "exposure.parquet"), product, fields, settings.exposure)
    if product.name in order.products:
        open_ones = facts.filter(pl.col("reason").is_null())
        lanes = routed(open_ones, product, settings, fields, order.targeted[product.segment])
        lanes = timed(lanes, workspace.products, settings, order.present, order.starts_at)
        wanted, offers = offered(lanes, product, settings, order.targets)
        told, counts = shown(wanted, product, workspace.words[product.name], fields, key)
        save(told, to / ROUTED_FOLDER / name)
        save(counts, to / COUNTED_FOLDER / name)
        if not offers.is_empty():
            save(offers, to / OFFERED_FOLDER / name)
    changed = facts if product.test.levels else facts.filter(pl.col("reason").is_not_null())
    return changed.select("decision_id", pl.col(_LEARNT).name.suffix("_now"))


_LEARNT = ("reason", "drawn_level", "propensity")
_TOLD = pl.Schema({"decision_id": pl.String(), **{f"{name}_now": DECISIONS[name] for name in _LEARNT}})
"""What is told of decisions only once the facts are known: to whom too much was shown, and the level that was drawn."""


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


def source_of(workspace: Workspace, order: Order) -> Source:
    """The warehouse of a run, with what `begin` has read of sql/shared/."""
    path = database(workspace.settings, order.as_of)
    return Source(workspace, path, order.moment, shared_of(workspace, order), narrow=order.is_rolling)


def shared_of(workspace: Workspace, order: Order) -> dict[str, pl.DataFrame]:
    """What `begin` has read of sql/shared/, by table."""
    files = sorted((plan_folder(workspace.settings, order.run_id) / "shared").glob("*.parquet"))
    return {file.stem: pl.read_parquet(file) for file in files}


def _calibrated(workspace: Workspace) -> str | None:
    """Of what scores are the probability, where that was learned, and since when."""
    found = workspace.calibrated
    return (
        None if found is None else f"{found.outcome} within {found.within_days:g} days, learned on {found.learned_on}"
    )


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
    """Put a frame into a plan's folder, whole or not at all; the disk keeps it once the plan is settled.

    Raises:
        OutboxError: the disk is full, or something is in the way.
    """
    passing = private_folder(path.parent) / f".{path.stem}.{secrets.token_hex(4)}.new"
    try:
        frame.write_parquet(passing, compression_level=1)  # as small as at 3, for two thirds of the processor time
        passing.replace(path)
    except (OSError, pl.exceptions.ComputeError):  # Polars tells a full disk either way
        passing.unlink(missing_ok=True)
        raise OutboxError(path, "this file cannot be written", "free some space, or mend the rights") from None
