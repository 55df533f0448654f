"""The situations that words can be in, made of the segment's examples: one for each set of facts, at most eight."""

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


def situations(fields: Collection[str], dimensions: Sequence[str], segment: Segment) -> Iterator[Situation]:
    """Every set of facts, from none to all, with the first example of each field.

    Args:
        fields: those that the words name.
        dimensions: those that the words use; facts are in their order.
        segment: declares the fields, their dimensions and examples. A field without a dimension is always known.
    """
    for size in range(len(dimensions) + 1):
        for facts in combinations(dimensions, size):
            yield Situation(facts, {name: _value(segment, name, facts) for name in fields})


def _value(segment: Segment, field: str, facts: tuple[str, ...]) -> object:
    declared = segment.fields[field]
    is_known = declared.dimension is None or declared.dimension in facts
    return declared.examples[0] if is_known and declared.examples else None
