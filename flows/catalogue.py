"""sql/dimensions.yaml -> Catalogue: what is known about people, and how each table's rows belong to them."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from flows.documents import STRICT, Document, Text, read_document
from flows.durations import Duration
from flows.errors import CatalogueError, nearest
from flows.schemas import is_taken

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class _Strict(BaseModel):
    model_config = STRICT


Column = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[^.]+\..+$"})]
"""A column with its table's name, or all of a table's."""


class Via(_Strict):
    """Rows belong to whom the row of another table belongs to: the one with the same value in column `via`.

    Attributes:
        via: the column; both tables have it, unless `key` says otherwise. `via: order_id`
        to: the other table. `to: orders`
        key: what the column is called in the other table, where it has another name there. `key: id`
    """

    via: str
    to: str
    key: str | None = None

    @property
    def theirs(self) -> str:
        """The column's name in the other table."""
        return self.key or self.via


class Table(_Strict):
    """How the rows of a table belong to a person.

    Attributes:
        person: the column with the customer's id, or the way to one through another table. `person: customer_id`
        address: for lists of addresses: the column with the address. Only sql/suppressions.sql sees such a table.
            `address: address`
        personal: false for tables that say nothing about people (items, stores). `personal: false`
        happened_at: rows whose value lies after `now` are hidden. `happened_at: ordered_at`
        loaded_at: when the row came to be known. `loaded_at: loaded_at`
        stale_after: a table whose newest row came to be known (or happened, without `loaded_at`) longer ago stops the
            run. `stale_after: 2 days`
        may_be_empty: an empty table is no sign of a broken source. `may_be_empty: true`
        routing: columns that serve to reach people (locale, currency): they count as nothing and never reach the words.
            `routing: [locale, currency]`
        dimension: for a view whose SQL cannot be traced: what all of its columns show, as somebody has found out.
            `dimension: membership`
        reviewed_by: who that was. `reviewed_by: Ann Example`
        on: when that was. `on: 2026-11-22`
    """

    shape: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": ["person"]},
            {"required": ["address"]},
            {"required": ["personal"], "properties": {"personal": {"const": False}}},
        ]
    }
    person: str | Via | None = None
    address: str | None = None
    personal: bool = True
    happened_at: str | None = None
    loaded_at: str | None = None
    stale_after: Duration | None = None
    may_be_empty: bool = False
    routing: list[str] = []
    dimension: str | None = None
    reviewed_by: Text | None = None
    on: date | None = None

    @model_validator(mode="after")
    def _is_signed(self) -> Table:
        border = [self.dimension is not None, self.reviewed_by is not None, self.on is not None]
        if any(border) and not all(border):
            raise ValueError("a view is declared whole | give dimension, reviewed_by and on, or none of them")
        return self

    @model_validator(mode="after")
    def _has_an_age(self) -> Table:
        if self.stale_after is not None and self.loaded_at is None and self.happened_at is None:
            raise ValueError("its age cannot be told | give loaded_at or happened_at")
        return self

    @model_validator(mode="after")
    def _says_whose(self) -> Table:
        ways = [self.person is not None, self.address is not None, not self.personal]
        if sum(ways) != 1:
            raise ValueError(
                "it has to be said whose the rows are | give exactly one of person, address, personal: false"
            )
        return self


class Dimension(_Strict):
    """One thing known about a person: what completes "they know my …".

    Attributes:
        my: what completes "they know …". `my: my last order`
        columns: the columns that tell it, or all of a table's. `columns: [orders.ordered_at, order_lines.*]`
        known: how it came to be known: people have told it, it was observed, inferred, or bought from somebody else.
            `known: observed`
        fresh_for: how long it may be used, counted from the column `<dimension>_as_of` of the segment; always if missing.
            `fresh_for: 90 days`
        needs_consent: the topic of a yes that it needs beyond the message's own. `needs_consent: profiling`
        routing_for: column -> what it also serves for: `match` (with addresses), `locale`, `time_zone`.
            `routing_for: {customers.country: [match, locale]}`
        sensitive: whether it is of a kind that the law protects: health, belief and the like. `sensitive: true`
        lawful_basis: on which a sensitive one may be used; without one it is not used at all.
            `lawful_basis: explicit consent of each`
    """

    my: Text
    columns: list[Column] = Field(min_length=1)
    known: Literal["declared", "observed", "inferred", "bought"]
    fresh_for: Duration | None = None
    needs_consent: str | None = None
    routing_for: dict[str, list[Literal["match", "locale", "time_zone"]]] = {}
    sensitive: bool = False
    lawful_basis: str | None = None


