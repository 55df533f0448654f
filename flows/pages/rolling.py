"""How much of the warehouse a rolling run has read, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.plan import Plan


def rolled(settled: Plan) -> list[str]:
    """How much of the warehouse a rolling run has read, and what its segments have not told."""
    found = settled.order.rolling
    if found is None:
        return []
    if found.because is not None:
        read = f"Everybody was read, and not only those of whom something has changed: {found.because}."
    else:
        read = f"{found.scope:,} of {found.customers:,} people were looked at again"
        read += f", in {', '.join(found.few)}." if found.few else "."
    whole = [f"{name} was read over everybody: {why}." for name, why in found.whole.items()]
    untold = [
        f"{name} names {people:,} people of whom it had not told by `next_due_on`: mend it, or take out `tells_when_due`."
        for name, people in settled.untold.items()
    ]
    return [read, *whole, *untold]
