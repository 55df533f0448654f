"""What a new workspace needs to be told: at most three questions, on a terminal alone, and only what no option has told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_terminal() -> bool:
    """Whether somebody is there who can read a question and answer it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_source(database: Path | None, brand: str | None) -> tuple[Path | None, str | None]:
    """The database and the brand: as they are given, or answered. Without a database the sample is copied, and has its brands."""
    if not is_terminal():
        return database, brand
    if database is None:
        answer = _answer("Your database, a DuckDB file or a folder of Parquet (Enter: a copy of the sample): ")
        database = Path(answer).expanduser() if answer else None
    if database is not None and brand is None:
        brand = _answer("What is your brand called? (Enter: as the new folder): ") or None
    return database, brand


def choose(columns: Sequence[str]) -> str | None:
    """Which of some columns has people's ids, by its number; None where nobody answers, or with no number of them."""
    if not is_terminal():
        return None
    listed = "".join(f"\n  {number} {column}" for number, column in enumerate(columns, start=1))
    answer = _answer(f"Which column has the ids of your customers?{listed}\n(Enter: 1): ")
    return columns[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(columns) else None


def _answer(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        return ""
