"""A tiny workspace with two helps for the same people, of which one is chosen, and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console

from flows import line
from flows.pages.explanation import explained
from tests.tiny import MORNING, Tiny, clock, crowd, make

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 900
SETTING = """
[tool.justenough.next_best]
contexts = "who"
outcome = "ordered"
within = "14 days"
price = 0.002
explore = "50 %"
"""


def two_helps(folder: Path) -> Tiny:
    """Two helps for the same people, of which `care` is the more relevant one."""
    tiny = make(folder, people=crowd(PEOPLE), late=(), brands=["north"])
    templates = tiny.folder / "templates"
    for file in (templates / "care").iterdir():
        (templates / "fit").mkdir(exist_ok=True)
        (templates / "fit" / file.name).write_bytes(file.read_bytes())
    tiny.edit("templates/fit/product.yaml", "{interest: {weight: 1}}", "{interest: {weight: 0.9}}")
    tiny.edit("templates/care/product.yaml", "because:", "test: {holdout: 20%}\nbecause:")
    (tiny.folder / "sql/segments/who.sql").write_text("SELECT customer_id, brand, item AS taste FROM needs", "utf-8")
    (tiny.folder / "sql/segments/who.yaml").write_text("fields:\n  taste: {dimension: last_order}\n", "utf-8")
    settings = tiny.folder / "pyproject.toml"
    settings.write_text(settings.read_text("utf-8") + SETTING, "utf-8")
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 0.1\n")
    return tiny


def winners(tiny: Tiny) -> dict[str, tuple[str, str | None]]:
    """Person -> the help that was decided on in the last plan, and its reason."""
    rows = last(tiny, "decisions").filter(pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT"))
    return {
        person: (product, reason) for person, product, reason in rows.select("customer_id", "product", "reason").rows()
    }


def last(tiny: Tiny, folder: str) -> pl.DataFrame:
    [*_, path] = sorted((tiny.state / "plans").iterdir(), key=lambda each: each.stat().st_mtime_ns)
    return pl.read_parquet(path / folder / "*.parquet")


def texts(tiny: Tiny, number: int) -> str:
    console = Console(width=500)
    with clock(MORNING), console.capture() as captured:
        console.print(explained(line.explain(tiny.load(), f"p{number:05}")))
    return captured.get()
