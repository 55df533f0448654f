"""A stranger's database in aggregate: how many rows and values there are, what they look like, which columns lead to which.

Values of people are looked at, and never kept beyond this process: no draft, error or output has one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flows.errors import SourceError
from flows.starting.vocabulary import PERSON_COLUMN, PLAIN_ID, plain, stem
from flows.warehouse.connection import identifier, translated
from flows.warehouse.scope import WAREHOUSE, definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from flows.warehouse.sessions import Session

MOST_ROWS = 5_000_000
"""Of a table with more a sample of so many is counted."""
SEEN_ROWS = 5_000
"""How many rows tell what texts look like."""
FEW_VALUES = 15
"""A column of so many values at most is known by them."""
KINDS = {
    "text": re.compile(r"VARCHAR|ENUM.*|UUID"),
    "whole": re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?"),
    "instant": re.compile(r"TIMESTAMP.*"),
    "day": re.compile(r"DATE"),
    "truth": re.compile(r"BOOLEAN"),
    "real": re.compile(r"DOUBLE|FLOAT|DECIMAL.*"),
}
_NAMED = 10
"""What names are worth beside the share of values that are used."""
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^(\+[0-9]|\(?0?[0-9]+[ ()/.-])[0-9 ()/.-]{5,18}$"
_DAY = r"^\d{4}[-./]\d{1,2}[-./]\d{1,2}"
_LOOKS = {
    "emails": f"regexp_matches({{c}}, '{_EMAIL}')",
    "phones": f"regexp_matches({{c}}, '{_PHONE}') AND NOT regexp_matches({{c}}, '{_DAY}')",
    "sentences": "length({c}) > 25 AND length({c}) - length(replace({c}, ' ', '')) >= 4",
    "capitals": "{c} = upper({c}) AND {c} <> lower({c})",
    "words": "regexp_matches({c}, '[[:alpha:]]{3}') AND NOT regexp_matches({c}, '[0-9_@]')",
    "blanks": "lower(trim({c})) IN ('', 'null', 'none', 'n/a', 'unknown', '-')",
}
"""What a share of a column's texts is asked for."""


@dataclass(frozen=True)
class Column:
    """A column of a table, by its values in aggregate.

    Attributes:
        table, name: of it, as the database spells them.
        kind: one of `KINDS`, or `other`.
        known: how many rows have a value, of those that were counted.
        distinct: about how many different ones.
        is_unique: whether each row has one, and no other row the same.
        least, most: as texts, of what has an order.
        values: all of them in small letters, where they are few.
        looks: share of its texts that look like something, see `_LOOKS`.
    """

    table: str
    name: str
    kind: str
    known: int = 0
    distinct: int = 0
    is_unique: bool = False
    least: str = field(default="", repr=False)
    most: str = field(default="", repr=False)
    values: frozenset[str] = field(default=frozenset(), repr=False)
    looks: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_key_like(self) -> bool:
        """Whether its values can tell rows, or things, from one another."""
        is_address = max(self.looks.get("emails", 0), self.looks.get("phones", 0), self.looks.get("sentences", 0)) > 0.2
        return self.kind in ("text", "whole") and not is_address

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Table:
    """A table: its rows, and its columns by their names in small letters.

    Attributes:
        pair: two columns that tell its rows from one another together, where none does alone.
    """

    name: str
    rows: int
    columns: Mapping[str, Column]
    pair: tuple[str, str] | None = None

    @property
    def keys(self) -> list[Column]:
        """The columns that tell its rows from one another."""
        return [column for column in self.columns.values() if column.is_unique and column.is_key_like]


@dataclass(frozen=True)
class Link:
    """Rows of one table lead to rows of another: the values of a column are among those of the other's key."""

    child: Column
    parent: Column
    ground: str


@dataclass(frozen=True)
class Survey:
    """A database: its tables by name, and how they lead to one another."""

    tables: Mapping[str, Table]
    links: Sequence[Link]


def survey(session: Session, database: Path) -> Survey:
    """Count a database through. Raises SourceError where it holds no table, and as `warehouse.scope.attached`."""
    tables = {}
    for name, columns in definitions(database).columns.items():
        with translated(f"{database}: {name}"):
            tables[name] = _counted(session, name, columns)
    if not tables:
        raise SourceError(database, *_instead_of_tables(session))
    return Survey(tables, _links(session, tables))


