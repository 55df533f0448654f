"""SQL -> the columns of the warehouse that decide each value, and those that decide who is in it.

Plain column lineage follows expressions. Here a value depends on whatever can change it for the person it is about: also on the
conditions under which its row was read (predicates in CTEs, subqueries and arms of a union; joins that look something up;
windows, groups and the order in them). The conditions of the outermost SELECT are apart: they say whom the segment targets.

Two things change nothing for one person, and so count for nothing: that rows are tied together by the person's own key (and
the brand), and conditions of the outermost SELECT that look at those keys alone, which a person fulfils or does not.

Source: DESIGN §6, rules 2, 3 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from flows.errors import StatementError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flows.lineage.shape import Shape

ROW = "*"
"""The name of what is no column: that a table has a row of the person at all."""


@dataclass(frozen=True, order=True)
class Column:
    """A column of the warehouse, or with the name `*` the existence of a row; `line` is where the SQL first reads it."""

    table: str
    name: str
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"a row of {self.table}" if self.name == ROW else f"{self.table}.{self.name}"


Columns = frozenset[Column]
NOTHING: Columns = frozenset()


@dataclass(frozen=True)
class Lineage:
    """What a query's values depend on.

    Attributes:
        columns: output column -> what decides its value, for a person who is in the result.
        targeted: what decides who is in the result.
    """

    columns: Mapping[str, Columns]
    targeted: Columns


@dataclass(frozen=True)
class _Relation:
    """What a FROM clause reads: a table, or the rows of a query.

    Attributes:
        columns: column -> what decides its value.
        rows: what decides which rows there are.
        units: the columns that hold the person's own key or the brand, unchanged.
        is_single: whether there is at most one row per person and brand.
    """

    columns: Mapping[str, Columns]
    rows: Columns
    units: frozenset[str]
    is_single: bool


def trace(text: str, name: str, shape: Shape) -> Lineage:
    """Trace a query that `check_statement` has let pass.

    Args:
        text: one SELECT.
        name: the file that errors name.
        shape: the tables that it reads.

    Raises:
        StatementError: something in it cannot be traced; names the line where known.
    """
    tracer = _Tracer(text, name, shape)
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
        tracer.check(tree)
        tables = {table: dict.fromkeys(columns, "unknown") for table, columns in shape.tables.items()}
        qualified = qualify(tree, dialect="duckdb", schema=tables, quote_identifiers=False)
        scope = build_scope(qualified)
    except SqlglotError as problem:
        what = str(problem).split(". Line", 1)[0]
        hint = "name the table before the column, as in o.ordered_at; DuckDB's SQL applies"
        raise StatementError(name, f"this cannot be traced: {what}", hint) from None
    except RecursionError:
        raise StatementError(name, "this is nested too deeply to be traced", "split it into CTEs") from None
    assert scope is not None  # noqa: S101 - a query has one
    return tracer.outermost(scope)


_UNTRACEABLE = (
    (exp.Columns, "COLUMNS(…)", "name the columns"),
    (exp.Pivot, "PIVOT and UNPIVOT", "use sum(…) FILTER (WHERE …), or UNION ALL"),
    (exp.Lateral, "LATERAL", "join a CTE instead"),
    (exp.MatchRecognize, "MATCH_RECOGNIZE", "use windows"),
)


class _Tracer:
    """One statement. Queries in FROM and in WITH are traced once; those in expressions each time, as they see the outside."""

    def __init__(self, text: str, name: str, shape: Shape) -> None:
        self.text, self.name, self.shape = text, name, shape
        self._known: dict[int, _Relation] = {}

    def check(self, tree: exp.Expr) -> None:
        """Refuse what changes where rows or columns come from in ways that are not followed here."""
        for node in tree.walk():
            for kinds, what, hint in _UNTRACEABLE:
                if isinstance(node, kinds):
                    self.refuse(node, what, hint)
            if isinstance(node, exp.With) and node.args.get("recursive"):
                self.refuse(node, "WITH RECURSIVE", "write the levels out")
            if isinstance(node, exp.Join) and node.method:
                self.refuse(node, f"{node.method} JOIN", "join ON a condition, and choose the row by QUALIFY")

    def outermost(self, scope: Scope) -> Lineage:
        if isinstance(scope.expression, exp.SetOperation):
            relation = self.relation(scope)
            columns = {name: found | relation.rows for name, found in relation.columns.items()}
            return Lineage(columns, relation.rows)
        select = _Select(self, scope, None)
        relation = select.relation()
        return Lineage(relation.columns, relation.rows)

    def relation(self, scope: Scope, outside: _Select | None = None) -> _Relation:
        key = id(scope)
        if outside is None and key in self._known:
            return self._known[key]
        if isinstance(scope.expression, exp.SetOperation):
            found = self._union(scope, outside)
        elif isinstance(scope.expression, exp.Select):
            found = _Select(self, scope, outside).relation()
        else:
            found = self._list(scope, outside)
        if outside is None:
            self._known[key] = found
        return found

    def _union(self, scope: Scope, outside: _Select | None) -> _Relation:
        arms = [self.relation(arm, outside) for arm in scope.set_operation_scopes]
        rows = frozenset().union(*(arm.rows for arm in arms))
        left, *others = arms
        if isinstance(scope.expression, exp.Except | exp.Intersect):
            rows = rows.union(*(found for arm in arms for found in arm.columns.values()))
        columns = {
            name: frozenset().union(*(list(arm.columns.values())[place] for arm in arms))
            for place, name in enumerate(left.columns)
        }
        units = {
            name
            for place, name in enumerate(left.columns)
            if all(list(arm.columns)[place] in arm.units for arm in arms)
        }
        return _Relation(columns, rows, frozenset(units), is_single=False)

    def _list(self, scope: Scope, outside: _Select | None) -> _Relation:
        """VALUES, or UNNEST of an expression."""
        expression = scope.expression
        inputs = [node for node in expression.find_all(exp.Column)]
        if inputs and outside is None:
            self.refuse(expression, "a list of another table's column", "unnest it in the SELECT clause of a CTE")
        names = expression.alias_column_names
        return _Relation(dict.fromkeys(names, NOTHING), NOTHING, frozenset(), is_single=False)

    def table(self, table: exp.Table) -> _Relation:
        name = table.name
        shape = self.shape
        known = next((other for other in shape.tables if other.lower() == name.lower()), None)
        if known is None:
            self.refuse(table, f"'{name}'", "read tables of the catalogue")
        line = self.line(table)
        if known in shape.impersonal:
            columns = {column: frozenset({Column(known, column)}) for column in shape.tables[known]}
            return _Relation(columns, NOTHING, frozenset({"brand"} & columns.keys()), is_single=False)
        row = frozenset({Column(known, ROW, line)}) if known not in shape.everybody else NOTHING
        key = shape.keys.get(known)
        columns = {
            column: row if column == key else frozenset({Column(known, column)}) for column in shape.tables[known]
        }
        units = {column for column in columns if column == key or column.lower() == "brand"}
        return _Relation(columns, row, frozenset(units), is_single=known in shape.everybody)

    def line(self, node: exp.Expr) -> int:
        """Of the first name in it, by its offset: the parser's own count of lines goes wrong after comments."""
        starts = [part.meta["start"] for part in node.find_all(exp.Identifier) if "start" in part.meta]
        return self.text.count("\n", 0, min(starts)) + 1 if starts else 1

    def refuse(self, node: exp.Expr, what: str, hint: str) -> NoReturn:
        raise StatementError(f"{self.name}:{self.line(node)}", f"{what} cannot be traced", hint)


