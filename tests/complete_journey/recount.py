"""The other count: counts/*.sql over the warehouse, which remembers what it counted for earlier days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

if TYPE_CHECKING:
    from flows import line

COUNTS = Path(__file__).parent / "counts"
# On the last of them a campaign of type A is about to end, and what was asked on the first may just be asked again.
DAY, LATER_THAT_DAY, A_WEEK_LATER, SIX_WEEKS_LATER = DAYS = (
    *("2017-10-30T10:00:00+00:00", "2017-10-30T15:00:00+00:00"),
    *("2017-11-06T10:00:00+00:00", "2017-12-11T10:00:00+00:00"),
)


@dataclass
class Ran:
    """What a run did, and what it should have done by the other count."""

    outcome: line.Outcome
    units: pl.DataFrame
    candidates: pl.DataFrame
    messages: pl.DataFrame

    @property
    def folders(self) -> dict[str, Path | None]:
        assert self.outcome.delivered is not None
        return {published.target: published.folder for published in self.outcome.delivered.published}

    def leaving(self, target: str) -> pl.DataFrame:
        """The other count's messages that leave by a target, as its file is sorted."""
        mine = self.messages.filter(pl.col("target") == target, pl.col("reason").is_null())
        return mine.with_columns(pl.col("household_id").cast(pl.String).alias("customer_id")).sort("customer_id")


class Recount:
    def __init__(self, warehouse: Path) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(f"ATTACH '{warehouse}' AS warehouse (READ_ONLY)")
        self.connection.execute(
            "CREATE TEMP TABLE had (household_id BIGINT, product VARCHAR, subject VARCHAR, as_of DATE, is_told BOOLEAN)"
        )
        self.connection.execute("SET search_path = 'warehouse.main,temp.main'")

    def at(self, now: str) -> dict[str, pl.DataFrame]:
        instant = datetime.fromisoformat(now)
        self.connection.execute(f"SET VARIABLE now = TIMESTAMP '{instant:%Y-%m-%d %H:%M:%S}'")
        self.connection.execute(f"SET VARIABLE as_of = DATE '{instant:%Y-%m-%d}'")
        for file in sorted(COUNTS.glob("*.sql")):
            self.connection.execute(file.read_text("utf-8"))
        found = {name: self.connection.sql(f"FROM {name}").pl() for name in ("units", "candidates", "messages")}
        self.connection.execute(
            """
            INSERT INTO had
            SELECT household_id, product, subject, getvariable('as_of'), coalesce(reason = 'HOLDOUT', household_id IN (
                SELECT household_id FROM messages WHERE reason IS NULL AND target <> 'web_profiles'
            ))
            FROM candidates WHERE reason IS NULL OR reason = 'HOLDOUT'
            """
        )
        return found
