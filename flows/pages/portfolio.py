"""How products stand, and what going back to an earlier version has changed, for a terminal: counts and names, never whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from flows.line.products import Standing
    from flows.line.reverting import Reverted
    from flows.pauses import Pause
    from flows.stops import Stop

_COLUMNS = ("product", "status", "version", "people", "lift", "verdict", "uses", "creep", "review by")
_NUMBERS = ("people", "lift", "creep")
_FOLDED = {"uses": 11, "verdict": 7}
"""Columns that go over several lines where the terminal is narrow, and how narrow they become."""
_SHORTLY: Mapping[str, str] = {
    "HELPS_AND_SELLS": "helps, sells",
    "HELPS": "helps",
    "HELPS_AND_SELLS_LESS": "helps, sells less",
    "SELLS_WITHOUT_HELPING": "only sells",
    "HARMS": "harms",
    "NOT_SURE": "not sure",
}
_LATELY = (
    "People since thirty days ago, and the floor: the share of its brands' customers that they have to be, of which justenough "
    "assess has the number; lift of what shows that it helps, by the last look that was kept; --json has owners, first days, "
    "messages, who is held out, and where the lift lies, too."
)


def standings(found: Sequence[Standing]) -> RenderableType:
    """A row for each product, and what a person should look at."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in _COLUMNS:
        justify: Literal["left", "right"] = "right" if name in _NUMBERS else "left"
        table.add_column(
            name,
            justify=justify,
            overflow="fold",
            no_wrap=name not in _FOLDED,
            min_width=_FOLDED.get(name),
        )
    for each in found:
        table.add_row(*_row(each))
    due = (Text(line, style="red") for each in found for line in _due(each))
    return Group(table, Text(_LATELY, style="dim"), *due)


def _row(each: Standing) -> tuple[str, ...]:
    return (
        each.product,
        each.status,
        _version(each),
        f"{each.people:,}\n≥ {100 * each.floor:g}%",
        "–" if each.lift is None else f"{each.lift:+.1%}",
        _SHORTLY.get(each.verdict or "", "–"),
        ", ".join(each.dimensions) or "nothing",
        f"{each.creep}",
        f"{each.review_by}",
    )


def _version(each: Standing) -> str:
    if not each.versions:
        return "–"
    return f"{each.version} of {each.versions}" if each.version else f"new, after {each.versions}"


def _due(each: Standing) -> Iterator[str]:
    if each.is_overdue:
        yield (
            f"{each.product} says nothing, since its review date has passed: {each.owner} should look at it, and set a new one "
            f"in templates/{each.product}/product.yaml"
        )
    if each.named and not each.open:
        yield f"{each.product} reaches nobody: none of the {each.named:,} people of its segment may be spoken to"


def reverted(done: Reverted) -> RenderableType:
    """Which files were put back, what was left alone, and what comes next."""
    lines = [f"{done.product} is what it was in version {done.version}."]
    if not done.written and not done.removed:
        lines = [f"{done.product} was what it was in version {done.version} already."]
    lines += [f"put back  {name}" for name in done.written]
    lines += [f"removed   {name}" for name in done.removed]
    if done.written or done.removed:
        lines.append(f"What was here before is kept in {done.kept}")
    lines += [f"{name} has changed since, and other products use it, too: it was left alone" for name in done.differs]
    lines += [f"Called back in {batch}: {rows:,} messages" for batch, rows in done.recalled.batches.items()]
    return Group(*map(Text, lines), Text("Next: justenough check --diff, then justenough run", style="dim"))


def stopped(done: Stop) -> RenderableType:
    """That something says nothing any more, and what to do about what is on its way."""
    said = f"{done.of} is stopped {done.said}"
    step = "justenough recall, for what is on its way to people there" if done.kind == "country" else done.end
    then = (
        "justenough recall --batch BATCH, for what is on its way; when it may speak again: " if step == done.end else ""
    )
    return Group(Text(said), Text(f"Next: {then}{step}", style="dim"))


def gone(done: Stop) -> RenderableType:
    """That something may speak again."""
    step = "justenough run, which also finishes the plans that were stopped half-way, while they are valid"
    return Group(
        Text(f"{done.of} may speak again; it was stopped {done.said}"),
        Text(f"Next: {step}", style="dim"),
    )


def paused(done: Pause) -> RenderableType:
    """That a product says nothing any more, and what to do about what is on its way."""
    return Group(
        Text(f"{done.product} says nothing since {done.since:%Y-%m-%d %H:%M} UTC: {done.why}"),
        Text(f"Next: justenough recall --product {done.product}, for what is on its way", style="dim"),
    )


def resumed(done: Pause) -> RenderableType:
    """That a product speaks again."""
    since = f"{done.since:%Y-%m-%d %H:%M} UTC"
    return Group(
        Text(f"{done.product} may speak again; it was paused since {since}: {done.why}"),
        Text("Next: justenough run", style="dim"),
    )
