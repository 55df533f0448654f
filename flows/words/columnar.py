"""The expressions that Polars evaluates itself: those over fields that may have as many values as there are customers.

Each rule holds for the column types it names only; anything else is left to Jinja2, which is always right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
from jinja2 import nodes

from flows.words.creatives import escaped

Schema = Mapping[str, pl.DataType]


def printed_by_column(node: nodes.Node, schema: Schema, *, is_html: bool) -> pl.Expr | None:
    """What an expression prints, as a column: a text or whole-number field, or one with a text in its place if absent."""
    if isinstance(node, nodes.Name) and schema[node.name].is_integer():
        return pl.col(node.name).cast(pl.String).fill_null("")
    text = _text(node, schema)
    if text is None:
        return None
    return escaped(text) if is_html else text


def _text(node: nodes.Node, schema: Schema) -> pl.Expr | None:
    field, fallback, when_empty = node, "", False
    if isinstance(node, nodes.Or):
        if not _is_text(node.right):
            return None
        field, fallback, when_empty = node.left, node.right.value, True  # type: ignore[attr-defined]
    elif isinstance(node, nodes.Filter) and node.name == "default" and not node.kwargs and len(node.args) == 1:
        if not _is_text(node.args[0]):
            return None
        field, fallback = node.node, node.args[0].value  # type: ignore[assignment, attr-defined]
    if not isinstance(field, nodes.Name) or schema[field.name] != pl.String:
        return None
    column = pl.col(field.name).fill_null(pl.lit(fallback))
    return pl.when(column == "").then(pl.lit(fallback)).otherwise(column) if when_empty else column


def _is_text(node: nodes.Node | None) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def true_by_column(node: nodes.Node, schema: Schema) -> pl.Expr | None:
    """Whether an expression is true, as a column without nulls."""
    rule = _RULES.get(type(node))
    return None if rule is None else rule(node, schema)


def _field(node: nodes.Name, schema: Schema) -> pl.Expr | None:
    column, dtype = pl.col(node.name), schema[node.name]
    if dtype == pl.String:
        return (column != "").fill_null(value=False)
    if dtype == pl.Boolean:
        return column.fill_null(value=False)
    if dtype.is_integer() or dtype.is_float():
        return (column != 0).fill_null(value=False)
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return column.is_not_null()
    if isinstance(dtype, pl.List):
        return (column.list.len() > 0).fill_null(value=False)
    return None


def _not(node: nodes.Not, schema: Schema) -> pl.Expr | None:
    inner = true_by_column(node.node, schema)
    return None if inner is None else ~inner


def _both(node: nodes.And | nodes.Or, schema: Schema) -> pl.Expr | None:
    left, right = true_by_column(node.left, schema), true_by_column(node.right, schema)
    if left is None or right is None:
        return None
    return left & right if isinstance(node, nodes.And) else left | right


def _test(node: nodes.Test, schema: Schema) -> pl.Expr | None:
    if node.name == "none" and isinstance(node.node, nodes.Name) and schema[node.node.name] != pl.Null:
        return pl.col(node.node.name).is_null()
    return None


def _compare(node: nodes.Compare, schema: Schema) -> pl.Expr | None:
    if not isinstance(node.expr, nodes.Name) or schema[node.expr.name] != pl.String or len(node.ops) != 1:
        return None
    column, operand = pl.col(node.expr.name), node.ops[0]
    if operand.op in {"eq", "ne"} and _is_text(operand.expr):
        equal = (column == pl.lit(operand.expr.value)).fill_null(value=False)  # type: ignore[attr-defined]
        return equal if operand.op == "eq" else ~equal
    if operand.op in {"in", "notin"} and isinstance(operand.expr, (nodes.List, nodes.Tuple)):
        if not all(map(_is_text, operand.expr.items)):
            return None
        texts = pl.Series([item.value for item in operand.expr.items], dtype=pl.String)  # type: ignore[attr-defined]
        among = column.is_in(texts.implode()).fill_null(value=False)
        return among if operand.op == "in" else ~among
    return None


_RULES: Mapping[type[nodes.Node], Callable[..., pl.Expr | None]] = {
    nodes.Name: _field,
    nodes.Not: _not,
    nodes.And: _both,
    nodes.Or: _both,
    nodes.Test: _test,
    nodes.Compare: _compare,
}
