"""The ledger -> a product's experiment, counted: its people by how they were drawn, and what has happened to them since."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import midnight, moment
from flows.draws import EVERYBODY
from flows.learning import cells
from flows.learning.cells import Design
from flows.learning.effects import Counted
from flows.learning.successes import VALUE, metrics, watched
from flows.ledger.tally import WINDOWS, drawn, outcomes_told, tallied, told_until, values_told

if TYPE_CHECKING:
    from flows.ledger.store import Ledger
    from flows.product import Product
    from flows.settings import Settings
    from flows.workspace import Workspace


def design_of(workspace: Workspace, product: Product) -> Design:
    """How people are drawn for a product, by the test that runs, or else as it is set now."""
    test, settings = workspace.as_drawn(product).test, workspace.settings_drawn
    runs = workspace.draws.runs(product.name, product.test)
    daily = workspace.draws.tests[product.name].adapted if runs else {}
    if product.message_type == "service":
        return Design(0.0, test.variants, test.levels, daily=daily)
    kept = (1 - settings.global_holdout) * (1 - test.holdout)
    return Design(1 - kept, test.variants, test.levels, test.usual, daily)


def counted(ledger: Ledger, workspace: Workspace, product: Product, since: date | None = None) -> Counted | None:
    """The people of a product's experiment, and what has happened to them; None where nobody was drawn as it is set now.

    Args:
        ledger: open.
        workspace: the product is of.
        product: which.
        since: the first day; None: that from which on all was drawn as it is set now.
    """
    settings, asked, within = workspace.settings, metrics(product), product.success.within
    design, now = design_of(workspace, product), moment(None, settings.zone)
    named = workspace.draws.named_since({name: workspace.tests[name] for name in (EVERYBODY, product.name)})
    days = drawn(ledger, product.name)
    begins = since or began(days.filter(pl.col("as_of") >= (named or date.min)), design)
    if begins is None:
        return None
    windows = windows_of(days.filter(pl.col("as_of") >= begins)["as_of"], within, settings)
    if windows.is_empty():
        return None
    counts = watched(asked, told(ledger))
    people, happened = tallied(ledger, product.name, begins, windows, counts, product.success.largest_value)
    known_until = min(now.present.replace(tzinfo=None), told_until(ledger) or datetime.max)  # noqa: DTZ901  (the ledger's instants have no zone)
    over = windows.filter(pl.col("ends_at") <= known_until)["as_of"]
    people = cells.weighed(people.filter(design.propensity().is_not_null()), design)
    mine = people.filter(pl.col("as_of").is_in(over.implode()))
    until: date | None = over.max()  # type: ignore[assignment]
    return Counted(design, begins, now.as_of, people, mine, happened, until)


def told(ledger: Ledger) -> frozenset[str]:
    """The names of all outcomes that have ever come in; of those that came with a value `value_of_…`, too."""
    return frozenset((*outcomes_told(ledger), *(f"{VALUE}{name}" for name in values_told(ledger))))


def began(days: pl.DataFrame, design: Design) -> date | None:
    """The first day from which on all was drawn as it is set now; None: nothing was.

    Args:
        days: `DRAWN`.
        design: what is set.
    """
    is_as_set = ((pl.col("propensity") - design.propensity()).abs() < 1e-9).fill_null(value=False)
    other = days.filter(~is_as_set)["as_of"].max()
    found: date | None = (days if other is None else days.filter(pl.col("as_of") > other))["as_of"].min()  # type: ignore[assignment]
    return found


def windows_of(days: pl.Series, within: timedelta, settings: Settings) -> pl.DataFrame:
    """`ledger.tally.WINDOWS` of some days: from midnight on, in the workspace's zone, for so long."""
    starts = [(day, midnight(day, settings.zone).replace(tzinfo=None)) for day in days.unique().sort()]
    return pl.DataFrame([(day, at, at + within) for day, at in starts], WINDOWS, orient="row")
