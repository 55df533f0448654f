"""What was understood of a database -> the files of sql/: catalogue, customers, consent, suppressions and the first segment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.schemas import CUSTOMERS
from flows.starting.knowing import event_time, load_time
from flows.starting.vocabulary import CHANNELS, PRIVATE_GOODS, ROUTES, STATES, plain, snake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from flows.starting.knowing import Dimension, Record
    from flows.starting.surveying import Column, Table
    from flows.starting.understanding import Consent, Understood, Way

_YAML_SWITCHES = ("yes", "no", "off", "y", "n", "on", "null", "true", "false")
_NOBODY_NOTED_WHEN = "timestamp '2000-01-01'"
SEGMENT = "first_help"


@dataclass(frozen=True)
class Known:
    """What may be known, as `knowing.dimensions` yields it, and what the first help is about."""

    dimensions: Mapping[str, Dimension]
    free_text: Sequence[str]
    unclear: Sequence[str]
    record: Record | None


def drafted(brand: str, understood: Understood, known: Known, now: datetime) -> dict[str, str]:
    """The files of sql/, as texts."""
    files = {
        "sql/dimensions.yaml": _catalogue(understood, known, now),
        "sql/customers.sql": _customers(brand, understood),
        f"sql/segments/{SEGMENT}.sql": _segment(brand, understood, known.record),
        f"sql/segments/{SEGMENT}.yaml": _fields(known.record),
    }
    if understood.consent and understood.consent.is_refusal:
        files["sql/exclusions/refused.sql"] = _refusals(understood, understood.consent)
    elif understood.consent:
        files["sql/consent.sql"] = _consent(brand, understood, understood.consent)
    for name, column in understood.blocked.items():
        files.setdefault("sql/suppressions.sql", _suppressions(understood.survey.tables[name], column))
    return files


def _catalogue(understood: Understood, known: Known, now: datetime) -> str:
    lines = [
        "# Whose the rows of each table are; what stands in no entry cannot be read. Each entry is a guess, with its ground:",
        "# review it, and take its comment away. {person: column} has the customer's id, {person: {via: column, to: table}}",
        "# leads to one, and {personal: false} says nothing about people. Take out what no query reads.",
        "tables:",
    ]
    for table in understood.survey.tables.values():
        lines += _entry(understood, table, now)
    lines += [
        '# What can be known about people: each dimension completes "they know my …". Sensitive ones are closed: nothing can',
        "# read them until somebody names the `lawful_basis`.",
        "dimensions:" if known.dimensions else "dimensions: {}",
    ]
    for name, dimension in known.dimensions.items():
        closed = ", sensitive: true, lawful_basis: null" if dimension.is_sensitive else ""
        routed = _routed(understood, dimension)
        columns = json.dumps(list(dimension.columns), ensure_ascii=False)
        my = dimension.my if dimension.my.replace(" ", "").isalpha() else _quoted(dimension.my)
        lines += [
            f"  # guessed {_line(dimension.ground)}; review",
            f"  {_key(name)}: {{my: {my}, columns: {columns}, known: {dimension.known}{closed}{routed}}}",
        ]
    if known.free_text:
        lines += ["# What people or agents have typed; guessed by long sentences or by its name.", "free_text:"]
        lines += [f"  - {json.dumps(column, ensure_ascii=False)}" for column in known.free_text]
    if known.unclear:
        lines += [f"# Not understood, so that no words can show it: {_line(', '.join(known.unclear))}"]
    return "\n".join(lines) + "\n"


def _entry(understood: Understood, table: Table, now: datetime) -> list[str]:
    name, way = table.name, understood.ways.get(table.name)
    if way is not None:
        entry = {"person": _way(way), **_times(table, now, is_event=_is_event(understood, name))}
        ground = way.ground
    elif name in understood.blocked:
        entry = {"address": _key(understood.blocked[name].name), "may_be_empty": "true"}
        ground = "a list of addresses that get nothing"
    elif name in understood.impersonal:
        entry, ground = {"personal": "false"}, understood.impersonal[name]
    else:
        columns = ", ".join(column.name for column in table.columns.values())
        return [f"  # {_line(name)} is left out: {_line(understood.unclear[name])}; review: {_line(columns)}"]
    has_rows = any(other.rows for other in understood.survey.tables.values())
    if has_rows and not table.rows and "may_be_empty" not in entry:
        entry["may_be_empty"] = "true"
    told = ", ".join(f"{key}: {value}" for key, value in entry.items())
    return [f"  # guessed: {_line(ground)}; review", f"  {_key(name)}: {{{told}}}"]


def _is_event(understood: Understood, name: str) -> bool:
    """Whether a row of a table happened once, and is no state of a person."""
    is_said = (
        understood.consent is not None and understood.consent.table.name == name and understood.people.name != name
    )
    return is_said or not understood.is_one_per_person(name)


def _way(way: Way) -> str:
    if way.to is None:
        return _key(way.column.name)
    told = f"via: {_key(way.column.name)}, to: {_key(way.to.table)}"
    is_other = way.to.name.lower() != way.column.name.lower()
    return f"{{{told}{f', key: {_key(way.to.name)}' if is_other else ''}}}"


def _times(table: Table, now: datetime, *, is_event: bool) -> dict[str, str]:
    """`happened_at` of what is an event, and `loaded_at`; nothing that lies ahead, since such rows would be hidden."""
    happened, loaded = event_time(table), load_time(table)
    is_past = happened is not None and (not happened.most or happened.most[:10] <= f"{now:%Y-%m-%d}")
    is_told = happened is not None and (is_event or happened.name.lower() == "happened_at")
    found = {"happened_at": happened} if happened is not None and is_past and is_told else {}
    return {key: _key(column.name) for key, column in {**found, **({"loaded_at": loaded} if loaded else {})}.items()}


def _routed(understood: Understood, dimension: Dimension) -> str:
    """What of a dimension serves to reach people, too: the key, where customers are read from a record, and the country."""
    person, found = understood.person, {}
    if f"{person.table}.*" in dimension.columns:
        found[str(person)] = "[match]"
    for kind, column in {**_routes(understood), **understood.addresses}.items():
        if {str(column), f"{column.table}.*"} & {*dimension.columns}:
            uses = {"locale": "[locale]", "time_zone": "[time_zone]", "country": "[match, locale]"}
            found[str(column)] = uses.get(kind, "[match]")
    told = ", ".join(f"{_key(name)}: {uses}" for name, uses in found.items())
    return f", routing_for: {{{told}}}" if found else ""


def _routes(understood: Understood) -> dict[str, Column]:
    """Kind of route -> its column, where customers are read from."""
    return {
        kind: column
        for column in understood.people.columns.values()
        for kind, pattern in ROUTES.items()
        if pattern.fullmatch(plain(column.name)) or pattern.fullmatch(snake(column.name))
    }


def _customers(brand: str, understood: Understood) -> str:
    found = {"customer_id": understood.person, **_routes(understood), **understood.addresses}
    missing = [name for name in CUSTOMERS if name not in ("brand", *found)]
    chosen = {name: sql_name(found[name].name) for name in CUSTOMERS if name in found}
    about = "How to reach each customer, one row per customer and brand. Routing only: none of it reaches the words."
    ground = f"Guessed: {understood.person} is the people's key {understood.person_ground}; review."
    is_many = not understood.person.is_unique and understood.people.rows > 0
    return _select(
        [about, ground], {"customer_id": chosen.pop("customer_id"), "brand": _text(brand), **chosen},
        understood.people.name, missing=missing, distinct=is_many,
    )  # fmt: skip


def _consent(brand: str, understood: Understood, consent: Consent) -> str:
    columns, person = consent.table.columns, understood.ways[consent.table.name].column
    state, is_words = sql_name(consent.state.name), consent.state.values <= {"yes", "no", "pending", "snooze"}
    said = state if is_words and consent.state.kind == "text" else _state(consent.state, state)
    yes_only = f"case when {said} = 'yes' then 'email' else '*' end"
    channel = _channel(consent.channel) if consent.channel else yes_only
    happened = event_time(consent.table)
    at = sql_name(happened.name) if happened else _NOBODY_NOTED_WHEN
    topic = columns.get("topic")
    named = {
        "event_id": columns["event_id"].name if "event_id" in columns else None,
        "topic": sql_name(topic.name) if topic else "'*'",
    }
    joined = f"concat_ws(' ', {sql_name(person.name)}, {channel}, {named['topic']}, {at})"
    chosen = {
        "event_id": sql_name(named["event_id"]) if named["event_id"] else joined,
        "customer_id": sql_name(person.name),
        "brand": _text(brand),
        "channel": channel,
        "topic": named["topic"] or "'*'",
        "state": said,
        "happened_at": at,
    }
    optional = [name for name in ("until", "source", "wording") if name in columns]
    chosen |= {name: sql_name(columns[name].name) for name in optional}
    about = [
        "What people have agreed to or refused, one row per event; the latest holds, and a no wins.",
        f"Guessed: {consent.state} {consent.ground}. Whether they agreed to what you send has to be read by a person; review.",
    ]
    about += [] if happened else ["Nobody noted when: anything that they say later holds."]
    about += (
        [] if consent.channel else ["Nobody noted on which channel: a yes is taken for e-mail alone, a no for all."]
    )
    return _select(about, chosen, consent.table.name)


def _refusals(understood: Understood, consent: Consent) -> str:
    """Who has refused gets nothing; that somebody has not is no consent, so that there is no sql/consent.sql."""
    said, name = sorted(value for value in consent.state.values if STATES[value] == "yes"), sql_name(consent.state.name)
    person = sql_name(understood.ways[consent.table.name].column.name)
    about = [
        f"Who wants nothing. Guessed: {consent.state} {consent.ground}; review. That others do not say so is no consent."
    ]
    text = _select(about, {"customer_id": person}, consent.table.name)
    return f"{text}where lower(trim({name}::varchar)) in ({', '.join(map(_text, said)) or 'null'})\n"


def _state(column: Column, name: str) -> str:
    """yes, no or pending for what stands in a column."""
    by_state: dict[str, list[str]] = {}
    for value in sorted(column.values):
        state = STATES.get(value, "no")
        by_state.setdefault(state, []).append(value)
    cases = [
        f"when lower(trim({name}::varchar)) in ({', '.join(map(_text, values))}) then '{state}'"
        for state, values in sorted(by_state.items())
        if state != "no"
    ]
    return f"case {' '.join(cases)} else 'no' end" if cases else "'no'"


def _channel(column: Column) -> str:
    name = sql_name(column.name)
    others = sorted(value for value in column.values if CHANNELS.get(value, value) != value)
    cases = " ".join(f"when {_text(value)} then '{CHANNELS[value]}'" for value in others)
    return f"case lower(trim({name})) {cases} else {name} end" if others else name


def _suppressions(table: Table, address: Column) -> str:
    columns = table.columns
    kinds = [
        column
        for column in columns.values()
        if column.name.lower() == "channel" or (column.values and column.values <= CHANNELS.keys())
    ]
    channel = _channel(kinds[0]) if kinds else "'*'"
    chosen = {"channel": channel, "address": sql_name(address.name), "brand": "'*'"}
    happened = event_time(table)
    chosen |= {"happened_at": sql_name(happened.name)} if happened else {}
    return _select(["Addresses that get nothing, whoever they belong to."], chosen, table.name)


def _segment(brand: str, understood: Understood, record: Record | None) -> str:
    head = "Who may need the help: one row per customer."
    if record is None:
        about = [head, "No table tells what people do, so it is everybody: write what the help is for."]
        chosen = {"customer_id": sql_name(understood.person.name), "brand": _text(brand)}
        return _select(
            about,
            chosen,
            understood.people.name,
            distinct=not understood.person.is_unique and understood.people.rows > 0,
        )
    lines = [
        f"-- {head}",
        f"-- Guessed: whoever has rows in {_line(record.table.name)}{f' ({record.window})' if record.window else ''}; review.",
    ]
    person = f"r.{sql_name(record.person.name)}"
    title = record.title
    is_latest = record.at is not None and title is not None
    lines += ["select" if is_latest else "select distinct", f"    {person} as customer_id,"]
    lines += [f"    {_text(brand)} as brand{',' if title else ''}"]
    if title:
        lines += [f"    {_item(title.column)} as item"]
    lines += [f"from {sql_name(record.table.name)} as r"]
    if title:
        on, bearer = "r", title.lines
        if bearer:
            on = "l"
            lines += [
                f"left join {sql_name(bearer.child.table)} as l on {_equal('l', bearer.child, 'r', bearer.parent)}"
            ]
        lines += [
            f"left join {sql_name(title.column.table)} as i on {_equal('i', title.link.parent, on, title.link.child)}"
        ]
    conditions = [f"r.{sql_name(record.at.name)} > {record.since}"] if record.at and record.since else []
    conditions += [] if record.person.known == record.table.rows else [f"{person} is not null"]
    lines += [f"where {' and '.join(conditions)}"] if conditions else []
    if is_latest and record.at:
        lines += [
            f"qualify row_number() over (partition by {person} order by r.{sql_name(record.at.name)} desc, item) = 1"
        ]
    return "\n".join(lines) + "\n"


def _item(column: Column) -> str:
    """A title as words can print it: no blanks, nothing that is too private, and small where all of them are in capitals."""
    name = f"i.{sql_name(column.name)}"
    shown = f"lower({name})" if column.looks.get("capitals", 0) > 0.8 else name
    blank = (
        f" or lower(trim({name})) in ('', 'null', 'none', 'n/a', 'unknown', '-')"
        if column.looks.get("blanks", 0)
        else ""
    )
    return f"case when regexp_matches(lower({name}), '{PRIVATE_GOODS}'){blank} then null else {shown} end"


def _equal(one: str, column: Column, other: str, theirs: Column) -> str:
    return f"{one}.{sql_name(column.name)} = {other}.{sql_name(theirs.name)}"


def _fields(record: Record | None) -> str:
    about = "# The columns of first_help.sql that words may show, each with its dimension and with examples.\n"
    if record is None or record.title is None or record.at is None:
        return f"{about}fields: {{}}\n"
    return (
        f"{about}# Guessed: {_line(str(record.title.column))} is how things are called; the examples are made up. Review.\n"
        f"fields:\n  item: {{dimension: {_key(record.dimension)}, examples: [the blue one, a yearly ticket]}}\n"
    )


def _select(
    about: Iterable[str], columns: Mapping[str, str], table: str, *, missing: Sequence[str] = (), distinct: bool = False
) -> str:
    """A SELECT of the columns that were found, and a comment of those that were not."""
    chosen = ",\n".join(f"    {value if value == name else f'{value} as {name}'}" for name, value in columns.items())
    note = f"-- Not found in {_line(table)}: {', '.join(missing)}. Add what you have.\n" if missing else ""
    comments = "".join(f"-- {_line(each)}\n" for each in about)
    return f"{comments}{note}select{' distinct' if distinct else ''}\n{chosen}\nfrom {sql_name(table)}\n"


def sql_name(name: str) -> str:
    """A name as SQL takes it: in quotes where it needs them, as `order` does."""
    return exp.to_identifier(name).sql(dialect="duckdb")


def _key(name: str) -> str:
    """A name as a key or value of YAML: in quotes where it needs them."""
    return _quoted(name) if _needs_quotes(name) else name


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _needs_quotes(name: str) -> bool:
    return re.fullmatch(r"[^\W\d]\w*", name) is None or name.lower() in _YAML_SWITCHES


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _line(text: str) -> str:
    """A text on one line, whatever it holds."""
    return " ".join(text.split())
