"""What a run looks like to people, as Markdown: where everybody went, what leaves for where, and what came of it.

Counts, names of products, targets and folders only: it is kept where Prefect keeps its artifacts.
"""

from __future__ import annotations

import base64
import shlex
from collections import Counter
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from flows.pages.sentences import (
    by_budgets,
    by_caps,
    by_hours,
    helps_chosen,
    reviews_due,
    rolled,
    tests_kept,
    to_seeds,
    variants_adapted,
    without_facts,
    words_unsigned,
)
from flows.reasons import CODES, MEANING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from flows.counts import Count, LeftOut, Waterfall
    from flows.line.request import Delivered
    from flows.line.surveying import Counted
    from flows.plan import Plan

_LABEL_WIDTH, _BAR_WIDTH, _NUMBER_WIDTH, _ROW_HEIGHT = 190, 320, 90, 22
_PASSED, _STAYED, _INK, _PAPER = "#0f766e", "#cbd5e1", "#0f172a", "#ffffff"


def plan_page(plan: Plan, *, workspace: str) -> str:
    """A settled plan to look at: a chart, both waterfalls, and the counts per product and target."""
    order = plan.order
    people = {kind: waterfall for kind, waterfall in plan.people.items() if waterfall.base}
    charts = [f"![{kind}: where everybody went]({chart(kind, waterfall)})" for kind, waterfall in people.items()]
    sections = [
        f"# {workspace}, {order.as_of}: {_number(plan.people_count)} get something",
        f"Plan `{order.run_id}`, good until {plan.expires_at:%Y-%m-%d %H:%M} UTC.",
        *(f"**{name} is left out**: its review date has passed." for name in order.overdue),
        *(f"**{name} is paused**: {why}." for name, why in order.paused.items()),
        *(f"**{what} is stopped** {said}." for what, said in order.stopped.items()),
        *words_unsigned(order),
        *reviews_due(order),
        *tests_kept(order),
        *variants_adapted(order),
        *helps_chosen(plan),
        *charts,
        "## People",
        waterfalls(plan.people, "get something"),
        "## Deliveries",
        waterfalls(plan.deliveries, "can leave"),
        *rolled(plan),
        *audiences(plan.left_out),
        *by_caps(plan.capped),
        *by_budgets(plan.prices),
        *by_hours(plan),
        *without_facts(plan.missed),
        *to_seeds(order.seeds),
        "## By product and target",
        counts_table(plan.counts),
    ]
    return "\n\n".join(sections) + "\n"


def to_deliver(plan: Plan, folder: str) -> str:
    """The next step after a plan that was only made: how to deliver just this one."""
    run_id, people = plan.order.run_id, plan.people_count
    folder = shlex.quote(folder)
    form = f"-p workspace={folder} -p what='deliver a plan' -p run_id={run_id} -p expect={people}"
    past = " --allow-past" if plan.order.moment.is_past else ""
    form += " -p allow_past=true" if past else ""
    return (
        "\n## Nothing was delivered\n\nTo deliver what you see here, or less, never more:\n\n"
        f"```\njustenough deliver {run_id} --expect {people}{past} --workspace {folder}\n```\n\nor\n\n"
        f"```\nprefect deployment run personalise/manual {form}\n```\n"
    )


def delivery_page(delivered: Delivered, *, workspace: str) -> str:
    """What came of a delivery: a line for each target and brand."""
    plan = delivered.plan
    rows = [
        (
            batch.target,
            batch.brand,
            f"`{batch.folder.name}`" if batch.folder else "stopped" if batch.stopped else "nothing new",
            _number(batch.rows),
            _number(batch.removed),
            _number(batch.unchanged),
            ", ".join(f"{_number(count)} {reason}" for reason, count in batch.dropped.items()),
        )
        for batch in delivered.published
    ]
    columns = ("target", "brand", "batch", "rows", "of these removed", "unchanged", "fallen away since the plan")
    text = f"# {workspace}, {plan.order.as_of}: {outcome_line(delivered)}\n\nPlan `{plan.order.run_id}`.\n\n"
    text += markdown_table(columns, rows, numbers={3, 4, 5})
    ways = [
        (f"`{each.batch_id}`", each.to, each.state, each.reason or "")
        for each in (*delivered.recalled.carried, *(each for batch in delivered.published for each in batch.carried))
    ]
    if delivered.recalled.batches:
        named = [(f"`{name}`", _number(count)) for name, count in delivered.recalled.batches.items()]
        text += f"\n\n{markdown_table(('called back by', 'messages'), named, {1})}"
    if ways:
        text += f"\n\n{markdown_table(('batch', 'to', 'is', 'because'), ways, set())}"
    if delivered.stopped:
        text += f"\n\n**A part of it waits:** {'; '.join(delivered.stopped)}"
    if delivered.held:
        text += f"\n\n**These wait for a person:** {', '.join(f'`{batch}`' for batch in delivered.held)}"
    return text + "\n"


