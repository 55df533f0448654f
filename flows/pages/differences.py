"""What `justenough check --diff` prints: what two versions do not have in common, and who would get something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from flows.line.comparing import Changed, Difference
    from flows.line.flipping import Flips

_USE = {"shown": "shows", "branched": "branches on", "because": "gives away", "unseen": "hides"}


def compared(difference: Difference) -> RenderableType:
    """The messages that changed, the other files that decide, then the people."""
    title = Text(f"Against {difference.ref}", style="bold")
    products = [Text(f"{kind}: {name}") for name, kind in difference.products.items()]
    messages = [Text(f"{found.product}/{found.channel}: {', '.join(_said(found))}") for found in difference.messages]
    inputs = [Text(f"{kind}: {name}") for name, kind in difference.inputs.items()]
    same = [] if products or messages or inputs else [Text("Nothing that is said or decided has changed.")]
    tests = [Text(line, style="yellow") for line in difference.tests]
    below = [Text(_below(name, told), style="red") for name, told in difference.below.items()]
    return Group(title, *products, *messages, *inputs, *same, *tests, *_people(difference.customers), *below)


def _below(product: str, told: int) -> str:
    return (
        f"{product} goes live and would tell {told:,} of these people something, fewer than its floor: leave it a draft, widen "
        "its segment, or set another `floor` in product.yaml"
    )


def _said(found: Changed) -> Iterator[str]:
    if found.kind != "changed":
        yield found.kind
    for use, told in _USE.items():
        signed = [f"+{name}" for name in found.added.get(use, ())] + [f"−{name}" for name in found.dropped.get(use, ())]
        if signed:
            yield f"{told} {' '.join(signed)}"
    if found.kind == "changed" and found.levels_before != found.levels_after:
        yield f"detail levels {_levels(found.levels_before)} → {_levels(found.levels_after)}"
    if found.creep_before != found.creep_after:
        yield f"creep {_scores(found.creep_before)} → {_scores(found.creep_after)}"
    if found.kind == "changed" and found.words:
        yield f"words {', '.join(name.rpartition('/')[2] for name in found.words)}"


def _people(customers: Flips | None) -> list[RenderableType]:
    if customers is None:
        return [Text("Nobody was compared: there is no warehouse yet.")]
    who = (
        f"{customers.customers:,}"
        if customers.customers == customers.of
        else f"{customers.customers:,} of {customers.of:,}"
    )
    at = Text(f"Both decide for the same {who} customers, by what is known at {customers.now:%Y-%m-%d %H:%M} UTC:")
    if not customers.flips:
        return [at, Text("nobody would get another help, and nobody fewer or more."), *_left_out(customers)]
    return [at, _flips(customers), _reach(customers), *_left_out(customers)]


def _flips(customers: Flips) -> Table:
    table = _table("instead of", "they would get", "people")
    for flip in customers.flips:
        table.add_row(flip.before or "nothing", flip.after or "nothing", f"{flip.people:,}")
    return table


def _reach(customers: Flips) -> Table:
    table = _table("reach", "before", "after", "gained", "lost")
    for found in customers.reach:
        counts = (found.before, found.after, found.gained, found.lost)
        table.add_row(found.product, *(f"{count:,}" for count in counts))
    return table


def _left_out(customers: Flips) -> list[Table]:
    """Whom other campaigns leave out, where that is not the same."""
    table = _table("left out of other campaigns", "before", "after", "gained", "lost")
    for found in customers.left_out:
        if found.gained or found.lost:
            counts = (found.before, found.after, found.gained, found.lost)
            table.add_row(f"{found.audience} of {found.brand}", *(f"{count:,}" for count in counts))
    return [table] if table.rows else []


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(
            name,
            justify="left"
            if name in {"instead of", "they would get", "reach", "left out of other campaigns"}
            else "right",
        )
    return table


def _levels(dimensions: Iterable[str]) -> str:
    return ", ".join(f"{level} {name}" for level, name in enumerate(dimensions, start=1)) or "none"


def _scores(scores: Iterable[int]) -> str:
    return " ".join(map(str, scores)) or "none"
