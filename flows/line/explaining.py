"""One customer's decision, and what they had before, from the last plan and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.errors import PlanError, UsageError
from flows.keys import load_key
from flows.ledger.history import messages_to
from flows.ledger.store import open_ledger
from flows.line.planning import read_decisions, scan_deliveries
from flows.plan import plan_folder

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True)
class Explanation:
    """What one customer gets and why.

    Attributes:
        run_id: the plan it is read from.
        candidates: per help that was considered: `schemas.DECISIONS` as a mapping.
        deliveries: per wanted delivery: product, channel, target, facts, reason.
        messages: what the ledger has of the past: as_of, product, brand, channel, facts, version, state of the batch.
    """

    customer_id: str
    run_id: str
    candidates: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    messages: list[dict[str, Any]]


def explain(settings: Settings, customer_id: str, run_id: str | None = None) -> Explanation:
    """Explain a customer's decision in a plan, by default in the latest one.

    Raises:
        PlanError: there is no plan yet.
        UsageError: the plan has no such customer, nor has the ledger.
    """
    run_id = run_id or latest_plan(settings)
    folder = plan_folder(settings, run_id)
    candidates = read_decisions(folder).filter(pl.col("customer_id") == customer_id)
    wanted = scan_deliveries(folder).filter(pl.col("customer_id") == customer_id)
    deliveries = wanted.select(
        "product", "brand", "channel", "target", "level", "facts", "reason", "valid_until"
    ).collect()
    person = pl.select(load_key(settings.key_file).of(customer_id)).item()
    with open_ledger(settings, read_only=True) as ledger:
        messages = messages_to(ledger, person)
    if candidates.is_empty() and messages.is_empty():
        hint = "is the id right? Nobody is in a plan who is in no segment of a live product"
        raise UsageError("CUSTOMER", f"neither plan {run_id} nor the history has this customer", hint)
    return Explanation(customer_id, run_id, candidates.to_dicts(), deliveries.to_dicts(), messages.to_dicts())


def latest_plan(settings: Settings) -> str:
    """The run that was planned last. Raises PlanError where there is none."""
    done = list(settings.folder("plans").glob("*/plan.json"))
    if not done:
        raise PlanError("plans", "there is no plan yet", "make one with: justenough plan")
    return max(done, key=lambda path: path.stat().st_mtime_ns).parent.name
