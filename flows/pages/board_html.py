"""All products together, month by month, as a page to print: it asks nothing of anywhere else, and runs nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flows.pages.board import about, columns, decisions, headlines, legend, metrics, month_rows, refusals, title
from flows.pages.charts import months_chart
from flows.pages.layout import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.learning.board import Board

_STYLE = """
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:1rem 0 .25rem}.headline{font-weight:600;margin:.15rem 0}
.charts,.beside{display:flex;flex-wrap:wrap;gap:2rem}.charts section{flex:1}.beside section:last-child{flex:1;min-width:16rem}
ul{padding-left:1.2rem;margin:.25rem 0}td:nth-last-child(4){white-space:normal}
@page{size:A4 landscape;margin:10mm}
@media print{:root{font-size:11px}body{margin:0;max-width:none}.charts svg{max-height:40mm}tr{break-inside:avoid}}
"""


def board_html(found: Board, *, workspace: str) -> str:
    """The whole page."""
    return page(title(found, workspace=workspace), "".join(_body(found)), (), style=_STYLE)


def _body(found: Board) -> Iterator[str]:
    yield from (f'<p class="headline">{escape(line)}</p>' for line in headlines(found))
    yield from (f"<p>{escape(line)}</p>" for line in about(found))
    yield _listed(refusals(found))
    pictures = {name: picture for name in metrics(found) if (picture := months_chart(found, name))}
    drawn = (
        f"<section><h2>More {escape(name)}, by month</h2>{picture}</section>" for name, picture in pictures.items()
    )
    yield f'<div class="charts">{"".join(drawn)}</div>'
    yield f'<div class="beside">{_table(found)}<section><h2>Decisions that wait</h2>{_listed(decisions(found))}'
    yield f"<h2>How to read it</h2>{_listed(legend(found))}</section></div>"


def _table(found: Board) -> str:
    rows = "".join(_row(row, "td") for row in month_rows(found))
    if not rows:
        return ""
    heads = _row(columns(found), "th")
    return f"<section><h2>By month</h2><table><thead>{heads}</thead><tbody>{rows}</tbody></table></section>"


def _row(cells: Iterable[str], tag: str) -> str:
    told = (f"<{tag}{' class=number' if place else ''}>{escape(cell)}</{tag}>" for place, cell in enumerate(cells))
    return f"<tr>{''.join(told)}</tr>"


def _listed(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""
