"""What to do next with products, for a terminal: what is proposed, and what acceptance has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    from rich.console import RenderableType

    from flows.learning.products import ProductReadout
    from flows.line.accepting import Accepted

_KINDS = {"scale": "scale", "stop": "stop", "keep_testing": "keep testing", "use_less_data": "use less data"}
_KINDS |= {"choose": "choose helps by what was learned", "weigh": "weigh relevance by what was learned"}


def proposed(product: ProductReadout) -> Iterator[str]:
    """A line for each proposal of a readout."""
    for each in product.proposals:
        yield f"Proposal {each.id}, {_about(each.kind, each.what)}: {each.says}{reach(each.reach_change)}"


def listed(waiting: pl.DataFrame) -> RenderableType:
    """`line.proposing.WAITING`, each with what it says."""
    if waiting.is_empty():
        return Text("Nothing is proposed. What a look now proposes is kept by: justenough readout --keep")
    lines: list[RenderableType] = []
    for row in waiting.iter_rows(named=True):
        since = f"since {row['made_at']:%Y-%m-%d}" if row["made_at"] else "found now"
        of = f"{row['product'] or 'all products'}: {_about(row['kind'], row['what'])}"
        says = (
            f"{row['says']}{reach(row['reach_change'])}" if row["product"] else f"{row['says']}. Next: {row['accept']}"
        )
        lines += [Text(f"{row['id']}  {of}, {since}", "bold"), Text(f"          {says}")]
    step = "Next: justenough accept ID; nothing" if waiting["product"].is_not_null().any() else "Nothing"
    return Group(*lines, Text(f"{step} changes before", style="dim"))


def accepted(done: Accepted) -> RenderableType:
    """What acceptance has changed."""
    if done.kept is None:
        return Text(f"There is nothing to change for that: {done.says}")
    lines = [f"{done.product}: {_about(done.kind, done.what)}. {done.says}"]
    lines += [*(f"changed  {name}" for name in done.written), *(f"removed  {name}" for name in done.removed)]
    lines.append(f"What was here before is kept in {done.kept}")
    return Group(*map(Text, lines), Text("Next: justenough check --diff, then justenough run", style="dim"))


def reach(change: int | None) -> str:
    """How many people more a product would speak to, in a sentence; nothing where that is nobody."""
    if change == 0:
        return ""
    if change is None:
        return " How many people that is in thirty days is not told."
    return f" It would speak to {abs(change):,} people {'more' if change > 0 else 'fewer'} in thirty days."


def _about(kind: str, what: str) -> str:
    return f"{_KINDS[kind]} ({what})"
