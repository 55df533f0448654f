"""The floor: DuckDB alone runs the benchmark's frozen customer and segment queries into Parquet. No line can be faster than that.

    .venv/bin/python benchmarks/floor.py DATABASE OUT --now 2026-11-22T09:00:00

It stands alone: it imports nothing of this program, and reads nothing of a workspace. Its day is that of UTC. It prints, as JSON,
the seconds that the queries take, how many rows they yield, and a digest of itself and of its queries.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from datetime import datetime
from pathlib import Path

import duckdb

FROZEN = Path(__file__).resolve().parent / "frozen"
QUERIES = (FROZEN / "customers.sql", *sorted((FROZEN / "segments").glob("*.sql")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("out", type=Path, help="a folder for the Parquet files")
    parser.add_argument("--now", type=datetime.fromisoformat, required=True, help="UTC")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    began, rows = time.perf_counter(), {}
    with duckdb.connect(asked.database, read_only=True) as connection:
        for file in QUERIES:
            query = bound(file.read_text("utf-8"), asked.now)
            target = asked.out / f"{file.stem}.parquet"
            rows[file.stem] = connection.execute(f"COPY ({query}\n) TO '{target}' (FORMAT parquet)").fetchall()[0][0]
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": rows, "digest": digest()}))


def bound(query: str, now: datetime) -> str:
    """A query with its parameters: COPY takes none."""
    at = now.replace(tzinfo=None)
    return query.replace("$now", f"TIMESTAMP '{at}'").replace("$as_of", f"DATE '{at.date()}'")


def digest() -> str:
    """Of this file and of its queries: a changed floor is another floor."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in (Path(__file__), *QUERIES))).hexdigest()[:12]


if __name__ == "__main__":
    main()