def as_pages(pages: Sequence[Path], workspace: Path) -> str:
    """Where pages are, on the machine of the run: a browser opens no file for a page that came from a server."""
    named = [f"`{page.relative_to(workspace) if page.is_relative_to(workspace) else page}`" for page in pages]
    if not named:
        return ""
    made = "`justenough preview PRODUCT` makes the page of a product."
    return f"\n## As pages\n\nIn the workspace's folder: {', '.join(named)}. {made}\n"


def outcome_line(delivered: Delivered) -> str:
    """What was delivered, in a few words."""
    appeared = [batch for batch in delivered.published if batch.folder]
    rows = sum(batch.rows for batch in appeared)
    if not appeared:
        return "nothing, since it is stopped" if delivered.stopped else "nothing new to deliver"
    return f"{_number(rows)} rows in {len(appeared)} batch{'es' if len(appeared) > 1 else ''}"


def waterfalls(found: dict[str, Waterfall], passed: str) -> str:
    """Message types side by side with the base, what passed, and each reason; each column adds up.

    Args:
        found: message type -> waterfall.
        passed: what those are called that no reason stopped.
    """
    kinds = [kind for kind in found if found[kind].base]
    if not kinds:
        return "There is nothing to show."
    reasons = [code for code in CODES if any(code in found[kind].reasons for kind in kinds)]
    rows: list[Sequence[str]] = [("all", "", *(_number(found[kind].base) for kind in kinds))]
    rows += [
        (reason, MEANING[reason], *(_number(found[kind].reasons.get(reason, 0)) for kind in kinds))
        for reason in reasons
    ]
    rows += [(f"**{passed}**", "", *(f"**{_number(found[kind].passed)}**" for kind in kinds))]
    return markdown_table(("", "because", *kinds), rows, numbers=set(range(2, 2 + len(kinds))))


def audiences(found: Sequence[LeftOut]) -> list[str]:
    """Whom campaigns that run anyway are to leave out, if anybody."""
    rows = [
        (row.audience, row.brand, row.target, f"`{row.code}`", _number(row.base), _number(row.passed)) for row in found
    ]
    columns = ("audience", "brand", "target", "called there", "named", "handed over")
    return ["## Left out of other campaigns", markdown_table(columns, rows, {4, 5})] if rows else []


def counts_table(counts: Iterable[Count]) -> str:
    """Planned deliveries by product, target and brand; below it, folded, by variant and facts."""
    counts = list(counts)
    if not counts:
        return "Nothing is planned."
    rows = [(*place, _number(total)) for place, total in by_target(counts).items()]
    finer = [
        (
            count.product,
            count.target,
            count.brand,
            count.variant or "",
            ", ".join(count.facts) or "none",
            _number(count.rows),
        )
        for count in counts
    ]
    columns = ("product", "target", "brand", "variant", "customer data used", "deliveries")
    folded = (
        f"<details><summary>by variant and by the customer data used</summary>\n\n{markdown_table(columns, finer, {5})}"
    )
    return f"{markdown_table(('product', 'target', 'brand', 'deliveries'), rows, {3})}\n\n{folded}\n\n</details>"


def by_target(counts: Iterable[Count | Counted]) -> dict[tuple[str, str, str], int]:
    """Product, target and brand, in their order -> deliveries of them, of whatever kind."""
    totals: Counter[tuple[str, str, str]] = Counter()
    for each in counts:
        totals[each.product, each.target, each.brand] += each.rows
    return dict(sorted(totals.items()))


def chart(title: str, waterfall: Waterfall) -> str:
    """A bar for what passed and one for each reason, as an SVG data URI: Prefect's pages show no other pictures of ours."""
    bars = [("get something", waterfall.passed, _PASSED)]
    bars += [(reason, count, _STAYED) for reason, count in waterfall.reasons.items()]
    longest = max((count for _, count, _ in bars), default=0) or 1
    width, height = _LABEL_WIDTH + _BAR_WIDTH + _NUMBER_WIDTH, _ROW_HEIGHT * (len(bars) + 1) + 8
    drawn = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            f' font-family="sans-serif" font-size="13" fill="{_INK}">'
            f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>'
            f'<text x="8" y="18" font-weight="bold">{escape(title)}: {_number(waterfall.base)}</text>'
        )
    ]
    for place, (label, count, colour) in enumerate(bars, start=1):
        top = _ROW_HEIGHT * place + 4
        length = max(round(_BAR_WIDTH * count / longest), 1)
        drawn.append(
            f'<text x="{_LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{_LABEL_WIDTH}" y="{top + 3}" width="{length}" height="{_ROW_HEIGHT - 6}" fill="{colour}"/>'
            f'<text x="{_LABEL_WIDTH + length + 6}" y="{top + 15}">{_number(count)}</text>'
        )
    encoded = base64.b64encode(("".join(drawn) + "</svg>").encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: set[int]) -> str:
    """A Markdown table; the columns at the places `numbers` are set to the right."""
    ruler = ["---:" if place in numbers else "---" for place in range(len(columns))]
    lines = [columns, ruler, *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(count: int) -> str:
    return f"{count:,}"
