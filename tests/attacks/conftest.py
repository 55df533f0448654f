"""What all attacks share: the small warehouse that they are laid over, and the morning on which they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.workspace import make_warehouse
from tests.tiny import MORNING

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory) -> Path:
    """Looked at, never changed."""
    return make_warehouse(tmp_path_factory.mktemp("attacked") / "warehouse.duckdb")


@pytest.fixture
def morning(monkeypatch) -> None:
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
