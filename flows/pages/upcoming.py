"""What comes next for a customer, brand by brand, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.line.upcoming import Row


def coming(rows: list[Row]) -> list[str]:
    """When each brand can speak to the customer again, and what stands in the way until then."""
    return [line for row in rows for line in _of_brand(row)]


def _of_brand(row: Row) -> Iterator[str]:
    yield f"Next from {row['brand']}: marketing can be decided on {row['next_on']} at the earliest."
    for cap in row["caps"]:
        left = cap["most"] - cap["had"]
        if cap["until"]:
            yield f"  {cap['cap']}: {cap['had']} had, and room again from {_plainly(cap['until'])} on ({row['time_zone']})."
        else:
            yield f"  {cap['cap']}: {cap['had']} had, so there is room for {left}."
    for again in row["again"]:
        about = " about the same" if again["per"] == "subject" else ""
        yield f"  {again['product']}{about} again on {again['due_on']} at the earliest; the last was on {again['had_on']}."
    for due in row["due"]:
        about = f" about {due['subject_id']}" if due["subject_id"] else ""
        yield f"  {due['product']}{about} is to be considered on {due['on']}."
    for quiet in row["quiet"]:
        hours = f"from {quiet['begins']:%H:%M} until {quiet['ends']:%H:%M}"
        then = "it waits" if quiet["then"] == "hold" else "it does not go out"
        yield f"  By {' and '.join(quiet['channels'])} no marketing {hours} where they are ({row['time_zone']}): {then}."


def _plainly(until: str) -> str:
    """Days end at midnight, and need no time."""
    return until.removesuffix(" 00:00")
