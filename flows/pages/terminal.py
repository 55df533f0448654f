"""What the command line prints: what was done, in numbers that add up, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.sentences import (
    by_budgets,
    by_caps,
    by_hours,
    for_a_few,
    helps_chosen,
    left_out,
    reviews_due,
    rolled,
    stops_told,
    tests_kept,
    to_seeds,
    variants_adapted,
    without_facts,
    words_unsigned,
)
from flows.reasons import CODES, MEANING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from flows.counts import Crowd, Waterfall
    from flows.ledger.publishing import Recovered
    from flows.line.acknowledging import Acknowledged
    from flows.line.listing import Compared
    from flows.line.request import Carried, Delivered, Outcome, Published, Recalled
    from flows.line.translating import Exported, Imported
    from flows.plan import Plan
    from flows.starting import Started


def outcome(done: Outcome, outbox: Path) -> RenderableType:
    """What a run did."""
    lines: list[RenderableType] = [_counted(done.plan)]
    lines[:0] = [Text(f"{found.batch_id}: {found.state}, because {found.reason}") for found in done.recovered]
    lines += [
        Text(f"Finished the plan {old.plan.order.run_id}, which an earlier run had left.")
        for old in done.resumed
        if not old.stopped
    ]
    lines += [each for old in done.resumed for each in (*carried(old.published), *_stopped(old))]
    if done.waits is not None:
        why = f"Nothing is delivered, and the plan is kept: {done.waits.why}."
        lines += [Text(why, style="red"), _next(done.waits.step)]
    elif done.delivered is None:
        lines.append(_to_deliver(done.plan))
    else:
        lines.append(delivered(done.delivered, outbox))
    return Group(*lines)


def planned(settled: Plan) -> RenderableType:
    """A plan, and how to deliver it."""
    return Group(_counted(settled), _to_deliver(settled))


def _counted(settled: Plan) -> RenderableType:
    """Where the people and the deliveries went."""
    order = settled.order
    title = Text(f"Plan {order.run_id} for {order.as_of}", style="bold")
    people = _waterfall("People in the segments of live products", "get something", settled.people)
    wanted = _waterfall("Deliveries wanted for them", "can leave", settled.deliveries)
    fewer = [_crowded(crowd) for crowd in settled.crowds if crowd.lowered]
    bare = [Text(line) for line in without_facts(settled.missed)]
    full = [Text(line) for line in by_caps(settled.capped)]
    priced = [Text(line) for line in by_budgets(settled.prices)]
    waiting = [Text(line) for line in by_hours(settled)]
    audiences = [Text(line) for line in left_out(settled.left_out)]
    lists = [Text(f"The suppression list of {name} was compared {age} ago.") for name, age in order.list_ages.items()]
    seeds = [Text(line) for line in to_seeds(order.seeds)]
    read = [Text(line) for line in (*for_a_few(order), *rolled(settled))]
    due = [Text(line, style="red") for line in reviews_due(order)]
    tests = [Text(line, style="yellow") for line in tests_kept(order)]
    adapted = [Text(line) for line in variants_adapted(order)]
    helps = [Text(line) for line in helps_chosen(settled)]
    said = (*due, *tests, *adapted, *helps, *read, *audiences, *full, *priced, *waiting, *fewer, *bare, *seeds, *lists)
    silent = [*map(_overdue, order.overdue), *(_paused(*pause) for pause in order.paused.items())]
    silent += [Text(line, style="red") for line in (*stops_told(order), *words_unsigned(order))]
    return Group(title, *silent, people, wanted, *said)


def _crowded(crowd: Crowd) -> Text:
    """How many deliveries of a channel show less, for the sake of those who would be too few."""
    return Text(
        f"In {crowd.channel} {crowd.lowered:,} show fewer facts, since fewer than {crowd.floor} people share them."
    )


def _paused(product: str, why: str) -> Text:
    """Why a product says nothing until a person has looked."""
    return Text(
        f"{product} is left out, since it is paused ({why}): when it may speak, justenough resume {product}",
        style="red",
    )


def _overdue(product: str) -> Text:
    """Why a product says nothing, and what would change that."""
    step = f"look at it, and set a new one in templates/{product}/product.yaml"
    return Text(f"{product} is left out, since its review date has passed: {step}", style="red")


def delivered(done: Delivered, outbox: Path) -> RenderableType:
    """What a delivery published, and where it is."""
    found = [Text(f"{batch.batch_id}: {batch.state}, because {batch.reason}") for batch in done.recovered]
    found += _called_back(done.recalled, outbox)
    if not any(batch.folder for batch in done.published):
        note = [] if done.held or done.stopped else [Text(_nothing(done.plan))]
        return Group(*found, *note, *_stopped(done), *_held(done), *carried(done.published))
    table = _table("Delivered to", "brand", "rows", "removed", "unchanged")
    for batch in done.published:
        nothing = f"{batch.target}: {'stopped' if batch.stopped else 'nothing new'}"
        folder = f"{outbox.name}/{batch.folder.relative_to(outbox)}" if batch.folder else nothing
        table.add_row(folder, batch.brand, f"{batch.rows:,}", f"{batch.removed:,}", f"{batch.unchanged:,}")
    fallen = {code: sum(batch.dropped.get(code, 0) for batch in done.published) for code in CODES}
    dropped = [
        Text(f"{count:,} fell away since the plan: {MEANING[code]} ({code})") for code, count in fallen.items() if count
    ]
    out = sum(batch.to_leave_out for batch in done.published)
    about = (
        [Text(f"{out:,} of these rows are of people to leave out of other campaigns: `use` is exclude.")] if out else []
    )
    gone = carried(done.published)
    return Group(
        *_called_back(done.recalled, outbox),
        table,
        *about,
        *dropped,
        *_stopped(done),
        *_held(done),
        *gone,
        _next("justenough explain CUSTOMER tells what one customer gets, and why"),
    )


def _stopped(done: Delivered) -> list[Text]:
    """What of a plan waits until a person lets it pass."""
    step = f"the next run delivers it, or: justenough deliver {done.plan.order.run_id}"
    told = (
        f"A part of the plan {done.plan.order.run_id} waits: {why}; once it may leave, {step}" for why in done.stopped
    )
    return [Text(line, style="red") for line in told]


def carried(published: Sequence[Published]) -> list[Text]:
    """Where batches went from the outbox, and what stands in the way of the others."""
    return [_carried(each) for batch in published for each in batch.carried]


def _carried(each: Carried) -> Text:
    if each.state == "carried":
        return Text(f"{each.batch_id} is at {each.to}.")
    if each.state in ("failed", "lapsed"):
        return Text(f"{each.batch_id} {each.state}, and is not carried any more: {each.reason}.")
    if each.state == "hold":
        step = f"look there, then: justenough recover {each.batch_id} --taken, --publish or --abort"
        return Text(f"{each.batch_id} is on hold on its way to {each.to}: {each.reason}; {step}", style="red")
    return Text(f"{each.batch_id} waits for {each.to}: {each.reason}; the next run tries again", style="red")


def _nothing(plan: Plan) -> str:
    """Why there is nothing to deliver, as far as that is known."""
    if any("REPEATED" in fall.reasons for fall in plan.people.values()):
        return "Nothing to deliver: everybody who is due has had their decision today, or this help not long ago."
    if not any(plan.candidates.get(product) for product in plan.order.products):
        return (
            f"Nothing to deliver: nobody is in the segments of {', '.join(plan.order.products) or 'any live product'}."
        )
    return "Nothing to deliver: the first table says what stands in everybody's way."


def started(done: Started) -> RenderableType:
    """What a new workspace holds, and what is left to decide."""
    table = _table(f"{done.folder} is a workspace now")
    for file in done.files:
        table.add_row(file)
    several = (
        ("Guessed; review", done.guessed),
        ("Not understood", done.unclear),
        ("Missing, before anybody real is spoken to", done.missing),
    )
    told = [Text(f"{title}:\n" + "\n".join(f"- {each}" for each in lines)) for title, lines in several if lines]
    step = f"justenough check --workspace {done.folder} && justenough run --workspace {done.folder}"
    return Group(table, *told, _next(step))


def wired(files: Sequence[str]) -> RenderableType:
    """The files by which editors know the workspace's names."""
    table = _table("Editors complete and validate by")
    for file in files:
        table.add_row(file)
    return Group(table, _next("commit these files; justenough check tells when they are out of date"))


