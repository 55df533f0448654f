"""The history -> what choices among helps have shown, and the file that a person may accept it by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from flows.clock import moment
from flows.errors import UsageError
from flows.learning.contrasts import FEWEST_UNITS
from flows.learning.counting import windows_of
from flows.learning.policies.helps import Found, learn, made
from flows.learning.successes import Metric
from flows.ledger.choices import days, told
from flows.ledger.store import open_ledger
from flows.ledger.tally import told_until
from flows.product import MOST_DIMENSIONS

if TYPE_CHECKING:
    from flows.next_best import NextBest
    from flows.workspace import Workspace

WHERE = "justenough next-best"
SoFar: TypeAlias = tuple[pl.DataFrame, date | None]
"""`ledger.choices.TOLD` of the choices whose time is over, and the last day of these."""


@dataclass(frozen=True)
class Read:
    """What choices among helps have shown.

    Attributes:
        outcome, within_days, price, explore: as they are set.
        as_of: the day of the look.
        until: the last day of choices whose time is over; None: there is none.
        found: what they have shown; None: fewer people than numbers are told of.
        id: of what is proposed, the same at every look that finds the same; None: nothing is.
        file: what `sql/next_best.yaml` would say then.
        in_use: the day on which what helps are chosen by now was learned; None: they are chosen by the rules.
    """

    outcome: str
    within_days: float
    price: float
    explore: float
    as_of: date
    until: date | None = None
    found: Found | None = None
    id: str | None = None
    file: str | None = None
    in_use: date | None = None


def read_choices(workspace: Workspace, so_far: SoFar | None = None) -> Read:
    """What choices among helps have shown so far.

    Args:
        workspace: says what is asked.
        so_far: as `told_so_far` has read it; None: it is read.

    Raises:
        UsageError: the setting `next_best` is not there.
        StateError: the ledger cannot be read.
    """
    setting = setting_of(workspace, WHERE)
    metric, fields = Metric(setting.outcome, "helped"), workspace.segments[setting.contexts].fields
    rows, until = so_far or told_so_far(workspace)
    whole_days, today = setting.within / timedelta(days=1), moment(None, workspace.settings.zone).as_of
    in_use = workspace.learned.learned_on if workspace.learned else None
    asked = Read(setting.outcome, whole_days, setting.price, setting.explore, today, until, in_use=in_use)
    data = made(rows, list(fields), is_absence=metric.is_absence)
    if len(data) < FEWEST_UNITS:
        return asked
    dimensions = {name: field.dimensions for name, field in fields.items()}
    found = learn(data, dimensions, setting.price, MOST_DIMENSIONS)
    content = None if found.proposed is None else _content(setting, found)
    digest = None if content is None else hashlib.sha256(content.encode()).hexdigest()[:8]
    file = None if content is None else f"{_head(today)}{content}"
    return Read(**{**vars(asked), "found": found, "id": digest, "file": file})


def setting_of(workspace: Workspace, where: str) -> NextBest:
    """What is asked of choices. Raises UsageError, for a command, where nothing is."""
    if workspace.settings.next_best is None:
        hint = "set what a choice may depend on, and what it is to bring about: see docs/how-to/next-best.md"
        raise UsageError(where, "the setting `next_best` is not there, so nothing is tried and noted", hint)
    return workspace.settings.next_best


def told_so_far(workspace: Workspace) -> SoFar:
    """The choices whose time is over. Raises as `read_choices`."""
    setting, settings = setting_of(workspace, WHERE), workspace.settings
    with open_ledger(settings, read_only=True) as ledger:
        windows = windows_of(pl.Series(days(ledger), dtype=pl.Date), setting.within, settings)
        now = moment(None, settings.zone).present.replace(tzinfo=None)
        known_until = min(now, told_until(ledger) or datetime.max)  # noqa: DTZ901  (the ledger's instants have no zone)
        over = windows.filter(pl.col("ends_at") <= known_until)
        until: date | None = over["as_of"].max()  # type: ignore[assignment]
        return told(ledger, Metric(setting.outcome, "helped").outcomes, over), until


def _head(day: date) -> str:
    return (
        "# What each help does, by who somebody is: how many more people have the outcome than without it, as a share, shrunk.\n"
        f"# Learned from choices by lot and accepted by a person; written by: {WHERE} --accept\n"
        f"learned_on: {day}\n"
    )


def _content(setting: NextBest, found: Found) -> str:
    """The file as YAML, without the day."""
    way = next(each for each in found.ways if each.name == found.proposed)
    lines = [
        f"outcome: {_text(setting.outcome)}",
        f"within_days: {setting.within / timedelta(days=1):g}",
        f"price: {setting.price:g}",
        f"people: {found.people}",
        f"more: {way.more.value:.6f}",
        f"at_least: {way.more.low:.6f}",
        "effects:",
    ]
    for product, table in found.tables.items():
        lines += [f"  {product}:", f"    contexts: [{', '.join(map(_text, table.contexts))}]"]
        lines.append(f"    for_all: {table.for_all:.6f}")
        lines += ["    cells:"] if table.cells else []
        for values, more in table.cells:
            when = ", ".join(
                f"{_text(name)}: {_text(value)}" for name, value in zip(table.contexts, values, strict=True)
            )
            lines.append(f"      - {{when: {{{when}}}, more: {more:.6f}}}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A text as YAML takes it, whatever stands in it: JSON's are."""
    return json.dumps(value, ensure_ascii=False)
