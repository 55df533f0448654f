"""What answers go by of the last run over everybody: its crowds and prices, as they were when it was delivered.

The history keeps a digest of the crowds, and the prices themselves, in a row that is sealed under the workspace's key. So whoever
edits a plan's folder, or the history, lets nothing leave that the plan would not have allowed.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import polars as pl

from flows.digests import sha256, sha256_of_untouched
from flows.errors import PlanError
from flows.keys import load_keys
from flows.ledger.approvals import Approval, approvals, is_sealed
from flows.ledger.store import open_ledger
from flows.line.planned import ANEW
from flows.plan import read_settled
from flows.stages.crowd import HELD

if TYPE_CHECKING:
    from pathlib import Path

    from flows.plan import Plan
    from flows.settings import Settings

CROWD_FILE = "crowd.parquet"
"""In a plan's folder: how many people it shows the same: `HELD`."""


def frozen(folder: Path, plan: Plan) -> Approval:
    """What the history notes of a plan that answers will go by, once it is delivered."""
    prices = {f"{price.brand}/{price.channel}": repr(price.price) for price in plan.prices}
    return Approval("frozen", plan.order.run_id, sha256(folder / CROWD_FILE), parts=prices)


def crowds_of(settings: Settings, run_id: str | None) -> pl.DataFrame:
    """`HELD` of a run; nobody's where there is none to go by, or its file is gone. Raises PlanError where that was changed."""
    file = settings.folder("plans", run_id or "", CROWD_FILE)
    if run_id is None or not file.exists():
        return HELD.to_frame()
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != _noted(settings, run_id).digest:
        raise _changed(run_id, CROWD_FILE)
    return pl.read_parquet(io.BytesIO(content))


def prices_of(settings: Settings, run_id: str | None) -> dict[tuple[str, str], float]:
    """The prices of a run, by brand and channel; none where there is none to go by. Raises PlanError as `crowds_of`."""
    if run_id is None:
        return {}
    noted = _noted(settings, run_id).parts
    return {(place.rpartition("/")[0], place.rpartition("/")[2]): float(price) for place, price in noted.items()}


def _noted(settings: Settings, run_id: str) -> Approval:
    """What was noted of a run; of one that an earlier version of the program has delivered, what its sealed plan tells."""
    keys, folder = load_keys(settings.key_file), settings.folder("plans", run_id)
    with open_ledger(settings) as ledger:
        rows = approvals(ledger, keys, "frozen", run_id)
    if rows:
        return rows[-1]
    if not (folder / "plan.json").exists() or not is_sealed(folder, keys):
        raise PlanError(run_id, "nothing proves which crowds and prices it had", ANEW)
    plan = read_settled(settings, run_id)
    if plan.order.run_id != run_id:
        raise _changed(run_id, "plan.json")
    for name in ("order.json", CROWD_FILE):
        if plan.files.get(name) != sha256_of_untouched(folder / name):
            raise _changed(run_id, name)
    return frozen(folder, plan)


def _changed(run_id: str, name: str) -> PlanError:
    return PlanError(f"{run_id}/{name}", "this file of the plan was changed", ANEW)
