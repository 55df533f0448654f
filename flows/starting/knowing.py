"""What may be known about people, and what the first help is about: dimensions, what is closed, and the richest record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.starting.surveying import source
from flows.starting.vocabulary import (
    ADDRESSES,
    ASIDE,
    EVENT_TIME,
    FIRST_NAME,
    HOME,
    LOADED,
    NO_EVENT_TIME,
    NOTE,
    NOUNS,
    PLAIN_ID,
    ROUTES,
    SENSITIVE,
    SURNAME,
    TITLE,
    noun,
    plain,
    sensitive_kind,
    snake,
)
from flows.warehouse.connection import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.starting.surveying import Column, Link, Table
    from flows.starting.understanding import Understood
    from flows.warehouse.sessions import Session

_WINDOWS = (30, 90, 365)
_ENOUGH = 100
_BIRTH_YEARS = range(1900, 2011)


@dataclass(frozen=True)
class Dimension:
    """One thing that may be known about people.

    Attributes:
        my: what completes "they know …".
        columns: `table.column`, or `table.*`.
        known: declared or observed.
        ground: why one thinks so.
        is_sensitive: closed until a person names a lawful basis.
    """

    my: str
    columns: tuple[str, ...]
    known: str
    ground: str
    is_sensitive: bool = False


@dataclass(frozen=True)
class Title:
    """How a thing is called: by a column of a table without people.

    Attributes:
        link: from the record, or its lines, to the thing.
        column: how it is called.
        lines: from the lines to the record, where they name the thing; None: the record does.
    """

    link: Link
    column: Column
    lines: Link | None = None


@dataclass(frozen=True)
class Record:
    """What people have done, of which the latest is what the first help is about.

    Attributes:
        table: its rows.
        person: the column with the person's key.
        at: when it happened; None: nobody noted.
        since: SQL of the instant from which on it is the latest that counts; None: all does.
        window: the same, in words.
        title: what it was about; None: nothing tells.
        noun: what it is for who has it; None: its name does not say.
    """

    table: Table
    person: Column
    at: Column | None
    since: str | None
    window: str
    title: Title | None
    noun: str | None

    @property
    def dimension(self) -> str:
        """The dimension that it is."""
        return f"last_{self.noun or snake(self.table.name)}"


def event_time(table: Table) -> Column | None:
    """When rows of a table happened: an instant or a day by its type, and the likeliest by its name."""
    times = [
        column
        for column in table.columns.values()
        if column.kind in ("instant", "day")
        and not LOADED.fullmatch(snake(column.name))
        and not NO_EVENT_TIME.fullmatch(snake(column.name))
        and (not table.rows or column.known > 0.5 * table.rows)
        and not is_birth(column)
    ]
    if "happened_at" in table.columns:
        return table.columns["happened_at"]
    named = [column for column in times if EVENT_TIME.fullmatch(snake(column.name))]
    return next(iter([*named, *times]), None)


def load_time(table: Table) -> Column | None:
    """When rows of a table came to be known."""
    times = (column for column in table.columns.values() if column.kind in ("instant", "day"))
    return next((column for column in times if LOADED.fullmatch(snake(column.name))), None)


def is_birth(column: Column) -> bool:
    """Whether days lie as those do on which people were born: over decades, and none of late."""
    if column.kind not in ("instant", "day") or not column.least[:4].isdigit() or not column.most[:4].isdigit():
        return False
    first, last = int(column.least[:4]), int(column.most[:4])
    return first in _BIRTH_YEARS and last in _BIRTH_YEARS and last - first >= 20


def dimensions(understood: Understood, record: Record | None) -> tuple[dict[str, Dimension], list[str], list[str]]:
    """What may be known.

    Returns:
        Dimension by name; columns of free text; columns of people that are in none.
    """
    found: dict[str, Dimension] = {}
    if record:
        found[record.dimension] = _of_record(understood, record.table.name, record.noun, "the richest record")
    texts, unclear = [], []
    for table in understood.ways:
        is_single = understood.is_one_per_person(table)
        is_said = understood.consent is not None and understood.consent.table.name == table
        if (
            not is_single
            and not is_said
            and understood.ways[table].to is None
            and not (record and record.table.name == table)
        ):
            name = f"my_{snake(table)}"
            found[name] = _of_record(understood, table, noun(table), "rows of each person's own")
        for column in understood.survey.tables[table].columns.values():
            kind, ground = _kind(understood, column)
            if kind == "free_text":
                texts.append(str(column))
            elif kind == "unclear" and is_single and not is_said:
                unclear.append(str(column))
            elif kind in _MY and (is_single or kind in SENSITIVE):
                before = found.get(kind)
                columns = (*(before.columns if before else ()), str(column))
                found[kind] = Dimension(_MY[kind], columns, "declared", ground, kind in SENSITIVE)
    return found, texts, unclear


_MY = {"name": "my name", "where_i_live": "where I live"} | {kind: my for kind, (my, _) in SENSITIVE.items()}


def _of_record(understood: Understood, table: str, is_called: str | None, ground: str) -> Dimension:
    lines = [name for name in understood.ways if _root(understood, name) == table]
    my = f"my last {is_called}" if is_called else f"what {table} says of me"
    return Dimension(my, tuple(f"{name}.*" for name in lines), "observed", ground)


def _root(understood: Understood, table: str) -> str:
    """The table with the person's key that a table's rows lead to; a record owns its lines."""
    way = understood.ways[table]
    while way.to is not None:
        table = way.to.table
        way = understood.ways[table]
    return table


def _kind(understood: Understood, column: Column) -> tuple[str, str]:  # noqa: PLR0911  (a line for each kind)
    """What a column of a table of people tells, and why one thinks so."""
    name, kind = plain(column.name), sensitive_kind(column.name, column.values)
    ways = [way for table, way in understood.ways.items() if table == column.table]
    keys = [way.column for way in ways] + [way.to for way in understood.ways.values() if way.to]
    is_led = any(column in (link.child, link.parent) for link in understood.survey.links)
    if (
        column in keys
        or is_led
        or PLAIN_ID.fullmatch(name)
        or (understood.consent and column == understood.consent.state)
    ):
        return "key", ""  # a yes that is called `state` is no place to live in
    if any(pattern.fullmatch(name) for pattern in ADDRESSES.values()) or column in understood.addresses.values():
        return "routing", ""
    if max(column.looks.get("emails", 0), column.looks.get("phones", 0)) > 0.2:
        return "routing", ""
    if kind:
        return kind
    if is_birth(column) and understood.is_one_per_person(column.table):
        return "age", "by its days, over decades"
    if NOTE.fullmatch(snake(column.name)) or column.looks.get("sentences", 0) > 0.3:
        return "free_text", ""
    if FIRST_NAME.fullmatch(name) or SURNAME.fullmatch(name):
        return "name", "by its name"
    if HOME.fullmatch(name):
        return "where_i_live", "by its name"
    if any(pattern.fullmatch(name) for pattern in ROUTES.values()) or column.kind in ("instant", "day"):
        return "routing", ""
    return ("key", "") if column.is_unique else ("unclear", "")


def richest(session: Session, understood: Understood, now: datetime) -> Record | None:
    """The record that the first help is about: what people do with a time and a thing to it; None where they do nothing."""
    scored = [(_richness(understood, table), table) for table in _records(understood)]
    if not scored or max(scored, key=lambda one: one[0])[0] <= 0:
        return None
    table = max(scored, key=lambda one: one[0])[1]
    person, at = understood.ways[table.name].column, event_time(table)
    since, window = _window(session, table, person, at, now) if at else (None, "")
    return Record(table, person, at, since, window, _title(understood, table) if at else None, noun(table.name))


def _records(understood: Understood) -> Iterator[Table]:
    consent = understood.consent.table.name if understood.consent else None
    for name, way in understood.ways.items():
        if way.to is None and name not in (understood.people.name if way.column.is_unique else None, consent):
            yield understood.survey.tables[name]


def _richness(understood: Understood, table: Table) -> float:
    way = understood.ways[table.name]
    has_lines = any(other.to is not None and other.to.table == table.name for other in understood.ways.values())
    name = snake(table.name)
    return (
        (3 if event_time(table) else 0)
        + (3 if _title(understood, table) else 0)
        + (2 if has_lines else 0)
        + (3 if noun(table.name) in tuple(NOUNS)[:3] else 1 if noun(table.name) else 0)
        + (1 if table.rows > way.column.distinct > 0 else 0)
        - (4 if ASIDE.search(name) else 0)
        - (5 if way.column.is_unique and table.rows > 1 and not event_time(table) else 0)
    )


def _title(understood: Understood, table: Table) -> Title | None:
    """How what a record is about is called, by itself or by its lines."""
    links = understood.survey.links
    for link in (link for link in links if link.child.table == table.name):
        column = _called(understood, link)
        if column:
            return Title(link, column)
    for lines in (link for link in links if link.parent.table == table.name):
        way = understood.ways.get(lines.child.table)
        for link in (link for link in links if link.child.table == lines.child.table and link != lines):
            column = _called(understood, link)
            if column and way is not None and way.column == lines.child:
                return Title(link, column, lines)
    return None


def _called(understood: Understood, link: Link) -> Column | None:
    """The column with the name of a thing: by its name, else the one with most different words in it."""
    if link.parent.table not in understood.impersonal:
        return None
    table = understood.survey.tables[link.parent.table]
    if any(sensitive_kind(name, frozenset()) for name in (table.name, *table.columns)):
        return None
    texts = [
        column
        for column in table.columns.values()
        if column.kind == "text"
        and not column.looks.get("sentences", 0) > 0.3
        and not PLAIN_ID.fullmatch(plain(column.name))
    ]
    for pattern in TITLE:
        for column in texts:
            if pattern.fullmatch(snake(column.name)):
                return column
    worded = [column for column in texts if column.looks.get("words", 0) > 0.7 and column.distinct > 1]
    return max(worded, key=lambda column: column.distinct, default=None)


def _window(session: Session, table: Table, person: Column, at: Column, now: datetime) -> tuple[str | None, str]:
    """From when on a record is lately: counted from now, or where nothing new comes from a day near the newest."""
    if not table.rows or not at.most:
        return "$now - interval 30 day", "the last 30 days"
    newest, who, when = datetime.fromisoformat(at.most[:10]), identifier(person.name), identifier(at.name)
    is_fresh = now.replace(tzinfo=None) - newest < timedelta(days=30)
    end = min(now.replace(tzinfo=None), newest + timedelta(days=1)) if not is_fresh else now.replace(tzinfo=None)
    asked = ", ".join(
        f"count(DISTINCT {who}) FILTER (WHERE {when} > TIMESTAMP '{end - timedelta(days=days):%Y-%m-%d}')"
        for days in _WINDOWS
    )
    counts = session.execute(f"SELECT {asked}, count(DISTINCT {who}) FROM {source(table.name)}")[0]
    enough = min(_ENOUGH, 0.1 * counts[-1])
    days = next((days for days, count in zip(_WINDOWS, counts, strict=False) if count >= max(enough, 1)), None)
    if days is None:
        return None, "ever, since hardly anything is of the last year"
    if is_fresh:
        return f"$now - interval {days} day", f"the last {days} days"
    first = end - timedelta(days=days)
    return f"timestamp '{first:%Y-%m-%d}'", f"since {first:%Y-%m-%d}, as nothing new has come for a month"
