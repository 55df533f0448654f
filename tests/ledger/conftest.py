"""An empty state folder with its ledger."""

from __future__ import annotations

import pytest

from flows.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    state = tmp_path / "state"
    return Settings(
        workspace=tmp_path,
        name="test",
        state=state,
        ledger=state / "ledger.duckdb",
        key_file=state / "key",
        outbox=tmp_path / "outbox",
        targets={},
        brands={},
    )
