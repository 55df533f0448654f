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
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import RenderableType

    from flows.line.responding import Answered

_TELLS = {
    "taken": "answered",
    "held": "of customers whose answer waits for a person: they wait with it",
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
    notes = [Text(note, style="red" if is_open else "") for note, is_open in _notes(done, done.earlier)]
    plans = [outcome(each, outbox) for each in done.earlier if each.delivered is not None]
    if done.plan is not None:
        plans.append(outcome(Outcome((), done.resumed, done.plan, done.delivered, done.waits), outbox))
    return Group(table, *notes, *plans)


def answered_page(done: Answered, *, workspace: str) -> str:
    """The same as Markdown; the plan and the delivery have pages of their own."""
    sections = [f"# {workspace}: events", markdown_table(("events", "how many"), _counts(done), {1})]
    new = () if done.plan is None else (Outcome((), (), done.plan, done.delivered, done.waits),)
    notes = "\n".join(f"- {note}" for note, _ in _notes(done, (*done.earlier, *new)))
    said = said_of(done)
    return "\n\n".join(filter(None, (*sections, notes, f"{said[0].upper()}{said[1:]}."))) + "\n"


def said_of(done: Answered) -> str:
    """In a sentence what came of it."""
    earlier = [_said_of(each) for each in done.earlier]
    if done.waits is not None:
        return "; ".join([f"nobody is answered yet: {done.waits.why}", *earlier])
    if done.plan is not None and done.delivered is not None:
        earlier.insert(0, _said_of(Outcome((), (), done.plan, done.delivered)))
    return "; ".join(earlier) or "there was nothing to answer"


def _said_of(answer: Outcome) -> str:
    """What came of one answer; its plan says to whom it is."""
    order = answer.plan.order
    about = f"{_some(order.events, 'event')} of {_some(len(order.customers), 'customer')}"
    if answer.delivered is None:
        why = answer.waits.why if answer.waits else ""
        return f"{about} wait by plan {order.run_id}: {why}"
    return f"{about}: {answer.plan.people_count:,} get something; {outcome_line(answer.delivered)}"


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _counts(done: Answered) -> list[tuple[str, str]]:
    found = {name: getattr(done, name) for name in _TELLS}
    return [(_TELLS[name], f"{count:,}") for name, count in found.items() if count or name in _ALWAYS]


def _notes(done: Answered, answers: Iterable[Outcome]) -> list[tuple[str, bool]]:
    """What else is to be said, also of answers that wait, and whether somebody has to do something about it."""
    notes = [(f"{found.batch_id}: {found.state}, because {found.reason}.", False) for found in done.recovered]
    notes += [(f"{place}.", True) for place in done.places]
    if done.bad > len(done.places):
        notes.append((f"{done.bad - len(done.places):,} rows more cannot be right.", True))
    waiting = [(each.plan.order.run_id, each.waits) for each in answers if each.waits is not None]
    notes += [(f"Plan {run_id} waits: {waits.why}. Next: {waits.step}", True) for run_id, waits in waiting]
    if done.unfinished:
        notes.append((f"{done.unfinished:,} files cannot be read yet; they are tried again.", False))
    if done.waits is not None and done.plan is None:
        notes.append((f"Nobody is answered yet: {done.waits.why}. Next: {done.waits.step}", True))
    return notes + [(f"{each.where}: {each.what}. Next: {each.hint}", True) for each in done.refused]
