"""What `justenough explain` costs against a long history: seconds of its parts, and of the whole without its start-up.

    .venv/bin/python benchmarks/explaining.py [--messages 10000000] [--days 1000]

A decision, a claim, a delivery and a receipt for each message, spread over so many days and a fifth as many people. What is asked
for is one who has some, in a workspace that holds little else, so that the rest of the time is the history's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.keys import load_key  # noqa: E402
from flows.ledger.history import messages_to, read_history  # noqa: E402
from flows.ledger.pressure import heard_by  # noqa: E402
from flows.ledger.store import open_ledger  # noqa: E402
from flows.line import explain  # noqa: E402
from flows.warehouse.connection import connect  # noqa: E402
from tests.tiny import MORNING, Tiny, clock, make  # noqa: E402

BATCHES = """
INSERT INTO batch BY NAME
SELECT 'email_file-' || (DATE '2026-11-21' - i::INTEGER) || '-1' AS batch_id, 'old' AS run_id, 'email_file' AS target,
    'north' AS brand, 'email' AS channel, 'message' AS kind, DATE '2026-11-21' - i::INTEGER AS as_of, 1 AS number,
    'published' AS state, {messages} // {days} AS row_count, as_of + INTERVAL 5 DAY AS valid_until, as_of AS claimed_at
FROM range({days} - 1, -1, -1) t(i)
"""
OF_A_DAY = """
SELECT i, DATE '2026-11-21' - (({messages} - 1 - i) * {days} // {messages})::INTEGER AS as_of,
    'email_file-' || as_of || '-1' AS batch_id, sha256('m' || i) AS message_id, sha256('d' || i) AS decision_id,
    CASE WHEN i % {people} = 0 THEN '{person}' ELSE sha256('p' || i % {people}) END AS person_key
FROM range({first}, {last}) t(i)
"""
TABLES = {
    "decision": """
        decision_id, 'old' AS run_id, as_of, person_key, 'north' AS brand, 'care' AS product, 'marketing' AS message_type,
        1.0 AS propensity, 0.5 AS score, as_of + INTERVAL 5 DAY AS valid_until, 'email' AS channel
    """,
    "claim": """
        message_id, decision_id, 'first' AS lane, 1 AS attempt, batch_id, as_of, person_key, 'north' AS brand, 'care' AS product,
        'marketing' AS message_type, 'email' AS channel, sha256('a' || i) AS address_key, as_of::TIMESTAMP AS claimed_at
    """,
    "delivery": "message_id, batch_id, decision_id, 'c' AS creative_id, as_of + INTERVAL 5 DAY AS valid_until",
    "receipt": """
        message_id, batch_id, as_of, 'care' AS product, 1 AS product_version, 1 AS level, ['last_order'] AS facts,
        ['last_order'] AS because, 'w' AS words_sha256, sha256('y' || i) AS consent_key, as_of::TIMESTAMP AS consent_checked_at
    """,
}
STEP = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, least in (("messages", 10_000_000), ("days", 1000)):
        parser.add_argument(f"--{name}", type=int, default=least)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = make(Path(folder) / "shop", brands=["north"])
        tiny.run()
        settings = tiny.load().settings
        person = pl.select(load_key(settings.key_file).of("c01")).item()
        _fill(tiny, person, asked)
        size = settings.ledger.stat().st_size
        print(f"{asked.messages:,} messages of {asked.days:,} days, a ledger of {size / 2**30:.1f} GiB")
        _measure(tiny, person)


def _fill(tiny: Tiny, person: str, asked: argparse.Namespace) -> None:
    given = {"messages": asked.messages, "days": asked.days, "people": asked.messages // 5, "person": person}
    with connect(tiny.state / "ledger.duckdb") as ledger:
        ledger.execute(BATCHES.format(**given))
        for first in range(0, asked.messages, STEP):
            rows = OF_A_DAY.format(**given, first=first, last=min(first + STEP, asked.messages))
            for table, columns in TABLES.items():
                ledger.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM ({rows})")


def _measure(tiny: Tiny, person: str) -> None:
    workspace, today = tiny.load(), MORNING.date()
    settings = workspace.settings
    parts = {
        "what they were sent": lambda ledger: messages_to(ledger, [person]),
        "what they had lately": lambda ledger: read_history(ledger, today - timedelta(days=31), today, [person]),
        "how much they had lately": lambda ledger: heard_by(ledger, [person], settings.caps, MORNING),
    }
    for name, part in parts.items():
        with open_ledger(settings, read_only=True) as ledger:
            took = [_seconds(lambda part=part, ledger=ledger: part(ledger)) for _ in range(3)]
        print(f"{name}: {took[0]:.2f} s at first, then {min(took[1:]):.2f} s")
    with clock(MORNING):
        took = [_seconds(lambda: explain(workspace, "c01")) for _ in range(3)]
    told = len(explain(workspace, "c01").messages)
    print(f"explain: {took[0]:.2f} s at first, then {min(took[1:]):.2f} s; it tells of {told} messages")


def _seconds(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
