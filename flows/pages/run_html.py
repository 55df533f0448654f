"""A run as a page: where everybody went, what leaves, what has changed, what it costs, what was guarded, and some messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.creep import WARN_FROM
from flows.pages.artifacts import by_target
from flows.pages.charts import WATERFALL_STYLE, waterfall_chart
from flows.pages.layout import Html, element, joined, page, table
from flows.pages.messages_html import CHANNEL_NAMES, FOOT, STYLE, seen
from flows.pages.sentences import (
    by_budgets,
    by_caps,
    by_hours,
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.counts import Waterfall
    from flows.line.request import Published
    from flows.line.surveying import Overview
    from flows.plan import Plan

MOST_BYTES = 450_000
"""What a page may weigh: of more messages than go into it the last ones are left out."""
_MOST_KINDS = 400
_STYLE = f"{STYLE}{WATERFALL_STYLE}.charts{{display:flex;flex-wrap:wrap;gap:1rem 2rem}}h3{{margin:1.5rem 0 .25rem}}"


def run_html(found: Overview, published: Sequence[Published] = (), *, workspace: str) -> str:
    """The whole page.

    Args:
        found: the plan, looked at.
        published: each target and brand that it was delivered to; none where it was only planned.
        workspace: its name.
    """
    plan = found.plan
    title = f"{workspace}, {plan.order.as_of}: {_number(plan.people_count)} get something"
    body = joined(
        *_about(found, published),
        *_waterfalls("People", "get something", plan.people),
        *_waterfalls("Deliveries", "can leave", plan.deliveries),
        *_changes(found),
        *_counts(found),
        *_sends(found),
        *_guards(found),
    )
    shown = [(channel, product, article) for channel, product, article in _articles(found)]
    room = MOST_BYTES - len(body.encode())
    while sum(len(article.encode()) for _, _, article in shown) > room:
        shown.pop()
    return page(title, joined(body, *_gallery(shown)), FOOT, style=_STYLE)


def _about(found: Overview, published: Sequence[Published]) -> Iterator[Html]:
    plan, order = found.plan, found.plan.order
    yield element("p", f"Plan {order.run_id}, good until {plan.expires_at:%Y-%m-%d %H:%M} UTC.")
    bad = [f"{name} is left out: its review date has passed." for name in order.overdue]
    bad += [f"{name} is paused: {why}." for name, why in order.paused.items()]
    bad += [*stops_told(order), *words_unsigned(order)]
    yield from (element("p", line, class_="bad") for line in (*bad, *reviews_due(order)))
    yield from (
        element("p", line)
        for line in (*tests_kept(order), *variants_adapted(order), *helps_chosen(plan), *_notes(plan))
    )
    if published:
        yield element("h2", "Delivered")
        heads = ("batch", "brand", "rows", "of these removed", "unchanged", "fallen away since the plan")
        yield table("Delivered", heads, map(_batch, published), {2, 3, 4})
    elif not found.plan.people_count:
        yield element("p", "There is nothing to deliver.")


def _batch(batch: Published) -> tuple[str, ...]:
    name = f"{batch.target}/{batch.folder.name}" if batch.folder else f"{batch.target}: nothing new"
    fallen = ", ".join(f"{_number(count)} {reason}" for reason, count in batch.dropped.items())
    return name, batch.brand, _number(batch.rows), _number(batch.removed), _number(batch.unchanged), fallen


def _notes(plan: Plan) -> list[str]:
    """What the plan says of itself, but for what a section of its own shows."""
    missed = [*rolled(plan), *left_out(plan.left_out), *by_caps(plan.capped), *by_hours(plan)]
    return [*missed, *without_facts(plan.missed), *to_seeds(plan.order.seeds)]


def _waterfalls(called: str, passed: str, found: Mapping[str, Waterfall]) -> Iterator[Html]:
    kinds = {kind: fall for kind, fall in found.items() if fall.base}
    yield element("h2", called)
    if not kinds:
        yield element("p", "There is nothing to show.")
        return
    charts = (Html(waterfall_chart(f"{called}, {kind}", fall, passed)) for kind, fall in kinds.items())
    yield element("div", *charts, class_="charts")
    rows = [("all", "", *(_number(fall.base) for fall in kinds.values()))]
    for code in CODES:
        counts = [fall.reasons.get(code, 0) for fall in kinds.values()]
        if any(counts):
            rows.append((code, MEANING[code], *(_number(-count) for count in counts)))
    rows.append((passed, "", *(_number(fall.passed) for fall in kinds.values())))
    yield table(called, ("", "because", *kinds), rows, range(2, 2 + len(kinds)))


def _changes(found: Overview) -> Iterator[Html]:
    yield element("h2", "What has changed")
    if found.since is None:
        yield element("p", "No earlier plan of the same kind is kept.")
        return
    yield element("p", f"Against the plan {found.since}, by people (and, of service, subjects).")
    heads = ("channel", "product", "now", "new", "told something else before", "dropped", "told something else now")
    rows = [
        (row.channel, row.product, *map(_number, (row.now, row.new, row.switched, row.dropped, row.left)))
        for row in found.changes
    ]
    yield table("What has changed", heads, rows, range(2, 7))


def _counts(found: Overview) -> Iterator[Html]:
    yield element("h2", "By product and target")
    totals = by_target(found.counts)
    if not totals:
        yield element("p", "Nothing is planned.")
        return
    rows = [(*place, _number(total)) for place, total in totals.items()]
    yield table("By product and target", ("product", "target", "brand", "deliveries"), rows, {3})
    finer = [
        (
            each.product,
            each.target,
            each.brand,
            each.variant or "",
            ", ".join(each.facts) or "none",
            str(each.level),
            each.language,
            _number(each.rows),
        )
        for each in found.counts[:_MOST_KINDS]
    ]
    heads = ("product", "target", "brand", "variant", "facts used", "detail level", "language", "deliveries")
    called = "By variant, facts, detail level and language"
    more = len(found.counts) - len(finer)
    rest = [element("p", f"{more:,} kinds more are not shown.")] if more else []
    yield element("details", element("summary", called), table(called, heads, finer, {5, 7}), *rest)


def _sends(found: Overview) -> Iterator[Html]:
    yield element("h2", "What is sent, and what it costs")
    if not found.sends:
        yield element("p", "Nothing is sent.")
        return
    rows = [
        (
            row.channel,
            _number(row.messages),
            f"{_number(row.units)} segments" if row.channel == "sms" else _number(row.units),
            "not set" if row.price is None else f"{row.price:g}",
            "" if row.cost is None else f"{row.cost:,.2f}",
        )
        for row in found.sends
    ]
    known = [row.cost for row in found.sends if row.cost is not None]
    rows += [("together", "", "", "", f"{sum(known):,.2f}")] if known else []
    yield table(
        "What is sent, and what it costs", ("channel", "messages", "paid for", "price", "cost"), rows, range(1, 5)
    )
    yield from (element("p", line) for line in by_budgets(found.plan.prices))


def _guards(found: Overview) -> Iterator[Html]:
    plan, order = found.plan, found.plan.order
    yield element("h2", "What was guarded")
    exposed = sum(fall.reasons.get("EXPOSED", 0) for fall in (*plan.people.values(), *plan.deliveries.values()))
    yield element("p", f"{_number(exposed)} were shown too much lately, and get nothing for it (EXPOSED).")
    if plan.crowds:
        heads = ("channel", "people who share the facts, at least", "fewest", "show fewer facts for it", "cannot leave")
        crowds = [
            (row.channel, _floor(row.floor), _some(row.smallest), _number(row.lowered), _number(row.barred))
            for row in plan.crowds
        ]
        yield element("h3", "Crowds")
        yield table("Crowds", heads, crowds, range(1, 5))
    if order.creep:
        told = sorted(order.creep.items(), key=lambda each: (-each[1], each[0]))
        scores = [(file, str(score), "high" if score >= WARN_FROM else "") for file, score in told]
        yield element("h3", "Creep")
        yield table("Creep", ("words", "score, of 100", ""), scores, {1})
    yield element("h3", "Sources")
    sources = [
        (name, _number(rows), _some(found.rows_before.get(name)), order.source_ages.get(name, ""))
        for name, rows in order.source_rows.items()
    ]
    yield table("Sources", ("table", "rows", "rows before", "age of the newest"), sources, {1, 2})
    yield from (
        element("p", f"The suppression list of {name} was compared {age} ago.") for name, age in order.list_ages.items()
    )


def _floor(floor: int) -> str:
    return _number(floor) if floor else "any number"


def _articles(found: Overview) -> Iterator[tuple[str, str, Html]]:
    for number, product, message in found.samples:
        named = ", ".join((f"Customer {number}", message.brand, message.locale, *message.variants))
        uses = " ".join(message.facts[0])
        article = seen(
            message, found.phrases, named=f"{named} → {message.target}", data_product=product, data_uses=uses
        )
        yield message.channel, product, article


def _gallery(shown: Iterable[tuple[str, str, Html]]) -> Iterator[Html]:
    """Some messages, by product and channel, each channel folded."""
    places: dict[str, dict[str, list[Html]]] = {}
    for channel, product, article in shown:
        places.setdefault(product, {}).setdefault(channel, []).append(article)
    if not places:
        return
    yield element("h2", "Some messages")
    yield element("p", "Drawn by chance. Customers have numbers here, for this page alone.")
    for product, channels in places.items():
        yield element("h3", product)
        for channel, articles in channels.items():
            called = f"{product}: {CHANNEL_NAMES[channel].lower()}"
            yield element("details", element("summary", called), *articles)


def _number(count: int) -> str:
    return f"{count:,}".replace("-", "−")


def _some(count: int | None) -> str:
    return "" if count is None else _number(count)
