"""What choices among helps have shown, for a terminal: each way to choose, what each help does for whom, and what is proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table as Rows
from rich.text import Text

from flows.learning.contrasts import FEWEST_UNITS
from flows.learning.policies.values import ALPHA
from flows.pages.sentences import points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.learning.choices import Read
    from flows.learning.policies.helps import Found, Table, Verdict
    from flows.line.choosing import AcceptedChoice
    from flows.line.explaining import Row

VERDICTS: dict[Verdict, str] = {
    "RULES": "as it is",
    "BETTER": "surely better",
    "NOT_SURE": "not sure",
    "WORSE": "surely worse",
}
LEGEND = (
    "Value: of a hundred people, how many have the outcome, less what contacts cost. More: than by the rules, person by person;"
    f" all of them lie within what is told, but in one case of {1 / ALPHA:.0f}. Each way was valued on people whom it was not"
    " learned from."
)


def read(found: Read) -> RenderableType:
    """What was found, or that too little is known."""
    asked = (
        f"{found.outcome} within {found.within_days:g} days, at {found.price:g} a contact; {found.explore:.0%} by lot."
    )
    asked += f" Chosen by what was learned on {found.in_use}." if found.in_use else ""
    if found.found is None:
        why = f"Fewer than {FEWEST_UNITS} people whose time is over are known yet, so nothing can be told."
        return Group(Text(asked), Text(why, "bold"))
    told = found.found
    given = ", ".join(f"{name} {count:,}" for name, count in told.given.items())
    switches = (
        f"{each.share:.1%} get {each.instead or 'nothing'} instead of {each.by_rules}: {points(each.more)}"
        for each in told.switches
    )
    lines: list[RenderableType] = [
        Text(asked),
        Text(f"{told.people:,} people until {found.until}: {given}, nothing {told.nothing:,}."),
        _ways(told),
        *(Text(line) for line in (*_thin(told), *switches, price_of_lots(found, told))),
    ]
    for product, table in told.tables.items():
        lines += [Text(f"\n{product}", "bold"), *(Text(f"  {line}") for line in does(table))]
    return Group(*lines, Text(f"\n{proposed(found)}", "bold"), Text(LEGEND))


def proposed(found: Read) -> str:
    """What to do, and why."""
    told = found.found
    if told is None or told.proposed is None:
        return "Go on by the rules: nothing is surely better."
    way = next(each for each in told.ways if each.name == told.proposed)
    return (
        f"Proposal {found.id}: choose by {way.name} for each help: {points(way.more.value)} of {found.outcome}, at the least"
        f" {points(way.more.low)}; {way.switched_share:.0%} get something else than by the rules, {way.silent_share:.0%} get"
        f" nothing. Next: justenough next-best --accept {found.id}"
    )


def price_of_lots(found: Read, told: Found) -> str:
    """What it costs to go on learning, in a sentence."""
    lot = told.by_lot
    return (
        f"Who is given a help by lot comes to {points(lot.value)} against the rules ({points(lot.low)} to {points(lot.high)}); at"
        f" {found.explore:.0%} of people that is {points(lot.value * found.explore)} of all."
    )


def accepted(done: AcceptedChoice) -> RenderableType:
    """What acceptance has changed."""
    lines = [f"{done.says}.", *(f"changed  {name}" for name in done.written)]
    lines += [f"What was here before is kept in {done.kept}"] if done.kept else []
    file, *_ = done.written
    return Group(*map(Text, lines), Text(f"Next: justenough run; to go back, take {file} away", style="dim"))


def does(table: Table) -> Iterator[str]:
    """What a help does, in a line for each of its cells."""
    yield f"for all {points(table.for_all)}"
    for values, more in table.cells:
        named = ", ".join(f"{name} {value}" for name, value in zip(table.contexts, values, strict=True))
        yield f"{named} {points(more)}"


def _ways(found: Found) -> Rows:
    table = Rows(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(("choose by", "value", "more", "at the least", "other", "nothing", "")):
        table.add_column(head, justify="right" if 0 < place < 6 else "left", overflow="fold")
    for way in found.ways:
        apart = ("", "") if way.verdict == "RULES" else (points(way.more.value), points(way.more.low))
        table.add_row(
            way.name,
            f"{100 * way.value.value:.2f}",
            *apart,
            f"{way.switched_share:.0%}",
            f"{way.silent_share:.0%}",
            VERDICTS[way.verdict],
            style="bold" if way.name == found.proposed else None,
        )
    return table


def _thin(found: Found) -> Iterator[str]:
    if found.thin:
        yield f"Too little is known of {', '.join(found.thin)}: who has one of them open is given what the rules say."


def why_chosen(row: Row) -> list[str]:
    """Why somebody gets this help of those that were open to them, where the setting `next_best` chooses."""
    choice = row.get("choice")
    if choice is None or choice["among"] == 1:
        return []
    if choice["is_drawn"]:
        why = "it was drawn by lot, so that one learns"
    elif choice["worth"] is None:
        why = "it is the most relevant one"
    else:
        who = ", ".join(
            f"{each['name'].replace('_', ' ')} {each['value'] or '(nothing)'}" for each in choice["contexts"]
        )
        why = f"by what was learned it does the most for them ({who}): {points(choice['worth'])} after what a contact costs"
    return [f"  Of {choice['among']} helps that were open: {why}; its probability was {choice['chance']:.1%}."]
