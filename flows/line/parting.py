"""Into how many parts the customers of a run are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.warehouse.news import named_tables
from flows.warehouse.queries import count_customers
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.line.request import Request
    from flows.line.sources import Source

MOST_PARTS = 4096
_FEW = 10_000
"""People who are always planned for at a time, with however little memory."""
_BYTES = 2**30
"""What a part takes, however few people are in it."""
_PARTS_EACH = 2
"""Parts for each of several workers: one that is slow, or is lost, then keeps the others waiting for less."""
_BYTES_EACH = 2_500
"""What it takes more for each person: benchmarks/line.py, with a third more."""


def parts_of_run(source: Source, request: Request, table_rows: Mapping[str, int], people: int = 0) -> int:
    """Into how many parts the customers have to be cut, so that each fits into the memory, and each worker has some.

    Args:
        source: the warehouse.
        request: what was asked for.
        table_rows: table -> its rows.
        people: how many have been counted already; else they are, where it matters.
    """
    memory, set_to = source.workspace.settings.memory, source.workspace.settings.parts
    if request.customers:
        return parts_needed(len(request.customers), memory)
    if set_to:
        return set_to
    least = request.workers * _PARTS_EACH if request.workers > 1 else 1
    if parts_needed(sum(table_rows.values()), memory) <= least:  # nobody has to be counted
        return min(least, MOST_PARTS)
    people = people or _counted(source)
    return min(max(parts_needed(people, memory), least), MOST_PARTS)


def _counted(source: Source) -> int:
    queries = source.workspace.queries
    tables = named_tables(queries.customers, source.workspace.catalogue, source.path)
    with source.open(Scope(), source.moment.now, named=tables) as session:
        return count_customers(session, queries, source.moment)


def parts_needed(people: int, memory: int) -> int:
    """Into how many parts so many people are cut for so many bytes of memory."""
    most = max((memory - _BYTES) // _BYTES_EACH, _FEW)
    return max(-(-people // most), 1)
