"""What products have changed, as a page by itself: it asks nothing of anywhere else, and runs nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from flows.pages.charts import chart, shares_chart
from flows.pages.effects import COLUMNS, NUMBERS, called, legend, refusals, sentences, stopped, table_rows
from flows.pages.layout import page
from flows.pages.proposals import proposed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.learning.products import LedgerReadout, ProductReadout

_BAD, _UNSURE, _NUMBER = (f' class="{name}"' for name in ("bad", "unsure", "number"))


def readout_html(found: LedgerReadout, *, workspace: str) -> str:
    """The whole page."""
    body = "".join(f"<p{_BAD}>{escape(line)}</p>" for line in stopped(found))
    body += "".join(part for product in found.products for part in _section(product))
    return page(f"{workspace}: what products have changed, {found.as_of}", body, legend(found))


def _section(product: ProductReadout) -> Iterator[str]:
    yield f'<section><h2>{escape(product.product)}</h2><p class="called">{escape(called(product))}</p>'
    for line, is_bad in sentences(product):
        yield f"<p{_BAD if is_bad else ''}>{escape(line)}</p>"
    for line in proposed(product):
        yield f'<p class="called">{escape(line)}</p>'
    yield chart(product)
    yield shares_chart(product)
    rows = list(table_rows(product))
    if rows:
        heads = "".join(f"<th{_class(place)}>{escape(head)}</th>" for place, head in enumerate(COLUMNS))
        whole = escape(f"{product.product}: what has changed")
        yield f'<div class="wide" tabindex="0" role="region" aria-label="{whole}">'
        yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
        for row in rows:
            cells = "".join(f"<td{_class(place)}>{escape(cell)}</td>" for place, cell in enumerate(row))
            yield f"<tr{'' if row[-1] else _UNSURE}>{cells}</tr>"
        yield "</tbody></table></div>"
    lines = "".join(f"<li>{escape(line)}</li>" for line in refusals(product))
    yield f"{f'<ul>{lines}</ul>' if lines else ''}</section>"


def _class(place: int) -> str:
    return _NUMBER if place in NUMBERS else ""
