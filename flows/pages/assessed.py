"""What can be done today, and what one missing thing would add, for a terminal and as Markdown: counts and names, never whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.pages.artifacts import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from flows.line.assessing import Assessment, Reach, Unlock, Way

MOST = 5
"""Capabilities that a terminal lists of each kind of gain; the page has all."""
WAYS = ("brand", "channel", "target", "customers", "address", "consent", "said no", "a help", "fresh", "known")
PRODUCTS = ("product", "named", "told today", "in 30 days", "floor", "wordings", "edge cases")
_ADDRESSES = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "push_token": "the app, with its token for push",
}
NOTHING = "No single thing would do: nobody wants for just one."


def assessed(found: Assessment) -> RenderableType:
    """The headline, what would add most, and the tables."""
    lines: list[RenderableType] = [Text(headline(found), "bold")]
    lines += [Text(line, "red") for line in warnings(found)]
    for gains, title in TITLES.items():
        mine = [each for each in found.unlocks if each.gains == gains]
        lines += [Text(f"\n{title}", "bold"), *(Text(f"{each.people:>9,}  {says(each)}") for each in mine[:MOST])]
        lines += [Text(f"           and {len(mine) - MOST} more, on the page", "dim")] if len(mine) > MOST else []
        lines += [] if mine else [Text(f"           {NOTHING}")]
    for title, columns, rows, left in (
        ("Channels", WAYS[:-1], way_rows(found), 3),
        ("Products", PRODUCTS, product_rows(found), 1),
    ):
        table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
        for place, head in enumerate(columns):
            table.add_column(head, justify="left" if place < left else "right", overflow="fold")
        for row in rows:
            table.add_row(*row[: len(columns)])
        lines += [Text(f"\n{title}", "bold"), table]
    return Group(*lines)


def assessed_page(found: Assessment, *, workspace: str) -> str:
    """The same as Markdown."""
    sections = [f"# {title(found, workspace=workspace)}", headline(found)]
    sections += ["\n".join(f"- **{line}**" for line in warnings(found))]
    for gains, told in TITLES.items():
        mine = [each for each in found.unlocks if each.gains == gains]
        rows = [(f"{each.people:,}", says(each)) for each in mine]
        sections += [f"## {told}", markdown_table(("people", "one thing more"), rows, {0}) if rows else NOTHING]
    sections += ["## Channels", markdown_table(WAYS, list(way_rows(found)), {3, 4, 5, 6, 7, 8})]
    sections += ["## Products", markdown_table(PRODUCTS, list(product_rows(found)), {1, 2, 3, 4, 5, 6})]
    return "\n\n".join(section for section in (*sections, *legend()) if section) + "\n"


TITLES = {
    "people": "What one thing more would reach: people who get nothing now",
    "detail": "What one thing more would tell: people whose message could say more",
}


def title(found: Assessment, *, workspace: str) -> str:
    """What the page is called."""
    return f"{workspace}: what can be done, {found.as_of}"


def headline(found: Assessment) -> str:
    """How many people there are, and how many are reached."""
    return (
        f"Of {found.people:,} customers of all brands live products of marketing name {found.reachable:,} today; "
        f"{found.served:,} of these are told something, or held out by lot."
    )


def warnings(found: Assessment) -> Iterator[str]:
    """What a person should look at."""
    for each in found.products:
        if each.is_below and each.status == "draft":
            yield (
                f"{each.product} is a draft, and could tell {each.fall.passed:,} people something today: its floor is "
                f"{each.floor:,}. Leave it a draft, or find more whom it helps."
            )
        elif each.is_below:
            yield (
                f"{each.product} has reached {each.lately:,} people in thirty days, and would reach {each.fall.passed:,} today: "
                f"its floor is {each.floor:,}. Widen its segment, or retire it."
            )


def says(each: Unlock) -> str:
    """One capability, where, and which products it is for."""
    products = ", ".join(f"{name} {count:,}" for name, count in each.products.items())
    return f"{_thing(each)}, for {each.brand}: {products}"


def _thing(each: Unlock) -> str:
    if each.kind == "consent":
        channel, _, topic = each.what.partition(", ")
        asked = f" ({each.asked:,} were asked, and have not answered)" if each.asked else ""
        return f"a yes to {topic} by {channel}{asked}"
    if each.kind == "address":
        return _ADDRESSES.get(each.what, each.what)
    return {
        "channel": f"the channel {each.what}: a target, and words in these products",
        "source": f"a fresher source of {each.what}",
        "language": f"words in the language '{each.what}', live and signed",
        "dimension": f"{each.what}, which is not known of them",
        "permission": f"a consent to use {each.what}, or a lawful basis",
    }[each.kind]


def way_rows(found: Assessment) -> Iterator[tuple[str, ...]]:
    """A line for each brand and channel."""
    for each in found.ways:
        counts = (each.customers, each.addressable, each.consented, each.refused, each.named, each.fresh)
        yield each.brand, each.channel, each.target or "none", *(f"{count:,}" for count in counts), known(each)


def known(each: Way) -> str:
    """Of what share of the people whom a help is for which dimension can be used."""
    return ", ".join(f"{name} {count / each.named:.0%}" for name, count in each.filled.items()) if each.named else "–"


def product_rows(found: Assessment) -> Iterator[tuple[str, ...]]:
    """A line for each product."""
    for each in found.products:
        yield (
            each.product if each.status == "live" else f"{each.product} ({each.status})",
            *(f"{count:,}" for count in (each.fall.base, each.fall.passed, each.lately, each.floor, each.branches)),
            tax(each),
        )


def tax(each: Reach) -> str:
    """How many of its wordings almost nobody reads."""
    return f"{each.edges:,} ({each.edges / each.branches:.0%})" if each.branches and each.fall.passed else "–"


def legend() -> Sequence[str]:
    """How to read it."""
    capabilities = (
        "Each capability is given to everybody who lacks it, alone, and all is decided again. Who wants for two things at once "
        "is counted under neither; of whom either of two would do, under both, so the numbers do not add up. A no that somebody "
        "has said stays a no. Who would be held out, by lot, is counted."
    )
    channels = (
        "Channels: of the brand's customers those with a good address, those of them who may be told something of marketing, who "
        "has said no to some of it, for whom a live product has a help that may go this way, and of whom nothing of it is too "
        "old; known: of what share of these each dimension can be used."
    )
    products = (
        "Products: rows of the segment, for whom it is today's best help (of service: any), who got it in thirty days, and the "
        "`floor` of product.yaml. Wordings: the sides of the conditions in its template files; edge cases are those that fewer "
        "than 1 % of the people told today would read."
    )
    limits = (
        "Everything is as of today before anything was delivered; crowds, budgets and shared addresses, which a plan looks at "
        "over everybody, are not taken off. What is still in the inbox is not known yet."
    )
    return capabilities, channels, products, limits
