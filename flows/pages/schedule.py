"""What runs when, for a terminal and in sentences: each product's days, the messages to be expected, and clashes."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.days import Span
    from flows.line.scheduling import Calendar, Clash, Entry

WIDTH = 60
"""Letters of a bar of days."""


def scheduled(found: Calendar) -> RenderableType:
    """A bar for each product, the messages of each week, and clashes."""
    lines: list[RenderableType] = [Text(f"{found.as_of} to {found.until}", "bold")]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("product", "days", "a day, lately"):
        table.add_column(head, overflow="fold")
    for entry in found.entries:
        table.add_row(entry.product, _bar(entry, found), volumes(entry))
    lines += [table, *(Text(line, "yellow") for line in problems(found)), *map(Text, blackouts(found))]
    weeks = weekly(found)
    if weeks:
        lines += [Text("\nMessages to be expected, by week", "bold"), _weeks(found)]
    lines += [Text("\nClashes", "bold"), *map(Text, clashes(found))]
    return Group(
        *lines, Text("Next: justenough calendar --ics FILE for a calendar program, --page FILE for a page", "dim")
    )


def volumes(entry: Entry) -> str:
    """How many messages a day there were lately, by channel."""
    told = ", ".join(f"{channel} {count:,.0f}" for channel, count in entry.messages.items())
    return told or "has not run lately"


def problems(found: Calendar) -> list[str]:
    """What a person should look at."""
    return [f"{entry.product}: {entry.problem}." for entry in found.entries if entry.problem]


def blackouts(found: Calendar) -> list[str]:
    """The days on which nothing of marketing runs."""
    return [f"Nothing of marketing runs on {each} (`blackouts`)." for each in found.blackouts]


def clashes(found: Calendar) -> list[str]:
    """Products that want the same people."""
    if found.clashes is None:
        return ["Nobody can tell before a run over everybody: justenough run"]
    return [clash(each) for each in found.clashes] or ["No two products want the same people."]


def weekly(found: Calendar) -> dict[date, dict[str, float]]:
    """The first day of each seven -> channel -> the messages to be expected in them."""
    weeks: dict[date, Counter[str]] = {}
    for day, counts in found.volumes.items():
        first = found.as_of + timedelta(days=(date.fromisoformat(day) - found.as_of).days // 7 * 7)
        weeks.setdefault(first, Counter()).update(counts)
    return {first: dict(counts) for first, counts in weeks.items()} if any(weeks.values()) else {}


def channels(found: Calendar) -> list[str]:
    """Those by which messages are to be expected."""
    return sorted({channel for counts in found.volumes.values() for channel in counts})


def spans(runs: tuple[Span, ...]) -> str:
    """Stretches of days."""
    return ", ".join(map(str, runs))


def clash(each: Clash) -> str:
    """What two products want of the same people."""
    return (
        f"{each.first} and {each.second} want the same {each.people:,} people of {each.brand}; {each.first} is given to"
        f" {each.wins / each.people:.0%} of them. Both run on {spans(each.runs)}."
    )


def _weeks(found: Calendar) -> Table:
    table, names = Table(box=None, pad_edge=False, header_style="bold"), channels(found)
    for place, head in enumerate(("week from", *names)):
        table.add_column(head, justify="right" if place else "left")
    for first, counts in weekly(found).items():
        table.add_row(f"{first}", *(f"{counts.get(name, 0):,.0f}" for name in names))
    return table


def _bar(entry: Entry, found: Calendar) -> str:
    """A letter for each day, or for as many as it takes for all to fit."""
    days = (found.until - found.as_of).days + 1
    step = -(-days // WIDTH)
    return "".join(_letter(entry, found.as_of + timedelta(days=at), step) for at in range(0, days, step))


def _letter(entry: Entry, first: date, step: int) -> str:
    days = (first + timedelta(days=on) for on in range(step))
    runs = [any(each.holds(day) for each in entry.runs) for day in days]
    return "█" if all(runs) else "▒" if any(runs) else "·"
