"""One sheet for all pages: each is a file by itself that asks nothing of anywhere else and runs nothing, in light and dark.

Whatever is put into a page is text, and escaped, unless it was made here (`Html`).
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
:root{color:light-dark(#0f172a,#e2e8f0);background:light-dark(#fff,#0f172a)}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
h2{margin:2.5rem 0 .25rem}.called{font-weight:600;margin:0 0 .5rem}.bad{color:light-dark(#b91c1c,#fca5a5);font-weight:600}
svg{max-width:100%;height:auto}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;white-space:nowrap}
th,td{padding:.25rem .6rem;border-bottom:1px solid light-dark(#e2e8f0,#334155);text-align:left}
.number{text-align:right;font-variant-numeric:tabular-nums}.unsure{color:light-dark(#64748b,#94a3b8)}
footer{margin-top:3rem;font-size:.85rem;color:light-dark(#475569,#94a3b8)}
:focus-visible{outline:3px solid light-dark(#0369a1,#7dd3fc);outline-offset:2px}
@media print{:root{color-scheme:light}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_VOID = frozenset({"br", "input"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, /, *inside: str, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        tag: its name.
        inside: what stands in it: HTML, or text, which is escaped.
        attributes: by their names, `_` for `-`, and `class_`, `for_`; True stands without a value, None and False not at all.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    end = "" if tag in _VOID else f"{joined(*inside)}</{tag}>"
    return Html(f"<{tag}{told}>{end}")


def joined(*parts: str) -> Html:
    """HTML and text, which is escaped, one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(called: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = ()) -> Html:
    """A table, which goes sideways by itself where the screen is narrow, with the keyboard too.

    Args:
        called: what it is, for who does not see it.
        heads: above the columns.
        rows: cells, as text or HTML.
        numbers: the columns, by their places, that are set to the right.
    """

    def row(cells: Sequence[str], tag: str) -> Html:
        classes = ("number" if place in numbers else None for place in range(len(cells)))
        return element("tr", *(element(tag, cell, class_=kind) for cell, kind in zip(cells, classes, strict=True)))

    head, body = element("thead", row(heads, "th")), element("tbody", *(row(cells, "td") for cells in rows))
    return element("div", element("table", head, body), class_="wide", tabindex=0, role="region", aria_label=called)


def page(title: str, body: str, foot: Iterable[str], *, style: str = "") -> str:
    """A page by itself.

    Args:
        title: as text.
        body: as it stands in it: HTML.
        foot: lines of text.
        style: of this page alone.
    """
    title = escape(title)
    lines = "".join(f"<p>{escape(line)}</p>" for line in foot)
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="viewport" content="width=device-width">'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"{head}<title>{title}</title><style>{_STYLE}{style}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main><footer>{lines}</footer></body></html>\n"
    )


def _attribute(key: str, value: str | float | bool) -> str:  # noqa: FBT001
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
