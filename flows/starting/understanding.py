"""What a survey of a stranger's database comes to: who its people are, whose each row is, what may be known and said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.errors import SourceError, UsageError, nearest
from flows.starting.vocabulary import (
    ADDRESSES,
    BLOCKED,
    CHANNELS,
    CONSENT,
    FIRST_NAME,
    PERSON_COLUMN,
    PLAIN_ID,
    REFUSAL,
    STATES,
    is_about_people,
    plain,
    snake,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from flows.starting.surveying import Column, Link, Survey, Table

_LOOKS_LIKE = {"email": "emails", "phone": "phones"}
_MOSTLY = 0.6


@dataclass(frozen=True)
class Way:
    """How rows belong to a person: by a column, or by way of another table.

    Attributes:
        column: with the person's key, or leading to the other table.
        ground: why one thinks so.
        to: the other table's key, which the column leads to; None where the column is the person's.
    """

    column: Column
    ground: str
    to: Column | None = None


@dataclass(frozen=True)
class Consent:
    """Where it stands what people have agreed to.

    Attributes:
        table: with a way to its people.
        state: what they said, in words or as a flag.
        channel: on which channel; None: not noted.
        ground: why one thinks so.
    """

    table: Table
    state: Column
    channel: Column | None
    ground: str

    @property
    def is_refusal(self) -> bool:
        """Whether a yes there is a no to us; who has not said it has agreed to nothing."""
        return REFUSAL.search(snake(self.state.name)) is not None


@dataclass(frozen=True)
class Understood:
    """What was understood of a database.

    Attributes:
        survey: what was counted.
        person: the column that is the people's key.
        person_ground: why one thinks so.
        ways: table -> how its rows belong to a person.
        impersonal: tables that others look things up in -> why one thinks that they say nothing about people.
        addresses: kind of address -> its column, in the one table that customers are read from.
        consent: None where nothing looks like it.
        blocked: table of addresses that get nothing -> the column with the address.
        unclear: table or column -> what is not understood about it.
    """

    survey: Survey
    person: Column
    person_ground: str
    ways: Mapping[str, Way]
    impersonal: Mapping[str, str]
    addresses: Mapping[str, Column]
    consent: Consent | None
    blocked: Mapping[str, Column]
    unclear: Mapping[str, str] = field(default_factory=dict)

    @property
    def people(self) -> Table:
        """The table that customers are read from."""
        return self.survey.tables[self.person.table]

    def is_one_per_person(self, table: str) -> bool:
        """Whether nobody has two rows there."""
        way = self.ways.get(table)
        is_home = table == self.person.table and not self.people.rows
        return way is not None and way.to is None and (way.column.is_unique or is_home)


def doubtful(survey: Survey) -> list[Column]:
    """The columns between which nothing but a person can tell which is the people's key; none where one is the likeliest."""
    ranked = _candidates(survey)
    best = [column for score, column, _ in ranked if score == ranked[0][0]]
    return best if len({column.table for column in best}) > 1 else []


def refuse_shared_keys(survey: Survey, database: Path) -> None:
    """Refuse people whose number alone tells nobody: two of one number would be taken for one. Raises SourceError."""
    if any(table.keys for table in survey.tables.values() if any(_grounds(table)) or is_about_people(table.name)):
        return
    for table in survey.tables.values():
        if table.pair and (is_about_people(table.name) or any(_grounds(table))):
            one, other = (f'"{name}"' if not name.isidentifier() else name for name in table.pair)
            what = f"a row of {table.name} is told by {one} and {other} together, and people have one key here"
            view = f"SELECT {one} || '-' || {other} AS person_id, * FROM {table.name}"
            hint = f"CREATE TABLE {table.name}_by_id AS {view}; so with each table that has both; or if {other} alone is a person"
            raise SourceError(database, what, f"{hint}: --person {table.name}.{table.pair[1]}")


def understand(survey: Survey, database: Path, person: str | None = None) -> Understood:
    """Tell who the people are, and whose the rows are.

    Args:
        survey: of the database.
        database: named by errors.
        person: the people's key, as `table.column`, where somebody has said so.

    Raises:
        SourceError: nothing there is about people.
        UsageError: `person` names no column.
    """
    key, ground = _named(survey, person) if person else _likeliest(survey, database)
    ways = _ways(survey, key, ground)
    consent = _consent(survey, ways)
    blocked = {
        table.name: column for table in survey.tables.values() if table.name not in ways and (column := _listed(table))
    }
    impersonal = dict(_impersonal(survey, ways, blocked))
    known = {*ways, *blocked, *impersonal}
    unclear = {
        table.name: "nobody can tell whose its rows are, so no query can read it"
        for table in survey.tables.values()
        if table.name not in known
    }
    key = _home(survey, key, ways)
    addresses = {kind: column for kind in ADDRESSES if (column := address(survey.tables[key.table], kind))}
    return Understood(survey, key, ground, ways, impersonal, addresses, consent, blocked, unclear)


