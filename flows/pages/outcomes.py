"""What came in of outcomes, for a terminal and as a page of Prefect: counts, and places in files, never what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.artifacts import markdown_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.line.learning import Learned

_TELLS = {
    "taken": "outcomes of people, new",
    "from_sql": "outcomes that sql/outcomes/ tells, new",
    "repeated": "told before",
    "scanners": "clicks of programs that look into messages, kept apart",
    "acknowledged": "messages that were loaded, sent or failed",
    "contradicting": "told before, otherwise: the first holds",
    "late": "from before the history that is kept",
    "unknown": "of people or messages that nobody knows here: nothing is kept",
    "others": "about no message of ours, or telling nothing",
    "bad": "that cannot be right",
}
_ALWAYS = ("taken",)


def learned(done: Learned) -> RenderableType:
    """What came in."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Rows", overflow="fold")
    table.add_column("how many", justify="right")
    for row in _counts(done):
        table.add_row(*row)
    return Group(table, *(Text(note, style="red" if is_open else "") for note, is_open in _notes(done)))


def learned_page(done: Learned, *, workspace: str) -> str:
    """The same as Markdown."""
    sections = [f"# {workspace}: outcomes", markdown_table(("rows", "how many"), _counts(done), {1})]
    notes = "\n".join(f"- {note}" for note, _ in _notes(done))
    return "\n\n".join(filter(None, (*sections, notes))) + "\n"


def _counts(done: Learned) -> list[tuple[str, str]]:
    found = {name: getattr(done, name) for name in _TELLS}
    return [(_TELLS[name], f"{count:,}") for name, count in found.items() if count or name in _ALWAYS]


def _notes(done: Learned) -> list[tuple[str, bool]]:
    """What else is to be said, and whether somebody has to do something about it."""
    notes = []
    if done.stopped:
        who = "1 notice" if done.stopped == 1 else f"{done.stopped:,} notices"
        notes.append((f"{who} of people who said stop, or of dead addresses: they hold from now on.", False))
    notes += [(f"{place}.", True) for place in done.places]
    if done.bad > len(done.places):
        notes.append((f"{done.bad - len(done.places):,} rows more cannot be right.", True))
    notes += [
        (f"{each.where}: {each.what}; nothing else of it was taken. {_step(each.hint)}", True) for each in done.refused
    ]
    return notes


def _step(hint: str) -> str:
    return f"Next: {hint}"
