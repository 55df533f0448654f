"""sql/ -> frames: what each of a workspace's queries yields, in its type, with its keys checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from flows.errors import DataError, StatementError, nearest
from flows.schemas import (
    AUDIENCE,
    CONSENT,
    CUSTOMERS,
    EXCLUSIONS,
    INSTANT,
    OUTCOMES,
    SEGMENT,
    SUPPRESSIONS,
    conform,
    frame_schema,
)
from flows.warehouse.statements import check_statement, columns_of_people, read_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.catalogue import Catalogue
    from flows.clock import Moment
    from flows.warehouse.sessions import Session


@dataclass(frozen=True)
class Queries:
    """The workspace's SQL, read and checked once.

    Attributes:
        customers, consent, suppressions: the statements of these files; the latter two may be missing.
        exclusions: file name -> statement.
        segments: segment -> statement.
        shared: table -> the statement that yields it, over everybody and once a run.
        outcomes: file name -> statement.
        audiences: file name -> statement.
    """

    customers: str
    consent: str | None
    suppressions: str | None
    exclusions: dict[str, str]
    segments: dict[str, str]
    shared: dict[str, str]
    outcomes: dict[str, str] = field(default_factory=dict)
    audiences: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> dict[str, str]:
        """The files of sql/ that were read -> their statements."""
        lists = {name: getattr(self, name) for name in ("customers", "consent", "suppressions")}
        folders = {
            f"{folder}/{name}": text
            for folder in ("exclusions", "audiences", "segments", "shared", "outcomes")
            for name, text in getattr(self, folder).items()
        }
        return {f"sql/{name}.sql": text for name, text in (lists | folders).items() if text is not None}

    @property
    def files(self) -> tuple[str, ...]:
        """The files of sql/ that were read."""
        return tuple(self.texts)


def read_queries(sql: Path, segments: Iterable[str], catalogue: Catalogue) -> Queries:
    """Read and check every file in sql/ that the line runs.

    Raises:
        StatementError: a file is missing, or may not do what it does.
    """

    def checked(*names: str, is_shared: bool = False) -> str:
        name = "/".join(("sql", *names))
        text = read_statement(sql.joinpath(*names), name)
        check_statement(text, name, catalogue, is_shared=is_shared)
        return text

    return Queries(
        customers=checked("customers.sql"),
        consent=checked("consent.sql") if (sql / "consent.sql").exists() else None,
        suppressions=checked("suppressions.sql") if (sql / "suppressions.sql").exists() else None,
        exclusions={file.stem: checked("exclusions", file.name) for file in sorted(sql.glob("exclusions/*.sql"))},
        segments={name: checked("segments", f"{name}.sql") for name in sorted(set(segments))},
        shared={file.stem: checked("shared", file.name, is_shared=True) for file in sorted(sql.glob("shared/*.sql"))},
        outcomes={file.stem: checked("outcomes", file.name) for file in sorted(sql.glob("outcomes/*.sql"))},
        audiences={file.stem: checked("audiences", file.name) for file in sorted(sql.glob("audiences/*.sql"))},
    )


def shared_tables(session: Session, queries: Queries, catalogue: Catalogue, moment: Moment) -> dict[str, pl.DataFrame]:
    """What needs everybody (popularity, medians), by table: the rows of each file of sql/shared/.

    Raises:
        StatementError: DuckDB refuses the query, it yields a person's key, or the catalogue has no entry for it.
    """
    found = {}
    for name, text in queries.shared.items():
        where = f"sql/shared/{name}.sql"
        if name not in catalogue.tables or catalogue.tables[name].personal:
            raise StatementError(
                where, f"the catalogue has no entry '{name}'", f"add to tables: {name}: {{personal: false}}"
            )
        found[name] = _run(session, text, where, moment)
        for column in found[name].columns:
            if column.lower() in columns_of_people(catalogue):
                hint = "yield what is true of everybody; what belongs to a person goes to the segment"
                raise StatementError(where, f"the column '{column}' is the key of a person", hint)
    return found


def customers(session: Session, queries: Queries, moment: Moment) -> pl.DataFrame:
    """One row per customer and brand, in the columns of `CUSTOMERS`; what the query does not yield is null.

    Raises:
        DataError: no customer_id or brand, or one pair twice.
        StatementError: DuckDB refuses the query.
    """
    where = "sql/customers.sql"
    rows = _run(session, queries.customers, where, moment)
    optional = set(CUSTOMERS.names()) - {"customer_id", "brand"}
    return _keyed(conform(rows, CUSTOMERS, where=where, optional=optional), ("customer_id", "brand"), where)


def customer_keys(session: Session, queries: Queries, moment: Moment) -> pl.DataFrame:
    """`customer_id, brand` of everybody whom `customers` yields. Raises as `customers`."""
    where, keys = "sql/customers.sql", ("customer_id", "brand")
    rows = _run(session, f"SELECT {', '.join(keys)} FROM ({queries.customers}\n)", where, moment)
    return _keyed(conform(rows, frame_schema(*keys), where=where), keys, where)


def count_customers(session: Session, queries: Queries, moment: Moment) -> int:
    """How many people `customers` yields. Raises StatementError as `customers`."""
    text = f"SELECT count(DISTINCT customer_id) FROM ({queries.customers}\n)"
    return int(_run(session, text, "sql/customers.sql", moment).item())


def consent(session: Session, queries: Queries, moment: Moment) -> pl.DataFrame:
    """The consent events, in the columns of `CONSENT`, null where nothing is decided by them. Raises as `customers`."""
    if queries.consent is None:
        return CONSENT.to_frame()
    where, unread = "sql/consent.sql", ("source", "wording")  # long texts, which decide nothing
    text = f"SELECT COLUMNS(lambda name: lower(name) NOT IN {unread}) FROM ({queries.consent}\n)"
    return conform(_run(session, text, where, moment), CONSENT, where=where, optional=("until", *unread))


def suppressions(session: Session, queries: Queries, moment: Moment) -> pl.DataFrame:
    """The lists of addresses that get nothing, in the columns of `SUPPRESSIONS`. Raises as `customers`."""
    if queries.suppressions is None:
        return SUPPRESSIONS.to_frame()
    where = "sql/suppressions.sql"
    rows = _run(session, queries.suppressions, where, moment)
    return conform(rows, SUPPRESSIONS, where=where, optional=("reason", "happened_at"))


def exclusions(session: Session, queries: Queries, moment: Moment) -> pl.DataFrame:
    """Who is excluded from what, in the columns of `EXCLUSIONS`; `detail` is the file's name. Raises as `customers`."""
    frames = [EXCLUSIONS.to_frame()]
    for name, text in queries.exclusions.items():
        where = f"sql/exclusions/{name}.sql"
        rows = _run(session, text, where, moment)
        optional = set(EXCLUSIONS.names()) - {"customer_id"}
        frames.append(conform(rows, EXCLUSIONS, where=where, optional=optional).with_columns(detail=pl.lit(name)))
    return pl.concat(frames)


