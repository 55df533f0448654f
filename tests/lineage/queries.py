"""Random queries of the subset over small tables: what the static lineage is tried on."""

from __future__ import annotations

from random import Random

TABLES = {
    "people": ["customer_id", "brand", "first_name", "age_band", "city"],
    "orders": ["order_id", "customer_id", "item_id", "total", "day"],
    "visits": ["customer_id", "page", "times"],
    "items": ["item_id", "title", "kind", "rank"],
    "labels": ["code", "label"],
}
NUMBERS = {"age_band", "total", "day", "times", "rank", "code"}
TEXTS = {"first_name", "city", "item_id", "page", "title", "kind", "label"}
CATALOGUE = """
tables:
  people: {person: customer_id}
  orders: {person: customer_id}
  visits: {person: customer_id}
  items:  {personal: false}
  labels: {personal: false}
dimensions:
  name:       {my: my name, columns: [people.first_name], known: declared}
  age:        {my: my age, columns: [people.age_band], known: declared}
  home:       {my: my home, columns: [people.city], known: declared}
  last_order: {my: my last order, columns: [orders.*], known: observed}
  pages:      {my: my visits, columns: [visits.*], known: observed}
"""
CUSTOMERS = "SELECT customer_id, brand, city AS country FROM people"
KEYED = ("people", "orders", "visits")