def address(table: Table, kind: str) -> Column | None:
    """The column of a table with people's addresses of a kind: by its values, or where there are none by its name."""
    named = [column for column in table.columns.values() if ADDRESSES[kind].fullmatch(plain(column.name))]
    look = _LOOKS_LIKE.get(kind)
    seen = [column for column in table.columns.values() if look and column.looks.get(look, 0) >= _MOSTLY]
    fitting = [column for column in named if not look or not column.looks or column in seen or kind == "phone"]
    return next(iter([*fitting, *seen]), None)


def _named(survey: Survey, person: str) -> tuple[Column, str]:
    table, _, name = person.rpartition(".")
    if table not in survey.tables:
        raise UsageError(f"--person {person}", f"there is no table '{table}'", nearest(table, survey.tables))
    columns = survey.tables[table].columns
    if name.lower() not in columns:
        raise UsageError(f"--person {person}", f"'{table}' has no column '{name}'", nearest(name, columns))
    return columns[name.lower()], "as it was named"


def _likeliest(survey: Survey, database: Path) -> tuple[Column, str]:
    ranked = _candidates(survey)
    if not ranked:
        what = (
            "no table here is about people: nothing looks like a customer's id, an e-mail address or a telephone number"
        )
        raise SourceError(
            database, what, "name the column of their ids, with --person TABLE.COLUMN; or load such a table"
        )
    return ranked[0][1], ranked[0][2]


def _candidates(survey: Survey) -> list[tuple[int, Column, str]]:
    """Columns that may be the people's key, the likeliest first, each with the ground."""
    found = []
    for table in survey.tables.values():
        grounds = list(_grounds(table))
        for key in table.keys if table.rows else table.columns.values():
            is_named = PERSON_COLUMN.fullmatch(plain(key.name)) is not None
            is_id = PLAIN_ID.fullmatch(plain(key.name)) is not None and is_about_people(table.name)
            if not table.rows and not is_named:
                continue
            if not (is_named or is_id or grounds):
                continue
            links = sum(link.parent == key for link in survey.links)
            named = ["its name"] if is_named or is_id else []
            score = 3 * len(grounds) + (4 if named else 0) + min(links, 3)
            led = [f"{links} column{'s' if links > 1 else ''} of others leading to it"] if links else []
            found.append((score, links, key, "by " + ", ".join([*named, *(text for text in grounds), *led])))
    if not found:
        found = list(_named_keys(survey))
    ranked = sorted(found, key=lambda one: (-one[0], -one[1], -one[2].distinct, str(one[2])))
    return [(score, key, ground) for score, _, key, ground in ranked]


def _grounds(table: Table) -> Iterator[str]:
    """What in a table says that its rows are people, beside the name of its key."""
    for kind, what in (("email", "e-mail addresses"), ("phone", "telephone numbers")):
        column = address(table, kind)
        if column and (not table.rows or column.distinct > 0.5 * column.known > 0):
            yield what
    if any(FIRST_NAME.fullmatch(plain(name)) for name in table.columns):
        yield "first names"


def _named_keys(survey: Survey) -> Iterator[tuple[int, int, Column, str]]:
    """Where no table has a row per person: columns that are called like a person's id."""
    for table in survey.tables.values():
        for column in table.columns.values():
            if column.is_key_like and PERSON_COLUMN.fullmatch(plain(column.name)):
                yield 1, 0, column, "by its name"


def _ways(survey: Survey, key: Column, ground: str) -> dict[str, Way]:
    """Table -> its way to a person: its own column first, then through tables that have one."""
    ways = {key.table: Way(key, ground)}
    links: dict[str, list[Link]] = {}
    for link in survey.links:
        links.setdefault(link.child.table, []).append(link)
    for is_direct in (True, False):
        is_longer = True
        while is_longer:
            before = len(ways)
            for table in survey.tables.values():
                leading = links.get(table.name, [])
                found = _own_column(table, key, leading, survey.links, ways) if is_direct else _through(leading, ways)
                if found and table.name not in ways:
                    ways[table.name] = found
            is_longer = len(ways) > before
    return ways