class Catalogue(_Strict, Document):
    """All tables and dimensions of a workspace.

    Attributes:
        tables: table -> how its rows belong to a person; what stands here in no entry cannot be read.
            `tables: {orders: {person: customer_id}}`
        dimensions: name -> one thing that is known about people.
            `dimensions: {name: {my: my name, columns: [people.first_name], known: declared}}`
        free_text: columns that people or agents have typed into: no message shows them.
            `free_text: [support_contacts.note]`
    """

    tables: dict[str, Table]
    dimensions: dict[str, Dimension]
    free_text: list[Column] = []

    def without(self, names: Collection[str]) -> Catalogue:
        """The catalogue less some tables."""
        kept = {name: table for name, table in self.tables.items() if name not in names}
        return self.model_copy(update={"tables": kept})

    def steps(self, name: str) -> int:
        """Through how many other tables the rows of one lead to people."""
        person = self.tables[name].person
        return 1 + self.steps(person.to) if isinstance(person, Via) else 0


MOST_ELEMENTS, LONGEST_EXAMPLE = 100, 1_000
"""Of a list, and characters of a text: more would not stand in a message either."""


def _example(value: object) -> object:
    """A plain value, or a list of them for a field that words loop over; what is written like a date is one."""
    most = MOST_ELEMENTS if isinstance(value, list) else LONGEST_EXAMPLE
    if isinstance(value, list | str) and len(value) > most:
        raise ValueError(f"an example of this length ({len(value)}) would stand in no message | shorten it to {most}")
    if isinstance(value, list):
        return [_example(item) for item in value]
    if value is not None and not isinstance(value, str | int | float | date):
        raise ValueError("this is no example | write a text, a number, a date, true or false, or a list of these")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(
            "this is no number that words could say | leave it out: where there is none, words have no fact"
        )
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("this is no day of the calendar | write it as in 2027-06-30") from None
    return value


_PLAIN = ["string", "number", "boolean", "null"]
Example = Annotated[
    Any,
    BeforeValidator(_example),
    WithJsonSchema({"type": [*_PLAIN, "array"], "items": {"type": [*_PLAIN, "array"]}}),
]


class Field_(_Strict):  # noqa: N801  (pydantic's own Field is in use here)
    """A column of a segment that templates may print or branch on.

    Attributes:
        dimension: the dimension it shows, or a list where its value depends on several; null where it says nothing about
            the person. `dimension: [last_order, name]`
        examples: values for check and preview; what is written like a date is one. `examples: [Alpine 3 tent, stove]`
    """

    dimension: str | list[str] | None
    examples: list[Example] = []

    @field_validator("dimension")
    @classmethod
    def _each_once(cls, given: str | list[str] | None) -> str | list[str] | None:
        if isinstance(given, list) and (not given or len(given) > len(set(given))):
            raise ValueError("this is no list of dimensions | name each once, or write null where it tells nothing")
        return given

    @property
    def dimensions(self) -> tuple[str, ...]:
        """All that it shows: it counts as each of them, and is known only together with all."""
        return (self.dimension,) if isinstance(self.dimension, str) else tuple(self.dimension or ())


