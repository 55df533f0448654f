"""What events came to, for a terminal and as a page of Prefect: counts, and places in files, never what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.line.request import Outcome
from flows.pages.artifacts import markdown_table, outcome_line
from flows.pages.terminal import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from flows.line.responding import Answered

_TELLS = {
    "taken": "answered",
    "repeated": "answered before, or told twice: nothing comes of them",
    "late": "from before the history that is kept",
    "unknown": "of customers whom the warehouse does not have: nothing is kept",
    "forgotten": "of people who asked to be forgotten: they get nothing",
    "bad": "that cannot be right",
}
_ALWAYS = ("taken",)


def answered(done: Answered, outbox: Path) -> RenderableType:
    """What was answered, and what the run for it did."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Events", overflow="fold")
    table.add_column("how many", justify="right")
    for row in _counts(done):
        table.add_row(*row)
    notes = [Text(note, style="red" if is_open else "") for note, is_open in _notes(done)]
    if done.plan is None:
        return Group(table, *notes)
    return Group(table, *notes, outcome(Outcome((), done.resumed, done.plan, done.delivered, done.waits), outbox))


def answered_page(done: Answered, *, workspace: str) -> str:
    """The same as Markdown; the plan and the delivery have pages of their own."""
    sections = [f"# {workspace}: events", markdown_table(("events", "how many"), _counts(done), {1})]
    notes = "\n".join(f"- {note}" for note, _ in _notes(done))
    said = said_of(done)
    return "\n\n".join(filter(None, (*sections, notes, f"{said[0].upper()}{said[1:]}."))) + "\n"


def said_of(done: Answered) -> str:
    """In a sentence what came of it."""
    if done.waits is not None:
        return f"nobody is answered yet: {done.waits.why}"
    if done.plan is None or done.delivered is None:
        return "there was nothing to answer"
    events, customers = _some(done.taken, "event"), _some(done.customers, "customer")
    people = f"{done.plan.people_count:,} get something"
    return f"{events} of {customers}: {people}; {outcome_line(done.delivered)}"


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _counts(done: Answered) -> list[tuple[str, str]]:
    found = {name: getattr(done, name) for name in _TELLS}
    return [(_TELLS[name], f"{count:,}") for name, count in found.items() if count or name in _ALWAYS]


def _notes(done: Answered) -> list[tuple[str, bool]]:
    """What else is to be said, and whether somebody has to do something about it."""
    notes = [(f"{found.batch_id}: {found.state}, because {found.reason}.", False) for found in done.recovered]
    notes += [(f"{place}.", True) for place in done.places]
    if done.bad > len(done.places):
        notes.append((f"{done.bad - len(done.places):,} rows more cannot be right.", True))
    if done.unfinished:
        notes.append((f"{done.unfinished:,} files cannot be read yet; they are tried again.", False))
    if done.waits is not None and done.plan is None:
        notes.append((f"Nobody is answered yet: {done.waits.why}. Next: {done.waits.step}", True))
    return notes + [(f"{each.where}: {each.what}. Next: {each.hint}", True) for each in done.refused]
