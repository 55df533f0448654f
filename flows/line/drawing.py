"""Tests that run, and what is set otherwise meanwhile: what a change of their shares would cost, before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.clock import moment
from flows.draws import EVERYBODY
from flows.errors import LockedError, PlanError, ProductError, SettingError, StateError
from flows.learning.allocation import allocated
from flows.learning.power import smallest_holdouts
from flows.ledger.paces import people_since
from flows.ledger.store import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from flows.clock import Moment
    from flows.draws import Begun
    from flows.plan import Order
    from flows.workspace import Workspace

HOLDOUT = "global_holdout"
"""The setting whose share is the holdout of all products."""


def kept(workspace: Workspace) -> dict[str, str]:
    """The tests that go on though other shares are set, by product or `HOLDOUT`: since when, and by which shares."""
    running = workspace.draws.kept(workspace.tests)
    return {name or HOLDOUT: f"{begun.told}, since {begun.since}" for name, begun in running.items()}


def found_holdouts(workspace: Workspace, as_of: date, *, is_whole: bool) -> dict[str, float]:
    """The holdouts of products that have them found, as a run draws by them: of a test that runs, else the smallest that pays.

    Args:
        workspace: with its history.
        as_of: the day of the run.
        is_whole: whether it is about everybody; a run for a few begins no test.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    mine = [product for product in workspace.live(as_of) if product.test.is_automatic]
    running = {product.name for product in mine if workspace.draws.runs(product.name, product.test)}
    open_ones = [product for product in mine if product.name not in running and product.message_type == "marketing"]
    found = smallest_holdouts(workspace, open_ones) if is_whole else {}
    return {product.name: found.get(product.name, workspace.as_drawn(product).test.holdout) for product in mine}


def adapted_shares(workspace: Workspace, moment: Moment) -> dict[str, dict[str, float]]:
    """The shares of variants that follow what comes of them, as a run draws by them: the same all day, whoever runs first.

    Args:
        workspace: with its history.
        moment: of the run. For a day that is over nothing is found anew.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    found: dict[str, dict[str, float]] = {}
    for product in workspace.live(moment.as_of):
        if product.test.adaptive is None or not workspace.draws.runs(product.name, product.test):
            continue
        begun = workspace.draws.tests[product.name]
        is_open = not moment.is_past and moment.as_of not in begun.adapted
        shares = allocated(workspace, product, product.test.adaptive.floor) if is_open else None
        found[product.name] = shares or begun.shares_on(moment.as_of)
    return found


def refuse_stale(workspace: Workspace, order: Order) -> None:
    """Refuse a plan that was drawn by another holdout than was found meanwhile, or by other shares. Raises PlanError."""
    for name, shares in order.adapted.items():
        begun = workspace.draws.tests.get(name)
        if begun is None or begun.adapted.get(order.as_of, shares) != shares:
            what = f"another plan for {order.as_of} has begun since, by other shares of the variants of {name}"
            raise PlanError(order.run_id, what, "make a new plan")
    for name, share in order.holdouts.items():
        if workspace.tests_drawn[name].holdout != share:
            what = f"a test of {name} has begun since this plan was made, and holds out another share"
            raise PlanError(order.run_id, what, "make a new plan")


def refuse_changed(workspace: Workspace) -> None:
    """Refuse shares that are not those of a test that runs: runs go on by the test's. Raises ProductError or SettingError."""
    for name, begun in workspace.draws.kept(workspace.tests).items():
        what = f"a test runs by other shares ({begun.told}), and keeps them: its {_cost(workspace, name, begun)} would be lost"
        if name == EVERYBODY:
            hint = "put its share back; or draw the holdout anew: give it another `holdout_name`"
            raise SettingError(f"pyproject.toml: tool.justenough.{HOLDOUT}", what, hint)
        hint = "put its shares back; or end it: take one of its arms out, or give the new test a `name`"
        raise ProductError(workspace.products[name].at("test"), what, hint)


def ended(workspace: Workspace) -> Iterator[str]:
    """What ends with what is set now: the tests, and how much they have come to."""
    for name, begun in workspace.draws.ended(workspace.tests).items():
        where = f"pyproject.toml: {HOLDOUT}" if name == EVERYBODY else workspace.products[name].at("test")
        yield f"{where}: the test that runs ({begun.told}) ends with this, and its {_cost(workspace, name, begun)}"


def _cost(workspace: Workspace, name: str, begun: Begun) -> str:
    """How many people a test has been drawn for, in how many days."""
    days = (moment(None, workspace.settings.zone).as_of - begun.since).days + 1
    span = f"{days} day{'' if days == 1 else 's'}"
    if not workspace.settings.ledger.exists():
        return span
    try:
        with open_ledger(workspace.settings, read_only=True) as ledger:
            people = people_since(ledger, name or None, begun.since)
    except (LockedError, StateError):
        return span
    return f"{people:,} people of {span}"
