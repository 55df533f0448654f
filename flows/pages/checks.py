"""What `justenough check` prints: per product what is given away, per channel what its words use, score and come to."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.powers import LEGEND, power_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import JustifyMethod, RenderableType

    from flows.line.checking import Report
    from flows.line.excluding import LeftOutBy
    from flows.line.summary import Length, Summary

_FIXED = {"": 5, "creep": 11, "tried": 5}
_SHARED = {"shows": 4, "branches on": 4, "longest": 6}
"""Widths of columns: characters, and shares of what is left; the same for every product, whatever its names."""

_SHOWN_PARTS = {"email": ("subject", "html")}
"""The parts whose lengths are worth a place in the table; all of a channel's where it is not here."""


def checked(report: Report) -> RenderableType:
    """The products, then the warnings, and what comes next."""
    products = [list(messages) for _, messages in groupby(report.messages, key=lambda message: message.product)]
    tables = [
        part
        for messages in products
        for part in (_head(messages[0]), _table(messages, is_first=messages is products[0]))
    ]
    legend = Text(
        "creep: the score of 100 at detail level 0, 1, …; tried: sets of facts. --json has every line of it", "dim"
    )
    warnings = [Text(f"warning: {warning}", style="yellow") for warning in report.warnings]
    fits = f"The SQL fits the warehouse: {', '.join(report.bound)}"
    bound = fits if report.bound else "The SQL was not tried: there is no warehouse yet."
    audiences = [_left_out(audience) for audience in report.audiences]
    tests = [Text(line) for power in report.tests for line in power_lines(power)]
    return Group(
        *tables,
        legend,
        *audiences,
        *tests,
        *([Text(LEGEND, "dim")] if tests else []),
        *warnings,
        Text(bound),
        Text("Next: justenough plan shows who would get what", "dim"),
    )


def _head(message: Summary) -> Text:
    """The product, and what holds in each of its channels."""
    levels = ", ".join(f"{level} {name}" for level, name in enumerate(message.dimensions, start=1))
    head = Text.assemble((message.product, "bold"), f" {message.status} · detail levels {levels or 'none'}")
    told = {"because": message.because, "unseen": message.unseen, "scored": message.scored}
    said = [f"{name} {', '.join(names)}" for name, names in told.items() if names]
    return head.append(f"\n  {' · '.join(said)}") if said else head


def _left_out(audience: LeftOutBy) -> Text:
    """An audience that campaigns leave out: why, what a platform can tell of it, and what it is called there."""
    head = Text.assemble((audience.audience, "bold"), f" is left out of other campaigns · {audience.why}")
    told = [f"because {', '.join(audience.because)}"] if audience.because else []
    told += [f"{code} of {brand} at {name}" for brand, ways in audience.codes.items() for name, code in ways.items()]
    return head.append(f"\n  {' · '.join(told)}") if told else head


def _table(messages: Sequence[Summary], *, is_first: bool) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, show_header=is_first, header_style="dim", padding=(0, 1, 0, 0))
    for name in ("", "shows", "branches on", "creep", "longest", "tried"):
        side: JustifyMethod = "right" if name == "tried" else "left"
        table.add_column(name, width=_FIXED.get(name), ratio=_SHARED.get(name), overflow="fold", justify=side)
    for message in messages:
        scores = " ".join(str(rating.score) for rating in message.creep)
        row = (_list(message.shown), _list(message.branched), scores, _longest(message), str(message.wordings))
        table.add_row(message.channel, *row)
    return table


def _longest(message: Summary) -> str:
    """The worst lengths: characters, or what the channel counts."""
    parts = _SHOWN_PARTS.get(message.channel, tuple(message.lengths))
    return ", ".join(_length(part, message.lengths[part], message.channel) for part in parts)


def _length(part: str, length: Length, channel: str) -> str:
    if length.segments is not None:
        return f"{length.segments} × SMS ({length.units} {length.encoding})"
    if part == "html":
        return f"html {length.bytes / 1024:.1f} KB"
    return f"{part} {f'{length.bytes} B' if channel == 'push' else length.characters}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "–"
