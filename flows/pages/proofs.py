"""What shuffling has shown, for a terminal and as a page of Prefect: counts and names, never a value."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.artifacts import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.line.proof import Finding, Proof

_COLUMNS = ("segment", "shuffled", "fields", "values changed", "rows compared", "verdict")
_STYLES = {"depends": "red", "not proven": "yellow", "independent": "", "not read": "dim"}


def proved(proof: Proof) -> RenderableType:
    """The proof as a table, then what is wrong, each with what to do about it."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for place, column in enumerate(_COLUMNS):
        table.add_column(column, justify="right" if place in {2, 3, 4} else "left", overflow="fold")
    for row in _rows(proof):
        table.add_row(*row, style=_STYLES[row[-1]])
    wrong = [
        Text(f"{type(error).__name__} {error.where}: {error.what}\n  hint: {error.hint}", style="red")
        for error in proof.complaints
    ]
    return Group(Text(), table, *wrong, Text(f"Next: {_next(proof)}", style="dim"))


def proof_page(proof: Proof, *, workspace: str) -> str:
    """The same as Markdown."""
    wrong = [f"- `{error.where}`: {error.what}. *{error.hint}*" for error in proof.complaints]
    sections = [
        f"# {workspace}: {'not proven' if wrong else 'nothing shows what it does not declare'}",
        *(["\n".join(wrong)] if wrong else []),
        markdown_table(_COLUMNS, list(_rows(proof)), {2, 3, 4}),
    ]
    return "\n\n".join(sections) + "\n"


def _rows(proof: Proof) -> Iterator[tuple[str, ...]]:
    """A row for each segment and dimension, by what was found, with the least that any of its fields came to."""

    def alike(finding: Finding) -> tuple[str, str, str]:
        return finding.segment, finding.dimension, finding.verdict

    for (segment, dimension, verdict), group in groupby(sorted(proof.findings, key=alike), key=alike):
        found = list(group)
        least = min(f.values for f in found), min(f.rows for f in found)
        yield segment, dimension, str(len(found)), *(f"{count:,}" for count in least), verdict
    for field in proof.unsteady:
        yield field.segment, "nothing", "1", "0", f"{field.changed:,}", "depends"


def _next(proof: Proof) -> str:
    verdicts = {finding.verdict for finding in proof.findings}
    if "depends" in verdicts or proof.unsteady:
        return "declare what the fields depend on, or mend the queries; then justenough check --prove again"
    if "not proven" in verdicts:
        return "bring more people into the segments, or name a fuller warehouse; then justenough check --prove again"
    return "justenough plan shows who would get what"
