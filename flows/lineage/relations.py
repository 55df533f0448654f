"""What is known of the rows that a query reads or yields: what decides each value, and what decides which rows there are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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


AGAIN = "\0"
"""After the name of a column that has the name of one before it; its place follows."""

Columns = frozenset[Column]
NOTHING: Columns = frozenset()


@dataclass(frozen=True)
class Lineage:
    """What a query's values depend on.

    Attributes:
        columns: output column, in lower case -> what decides its value, for a person who is in the result.
        targeted: what decides who is in the result.
        keys: those of the columns that hold the person's own key, or the brand of a row, unchanged.
    """

    columns: Mapping[str, Columns]
    targeted: Columns
    keys: frozenset[str]


@dataclass(frozen=True)
class Relation:
    """What a FROM clause reads: a table, or the rows of a query.

    Attributes:
        columns: column -> what decides its value.
        rows: what decides which rows there are.
        repeats: what decides how often a row is there; only whatever puts rows together can tell.
        units: the columns that hold the person's own key or the brand, unchanged.
        is_single: whether there is at most one row per person and brand.
    """

    columns: Mapping[str, Columns]
    rows: Columns
    units: frozenset[str]
    is_single: bool
    repeats: Columns = NOTHING


def on_line(line: int, columns: Columns) -> Columns:
    """The same columns, said to be read on another line."""
    return frozenset(replace(column, line=line) for column in columns)


def all_of(*found: Columns) -> Columns:
    """Everything that is in any of them."""
    return NOTHING.union(*found)
