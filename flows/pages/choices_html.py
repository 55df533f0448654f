"""What was learned of helps, as a page: ways to choose, who would switch and why, exploration's price, how true scores are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.pages import calibrations, choices
from flows.pages.charts import HARM, SURE, UNSURE, Span, calibration_chart, spans_chart
from flows.pages.layout import Html, element, joined, page, table
from flows.pages.sentences import points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.learning.choices import Read
    from flows.learning.policies.helps import Found, Way
    from flows.learning.policies.values import Estimate
    from flows.line.calibrating import Calibration


def learned_html(found: Read, scores: Calibration, *, workspace: str) -> str:
    """The whole page."""
    body = joined(*_ways(found), *_scores(scores))
    foot = [choices.LEGEND, f"{found.explore:.0%} of people are given one of the helps that are open to them by lot."]
    return page(f"{workspace}: what was learned of helps, {found.as_of}", body, foot)


def _ways(found: Read) -> Iterator[Html]:
    told = found.found
    if told is None:
        yield element("p", "Too few people whose time is over are known yet, so nothing can be told.", class_="called")
        return
    yield element("p", choices.proposed(found), class_="called")
    yield element(
        "p", f"{told.people:,} people until {found.until}; {found.outcome} within {found.within_days:g} days."
    )
    yield element("h2", "Choosing by more or less of what is known")
    title = f"More {found.outcome} than by the rules, by how many contexts each help is chosen by"
    yield Html(spans_chart(title, [_span(way) for way in told.ways if way.verdict != "RULES"], "as by the rules"))
    if told.switches:
        yield element("h2", "Who would switch")
        rows = [
            (each.by_rules, each.instead or "nothing", f"{each.share:.1%}", points(each.more)) for each in told.switches
        ]
        yield table("Who would switch", ("by the rules", "instead", "of people", f"more {found.outcome}"), rows, {2, 3})
    yield from _why(told)
    yield element("h2", "Exploration's price")
    yield element("p", choices.price_of_lots(found, told))
    yield Html(
        spans_chart("Who is given a help by lot, against the rules", [_of("by lot", told.by_lot)], "as by the rules")
    )


def _why(found: Found) -> Iterator[Html]:
    """What each help does, in each cell of what it depends on."""
    if not found.tables:
        return
    yield element("h2", "Why: what each help does, and for whom")
    furthest = max(
        abs(more) for each in found.tables.values() for more in (each.for_all, *(more for _, more in each.cells))
    )
    for name, each in found.tables.items():
        spans = [Span("for all", each.for_all, 0.0, each.for_all, _colour(each.for_all))]
        for values, more in each.cells:
            label = ", ".join(f"{context} {value}" for context, value in zip(each.contexts, values, strict=True))
            spans.append(Span(label, more, min(0.0, more), max(0.0, more), _colour(more)))
        yield element("h3", name)
        yield Html(
            spans_chart(f"{name}: how many more have the outcome than without it", spans, "does nothing", furthest)
        )


def _scores(found: Calibration) -> Iterator[Html]:
    yield element("h2", "How true scores are")
    yield element("p", calibrations.proposed(found), class_="called")
    for name, each in found.fits.items():
        yield element("h3", name)
        yield from (element("p", line) for line in calibrations.errors(each))
        yield Html(calibration_chart(name, each.by_rules, each.learned))
    yield element("p", "Hollow: by the rules. Full: as learned, of people of whom the weights know nothing.")


def _span(way: Way) -> Span:
    return _of(way.name, way.more, f", {way.switched_share:.0%} switch")


def _of(label: str, found: Estimate, said: str = "") -> Span:
    colour = SURE if found.sign > 0 else HARM if found.sign < 0 else UNSURE
    return Span(label, found.value, found.low, found.high, colour, said)


def _colour(share: float) -> str:
    return SURE if share > 0 else HARM
