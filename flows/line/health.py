"""Whether the warehouse, and whom its queries name, is as it was: half a load is not "everybody left", nor "everybody came"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.audience import key_of
from flows.durations import spoken
from flows.errors import SourceError
from flows.ledger.history import last_counts, last_sources
from flows.ledger.store import open_ledger
from flows.warehouse.scope import count_rows, definitions, last_loads

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.plan import Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

RISE_FROM = 1_000
"""Rows from which a rise is judged: a table of three may have ten tomorrow."""
FALL_FROM = 100
"""People from which a segment's fall is judged: of three late orders none may be late tomorrow."""


@dataclass(frozen=True)
class Sources:
    """The catalogued tables of a warehouse.

    Attributes:
        rows: table -> how many it has.
        columns: table -> column -> its type as SQL writes it.
        ages: table that may not be too old -> how long ago its newest row came to be known, as people say it.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ages: Mapping[str, str] = field(default_factory=dict)


def healthy_sources(path: Path, workspace: Workspace, before: Sources, present: datetime) -> Sources:
    """The warehouse's tables; refused where one is empty, stale, another one than before, or has changed beyond the plausible.

    Args:
        path: the warehouse.
        workspace: says which tables may be empty or old, and what is plausible.
        before: the tables when they were last looked at; one that is not in it is new.
        present: UTC instant.

    Raises:
        SourceError: naming the table and the numbers.
    """
    counts = count_rows(path, workspace.catalogue)
    known = definitions(path).columns
    columns = {name: dict(known[name]) for name in counts}
    for name, count in counts.items():
        if count == 0 and not workspace.catalogue.tables[name].may_be_empty:
            hint = "look at its load; if it may be empty say `may_be_empty: true` in sql/dimensions.yaml"
            raise SourceError(f"table {name}", "this source is empty", hint)
        if name in before.rows:
            _check_size(name, before.rows[name], count, workspace.settings)
        if name in before.columns and workspace.settings.schema_changes == "stop":
            _check_columns(name, before.columns[name], columns[name])
    return Sources(counts, columns, _check_ages(path, workspace, present))


def sources_before(settings: Settings) -> Sources:
    """The tables at the last run that delivered; none before the first."""
    with open_ledger(settings) as ledger:
        return Sources(*last_sources(ledger))


def check_people(workspace: Workspace, plan: Plan) -> None:
    """Refuse a plan for whose products far fewer or more people are there than at the last run that delivered them.

    Planned people are not compared: with `once_every` the day after a run has hardly any. Of people who may be spoken to as many
    are expected as before of the rows that there are.

    Raises:
        SourceError: naming the product and the numbers.
    """
    with open_ledger(workspace.settings) as ledger:
        before = last_counts(ledger)
    for name in plan.order.products:
        if name not in before:
            continue
        segment, (rows_before, open_before) = workspace.products[name].segment, before[name]
        rows = plan.candidates[name]
        if rows >= rows_before or not workspace.segments[segment].comes_and_goes:
            hint = f"look at its query; if it may, say `comes_and_goes: true` in sql/segments/{segment}.yaml"
            _check_count(f"product {name}", "rows of its segment", rows_before, rows, hint, workspace.settings)
        expected = open_before * min(rows, rows_before) // max(rows_before, 1)
        _check_count(f"product {name}", _OPEN, expected, plan.open_counts[name], _LOOK, workspace.settings)
    _check_audiences(workspace, plan, before)


_OPEN = "people who may be spoken to"
_LOOK = "look at sql/consent.sql, sql/suppressions.sql, sql/exclusions/ and the addresses in sql/customers.sql"


def _check_audiences(workspace: Workspace, plan: Plan, before: Mapping[str, tuple[int, int]]) -> None:
    """The same for the audiences that campaigns leave out; one that names nobody would be emptied, whatever it was before."""
    hint = "look at its query; if it may, say `comes_and_goes: true` in sql/audiences/{}.yaml"
    named = {found.audience: 0 for found in plan.left_out}
    for found in plan.left_out:
        named[found.audience] += found.base
    for audience in workspace.audiences.values():
        if named.get(audience.name) == 0 and audience.has_query and not audience.comes_and_goes:
            where = f"sql/audiences/{audience.name}.sql"
            raise SourceError(where, "this query names nobody", hint.format(audience.name))
    for found in plan.left_out:
        audience = workspace.audiences[key_of(found.audience)]
        if found.counted_as not in before:
            continue
        rows_before, open_before = before[found.counted_as]
        where = f"audience {found.audience} of {found.brand}"
        if audience.has_query and (found.base >= rows_before or not audience.comes_and_goes):
            look = hint.format(found.audience)
            _check_count(where, "people that it names", rows_before, found.base, look, workspace.settings)
        expected = open_before * min(found.base, rows_before) // max(rows_before, 1)
        _check_count(where, _OPEN, expected, found.open_count, _LOOK, workspace.settings)


def _check_count(where: str, whom: str, before: int, count: int, look: str, settings: Settings) -> None:
    if before >= FALL_FROM and (moved := _moved(before, count, settings)):
        way, limit = moved
        what = f"the {whom} {way} from {before} to {count} since it was last delivered"
        raise SourceError(where, what, f"{look}; or raise the setting `{limit}` for one run")


def _check_size(name: str, before: int, count: int, settings: Settings) -> None:
    if moved := _moved(before, count, settings):
        way, limit = moved
        what = f"this source {way} from {before} to {count} rows since it was last looked at"
        raise SourceError(
            f"table {name}", what, f"look at its load; if it is right raise the setting `{limit}` for one run"
        )


def _moved(before: int, count: int, settings: Settings) -> tuple[str, str] | None:
    """Which way a number went beyond the plausible, and the setting that says so; None where it did not."""
    change = count / before - 1 if before else 0
    if -change > settings.largest_fall:
        return "fell", "largest_fall"
    if change > settings.largest_rise and before >= RISE_FROM:
        return "rose", "largest_rise"
    return None


def _check_columns(name: str, before: Mapping[str, str], columns: Mapping[str, str]) -> None:
    """What is new does no harm; what is gone, or of another type, has changed what the SQL reads."""
    said = [f"the column '{column}' is gone" for column in before if column not in columns]
    kept = [column for column in before if column in columns]
    said += [
        f"{column} was {before[column]} and is {columns[column]}"
        for column in kept
        if before[column] != columns[column]
    ]
    if said:
        hint = "look at its load; if it is right set `schema_changes` to 'take' for one run"
        raise SourceError(f"table {name}", "; ".join(said), hint)


def _check_ages(path: Path, workspace: Workspace, present: datetime) -> dict[str, str]:
    limits = {name: table.stale_after for name, table in workspace.catalogue.tables.items() if table.stale_after}
    ages = {name: present - at for name, at in last_loads(path, workspace.catalogue, limits).items()}
    for name, age in ages.items():
        if age > limits[name]:
            what = f"the newest row came to be known {spoken(age)} ago, and {spoken(limits[name])} are allowed"
            raise SourceError(
                f"table {name}", what, "look at its load; or raise its `stale_after` in sql/dimensions.yaml"
            )
    return {name: spoken(age) for name, age in ages.items()}
