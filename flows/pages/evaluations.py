"""What ways to choose would have come to, for a terminal: a line for each, and which to go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.learning.policies.values import ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.learning.policies.evaluation import Choice, Evaluation, Verdict
    from flows.learning.policies.values import Estimate

VERDICTS: dict[Verdict, str] = {
    "BEST_CONSTANT": "the best for all",
    "BETTER": "better",
    "NOT_SURE": "not sure",
    "WORSE": "worse",
}
LEGEND = (
    "DR and SNIPS: what a unit comes to, doubly robust, and by how likely its draw was. Difference: from the best arm for all,"
    f" unit by unit; all of them lie within what is told, but in one case of {1 / ALPHA:.0f}. Policies are valued"
    " on units that they were not learned from."
)


def evaluated(found: Evaluation) -> RenderableType:
    """A table for each outcome, and which choice to go by."""
    units = ", ".join(f"{arm} {count:,}" for arm, count in found.units.items())
    known = "logged" if found.is_logged else "one share for all"
    lines: list[RenderableType] = [
        Text(f"{sum(found.units.values()):,} units: {units}. How likely a draw was: {known}.")
    ]
    lines += [_table(found, outcome) for outcome in found.choices[0].values]
    lines += [Text(line) for line in _used(found)]
    return Group(*lines, Text(f"\n{proposed(found)}", "bold"), Text(LEGEND))


def proposed(found: Evaluation) -> str:
    """Which choice to go by, and why."""
    choice = next(each for each in found.choices if each.name == found.proposed)
    if choice.kind == "constant":
        return f"Go by '{choice.name}' for all: nothing is surely better."
    apart = choice.differences[found.outcome]
    return (
        f"Go by {choice.name} for each arm: {found.outcome} {apart.value:+.3g}, {apart.low:+.3g} at the least, against"
        f" '{found.best}' for all; {choice.switched_share:.0%} get another arm."
    )


def _table(found: Evaluation, outcome: str) -> Table:
    is_first = outcome == found.outcome
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold")
    table.title = f"\n{outcome}{', net of costs' if is_first and found.costs else ''}"
    for place, head in enumerate(("choice", "DR", "SNIPS", "difference", "lies within", "switch", "")):
        table.add_column(head, justify="right" if 0 < place < 6 else "left", overflow="fold")
    for each in found.choices:
        of, apart = each.values[outcome], each.differences[outcome]
        is_base = each.verdict == "BEST_CONSTANT"
        table.add_row(
            each.name if each.kind != "rule" else f"rule {each.name}",
            _number(of["dr"].value),
            _number(of["snips"].value),
            "–" if is_base else _number(apart.value, "+"),
            "–" if is_base else _span(apart),
            f"{each.switched_share:.0%}",
            _called(each) if is_first else "",
            style="dim" if each.verdict == "NOT_SURE" else None,
        )
    return table


def _called(choice: Choice) -> str:
    """What a choice is called: one that gives everybody the best arm for all is no other choice."""
    is_same = choice.verdict == "NOT_SURE" and not choice.switched_share
    return "the same" if is_same else VERDICTS[choice.verdict]


def _used(found: Evaluation) -> Iterator[str]:
    """What each learned policy depends on."""
    for each in found.choices:
        if each.kind == "learned":
            yield f"By {each.name}: {_dimensions(each)}."


def _dimensions(choice: Choice) -> str:
    told = [f"'{arm}' by {', '.join(names)}" for arm, names in choice.dimensions.items() if names]
    return "; ".join(told) or "none earns its place"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4g}"


def _span(of: Estimate) -> str:
    return f"{of.low:+.3g} to {of.high:+.3g}"
