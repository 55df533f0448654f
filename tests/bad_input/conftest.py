"""A tiny workspace that nothing has run on yet, one for each test."""

from __future__ import annotations

import pytest

from tests.tiny import Tiny, make


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "tiny", brands=["north"])
