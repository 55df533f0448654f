"""Audiences that ad campaigns are to leave out, in a plan: read for each part of the customers, and counted over all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.audience import CHANNEL, HELD_OUT
from flows.channels import CHANNELS
from flows.counts import LeftOut
from flows.draws import of_everybody
from flows.errors import DataError, nearest
from flows.keys import draw
from flows.schemas import AUDIENCE
from flows.stages.audience import LEFT_OUT, left_out, told
from flows.stages.eligibility import standing
from flows.warehouse.news import named_tables
from flows.warehouse.queries import audience as read_audience

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from flows.audience import Audience
    from flows.keys import Key
    from flows.line.sources import Source
    from flows.plan import Order
    from flows.settings import Settings
    from flows.stages.eligibility import Bars
    from flows.warehouse.scope import Scope
    from flows.workspace import Workspace

LEFT_OUT_FILE = "left_out.parquet"
"""In a plan's folder: `stages.audience.LEFT_OUT`."""


@dataclass(frozen=True)
class LeftOutBy:
    """What `check` tells of an audience.

    Attributes:
        audience: its name.
        why: what it is good for that campaigns leave these people out.
        because: the dimensions by which they are chosen.
        codes: brand -> target -> what the platform calls it.
    """

    audience: str
    why: str
    because: tuple[str, ...]
    codes: Mapping[str, Mapping[str, str]]


def is_held_out(settings: Settings) -> pl.Expr:
    """Whether the global holdout holds `customer_id` out, by the share that is drawn (`Workspace.settings_drawn`)."""
    of_all = of_everybody(settings)
    return draw(of_all.salt(f"{settings.name}/global_holdout"), pl.col("customer_id")) < of_all.holdout


def read_left_out(
    source: Source,
    scope: Scope,
    audiences: Mapping[str, Collection[str]],
    targets: Collection[str],
    bars: Bars,
    key: Key,
) -> pl.DataFrame:
    """Whom audiences name among some customers: `stages.audience.LEFT_OUT`.

    Args:
        source: the warehouse and the workspace.
        scope: the customers.
        audiences: the keys of those that are looked at -> the dimensions that decide who is in each.
        targets: those that may be told.
        bars: what bars telling them.
        key: for identifiers.

    Raises:
        DataError, StatementError: a query does not yield what it should.
        GuardError: an audience would have more than three dimensions in common.
    """
    workspace, found = source.workspace, [LEFT_OUT.to_frame()]
    settings, at = workspace.settings, source.moment.present
    for name, targeted in audiences.items():
        audience = workspace.audiences[name]
        rows = _drawn(bars, workspace.settings_drawn) if audience.name == HELD_OUT else _named(source, scope, audience)
        mine = rows.filter(pl.col("brand").is_in(list(_brands(settings, targets))))
        in_force = mine.filter(pl.col("until").is_null() | (pl.col("until") > at)).drop("until")
        known = standing(in_force, bars, audience, [CHANNELS[CHANNEL]], settings.targets, at)
        found.append(left_out(known, audience, targeted, settings, key))
    return pl.concat(found)


def named(source: Source, scope: Scope, audiences: Iterable[str]) -> list[str] | None:
    """Whom of some customers audiences name, by their ids; None where one draws from everybody. Raises as `read_left_out`."""
    asked = [source.workspace.audiences[name] for name in audiences]
    if any(audience.name == HELD_OUT for audience in asked):
        return None
    found = [_named(source, scope, audience)["customer_id"] for audience in asked]
    return sorted({customer for each in found for customer in each})


def read_all_left_out(folder: Path) -> pl.DataFrame:
    """Whom the audiences of a settled plan name: `stages.audience.LEFT_OUT`; nobody where it has none."""
    return scan_left_out(folder).collect()


def scan_left_out(folder: Path) -> pl.LazyFrame:
    """As `read_all_left_out`, of which nothing is read yet."""
    file = folder / LEFT_OUT_FILE
    return pl.scan_parquet(file) if file.exists() else LEFT_OUT.to_frame().lazy()


def counted(workspace: Workspace, order: Order, rows: pl.DataFrame) -> tuple[LeftOut, ...]:
    """What a plan says of its audiences, for each brand: also where nobody is named.

    Args:
        workspace: names them.
        order: of the plan.
        rows: `stages.audience.LEFT_OUT`, with the last reasons.
    """
    found = []
    for name in order.audiences:
        for brand, target in _brands(workspace.settings, order.targets).items():
            mine = rows.filter(product=name, brand=brand)
            reasons = mine.drop_nulls("reason").group_by("reason").len("rows")
            reasons = reasons.sort("rows", "reason", descending=[True, False])
            found.append(
                LeftOut(
                    audience=workspace.audiences[name].name,
                    brand=brand,
                    target=target,
                    code=code(workspace, workspace.audiences[name], brand, target),
                    base=mine.height,
                    passed=mine["reason"].null_count(),
                    reasons=dict(reasons.iter_rows()),
                )
            )
    return tuple(found)


def left_out_by(workspace: Workspace) -> tuple[LeftOutBy, ...]:
    """What `check` tells of each audience."""
    ways = {brand: ways[CHANNEL] for brand, ways in workspace.settings.targets.items() if CHANNEL in ways}
    return tuple(
        LeftOutBy(
            audience=audience.name,
            why=audience.why,
            because=tuple(audience.because),
            codes={brand: {to: code(workspace, audience, brand, to)} for brand, to in sorted(ways.items())},
        )
        for audience in workspace.audiences.values()
    )


def code(workspace: Workspace, audience: Audience, brand: str, target: str) -> str:
    """What an audience is called at a platform."""
    row = {"brand": brand, "product": audience.key, "customer_id": "", "message_id": ""}
    named = told(pl.DataFrame([row], LEFT_OUT), workspace.target(target), workspace.settings.name)
    return str(named.select(workspace.target(target).audience or "").item())


def _brands(settings: Settings, targets: Collection[str]) -> Mapping[str, str]:
    """The brands whose target for ads is one of some -> that target."""
    ways = {brand: ways[CHANNEL] for brand, ways in sorted(settings.targets.items()) if CHANNEL in ways}
    return {brand: target for brand, target in ways.items() if target in targets}


def _named(source: Source, scope: Scope, audience: Audience) -> pl.DataFrame:
    """Whom a query names, as of the true present: `schemas.AUDIENCE`."""
    source = source.at_present()
    workspace = source.workspace
    text = workspace.queries.audiences[audience.name]
    tables = named_tables(text, workspace.catalogue, source.path) if scope.customers is None else None
    with source.open(scope, source.moment.present, named=tables) as session:
        rows = read_audience(session, source.workspace.queries, audience.name, source.moment)
    brands = source.workspace.settings.brands
    if rows.height and not rows["brand"].is_in(list(brands)).any():
        what, hint = "no row has a brand of this workspace", nearest(rows["brand"][0], brands)
        raise DataError(f"sql/audiences/{audience.name}.sql", what, hint)
    return rows


def _drawn(bars: Bars, settings: Settings) -> pl.DataFrame:
    """Who is held out of all products: `schemas.AUDIENCE`."""
    held = bars.people.filter(is_held_out(settings)).select("customer_id", "brand")
    return held.with_columns(until=pl.lit(None, AUDIENCE["until"]))
