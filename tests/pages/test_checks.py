"""The table of check, as it stands on a terminal of a hundred columns."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from flows import line
from flows.pages.checks import checked
from tests.tiny import MORNING, clock, make

GOLDEN = Path(__file__).parent / "golden" / "check.txt"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("checks") / "w", brands=["north"])
    tiny.advertise(1)
    tiny.edit(
        "templates/late/product.yaml",
        "because: [last_order]",
        "because: []\nunseen: {last_order: the words do not tell}",
    )
    with clock(MORNING):
        return line.check(tiny.load())


def printed(report) -> str:
    file = io.StringIO()
    Console(file=file, width=100, soft_wrap=True).print(checked(report))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def test_the_table_reads_as_it_was_reviewed(report):
    """`WRITE_GOLDEN=1` writes the file anew."""
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(printed(report), "utf-8")
    assert printed(report) == GOLDEN.read_text("utf-8")


def test_no_row_of_the_table_is_wider_than_a_hundred_columns(report):
    long = [replace(row, shown=("a_dimension_of_a_long_name",) * 3) for row in report.messages]
    rows = [
        row for row in printed(replace(report, messages=tuple(long))).splitlines() if "fits the warehouse" not in row
    ]
    assert max(map(len, rows)) <= 100


def test_warnings_follow_and_without_a_warehouse_the_sql_was_not_tried(report):
    told = printed(replace(report, warnings=("this is odd",), bound=()))
    assert told.splitlines()[-3:] == [
        "warning: this is odd",
        "The SQL was not tried: there is no warehouse yet.",
        "Next: justenough plan shows who would get what",
    ]
