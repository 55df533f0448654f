"""SQL that smuggles a fact past its .yaml is refused, by its file and line; its honest twin, of the same syntax, is not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from flows.clock import moment
from flows.errors import JustEnoughError
from flows.line.binding import bind
from flows.line.checking import check
from flows.workspace import load_workspace
from tests.attacks.workspace import CASES, Case, laid

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [case.name for case in CASES]
pytestmark = pytest.mark.usefixtures("morning")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_an_attack_is_refused_where_it_reads_what_it_smuggles(case: Case, warehouse, tmp_path):
    folder = laid(case, "attack", tmp_path / "w", warehouse)
    with pytest.raises(JustEnoughError) as caught:
        bound(folder)
    error = caught.value
    assert f"{type(error).__name__} {error.where}: {error.what}" == case.refused
    assert error.hint


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_its_honest_twin_passes_the_whole_check(case: Case, warehouse, tmp_path):
    check(load_workspace(laid(case, "honest", tmp_path / "w", warehouse)))


def test_there_are_many_mechanisms_and_at_most_four_files_of_each():
    counts = Counter(case.mechanism for case in CASES)
    assert len(CASES) >= 45
    assert len(counts) >= 20
    assert max(counts.values()) <= 4


def bound(folder: Path) -> None:
    """What `check` and every run do before the first row is read."""
    workspace = load_workspace(folder)
    bind(workspace, folder / "warehouse.duckdb", moment(None, workspace.settings.zone))
