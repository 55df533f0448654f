"""What runs when, as a page: a bar for each product over the days, the messages of each week, and clashes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flows.pages.layout import Html, element, joined, page, table
from flows.pages.schedule import blackouts, channels, clashes, problems, spans, volumes, weekly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.line.scheduling import Calendar

LABEL, PLOT, ROW, FOOT = 170, 720, 26, 30
APART = 60
"""Between two dates below the bars, so that neither runs into the other."""
_STYLE = """
.days text{fill:currentColor;font:13px system-ui,sans-serif}.days .run{fill:light-dark(#0f766e,#2dd4bf)}
.days .quiet{fill:light-dark(#fee2e2,#7f1d1d)}.days .month{stroke:light-dark(#cbd5e1,#475569)}
.days{max-width:none}
"""


def schedule_html(found: Calendar, *, workspace: str) -> str:
    """The whole page."""
    return page(f"{workspace}: what runs from {found.as_of} to {found.until}", joined(*_body(found)), (), style=_STYLE)


def _body(found: Calendar) -> Iterator[Html]:
    yield from (element("p", line, class_="bad") for line in problems(found))
    yield from (element("p", line) for line in blackouts(found))
    yield element("div", _bars(found), class_="wide", tabindex=0, role="region", aria_label="The days of each product")
    rows = [(entry.product, entry.message_type, spans(entry.runs), volumes(entry)) for entry in found.entries]
    yield table("What runs when", ("product", "type", "days", "messages a day, lately"), rows)
    weeks, names = weekly(found), channels(found)
    if weeks:
        yield element("h2", "Messages to be expected, by week")
        counts = [(f"{first}", *(f"{of.get(name, 0):,.0f}" for name in names)) for first, of in weeks.items()]
        yield table("Messages by week", ("week from", *names), counts, set(range(1, len(names) + 1)))
    yield element("h2", "Clashes")
    yield element("ul", *(element("li", line) for line in clashes(found)))


def _bars(found: Calendar) -> Html:
    days = (found.until - found.as_of).days + 1
    height = ROW * len(found.entries) + FOOT
    said = escape(f"The days of {len(found.entries)} products; the table below has each")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="days" width="{LABEL + PLOT}" height="{height}"'
            f' viewBox="0 0 {LABEL + PLOT} {height}" role="img" aria-label="{said}"><title>{said}</title>'
        )
    ]

    def at(day: int) -> float:
        return LABEL + PLOT * day / days

    for each in found.blackouts:
        first, last = (max(0, min(days - 1, (end - found.as_of).days)) for end in each)
        parts.append(
            f'<rect x="{at(first):.1f}" y="0" width="{at(last + 1) - at(first):.1f}" height="{height - FOOT}" class="quiet"/>'
        )
    told = -APART
    for day in range(days):
        date = found.as_of.fromordinal(found.as_of.toordinal() + day)
        if date.day == 1 or not day:
            parts.append(f'<line x1="{at(day):.1f}" x2="{at(day):.1f}" y1="0" y2="{height - FOOT + 6}" class="month"/>')
            if at(day) - told >= APART:
                parts.append(f'<text x="{at(day):.1f}" y="{height - 6}">{date:%-d %b}</text>')
                told = int(at(day))
    for place, entry in enumerate(found.entries):
        y = ROW * place
        parts.append(f'<text x="{LABEL - 10}" y="{y + 17}" text-anchor="end">{escape(entry.product)}</text>')
        for run in entry.runs:
            first, last = ((end - found.as_of).days for end in run)
            parts.append(
                f'<rect x="{at(first):.1f}" y="{y + 4}" width="{at(last + 1) - at(first):.1f}" height="{ROW - 8}" class="run"/>'
            )
    return Html("".join((*parts, "</svg>")))
