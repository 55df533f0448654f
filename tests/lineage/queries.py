"""Random queries over a small warehouse: what static lineage is tried on, whatever of SQL an analyst may think of.

    Analyst(Random(7)).query()  # yields customer_id, brand, and the field f

Each has one answer: whatever takes one of several rows orders them by their keys in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tests.lineage.warehouse import SEEN_IN_VIEWS, TABLES, UNIQUE, UNIQUE_IN_VIEWS, VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """What a FROM clause names.

    Attributes:
        alias: how its columns are reached.
        columns: column -> kind.
        order: the columns that tell its rows apart.
    """

    alias: str
    columns: dict[str, str]
    order: tuple[str, ...]

    def of(self, *kinds: str) -> list[str]:
        return [f"{self.alias}.{name}" for name, kind in self.columns.items() if kind in kinds]


Sources = list[Source]
YIELDED = {"customer_id": "key", "brand": "brand", "f": "text", "g": "text"}


class Analyst:
    """Writes a query as somebody would who tries whatever SQL allows."""

    def __init__(self, random: Random) -> None:
        self.random, self.aliases = random, 0
        self.ctes: list[tuple[str, str, dict[str, str]]] = []

    def query(self) -> str:
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 3])):
            self.ctes.append((f"c{len(self.ctes) + 1}", *self.common()))
        last = self.block(inner=False)
        ctes = ", ".join(f"{name} AS ({text})" for name, text, _ in self.ctes)
        return f"WITH {ctes} {last}" if ctes else last

    # Choosing.

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def one(self, choices: Iterable[T]) -> T:
        return self.random.choice(list(choices))

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def some_number(self) -> str:
        return str(self.random.randint(0, 4))

    # Queries.

    def common(self) -> tuple[str, dict[str, str]]:
        """A CTE: a block, or one that hands a table on with its star."""
        if not self.often(0.2):
            return self.block(inner=True), YIELDED
        people = {name: kind for name, kind in TABLES["people"].items() if name != "city"}
        where = f" WHERE {self.condition([self.table('people', 'people')])}" if self.often(0.6) else ""
        star = self.one(
            ["* EXCLUDE (city)", "people.* EXCLUDE (city)", "* EXCLUDE (city) REPLACE (upper(city) AS first_name)"]
        )
        return f"SELECT {star} FROM people{where}", people

    def block(self, *, inner: bool) -> str:
        if not self.often(0.15):
            return self.select(inner=inner)
        word = self.one(["UNION ALL", "UNION ALL", "UNION", "EXCEPT", "INTERSECT"])
        return f"({self.select(inner=inner, is_arm=True)}) {word} ({self.select(inner=inner, is_arm=True)})"

    def select(self, *, inner: bool, is_arm: bool = False) -> str:
        sources, text, conditions = self.read_from()
        person = self.person(sources)
        keys = [f"{person}.customer_id", f"{person}.brand"]
        kind = self.one(["plain", "plain", "group", "group", "group", "qualify", "distinct on", "distinct"])
        fields = {
            name: self.value(sources, person, aggregated=kind == "group") for name in ("f", "g")[: 2 if inner else 1]
        }
        if inner and kind == "plain" and self.often(0.1):
            fields["g"] = f"unnest([{fields['g']}, {self.expression(sources)}])"
        elif not inner and not is_arm and kind != "group" and self.often(0.15):  # an alias used in the same SELECT
            later = f"concat({self.text(sources)}, {self.number(sources)}, early)"
            if not any(hidden in fields["f"] + later for hidden in ("(SELECT", "orders_of(", "label_for(")):
                fields = {"early": fields["f"], "f": later}
        conditions += [self.condition(sources) for _ in range(self.one([0, 0, 1, 1, 2]))]
        shown = [*keys, *(f"{value} AS {name}" for name, value in fields.items())]
        subjects = [column for source in sources for column in source.of("text") if column.endswith(".order_id")]
        if not inner and not is_arm and kind == "plain" and subjects:
            shown.insert(2, f"{subjects[0]} AS subject_id")
        order = f"{self.expression(sources)}, {self.last_order(sources)}"
        first = {"distinct": "DISTINCT ", "distinct on": f"DISTINCT ON ({', '.join(keys)}) "}.get(kind, "")
        query = f"SELECT {first}{', '.join(shown)} FROM {text}"
        if conditions:
            query += " WHERE " + " AND ".join(conditions)
        if kind == "group":
            query += " GROUP BY " + self.one([", ".join(keys), "ALL", "1, 2", ", ".join(keys)])
            if self.often(0.3):
                query += f" HAVING {self.aggregate_number(sources)} > {self.some_number()}"
        if kind == "qualify":
            over = f"PARTITION BY {', '.join(keys)} ORDER BY {order}"
            named = self.often(0.3)
            query += f" WINDOW w AS ({over})" if named else ""
            query += f" QUALIFY row_number() OVER {'w' if named else f'({over})'} = 1"
        if kind == "distinct on":
            query += f" ORDER BY {', '.join(keys)}, {order}"
        return query

    # Sources.

    def table(self, name: str, alias: str) -> Source:
        columns = {**TABLES, **SEEN_IN_VIEWS}[name]
        return Source(alias, columns, ({**UNIQUE, **UNIQUE_IN_VIEWS}[name],))

    def source(self) -> tuple[str, Source]:
        """A table, a view, a CTE, or a derived table: its text, without alias, and what it yields."""
        alias = self.alias()
        if self.ctes and self.often(0.5):
            name, _, columns = self.one(self.ctes)
            return name, self.yielding(alias, columns)
        if self.often(0.1) and self.aliases < 30:
            return f"({self.block(inner=True)})", self.yielding(alias, YIELDED)
        name = self.one([*TABLES, *VIEWS])
        return name, self.table(name, alias)

    def yielding(self, alias: str, columns: dict[str, str]) -> Source:
        return Source(alias, columns, tuple(name for name, kind in columns.items() if kind not in {"struct", "list"}))

    def person(self, sources: Sources) -> str:
        found = [source.alias for source in sources if "brand" in source.columns]
        return found[0] if self.often(0.8) else self.one(found)

    def read_from(self) -> tuple[Sources, str, list[str]]:
        """What is read: sources (one of them with customer_id and brand), the text of FROM, conditions of WHERE."""
        alias = self.alias()
        if self.ctes and self.often(0.25):
            name, _, columns = self.one(self.ctes)
            first = self.yielding(alias, columns)
        else:
            name = self.one(["people", "people", "people", "grown"])
            first = self.table(name, alias)
        sources, text, conditions = [first], f"{name} {alias}", []
        for _ in range(self.one([0, 1, 1, 2])):
            text, condition = self.join(sources, text)
            conditions += condition
        return sources, text, conditions

    def join(self, sources: Sources, text: str) -> tuple[str, list[str]]:
        """One more source, appended to `sources`; the text of FROM with it, and what WHERE has to say of it."""
        name, added = self.source()
        person = sources[0].alias
        if "customer_id" not in added.columns:
            on = [self.lookup(sources, added)]
        else:
            shared = [key for key in ("customer_id", "brand") if key in added.columns]
            on = [f"{added.alias}.{key} = {person}.{key}" for key in shared]
            if self.often(0.15) and len(sources) == 1:
                sources.append(added)
                return f"{text} {self.one(['JOIN', 'LEFT JOIN'])} {name} {added.alias} USING ({', '.join(shared)})", []
        if self.often(0.3):
            on.append(self.condition([*sources, added]))
        kind = self.one(["JOIN"] * 4 + ["LEFT JOIN"] * 4 + ["SEMI JOIN", "ANTI JOIN", "FULL JOIN", "RIGHT JOIN", ","])
        joined = " AND ".join(on)
        if kind in {"SEMI JOIN", "ANTI JOIN"}:
            return f"{text} {kind} {name} {added.alias} ON {joined}", []
        sources.append(added)
        if kind == ",":
            return (
                (f"{text}, {name} {added.alias}", on)
                if " JOIN " not in text
                else (f"{text} JOIN {name} {added.alias} ON {joined}", [])
            )
        if kind == "RIGHT JOIN" and " JOIN " not in text and "," not in text and self.often(0.7):
            return f"{name} {added.alias} RIGHT JOIN {text} ON {joined}", []
        return f"{text} {kind} {name} {added.alias} ON {joined}", []

    def lookup(self, sources: Sources, added: Source) -> str:
        """How a row of a table without people is found."""
        if "item_id" in added.columns:
            held = [column for source in sources for column in source.of("text") if column.endswith(".item_id")]
            return (
                f"{added.alias}.item_id = {self.one(held)}"
                if held
                else f"{added.alias}.rank = {self.number(sources)} % 6"
            )
        return f"{added.alias}.code = {self.number(sources)} % 5"

    def last_order(self, sources: Sources) -> str:
        """What tells all rows apart."""
        return ", ".join(f"{source.alias}.{column}" for source in sources for column in source.order)

    # Plain values.

    def number(self, sources: Sources) -> str:
        found = [column for source in sources for column in source.of("number")]
        found += [f"({column}).floor" for source in sources for column in source.of("struct")]
        if self.often(0.1):
            found.append(f"length({self.text(sources)})")
        if self.often(0.05):
            found.append(f"orders_of({sources[0].alias}.customer_id)")
        return f"coalesce({self.one(found)}, 0)" if found and self.often(0.95) else f"abs({self.some_number()})"

    def text(self, sources: Sources) -> str:
        found = [column for source in sources for column in source.of("text")]
        found += [
            f"{self.one([f'({column}).street', column + chr(91) + chr(39) + 'street' + chr(39) + chr(93)])}"
            for s in sources
            for column in s.of("struct")
        ]
        return self.one(found) if found else "'constant'"

    def condition(self, sources: Sources, depth: int = 0) -> str:
        kinds: list[Callable[[Sources, int], str]] = [self.compared] * 4 + [self.asked] * 3 + [self.told] * 3
        return self.one(kinds if depth else [*kinds, self.either])(sources, depth)

    def either(self, sources: Sources, depth: int) -> str:
        return f"({self.condition(sources, depth + 1)} OR {self.condition(sources, depth + 1)})"

    def compared(self, sources: Sources, depth: int) -> str:
        other = self.one([self.number(sources), self.some_number(), self.some_number()])
        return f"{self.number(sources)} {self.one(['>', '<', '=', '<>', '>='])} {other}"

    def told(self, sources: Sources, depth: int) -> str:
        text = self.text(sources)
        return self.one(
            [
                f"{text} = {self.text(sources)}",
                f"{text} IS NOT NULL",
                f"{text} LIKE '%n%'",
                f"{text} IN ('Ann', 'X', 'tent', 'home')",
                f"NOT ({text} < 'M')",
                f"{self.number(sources)} BETWEEN 1 AND 3",
                f"{self.number(sources)} IN (SELECT code FROM labels WHERE label < 'label3')",
                f"{text} IS DISTINCT FROM {self.text(sources)}",
            ]
        )

    def asked(self, sources: Sources, depth: int) -> str:
        """A condition with a query in it."""
        person, inner = sources[0].alias, self.table(self.one(["orders", "visits", "bought", "dear"]), self.alias())
        name = next(name for name, columns in {**TABLES, **SEEN_IN_VIEWS}.items() if columns == inner.columns)
        narrowed = f" AND {self.condition([inner], 2)}" if self.often(0.5) and depth < 2 else ""
        where = narrowed.replace(" AND", " WHERE", 1)
        tied = f"{inner.alias}.customer_id = {person}.customer_id"
        theirs = f"SELECT {inner.alias}.customer_id FROM {name} {inner.alias}{where}"
        return self.one(
            [
                f"{self.one(['EXISTS', 'NOT EXISTS'])} (SELECT 1 FROM {name} {inner.alias} WHERE {tied}{narrowed})",
                f"{person}.customer_id {self.one(['IN', 'NOT IN'])} ({theirs})",
                f"{person}.customer_id = ANY ({theirs})",
                f"{self.text(sources)} IN (SELECT {self.text([inner])} FROM {name} {inner.alias} WHERE {tied}{narrowed})",
                f"(SELECT count(*) FROM {name} {inner.alias} WHERE {tied}{narrowed}) > {self.some_number()}",
            ]
        )

    def expression(self, sources: Sources, depth: int = 0) -> str:
        """A text."""
        if depth >= 2 or self.often(0.45):
            return self.one([self.text(sources), self.text(sources), f"{self.number(sources)}::varchar"])
        one, two = self.expression(sources, depth + 1), self.expression(sources, depth + 1)
        if self.often(0.2):
            return self.looked_up(sources, depth)
        number, condition = self.number(sources), self.condition(sources, depth + 1)
        written = [
            f"CASE WHEN {condition} THEN {one} ELSE {two} END",
            f"CASE WHEN {condition} THEN 'yes' ELSE 'no' END",
            f"CASE {number} WHEN 1 THEN {one} WHEN 2 THEN 'two' END",
            f"IF({condition}, {one}, 'otherwise')",
            f"concat({one}, {two})",
            f"({one} || '-' || {two})",
            f"coalesce({one}, {two}, 'none')",
            f"nullif({one}, {two})",
            f"({condition})::varchar",
            f"upper(substr({one}, 1, 1 + {number} % 3))",
            f"substr(md5({one}), 1, 2)",
            f"[{one}, {two}][1 + {number} % 2]",
            f"list_transform([{one}, {two}], lambda x: upper(x))::varchar",
            f"list_transform([1, 2], lambda x: x + {number.replace('orders_of', 'length')})::varchar",
            f"list_filter([{one}, {two}], lambda x: x > {self.text(sources)})::varchar",
            f"struct_pack(a := {one}, b := {two}).a",
            f"struct_pack(a := {one}, b := {number})::varchar",
            f"{{'a': {one}}}['a']",
            f"to_json([{one}, {two}])::varchar",
            f"greatest({one}, {two})",
            f"either({number}, {one})",
            f"label_for({number})",
            f"(SELECT max(label) FROM labels WHERE code = {number} % 5)",
            f"({number} IN (SELECT code FROM labels WHERE label <> {one}))::varchar",
        ]
        json = [column for source in sources for column in source.of("text") if column.endswith(".traits")]
        lists = [column for source in sources for column in source.of("list")]
        written += [f"json_extract_string({column}, '$.size')" for column in json]
        written += [f"list_sort({column})[1]" for column in lists]
        return self.one(written)

    def looked_up(self, sources: Sources, depth: int) -> str:
        """A subquery of one value, about the person or about an item."""
        person, inner = sources[0].alias, self.table(self.one(["orders", "visits", "bought"]), self.alias())
        name = next(name for name, columns in {**TABLES, **SEEN_IN_VIEWS}.items() if columns == inner.columns)
        what = self.one(["count(*)", f"max({self.number([inner])})", f"min({self.text([inner])})"])
        if depth == 0 and self.often(0.3):
            what = self.aggregate([inner])
        narrowed = f" AND {self.condition([*sources[:1], inner], 2)}" if self.often(0.4) else ""
        tied = f"{inner.alias}.customer_id = {person}.customer_id"
        return f"(SELECT {what} FROM {name} {inner.alias} WHERE {tied}{narrowed})::varchar"

    # Values of several rows.

    def value(self, sources: Sources, person: str, *, aggregated: bool) -> str:
        if aggregated:
            return self.aggregate(sources)
        return self.windowed(sources, person) if self.often(0.15) else self.expression(sources)

    def aggregate_number(self, sources: Sources) -> str:
        inside = self.number(sources)
        text = self.one([f"sum({inside})", f"max({inside})", "count(*)", f"count(DISTINCT {self.text(sources)})"])
        return text + (f" FILTER (WHERE {self.condition(sources, 2)})" if self.often(0.3) else "")

    def aggregate(self, sources: Sources) -> str:
        """A text of several rows."""
        if self.often(0.25):
            return f"{self.one(['min', 'max'])}({self.text(sources)})"
        text, order = self.expression(sources, 2), f"{self.number(sources)}, {self.last_order(sources)}"
        value = self.one(
            [
                f"min({text})",
                f"max({text})",
                f"first({text} ORDER BY {order})",
                f"string_agg({text}, ',' ORDER BY {order})",
                f"list({text} ORDER BY {order})",
                f"arg_max({text}, ({order}))",
                f"arg_min({text}, ({order}))",
                "count(*)",
                "count(*)",
                self.aggregate_number(sources),
                self.aggregate_number(sources),
            ]
        )
        is_narrowed = "FILTER" not in value and self.often(0.2)
        return f"({value}{f' FILTER (WHERE {self.condition(sources, 2)})' if is_narrowed else ''})::varchar"

    def windowed(self, sources: Sources, person: str) -> str:
        keys = f"PARTITION BY {person}.customer_id" + ("" if self.often(0.2) else f", {person}.brand")
        text, order = self.expression(sources, 1), f"ORDER BY {self.number(sources)}, {self.last_order(sources)}"
        frame = self.one(["", "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"])
        return self.one(
            [
                f"(rank() OVER ({keys} {order}))::varchar",
                f"(ntile(2) OVER ({keys} {order}))::varchar",
                f"lag({text}) OVER ({keys} {order})",
                f"lead({text}, 1, 'last') OVER ({keys} {order})",
                f"first_value({text}) OVER ({keys} {order}{frame})",
                f"(sum({self.number(sources)}) OVER ({keys} {order}{frame}))::varchar",
                f"(count(*) OVER ({keys}))::varchar",
                f"max({text}) FILTER (WHERE {self.condition(sources, 2)}) OVER ({keys})",
            ]
        )