def recovered(found: Sequence[Recovered], held: Sequence[str]) -> RenderableType:
    """What killed runs had left behind, and what waits for a person."""
    lines = [Text(f"{each.batch_id}: {each.state}, because {each.reason}") for each in found]
    lines += [Text(f"{batch} is on hold: nobody can know whether it was seen. Look at the platform.") for batch in held]
    if not lines:
        return Text("Nothing was left behind, and nothing is on hold.")
    ways = (
        f"justenough recover {held[0]} --publish (nobody has seen it), --abort or --taken" if held else "justenough run"
    )
    return Group(*lines, _next(ways))


def resolved(batch: str, way: str) -> RenderableType:
    """What was decided about a batch on hold."""
    said = {
        "taken": "published: it counts as loaded",
        "abort": "aborted: its claims are released",
        "publish": "carried again by the next run",
    }[way]
    return Group(Text(f"{batch} is {said}."), _next("justenough run"))


def acknowledged(found: Acknowledged) -> RenderableType:
    """What the other end told of a batch, and what of it could not be noted."""
    told = found.messages
    if told is None and found.state not in ("failed", "lapsed"):
        return Text(f"{found.batch} is {found.state}.")
    said = f"{found.state} is noted"
    if told is not None:
        said = " and ".join(f"{count:,} {state}" for state, count in told.noted.items()) or "nothing new"
        said += f"; {told.known:,} were known" if told.known else ""
    lines = [f"{found.batch}: {said}, and {found.released:,} claims are released."]
    if found.stopped:
        lines.append(f"{found.stopped:,} said stop, or cannot be reached any more: they get nothing from now on.")
    strange = {
        "are of another batch": told.elsewhere if told else 0,
        "are of no batch that is known here": told.unknown if told else 0,
        "could not be read": found.unreadable,
    }
    lines += [f"Left out: {count:,} rows {why}." for why, count in strange.items() if count]
    return Group(*map(Text, lines), *([_next(f"justenough deliver --failed {found.batch}")] if found.released else []))


