"""Worlds that differ in one dimension only: whatever of a field differs between them depends on that dimension."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb

from flows.catalogue import read_catalogue
from flows.errors import StatementError
from flows.lineage import dimensions, shape_of, trace
from flows.warehouse.scope import Macro, Seen
from flows.warehouse.statements import check_statement
from tests.lineage.warehouse import CATALOGUE, CUSTOMERS, KINDS, MACROS, SEEN_IN_VIEWS, TABLES, VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Rows = list[dict[str, Any]]
World = dict[str, Rows]
Known = dict[tuple[Any, ...], Any]

COLUMNS = {
    "name": ("people", ("first_name",)),
    "age": ("people", ("age_band",)),
    "home": ("people", ("city", "address")),
    "traits": ("people", ("traits",)),
    "last_order": ("orders", ("item_id", "total", "day")),
    "pages": ("visits", ("page", "times", "tags")),
}
"""Dimension -> its table, and the columns that may be shuffled among its rows."""
OF_ROWS = ("last_order", "pages")
"""The dimensions of which there may be several rows, or none: whose they are is shuffled, too."""


def some_world(random: Random, people: int = 30) -> World:
    def visits_and_orders() -> str:
        return f"p{random.randrange(people)}"

    return {
        "people": [
            {
                "customer_id": f"p{n}",
                "brand": "ab"[n % 2],
                "first_name": random.choice(["Ann", "Ben", "Cid", None]),
                "age_band": random.randint(0, 4),
                "city": random.choice("XYZ"),
                "address": {"street": random.choice(["Elm", "Oak"]), "floor": random.randint(0, 3)},
                "traits": random.choice(['{"size": "S"}', '{"size": "L"}', None]),
            }
            for n in range(people)
        ],
        "orders": [
            {
                "order_id": f"o{n}",
                "customer_id": visits_and_orders(),
                "item_id": f"i{random.randrange(6)}",
                "total": random.randint(0, 4),
                "day": random.randint(0, 4),
            }
            for n in range(2 * people)
        ],
        "visits": [
            {
                "visit_id": f"v{n}",
                "customer_id": visits_and_orders(),
                "page": random.choice(["home", "care", "sale"]),
                "times": random.randint(0, 4),
                "tags": random.sample(["new", "old", "big"], random.randint(0, 2)),
            }
            for n in range(2 * people)
        ],
        "items": [
            {"item_id": f"i{n}", "title": f"title{n}", "kind": random.choice(["tent", "rope"]), "rank": n}
            for n in range(6)
        ],
        "labels": [{"code": n, "label": f"label{n}"} for n in range(5)],
    }


def shuffled(world: World, random: Random, table: str, columns: tuple[str, ...]) -> World:
    """The same world with the values of some columns handed to other rows."""
    others = random.sample(world[table], len(world[table]))
    rows = [row | {name: other[name] for name in columns} for row, other in zip(world[table], others, strict=True)]
    return world | {table: rows}


def others_of(world: World, random: Random, dimension: str) -> list[World]:
    """Worlds that are the same but for one dimension."""
    table, columns = COLUMNS[dimension]
    found = [shuffled(world, random, table, columns) for _ in range(2)]
    if dimension in OF_ROWS:
        found.append(shuffled(world, random, table, ("customer_id",)))
        found.append(world | {table: [row for row in world[table] if random.random() < 0.5]})
    return found


def opened(world: World) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    for table, columns in TABLES.items():
        kinds = ", ".join(f"{name} {KINDS.get(kind, 'VARCHAR')}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {table} ({kinds})")
        if world[table]:
            rows = [[row[name] for name in columns] for row in world[table]]
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    for name, text in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {text}")
    for name, (given, body) in MACROS.items():
        connection.execute(f"CREATE MACRO {name}({', '.join(given)}) AS {body}")
    return connection


def values(connection: duckdb.DuckDBPyConnection, query: str) -> Known:
    """Person, brand and subject -> the field `f`, where there is one row of these."""
    asked = connection.execute(query)
    names = [column[0] for column in asked.description]
    key, field = (
        [names.index(name) for name in ("customer_id", "brand", "subject_id") if name in names],
        names.index("f"),
    )
    rows = [(tuple(row[place] for place in key), row[field]) for row in asked.fetchall()]
    counts = Counter(who for who, _ in rows)
    return {who: value for who, value in rows if counts[who] == 1 and None not in who[:2]}


@dataclass(frozen=True)
class Tried:
    """What came of one query.

    Attributes:
        query: its text.
        refused: why it was not traced; None where it was.
        missed: the dimensions that change `f` of somebody, and are not in its static lineage.
    """

    query: str
    refused: str | None
    missed: frozenset[str] = frozenset()


class Worlds:
    """A small warehouse, and the same one with each dimension shuffled in several ways."""

    def __init__(self, folder: Path, seed: int) -> None:
        random = Random(seed)
        (folder / "dimensions.yaml").write_text(CATALOGUE, "utf-8")
        self.catalogue = read_catalogue(folder)
        world = some_world(random)
        self.own = opened(world)
        self.others = {name: [opened(other) for other in others_of(world, random, name)] for name in COLUMNS}
        columns = {name: tuple(found) for name, found in {**TABLES, **SEEN_IN_VIEWS}.items()}
        macros = {name: Macro(given, body) for name, (given, body) in MACROS.items()}
        self.shape = shape_of(Seen(columns, VIEWS, macros), self.catalogue, CUSTOMERS)

    def tried(self, query: str) -> Tried:
        """Trace a query, and run it in every world of a dimension that is not found. Raises duckdb.Error where it is no query."""
        before = values(self.own, query)
        try:
            traced = self.traced(query)
        except StatementError as refusal:
            return Tried(query, str(refusal))
        return Tried(query, None, frozenset(self.changing(query, before, self.others.keys() - traced)))

    def traced(self, query: str) -> set[str]:
        """The dimensions of `f`, by static lineage. Raises StatementError."""
        check_statement(query, "q.sql", self.catalogue)
        return set(dimensions(trace(query, "q.sql", self.shape).columns["f"], "q.sql", self.catalogue))

    def changing(self, query: str, before: Known, names: Iterable[str]) -> set[str]:
        """Those dimensions a shuffle of which changes `f` of somebody."""
        return {name for name in names if any(_differ(before, values(other, query)) for other in self.others[name])}


def _differ(before: Known, after: Known) -> bool:
    return any(before[who] != after[who] for who in before.keys() & after.keys())
