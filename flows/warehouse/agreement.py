"""A second reading: what DuckDB itself finds in a statement, held against the syntax tree that everything is judged by.

The tree is made by another parser than the one that runs the statement. Where the two differ (a comment that ends elsewhere, a
function after a dot) a column could be read that nobody sees; so whatever DuckDB names has to stand in the tree, too.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flows.errors import StatementError
from flows.warehouse.connection import Connection, connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

# Source: the classes that DuckDB 2.0's json_serialize_sql writes. What is not here is refused.
_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "PARAMETER",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}
_TOO_DEEP = ("Max expression depth", "memory exhausted")
DEEPEST = 200
"""Brackets in brackets; the sample's SQL has 6."""

_SOURCES = {"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"}


def check_agreement(text: str, name: str, tree: exp.Expr) -> None:
    """Refuse a statement that DuckDB reads otherwise, or in which it finds what is in no subset of ours.

    Args:
        text: the statement.
        name: the file that errors name.
        tree: how it was parsed.

    Raises:
        StatementError: with the line where DuckDB finds it.
    """
    read = _read(text, name)
    if read.get("error"):
        line = text.count("\n", 0, int(read.get("position") or 0)) + 1
        raise StatementError(f"{name}:{line}", str(read["error_message"]), "mend the statement; DuckDB's SQL applies")
    known, tables = Counter[str](), Counter[str]()
    for found in tree.find_all(exp.Column, exp.Table, exp.Identifier):
        if isinstance(found, exp.Table):
            tables[found.name.lower()] += _times(found)
        elif isinstance(found, exp.Column) or (isinstance(found, exp.Identifier) and _is_a_functions_own(found)):
            known[found.name.lower()] += _times(found)
    for part in _parts(read):
        where = f"{name}:{_line(text, part)}"
        _check_kind(part, where)
        if part.get("class") == "COLUMN_REF":
            _take(known, part["column_names"][-1], where)
        if part.get("type") == "BASE_TABLE":
            _take(tables, part["table_name"], where)


def check_depth(text: str, name: str) -> None:
    """Refuse what is nested so deeply that DuckDB does not run it either, before a parser spends minutes on it.

    DuckDB's own one does so, too, where brackets are left open: 100 s for 9,000 of them (measured).
    """
    steps = ((letter in "([{") - (letter in ")]}") for letter in text)
    deepest = max(accumulate(steps, lambda depth, step: max(depth + step, 0)), default=0)
    if deepest > DEEPEST or str(_read(text, name).get("error_message")).startswith(_TOO_DEEP):
        raise StatementError(name, "this is nested too deeply to be read", "split it into CTEs")


@lru_cache(maxsize=256)
def _read(text: str, name: str) -> dict[str, Any]:
    """What DuckDB finds in a statement, as JSON; nobody changes it."""
    with translated(name):
        found: dict[str, Any] = json.loads(_reader().execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0])
    return found


def _is_a_functions_own(found: exp.Identifier) -> bool:
    """Whether it is the parameter of a lambda function: DuckDB calls that a column, too."""
    return not isinstance(found.parent, exp.Column) and found.find_ancestor(exp.Lambda) is not None


def _times(found: exp.Expr) -> int:
    """How often DuckDB names it: it writes `CASE x WHEN 1 … WHEN 2 …` as `CASE WHEN x = 1 … WHEN x = 2 …`."""
    times = 1
    while found.parent is not None:
        if isinstance(found.parent, exp.Case) and found.arg_key == "this":
            times *= len(found.parent.args["ifs"])
        found = found.parent
    return times


_OWN = threading.local()


def _reader() -> Connection:
    """A connection of this thread's own: parts of a run are threads, and DuckDB refuses two at a time on one."""
    if not hasattr(_OWN, "connection"):
        _OWN.connection = connect()
    connection: Connection = _OWN.connection
    return connection


def _parts(read: object) -> Iterator[dict[str, Any]]:
    """Every object in a tree of JSON."""
    waiting = [read]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _check_kind(part: dict[str, Any], where: str) -> None:
    kind = part.get("class")
    if kind is not None and kind not in _EXPRESSIONS:
        what = f"{str(kind).lower().replace('_', ' ')} is not read here"
        raise StatementError(where, what, "name the column")
    if "sample" in part and "alias" in part and part.get("type") not in _SOURCES:
        raise StatementError(where, f"{str(part.get('type')).lower()} is not read here", "write a SELECT over tables")
    if part.get("function_name") is not None and (part.get("schema") or part.get("catalog")):
        what = f"the function '{part['function_name']}' stands after a dot"
        raise StatementError(where, what, "write it before its arguments, as in trim(x), and without a schema")


def _take(known: Counter[str], name: str, where: str) -> None:
    """One mention less of a name; refused where there is none left."""
    if known[name.lower()] == 0:
        what = f"'{name}' is read here, and cannot be found in the statement with certainty"
        raise StatementError(where, what, "write this part more plainly; comments inside of it may be the reason")
    known[name.lower()] -= 1


def _line(text: str, part: dict[str, Any]) -> int:
    location = part.get("query_location", 0)
    return text.encode()[: location if location < len(text.encode()) else 0].count(b"\n") + 1
