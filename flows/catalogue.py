"""sql/dimensions.yaml -> Catalogue: what is known about people, and how each table's rows belong to them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from flows.documents import read_document
from flows.durations import Duration
from flows.errors import CatalogueError, nearest
from flows.schemas import is_taken

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Via(_Strict):
    """Rows belong to whom the row of another table belongs to: the one with the same value in column `via`."""

    via: str
    to: str


class Table(_Strict):
    """How the rows of a table belong to a person.

    Attributes:
        person: the column with the customer's id, or the way to one through another table.
        address: for lists of addresses: the column with the address. Only sql/suppressions.sql sees such a table.
        personal: false for tables that say nothing about people (items, stores).
        happened_at: rows whose value lies after `now` are hidden.
        loaded_at: when the row came to be known.
        may_be_empty: an empty table is no sign of a broken source.
        routing: columns that say how to reach the person, and nothing of them: no dimension, and never shown.
    """

    person: str | Via | None = None
    address: str | None = None
    personal: bool = True
    happened_at: str | None = None
    loaded_at: str | None = None
    may_be_empty: bool = False
    routing: list[str] = []

    @model_validator(mode="after")
    def _says_whose(self) -> Table:
        ways = [self.person is not None, self.address is not None, not self.personal]
        if sum(ways) != 1:
            raise ValueError(
                "it has to be said whose the rows are | give exactly one of person, address, personal: false"
            )
        return self


class Dimension(_Strict):
    """One thing known about a person: what completes "they know my …"."""

    my: str
    columns: list[str] = Field(min_length=1)
    known: Literal["declared", "observed", "inferred", "bought"]
    fresh_for: Duration | None = None
    needs_consent: str | None = None
    routing_for: dict[str, list[str]] = {}
    sensitive: bool = False
    lawful_basis: str | None = None


class Catalogue(_Strict):
    """All tables and dimensions of a workspace."""

    tables: dict[str, Table]
    dimensions: dict[str, Dimension]
    free_text: list[str] = []

    @model_validator(mode="after")
    def _ways_lead_to_people(self) -> Catalogue:
        for name, table in self.tables.items():
            seen = {name}
            while isinstance(table.person, Via):
                if table.person.to not in self.tables or table.person.to in seen:
                    raise ValueError(
                        f"tables.{name}: its way leads to no person | {nearest(table.person.to, self.tables)}"
                    )
                seen.add(table.person.to)
                table = self.tables[table.person.to]  # noqa: PLW2901
        return self

    def without(self, names: Collection[str]) -> Catalogue:
        """The catalogue less some tables."""
        kept = {name: table for name, table in self.tables.items() if name not in names}
        return self.model_copy(update={"tables": kept})


def _dated(value: object) -> object:
    is_date = isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)
    return date.fromisoformat(value) if is_date else value  # type: ignore[arg-type]


Example = Annotated[date | str | int | float | bool | None, BeforeValidator(_dated)]


class Field_(_Strict):  # noqa: N801  (pydantic's own Field is in use here)
    """A column of a segment that templates may print or branch on.

    Attributes:
        dimension: the dimension it shows; null where it says nothing about the person.
        examples: values for check and preview; what is written like a date is one.
    """

    dimension: str | None
    examples: list[Example] = []


class Segment(_Strict):
    """sql/segments/<name>.yaml: what each field of the segment's query shows."""

    fields: dict[str, Field_]


def read_catalogue(sql: Path) -> Catalogue:
    """Read sql/dimensions.yaml.

    Raises:
        CatalogueError: with file and line.
    """
    return read_document(sql / "dimensions.yaml", Catalogue, CatalogueError, name="sql/dimensions.yaml")


def read_segment(sql: Path, name: str, catalogue: Catalogue) -> Segment:
    """Read sql/segments/<name>.yaml.

    Raises:
        CatalogueError: with file and line; also where a field names a dimension that the catalogue does not have.
    """
    where = f"sql/segments/{name}.yaml"
    segment = read_document(sql / "segments" / f"{name}.yaml", Segment, CatalogueError, name=where)
    for field, entry in segment.fields.items():
        if is_taken(field):
            hint = f"give the column a name of its own in the query, such as {name}_{field.strip('_')}"
            raise CatalogueError(where, f"'{field}' is a column of the line itself, and cannot be a field", hint)
        if entry.dimension is not None and entry.dimension not in catalogue.dimensions:
            hint = nearest(entry.dimension, catalogue.dimensions)
            raise CatalogueError(where, f"field '{field}' has the unknown dimension '{entry.dimension}'", hint)
    return segment
