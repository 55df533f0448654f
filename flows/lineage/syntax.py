"""SQL's syntax as lineage needs it: which parts of it can be traced, and what stands in the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.errors import StatementError
from flows.warehouse.statements import is_aggregate

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNTRACEABLE = (
    (exp.Columns, "COLUMNS(…)", "name the columns"),
    (exp.Pivot, "PIVOT and UNPIVOT", "use sum(…) FILTER (WHERE …), or UNION ALL"),
    (exp.Lateral, "LATERAL", "join a CTE instead"),
    (exp.MatchRecognize, "MATCH_RECOGNIZE", "use windows"),
    (exp.Comprehension, "a list comprehension", "use list_transform and list_filter"),
    (exp.TableColumn, "a whole row as one value", "name the columns that you need"),
)


def untraceable(node: exp.Expr, name: str, what: str, hint: str) -> StatementError:
    """The refusal of a part of a statement in the file `name`."""
    return StatementError(f"{name}:{line_of(node)}", f"{what} cannot be traced", hint)


def line_of(node: exp.Expr) -> int:
    """The line of the first name in it; 1 where it names nothing."""
    lines = [part.meta["line"] for part in node.find_all(exp.Identifier) if "line" in part.meta]
    return min(lines, default=1)


def check_written(tree: exp.Expr, name: str) -> None:
    """Refuse what changes, before any name is looked up, where rows or columns come from in ways that are not followed."""
    for node in tree.walk():
        if isinstance(node, exp.With) and node.args.get("recursive"):
            raise untraceable(node, name, "WITH RECURSIVE", "write the levels out")
        if isinstance(node, exp.Join) and node.method:
            raise untraceable(node, name, f"{node.method} JOIN", "join ON a condition, and choose the row by QUALIFY")
        if isinstance(node, exp.Join) and node.kind in ("SEMI", "ANTI") and not node.args.get("on"):
            raise untraceable(node, name, f"{node.kind} JOIN without ON", "write ON and its condition")
        if isinstance(node, exp.SetOperation) and (node.args.get("by_name") or node.args.get("on")):
            raise untraceable(node, name, f"{node.key.upper()} BY NAME", "put the columns of both into one order")
        if isinstance(node, exp.Table) and node.alias_column_names:
            raise untraceable(
                node, name, "a table with other names for its columns", "rename them as they are selected"
            )


def flatten_joins(select: exp.Select) -> None:
    """Write `FROM (a JOIN b …) JOIN c …`, which is how DuckDB keeps a view, as `FROM a JOIN b … JOIN c …`."""
    clause, joins = select.args.get("from_") or select.args.get("from"), list[exp.Join]()
    source = clause.this if clause else None
    while isinstance(source, exp.Subquery) and not source.alias and isinstance(source.this, exp.Subquery | exp.Table):
        joins = [*(source.args.get("joins") or []), *joins]
        source = source.this
    if clause and isinstance(source, exp.Table) and source is not clause.this:
        joins = [*(source.args.get("joins") or []), *joins]
        source.set("joins", None)
        clause.set("this", source)
        select.set("joins", [*joins, *(select.args.get("joins") or [])])


def check_flat(tree: exp.Expr, name: str) -> None:
    """Refuse joins in parentheses that `flatten_joins` has left."""
    for node in tree.find_all(exp.Table, exp.Subquery):
        if node.args.get("joins") or (isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table)):
            raise untraceable(node, name, "a join in parentheses", "join one after the other, or put it into a CTE")


def check_qualified(tree: exp.Expr, name: str) -> None:
    """Refuse what is left, once every column has its table, and is none."""
    for node in tree.walk():
        for kind, what, hint in _UNTRACEABLE:
            if isinstance(node, kind):
                raise untraceable(node, name, what, hint)
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count | exp.Select):
            raise untraceable(node.parent or node, name, "a star in an expression", "name the columns that you need")


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that all have to hold; none of no clause."""
    if node is None:
        return []
    condition = node.this if isinstance(node, exp.Where | exp.Having | exp.Qualify) else node
    condition = condition.unnest()
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def sides_of(condition: exp.Expr) -> list[exp.Column]:
    """The columns on both sides of `a.x = b.y`; none of any other condition."""
    condition = condition.unnest()
    if not isinstance(condition, exp.EQ):
        return []
    left, right = columns_of(condition.this.unnest()), columns_of(condition.expression.unnest())
    return [*left, *right] if left and right else []


def columns_of(node: exp.Expr) -> list[exp.Column]:
    """A column, or those of the `coalesce(a.x, b.x)` that a USING column stands for; none of anything else."""
    if isinstance(node, exp.Column):
        return [node]
    parts = [node.this, *node.expressions] if isinstance(node, exp.Coalesce) else []
    return parts if all(isinstance(part, exp.Column) for part in parts) else []


def puts_rows_together(node: exp.Expr) -> bool:
    """Whether it has an aggregate or a window of its own, not one in a subquery."""
    if isinstance(node, exp.Window) or is_aggregate(node):
        return True
    return any(puts_rows_together(child) for child in node.iter_expressions() if not isinstance(child, exp.Query))


def makes_rows(node: exp.Expr) -> bool:
    """Whether it makes several rows of one: UNNEST."""
    return node.find(exp.Explode, exp.Unnest) is not None


def parameters_around(node: exp.Expr) -> Iterator[str]:
    """The names of the parameters of the lambda functions that it stands in."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, exp.Lambda):
            yield from (parameter.name for parameter in node.expressions)


def told_by(identity: exp.Expr) -> list[exp.Column]:
    """The columns that a subject_id is put together of, so that it tells each: a column, or several with text between them."""
    value = identity.unalias().unnest()
    if isinstance(value, exp.Column):
        return [value]
    if isinstance(value, exp.Cast):
        return told_by(value.this)
    if isinstance(value, exp.DPipe | exp.Concat | exp.ConcatWs):
        parts = [part for part in value.iter_expressions() if not isinstance(part, exp.Literal)]
        found = [told_by(part) for part in parts]
        return [column for columns in found for column in columns] if all(found) else []
    return []
