"""Differences as a picture: for each a dot, and the interval in which it lies. SVG by our own hand."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from flows.reasons import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.counts import Waterfall
    from flows.learning.board import Board, Effect
    from flows.learning.effects import Compared
    from flows.learning.products import ProductReadout
    from flows.learning.relevance import Bin

MONTH_WIDTH, PLOT_HEIGHT, MARGIN = 84, 150, 20
LABEL_WIDTH, PLOT_WIDTH, NUMBER_WIDTH, ROW_HEIGHT = 330, 360, 190, 24
FALL_LABEL, FALL_WIDTH, FALL_NUMBER = 180, 240, 80
WATERFALL_STYLE = """
.waterfall text{fill:currentColor;font:13px system-ui,sans-serif}.waterfall .title{font-weight:700}
.waterfall .all{fill:light-dark(#64748b,#94a3b8)}.waterfall .stayed{fill:light-dark(#cbd5e1,#475569)}
.waterfall .passed{fill:light-dark(#0f766e,#2dd4bf)}
"""
"""Of waterfalls, which stand in a page and have its colours."""
DAY_WIDTH, MOST_DAYS = 12, 60
VARIANTS = ("#0f766e", "#b45309", "#4338ca", "#be185d", "#4d7c0f", "#64748b")
"""Of arms that stand on each other."""
SURE, UNSURE, HARM, INK, PAPER = "#0f766e", "#94a3b8", "#b91c1c", "#0f172a", "#ffffff"


def chart(product: ProductReadout) -> str:
    """The differences in shares, of everybody who was decided for, as SVG; an empty text where there is no answer."""
    rows = [
        each
        for each in product.compared
        if each.basis == "intention" and each.contrast.always is not None and each.role != "value"
    ]
    if not rows:
        return ""
    title = f"{product.product}: differences in points of a per cent, each with the interval that holds at every look"
    spans = [
        Span(
            f"{each.contrast.metric}, {each.contrast.arm} – {each.control}",
            each.contrast.difference or 0.0,
            *_ends(each),
            UNSURE if not each.contrast.is_sure else HARM if _is_harm(each) else SURE,
            ", sure" if each.contrast.is_sure else "",
        )
        for each in rows
    ]
    return spans_chart(title, spans, "no difference")


@dataclass(frozen=True)
class Span:
    """A share with the interval in which it lies, and what stands after its number."""

    label: str
    value: float
    low: float
    high: float
    colour: str
    said: str = ""


def spans_chart(title: str, spans: Sequence[Span], zero: str, furthest: float | None = None) -> str:
    """Shares as dots on their intervals, as SVG.

    Args:
        title: what they are.
        spans: from the top down.
        zero: what the line in the middle means.
        furthest: what lies at either side; None: the furthest of these.
    """
    furthest = furthest or max((abs(end) for each in spans for end in (each.low, each.high)), default=0.0) or 1.0
    width, height = LABEL_WIDTH + PLOT_WIDTH + NUMBER_WIDTH, ROW_HEIGHT * (len(spans) + 1)
    middle, said = LABEL_WIDTH + PLOT_WIDTH / 2, escape(title)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{said}" font-family="sans-serif" font-size="13" fill="{INK}"><title>{said}</title>'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
            f'<line x1="{middle}" x2="{middle}" y1="4" y2="{height - ROW_HEIGHT}" stroke="{INK}" stroke-dasharray="2 3"/>'
            f'<text x="{middle}" y="{height - 6}" text-anchor="middle">{escape(zero)}</text>'
        )
    ]
    for place, each in enumerate(spans):
        y = ROW_HEIGHT * place + ROW_HEIGHT / 2
        low, high, dot = (middle + PLOT_WIDTH / 2 * at / furthest for at in (each.low, each.high, each.value))
        parts.append(
            f'<text x="{LABEL_WIDTH - 10}" y="{y + 4}" text-anchor="end">{escape(each.label)}</text>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{each.colour}" stroke-width="3"/>'
            f'<circle cx="{dot:.1f}" cy="{y}" r="5" fill="{each.colour}"/>'
            f'<text x="{LABEL_WIDTH + PLOT_WIDTH + 10}" y="{y + 4}">{100 * each.value:+.2f} pt{escape(each.said)}</text>'
        )
    return "".join((*parts, "</svg>"))


def calibration_chart(title: str, by_rules: Sequence[Bin], learned: Sequence[Bin]) -> str:
    """Scores beside what happened, as SVG: true ones lie on the diagonal; those of the rules are hollow."""
    most = max((side for each in (*by_rules, *learned) for side in (each.expected, each.seen)), default=0.0) or 1.0
    side, said = PLOT_WIDTH, escape(f"{title}: what scores say, and how often it happened")
    width, height = side + 4 * MARGIN, side + 4 * MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{said}" font-family="sans-serif" font-size="13" fill="{INK}"><title>{said}</title>'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
            f'<line x1="{2 * MARGIN}" y1="{side + MARGIN}" x2="{side + 2 * MARGIN}" y2="{MARGIN}" stroke="{INK}"'
            f' stroke-dasharray="2 3"/><text x="{2 * MARGIN}" y="{height - MARGIN}">score, up to {most:.1%}</text>'
            f'<text x="{2 * MARGIN}" y="{MARGIN - 6}">happened, up to {most:.1%}</text>'
        )
    ]
    for bins, is_learned in ((by_rules, False), (learned, True)):
        for each in bins:
            x, y = 2 * MARGIN + side * each.expected / most, MARGIN + side * (1 - each.seen / most)
            fill = SURE if is_learned else PAPER
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{SURE if is_learned else HARM}"/>'
            )
    return "".join((*parts, "</svg>"))


def picture_uri(svg: str) -> str:
    """A picture as a data URI: Prefect's pages show no other pictures of ours."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def months_chart(board: Board, metric: str) -> str:
    """What all products together have changed in each month, as SVG; an empty text where there is no answer."""
    found = [
        (each.month, effect) for each in reversed(board.months) for effect in each.effects if effect.metric == metric
    ]
    found = [(month, effect) for month, effect in found if effect.interval is not None]
    if not found:
        return ""
    ends = [end for _, effect in found for end in (*_reach(effect), 0.0)]
    low, high = min(ends), max(ends)
    scale = PLOT_HEIGHT / ((high - low) or 1.0)
    width, height = MONTH_WIDTH * len(found) + 2 * MARGIN, PLOT_HEIGHT + 4 * MARGIN
    title = escape(f"{metric}, by month: more than without any message, with the interval at 95 %")
    zero = MARGIN + high * scale
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{title}" font-family="sans-serif" font-size="13" fill="{INK}"><title>{title}</title>'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
            f'<line x1="{MARGIN}" x2="{width - MARGIN}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="{INK}" stroke-dasharray="2 3"/>'
        )
    ]
    for place, (month, effect) in enumerate(found):
        x = MARGIN + MONTH_WIDTH * (place + 0.5)
        top, bottom = (zero - end * scale for end in reversed(_reach(effect)))
        dot = zero - (effect.more or 0.0) * scale
        colour = UNSURE if not effect.is_clear else HARM if (effect.more or 0.0) < 0 else SURE
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}" stroke-width="3"/>'
            f'<circle cx="{x}" cy="{dot:.1f}" r="5" fill="{colour}"/>'
            f'<text x="{x}" y="{height - 1.5 * MARGIN}" text-anchor="middle">{month:%b %Y}</text>'
            f'<text x="{x}" y="{height - 0.5 * MARGIN}" text-anchor="middle">{effect.more or 0.0:+,.0f}</text>'
        )
    return "".join((*parts, "</svg>"))


