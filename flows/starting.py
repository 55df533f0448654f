"""A new workspace: a copy of the sample, or a first draft over one's own DuckDB file, by the names of its columns alone."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from sqlglot import exp

from flows import editors
from flows.clock import present
from flows.errors import OutboxError, UsageError
from flows.schemas import CONSENT, CUSTOMERS, SUPPRESSIONS
from flows.settings import shipped
from flows.warehouse.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STARTER = Path(__file__).resolve().parent / "starter"
_PERSON = ("customer_id", "customer_no", "person_id", "user_id", "household_id", "member_id", "client_id", "contact_id")
_SYNONYMS = {
    "email": ("email_address", "e_mail"),
    "phone": ("phone_number", "mobile"),
    "country": ("country_code",),
    "locale": ("language",),
    "time_zone": ("timezone",),
}
_FIRST_NAME = ("first_name", "firstname", "given_name")
_YAML_SWITCHES = (
    "yes",
    "no",
    "off",
    "y",
    "n",
)  # which YAML may take for true or false; `on` and `null` need quotes in SQL too
_REVIEW_AFTER = timedelta(days=182)


@dataclass(frozen=True)
class Started:
    """A new workspace.

    Attributes:
        folder: where it is.
        files: what was written there, relative to it.
        undecided: tables of the database of which a person has to say whose their rows are.
    """

    folder: Path
    files: tuple[str, ...]
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Table:
    """A table of somebody's database: its name, and its columns by their names in small letters."""

    name: str
    columns: Mapping[str, str] = field(repr=False)

    def first(self, *names: str) -> str | None:
        """The first of some columns that it has."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    @property
    def person(self) -> str | None:
        """The column with the customer's id; None where none has a name of that kind."""
        return self.first(*_PERSON)


def start_workspace(folder: Path, database: Path | None = None) -> Started:
    """Write a new workspace into `folder`, which is missing or empty.

    Args:
        folder: where; its name becomes the workspace's.
        database: one's own DuckDB file, to draft a workspace over it: names of tables and columns are read, and no row.
            None copies the sample.

    Raises:
        UsageError: the folder is not empty.
        SourceError: the database is missing, or is none.
        OutboxError: the folder cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(folder, "this folder is not empty", "name a new one: justenough init DIR")
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "workspace"
    tables = [] if database is None else _tables(database)
    files = _sample(name) if database is None else _drafts(name, _way(folder, database), tables)
    files[".gitignore"] = (_STARTER / "gitignore").read_text("utf-8")
    try:
        for file, text in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, "utf-8")
    except OSError as error:
        what = f"the workspace cannot be written here ({error.strerror})"
        raise OutboxError(folder, what, "give this user the right to write there") from None
    wired = editors.write(folder)
    return Started(
        folder, tuple(sorted((*files, *wired))), tuple(table.name for table in tables if _whose(table) is None)
    )


def _sample(name: str) -> dict[str, str]:
    """The files of the sample, under a name of its own. The ledger's SQL is the product's, not a workspace's."""
    settings = shipped("pyproject.toml").read_text("utf-8").partition("[tool.justenough]\n")
    named = re.sub(r'(?m)^name = ".*"$', f'name = "{name}"', settings[2], count=1)
    files = {"pyproject.toml": f"# A workspace: a copy of justenough's sample.\n{settings[1]}{named}"}
    for top in ("sql", "templates"):
        files |= {f"{top}/{file}": text for file, text in _texts(shipped(top)) if not file.startswith("ledger/")}
    return files


def _drafts(name: str, database: str, tables: Sequence[_Table]) -> dict[str, str]:
    """The files of the smallest workspace over a database: what can be told from names, and what is to be decided."""
    values = {
        "name": name,
        "database": json.dumps(database, ensure_ascii=False)[1:-1],  # TOML knows no halves of a character
        "review_by": f"{present() + _REVIEW_AFTER:%Y-%m-%d}",
    }
    own = ("gitignore", "dimensions.yaml")
    starter = {file: Template(text).safe_substitute(values) for file, text in _texts(_STARTER) if file not in own}
    layouts = {f"templates/_shared/{file}": text for file, text in _texts(shipped("templates", "_shared"))}
    drafted = {"sql/dimensions.yaml": _catalogue(tables), "sql/customers.sql": _customers(name, tables)}
    people = [table for table in tables if table.person]
    consent = _only(table for table in people if "state" in table.columns and "topic" in table.columns)
    blocked = _only(table for table in tables if _whose(table) == "address")
    if consent:
        drafted["sql/consent.sql"] = _select(
            "What people have agreed to or refused, one row per event; the latest holds.",
            consent,
            _named(consent, CONSENT, brand=name),
        )
    if blocked:
        drafted["sql/suppressions.sql"] = _select(
            "Addresses that get nothing, whoever they belong to.", blocked, _named(blocked, SUPPRESSIONS, brand="*")
        )
    return {**starter, **layouts, **drafted}


