"""The last look before a delivery: what bars its messages, and what is out there already, now; read once for all its batches.

A plan that has just been made has looked already: with what it read of people it has also looked at what is out there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.clock import present
from flows.digests import sha256
from flows.durable import write_bytes
from flows.keys import load_key
from flows.line.batches import Look
from flows.line.excluding import read_all_left_out
from flows.line.planned import parts_of, scan_leaving
from flows.line.planning import OUT, OUT_FOLDER, SEEDS, save, source_of
from flows.line.seeding import open_seeds, seed_key
from flows.line.shelf import shelf
from flows.line.sources import bars_of_deliveries, database, hear, take_notices
from flows.line.watching import LOOKED_AT, held_since, judged, looked_at_alone, out_there_in_pieces, seeds, seen
from flows.plan import plan_folder
from flows.stops import called, stopped
from flows.warehouse.attaching import stamp_of
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.keys import Key
    from flows.plan import Order, Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

HOLDS = timedelta(minutes=15)
"""How long a look may be relied on at most, where nobody writes into the warehouse: consent and exclusions may run out."""
_NOTED = "look.json"
_TABLES = ("planned", "out", "seeds")


def look_at(
    workspace: Workspace,
    order: Order,
    planned: Sequence[pl.LazyFrame],
    out: pl.DataFrame | pl.LazyFrame,
    copied: pl.DataFrame,
) -> Look:
    """Look at some messages: what is in the inbox counts, and what the warehouse says now.

    Each piece of them is looked at with a part of the customers; who is not in that is looked for in the next ones. What is out
    there is read with each part, of its customers.

    Args:
        workspace: gives SQL, products and settings.
        order: of the run.
        planned: deliveries of it, and whom campaigns are to leave out, in as many pieces as customers are cut into parts.
        out: `watching.OUT_THERE`; of as many people as targets hold.
        copied: `SEED` of addresses that need no consent, and may be suppressed.
    """
    at, key = present(), load_key(workspace.settings.key_file)
    heard = hear(workspace.settings, draining=True)
    source = source_of(workspace, order)
    source = replace(source, moment=replace(source.moment, present=at))
    looked, standing, free = [], [], []

    def look(scope: Scope, rows: pl.DataFrame, held: pl.LazyFrame) -> tuple[pl.DataFrame, pl.LazyFrame]:
        """Look at what is of the customers in a scope, and return what may be of others."""
        about = pl.concat([rows.lazy(), held, copied.lazy()], how="diagonal")
        asked = source.about(about.select(pl.col("customer_id").unique()).collect().to_series(), scope)
        bars = bars_of_deliveries(source, asked, about, key, heard)
        is_theirs = pl.lit(scope.parts == 1) | pl.col("customer_id").is_in(bars.people["customer_id"].implode())
        looked.append(seen(workspace, rows.filter(is_theirs), bars, at).select(_planned(key)))
        standing.append(seen(workspace, held.filter(is_theirs).collect(), bars, at))
        free.append(open_seeds(copied, bars.suppressed).select(seed_key=seed_key(key)))
        # By their ids people may be asked about who are in another part.
        rest = held if asked.customers is None else held.filter(~is_theirs).collect().lazy()
        return rows.filter(~is_theirs), rest

    left, there = LOOKED_AT.to_frame(), out.lazy().select(LOOKED_AT.names())
    for part, piece in enumerate(planned):
        rows = piece.select(LOOKED_AT.names()).collect()
        left, there = look(Scope(part, len(planned)), pl.concat([left, rows]), there)
    unseen = there.join(pl.concat(standing).lazy(), on="message_id", how="anti").collect()
    if left.height or unseen.height:  # who is no customer any more, or in another part than when the plan was made
        look(Scope(), left, unseen.lazy())
    return Look(pl.concat(looked), judged(source, out, pl.concat(standing)), free[0], at, heard.drain)


def look_again(workspace: Workspace, plan: Plan) -> Look:
    """Look at all that a plan delivers, and at what is out there; keep it for `latest_look`."""
    settings, order = workspace.settings, plan.order
    of_plan = plan_folder(settings, order.run_id)
    unsaid = read_all_left_out(of_plan).filter(pl.col("reason").is_null()).lazy()
    planned = [scan_leaving(of_plan, part) for part in parts_of(of_plan)]
    planned[0] = pl.concat([planned[0], unsaid], how="diagonal")
    # Before it is read: what is written meanwhile is looked at again.
    stamp, since = stamp_of(database(settings, order.as_of)), held_since(settings, order.targets)
    stops = _countries(settings)
    with shelf(settings, len(planned)) as kept:
        out = kept.one_file("out", out_there_in_pieces(workspace, order.targets, looked_at_alone(order)))
        look = look_at(workspace, order, planned, out, seeds(workspace, order.targets))
    _keep(_folder(workspace, order), look, stamp, since, stops)
    return look


def keep_first_look(workspace: Workspace, order: Order) -> None:
    """Keep what a plan has seen while it was made as the first look at it."""
    folder, key = plan_folder(workspace.settings, order.run_id), load_key(workspace.settings.key_file)
    leaving = [scan_leaving(folder, part).select(_planned(key)).collect() for part in parts_of(folder)]
    unsaid = read_all_left_out(folder).filter(pl.col("reason").is_null()).select("message_id", "reason")
    standing = pl.concat([pl.read_parquet(file) for file in sorted((folder / OUT_FOLDER).glob("*.parquet"))])
    look = Look(
        pl.concat([*leaving, unsaid], how="diagonal"),
        judged(source_of(workspace, order), pl.scan_parquet(folder / OUT), standing),
        pl.read_parquet(folder / SEEDS),
        order.present,
        order.drain,
    )
    stops = [name for name in order.stopped if name.startswith(called("country", ""))]
    _keep(_folder(workspace, order), look, order.warehouse, order.held, stops)


def _planned(key: Key) -> list[pl.Expr]:
    """The columns of `Look.planned`, of messages with `reason` and `consent_event`."""
    event = pl.col("consent_event")
    agreed = pl.when(event.is_not_null()).then(key.of(event))
    return [pl.col("message_id"), pl.col("reason"), agreed.alias("consent_key")]


def first_look(workspace: Workspace, plan: Plan) -> Look:
    """The look that a delivery begins with: a new one where somebody has said something, or a target holds something else."""
    settings, order = workspace.settings, plan.order
    noted, drained = _noted(_folder(workspace, order)), take_notices(settings)
    is_heard = noted.get("drain") == drained
    is_held = noted.get("held") == held_since(settings, order.targets)
    return latest_look(workspace, plan) if is_heard and is_held else look_again(workspace, plan)


def latest_look(workspace: Workspace, plan: Plan) -> Look:
    """What a look has kept, while it is whole and holds; else a new one.

    It holds until somebody writes into the warehouse, or stops a country, or ends that; `HOLDS` at most.
    What the inbox hears after it every seal sees.
    """
    folder = _folder(workspace, plan.order)
    noted = _noted(folder)
    if not noted:
        return look_again(workspace, plan)
    at = datetime.fromisoformat(noted["at"])
    stamp = stamp_of(database(workspace.settings, plan.order.as_of))
    is_whole = noted["files"] == _digests(folder)  # half of it, or another's, is none
    is_whole &= noted.get("stops", []) == _countries(workspace.settings)
    if not is_whole or not at <= present() < at + HOLDS or noted["warehouse"] != [list(file) for file in stamp]:
        return look_again(workspace, plan)
    planned, out, copied = (pl.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    return Look(planned, out, copied, at, noted["drain"])


def _countries(settings: Settings) -> list[str]:
    """The countries that are stopped now."""
    return [stop.of for stop in stopped(settings, "country")]


def _keep(folder: Path, look: Look, stamp: object, since: object, stops: list[str]) -> None:
    """Write a look down; it counts once its note is there, which stands for the very files."""
    for name in _TABLES:
        save(getattr(look, name), folder / f"{name}.parquet")
    noted = {"at": look.at.isoformat(), "drain": look.drain, "warehouse": stamp, "held": since, "stops": stops}
    write_bytes(folder / _NOTED, json.dumps(noted | {"files": _digests(folder)}).encode())


def _noted(folder: Path) -> dict[str, Any]:
    """What stands in the note of a look; nothing where there is none."""
    note = folder / _NOTED
    return json.loads(note.read_bytes()) if note.exists() else {}


def _digests(folder: Path) -> dict[str, str]:
    files = [folder / f"{name}.parquet" for name in _TABLES]
    return {file.name: sha256(file) for file in files if file.is_file()}


def _folder(workspace: Workspace, order: Order) -> Path:
    return plan_folder(workspace.settings, order.run_id) / "look"
