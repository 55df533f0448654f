"""What runs when, as a file that calendar programs read (iCalendar, RFC 5545): days, blackouts and review dates."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from icalendar import Calendar as File
from icalendar import Event

from flows.clock import present
from flows.pages.schedule import clash, volumes

if TYPE_CHECKING:
    from datetime import date

    from flows.line.scheduling import Calendar


def schedule_ics(found: Calendar, *, workspace: str) -> bytes:
    """The whole file: an entry for each stretch of days, each blackout, and each review date within the days that are looked at.

    An entry keeps its id from file to file, so that a calendar that reads it anew changes what it has.
    """
    file = File()
    file.add("prodid", "-//justenough//calendar//EN")
    file.add("version", "2.0")
    file.add("x-wr-calname", f"{workspace}: messages")
    for entry in found.entries:
        mine = (each for each in found.clashes or () if entry.product in (each.first, each.second))
        told = [f"A day, lately: {volumes(entry)}.", *map(clash, mine)]
        for run in entry.runs:
            _put(file, workspace, entry.product, run.first, run.last, "\n".join(told))
        if found.as_of <= entry.review_by <= found.until:
            says = "From the next day on it says nothing, until somebody has looked at it and set another `review_by`."
            _put(file, workspace, f"Review {entry.product}", entry.review_by, entry.review_by, says)
    for blackout in found.blackouts:
        _put(file, workspace, "No marketing", blackout.first, blackout.last, "blackouts")
    content: bytes = file.to_ical()
    return content


def _put(file: File, workspace: str, title: str, first: date, last: date, told: str) -> None:
    """Put in an entry of whole days; its end is the day after, as the format has it."""
    event = Event()
    event.add("uid", f"{hashlib.sha256(f'{workspace}/{title}/{first}'.encode()).hexdigest()[:32]}@justenough")
    event.add("dtstamp", present())
    event.add("dtstart", first)
    event.add("dtend", last + timedelta(days=1))
    event.add("summary", title)
    event.add("description", told)
    event.add("transp", "TRANSPARENT")
    file.add_component(event)
