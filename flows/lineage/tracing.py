"""SQL -> the columns of the warehouse that decide each value, and those that decide who is in it.

Plain column lineage follows expressions. Here a value depends on whatever can change it for the person it is about: also on the
conditions under which its row was read (predicates in CTEs, subqueries and arms of a union; joins that look something up;
windows, groups and the order in them). The conditions of the outermost SELECT are apart: they say whom the segment targets.

Two things change nothing for one person, and so count for nothing: that rows are tied together by the person's own key (and
the brand), and conditions of the outermost SELECT that look at those keys alone, which a person fulfils or does not.

Source: DESIGN §6, rules 2, 3 and 5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from flows.errors import StatementError
from flows.lineage.relations import NOTHING, ROW, Column, Columns, Lineage, Relation, all_of, on_line
from flows.lineage.syntax import (
    check_qualified,
    check_written,
    conjuncts,
    line_of,
    makes_rows,
    parameters_around,
    puts_rows_together,
    sides_of,
    told_by,
    untraceable,
)
from flows.warehouse.statements import check_tree, parse

if TYPE_CHECKING:
    from flows.lineage.shape import Shape


def trace(text: str, name: str, shape: Shape) -> Lineage:
    """Trace a query that `check_statement` has let pass.

    Args:
        text: one SELECT.
        name: the file that errors name.
        shape: the tables, views and macros that it reads.

    Raises:
        StatementError: something in it cannot be traced; names the line where known.
    """
    return _Tracer(text, name, shape).lineage()


class _Tracer:
    """One statement. Queries in FROM and in WITH are traced once; those in expressions each time, as they see the outside."""

    def __init__(self, text: str, name: str, shape: Shape, views: tuple[str, ...] = ()) -> None:
        self.text, self.name, self.shape = text, name, shape
        self.views = views  # those that this one is read through, from the outside in
        self._known: dict[int, Relation] = {}

    def lineage(self) -> Lineage:
        tree = parse(self.text, self.name)
        written_out = self.shape.write_out(tree, self.name)
        if written_out is not tree:
            check_tree(written_out, self.name, self.shape.catalogue)
        tables: dict[str, object] = {
            table: dict.fromkeys(columns, "unknown") for table, columns in self.shape.tables.items()
        }
        try:
            check_written(written_out, self.name)
            qualified = qualify(written_out.copy(), dialect="duckdb", schema=tables, quote_identifiers=False)
            check_qualified(qualified, self.name)
            scope = build_scope(qualified)
        except SqlglotError as problem:
            what = str(problem).split(". Line", 1)[0]
            hint = "name the table before the column, as in o.ordered_at; DuckDB's SQL applies"
            raise StatementError(self.name, f"this cannot be traced: {what}", hint) from None
        except RecursionError:
            raise StatementError(self.name, "this is nested too deeply to be traced", "split it into CTEs") from None
        assert scope is not None  # noqa: S101 - a query has one
        return self._outermost(scope)

    def _outermost(self, scope: Scope) -> Lineage:
        if isinstance(scope.expression, exp.Select):
            relation = _Select(self, scope, None, is_outermost=not self.views).relation()
            columns = relation.columns
        else:  # the arm that a row is from may be told by any of its values
            relation = self.relation(scope)
            columns = {name: found | relation.rows for name, found in relation.columns.items()}
        return Lineage(
            {name.lower(): found for name, found in columns.items()},
            relation.rows,
            frozenset(name.lower() for name in relation.units),
        )

    def relation(self, scope: Scope, outside: _Select | None = None) -> Relation:
        key = id(scope)
        if outside is None and key in self._known:
            return self._known[key]
        if isinstance(scope.expression, exp.SetOperation):
            found = self._union(scope, outside)
        elif isinstance(scope.expression, exp.Select):
            found = _Select(self, scope, outside).relation()
        else:
            found = self._list(scope)
        if outside is None:
            self._known[key] = found
        return found

    def _union(self, scope: Scope, outside: _Select | None) -> Relation:
        arms = [self.relation(arm, outside) for arm in scope.set_operation_scopes]
        rows = all_of(*(arm.rows for arm in arms))
        if isinstance(scope.expression, exp.Except | exp.Intersect):
            rows = rows.union(*(found for arm in arms for found in arm.columns.values()))
        columns, units = {}, set()
        for beside in zip(*(arm.columns for arm in arms), strict=True):  # the first one's names hold
            columns[beside[0]] = all_of(*(arm.columns[name] for arm, name in zip(arms, beside, strict=True)))
            if all(name in arm.units for arm, name in zip(arms, beside, strict=True)):
                units.add(beside[0])
        return Relation(columns, rows, frozenset(units), is_single=False)

    def _list(self, scope: Scope) -> Relation:
        """VALUES, or UNNEST of an expression."""
        expression = scope.expression
        if expression.find(exp.Column):
            raise self.refused(
                expression, "a list of another table's column", "unnest it in the SELECT clause of a CTE"
            )
        names = expression.alias_column_names
        return Relation(dict.fromkeys(names, NOTHING), NOTHING, frozenset(), is_single=False)

    def table(self, table: exp.Table) -> Relation:
        known, shape = table.name.lower(), self.shape
        if known not in shape.tables:
            raise self.refused(table, f"'{table.name}'", "read tables of the catalogue")
        line = line_of(table)
        if known in shape.views:
            return self._view(known, line)
        if known in shape.impersonal:
            columns = {column: frozenset({Column(known, column)}) for column in shape.tables[known]}
            return Relation(columns, NOTHING, frozenset(), is_single=False)
        row = frozenset({Column(known, ROW, line)}) if known not in shape.everybody else NOTHING
        key = shape.keys.get(known)
        columns = {
            column: row if column == key else frozenset({Column(known, column)}) for column in shape.tables[known]
        }
        units = {column for column in columns if column == key or column.lower() == "brand"}
        return Relation(columns, row, frozenset(units), is_single=known in shape.everybody)

    def _view(self, name: str, line: int) -> Relation:
        """A view as the query that it stands for; what it reads is read on the line that names it."""
        if name in self.views:
            raise StatementError(self.shape.at(name), f"the view '{name}' reads itself", "write it anew")
        found = _Tracer(self.shape.views[name], self.shape.at(name), self.shape, (*self.views, name)).lineage()
        listed = self.shape.listed(name)
        columns = {
            column: on_line(line, of | found.targeted | ({Column(name, column)} if listed & {column, ROW} else NOTHING))
            for column, of in found.columns.items()
        }
        return Relation(columns, on_line(line, found.targeted), found.keys, is_single=False)

    def refused(self, node: exp.Expr, what: str, hint: str) -> StatementError:
        return untraceable(node, self.name, what, hint)


class _Select:
    """One SELECT: its sources, and what its conditions make each of them depend on.

    `burden` of a source is what decides which of its rows stands beside the person's others: the conditions that join it, or
    that choose among its rows. It is found by going over the conditions until nothing is added, because a condition may read
    a source that itself bears a burden.
    """

    def __init__(self, tracer: _Tracer, scope: Scope, outside: _Select | None, *, is_outermost: bool = False) -> None:
        self.tracer, self.scope, self.outside = tracer, scope, outside
        assert isinstance(scope.expression, exp.Select)  # noqa: S101 - so `relation` chose
        self.select: exp.Select = scope.expression
        self.queries = {id(inner.expression): inner for inner in scope.subquery_scopes}
        self.sources: dict[str, Relation] = {}
        for alias, (_, source) in scope.selected_sources.items():
            self.sources[alias] = tracer.table(source) if isinstance(source, exp.Table) else tracer.relation(source)
        joins = self.select.args.get("joins") or []
        self.conditions = list(conjuncts(self.select.args.get("where")))
        self.lookups: list[tuple[str, exp.Expr]] = []
        self.optional: set[str] = set()
        for join in joins:
            alias = join.alias_or_name
            on = list(conjuncts(join.args.get("on")))
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
        self.named_windows = {window.name.lower(): window for window in self.select.args.get("windows") or []}
        self.told = self._told_by_subject() if is_outermost else []
        self.burden: dict[str, Columns] = dict.fromkeys(self.sources, NOTHING)
        self._bear()

    def _told_by_subject(self) -> list[exp.Column]:
        """The columns by which a row's subject differs from the person's others: conditions on them choose among subjects."""
        named = [selected for selected in self.select.selects if selected.alias_or_name.lower() == "subject_id"]
        return told_by(named[0]) if named else []

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
        sides = sides_of(condition)
        return sides is not None and all(map(self._is_unit, sides))

    def _chooses(self, condition: exp.Expr) -> list[str]:
        """The sources of which it may keep some rows of a person and not others."""
        own = [column for column in condition.find_all(exp.Column) if column.table in self.sources]
        asked = {column.table for column in own if not self._is_unit(column) and column not in self.told}
        return [alias for alias in asked if not self._is_one_row(alias)]

    def _is_one_row(self, alias: str) -> bool:
        """Whether a source has at most one row for the person and brand that a row of this SELECT is about."""
        branded = {name for name, source in self.sources.items() if "brand" in source.units}
        everything = [*self.conditions, *(on for _, on in self.lookups)]
        sides = [side for condition in everything if self._ties(condition) for side in sides_of(condition) or ()]
        tied = {side.table for side in sides if side.name.lower() == "brand"}
        return self.sources[alias].is_single and (branded <= {alias} or alias not in branded or alias in tied)

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
                raise self.tracer.refused(
                    column, f"the column '{column.sql(dialect='duckdb')}'", "name it as its table does"
                )
            found = source.columns[column.name] | self.burden[column.table]
            if column.table in self.optional:  # whether it is null tells whether there is a row
                found |= source.rows
            if isinstance(self.scope.selected_sources[column.table][1], exp.Table):
                line = line_of(column)
                return frozenset(replace(known, line=line) if known.line == 0 else known for known in found)
            return found | source.rows
        if not column.table and column.name in parameters_around(column):
            return NOTHING
        if self.outside is not None:
            return self.outside.read(column)
        raise self.tracer.refused(column, f"the column '{column.sql(dialect='duckdb')}'", "name its table before it")

    def needs(self, node: exp.Expr | None) -> Columns:
        """What decides the value of an expression, without what decides which rows are put together in it."""
        if node is None:
            return NOTHING
        if isinstance(node, exp.Column):
            return self.read(node)
        if isinstance(node, exp.Query):
            return self._asked(node)
        found = NOTHING
        if isinstance(node, exp.Window) and node.alias.lower() in self.named_windows:
            found |= self.needs(self.named_windows[node.alias.lower()])
        for child in node.iter_expressions():
            found |= self.needs(child)
        return found

    def _asked(self, query: exp.Query) -> Columns:
        scope = self.queries.get(id(query.unnest()))
        if scope is None:
            raise self.tracer.refused(query, "a query in this place", "put it into a CTE, and join that")
        relation = self.tracer.relation(scope, self)
        if isinstance(query.parent, exp.Exists):
            return relation.rows
        return relation.rows.union(*relation.columns.values())

    def _value(self, node: exp.Expr, among: Columns) -> Columns:
        own = self.needs(node)
        return own | among if puts_rows_together(node) else own

    def relation(self) -> Relation:
        select = self.select
        group = [by for by in self._grouping() if not self._is_bare_unit(by)]
        present = frozenset().union(
            *(source.rows for alias, source in self.sources.items() if alias not in self.optional)
        )
        several = all_of(*(source.rows for source in self.sources.values() if not source.is_single))
        grouped = all_of(*(self.needs(by) for by in group))
        among = grouped | several.union(*self.burden.values())
        chosen = self._chosen(among)
        columns = {selected.alias_or_name: self._value(selected, among) | chosen for selected in select.selects}
        conditions = frozenset().union(
            *(self.needs(condition) for condition in self.conditions if not self._ties(condition))
        )
        having = select.args.get("having")
        unnested = frozenset().union(*(self.needs(node) for node in select.selects if makes_rows(node)))
        rows = present | conditions | grouped | chosen | unnested
        rows |= self._value(having.this, among) if having else NOTHING
        units = {
            selected.alias_or_name
            for selected in select.selects
            if self._stays(selected.unalias(), selected.alias_or_name)
        }
        return Relation(columns, rows, frozenset(units), is_single=self._is_single())

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
            return [selected.unalias() for selected in self.select.selects if not puts_rows_together(selected)]
        return list(group.expressions)

    def _is_bare_unit(self, node: exp.Expr) -> bool:
        return isinstance(node, exp.Column) and self._is_unit(node)

    def _stays(self, value: exp.Expr, name: str) -> bool:
        """Whether a selected value is the key of its rows: the person's or the brand's, or a brand that is a constant."""
        return self._is_bare_unit(value) or (name.lower() == "brand" and isinstance(value, exp.Literal))

    def _is_single(self) -> bool:
        """Whether at most one row per person and brand can come out."""
        select = self.select
        distinct, qualifying = select.args.get("distinct"), conjuncts(select.args.get("qualify"))
        if any(map(makes_rows, select.selects)):
            return False
        if select.args.get("group") is not None:
            return self._is_key(self._grouping())
        if kept := [partition for condition in qualifying if (partition := self._keeps_one(condition))]:
            return any(map(self._is_key, kept))
        if distinct:
            on = distinct.args.get("on")
            return self._is_key(on.expressions if on else [selected.unalias() for selected in select.selects])
        is_branded = any("brand" in source.units for source in self.sources.values())
        alone = all(source.is_single for source in self.sources.values()) and self._is_about_one_person()
        return alone and (not is_branded or self._has_brand())

    def _is_key(self, columns: list[exp.Expr]) -> bool:
        """Whether rows that differ in these are of other people, or of another brand that the rows name."""
        names = {column.name.lower() for column in columns if isinstance(column, exp.Column) and self._is_unit(column)}
        is_whole = len(names) > 0 and all(map(self._is_bare_unit, columns)) and names != {"brand"}
        return is_whole and ("brand" not in names or self._has_brand())

    def _has_brand(self) -> bool:
        return any(selected.alias_or_name.lower() == "brand" for selected in self.select.selects)

    def _is_about_one_person(self) -> bool:
        """Whether the keys of people tie all sources together."""
        groups = [{alias} for alias in self.sources]
        for condition in (*self.conditions, *(on for _, on in self.lookups)):
            sides = sides_of(condition)
            if sides and self._ties(condition) and "brand" not in {side.name.lower() for side in sides}:
                joined = [group for group in groups if group & {side.table for side in sides}]
                groups = [group for group in groups if group not in joined] + [set().union(*joined)]
        return len(groups) <= 1

    def _keeps_one(self, condition: exp.Expr) -> list[exp.Expr]:
        """What `row_number() OVER (PARTITION BY …) = 1` keeps one row of; nothing of any other condition."""
        window, number = (condition.this, condition.expression) if isinstance(condition, exp.EQ) else (None, None)
        is_first = isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber)
        is_first = is_first and number == exp.Literal.number(1)
        return list(window.args.get("partition_by") or []) if is_first and window else []
