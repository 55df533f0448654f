"""The situations that words can be in, made of the segment's examples: each set of facts, at most eight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from flows.catalogue import Segment


@dataclass(frozen=True)
class Situation:
    """What is known of somebody: a set of facts, and the value of each field; None where it is not among the facts."""

    facts: tuple[str, ...]
    values: Mapping[str, object]


def situations(
    fields: Collection[str], dimensions: Sequence[str], segment: Segment, *, every_example: bool = False
) -> Iterator[Situation]:
    """Every set of facts, from none to all, with the first example of each field.

    Args:
        fields: those that the words name.
        dimensions: those that the words use; facts are in their order.
        segment: declares the fields, their dimensions and examples. A field without a dimension is always known.
        every_example: each set as often as the field with the most examples has some: the second ones stand together, and so
            on; fields with fewer begin again.
    """
    for size in range(len(dimensions) + 1):
        for facts in combinations(dimensions, size):
            known = [segment.fields[name].examples for name in fields if _is_known(segment, name, facts)]
            turns = max(map(len, known), default=1) if every_example else 1
            for turn in range(max(turns, 1)):
                yield situation(fields, facts, segment, turn)


def situation(fields: Collection[str], facts: Sequence[str], segment: Segment, turn: int = 0) -> Situation:
    """A set of facts with an example of each field that shows some of them: the first, unless it is the turn of another."""
    known = {name: segment.fields[name].examples for name in fields if _is_known(segment, name, facts)}
    given = {name: values[turn % len(values)] for name, values in known.items() if values}
    return Situation(tuple(facts), {name: given.get(name) for name in fields})


def _is_known(segment: Segment, field: str, facts: Collection[str]) -> bool:
    return set(segment.fields[field].dimensions) <= set(facts)
