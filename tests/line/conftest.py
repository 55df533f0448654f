"""Tiny workspaces whose first day has been delivered, or only planned, once per worker; tests go on from copies of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.line import batches
from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from flows.line.request import Outcome
    from flows.plan import Plan


@pytest.fixture(scope="session")
def delivered(tmp_path_factory) -> tuple[Tiny, Outcome]:
    """The first day: look at it, do not change it."""
    tiny = make(tmp_path_factory.mktemp("first-day") / "tiny")
    return tiny, tiny.run()


@pytest.fixture(scope="session")
def _north(tmp_path_factory) -> Tiny:
    tiny = make(tmp_path_factory.mktemp("north") / "tiny", brands=["north"])
    tiny.run()
    return tiny


@pytest.fixture
def tiny(_north, tmp_path) -> Tiny:
    """One brand after its first day, in a copy of one's own: the line goes on there."""
    return _north.copy(tmp_path / "tiny")


@pytest.fixture(scope="session")
def _planned(tmp_path_factory) -> tuple[Tiny, Plan]:
    tiny = make(tmp_path_factory.mktemp("planned") / "tiny", brands=["north"])
    return tiny, tiny.plan()


@pytest.fixture
def planned(_planned, tmp_path) -> tuple[Tiny, Plan]:
    """One brand with a plan for its first day, in a copy of one's own: nothing is delivered yet."""
    return _planned[0].copy(tmp_path / "tiny"), _planned[1]


@pytest.fixture
def while_staged(monkeypatch):
    """Have something happen once a target's files are staged and before they are sealed."""

    def arrange(target: str, happens) -> None:
        stage = batches.write_batch

        def staged(folder, files, creatives, to, header):
            rows = stage(folder, files, creatives, to, header)
            if to.name == target:
                happens()
            return rows

        monkeypatch.setattr(batches, "write_batch", staged)

    return arrange
