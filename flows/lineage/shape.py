"""The warehouse as lineage sees it: which columns there are, whose rows they are, and which tables have everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.catalogue import Catalogue


@dataclass(frozen=True)
class Shape:
    """What SQL is read against.

    Attributes:
        tables: table -> its columns, in order.
        keys: table -> the column with the person's key; no entry where rows are nobody's, or lead to a person by way of
            another table.
        everybody: the tables with one row for each person (or person and brand): that there is a row tells nothing, and no
            condition can choose among a person's rows.
        impersonal: the tables without anything about people.
    """

    tables: Mapping[str, Collection[str]]
    keys: Mapping[str, str]
    everybody: frozenset[str]
    impersonal: frozenset[str]


def shape_of(columns: Mapping[str, Collection[str]], catalogue: Catalogue, customers: str) -> Shape:
    """The shape of a warehouse.

    Args:
        columns: catalogued table -> its columns.
        catalogue: says whose the rows of each table are.
        customers: sql/customers.sql. What it joins has one row for each person and brand, or the run would stop: its rows are
            unique over both.
    """
    return Shape(
        tables=columns,
        keys={name: table.person for name, table in catalogue.tables.items() if isinstance(table.person, str)},
        everybody=frozenset(_joined(customers) & catalogue.tables.keys()),
        impersonal=frozenset(name for name, table in catalogue.tables.items() if not table.personal),
    )


def _joined(statement: str) -> set[str]:
    """The tables that a plain SELECT joins, each row of which is then in its result once; none where it says more."""
    tree = sqlglot.parse_one(statement, dialect="duckdb")
    if not isinstance(tree, exp.Select) or any(tree.args.get(clause) for clause in ("group", "distinct", "qualify")):
        return set()
    joins = [join for join in tree.args.get("joins") or [] if not join.side and not join.kind]
    sources = [tree.args.get("from_") or tree.args.get("from"), *joins]
    own = {source.this.name for source in sources if source and isinstance(source.this, exp.Table)}
    return own - {cte.alias_or_name for cte in tree.ctes}