def audience(session: Session, queries: Queries, name: str, moment: Moment) -> pl.DataFrame:
    """Whom campaigns are to leave out, in the columns of `AUDIENCE`: each once. Raises as `customers`.

    Whoever stands there several times is in it until the last of them ends.
    """
    where, key = f"sql/audiences/{name}.sql", ("customer_id", "brand")
    rows = conform(_run(session, queries.audiences[name], where, moment), AUDIENCE, where=where, optional=("until",))
    is_endless = pl.col("until").is_null().any()
    each = rows.group_by(key).agg(until=pl.when(~is_endless).then(pl.col("until").max()))
    return _keyed(each, key, where)


def outcomes(session: Session, queries: Queries, moment: Moment, since: datetime | None = None) -> pl.DataFrame:
    """What came of people's needs `since` an instant, or ever, in the columns of `OUTCOMES`. Raises as `customers`."""
    frames, optional = [OUTCOMES.to_frame()], set(OUTCOMES.names()) - {"customer_id", "outcome", "happened_at"}
    for name, text in queries.outcomes.items():
        where, given = f"sql/outcomes/{name}.sql", parameters(text, moment)
        asked = text
        if since is not None:
            asked = f"FROM ({text}\n) WHERE happened_at >= $since"
            given["since"] = since.replace(tzinfo=None)
        rows = session.query(asked, given, where=where).with_columns(_plain_numbers("value"))
        found = conform(rows.drop("file", strict=False), OUTCOMES, where=where, optional=optional)
        frames.append(found.with_columns(file=pl.lit(name)))
    return pl.concat(frames)