def _catalogue(tables: Sequence[_Table]) -> str:
    """sql/dimensions.yaml: tables with a customer's id belong to that customer; the entries of others are left empty."""
    lines = []
    for table in tables:
        is_plain = _sql_name(table.name) == table.name and table.name.lower() not in _YAML_SWITCHES
        key = table.name if is_plain else json.dumps(table.name, ensure_ascii=False)
        if (whose := _whose(table)) is None:
            lines.append(f"  {key}: {{}}  # yours to decide: {_in_comment(*table.columns.values())}")
            continue
        entry = {whose: table.person or table.first("address")}
        entry |= {name: table.first(name) for name in ("happened_at", "loaded_at") if name in table.columns}
        entry |= {"may_be_empty": "true"} if whose == "address" else {}
        lines.append(f"  {key}: {{{', '.join(f'{name}: {value}' for name, value in entry.items())}}}")
    named = [f"{table.name}.{column}" for table in tables if table.person and (column := table.first(*_FIRST_NAME))]
    shown = json.dumps(named, ensure_ascii=False)
    name = f"\n  name: {{my: my name, columns: {shown}, known: declared}}" if named else " {}"
    text = (_STARTER / "dimensions.yaml").read_text("utf-8")
    return Template(text).substitute(tables="\n".join(lines) or "  {}", name=name)


def _customers(name: str, tables: Sequence[_Table]) -> str:
    about = "How to reach each customer, one row per customer and brand. Routing only: none of it reaches the words."
    found = [table for table in tables if table.person and table.first("email", *_SYNONYMS["email"])]
    one = _only(found)
    if one:
        return _select(about, one, _named(one, CUSTOMERS, brand=name))
    which = (
        f"several tables have e-mail addresses ({_in_comment(*(table.name for table in found))}): choose"
        if found
        else ("no table has both a customer's id and e-mail addresses")
    )
    return f"-- {about}\n-- Write the SELECT; {which}. It yields {', '.join(CUSTOMERS)}.\n"


def _select(about: str, table: _Table, columns: Mapping[str, str | None]) -> str:
    """A SELECT of the columns that were found, and a comment of those that were not."""
    missing = [name for name, value in columns.items() if value is None]
    chosen = ",\n".join(
        f"    {value if value == name else f'{value} as {name}'}" for name, value in columns.items() if value
    )
    note = f"-- Not found in {_in_comment(table.name)}: {', '.join(missing)}. Add what you have.\n" if missing else ""
    return f"-- {about}\n{note}select\n{chosen}\nfrom {_sql_name(table.name)}\n"


def _named(table: _Table, wanted: Iterable[str], *, brand: str) -> dict[str, str | None]:
    """Wanted column -> the SQL that yields it from the table; None where no column has such a name."""
    found: dict[str, str | None] = {}
    for name in wanted:
        column = table.person if name == "customer_id" else table.first(name, *_SYNONYMS.get(name, ()))
        found[name] = f"'{brand}'" if name == "brand" else _sql_name(column) if column else None
    return found


def _whose(table: _Table) -> str | None:
    """The catalogue's key for whose the rows of a table are, as far as its columns' names tell."""
    return "person" if table.person else "address" if "address" in table.columns else None


def _only(tables: Iterable[_Table]) -> _Table | None:
    """The table, if there is just one: between two a person chooses."""
    found = list(tables)
    return found[0] if len(found) == 1 else None


def _sql_name(name: str) -> str:
    """A name as SQL takes it: in quotes where it needs them, as `order` does."""
    return exp.to_identifier(name).sql(dialect="duckdb")


def _in_comment(*names: str) -> str:
    """Names on one line, whatever they hold."""
    return " ".join(", ".join(names).split())


def _way(folder: Path, database: Path) -> str:
    """From a workspace to its database; links are followed first, because a workspace is looked for where it really is."""
    return os.path.relpath(database.resolve(), folder.resolve())


def _tables(database: Path) -> list[_Table]:
    listed = "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal "
    with connect(database, read_only=True) as connection:
        rows = connection.execute(
            f"{listed} AND schema_name = 'main' GROUP BY table_name ORDER BY table_name"
        ).fetchall()
    return [_Table(name, {column.lower(): column for column in columns}) for name, columns in rows]


def _texts(folder: Path) -> list[tuple[str, str]]:
    """The files below a folder that are no hidden ones: name relative to it, text."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    return [(file.relative_to(folder).as_posix(), file.read_text("utf-8")) for file in files]