def _instead_of_tables(session: Session) -> tuple[str, str]:
    """What is there where no table is, and what to do about it."""
    listed = f"SELECT schema_name, min(table_name) FROM duckdb_tables() WHERE database_name = '{WAREHOUSE}'"
    elsewhere = session.execute(f"{listed} GROUP BY 1 ORDER BY 1")
    if not elsewhere:
        return (
            "there is no table in it",
            "load your customers into it: CREATE TABLE customers AS FROM read_csv('customers.csv')",
        )
    schema, table = elsewhere[0]
    what = f"its tables are in the schema {schema}, and only those of the schema main are read"
    copied = f"CREATE TABLE main.{identifier(table)} AS FROM {identifier(schema)}.{identifier(table)}"
    return what, f"copy there what messages may use: {copied}"


def source(table: str) -> str:
    """A table as SQL of our own names it."""
    return f"{WAREHOUSE}.main.{identifier(table)}"


def _counted(session: Session, name: str, columns: Iterable[tuple[str, str]]) -> Table:
    rows = int(session.execute(f"SELECT count(*) FROM {source(name)}")[0][0])
    empty = [Column(name, column, _kind(kind)) for column, kind in columns]
    plain_ones = [column for column in empty if column.kind != "other"]
    if not rows or not plain_ones:
        return Table(name, rows, {column.name.lower(): column for column in empty})
    part = f"(FROM {source(name)} USING SAMPLE {100 * MOST_ROWS / rows:.6f} PERCENT (system))"
    counted = part if rows > MOST_ROWS else source(name)
    asked = ", ".join(
        f"count({c}), approx_count_distinct({c}), min({c})::VARCHAR, max({c})::VARCHAR"
        for c in (identifier(column.name) for column in plain_ones)
    )
    answers = session.execute(f"SELECT {asked}, count(*) FROM {counted}")[0]
    of_all, looks = int(answers[-1]), _looks(session, counted, plain_ones)
    found = {column.name: column for column in empty}
    for place, column in enumerate(plain_ones):
        known, distinct, least, most = answers[4 * place : 4 * place + 4]
        seen = Column(
            name, column.name, column.kind, int(known), min(int(distinct), int(known)),
            _is_unique(session, column, int(known), int(distinct), of_all),
            least or "", most or "", looks=looks.get(column.name, {}),
        )  # fmt: skip
        found[column.name] = _with_values(session, seen)
    table = Table(name, rows, {column.name.lower(): column for column in found.values()})
    return table if table.keys else replace(table, pair=_pair(session, table))


def _pair(session: Session, table: Table) -> tuple[str, str] | None:
    """Of a person's number and one more key, those that tell its rows together."""
    known = [column for column in table.columns.values() if column.is_key_like and column.known == table.rows]
    for column in (column for column in known if PERSON_COLUMN.fullmatch(plain(column.name))):
        for other in (other for other in known if other != column and other.distinct * column.distinct >= table.rows):
            both = f"({identifier(other.name)}, {identifier(column.name)})"
            if session.execute(f"SELECT count(DISTINCT {both}) = count(*) FROM {source(table.name)}")[0][0]:
                return other.name, column.name
    return None


def _kind(written: str) -> str:
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(written.upper())), "other")


def _is_unique(session: Session, column: Column, known: int, distinct: int, rows: int) -> bool:
    """Exactly, but asked only where the estimate, which may be a tenth off, says that it can be."""
    if column.kind not in ("text", "whole") or known < rows or distinct < 0.8 * rows:
        return False
    name = identifier(column.name)
    return bool(session.execute(f"SELECT count(DISTINCT {name}) = count(*) FROM {source(column.table)}")[0][0])