def segment(
    session: Session,
    queries: Queries,
    name: str,
    moment: Moment,
    *,
    named: Mapping[str, str],
) -> pl.DataFrame:
    """The rows of a segment: the columns of `SEGMENT`, the `<dimension>_as_of` instants, then fields and signals.

    Args:
        session: of `open_scoped`.
        queries: of the workspace.
        name: of the segment.
        moment: of the run.
        named: field or signal -> the place, `file:line`, that names it.

    Raises:
        DataError: a column is missing or of the wrong kind, a key is null, or stands twice.
        StatementError: DuckDB refuses the query.
    """
    where = f"sql/segments/{name}.sql"
    rows = _run(session, queries.segments[name], where, moment)
    as_of = [column for column in rows.columns if column.endswith("_as_of")]
    others = [column for column in named if column not in SEGMENT and column not in as_of]
    for column in [*others, *({"next_due_on"} & named.keys())]:
        if column not in rows.columns:
            what = f"the column '{column}' is missing, and {named[column]} names it"
            free = [name for name in rows.columns if name not in SEGMENT and name not in named]
            hint = (
                f"select it, or mend the name there: {nearest(column, free)}"
                if free
                else "select it, or take it out there"
            )
            raise DataError(where, what, hint)
    instants = pl.Schema(dict.fromkeys(as_of, INSTANT))
    own = conform(rows, SEGMENT, where=where, optional=("subject_id", "valid_until", "next_due_on"))
    known = conform(rows, instants, where=where)
    values = rows.select(_plain(rows.schema[column], column) for column in others)
    _keyed(own, ("customer_id", "brand"), where, unique=("customer_id", "brand", "subject_id"))
    return pl.concat([own, known, values], how="horizontal")


def _run(session: Session, text: str, where: str, moment: Moment) -> pl.DataFrame:
    return session.query(text, parameters(text, moment), where=where)


def parameters(text: str, moment: Moment) -> dict[str, object]:
    """Those of `$as_of` and `$now` that a statement names, with their values."""
    given = {"as_of": moment.as_of, "now": moment.now.replace(tzinfo=None)}
    return {name: value for name, value in given.items() if f"${name}" in text}


def _plain(kind: pl.DataType, column: str) -> pl.Expr:
    """Decimals as floats and naive instants as UTC, so that rules and words meet one kind of each."""
    if kind.is_decimal():
        return pl.col(column).cast(pl.Float64)
    if isinstance(kind, pl.Datetime):
        naive = pl.col(column).dt.replace_time_zone("UTC") if kind.time_zone is None else pl.col(column)
        return naive.dt.convert_time_zone("UTC").cast(INSTANT)
    if isinstance(kind, pl.Enum | pl.Categorical):
        return pl.col(column).cast(pl.String)
    return pl.col(column)


def _plain_numbers(column: str) -> pl.Expr:
    """Whole numbers and decimals of a column, which may not be there, as floats."""
    numbers = cs.by_name(column, require_all=False) & cs.numeric()
    return numbers.cast(pl.Float64)


def _keyed(frame: pl.DataFrame, key: tuple[str, ...], where: str, unique: tuple[str, ...] = ()) -> pl.DataFrame:
    for name in key:
        empty = frame[name].is_null().sum()
        if empty:
            raise DataError(
                where, f"'{name}' is null in {empty} rows", f"add WHERE {name} IS NOT NULL, or mend the source"
            )
    unique = unique or key
    doubled = frame.select(unique).is_duplicated().sum()
    if doubled:
        what = f"{doubled} rows share their key ({', '.join(unique)})"
        raise DataError(where, what, "yield one row a key: QUALIFY row_number() OVER (PARTITION BY …) = 1")
    return frame