def shares_chart(product: ProductReadout) -> str:
    """By which shares variants were drawn, as SVG: a bar of 100 % for each of the last days; empty where they are fixed."""
    if product.allocation is None:
        return ""
    daily = sorted(product.allocation.daily.items())[-MOST_DAYS:]
    names = sorted({name for _, shares in daily for name in shares})
    colours = {name: VARIANTS[place % len(VARIANTS)] for place, name in enumerate(names)}
    width, height = max(DAY_WIDTH * len(daily), LABEL_WIDTH) + 2 * MARGIN, PLOT_HEIGHT + ROW_HEIGHT * (len(names) + 2)
    title = escape(f"{product.product}: by which shares its variants were drawn, from {daily[0][0]} to {daily[-1][0]}")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{title}" font-family="sans-serif" font-size="13" fill="{INK}"><title>{title}</title>'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
        )
    ]
    for place, (_, shares) in enumerate(daily):
        top = float(ROW_HEIGHT)
        for name in names:
            tall = PLOT_HEIGHT * shares.get(name, 0.0)
            parts.append(
                f'<rect x="{MARGIN + DAY_WIDTH * place}" y="{top:.1f}" width="{DAY_WIDTH - 2}" height="{tall:.1f}"'
                f' fill="{colours[name]}"/>'
            )
            top += tall
    for place, name in enumerate(names):
        y, last = PLOT_HEIGHT + ROW_HEIGHT * (place + 2), daily[-1][1].get(name, 0.0)
        parts.append(
            f'<rect x="{MARGIN}" y="{y - 11}" width="12" height="12" fill="{colours[name]}"/>'
            f'<text x="{MARGIN + 20}" y="{y}">{escape(name)}: {last:.0%} on {daily[-1][0]}</text>'
        )
    return "".join((*parts, "</svg>"))


