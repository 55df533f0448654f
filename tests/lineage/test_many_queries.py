"""As test_generated.py, over half of five thousand queries: a file is one worker's."""

from __future__ import annotations

import pytest

from tests.lineage.shuffling import Worlds
from tests.lineage.trying import try_queries


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3500, 250))
def test_nothing_is_missing_from_the_lineage_of_250_queries(tmp_path, first):
    try_queries(Worlds(tmp_path, seed=first), range(first, first + 250))
