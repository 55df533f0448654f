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
from sqlglot.transforms import eliminate_semi_and_anti_joins

from flows.errors import StatementError
from flows.lineage.relations import AGAIN, NOTHING, ROW, Column, Columns, Lineage, Relation, all_of, on_line
from flows.lineage.selecting import LEAST_PEOPLE, Select
from flows.lineage.syntax import check_flat, check_qualified, check_written, flatten_joins, line_of, untraceable
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
    whole = Tracer(text, name, shape).whole()
    return Lineage(whole.columns, whole.rows, whole.units)


def check_shared(text: str, name: str, shape: Shape) -> None:
    """Refuse a query of sql/shared/ that reads rows of people, unless each row that it yields is made of those of many.

    What it yields counts as nobody's, so a row for each person, under whatever key, would carry anything past the lineage.

    Raises:
        StatementError: it does not leave out what is about few; or something in it cannot be traced.
    """
    Tracer(text, name, shape).check_shared()


class Tracer:
    """One statement. Queries in FROM and in WITH are traced once; those in expressions each time, as they see the outside."""

    def __init__(self, text: str, name: str, shape: Shape, views: tuple[str, ...] = ()) -> None:
        self.text, self.name, self.shape = text, name, shape
        self.views = views  # those that this one is read through, from the outside in
        self._known: dict[int, Relation] = {}

    def whole(self) -> Relation:
        """What it yields; names are in lower case."""
        return self._outermost(self._scope())

    def check_shared(self) -> None:
        """As the function of this name."""
        scope = self._scope()
        common = {cte.alias_or_name.lower() for cte in scope.expression.find_all(exp.CTE)}
        read = {table.name.lower() for table in scope.expression.find_all(exp.Table)} - common
        if read <= self.shape.impersonal:
            return
        if not isinstance(scope.expression, exp.Select) or not Select(self, scope, None).is_of_many():
            what = "a row of this may be about one person, and would count as nobody's"
            hint = f"group it, and add HAVING count(DISTINCT customer_id) >= {LEAST_PEOPLE}, by the key of a table of people"
            raise StatementError(self.name, what, hint)

    def _scope(self) -> Scope:
        tree = parse(self.text, self.name)
        written_out = self.shape.write_out(tree, self.name)
        if written_out is not tree:
            check_tree(written_out, self.name, self.shape.catalogue)
        tables: dict[str, object] = {
            table: dict.fromkeys(columns, "unknown") for table, columns in self.shape.tables.items()
        }
        try:
            check_written(written_out, self.name)
            plain = written_out.copy()
            for select in plain.find_all(exp.Select):
                flatten_joins(select)
                eliminate_semi_and_anti_joins(select)  # as WHERE EXISTS, which is what they are
            check_flat(plain, self.name)
            qualified = qualify(plain, dialect="duckdb", schema=tables, quote_identifiers=False)
            check_qualified(qualified, self.name)
            scope = build_scope(qualified)
        except SqlglotError as problem:
            what = str(problem).split(". Line", 1)[0]
            hint = "name the table before the column, as in o.ordered_at; DuckDB's SQL applies"
            raise StatementError(self.name, f"this cannot be traced: {what}", hint) from None
        except RecursionError:
            raise StatementError(self.name, "this is nested too deeply to be traced", "split it into CTEs") from None
        assert scope is not None  # noqa: S101 - a query has one
        return scope

    def _outermost(self, scope: Scope) -> Relation:
        if isinstance(scope.expression, exp.Select):
            found = Select(self, scope, None, is_outermost=not self.views).relation()
            columns = found.columns
        else:  # the arm that a row is from may be told by any of its values
            found = self.relation(scope)
            columns = {name: of | found.rows for name, of in found.columns.items()}
        together: dict[str, Columns] = {}
        for name, of in columns.items():
            known = name.partition(AGAIN)[0].lower()
            together[known] = together.get(known, NOTHING) | of
        return replace(
            found,
            columns=together,
            units=frozenset(name.lower() for name in found.units),
        )

    def relation(self, scope: Scope, outside: Select | None = None) -> Relation:
        """Of a query inside of it; `outside` is the SELECT whose columns one in an expression may name."""
        key = id(scope)
        if outside is None and key in self._known:
            return self._known[key]
        if isinstance(scope.expression, exp.SetOperation):
            found = self._union(scope, outside)
        elif isinstance(scope.expression, exp.Select):
            found = Select(self, scope, outside).relation()
        else:
            found = self._list(scope)
        if outside is None:
            self._known[key] = found
        return found

    def _union(self, scope: Scope, outside: Select | None) -> Relation:
        arms = [self.relation(arm, outside) for arm in scope.set_operation_scopes]
        rows = all_of(*(arm.rows for arm in arms))
        if isinstance(scope.expression, exp.Except | exp.Intersect) or scope.expression.args.get("order"):
            rows = rows.union(*(found for arm in arms for found in (arm.repeats, *arm.columns.values())))
        columns, units = {}, set()
        for beside in zip(*(arm.columns for arm in arms), strict=True):  # the first one's names hold
            columns[beside[0]] = all_of(*(arm.columns[name] for arm, name in zip(arms, beside, strict=True)))
            if all(name in arm.units for arm, name in zip(arms, beside, strict=True)):
                units.add(beside[0])
        repeats = all_of(*(arm.repeats for arm in arms))
        if scope.expression.args.get("distinct"):
            repeats = repeats.union(*columns.values())
        return Relation(columns, rows, frozenset(units), is_single=False, repeats=repeats)

    def _list(self, scope: Scope) -> Relation:
        """VALUES, or UNNEST of an expression."""
        expression = scope.expression
        if expression.find(exp.Column, exp.Query):
            raise self.refused(
                expression, "a list of another table's column", "unnest it in the SELECT clause of a CTE"
            )
        names = expression.alias_column_names
        return Relation(dict.fromkeys(names, NOTHING), NOTHING, frozenset(), is_single=False)

    def table(self, table: exp.Table) -> Relation:
        """Of a table or a view of the warehouse."""
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
        found = Tracer(self.shape.views[name], self.shape.at(name), self.shape, (*self.views, name)).whole()
        listed = self.shape.listed(name)
        columns = {
            column: on_line(line, of | found.rows | ({Column(name, column)} if listed & {column, ROW} else NOTHING))
            for column, of in found.columns.items()
        }
        rows, repeats = on_line(line, found.rows), on_line(line, found.repeats)
        return Relation(columns, rows, found.units, found.is_single, repeats)

    def refused(self, node: exp.Expr, what: str, hint: str) -> StatementError:
        """The refusal of a part of it."""
        return untraceable(node, self.name, what, hint)
