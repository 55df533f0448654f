"""The second proof alone: with lineage left out, a shuffle of what is not declared shows what an attack smuggles.

It shares no code with lineage; nothing here traces, as only `prove` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.line.proving import prove
from flows.workspace import load_workspace
from tests.attacks.workspace import CASES, Case, laid
from tests.tiny import MORNING

if TYPE_CHECKING:
    from pathlib import Path

    from flows.line.proof import Proof

SMUGGLED = {
    "arg_max/by_an_age": "age",
    "column_lists/of_a_table": "age",
    "composed/concat": "age",
    "correlated/two_deep": "age",
    "counts/repeated_rows": "visits",
    "existence/exists": "visits",
    "filters/filter": "age",
    "groups/having": "age",
    "hashes/digest": "age",
    "json/arrow": "size",
    "lambdas/captured": "age",
    "lists_of_values/values": "age",
    "look_ups/asked": "age",
    "macros/within": "visits",
    "membership/in_a_subquery": "visits",
    "named_windows/window": "age",
    "neighbours/lag": "age",
    "odd_joins/asof": "age",
    "order_in_aggregates/order_of_a_cte": "age",
    "packing/map": "age",
    "row_choice/qualify": "age",
    "sentences/case": "age",
    "series/unnest": "age",
    "set_operations/except": "age",
    "slicing/blanks": "age",
    "stars/columns": "age",
    "stars/replace": "age",
    "union_arms/in_a_cte": "age",
    "views/of_views": "age",
    "whole_rows/json_of_a_row": "age",
    "window_ranks/counted": "visits",
}
"""Attack -> the dimension that a shuffle shows. Those that lineage cannot trace are among them."""
CHOSEN = [case for case in CASES if case.name in SMUGGLED]


def proven(case: Case, side: str, folder: Path, warehouse: Path) -> Proof:
    return prove(load_workspace(laid(case, side, folder, warehouse)))


@pytest.mark.slow
@pytest.mark.parametrize("case", CHOSEN, ids=[case.name for case in CHOSEN])
def test_a_shuffle_alone_shows_what_an_attack_smuggles_and_nothing_of_its_twin(case, warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    found = proven(case, "attack", tmp_path / "attack", warehouse).findings
    assert SMUGGLED[case.name] in {finding.dimension for finding in found if finding.verdict == "depends"}
    found = proven(case, "honest", tmp_path / "honest", warehouse).findings
    assert [finding.dimension for finding in found if finding.verdict == "depends"] == []


def test_every_attack_that_is_named_here_exists():
    assert len(CHOSEN) == len(SMUGGLED) >= 20
