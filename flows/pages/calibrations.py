"""How true the scores of relevance are, for a terminal: weights by the rules and as learned, and scores beside what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.learning.contrasts import FEWEST_EVENTS, FEWEST_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.learning.relevance import Bin, Fit
    from flows.line.calibrating import Calibration


def calibrated(found: Calibration) -> RenderableType:
    """Each product, and what is proposed."""
    lines: list[RenderableType] = [
        Text(
            f"A score as the probability of {found.outcome} within {found.within_days:g} days of the decision."
            f"{f' In use: what was learned on {found.in_use}.' if found.in_use else ''}"
        )
    ]
    for name, each in found.fits.items():
        title = f"\n{name}: {each.people:,} people, {each.happened:,} of them {found.outcome}; until {found.until}"
        lines += [Text(title, "bold"), _weights(each), *(Text(line) for line in errors(each)), _bins(each)]
    if found.thin:
        few = f"fewer than {FEWEST_UNITS} people, or {FEWEST_EVENTS} of whom it is true, or is not"
        lines.append(Text(f"\nToo little is known of {', '.join(found.thin)}: {few}. All are weighed, or none."))
    return Group(*lines, Text(f"\n{proposed(found)}", "bold"))


def proposed(found: Calibration) -> str:
    """What to do, and why."""
    if found.id is None:
        return "Go on by the rules: the learned weights do not surely tell better what happens."
    levels = ", ".join(f"{name} {least:.4g}" for name, least in found.thresholds.items())
    return (
        f"Proposal {found.id}: weigh by what was learned. As many people are spoken to, with these thresholds: {levels}."
        f" Next: justenough calibrate --accept {found.id}"
    )


def errors(each: Fit) -> Iterator[str]:
    """How true the scores are, by either weights."""
    surely = "surely better" if each.gain.sign > 0 else "surely worse" if each.gain.sign < 0 else "not surely better"
    yield (
        f"Scores and what happened differ by {100 * each.error_by_rules:.1f} pt by the rules, by {100 * each.error:.1f} pt as"
        f" learned, of people of whom the weights know nothing: {surely}."
    )


def _weights(each: Fit) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(("signal", "by the rules", "learned", "give or take")):
        table.add_column(head, justify="right" if place else "left")
    for name, weight in {"base": each.base, **each.weights}.items():
        table.add_row(name, f"{weight.by_rules:+.2f}", f"{weight.learned:+.2f}", f"{weight.uncertain:.2f}")
    return table


def _bins(each: Fit) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(("scores", "people", "happened", "")):
        table.add_column(head, justify="right" if place < 3 else "left")
    most = max(max(one.expected, one.seen) for one in each.learned) or 1.0
    for one in each.learned:
        table.add_row(f"{one.expected:.1%}", f"{one.people:,}", f"{one.seen:.1%}", _bar(one, most))
    return table


def _bar(one: Bin, most: float) -> str:
    """What happened as a bar, with a mark where the score has it."""
    width = 30
    seen, mark = (round(width * share / most) for share in (one.seen, one.expected))
    bar = ["█" if place < seen else " " for place in range(width + 1)]
    bar[mark] = "┃"
    return "".join(bar).rstrip()
