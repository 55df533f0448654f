"""What products have changed, for a terminal and as a page of Prefect: what each is called for it, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.learning.cells import HELD_OUT
from flows.learning.contrasts import ALPHA, OFF, REFUSED
from flows.learning.products import LEVELS, VARIANTS, VERDICTS
from flows.pages.artifacts import markdown_table
from flows.pages.charts import chart, picture_uri, shares_chart
from flows.pages.proposals import proposed
from flows.pages.sentences import shares_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from flows.learning.allocation import Allocation
    from flows.learning.contrasts import Code, Contrast, Interval
    from flows.learning.effects import Arm, Compared
    from flows.learning.products import LedgerReadout, ProductReadout

COLUMNS = (
    "metric",
    "arm",
    "of",
    "rate",
    "difference",
    "at every look",
    "lift",
    "at every look",
    "finds",
    "days",
    "sure",
)
NUMBERS = set(range(3, 10))
_AGAINST = {
    HELD_OUT: "Against those who are held out",
    VARIANTS: "Variant against variant",
    LEVELS: "Detail level against detail level",
}
_OF = {"intention": "all", "exposure": "reached"}


def products_read(found: LedgerReadout) -> RenderableType:
    """A table for each product, and how to read them."""
    lines: list[RenderableType] = [Text(line, "red") for line in stopped(found)]
    for product in found.products:
        lines.append(Text(f"{product.product}: {called(product)}", "bold"))
        lines += [Text(line, "red" if is_bad else "") for line, is_bad in sentences(product)]
        lines += [Text(line, "bold") for line in proposed(product)]
        rows = list(table_rows(product))
        if rows:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for place, head in enumerate(COLUMNS):
                table.add_column(head, justify="right" if place in NUMBERS else "left", overflow="fold")
            for row in rows:
                table.add_row(*row, style=None if row[-1] else "dim")
            lines.append(table)
        lines += [*(Text(line) for line in refusals(product)), Text()]
    return Group(*lines, *(Text(line) for line in legend(found)))


def products_page(found: LedgerReadout, *, workspace: str) -> str:
    """The same as Markdown, with a chart for each product."""
    sections = [
        f"# {workspace}: what products have changed, {found.as_of}",
        *(f"**{line}**" for line in stopped(found)),
    ]
    for product in found.products:
        rows = list(table_rows(product))
        sections += [
            f"## {product.product}",
            f"**{called(product)}**",
            "\n".join(f"- {f'**{line}**' if is_bad else line}" for line, is_bad in sentences(product)),
            "\n".join(f"- {line}" for line in proposed(product)),
            f"![{product.product}: differences]({picture_uri(chart(product))})" if rows else "",
            f"![{product.product}: shares by day]({picture_uri(shares_chart(product))})" if product.allocation else "",
            markdown_table(COLUMNS, rows, NUMBERS) if rows else "",
            "\n".join(f"- {line}" for line in refusals(product)),
        ]
    return "\n\n".join(section for section in (*sections, *legend(found)) if section) + "\n"


def stopped(found: LedgerReadout) -> Iterator[str]:
    """What this look has paused."""
    for each in found.paused:
        next_steps = (
            f"justenough recall calls back what is on its way; when it may speak, justenough resume {each.product}"
        )
        yield f"{each.product} is paused from now on: {each.why}. {next_steps}."


def called(product: ProductReadout) -> str:
    """What a product is called for what it does."""
    return VERDICTS[product.verdict]


def sentences(product: ProductReadout) -> Iterator[tuple[str, bool]]:
    """Who was compared, and whether that is a warning."""
    if product.since is None:
        return
    yield f"Decided for since {product.since}; what happens within {product.within_days:g} days counts.", False
    yield f"{'; '.join(map(_arm, product.arms))}.", False
    if product.shares_p is not None and product.shares_p < OFF:
        odds = f"Arms as different in size as these: p = {product.shares_p:.1g} at every look."
        yield f"{odds} {REFUSED['SHARES_OFF'].capitalize()}.", True
    for alarm in product.alarms:
        metric, _, arm = alarm.partition(", ")
        yield f"More people have {metric} in {arm}.", True
    if product.allocation is not None:
        yield from ((line, False) for line in _allocated(product.allocation))
    for level in product.levels:
        if level.standing != "NOT_SURE":
            is_worse = "is worse than" if level.standing == "WORSE" else "is not worse, by as much as matters, than"
            yield f"Detail level {level.level} {is_worse} {level.against}.", False


def _allocated(found: Allocation) -> Iterator[str]:
    """How variants are drawn by what came of them, and what it has cost to find out."""
    last = max(found.daily)
    yield f"Variants are drawn by what came of them, on {last} {shares_told(found.daily[last])}."
    if found.lost is not None and found.lost_as_set is not None:
        yield (
            f"To find out has cost {found.lost:,.0f} people who the best variant would have helped, as far as is known;"
            f" by the shares that are set it would have been {found.lost_as_set:,.0f}."
        )


def table_rows(product: ProductReadout) -> Iterator[tuple[str, ...]]:
    """A line for each contrast that has an answer."""
    for each in product.compared:
        found = each.contrast
        if found.refused is None:
            yield (
                found.metric,
                f"{found.arm} – {each.control}",
                _OF[each.basis],
                *((_amounts if each.role == "value" else _shares)(found)),
                "–" if found.lift is None else f"{found.lift:+.1%}",
                span(found.lift_always),
                amount(found.detectable_always, sign="")
                if each.role == "value"
                else _points(found.detectable_always, sign=""),
                days(each),
                "sure" if found.is_sure else "",
            )


def refusals(product: ProductReadout) -> Iterator[str]:
    """Why there is no answer, each reason once."""
    for against, code in product.refused.items():
        yield f"{_AGAINST[against]}: no answer ({code}), because {REFUSED[code]}."
    silent: dict[tuple[str, str, Code], list[Compared]] = {}
    for each in product.compared:
        if each.contrast.refused is not None:
            silent.setdefault((each.contrast.arm, each.control, each.contrast.refused), []).append(each)
    for (arm, control, code), alike in silent.items():
        names = ", ".join(dict.fromkeys(f"{each.contrast.metric}{_when(each, alike)}" for each in alike))
        yield f"{arm} – {control}, {names}: no answer ({code}), because {REFUSED[code]}."


def legend(found: LedgerReadout) -> list[str]:
    """How to read it."""
    told = "No outcome has ever come in."
    if found.told_until:
        told = f"Outcomes are known until {found.told_until:%Y-%m-%d %H:%M} UTC."
    reached = (
        "Reached: for each person whom a message reached: the difference of all whom one would go to, divided by the share of"
        " them that was reached, since it changes nothing for whom it does not reach."
    )
    effect = f"{found.smallest_effect:.0%} of the rate, or of what it lacks to 100 % where that is less,"
    lines = (
        f"At every look: where the difference, or the lift, lies at {1 - ALPHA:.0%}, however often anybody looks.",
        "Sure: of all differences here that are called so, one in twenty is none.",
        "All: everybody who was decided for, whatever became of the message.",
        reached,
        "Value: per person, whether they bought or not; an outcome that came without one is worth nothing.",
        "Finds: the least difference that as many people find four times in five.",
        f"Days: until a difference of {effect} is found so, as fast as people come now.",
    )
    return [f"{told} Whose time is not over by then waits, and does not count.", " ".join(lines)]


def days(each: Compared) -> str:
    """How long it takes still."""
    return "–" if each.days_needed is None else f"{each.days_needed:,}"


def span(of: Interval | None, *, points: bool = False) -> str:
    """An interval, in per cent or in points of them."""
    if of is None:
        return "–"
    ends = ("–∞" if of.low is None else f"{of.low:+.2%}", "∞" if of.high is None else f"{of.high:+.2%}")
    return " to ".join(end.replace("%", " pt") if points else end for end in ends)


def amount(value: float | None, sign: str = "+") -> str:
    """What something is worth, in the money that outcomes were told in."""
    return "–" if value is None else f"{value:{sign},.2f}"


def _shares(found: Contrast) -> tuple[str, str, str]:
    """Means, difference and interval of what is true or not."""
    means = f"{_percent(found.control_mean)} → {_percent(found.arm_mean)}"
    return means, _points(found.difference), span(found.always, points=True)


def _amounts(found: Contrast) -> tuple[str, str, str]:
    """The same of what is worth something."""
    means = f"{amount(found.control_mean, '')} → {amount(found.arm_mean, '')}"
    always = f"{amount(found.always.low)} to {amount(found.always.high)}" if found.always else "–"
    return means, amount(found.difference), always


def _arm(arm: Arm) -> str:
    people = "fewer people than are told of" if arm.people is None else f"{arm.people:,} people"
    waiting = "" if not arm.waiting else f", {arm.waiting:,} wait"
    reached = "" if arm.reached_share is None else f", {arm.reached_share:.0%} reached"
    return f"{arm.name}: {people}{waiting}{reached}"


def _when(each: Compared, alike: list[Compared]) -> str:
    """Of whom, where only one of both has no answer."""
    both = {other.basis for other in alike if other.contrast.metric == each.contrast.metric}
    return "" if len(both) > 1 else f" of {_OF[each.basis]}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _points(value: float | None, sign: str = "+") -> str:
    """Points of a per cent."""
    return "–" if value is None else f"{100 * value:{sign}.2f} pt"
