"""Which SQL a workspace may write: one SELECT over the catalogue's tables, aggregating per person only."""

from __future__ import annotations

import logging
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import sqlglot
from sqlglot import exp

from flows.catalogue import Catalogue, Via
from flows.durable import plain_size
from flows.errors import StatementError, nearest
from flows.warehouse.agreement import check_agreement, check_depth
from flows.warehouse.connection import connect, translated

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it would quote the statement where people read our errors
PARAMETERS = ("as_of", "now")
_OUTSIDE = frozenset({"getenv", "getvariable", "current_setting", "rand"})
_CLOCK = frozenset(
    {"now", "today", "current_date", "get_current_time", "get_current_timestamp", "transaction_timestamp"}
)
MOST_BYTES = 100_000
"""Of one statement; the longest of the sample has 5,000."""


def read_statement(path: Path, name: str) -> str:
    """The text of a SQL file. Raises StatementError where it is missing or not UTF-8."""
    try:
        size = plain_size(path)
        if size > MOST_BYTES:
            what = f"this file has {size:,} bytes, and {MOST_BYTES:,} are plenty for one SELECT"
            raise StatementError(name, what, "load long lists into a table of the warehouse")
        text = path.read_text(encoding="utf-8-sig").rstrip().rstrip(";")  # from its first line on: errors count lines
    except OSError:
        what = "this file is missing or cannot be read"
        raise StatementError(name, what, "write it, or mend its name; the documentation tells what it yields") from None
    except UnicodeDecodeError:
        raise StatementError(name, "this file is not UTF-8", "save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise StatementError(f"{name}:{line}", "there is a NUL in this file", "take it out: programs end a text there")
    return text


def canonical(text: str, name: str) -> str:
    """A statement without comments, and set as every other: what it says, however it is written."""
    return parse(text, name).sql(dialect="duckdb", comments=False, normalize=True)


def check_statement(text: str, name: str, catalogue: Catalogue, *, is_shared: bool = False) -> None:
    """Refuse what a workspace's SQL may not do.

    Args:
        text: the statement.
        name: the file that errors name.
        catalogue: the tables that may be read.
        is_shared: whether it is a file of sql/shared/, which may put everybody's rows together.

    Raises:
        StatementError: it is not one SELECT; names a database, a schema, an unknown table or a table function; or puts
            several people's rows together (CONTRACTS, The workspace's SQL).
    """
    _check(text, name, _Tables.of(catalogue), is_shared)


@lru_cache(maxsize=1_000)
def _check(text: str, name: str, tables: _Tables, is_shared: bool) -> None:  # noqa: FBT001
    """As `check_statement`: once in a process for the same text, which is read anew with the workspace."""
    try:
        check_depth(text, name)
        tree = parse(text, name)
        _check_tree(tree, name, tables, is_shared=is_shared)
        check_agreement(text, name, tree)
    except RecursionError:
        raise StatementError(name, "this is nested too deeply to be read", "split it into CTEs") from None


class _Tables(NamedTuple):
    """What of the catalogue decides what a statement may do: tables, those of nobody, and columns of people; in small letters."""

    known: frozenset[str]
    impersonal: frozenset[str]
    people: frozenset[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> _Tables:
        impersonal = frozenset(name.lower() for name, table in catalogue.tables.items() if not table.personal)
        return cls(frozenset(map(str.lower, catalogue.tables)), impersonal, frozenset(columns_of_people(catalogue)))


def check_tree(tree: exp.Expr, name: str, catalogue: Catalogue) -> None:
    """As `check_statement`, of a statement that is parsed."""
    _check_tree(tree, name, _Tables.of(catalogue), is_shared=False)


def _check_tree(tree: exp.Expr, name: str, tables: _Tables, *, is_shared: bool) -> None:
    for clause in tree.find_all(exp.With):
        if clause.recursive:
            raise StatementError(_at(name, clause), "WITH RECURSIVE may never end", "write the levels out")
    common = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        _check_table(table, name, common, tables.known)
    _check_functions(tree, name)
    for parameter in tree.find_all(exp.Parameter, exp.Placeholder):
        asked = str(parameter.name or parameter.this)
        if asked not in PARAMETERS:
            raise StatementError(
                name, f"'${asked}' is not a parameter", "there are $as_of (a date) and $now (a UTC timestamp)"
            )
    if is_shared:
        return
    for part in tree.walk():
        _check_whole(part, name, tables.people, tables.impersonal)
    for select in tree.find_all(exp.Select):
        if _reads_people(select, tables.impersonal):
            _check_per_person(select, name, tables.people)


@cache
def parse(text: str, name: str) -> exp.Query:
    """The syntax tree of one SELECT, to be copied before it is changed. Raises StatementError where it is no such thing."""
    try:
        statements = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except sqlglot.errors.SqlglotError as problem:
        with translated(name):  # DuckDB says it better, where it does not understand it either
            connect().extract_statements(text)
        first = problem.errors[0] if isinstance(problem, sqlglot.errors.ParseError) and problem.errors else {}
        line = f":{first['line']}" if first.get("line") else ""
        near = f" near '{first['highlight']}'" if first.get("highlight") else ""
        what = f"{first.get('description') or 'this is not SQL that can be read'}{near}"
        raise StatementError(f"{name}{line}", what, "mend the statement; DuckDB's SQL applies") from None
    if not statements:
        raise StatementError(
            name, "there is no SELECT in this file", "write it; the documentation tells what it yields"
        )
    if len(statements) != 1:
        what = f"there are {len(statements)} statements in this file"
        raise StatementError(name, what, "keep one SELECT a file; WITH may stand before it")
    change = statements[0].find(exp.DML)
    if change is not None or not isinstance(statements[0], exp.Query):
        what = f"this is {(change or statements[0]).key.upper()}, and only a SELECT may stand here"
        raise StatementError(name, what, "write one SELECT; WITH may stand before it")
    for found in statements[0].find_all(exp.Identifier):
        if "start" in found.meta:  # the parser's own count of lines goes wrong after `interval 3 days`
            found.meta["line"] = text.count("\n", 0, found.meta["start"]) + 1
    return statements[0]


def is_no_function(name: str) -> bool:
    """Whether a name is free for a macro: DuckDB has no function of that name, and neither has any other SQL."""
    return (
        name.isidentifier()
        and isinstance(parse(f'SELECT "{name}"(1)', name).selects[0], exp.Anonymous)
        and name.lower() not in _functions_of_duckdb()
    )


def _check_functions(tree: exp.Expr, name: str) -> None:
    """Refuse what does not come from the rows alone: chance, settings, variables, sequences."""
    for function in tree.find_all(exp.Func):
        called = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        if called.lower() in _fickle():
            what = f"{called.lower()}() is another thing each time, or what is set outside"
            raise StatementError(
                _at(name, function), what, "draw by a hash of customer_id; $as_of and $now are the time"
            )


@cache
def _fickle() -> frozenset[str]:
    """DuckDB's functions that depend on more than what they are given; the clock's are left to the author."""
    listed = "SELECT function_name FROM duckdb_functions() WHERE stability IS NOT NULL AND stability <> 'CONSISTENT'"
    return frozenset(name for (name,) in connect().execute(listed).fetchall()) | _OUTSIDE - _CLOCK


def _check_table(table: exp.Table, name: str, common: set[str], known: AbstractSet[str]) -> None:
    shown = ".".join(part.name for part in table.parts) if table.name else table.sql(dialect="duckdb")
    where = _at(name, table)
    if table.db or table.catalog:
        raise StatementError(where, f"'{shown}' names a schema or a database", f"write only '{table.name}'")
    if not isinstance(table.this, exp.Identifier):
        what = f"'{shown}' is a table function"
        raise StatementError(where, what, "read tables of the catalogue only; load files into the warehouse first")
    if table.name.lower() not in common | known:
        raise StatementError(where, f"'{shown}' is in no entry of the catalogue", nearest(table.name, known | common))


def _at(name: str, part: exp.Expr) -> str:
    """`file:line` of a part of a statement: that of the first name in it, for the parser notes no others."""
    lines = [found.meta["line"] for found in part.find_all(exp.Identifier) if "line" in found.meta]
    return f"{name}:{min(lines)}" if lines else name


def columns_of_people(catalogue: Catalogue) -> set[str]:
    """Columns whose equal values belong to one person: customer ids, and the keys by which rows lead to one."""
    columns = {"customer_id"}  # what every query has to call it in the end
    for table in catalogue.tables.values():
        if isinstance(table.person, Via):
            columns.add(table.person.via.lower())
        elif table.person:
            columns.add(table.person.lower())
    return columns


def _check_whole(part: exp.Expr, name: str, columns: AbstractSet[str], impersonal: AbstractSet[str]) -> None:
    """Refuse what takes some rows of all people's, wherever it stands: on a SELECT, a UNION or in parentheses."""
    if isinstance(part, exp.TableSample):
        raise StatementError(
            _at(name, part), "a sample takes rows by chance", "draw by a hash of customer_id, or take all rows"
        )
    is_cut = isinstance(part, exp.Query) and (part.args.get("limit") or part.args.get("offset"))
    is_one_persons = isinstance(part, exp.Select) and _is_correlated(part, columns)
    if is_cut and not is_one_persons and _holds_people(part, impersonal):
        hint = "use QUALIFY row_number() OVER (PARTITION BY customer_id …)"
        raise StatementError(_at(name, part), "LIMIT counts rows of several people", hint)
    if isinstance(part, exp.Pivot) and not part.args.get("unpivot"):
        hint = "use sum(…) FILTER (WHERE …) with GROUP BY customer_id"
        raise StatementError(_at(name, part), "PIVOT puts several people's rows together", hint)


def _holds_people(part: exp.Expr, impersonal: AbstractSet[str]) -> bool:
    """Whether any table in it, however deep, is about people. It walks all of the part, so it is asked last."""
    return any(table.name.lower() not in impersonal for table in part.find_all(exp.Table))


def _check_per_person(select: exp.Select, name: str, people: AbstractSet[str]) -> None:
    distinct = select.args.get("distinct")
    if distinct and distinct.args.get("on") and not _bare(distinct.args["on"].expressions) & people:
        hint = "add customer_id to its columns"
        raise StatementError(_at(name, distinct), "DISTINCT ON keeps one row of several people", hint)
    own = [node for node in select.find_all(exp.Func, exp.Window) if node.find_ancestor(exp.Select) is select]
    for window in own:
        if isinstance(window, exp.Window) and not _bare(_partition(window, select)) & people:
            what = f"the window over {window.this.sql(dialect='duckdb')[:60]} goes over several people"
            raise StatementError(
                _at(name, window), what, "add PARTITION BY customer_id; what needs everybody goes to sql/shared/"
            )
    grouping = _grouping(select)
    if any(isinstance(by, exp.Rollup | exp.Cube | exp.GroupingSets) for by in grouping):
        raise StatementError(
            _at(name, select.args["group"]), "GROUP BY adds rows over several people", "group by plain columns only"
        )
    plain = [node for node in own if is_aggregate(node) and not node.find_ancestor(exp.Window)]
    if plain and not _bare(grouping) & people and not _is_correlated(select, people):
        what = f"{plain[0].sql(dialect='duckdb')[:60]} goes over several people"
        raise StatementError(
            _at(name, plain[0]), what, "add GROUP BY customer_id; what needs everybody goes to sql/shared/"
        )


def _reads_people(select: exp.Select, impersonal: AbstractSet[str]) -> bool:
    """Whether it reads anything but tables without personal data; a CTE or a subquery may hold people."""
    sources = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", [])]
    return any(
        not isinstance(source.this, exp.Table) or source.this.name.lower() not in impersonal
        for source in sources
        if source
    )


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a function makes one value of several rows; those that the parser does not know are DuckDB's own."""
    return isinstance(node, exp.AggFunc) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _functions_of_duckdb("aggregate")
    )


@cache
def _functions_of_duckdb(kind: str = "%") -> frozenset[str]:
    listed = "SELECT function_name FROM duckdb_functions() WHERE function_type LIKE $1"
    return frozenset(name for (name,) in connect().execute(listed, [kind]).fetchall())


def _partition(window: exp.Window, select: exp.Select) -> list[exp.Expr]:
    """What a window is partitioned by; `OVER w` looks at `WINDOW w AS (…)`."""
    named = {other.name.lower(): other for other in select.args.get("windows") or []}
    other = named.get(window.alias.lower(), window)
    return other.args.get("partition_by") or []


def _grouping(select: exp.Select) -> list[exp.Expr]:
    """What is grouped by, with GROUP BY ALL and GROUP BY 1 resolved to the selected expressions."""
    group = select.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [selected for selected in select.selects if not any(map(is_aggregate, selected.walk()))]
    places = {str(place): selected for place, selected in enumerate(select.selects, start=1)}
    return [places.get(by.name, by) if isinstance(by, exp.Literal) else by for by in group.expressions]


def _bare(expressions: list[exp.Expr]) -> set[str]:
    """The names of those that are a column and nothing else: `customer_id % 10` has many people in each group."""
    plain = (expression.unalias().unnest() for expression in expressions)
    return {column.name.lower() for column in plain if isinstance(column, exp.Column)}


def _is_correlated(select: exp.Select, people: AbstractSet[str]) -> bool:
    """A subquery bound to its outer row's person: `WHERE r.customer_id = c.customer_id`, r its own and c not."""
    where = select.args.get("where")
    if where is None or select.parent_select is None:
        return False
    sources = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", [])]
    own = {source.this.alias_or_name.lower() for source in sources if source}
    whole = where.this.unnest()
    conditions = whole.flatten() if isinstance(whole, exp.And) else [whole]
    return any(_binds(condition.unnest(), own, people) for condition in conditions)


def _binds(condition: exp.Expr, own: set[str], people: AbstractSet[str]) -> bool:
    sides = [condition.left.unnest(), condition.right.unnest()] if isinstance(condition, exp.EQ) else []
    columns = [side for side in sides if isinstance(side, exp.Column) and side.table]
    is_of_one_person = len(columns) == 2 and {column.name.lower() for column in columns} <= people
    return is_of_one_person and sum(column.table.lower() in own for column in columns) == 1
