"""All products together, month by month, for whoever answers for them: in a terminal, and as a page of Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.learning.contrasts import REFUSED
from flows.pages.artifacts import markdown_table
from flows.pages.charts import months_chart, picture_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.learning.board import Board, Effect
    from flows.learning.contrasts import Code

_TAKEN = ("messages", "cost", "people reached", "said no")
NOTHING = "Nothing of marketing has been decided yet."


def board_read(found: Board) -> RenderableType:
    """What it comes to, a line for each month, and what waits."""
    lines: list[RenderableType] = [Text(line, "bold") for line in headlines(found)]
    lines += [Text(line) for line in (*about(found), *refusals(found))]
    rows = list(month_rows(found))
    if rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, head in enumerate(columns(found)):
            table.add_column(head, justify="right" if place else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        lines.append(table)
    lines += [Text("Decisions that wait", "bold"), *(Text(line) for line in decisions(found))]
    return Group(*lines, *(Text(line, "dim") for line in legend(found)))


def board_page(found: Board, *, workspace: str) -> str:
    """The same as Markdown, with its charts."""
    charts = [
        f"![{name}, by month]({picture_uri(svg)})" for name in metrics(found) if (svg := months_chart(found, name))
    ]
    heads, rows = columns(found), list(month_rows(found))
    sections = [
        f"# {title(found, workspace=workspace)}",
        "\n".join(f"- **{line}**" for line in headlines(found)),
        *about(found),
        "\n".join(f"- {line}" for line in refusals(found)),
        *charts,
        markdown_table(heads, rows, set(range(1, len(heads)))) if rows else "",
        "## Decisions that wait",
        "\n".join(f"- {line}" for line in decisions(found)),
        *legend(found),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def title(found: Board, *, workspace: str) -> str:
    """What the page is called."""
    return f"{workspace}: what our messages come to, {found.as_of}"


def metrics(found: Board) -> list[str]:
    """What was asked, in order."""
    return [each.metric for each in found.whole]


def headlines(found: Board) -> Iterator[str]:
    """What was changed by all products in all months that are over."""
    for each in found.whole:
        if each.more is not None and each.without is not None:
            share = f", {each.more / each.without:+.1%}" if each.without > 0 else ""
            more = f"{abs(each.more):,.0f} {'more' if each.more >= 0 else 'less'}"
            lies = f"the truth lies between {_ends(each, ' and ')}{'' if each.is_clear else ', so it may be chance'}"
            yield f"{each.metric}: {more} than the {each.without:,.0f} without us{share}; {lies}."


def about(found: Board) -> Iterator[str]:
    """Who was compared, since when."""
    if not found.months:
        yield NOTHING
    elif found.since is None or found.until is None:
        yield "What it has changed is told once a month is over."
    else:
        people = next((f"{each.people:,} others" for each in found.whole if each.people), "others")
        yield (
            f"From {found.since} until {found.until}: of all for whom there was something, {_people(found.held_out)} got no"
            f" marketing at all, by lot. What they did, the {people} would have done without us. These count whether a message"
            " reached them or not."
        )


def refusals(found: Board) -> Iterator[str]:
    """Why there is no answer, each reason once; that a month is not over is plain to see."""
    silent: dict[Code, dict[str, None]] = {}
    for each in (*found.whole, *(effect for month in found.months for effect in month.effects)):
        if each.refused and each.refused != "NOT_OVER":
            silent.setdefault(each.refused, {})[each.metric] = None
    for code, names in silent.items():
        yield f"{', '.join(names)}: no answer ({code}) where none stands, because {REFUSED[code]}."


def columns(found: Board) -> tuple[str, ...]:
    """The heads of the table of months."""
    return ("month", *(f"more {name}" for name in metrics(found)), *_TAKEN)


def month_rows(found: Board) -> Iterator[tuple[str, ...]]:
    """A line for each month, the latest first."""
    for month in found.months:
        told = {each.metric: each for each in month.effects}
        yield (
            f"{month.month:%b %Y}",
            *(_more(told.get(name)) for name in metrics(found)),
            ", ".join(f"{count:,} {channel}" for channel, count in month.messages.items()) or "none",
            "–" if month.cost is None else f"{month.cost:,.2f}",
            _people(month.reached),
            _people(month.unsubscribed),
        )


def decisions(found: Board) -> Iterator[str]:
    """The most urgent decisions, and how many others there are."""
    for each in found.waiting:
        yield f"{each.product}: {each.says} Next: {each.step}"
    if found.waiting_more:
        yield f"{found.waiting_more} more: justenough proposals, justenough products"
    if not found.waiting:
        yield "None."


def legend(found: Board) -> list[str]:
    """How to read it."""
    told = "No outcome has ever come in."
    if found.told_until:
        told = f"Outcomes are known until {found.told_until:%Y-%m-%d %H:%M} UTC; a month that ends later is not over."
    more = (
        "More: how much more often it happened, or how much more was paid, than without any message of marketing: the difference"
        " per person from those who are held out, times the people who are not. Everybody counts from their first decision on."
    )
    lies = (
        "In brackets: where that lies at 95 %. Of twenty months one is expected to lie outside; the interval of all months"
        " together holds however often anybody looks. One that has 0 inside may be chance. Months need not add up to the whole:"
        " each is compared among those who had come by then."
    )
    lines = [told, more, lies, "Messages of service are not in it: nobody is held out of them."]
    if any(month.cost is not None for month in found.months) and found.unpriced:
        lines.append(f"What messages by {', '.join(found.unpriced)} cost is not set (`costs`), and not in the sum.")
    elif found.unpriced:
        lines.append("What a message costs is not set (`costs` in pyproject.toml).")
    return lines


def _more(each: Effect | None) -> str:
    if each is None:
        return "–"
    if each.more is None:
        return "not over" if each.refused == "NOT_OVER" else f"{each.refused}"
    return f"{each.more:+,.0f} ({_ends(each, ' to ')})"


def _ends(each: Effect, between: str) -> str:
    ends = (each.interval.low, each.interval.high) if each.interval else (None, None)
    return between.join("no end" if end is None else f"{end:+,.0f}" for end in ends)


def _people(count: int | None) -> str:
    return "few" if count is None else f"{count:,}"