def _through(links: Iterable[Link], ways: Mapping[str, Way]) -> Way | None:
    """The way by way of another table, which has one."""
    link = next((link for link in links if link.parent.table in ways), None)
    return Way(link.child, f"it leads to {link.parent}: {link.ground}", link.parent) if link else None


def _own_column(
    table: Table, key: Column, links: Iterable[Link], led_to: Iterable[Link], ways: Mapping[str, Way]
) -> Way | None:
    """The column with the person's key: it leads to it where it is at home, or to where another table has it."""
    people = [key, *(way.column for way in ways.values() if way.to is None)]
    direct = sorted(
        (link for link in links if link.parent in people),
        key=lambda link: PERSON_COLUMN.fullmatch(plain(link.child.name)) is None,
    )
    if direct:
        return Way(direct[0].child, f"it leads to {direct[0].parent}: {direct[0].ground}")
    led = next((link for link in led_to if link.child in people and link.parent.table == table.name), None)
    if led:
        return Way(led.parent, f"people's keys lead to it: {led.child}")
    same = table.columns.get(key.name.lower())
    if same and same.kind == key.kind and not PLAIN_ID.fullmatch(plain(key.name)):
        return Way(same, f"it is called as {key} is")
    named = [column for column in table.columns.values() if PERSON_COLUMN.fullmatch(plain(column.name))]
    if not table.rows and named:
        return Way(named[0], "by its name, and the table is empty")
    return None


def _home(survey: Survey, key: Column, ways: Mapping[str, Way]) -> Column:
    """The person's key where customers are read from: in the table with e-mail addresses, else in the one with most people."""
    direct = [way.column for way in ways.values() if way.to is None]
    single = [column for column in direct if column.is_unique or not survey.tables[column.table].rows]
    reached = [column for column in single if address(survey.tables[column.table], "email")]
    if reached:
        return key if key in reached else max(reached, key=lambda column: column.distinct)
    most = max(direct, key=lambda column: column.distinct)
    return most if most.distinct > 1.1 * key.distinct else key


def _consent(survey: Survey, ways: Mapping[str, Way]) -> Consent | None:
    """Where people's consent stands: a column that says yes or no is not enough, its name or a channel beside it has to."""
    direct = [survey.tables[name] for name, way in ways.items() if way.to is None]
    found = [(said, consent) for table in direct for said, consent in _said(table, ways[table.name].column)]
    return max(found, key=lambda one: one[0])[1] if found else None


def _said(table: Table, person: Column) -> Iterator[tuple[int, Consent]]:
    channels = [
        column
        for column in table.columns.values()
        if (column.values and column.kind == "text" and column.values <= CHANNELS.keys() and "*" not in column.values)
        or (not table.rows and column.name.lower() == "channel")
    ]
    is_named = CONSENT.search(snake(table.name)) is not None
    for column in table.columns.values():
        says = bool(column.values) and column.values <= STATES.keys() and column.kind in ("text", "truth", "whole")
        if not table.rows:
            says = column.name.lower() == "state" and "topic" in table.columns
        if not says or column is person or column in channels:
            continue
        by_name = CONSENT.search(snake(column.name)) is not None
        if by_name and person.is_unique:
            yield 1, Consent(table, column, None, "by its name: a mark of each person")
        elif column.kind == "text" and (channels or is_named or by_name or not table.rows):
            ground = "by what it says, and the channel beside it" if channels else "by what it says, and by its name"
            yield 2 + bool(channels), Consent(table, column, next(iter(channels), None), ground)


def _listed(table: Table) -> Column | None:
    """The column with addresses of a list of those that get nothing; None where the table is no such list."""
    seen = address(table, "email") or table.columns.get("address") or address(table, "phone")
    has_channel = any(
        column.name.lower() == "channel" or (column.values and column.values <= CHANNELS.keys())
        for column in table.columns.values()
    )
    return seen if seen and (has_channel or BLOCKED.search(snake(table.name))) else None


def _impersonal(survey: Survey, ways: Mapping[str, Way], blocked: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Tables that others look things up in, and that hold nothing that people have."""
    used: dict[str, Sequence[str]] = {}
    for link in survey.links:
        used[link.parent.table] = [*used.get(link.parent.table, ()), link.child.table]
    barred = {*ways, *blocked}
    for name, users in used.items():
        table = survey.tables[name]
        if name not in barred and not any(address(table, kind) for kind in ADDRESSES) and not any(_grounds(table)):
            yield (
                name,
                f"{', '.join(sorted(set(users)))} look things up in it, and no column is like an address or a name",
            )
