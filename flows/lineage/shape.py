"""The warehouse as lineage sees it: which columns there are, whose rows they are, and which tables have everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.catalogue import Via
from flows.errors import StatementError
from flows.warehouse.statements import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.catalogue import Catalogue
    from flows.warehouse.scope import Macro, Seen

_DEEPEST = 20
"""Macros within macros."""


@dataclass(frozen=True)
class Shape:
    """What SQL is read against; names are in lower case.

    Attributes:
        catalogue: which column is part of which dimension.
        tables: table or view -> its columns, in order.
        views: view -> its SELECT; not those that are declared at their border.
        macros: macro -> what it stands for.
        keys: table -> the column with the person's key; no entry where rows are nobody's, or lead to a person by way of
            another table.
        everybody: the tables with one row for each person (or person and brand): that there is a row tells nothing, and no
            condition can choose among a person's rows.
        impersonal: the tables without anything about people.
    """

    catalogue: Catalogue
    tables: Mapping[str, Collection[str]]
    views: Mapping[str, str]
    macros: Mapping[str, Macro]
    keys: Mapping[str, str]
    everybody: frozenset[str]
    impersonal: frozenset[str]

    def at(self, table: str) -> str:
        """Where the catalogue has the entry of a table."""
        return self.catalogue.at("tables", next(name for name in self.catalogue.tables if name.lower() == table))

    def listed(self, table: str) -> set[str]:
        """The columns of a table that the catalogue names under a dimension; `*` for all of them."""
        named = {column.lower() for entry in self.catalogue.dimensions.values() for column in entry.columns}
        return {column.partition(".")[2] for column in named if column.partition(".")[0] == table}

    def write_out(self, tree: exp.Query, name: str) -> exp.Query:
        """A statement with every macro replaced by what it stands for; the same one where it calls none.

        Raises:
            StatementError: macros that call each other in a circle.
        """
        for _ in range(_DEEPEST):
            calls = [node for node in tree.find_all(exp.Anonymous) if node.name.lower() in self.macros]
            if not calls:
                return tree
            tree = tree.copy()
            for call in [node for node in tree.find_all(exp.Anonymous) if node.name.lower() in self.macros]:
                call.replace(_written_out(call, self.macros[call.name.lower()], name))
        raise StatementError(name, f"macros are nested more than {_DEEPEST} deep", "write one of them out")


def _written_out(call: exp.Anonymous, macro: Macro, name: str) -> exp.Expr:
    if len(call.expressions) != len(macro.parameters) or call.find(exp.PropertyEQ, exp.Kwarg):
        what = f"the macro '{call.name}' takes {len(macro.parameters)} values here, one after the other"
        raise StatementError(name, what, "give them all, without names")
    given = dict(zip((parameter.lower() for parameter in macro.parameters), call.expressions, strict=True))
    body = parse(f"SELECT {macro.body}", f"the macro {call.name}").copy().selects[0].unalias()
    if body.find(exp.Query):  # DuckDB looks such names up before it writes the macro out
        for column in call.find_all(exp.Column):
            if not column.table:
                what = f"the macro '{call.name}' is given '{column.name}', and has a query of its own"
                raise StatementError(name, what, f"name its table, as in o.{column.name}")
    line = next((part.meta["line"] for part in call.find_all(exp.Identifier) if "line" in part.meta), None)
    for part in body.find_all(exp.Identifier):
        part.meta.pop("start", None)
        part.meta["line"] = line or 1
    holder = exp.Paren(this=body)
    for column in list(holder.find_all(exp.Column)):
        if not column.table and column.name.lower() in given:
            column.replace(exp.Paren(this=given[column.name.lower()].copy()))
    return holder


def shape_of(seen: Seen, catalogue: Catalogue, customers: str) -> Shape:
    """The shape of a warehouse.

    Args:
        seen: the tables, views and macros that the workspace's SQL can see.
        catalogue: says whose the rows of each table are.
        customers: sql/customers.sql. What it joins has one row for each person and brand, or the run would stop: its rows are
            unique over both.
    """
    known = {name.lower(): table for name, table in catalogue.tables.items()}
    columns = {name.lower(): [column.lower() for column in found] for name, found in seen.columns.items()}
    return Shape(
        catalogue=catalogue,
        tables=columns,
        views={
            name.lower(): text
            for name, text in seen.views.items()
            if name.lower() in known and known[name.lower()].dimension is None
        },
        macros={name.lower(): macro for name, macro in seen.macros.items()},
        keys={name: table.person.lower() for name, table in known.items() if isinstance(table.person, str)},
        everybody=frozenset(_joined(customers, catalogue)),
        impersonal=frozenset(name for name, table in known.items() if not table.personal),
    )


def _joined(statement: str, catalogue: Catalogue) -> set[str]:
    """The tables that a plain SELECT joins, each row of which is then in its result once; none where it says more.

    A condition on anything but keys and routing may pick one of several rows of a person, so its table is not among them.
    """
    tree = parse(statement, "sql/customers.sql")
    if not isinstance(tree, exp.Select) or any(tree.args.get(clause) for clause in ("group", "distinct", "qualify")):
        return set()
    joins = [join for join in tree.args.get("joins") or [] if not join.side and join.kind in ("", "INNER")]
    sources = [tree.args.get("from_") or tree.args.get("from"), *joins]
    known = {name.lower(): table for name, table in catalogue.tables.items()}
    common = {cte.alias_or_name.lower() for cte in tree.ctes}
    own = {
        source.alias_or_name.lower(): source.this.name.lower()
        for source in sources
        if source and isinstance(source.this, exp.Table) and source.this.name.lower() in known.keys() - common
    }
    clauses = [tree.args.get("where"), *(join.args.get("on") for join in joins)]
    asked = [column for clause in clauses if clause for column in clause.find_all(exp.Column)]
    names = [(column.table, column.name) for column in asked if column.table or column.parent_select is tree]
    names += [("", column.name) for join in joins for column in join.args.get("using") or []]
    picked = {
        alias
        for table, name in names
        for alias in own
        if table.lower() in ("", alias) and name.lower() not in _plain(own[alias], catalogue)
    }
    return {table for alias, table in own.items() if alias not in picked}


def _plain(table: str, catalogue: Catalogue) -> set[str]:
    """The columns of a table that pick none of a person's rows."""
    entry = next(entry for name, entry in catalogue.tables.items() if name.lower() == table)
    key = entry.person.via if isinstance(entry.person, Via) else entry.person
    return {name.lower() for name in (key, *entry.routing, entry.happened_at, entry.loaded_at, "brand") if name}
