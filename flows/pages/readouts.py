"""What an experiment has shown, for a terminal: a line for each arm and metric, and what it cannot tell, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.learning.contrasts import ALPHA, OFF, REFUSED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.learning.contrasts import Contrast, Interval
    from flows.learning.experiments import Readout


_LEGEND = (
    f"At every look: where the difference lies, at {1 - ALPHA:.0%}, while the experiment goes on and after it. p: of no"
    " difference, for one look at the end, adjusted for all that are here. Finds: the least difference that so many units find"
    " four times in five."
)


def read_out(found: Readout) -> RenderableType:
    """The table, and how to read it."""
    units = ", ".join(f"{arm} {count:,}" for arm, count in found.units.items())
    lines: list[RenderableType] = [Text(f"{sum(found.units.values()):,} units: {units}. Control: {found.control}.")]
    odds = f"Arms as different in size as these: p = {found.shares_p:.3g}."
    lines.append(Text(odds) if found.shares_p >= OFF else Text(f"{odds} {REFUSED['SHARES_OFF'].capitalize()}.", "red"))
    for metric in dict.fromkeys(each.metric for each in found.contrasts):
        lines += _metric(metric, [each for each in found.contrasts if each.metric == metric])
    told = [each for each in found.contrasts if each.refused is None]
    lines += [Text(f"\n{line}") for line in _explained(told)] if told else []
    return Group(*lines)


def _metric(name: str, contrasts: list[Contrast]) -> list[RenderableType]:
    """A table of one metric, and why there is no row of an arm."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold")
    for place, head in enumerate(("arm", "mean", "difference", "at every look", "lift", "p", "finds")):
        table.add_column(head, justify="right" if place else "left", overflow="fold")
    base, lines = None, []
    for each in contrasts:
        if each.refused is not None:
            lines.append(f"{name}, {each.arm}: no answer ({each.refused}), because {REFUSED[each.refused]}.")
            continue
        base = each.control_mean
        table.add_row(
            each.arm,
            _number(each.arm_mean),
            _number(each.difference, "+"),
            _span(each.always),
            "–" if each.lift is None else f"{each.lift:+.1%}",
            f"{each.p_adjusted:.1g}",
            _number(each.detectable),
            style=None if each.is_sure else "dim",
        )
    table.title = f"\n{name} (control {_number(base)})"
    return [*([table] if table.rows else []), *map(Text, lines)]


def _explained(told: list[Contrast]) -> list[str]:
    sure = [f"{each.metric} of {each.arm}" for each in told if each.is_sure]
    found = f"Sure however often you look: {', '.join(sure)}."
    return [found if sure else "No difference is sure: each arm may be as good as the control.", _LEGEND]


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.3g}"


def _span(of: Interval | None) -> str:
    return "–" if of is None else f"{of.low:+.3g} to {of.high:+.3g}"
