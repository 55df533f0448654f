"""What products have changed, as a page by itself: it asks nothing of anywhere else, and runs nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flows.pages.charts import chart
from flows.pages.effects import COLUMNS, NUMBERS, called, legend, refusals, sentences, stopped, table_rows
from flows.pages.proposals import proposed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.learning.products import LedgerReadout, ProductReadout

_STYLE = """
:root{color-scheme:light;font:16px/1.5 system-ui,sans-serif;color:#0f172a;background:#fff}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
h2{margin:2.5rem 0 .25rem}.called{font-weight:600;margin:0 0 .5rem}.bad{color:#b91c1c;font-weight:600}
svg{max-width:100%;height:auto}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;white-space:nowrap}
th,td{padding:.25rem .6rem;border-bottom:1px solid #e2e8f0;text-align:left}
.number{text-align:right;font-variant-numeric:tabular-nums}.unsure{color:#64748b}footer{margin-top:3rem;font-size:.85rem;color:#475569}
"""
_BAD, _UNSURE, _NUMBER = (f' class="{name}"' for name in ("bad", "unsure", "number"))
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def readout_html(found: LedgerReadout, *, workspace: str) -> str:
    """The whole page."""
    body = "".join(f"<p{_BAD}>{escape(line)}</p>" for line in stopped(found))
    body += "".join(part for product in found.products for part in _section(product))
    return page(f"{workspace}: what products have changed, {found.as_of}", body, legend(found))


def page(title: str, body: str, foot: Iterable[str], *, style: str = "") -> str:
    """A page by itself.

    Args:
        title: as text.
        body: as it stands in it.
        foot: lines of text.
        style: of this page alone.
    """
    title = escape(title)
    lines = "".join(f"<p>{escape(line)}</p>" for line in foot)
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="viewport" content="width=device-width">'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"{head}<title>{title}</title><style>{_STYLE}{style}</style></head>"
        f"<body><h1>{title}</h1>{body}<footer>{lines}</footer></body></html>\n"
    )


def _section(product: ProductReadout) -> Iterator[str]:
    yield f'<section><h2>{escape(product.product)}</h2><p class="called">{escape(called(product))}</p>'
    for line, is_bad in sentences(product):
        yield f"<p{_BAD if is_bad else ''}>{escape(line)}</p>"
    for line in proposed(product):
        yield f'<p class="called">{escape(line)}</p>'
    yield chart(product)
    rows = list(table_rows(product))
    if rows:
        heads = "".join(f"<th{_class(place)}>{escape(head)}</th>" for place, head in enumerate(COLUMNS))
        yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
        for row in rows:
            cells = "".join(f"<td{_class(place)}>{escape(cell)}</td>" for place, cell in enumerate(row))
            yield f"<tr{'' if row[-1] else _UNSURE}>{cells}</tr>"
        yield "</tbody></table></div>"
    lines = "".join(f"<li>{escape(line)}</li>" for line in refusals(product))
    yield f"{f'<ul>{lines}</ul>' if lines else ''}</section>"


def _class(place: int) -> str:
    return _NUMBER if place in NUMBERS else ""
