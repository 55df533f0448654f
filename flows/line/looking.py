"""The last look before a delivery: what bars its messages, and what state targets hold, now; read once for all its batches."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, target
from flows.clock import present
from flows.durable import write_bytes
from flows.keys import load_key
from flows.ledger.runs import decided_at
from flows.ledger.store import open_ledger
from flows.line.batches import Look
from flows.line.ending import ended
from flows.line.excluding import read_all_left_out
from flows.line.planning import read_leaving, save, source_of
from flows.line.reconciling import published_members
from flows.line.seeding import SEED, addresses, open_seeds, seed_key
from flows.line.sources import bars_of_deliveries, database, hear
from flows.plan import plan_folder, sha256
from flows.stages.claims import MEMBERS
from flows.stages.eligibility import rechecked
from flows.warehouse.attaching import stamp_of

if TYPE_CHECKING:
    from pathlib import Path

    from flows.plan import Plan
    from flows.workspace import Workspace

HOLDS = timedelta(minutes=15)
"""How long a look may be relied on at most, where nobody writes into the warehouse: consent and exclusions may run out."""
_NOTED = "look.json"
_TABLES = ("planned", "held", "seeds")


def look_at(workspace: Workspace, plan: Plan, planned: pl.DataFrame, held: pl.DataFrame, seeds: pl.DataFrame) -> Look:
    """Look at some messages: what is in the inbox counts, and what the warehouse says now.

    Args:
        workspace: gives SQL, products and settings.
        plan: of the run.
        planned: deliveries of it, and whom campaigns are to leave out.
        held: `MEMBERS` of state targets.
        seeds: `SEED` of addresses that need no consent, and may be suppressed.
    """
    settings, at = workspace.settings, present()
    heard, key = hear(settings, draining=True), load_key(settings.key_file)
    source = source_of(workspace, plan.order)
    source = replace(source, moment=replace(source.moment, present=at))
    known = held.filter(pl.col("product").is_in(list(workspace.products)))
    bars = bars_of_deliveries(source, pl.concat([planned, known, seeds], how="diagonal"), key, heard)
    looked, standing = (
        rechecked(rows, bars, workspace.purposes, CHANNELS, settings.targets, at) for rows in (planned, known)
    )
    with open_ledger(settings) as ledger:
        began = decided_at(ledger, known["decision_id"])
    over = ended(source, known.join(began, on="decision_id", how="left"))
    event = pl.col("consent_event")
    return Look(
        looked.select("message_id", "reason", consent_key=pl.when(event.is_not_null()).then(key.of(event))),
        pl.concat([standing.filter(pl.col("reason").is_not_null()).select("message_id"), over]).unique(),
        open_seeds(seeds, bars.suppressed).select(seed_key=seed_key(key)),
        at,
        heard.drain,
    )


def look_again(workspace: Workspace, plan: Plan) -> Look:
    """Look at all that a plan delivers, and at what the state targets it is for hold; keep it for `latest_look`."""
    settings, folder = workspace.settings, _folder(workspace, plan)
    ways = [
        (brand, channel, target(name))
        for brand, channels in settings.targets.items()
        for channel, name in channels.items()
        if name in plan.order.targets
    ]
    held = [published_members(settings, to, brand) for brand, _, to in ways if to.kind == "state"]
    seeds = [addresses(workspace, brand, channel) for brand, channel, to in ways if to.kind == "message"]
    of_plan = plan_folder(settings, plan.order.run_id)
    unsaid = read_all_left_out(of_plan).filter(pl.col("reason").is_null())
    planned = pl.concat([read_leaving(of_plan), unsaid], how="diagonal")
    stamp = stamp_of(
        database(settings, plan.order.as_of)
    )  # before it is read: what is written meanwhile is looked at again
    look = look_at(
        workspace, plan, planned, pl.concat([MEMBERS.to_frame(), *held]), pl.concat([SEED.to_frame(), *seeds])
    )
    for name in _TABLES:
        save(getattr(look, name), folder / f"{name}.parquet")
    noted = {"at": look.at.isoformat(), "drain": look.drain, "warehouse": stamp, "files": _digests(folder)}
    write_bytes(folder / _NOTED, json.dumps(noted).encode())
    return look


def latest_look(workspace: Workspace, plan: Plan) -> Look:
    """What `look_again` has kept, while it is whole and holds; else a new one.

    It holds until somebody writes into the warehouse, `HOLDS` at most.
    What the inbox hears after it every seal sees.
    """
    folder = _folder(workspace, plan)
    if not (folder / _NOTED).exists():
        return look_again(workspace, plan)
    noted = json.loads((folder / _NOTED).read_bytes())
    at = datetime.fromisoformat(noted["at"])
    stamp = stamp_of(database(workspace.settings, plan.order.as_of))
    is_whole = noted["files"] == _digests(folder)  # half of it, or another's, is none
    if not is_whole or not at <= present() < at + HOLDS or noted["warehouse"] != [list(file) for file in stamp]:
        return look_again(workspace, plan)
    planned, held, seeds = (pl.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    return Look(planned, held, seeds, at, noted["drain"])


def _digests(folder: Path) -> dict[str, str]:
    files = [folder / f"{name}.parquet" for name in _TABLES]
    return {file.name: sha256(file) for file in files if file.is_file()}


def _folder(workspace: Workspace, plan: Plan) -> Path:
    return plan_folder(workspace.settings, plan.order.run_id) / "look"