class Analyst:
    """Writes a query that yields customer_id, brand and the field `f`, as somebody would who tries whatever SQL allows."""

    def __init__(self, random: Random) -> None:
        self.random, self.aliases, self.ctes = random, 0, []

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def one(self, choices):
        return self.random.choice(list(choices))

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def query(self) -> str:
        for _ in range(self.random.randint(0, 2)):
            self.ctes.append((f"c{len(self.ctes) + 1}", self.block(inner=True)))
        if self.often(0.15):
            last = f"({self.block(inner=False)}) UNION ALL ({self.block(inner=False)})"
        else:
            last = self.block(inner=False)
        ctes = ", ".join(f"{name} AS ({text})" for name, text in self.ctes)
        return f"WITH {ctes} {last}" if ctes else last

    # Sources: alias -> (columns, has customer_id)

    def source(self) -> tuple[str, list[str], bool]:
        """Text of a table, a CTE or a derived table, its columns, and whether it has people."""
        if self.ctes and self.often(0.5):
            name, _ = self.one(self.ctes)
            return name, ["customer_id", "brand", "f", "g"], True
        if self.often(0.1):
            return f"({self.block(inner=True)})", ["customer_id", "brand", "f", "g"], True
        name = self.one(TABLES)
        return name, TABLES[name], name in KEYED

    def block(self, *, inner: bool) -> str:
        if inner and self.often(0.12):
            return f"({self.select(inner=True)}) UNION ALL ({self.select(inner=True)})"
        return self.select(inner=inner)

    def select(self, *, inner: bool) -> str:
        people = self.alias()
        sources: dict[str, list[str]] = {people: TABLES["people"]}
        text = f"people {people}"
        for _ in range(self.random.randint(0, 2)):
            text += self.join(sources, people)
        where = [self.condition(sources, people) for _ in range(self.random.randint(0, 2))]
        kind = self.one(["plain", "plain", "group", "qualify", "distinct on"])
        keys = f"{people}.customer_id, {people}.brand"
        fields = [self.value(sources, people, aggregated=kind == "group") for _ in range(2 if inner else 1)]
        select = ", ".join([keys, *(f"{field} AS {name}" for field, name in zip(fields, "fg", strict=False))])
        distinct = f"DISTINCT ON ({keys}) " if kind == "distinct on" else ""
        query = f"SELECT {distinct}{select} FROM {text}"
        if where:
            query += " WHERE " + " AND ".join(where)
        if kind == "group":
            query += f" GROUP BY {keys}"
            if self.often(0.3):
                query += f" HAVING {self.aggregate(sources, people)} > {self.random.randint(0, 3)}"
        order = f"ORDER BY {self.expression(sources, people)}, {self.total(sources)}"
        if kind == "qualify":
            query += f" QUALIFY row_number() OVER (PARTITION BY {keys} {order}) = 1"
        if kind == "distinct on":
            query += f" ORDER BY {keys}, {order.removeprefix('ORDER BY ')}"
        return query

    def total(self, sources: dict[str, list[str]]) -> str:
        """A total order over all columns, so that a query has one answer."""
        return ", ".join(f"{alias}.{column}" for alias, columns in sources.items() for column in columns)

    def join(self, sources: dict[str, list[str]], people: str) -> str:
        name, columns, is_personal = self.source()
        alias = self.alias()
        conditions = []
        if is_personal:
            conditions.append(f"{alias}.customer_id = {people}.customer_id")
            if "brand" in columns:
                conditions.append(f"{alias}.brand = {people}.brand")
        else:
            conditions.append(self.lookup(sources, alias, columns))
        if self.often(0.3):
            conditions.append(self.condition({**sources, alias: columns}, people))
        sources[alias] = columns
        return f" {self.one(['JOIN', 'JOIN', 'LEFT JOIN'])} {name} {alias} ON {' AND '.join(conditions)}"

    def lookup(self, sources: dict[str, list[str]], alias: str, columns: list[str]) -> str:
        if "item_id" in columns:
            held = [other for other, names in sources.items() if "item_id" in names]
            if held:
                return f"{alias}.item_id = {self.one(held)}.item_id"
            return f"{alias}.rank = {self.number(sources)}"
        return f"{alias}.code = {self.number(sources)} % 5"

    def number(self, sources: dict[str, list[str]]) -> str:
        found = [f"{alias}.{name}" for alias, names in sources.items() for name in names if name in NUMBERS]
        return f"coalesce({self.one(found)}, 0)" if found else str(self.random.randint(0, 4))

    def text(self, sources: dict[str, list[str]]) -> str:
        found = [f"{alias}.{name}" for alias, names in sources.items() for name in names if name in TEXTS]
        found += [f"{alias}.{name}::varchar" for alias, names in sources.items() for name in names if name in "fg"]
        return self.one(found) if found else "'constant'"

    def condition(self, sources: dict[str, list[str]], people: str) -> str:
        kind = self.random.randint(0, 7)
        if kind <= 2:
            return f"{self.number(sources)} {self.one(['>', '<', '='])} {self.one([self.number(sources), str(self.random.randint(0, 4))])}"
        if kind == 3:
            return f"{self.text(sources)} {self.one(['=', '<>'])} {self.text(sources)}"
        if kind == 4:
            return f"({self.condition(sources, people)} OR {self.condition(sources, people)})"
        inner, key = self.alias(), self.one(["orders", "visits"])
        narrowed = f" AND {self.condition({inner: TABLES[key]}, people)}" if self.often(0.5) else ""
        if kind == 5:
            word = self.one(["EXISTS", "NOT EXISTS"])
            correlated = f"{inner}.customer_id = {people}.customer_id"
            return f"{word} (SELECT 1 FROM {key} {inner} WHERE {correlated}{narrowed})"
        if kind == 6:
            where = narrowed.replace(" AND", " WHERE", 1)
            return f"{people}.customer_id {self.one(['IN', 'NOT IN'])} (SELECT {inner}.customer_id FROM {key} {inner}{where})"
        return f"{self.text(sources)} IS NOT NULL"

    def aggregate(self, sources: dict[str, list[str]], people: str) -> str:
        inside = self.number(sources)
        text = self.one([f"sum({inside})", f"max({inside})", "count(*)", f"count(DISTINCT {self.text(sources)})"])
        if self.often(0.3):
            text += f" FILTER (WHERE {self.condition(sources, people)})"
        return text

    def value(self, sources: dict[str, list[str]], people: str, *, aggregated: bool) -> str:
        if aggregated:
            kind = self.random.randint(0, 2)
            if kind == 0:
                return f"min({self.expression(sources, people)})"
            if kind == 1:
                by = self.number(sources)
                return f"arg_max({self.text(sources)}, {by} * 1000 + hash(({self.total(sources)})) % 1000)"
            return f"({self.aggregate(sources, people)})::varchar"
        if self.often(0.1):
            keys = f"PARTITION BY {people}.customer_id, {people}.brand"
            return f"(rank() OVER ({keys} ORDER BY {self.number(sources)}, {self.total(sources)}))::varchar"
        return self.expression(sources, people)

    def expression(self, sources: dict[str, list[str]], people: str, depth: int = 0) -> str:
        kind = self.random.randint(0, 7) if depth < 2 else self.random.randint(0, 2)
        if kind <= 1:
            return self.text(sources)
        if kind == 2:
            return f"{self.number(sources)}::varchar"
        if kind == 3:
            then, otherwise = (self.expression(sources, people, depth + 1) for _ in range(2))
            return f"CASE WHEN {self.condition(sources, people)} THEN {then} ELSE {otherwise} END"
        if kind == 4:
            return f"concat({self.expression(sources, people, depth + 1)}, {self.expression(sources, people, depth + 1)})"
        if kind == 5:
            return f"coalesce({self.expression(sources, people, depth + 1)}, 'none')"
        if kind == 6:
            inner, key = self.alias(), self.one(["orders", "visits"])
            what = self.one(["count(*)", f"max({self.number({inner: TABLES[key]})})"])
            return f"(SELECT {what} FROM {key} {inner} WHERE {inner}.customer_id = {people}.customer_id)::varchar"
        return f"(CASE WHEN {self.condition(sources, people)} THEN 'yes' ELSE 'no' END)"
