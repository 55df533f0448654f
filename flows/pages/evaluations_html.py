"""What ways to choose would have come to, as a page: value against the number of dimensions, and who would switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.pages.charts import HARM, SURE, UNSURE, Span, spans_chart
from flows.pages.evaluations import LEGEND, proposed
from flows.pages.layout import Html, element, joined, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.learning.policies.evaluation import Choice, Evaluation


def evaluated_html(found: Evaluation) -> str:
    """The whole page."""
    return page(f"Which help for whom: {found.outcome}", joined(*_body(found)), [LEGEND])


def _body(found: Evaluation) -> Iterator[Html]:
    yield element("p", proposed(found), class_="called")
    others = [each for each in found.choices if each.verdict != "BEST_CONSTANT"]
    for outcome in found.choices[0].values:
        yield element("h2", outcome)
        title = f"More {outcome} than by '{found.best}' for all"
        yield Html(spans_chart(title, [_span(each, outcome) for each in others], f"as '{found.best}' for all"))
    yield element("h2", "Who would switch, and by what they are told apart")
    rows = [(each.name, f"{each.switched_share:.0%}", _told(each)) for each in others]
    yield table("Who would switch", ("choose by", "get another arm", "by"), rows, {1})


def _span(choice: Choice, outcome: str) -> Span:
    apart = choice.differences[outcome]
    colour = SURE if apart.sign > 0 else HARM if apart.sign < 0 else UNSURE
    return Span(choice.name, apart.value, apart.low, apart.high, colour, f", {choice.switched_share:.0%} switch")


def _told(choice: Choice) -> str:
    """By which contexts each arm is chosen."""
    found = (f"{arm} by {', '.join(names)}" for arm, names in choice.dimensions.items() if names)
    return "; ".join(found) or {"rule": "the rule", "constant": "nothing"}.get(choice.kind, "nothing")
