"""What can be done today, and what one missing thing would add, as a page: bars, channels, and each product's wordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.pages.assessed import (
    NOTHING,
    PRODUCTS,
    TITLES,
    WAYS,
    headline,
    legend,
    product_rows,
    says,
    tax,
    title,
    warnings,
    way_rows,
)
from flows.pages.charts import WATERFALL_STYLE, bars_chart, waterfall_chart
from flows.pages.layout import Html, element, joined, page, table
from flows.reasons import CODES, MEANING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.line.assessing import Assessment, Reach
    from flows.line.branching import File

MOST_BARS = 12
_FILES = ("wording", "people of its language", "read it", "in 30 days", "go another way", "get nothing, and why")
_SIDES = ("wording", "where", "read by", "")
_STYLE = "details{margin:.5rem 0 1rem}summary{cursor:pointer;font-weight:600}.edge{font-weight:600}"


def assessed_html(found: Assessment, *, workspace: str) -> str:
    """The whole page."""
    style = f"{WATERFALL_STYLE}{_STYLE}"
    return page(title(found, workspace=workspace), joined(*_body(found)), legend(), style=style)


def _body(found: Assessment) -> Iterator[Html]:
    yield element("p", headline(found), class_="called")
    yield from (element("p", line, class_="bad") for line in warnings(found))
    for gains, told in TITLES.items():
        mine = [each for each in found.unlocks if each.gains == gains]
        yield element("h2", told)
        if not mine:
            yield element("p", NOTHING)
            continue
        bars = [(f"{each.kind}: {each.what}, {each.brand}", each.people) for each in mine[:MOST_BARS]]
        yield Html(bars_chart(told, bars))
        yield table(told, ("people", "one thing more"), [(f"{each.people:,}", says(each)) for each in mine], {0})
    yield element("h2", "Channels")
    yield table("Channels", WAYS, list(way_rows(found)), {3, 4, 5, 6, 7, 8})
    yield element("h2", "Products")
    yield table("Products", PRODUCTS, list(product_rows(found)), {1, 2, 3, 4, 5, 6})
    for each in found.products:
        yield from _product(each)
    yield element("h2", "Why people get nothing")
    yield table("Reasons", ("reason", "what it means"), list(_reasons(found)))


def _product(each: Reach) -> Iterator[Html]:
    yield element("h3", each.product)
    yield Html(waterfall_chart(f"{each.product}: where the rows of its segment go", each.fall, "told"))
    if not each.files:
        return
    yield element("p", f"Wordings that somebody keeps: {each.branches:,}; that almost nobody would read: {tax(each)}.")
    yield table(f"{each.product}: wordings", _FILES, [_file(file) for file in each.files], {1, 2, 3, 4})
    rows = [_side(file, place) for file in each.files for place in range(len(file.sides))]
    if rows:
        inside = table(f"{each.product}: sides of conditions", _SIDES, rows, {2})
        yield element("details", element("summary", "Every side of their conditions"), inside)


def _file(file: File) -> tuple[str, ...]:
    fall, told = file.fall, file.fall.reasons
    away = [f"{code} {told[code]:,}" for code in sorted(told, key=lambda code: -told[code]) if code in CODES]
    others = sum(count for code, count in told.items() if code not in CODES)
    counts = (fall.base, fall.passed, file.lately, others)
    return file.file, *(f"{count:,}" for count in counts), ", ".join(away)


def _side(file: File, place: int) -> tuple[str, ...]:
    side = file.sides[place]
    told = "almost nobody" if side.is_edge else ""
    edge = element("span", told, class_="edge") if told else ""
    return file.file, side.asks if side.holds else f"else, of: {side.asks}", f"{side.people:,}", edge


def _reasons(found: Assessment) -> Iterator[tuple[str, str]]:
    """The reasons that stand on the page, with what they mean."""
    told = {code for each in found.products for code in each.fall.reasons}
    told |= {code for each in found.products for file in each.files for code in file.fall.reasons}
    yield from ((code, MEANING[code]) for code in CODES if code in told)