def _looks(session: Session, counted: str, columns: Iterable[Column]) -> dict[str, dict[str, float]]:
    texts = [column.name for column in columns if column.kind == "text"]
    if not texts:
        return {}
    cast = ", ".join(f"{identifier(name)}::VARCHAR AS c{place}" for place, name in enumerate(texts))
    shares = ", ".join(
        f"coalesce(avg(({look.replace('{c}', f'c{place}')})::INTEGER), 0)::DOUBLE"
        for place in range(len(texts))
        for look in _LOOKS.values()
    )
    seen = f"(SELECT {cast} FROM (FROM {counted} USING SAMPLE reservoir({SEEN_ROWS} ROWS) REPEATABLE (7)))"
    answer = session.execute(f"SELECT {shares} FROM {seen}")[0]
    width = len(_LOOKS)
    return {
        name: dict(zip(_LOOKS, answer[place * width : (place + 1) * width], strict=True))
        for place, name in enumerate(texts)
    }


def _with_values(session: Session, column: Column) -> Column:
    if column.kind not in ("text", "truth", "whole") or not 0 < column.distinct <= FEW_VALUES:
        return column
    name = identifier(column.name)
    few = f"SELECT DISTINCT lower(trim({name}::VARCHAR)) FROM {source(column.table)} WHERE {name} IS NOT NULL LIMIT 40"
    values = frozenset(str(row[0]) for row in session.execute(few))
    return Column(**{**column.__dict__, "values": values})


def _links(session: Session, tables: Mapping[str, Table]) -> list[Link]:
    """The links of each column that its name tells, too, or else the best one that values tell; the best first."""
    found = []
    for table in tables.values():
        for child in table.columns.values():
            if child.is_key_like:
                parents = list(_parents(session, table, child, tables))
                best = max((score for score, _ in parents), default=0.0)
                found += [(score, link) for score, link in parents if score == best or score >= _NAMED]
    return [link for _, link in sorted(found, key=lambda scored: -scored[0])]


def _parents(
    session: Session, table: Table, child: Column, tables: Mapping[str, Table]
) -> Iterator[tuple[float, Link]]:
    for other in tables.values():
        if other.name == table.name:
            continue
        for parent in _possible_keys(other):
            if parent.kind != child.kind:
                continue
            is_named = _is_named_after(child, parent)
            if not table.rows or not other.rows:
                if is_named:
                    yield float(_NAMED), Link(child, parent, "by their names")
                continue
            coverage = child.distinct / max(parent.distinct, 1)
            if not is_named and not _may_lead(child, parent, coverage):
                continue
            share = _contained(session, child, parent)
            if share >= (0.9 if is_named else 0.99):
                ground = f"{share:.0%} of its values are there" + (", and by their names" if is_named else "")
                yield (_NAMED if is_named else 0) + min(coverage, 1.0), Link(child, parent, ground)


def _possible_keys(table: Table) -> list[Column]:
    """What rows of others may lead to; of an empty table the column that is called like its key."""
    if table.rows:
        return table.keys
    return [
        column
        for column in table.columns.values()
        if PLAIN_ID.fullmatch(plain(column.name)) or stem(column.name) == stem(table.name)
    ]


def _is_named_after(child: Column, parent: Column) -> bool:
    own, theirs = plain(child.name), plain(parent.name)
    if PLAIN_ID.fullmatch(own):
        return False
    return own == theirs or stem(child.name) == stem(parent.table) or own == plain(parent.table) + theirs


def _may_lead(child: Column, parent: Column, coverage: float) -> bool:
    """Whether values alone can say so: numbers that count from 1 are among those of any longer count."""
    is_same = child.least == parent.least not in ("0", "1") and child.most == parent.most
    if child.distinct < 5 or coverage > 1.2 or (child.is_unique and child.kind == "whole" and not is_same):
        return False
    if PERSON_COLUMN.fullmatch(plain(child.name)) and PERSON_COLUMN.fullmatch(plain(parent.name)):
        return True
    return coverage >= (0.3 if child.kind == "whole" else 0.05)


def _contained(session: Session, child: Column, parent: Column) -> float:
    """The share of a column's values that the other has; of at most so many as are looked at."""
    own, theirs = identifier(child.name), identifier(parent.name)
    some = f"SELECT DISTINCT {own} AS v FROM {source(child.table)} WHERE {own} IS NOT NULL LIMIT {SEEN_ROWS}"
    held = f"SELECT coalesce(avg((v IN (SELECT {theirs} FROM {source(parent.table)}))::INTEGER), 0) FROM ({some})"
    return float(session.execute(held)[0][0])