def again(done: Published, outbox: Path) -> RenderableType:
    """What was delivered again of a batch."""
    if done.stopped is not None:
        return Group(Text(f"Nothing of it was delivered: {done.stopped}.", style="red"), *carried([done]))
    if done.folder is None:
        return Group(Text("Nobody of those it failed for may get it any more."), *carried([done]))
    fallen = ", ".join(f"{code} {count:,}" for code, count in sorted(done.dropped.items()))
    less = f" Left out: {fallen}." if fallen else ""
    return Group(Text(f"{done.rows:,} rows are in {done.folder.relative_to(outbox.parent)}.{less}"), *carried([done]))


def recalled(done: Recalled, outbox: Path) -> RenderableType:
    """What was called back, and what is to be done with it."""
    lines = [Text(f"{each.batch_id}: {each.state}, because {each.reason}") for each in done.recovered]
    lines += _called_back(done, outbox)
    if not done.batches and not done.carried:
        lines.append(Text("There is nothing to call back: it was sent, has run out, or was called back before."))
    return Group(*lines)


def _called_back(done: Recalled, outbox: Path) -> list[Text]:
    """Each batch of recalls, why, and where it went."""
    lines = [
        Text(f"{outbox.name}/{name} calls back {rows:,}: take them out of what is not sent yet.")
        for name, rows in done.batches.items()
    ]
    why = ", ".join(f"{reason} {count:,}" for reason, count in done.reasons.items())
    return [*lines, *([Text(f"Called back because of: {why}.")] if why else []), *map(_carried, done.carried)]