class Segment(_Strict, Document):
    """sql/segments/<name>.yaml: what each field of the segment's query shows.

    Attributes:
        fields: column of the query -> what it shows. `fields: {item: {dimension: last_order, examples: [Alpine 3 tent]}}`
        comes_and_goes: that it names far fewer people than before, or nobody, is no sign of a broken query.
            `comes_and_goes: true`
        tells_when_due: it has a row, with the day in `next_due_on`, for everybody whom it may name on a later day without
            anything having happened; so a rolling run reads it of those alone of whom something has changed, or who are
            due. `tells_when_due: true`
    """

    fields: dict[str, Field_]
    comes_and_goes: bool = False
    tells_when_due: bool = False


def read_catalogue(sql: Path) -> Catalogue:
    """Read sql/dimensions.yaml.

    Raises:
        CatalogueError: with file and line.
    """
    catalogue = read_document(sql / "dimensions.yaml", Catalogue, CatalogueError, name="sql/dimensions.yaml")
    for name, table in catalogue.tables.items():
        _check_way(catalogue, name)
        if table.dimension is not None and table.dimension not in catalogue.dimensions:
            hint = nearest(table.dimension, catalogue.dimensions)
            raise CatalogueError(
                catalogue.at("tables", name, "dimension"), f"'{table.dimension}' is no dimension", hint
            )
    for name, dimension in catalogue.dimensions.items():
        for place, column in enumerate(dimension.columns):
            _check_column(catalogue, column, catalogue.at("dimensions", name, "columns", place))
        for column in dimension.routing_for:
            _check_column(catalogue, column, catalogue.at("dimensions", name, "routing_for", column))
    for place, column in enumerate(catalogue.free_text):
        _check_column(catalogue, column, catalogue.at("free_text", place))
    return catalogue


def _check_way(catalogue: Catalogue, name: str) -> None:
    """Follow a table's way through others to a person."""
    table, seen = catalogue.tables[name], [name]
    while isinstance(table.person, Via):
        to = table.person.to
        what, where = f"tables.{name}: its way leads to no person", catalogue.at("tables", name)
        if to not in catalogue.tables:
            raise CatalogueError(where, f"{what}: '{to}' has no entry here", nearest(to, catalogue.tables))
        if to in seen:
            hint = (
                f"give {' or '.join(seen[seen.index(to) :])} the column with the customer's id: {{person: customer_id}}"
            )
            raise CatalogueError(where, f"{what}: it goes round, {' → '.join([*seen, to])}", hint)
        seen.append(to)
        table = catalogue.tables[to]
        if table.person is None:
            hint = f"say how the rows of {to} belong to a person, or go by way of another table"
            raise CatalogueError(where, f"{what}: the rows of {to} are nobody's", hint)


def _check_column(catalogue: Catalogue, column: str, where: str) -> None:
    table, dot, name = column.partition(".")
    if not dot or not name:
        raise CatalogueError(
            where, f"'{column}' is no column of a table", "write it as in orders.ordered_at, or orders.*"
        )
    if table not in catalogue.tables:
        raise CatalogueError(where, f"'{column}' is of no table under `tables`", nearest(table, catalogue.tables))


def read_segment(sql: Path, name: str, catalogue: Catalogue) -> Segment:
    """Read sql/segments/<name>.yaml.

    Raises:
        CatalogueError: with file and line; also where a field names a dimension that the catalogue does not have.
    """
    file = f"sql/segments/{name}.yaml"
    segment = read_document(sql / "segments" / f"{name}.yaml", Segment, CatalogueError, name=file)
    for field, entry in segment.fields.items():
        where = segment.at("fields", field)
        if is_taken(field):
            hint = f"give the column a name of its own in the query, such as {name}_{field.strip('_')}"
            raise CatalogueError(where, f"'{field}' is a column of the line itself, and cannot be a field", hint)
        for dimension in entry.dimensions:
            if dimension not in catalogue.dimensions:
                hint = nearest(dimension, catalogue.dimensions)
                raise CatalogueError(where, f"field '{field}' has the unknown dimension '{dimension}'", hint)
    return segment
