"""docs/how-to/load-a-batch.md tells for every target what to do at the other end, and names none that is not there."""

from __future__ import annotations

import re

from flows.channels import targets
from tests.house.tree import ROOT

TABLE_ROW = re.compile(r"^\| (`[^|]+?) \|", re.MULTILINE)


def told() -> list[str]:
    page = (ROOT / "docs" / "how-to" / "load-a-batch.md").read_text("utf-8")
    return [name for row in TABLE_ROW.findall(page) for name in re.findall(r"`(\w+)`", row)]


def test_every_target_stands_on_the_page_once():
    assert sorted(told()) == sorted(targets())
