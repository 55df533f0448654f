"""What was erased, removed or accepted, for a terminal and as a page of Prefect: counts and names, never whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.artifacts import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from rich.console import RenderableType

    from flows.ledger.restoring import Behind
    from flows.line.forgetting import Forgotten
    from flows.line.retaining import Retained
    from flows.line.rotating import Rotated

_NOT_OURS = "The warehouse, and what has been delivered, are not ours: erase them there. Copies in the outbox go with retention."


def forgotten(done: Forgotten, outbox: Path) -> RenderableType:
    """What was erased where."""
    notes = [Text(note, style="red" if is_open else "") for note, is_open in _notes(done)]
    if not done.people:
        return Group(*notes)
    return Group(_table("Erased from", "rows", _erased(done, outbox.name)), *notes, Text(_NOT_OURS))


def forgotten_page(done: Forgotten, *, workspace: str, outbox: str) -> str:
    """The same as Markdown."""
    sections = [f"# {workspace}: {_people(done)}"]
    if done.people:
        sections.append(markdown_table(("erased from", "rows"), _erased(done, outbox), {1}))
    sections += [f"- {note}" for note, _ in _notes(done)]
    return "\n\n".join([*sections, _NOT_OURS]) + "\n"


def retained(done: Retained) -> RenderableType:
    """What retention has removed."""
    return Group(_table("Removed", "how many", _removed(done)), Text(_kept(done)))


def retained_page(done: Retained, *, workspace: str) -> str:
    """The same as Markdown."""
    return (
        f"# {workspace}: retention\n\n{markdown_table(('removed', 'how many'), _removed(done), {1})}\n\n{_kept(done)}\n"
    )


def rotated(done: Rotated, file: str) -> RenderableType:
    """What a new key has changed."""
    kept = f"{_some(done.retired, 'retired key is', 'retired keys are')} kept below it"
    return Group(
        Text(f"The key {done.key_id} is in use; {done.rows:,} rows of the history are under it now, and {kept}."),
        Text(f"Next: back up the file {file} anew, and plan again", style="dim"),
    )


def accepted(behind: Behind) -> RenderableType:
    """What a ledger from a backup does not know."""
    if not behind:
        return Text("This ledger knows of everything that has left: there was nothing to accept.")
    lines = [f"Accepted: a ledger that lacks {behind.events:,} runs, batches or erasures."]
    lines += [f"{batch} is in the outbox, and nobody knows any more whom it reached." for batch in behind.batches]
    if behind.forgotten:
        step = "find out who, and repeat: justenough forget CUSTOMER"
        who = _some(behind.forgotten, "person has", "people have")
        lines.append(f"Since the backup {who} asked to be forgotten; {step}")
    return Group(*map(Text, lines), Text("Next: justenough run", style="dim"))


def _people(done: Forgotten) -> str:
    if not done.people:
        return "nobody was to be forgotten"
    known = f", {done.people - done.new:,} of them had been before" if done.new < done.people else ""
    return f"{_some(done.people, 'person is', 'people are')} forgotten{known}"


def _some(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _erased(done: Forgotten, outbox: str) -> list[tuple[str, str]]:
    """What the rows were in -> how many."""
    return [
        *((f"recalled by {outbox}/{name}", f"{rows:,}") for name, rows in done.recalled.items()),
        *((table, f"{rows:,}") for table, rows in _of_history(done.ledger).items()),
        *((f"plan {name}", "all" if rows is None else f"{rows:,}") for name, rows in done.plans.items()),
        ("addresses, pages and spill, which are made anew (files)", f"{done.caches:,}"),
    ]


def _notes(done: Forgotten) -> list[tuple[str, bool]]:
    """What else is to be said, and whether somebody has to do something about it."""
    notes = [(f"{found.batch_id}: {found.state}, because {found.reason}.", False) for found in done.recovered]
    notes.append((f"{_people(done)[0].upper()}{_people(done)[1:]}.", False))
    if done.new and done.is_nothing:
        notes.append(("Nothing of them was found: are the ids right?", True))
    notes += [
        (f"{name}: the next run takes {_some(rows, 'row', 'rows')} away.", False) for name, rows in done.held.items()
    ]
    notes += [(f"{each.batch_id}: {each.state}, because {each.reason}.", True) for each in done.withdrawn]
    step = "may hold them: decide about it with justenough recover, then repeat this"
    notes += [(f"{batch} is on hold and {step}.", True) for batch in done.on_hold]
    if done.untold:
        step = "may name them: take them in with justenough learn or respond, or remove them"
        notes.append((f"{_some(done.untold, 'file', 'files')} in inbox/outcomes/ or inbox/events/ {step}.", True))
    notes += [(f"inbox/forget/{name} is no file of text, and was left.", True) for name in done.refused]
    return notes


def _removed(done: Retained) -> list[tuple[str, str]]:
    counts = {
        "plans": done.plans,
        "batches in the outbox": done.batches,
        "files of addresses": done.addresses,
        "files of rolling runs": done.notes,
        "files of outcomes that nobody took in": done.told,
        "pages": done.pages,
    }
    return [(what, f"{count:,}") for what, count in (counts | _of_history(done.history)).items()]


def _of_history(rows: dict[str, int]) -> dict[str, int]:
    return {f"history: {table}": count for table, count in rows.items()}


def _kept(done: Retained) -> str:
    return f"History is kept from {done.history_from} on."


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(first, overflow="fold")
    table.add_column(second, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def served(found: Mapping[str, Any]) -> Text:
    """What `justenough serve` has started, and what comes next."""
    lines = [
        f"{found['workspace']} is served: {found['page']}",
        f"  server: {found['server']}; worker: process {found['worker']}; what they say: {found['logs']}",
        *(f"  {name}: {when}" for name, when in found["deployments"].items()),
        *(f"  looked after: {name}" for name in found["automations"]),
        f"  told of changes: {found['notify'] or 'nobody; the setting `notify` names a notification block'}",
        "Next: personalise/manual, Custom run; or wait for the schedules. Ctrl-C ends all of it.",
    ]
    return Text("\n".join(lines))