def waterfall_chart(title: str, fall: Waterfall, passed: str) -> str:
    """Where a base went, as SVG: a bar for all, one for each reason, which begins where the one above ends, and one for the rest.

    Args:
        title: what it is about.
        fall: the base, the reasons and what passed.
        passed: what those are called that no reason stopped.
    """
    bars, left = [("all", fall.base, 0, "all")], fall.base
    for code in (code for code in CODES if fall.reasons.get(code)):
        left -= fall.reasons[code]
        bars.append((code, fall.reasons[code], left, "stayed"))
    bars.append((passed, fall.passed, 0, "passed"))
    scale = FALL_WIDTH / (fall.base or 1)
    width, height = FALL_LABEL + FALL_WIDTH + FALL_NUMBER, ROW_HEIGHT * (len(bars) + 1)
    said = escape(f"{title}: of {fall.base:,} {fall.passed:,} {passed}; the table below has each reason")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="waterfall" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img" aria-label="{said}"><title>{said}</title>'
            f'<text x="0" y="16" class="title">{escape(title)}</text>'
        )
    ]
    for place, (label, count, start, kind) in enumerate(bars, start=1):
        y, x, length = ROW_HEIGHT * place, FALL_LABEL + start * scale, max(count * scale, 1)
        parts.append(
            f'<text x="{FALL_LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="{ROW_HEIGHT - 8}" class="{kind}"/>'
            f'<text x="{x + length + 6:.1f}" y="{y + 16}">{count:,}</text>'
        )
    return "".join((*parts, "</svg>"))


def bars_chart(title: str, bars: Sequence[tuple[str, int]]) -> str:
    """Counts as bars, as SVG, from the top down; it has the style of waterfalls.

    Args:
        title: what they are.
        bars: what each is called, and its count.
    """
    scale = PLOT_WIDTH / (max((count for _, count in bars), default=0) or 1)
    width, height = LABEL_WIDTH + PLOT_WIDTH + FALL_NUMBER, ROW_HEIGHT * len(bars)
    said = escape(f"{title}; the table below has each")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="waterfall" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img" aria-label="{said}"><title>{said}</title>'
        )
    ]
    for place, (label, count) in enumerate(bars):
        y, length = ROW_HEIGHT * place, max(count * scale, 1)
        parts.append(
            f'<text x="{LABEL_WIDTH - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{y + 4}" width="{length:.1f}" height="{ROW_HEIGHT - 8}" class="passed"/>'
            f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{y + 16}">{count:,}</text>'
        )
    return "".join((*parts, "</svg>"))


def _reach(effect: Effect) -> tuple[float, float]:
    ends = effect.interval
    return (ends.low or 0.0, ends.high or 0.0) if ends else (0.0, 0.0)


def _ends(each: Compared) -> tuple[float, float]:
    always = each.contrast.always
    return (always.low or 0.0, always.high or 0.0) if always else (0.0, 0.0)


def _is_harm(each: Compared) -> bool:
    """More of a guardrail, or less of a success."""
    return ((each.contrast.difference or 0.0) > 0) == (each.role == "guardrail")
