"""The 118 bad inputs each have a test that names its number, or stand among those that wait, with the reason."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bad_input.catalogue import CATALOGUE, WAITS
from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def proven() -> dict[int, list[str]]:
    """What tests/bad_input/catalogue.py collects, in an interpreter of its own: pytest does not run within pytest."""
    code = "import json; from tests.bad_input.catalogue import proven; print(json.dumps(proven()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(number): tests for number, tests in json.loads(done.stdout).items()}


def test_the_catalogue_has_every_number_from_1_to_118():
    assert list(CATALOGUE) == list(range(1, 119))


def test_each_number_has_a_test_or_waits_and_none_does_both(proven):
    assert sorted([*proven, *WAITS]) == list(CATALOGUE)


def test_what_waits_says_for_what():
    assert all(len(reason.split()) > 3 for reason in WAITS.values())
