"""What is out there already: what state targets hold is looked at again together with the people that a plan is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, target
from flows.ledger.membership import read_members
from flows.ledger.runs import last_published
from flows.ledger.store import open_ledger
from flows.line.seeding import SEED, addresses
from flows.stages.claims import MEMBERS
from flows.stages.eligibility import rechecked

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from flows.channels import Target
    from flows.settings import Settings
    from flows.stages.eligibility import Bars
    from flows.workspace import Workspace


def published_members(settings: Settings, to: Target, brand: str) -> pl.DataFrame:
    """`MEMBERS` that a state target holds by the last batch that was published. Raises StateError where they are gone."""
    with open_ledger(settings) as ledger:
        last = last_published(ledger, to.name, brand)
    return read_members(settings, to.name, brand, last, MEMBERS)


def held_since(settings: Settings, targets: Collection[str]) -> dict[str, str | None]:
    """`target/brand` of the state targets among some -> the batch that each holds."""
    with open_ledger(settings) as ledger:
        return {f"{name}/{brand}": last_published(ledger, name, brand) for name, brand in _states(settings, targets)}


def held(workspace: Workspace, targets: Collection[str]) -> pl.DataFrame:
    """`MEMBERS` of all state targets among some, of products that there are still."""
    settings = workspace.settings
    found = [published_members(settings, target(name), brand) for name, brand in _states(settings, targets)]
    return pl.concat([MEMBERS.to_frame(), *found]).filter(pl.col("product").is_in(list(workspace.products)))


def seeds(workspace: Workspace, targets: Collection[str]) -> pl.DataFrame:
    """`SEED` of all that get copies of what goes to some targets."""
    ways = [
        (brand, channel)
        for brand, channels in workspace.settings.targets.items()
        for channel, name in channels.items()
        if name in targets and target(name).kind == "message"
    ]
    return pl.concat([SEED.to_frame(), *(addresses(workspace, brand, channel) for brand, channel in ways)])


def seen(workspace: Workspace, rows: pl.DataFrame, bars: Bars, at: datetime) -> pl.DataFrame:
    """What bars some planned deliveries, or `MEMBERS`, now: `message_id, reason, consent_event`, see `eligibility.rechecked`."""
    narrow = rows.select("message_id", "valid_until", *_LOOKED_AT)
    found = rechecked(narrow, bars, workspace.purposes, CHANNELS, workspace.settings.targets, at)
    return found.select("message_id", "reason", "consent_event")


_LOOKED_AT = ("customer_id", "brand", "product", "channel", "address", "address_match", "phone", "person_key")


def _states(settings: Settings, targets: Collection[str]) -> list[tuple[str, str]]:
    """Target and brand of the state targets among some."""
    ways = {(name, brand) for brand, channels in settings.targets.items() for name in channels.values()}
    return sorted((name, brand) for name, brand in ways if name in targets and target(name).kind == "state")
