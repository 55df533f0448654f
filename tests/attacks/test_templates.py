"""Words that smuggle a fact past product.yaml are refused, by file and line; their honest twin, of the same syntax, is not.

Where the syntax itself is refused (`include`, `extends`, names that are put together), the twin is what its hint says.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from flows.clock import moment
from flows.errors import DimensionLimitError, JustEnoughError
from flows.line.binding import bind
from flows.line.checking import check
from flows.line.trying import try_words
from flows.workspace import load_workspace
from tests.attacks.workspace import TEMPLATES, Case, laid

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [case.name for case in TEMPLATES]
pytestmark = pytest.mark.usefixtures("morning")


@pytest.mark.parametrize("case", TEMPLATES, ids=NAMES)
def test_words_that_smuggle_are_refused_before_the_first_row_is_read(case: Case, warehouse, tmp_path):
    folder = laid(case, "attack", tmp_path / "w", warehouse)
    with pytest.raises(JustEnoughError) as caught:
        loaded(folder)
    error = caught.value
    assert f"{type(error).__name__} {error.where}: {error.what}" == case.refused
    assert error.hint


@pytest.mark.parametrize("case", TEMPLATES, ids=NAMES)
def test_their_honest_twin_is_read(case: Case, warehouse, tmp_path):
    load_workspace(laid(case, "honest", tmp_path / "w", warehouse))


@pytest.mark.slow
@pytest.mark.parametrize("case", TEMPLATES, ids=NAMES)
def test_their_honest_twin_passes_the_whole_check(case: Case, warehouse, tmp_path):
    check(load_workspace(laid(case, "honest", tmp_path / "w", warehouse)))


def test_there_are_many_mechanisms_and_at_most_four_files_of_each():
    counts = Counter(case.mechanism for case in TEMPLATES)
    assert len(TEMPLATES) >= 50
    assert len(counts) >= 20
    assert max(counts.values()) <= 4


def test_most_of_them_are_stopped_by_counting_and_not_for_want_of_syntax():
    counted = [case for case in TEMPLATES if case.refused.startswith(DimensionLimitError.__name__)]
    assert len(counted) >= 30


def loaded(folder: Path) -> None:
    """What `check` and every run do before the first row is read; the warehouse is asked only where its SQL decides."""
    workspace = load_workspace(folder)
    try_words(workspace)
    if any(product.because or product.unseen for product in workspace.products.values()):
        bind(workspace, folder / "warehouse.duckdb", moment(None, workspace.settings.zone))
