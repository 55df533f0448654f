"""How the rows of one table of a copy are shuffled: SQL that makes the changed rows of those that were kept.

Every choice comes from DuckDB's hash of a row's number, or of a person, and a seed: it is the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.warehouse.connection import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

ROW, PERSON = identifier("copy: row"), identifier("copy: person")
"""What each table of a copy has besides its own columns: the number of a row, and whose it was."""

_PEOPLE, _MERGED = "proof.main.people", 4


@dataclass(frozen=True)
class Shuffle:
    """One way to change the rows of a table.

    Attributes:
        kind: `values` go from row to row, or `rare` ones take the place of others, nulls among them; rows go to others, because
            people are `swapped`, several are `merged` into one, or rows are `dealt` to anybody; rows are `removed`, or all of
            some people (`emptied`).
        columns: what is shuffled; each tuple goes from row to row as one. For `swapped` and `dealt` the way to a person.
        share: of rows, or of people; the others stay as they are.
        within: a column whose value rows have in common that change their values with each other.
    """

    kind: Literal["values", "rare", "swapped", "merged", "dealt", "removed", "emptied"]
    columns: tuple[tuple[str, ...], ...] = ()
    share: float = 1.0
    within: str | None = None


def shuffled(name: str, shuffle: Shuffle, seed: int, owner: str | None, kinds: Mapping[str, str]) -> str:
    """The rows of a table of the copy after a shuffle, in their order, as SQL.

    Args:
        name: the table.
        shuffle: how.
        seed: what the choices start from.
        owner: the column with the person's id; None where another table leads to the person.
        kinds: column -> type.
    """
    rows = f"kept.main.{identifier(name)}"
    if shuffle.kind == "removed":
        return f"FROM {rows} WHERE NOT {_is_chosen(ROW, seed, shuffle.share)}"
    if shuffle.kind == "emptied":
        return f"FROM {rows} WHERE NOT coalesce({_is_chosen(PERSON, seed, shuffle.share)}, false)"
    if shuffle.kind == "rare":
        return f"SELECT * REPLACE ({', '.join(_rare(rows, shuffle, seed))}) FROM {rows} ORDER BY {ROW}"
    if shuffle.kind in {"swapped", "merged", "dealt"} and owner is not None:
        others = {
            "swapped": _swaps(seed, shuffle.share),
            "merged": _merges(seed),
            "dealt": _deals(rows, seed, shuffle.share),
        }
        key = ROW if shuffle.kind == "dealt" else PERSON
        person = f"coalesce(o.other, r.{PERSON})"
        replaced = f"CAST({person} AS {kinds[owner]}) AS {identifier(owner)}, {person} AS {PERSON}"
        joined = f"{rows} AS r LEFT JOIN ({others[shuffle.kind]}) AS o ON o.key = r.{key}"
        return f"SELECT r.* REPLACE ({replaced}) FROM {joined} ORDER BY r.{ROW}"
    return _moved(rows, shuffle, seed)


def _moved(rows: str, shuffle: Shuffle, seed: int) -> str:
    """Each tuple of columns from the row at a place in one order to the row at that place in another."""
    within = identifier(shuffle.within) if shuffle.within else "0"
    joins, replaced = [], []
    for place, columns in enumerate(shuffle.columns):
        names = [identifier(column) for column in columns]
        chosen = f"FROM {rows} WHERE {_is_chosen(ROW, seed, shuffle.share)}"
        giving, taking = (
            f"SELECT {{}}, {within} AS its_group, "
            f"row_number() OVER (PARTITION BY {within} ORDER BY {_drawn(ROW, start)}) AS place {chosen}"
            for start in (seed + 2 * place + 1, seed + 2 * place + 2)
        )
        given = ", ".join(f"{column} AS v{number}" for number, column in enumerate(names))
        joins.append(
            f"LEFT JOIN (SELECT t.{ROW} AS taker, g.* FROM ({taking.format(ROW)}) AS t JOIN ({giving.format(given)}) AS g "
            f"ON t.place = g.place AND t.its_group IS NOT DISTINCT FROM g.its_group) AS b{place} ON b{place}.taker = r.{ROW}"
        )
        replaced += [
            f"CASE WHEN b{place}.taker IS NULL THEN r.{column} ELSE b{place}.v{number} END AS {column}"
            for number, column in enumerate(names)
        ]
    return f"SELECT r.* REPLACE ({', '.join(replaced)}) FROM {rows} AS r {' '.join(joins)} ORDER BY r.{ROW}"


def _rare(rows: str, shuffle: Shuffle, seed: int) -> list[str]:
    """Any value of its column as often as any other, one in eight of them null."""
    replaced = []
    for place, column in enumerate(name for names in shuffle.columns for name in names):
        start, name = seed + 3 * place, identifier(column)
        values = f"(SELECT list_sort(list(DISTINCT {name})) FROM {rows})"
        drawn = f"{values}[1 + ({_drawn(ROW, start + 1)} % greatest(len({values}), 1))::bigint]"
        new = f"CASE WHEN {_is_chosen(ROW, start + 2, 1 / 8)} THEN NULL ELSE {drawn} END"
        replaced.append(f"CASE WHEN {_is_chosen(ROW, start, shuffle.share)} THEN {new} ELSE {name} END AS {name}")
    return replaced


def _swaps(seed: int, share: float) -> str:
    """Who takes the place of whom: the same for every table, so that what belongs together stays together."""
    ordered = (
        f"SELECT person, row_number() OVER (ORDER BY {{}}) AS place FROM {_PEOPLE} "
        f"WHERE {_is_chosen('person', seed, share)}"
    )
    taking, giving = (ordered.format(_drawn("person", start)) for start in (seed + 1, seed + 2))
    return f"SELECT t.person AS key, g.person AS other FROM ({taking}) AS t JOIN ({giving}) AS g USING (place)"


def _merges(seed: int) -> str:
    ordered = f"SELECT person, row_number() OVER (ORDER BY {_drawn('person', seed)}) - 1 AS place FROM {_PEOPLE}"
    whole = f"m.place - m.place % {_MERGED} = p.place"
    return f"SELECT m.person AS key, p.person AS other FROM ({ordered}) AS m JOIN ({ordered}) AS p ON {whole}"


def _deals(rows: str, seed: int, share: float) -> str:
    numbered = f"SELECT person, row_number() OVER (ORDER BY person) - 1 AS place FROM {_PEOPLE}"
    drawn = f"({_drawn(ROW, seed + 1)} % (SELECT count(*) FROM {_PEOPLE}))::bigint"
    dealt = f"SELECT {ROW} AS key, {drawn} AS place FROM {rows} WHERE {_is_chosen(ROW, seed, share)}"
    return f"SELECT d.key, p.person AS other FROM ({dealt}) AS d JOIN ({numbered}) AS p USING (place)"


def _is_chosen(what: str, seed: int, share: float) -> str:
    """SQL that is true of about a share."""
    return f"({_drawn(what, seed)} % 1000000 < {round(share * 1_000_000)})"


def _drawn(what: str, seed: int) -> str:
    """A number for a row or a person. Twice, because DuckDB only flips some bits of the same hash for another seed."""
    return f"hash(hash({what}, {seed}))"