class _Select:
    """One SELECT: its sources, and what its conditions make each of them depend on.

    `burden` of a source is what decides which of its rows stands beside the person's others: the conditions that join it, or
    that choose among its rows. It is found by going over the conditions until nothing is added, because a condition may read
    a source that itself bears a burden.
    """

    def __init__(self, tracer: _Tracer, scope: Scope, outside: _Select | None) -> None:
        self.tracer, self.scope, self.outside = tracer, scope, outside
        self.select: exp.Select = scope.expression
        self.queries = {id(inner.expression): inner for inner in scope.subquery_scopes}
        self.sources: dict[str, _Relation] = {}
        for alias, (_, source) in scope.selected_sources.items():
            self.sources[alias] = tracer.table(source) if isinstance(source, exp.Table) else tracer.relation(source)
        joins = self.select.args.get("joins") or []
        self.conditions = list(_conjuncts(self.select.args.get("where")))
        self.lookups: list[tuple[str, exp.Expr]] = []
        self.optional: set[str] = set()
        for join in joins:
            alias = join.alias_or_name
            on = list(_conjuncts(join.args.get("on")))
            if join.side in ("LEFT", "FULL"):
                self.optional.add(alias)
            if join.side in ("RIGHT", "FULL"):
                self.optional |= self.sources.keys() - {alias}
            if join.side:
                looked_up = self.sources.keys() if join.side == "FULL" else {alias}
                looked_up = self.sources.keys() - {alias} if join.side == "RIGHT" else looked_up
                self.lookups += [(other, condition) for other in looked_up for condition in on]
            else:
                self.conditions += on
        self.burden: dict[str, Columns] = dict.fromkeys(self.sources, NOTHING)
        self._bear()

    def _bear(self) -> None:
        while True:
            before = dict(self.burden)
            for condition in self.conditions:
                if self._ties(condition):
                    continue
                found = self.needs(condition)
                for alias in self._chooses(condition):
                    self.burden[alias] |= found
            for alias, condition in self.lookups:
                if not self._ties(condition):
                    self.burden[alias] |= self.needs(condition)
            if self.burden == before:
                return

    def _ties(self, condition: exp.Expr) -> bool:
        """Whether it says no more than that two rows are the same person's, or the same brand's."""
        sides = [condition.left, condition.right] if isinstance(condition, exp.EQ) else []
        return len(sides) == 2 and all(isinstance(side, exp.Column) and self._is_unit(side) for side in sides)

    def _chooses(self, condition: exp.Expr) -> list[str]:
        """The sources of which it may keep some rows of a person and not others."""
        own = [column for column in self._own_columns(condition) if column.table in self.sources]
        asked = {column.table for column in own if not self._is_unit(column)}
        return [alias for alias in asked if not self.sources[alias].is_single]

    def _own_columns(self, node: exp.Expr) -> Iterator[exp.Column]:
        """The columns in it, those in subqueries that reach out to this SELECT included."""
        return (column for column in node.find_all(exp.Column))

    def _is_unit(self, column: exp.Column) -> bool:
        select: _Select | None = self
        while select is not None:
            if column.table in select.sources:
                return column.name in select.sources[column.table].units
            select = select.outside
        return False

    def read(self, column: exp.Column) -> Columns:
        """What decides the value of a column, in this SELECT or in the one around it."""
        if column.table in self.sources:
            source = self.sources[column.table]
            if column.name not in source.columns:
                self.tracer.refuse(column, f"the column '{column.sql(dialect='duckdb')}'", "name it as its table does")
            found = source.columns[column.name] | self.burden[column.table]
            if isinstance(self.scope.selected_sources[column.table][1], exp.Table):
                line = self.tracer.line(column)
                return frozenset(replace(known, line=line) if known.line == 0 else known for known in found)
            return found | source.rows
        if self.outside is not None:
            return self.outside.read(column)
        if any(column.name in _parameters(outer) for outer in _lambdas(column)):
            return NOTHING
        self.tracer.refuse(column, f"the column '{column.sql(dialect='duckdb')}'", "name its table before it")

    def needs(self, node: exp.Expr | None) -> Columns:
        """What decides the value of an expression, without what decides which rows are put together in it."""
        if node is None:
            return NOTHING
        if isinstance(node, exp.Column):
            return self.read(node)
        if isinstance(node, exp.Query) and id(node.unnest()) in self.queries:
            return self._asked(node)
        found = NOTHING
        for child in node.iter_expressions():
            found |= self.needs(child)
        return found

    def _asked(self, query: exp.Query) -> Columns:
        scope = self.queries[id(query.unnest())]
        relation = self.tracer.relation(scope, self)
        if query.find_ancestor(exp.Exists, exp.Select) is not query.parent_select and isinstance(query.parent, exp.Exists):
            return relation.rows
        return relation.rows.union(*relation.columns.values())

    def _value(self, node: exp.Expr, among: Columns) -> Columns:
        own = self.needs(node)
        return own | among if _puts_rows_together(node) else own

    def relation(self) -> _Relation:
        select = self.select
        group = [by for by in self._grouping() if not self._is_bare_unit(by)]
        present = frozenset().union(
            *(source.rows for alias, source in self.sources.items() if alias not in self.optional)
        )
        several = frozenset().union(*(source.rows for source in self.sources.values() if not source.is_single))
        grouped = frozenset().union(*(self.needs(by) for by in group))
        among = grouped | several.union(*self.burden.values())
        chosen = self._chosen(among)
        columns = {
            selected.alias_or_name: self._value(selected, among) | chosen for selected in select.selects
        }
        conditions = frozenset().union(
            *(self.needs(condition) for condition in self.conditions if not self._ties(condition))
        )
        having = select.args.get("having")
        rows = present | conditions | grouped | chosen | (self._value(having.this, among) if having else NOTHING)
        units = {
            selected.alias_or_name
            for selected in select.selects
            if isinstance(selected.unalias(), exp.Column) and self._is_unit(selected.unalias())
        }
        return _Relation(columns, rows, frozenset(units), is_single=self._is_single())

    def _chosen(self, among: Columns) -> Columns:
        """What decides which of a person's rows is kept by QUALIFY, DISTINCT ON, or LIMIT."""
        select = self.select
        distinct, limit = select.args.get("distinct"), select.args.get("limit")
        found = NOTHING
        if qualify_ := select.args.get("qualify"):
            found |= self.needs(qualify_.this) | among
        if distinct and distinct.args.get("on"):
            found |= self.needs(distinct.args["on"]) | self.needs(select.args.get("order")) | among
        if limit:
            found |= self.needs(select.args.get("order")) | among
        return found

    def _grouping(self) -> list[exp.Expr]:
        group = self.select.args.get("group")
        if group is None:
            return []
        if group.args.get("all"):
            return [selected.unalias() for selected in self.select.selects if not _puts_rows_together(selected)]
        return list(group.expressions)

    def _is_bare_unit(self, node: exp.Expr) -> bool:
        return isinstance(node, exp.Column) and self._is_unit(node)

    def _is_single(self) -> bool:
        """Whether at most one row per person and brand can come out."""
        if self.select.args.get("group") is not None:
            return all(map(self._is_bare_unit, self._grouping()))
        if any(self._keeps_one(condition) for condition in _conjuncts(self.select.args.get("qualify"))):
            return True
        distinct = self.select.args.get("distinct")
        if distinct:
            kept = distinct.args["on"].expressions if distinct.args.get("on") else self.select.selects
            return all(self._is_bare_unit(selected.unalias()) for selected in kept)
        tied = {
            side.table for condition in self.conditions if self._ties(condition) for side in (condition.left, condition.right)
        }
        alone = len(self.sources) == 1
        return all(source.is_single and (alone or alias in tied) for alias, source in self.sources.items())

    def _keeps_one(self, condition: exp.Expr) -> bool:
        """`row_number() OVER (PARTITION BY customer_id, brand …) = 1`."""
        if not isinstance(condition, exp.EQ) or not isinstance(condition.left, exp.Window):
            return False
        window = condition.left
        partition = window.args.get("partition_by") or []
        is_first = isinstance(window.this, exp.RowNumber) and condition.right == exp.Literal.number(1)
        return is_first and bool(partition) and all(map(self._is_bare_unit, partition))


def _conjuncts(node: exp.Expr | None) -> Iterable[exp.Expr]:
    if node is None:
        return []
    condition = node.this if isinstance(node, exp.Where | exp.Having | exp.Qualify) else node
    condition = condition.unnest()
    return condition.flatten() if isinstance(condition, exp.And) else [condition]


def _puts_rows_together(node: exp.Expr) -> bool:
    """Whether it has an aggregate or a window of its own, not one in a subquery."""
    if isinstance(node, exp.AggFunc | exp.Window):
        return True
    return any(_puts_rows_together(child) for child in node.iter_expressions() if not isinstance(child, exp.Query))


def _lambdas(node: exp.Expr) -> Iterator[exp.Lambda]:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, exp.Lambda):
            yield node


def _parameters(function: exp.Lambda) -> set[str]:
    return {parameter.name for parameter in function.expressions}
