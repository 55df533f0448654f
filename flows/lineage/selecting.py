"""One SELECT -> what each of its values depends on: its sources, its conditions, and what they choose among."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sqlglot import exp

from flows.lineage.relations import AGAIN, NOTHING, Columns, Relation, all_of
from flows.lineage.syntax import (
    columns_of,
    conjuncts,
    line_of,
    makes_rows,
    parameters_around,
    puts_rows_together,
    sides_of,
    told_by,
)
from flows.warehouse.statements import is_aggregate

if TYPE_CHECKING:
    from sqlglot.optimizer.scope import Scope

    from flows.errors import StatementError


LEAST_PEOPLE = 10
"""Behind each row of a table that counts as nobody's."""


class Statement(Protocol):
    """What a SELECT asks of the statement that it stands in."""

    def table(self, table: exp.Table) -> Relation:
        """What a table has."""

    def relation(self, scope: Scope, outside: Select | None = None) -> Relation:
        """What a query in it yields; `outside` is the SELECT whose columns one in an expression may name."""

    def refused(self, node: exp.Expr, what: str, hint: str) -> StatementError:
        """The refusal of a part of it."""


class Select:
    """One SELECT: its sources, and what its conditions make each of them depend on.

    `burden` of a source is what decides which of its rows stands beside the person's others: the conditions that join it, or
    that choose among its rows. It is found by going over the conditions until nothing is added, because a condition may read
    a source that itself bears a burden.
    """

    def __init__(
        self, statement: Statement, scope: Scope, outside: Select | None, *, is_outermost: bool = False
    ) -> None:
        self.statement, self.scope, self.outside = statement, scope, outside
        assert isinstance(scope.expression, exp.Select)  # noqa: S101 - so `relation` chose
        self.select: exp.Select = scope.expression
        self.is_outermost = is_outermost
        self.queries = {id(inner.expression): inner for inner in scope.subquery_scopes}
        self.sources: dict[str, Relation] = {}
        for alias, (_, source) in scope.selected_sources.items():
            self.sources[alias] = (
                statement.table(source) if isinstance(source, exp.Table) else statement.relation(source)
            )
        self.conditions = list(conjuncts(self.select.args.get("where")))
        self.lookups: list[tuple[str, exp.Expr]] = []
        self.optional: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self._join()
        self.named_windows = {window.name.lower(): window for window in self.select.args.get("windows") or []}
        self.told = self._told_by_subject() if is_outermost else []
        self.burden: dict[str, Columns] = dict.fromkeys(self.sources, NOTHING)
        self._bear()

    def _join(self) -> None:
        """Sort the conditions of joins: those of an outer join look its rows up, the others keep or drop rows."""
        joins = self.select.args.get("joins") or []
        later, before = {join.alias_or_name for join in joins}, list[exp.Expr]()
        earlier = self.sources.keys() - later
        for join in joins:
            alias, on = join.alias_or_name, conjuncts(join.args.get("on"))
            before += on
            if join.side:  # of a RIGHT one too: which of its rows stand beside somebody's
                self.lookups += [(alias, condition) for condition in on]
            if join.side in ("LEFT", "FULL"):
                self.optional.add(alias)
            if join.side in ("RIGHT", "FULL"):  # what was joined before is there together, or not at all
                self.optional |= earlier
                self.lookups += [(other, condition) for other in earlier for condition in before]
                for other in earlier:
                    self.beside.setdefault(other, set()).update(earlier)
            if not join.side:
                self.conditions += on
            earlier |= {alias}

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
                found = self._asks(condition)
                for alias in self._chooses(condition):
                    self.burden[alias] |= found
            for alias, condition in self.lookups:
                if not self._ties(condition):
                    self.burden[alias] |= self._asks(condition)
            for alias, others in self.beside.items():
                self.burden[alias] |= all_of(*(self.sources[other].rows for other in others))
            if self.burden == before:
                return

    def _asks(self, condition: exp.Expr) -> Columns:
        """What decides a condition. That something is of the brand that an outermost row is about anyway decides nothing."""
        sides = [side for side in sides_of(condition) if not self._is_the_rows_brand(side)]
        return all_of(*map(self.needs, sides)) if sides else self.needs(condition)

    def _is_the_rows_brand(self, column: exp.Column) -> bool:
        given = [selected.unalias() for selected in self.select.selects if selected.alias_or_name.lower() == "brand"]
        return self.is_outermost and given == [column] and self._is_unit(column) and column.table not in self.optional

    def _ties(self, condition: exp.Expr) -> bool:
        """Whether it says no more than that two rows are the same person's, or the same brand's."""
        sides = sides_of(condition)
        return len(sides) > 0 and all(map(self._is_unit, sides))

    def _chooses(self, condition: exp.Expr) -> list[str]:
        """The sources of which it may keep some rows of a person and not others."""
        own = [column for column in condition.find_all(exp.Column) if column.table in self.sources]
        asked = {column.table for column in own if not self._is_unit(column) and column not in self.told}
        return [alias for alias in asked if not self._is_one_row(alias)]

    def _is_one_row(self, alias: str) -> bool:
        """Whether a source has at most one row for the person and brand that a row of this SELECT is about."""
        branded = {name for name, source in self.sources.items() if "brand" in source.units}
        everything = [*self.conditions, *(on for _, on in self.lookups)]
        sides = [side for condition in everything if self._ties(condition) for side in sides_of(condition)]
        tied = {side.table for side in sides if side.name.lower() == "brand"}
        is_of_one_brand = branded <= {alias} or alias not in branded or alias in tied
        return self.sources[alias].is_single and is_of_one_brand and alias in self._about_the_person()

    def _about_the_person(self) -> set[str]:
        """The sources whose rows are of the person that a row of this SELECT is about, by their keys."""
        keys = [column for selected in self.select.selects for column in columns_of(selected.unalias())]
        own = {key.table for key in keys if self._is_unit(key) and key.name.lower() != "brand"}
        groups = [group for group in self._people() if group & own or group - self.sources.keys()]
        return groups[0] if len(groups) == 1 else set()

    def _is_the_same_for_all_rows(self, node: exp.Expr) -> bool:
        """Whether a value is the same in whichever of the person's rows: it reads nothing but what there is one row of."""
        read = {column.table for column in node.find_all(exp.Column) if column.table in self.sources}
        if any("brand" in self.sources[alias].units for alias in read) and not self._is_of_a_brand():
            return False
        looked_up = {alias for alias, condition in self.lookups if not self._ties(condition)}
        return not puts_rows_together(node) and all(map(self._is_one_row, read)) and not read & looked_up

    def _is_of_a_brand(self) -> bool:
        """Whether each row names the brand of the rows that it is made of; a constant is none of theirs."""
        given = [selected.unalias() for selected in self.select.selects if selected.alias_or_name.lower() == "brand"]
        return any(map(self._is_bare_unit, given))

    def _is_unit(self, column: exp.Column) -> bool:
        select: Select | None = self
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
                raise self.statement.refused(
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
        raise self.statement.refused(column, f"the column '{column.sql(dialect='duckdb')}'", "name its table before it")

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
            raise self.statement.refused(query, "a query in this place", "put it into a CTE, and join that")
        relation = self.statement.relation(scope, self)
        if isinstance(query.parent, exp.Exists):
            return relation.rows
        return relation.rows.union(*relation.columns.values())

    def _value(self, node: exp.Expr, among: Columns) -> Columns:
        own, value = self.needs(node), node.unalias()
        value = value.this if isinstance(value, exp.IgnoreNulls) else value  # as any_value() is read
        if isinstance(value, exp.AnyValue | exp.Min | exp.Max) and self._is_the_same_in_a_group(value.this):
            return own
        return own | among if puts_rows_together(node) else own

    def _has_several(self, source: Relation) -> bool:
        """Whether rows of a source are put together: those of one brand, or those that a person has in several."""
        return not source.is_single or ("brand" in source.units and not self._keeps_brands_apart)

    @cached_property
    def _keeps_brands_apart(self) -> bool:
        """Whether what is put together, or chosen from, is of one brand each time."""
        select = self.select
        own = [node for node in select.find_all(exp.Func, exp.Window) if node.find_ancestor(exp.Select) is select]
        windows = [self.named_windows.get(node.alias.lower(), node) for node in own if isinstance(node, exp.Window)]
        together: list[list[exp.Expr]] = [window.args.get("partition_by") or [] for window in windows]
        is_aggregating = any(is_aggregate(node) and not node.find_ancestor(exp.Window) for node in own)
        distinct = select.args.get("distinct")
        together += [self._grouping()] if is_aggregating or select.args.get("group") else []
        together += [distinct.args["on"].expressions] if distinct and distinct.args.get("on") else []
        together += [[]] if select.args.get("limit") else []
        return all("brand" in self._keys_of(columns) for columns in together)

    def _keys_of(self, columns: list[exp.Expr]) -> set[str]:
        """Those of some expressions that are a row's own person or brand."""
        return {column.name.lower() for node in columns if self._is_bare_unit(node) for column in columns_of(node)}

    def _is_the_same_in_a_group(self, node: exp.Expr) -> bool:
        """Whether a value is the same in all rows that are put together: those of one person and brand, or fewer."""
        is_branded = any("brand" in source.units for source in self.sources.values())
        is_of_a_person = len(self._keys_of(self._grouping()) - {"brand"}) > 0
        return is_of_a_person and (not is_branded or self._keeps_brands_apart) and self._is_the_same_for_all_rows(node)

    def relation(self) -> Relation:
        """What it yields."""
        select = self.select
        group = [by for by in self._grouping() if not self._is_bare_unit(by)]
        present = frozenset().union(
            *(source.rows for alias, source in self.sources.items() if alias not in self.optional)
        )
        several = all_of(*(source.rows for source in self.sources.values() if self._has_several(source)))
        grouped = all_of(*(self.needs(by) for by in group))
        repeated = all_of(*(source.repeats for source in self.sources.values()))
        of_subjects = [c for c in self.conditions if any(column in self.told for column in c.find_all(exp.Column))]
        several = several.union(*(self.needs(condition) for condition in of_subjects))
        among = grouped | repeated | several.union(*self.burden.values())
        chosen = self._chosen(among)
        columns: dict[str, Columns] = {}
        for place, selected in enumerate(select.selects):
            name = selected.alias_or_name
            columns[f"{name}{AGAIN}{place}" if name in columns else name] = self._value(selected, among) | (
                NOTHING if self._is_the_same_for_all_rows(selected) else chosen
            )
        conditions = frozenset().union(
            *(self.needs(condition) for condition in self.conditions if not self._ties(condition))
        )
        having = select.args.get("having")
        keyed = [column for selected in select.selects for column in columns_of(selected.unalias())]
        rows_of_keys = all_of(*(self.needs(key) for key in keyed if key.table in self.optional and self._is_unit(key)))
        unnested = frozenset().union(*(self.needs(node) for node in select.selects if makes_rows(node)))
        rows = present | rows_of_keys | conditions | grouped | chosen | unnested
        rows |= self._value(having.this, among) if having else NOTHING
        if not self.is_outermost:  # DuckDB keeps the order for what takes the first of them
            rows |= self.needs(select.args.get("order"))
        units = {
            selected.alias_or_name
            for selected in select.selects
            if self._stays(selected.unalias(), selected.alias_or_name)
        }
        is_single = self._is_single()
        more = (self.sources[alias].rows | self.burden[alias] for alias in self.optional)
        alike = columns.values() if select.args.get("distinct") else ()
        repeats = NOTHING if is_single else all_of(repeated, *more, *alike)
        return Relation(columns, rows, frozenset(units), is_single, repeats)

    def is_of_many(self) -> bool:
        """Whether no row that it yields is made of those of fewer than `LEAST_PEOPLE`."""
        return any(map(self._counts_many, conjuncts(self.select.args.get("having"))))

    def _counts_many(self, condition: exp.Expr) -> bool:
        """Whether it is `count(DISTINCT <the key of a person>) >= …`."""
        if not isinstance(condition, exp.GTE) or not isinstance(condition.this, exp.Count):
            return False
        counted, least = condition.this.this, condition.expression
        keys = counted.expressions if isinstance(counted, exp.Distinct) else []
        is_key = len(keys) == 1 and self._is_bare_unit(keys[0]) and keys[0].name.lower() != "brand"
        return is_key and isinstance(least, exp.Literal) and least.is_int and int(least.this) >= LEAST_PEOPLE

    def _chosen(self, among: Columns) -> Columns:
        """What decides which of a person's rows is kept by QUALIFY, DISTINCT ON, or LIMIT."""
        select = self.select
        distinct, limit = select.args.get("distinct"), select.args.get("limit") or select.args.get("offset")
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
        columns = columns_of(node)
        return len(columns) > 0 and all(map(self._is_unit, columns))

    def _stays(self, value: exp.Expr, name: str) -> bool:
        """Whether a selected value is the key of its rows: the person's or the brand's, or a brand that is a constant."""
        as_text = isinstance(value, exp.Cast) and value.to.this in exp.DataType.TEXT_TYPES
        is_constant = name.lower() == "brand" and isinstance(value, exp.Literal)
        return self._is_bare_unit(value.this if as_text else value) or is_constant

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
        names = {column.name.lower() for node in columns for column in columns_of(node)}
        is_whole = len(names) > 0 and all(map(self._is_bare_unit, columns)) and names != {"brand"}
        return is_whole and ("brand" not in names or self._has_brand())

    def _has_brand(self) -> bool:
        return any(selected.alias_or_name.lower() == "brand" for selected in self.select.selects)

    def _is_about_one_person(self) -> bool:
        """Whether the keys of people tie all sources together."""
        return len(self._people()) <= 1

    def _people(self) -> list[set[str]]:
        """The sources, in groups that are tied together by people's keys; with the outer ones that they are tied to."""
        groups = [{alias} for alias in self.sources]
        for condition in (*self.conditions, *(on for _, on in self.lookups)):
            tied = {side.table for side in sides_of(condition)}
            if self._ties(condition) and "brand" not in {side.name.lower() for side in sides_of(condition)}:
                joined = [group for group in groups if group & tied]
                groups = [group for group in groups if group not in joined] + [tied.union(*joined)]
        return groups

    def _keeps_one(self, condition: exp.Expr) -> list[exp.Expr]:
        """What `row_number() OVER (PARTITION BY …) = 1` keeps one row of; nothing of any other condition."""
        window, number = (condition.this, condition.expression) if isinstance(condition, exp.EQ) else (None, None)
        is_first = isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber)
        is_first = is_first and number == exp.Literal.number(1)
        return list(window.args.get("partition_by") or []) if is_first and window else []
