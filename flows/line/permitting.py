"""What a person has to let pass: nothing of a plan leaves while it is stopped. Asked before a delivery, and in every seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.errors import StoppedError
from flows.stops import in_stopped_country, stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.plan import Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

FALLEN = pl.Schema({"message_id": pl.String(), "reason": pl.String()})


def refuse_waiting(workspace: Workspace, plan: Plan) -> None:
    """Refuse a plan of which nothing may leave now. It is kept.

    Raises:
        StoppedError: everything is stopped.
    """
    run_id = plan.order.run_id
    if stop := next(iter(stopped(workspace.settings, "everything")), None):
        step = f"justenough deliver {run_id} --expect {plan.people_count}"
        raise StoppedError(run_id, f"everything is stopped {stop.said}", f"{stop.end}, and then: {step}")


def forbidden(settings: Settings, brand: str) -> str | None:
    """Why nothing of a brand may be sealed now, or carried; None where it may."""
    stops = (each for each in stopped(settings, "everything", "brand") if each.name in (brand, "everything"))
    stop = next(stops, None)
    return f"{stop.of} is stopped {stop.said}" if stop else None


def fallen(settings: Settings, windows: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`FALLEN` of messages that may not be sealed any more though the last look let them pass: their country is stopped.

    Args:
        settings: of the workspace.
        windows: `message_id, country` of them, in any pieces.
    """
    if not stopped(settings, "country"):  # mostly
        return FALLEN.to_frame()
    is_stopped = in_stopped_country(settings)
    found = (rows.filter(is_stopped).select("message_id", reason=pl.lit("EXCLUDED")) for rows in windows)
    return pl.concat([FALLEN.to_frame(), *found])
