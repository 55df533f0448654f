"""What claims cost against a long history: seconds of CPU of `verdicts` and `claim`, and the ratio to an empty one.

    .venv/bin/python benchmarks/claims.py [--claims 20000000] [--messages 100000] [--days 1000]

The history is spread over so many days, the latest first to be asked for; a tenth of the messages repeat one of the last days.
Both are measured in one run, three times each; the least counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.ledger.claims import CLAIM, Header, claim, verdicts  # noqa: E402
from flows.ledger.store import open_ledger  # noqa: E402
from flows.settings import Settings  # noqa: E402
from flows.warehouse.connection import connect  # noqa: E402

TODAY = date(2026, 11, 22)
END = datetime(2026, 11, 27, tzinfo=UTC)
HISTORY = """
INSERT INTO claim BY NAME
SELECT sha256('m' || i) AS message_id, sha256('d' || i) AS decision_id, 'first' AS lane, 1 AS attempt, 'old' AS batch_id,
    DATE '2026-11-21' - (({count} - 1 - i) * {days} // {count})::INTEGER AS as_of, sha256('p' || i % {people}) AS person_key,
    'north' AS brand, 'care' AS product, 'marketing' AS message_type, 'email' AS channel,
    sha256('a' || i % {people}) AS address_key, as_of::TIMESTAMP AS claimed_at
FROM range({first}, {last}) t(i)
"""
WANTED = """
SELECT sha256('n' || i) AS message_id, sha256('e' || i) AS decision_id, 'first' AS lane, 1 AS attempt, DATE '2026-11-22' AS as_of,
    CASE WHEN i % 10 = 0 AND {count} > 0 THEN sha256('p' || ({count} - 1 - i) % {people}) ELSE sha256('q' || i) END AS person_key,
    'north' AS brand, 'care' AS product, NULL::VARCHAR AS subject_key, 'marketing' AS message_type, 'email' AS channel,
    sha256('b' || i) AS address_key, DATE '2026-10-23' AS repeats_after, false AS per_subject,
    [{{'cap': 'three a week', 'most': 3, 'channels': []::VARCHAR[], 'since': TIMESTAMP '2026-11-16'}}] AS windows
FROM range({messages}) t(i)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, least in (("claims", 20_000_000), ("messages", 100_000), ("days", 1000)):
        parser.add_argument(f"--{name}", type=int, default=least)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = {count: _cost(Path(folder) / str(count), count, asked) for count in (0, asked.claims)}
    for count, (cost, repeated) in costs.items():
        print(f"{asked.messages:,} messages against {count:,} claims: {cost:.2f} s of CPU, {repeated:,} repeated")
    print(f"ratio {costs[asked.claims][0] / costs[0][0]:.2f}")


def _cost(folder: Path, count: int, asked: argparse.Namespace) -> tuple[float, int]:
    settings = Settings(
        workspace=folder, name="b", state=folder, ledger=folder / "ledger.duckdb", key_file=folder / "key",
        outbox=folder / "outbox", targets={}, brands={},
    )  # fmt: skip
    people = max(count // 20, 1)
    with open_ledger(settings) as ledger:
        for first in range(0, count, 5_000_000):
            with ledger.transaction():
                last = min(first + 5_000_000, count)
                ledger.execute(HISTORY.format(count=count, days=asked.days, people=people, first=first, last=last))
    wanted = connect().sql(WANTED.format(count=count, people=people, messages=asked.messages)).pl()
    seen = []
    for attempt in range(3):
        with open_ledger(settings) as ledger:
            begun = sum(os.times()[:2])
            with ledger.transaction():
                said = verdicts(ledger, wanted)
                free = wanted.join(said.filter(pl.col("reason").is_null()), on="message_id", how="semi")
                header = Header(f"r{attempt}", "email_file", "north", "email", "message", TODAY)
                batch = claim(ledger, header, [free.select(*CLAIM)], END)
            seen.append(sum(os.times()[:2]) - begun)
            with ledger.transaction():
                ledger.execute("DELETE FROM claim WHERE batch_id = $batch", {"batch": batch.batch_id})
    return min(seen), wanted.height - free.height


if __name__ == "__main__":
    main()
