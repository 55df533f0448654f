"""A range of random queries, each traced and tried."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.lineage.queries import Analyst

if TYPE_CHECKING:
    from tests.lineage.shuffling import Worlds


def try_queries(worlds: Worlds, seeds: range) -> None:
    """Fail where a dimension is missed, or more than a fifth is refused."""
    tried = [worlds.tried(Analyst(Random(seed)).query()) for seed in seeds]
    missed = [f"{sorted(one.missed)} missed in\n{one.query}" for one in tried if one.missed]
    assert not missed, "\n\n".join(missed)
    refused = [f"{one.refused}\n{one.query}" for one in tried if one.refused]
    assert len(refused) <= len(seeds) / 5, "\n\n".join(refused)