def corrected(batch: str, planned: Plan, done: Delivered | None, outbox: Path) -> RenderableType:
    """Whom a correction reaches, and what it published, or how to deliver it."""
    falls = planned.people.items()
    people = _waterfall(
        f"Recipients of {batch}", "are told once more", {kind: fall for kind, fall in falls if fall.base}
    )
    if done is not None:
        return Group(people, delivered(done, outbox))
    step = f"nothing is delivered yet; to do so: justenough correct {batch} --expect {planned.people_count}"
    return Group(people, _next(step if planned.people_count else "nobody may be told any more"))


def reconciled(found: Compared) -> RenderableType:
    """What a platform's suppression list has, and what it lacks."""
    lines = [
        f"{found.listed:,} addresses are on the list of {found.target}; {found.added:,} were new and are suppressed now.",
        f"{found.gone:,} were on an earlier list and are not on this one; they stay suppressed.",
        f"{found.missing:,} addresses are barred by us and not on it; --missing FILE writes them for an upload.",
    ]
    return Group(*map(Text, lines))


def exported(found: Sequence[Exported]) -> RenderableType:
    """The catalogues that were written."""
    lines = [
        f"{each.file}: {each.texts:,} texts, {each.translated:,} of them translated"
        + (f", {each.stale:,} fuzzy since their source has changed." if each.stale else ".")
        for each in found
    ]
    return Group(*map(Text, lines), _next(f"translate, then: justenough strings import {found[0].file}"))


def imported(found: Imported) -> RenderableType:
    """What became of a catalogue: the files that were written, or what is wrong with it."""
    if found.wrong:
        wrong = [Text(f"{where}: {what}\n  hint: {hint}") for where, what, hint in found.wrong]
        return Group(*wrong, Text("Nothing was written."))
    label = [Text(f"Put it into product.yaml: label: {{…, {found.locale}: {found.label}}}")] if found.label else []
    return Group(*map(Text, found.files), *label, _next("justenough check, then read them: justenough preview"))


def noted(notices: int) -> RenderableType:
    """What was put into the inbox."""
    said = "1 notice is in the inbox: it holds" if notices == 1 else f"{notices:,} notices are in the inbox: they hold"
    return Text(f"{said} for whatever is sealed from now on.")


def link_key(brand: str, file: Path) -> RenderableType:
    """What a preference centre reads links with."""
    said = f"{file} reads the links of {brand}, and nothing else; keep it as you keep a password."
    return Text(said)


def followed(action: str, brand: str, message_id: str) -> RenderableType:
    """What a link is about."""
    return Text(f"{action}, {brand}, message {message_id}")


def sampled(rows: dict[str, int]) -> RenderableType:
    """The tables of a sample warehouse."""
    table = _table("Table", "rows")
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    return Group(table, _next("justenough run uses this sample"))


def _waterfall(base: str, passed: str, falls: dict[str, Waterfall]) -> Table:
    table = _table(base, *falls)
    table.add_row("", *(f"{fall.base:,}" for fall in falls.values()))
    for code in CODES:
        counts = [fall.reasons.get(code, 0) for fall in falls.values()]
        if any(counts):
            table.add_row(f"{MEANING[code]} ({code})", *(f"−{count:,}" if count else "" for count in counts))
    table.add_row(passed, *(f"{fall.passed:,}" for fall in falls.values()), style="bold")
    return table


def _held(done: Delivered) -> list[Text]:
    return [
        Text(f"{batch_id} is on hold: the machine restarted while it was published.", style="red")
        for batch_id in done.held
    ]


def _to_deliver(settled: Plan) -> Text:
    return _next(
        f"nothing is delivered yet; to do so: justenough deliver {settled.order.run_id} --expect {settled.people_count}"
    )


def _next(step: str) -> Text:
    return Text(f"Next: {step}", style="dim")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(first, overflow="fold")
    for other in others:
        table.add_column(other, justify="right" if other in _NUMBERS else "left", overflow="fold")
    return table


_NUMBERS = {"marketing", "service", "rows", "removed", "unchanged"}
