"""What it takes to read out a long history: seconds and peak memory of `justenough readout`, as a process of its own.

    .venv/bin/python benchmarks/readouts.py [--deliveries 1000000 10000000]

For each size a ledger is made by DuckDB's range(): people of four products, one in twenty held out, a message for each of the
others, and an order, worth 20, of every second one. Before a size is printed, what the readout tells has to be what was put in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.ledger.store import open_ledger  # noqa: E402
from flows.settings import load_settings  # noqa: E402
from flows.starting import start_workspace  # noqa: E402

SIZES = (1_000_000, 10_000_000)
PRODUCTS = ("basket_answers", "care_guide", "choosing_guide", "running_low")
DAYS, HELD_OUT = 60, 20
NOW = "2026-11-22T09:00:00+00:00"
LATEST = "TIMESTAMP '2026-11-22 08:00:00'"
PEAK = """
import resource, sys
from flows.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


def made(workspace: Path, people: int) -> None:
    """Fill the ledger of a workspace: person i is of product (i // 40) % 4, held out at i % 20 = 0, orders if i // 20 is odd."""
    products = "[" + ", ".join(f"'{name}'" for name in PRODUCTS) + "]"
    rows = f"""
        SELECT i, sha256('p' || i) AS person_key, sha256('d' || i) AS decision_id, i % {HELD_OUT} = 0 AS is_held,
            {products}[(i // 40) % 4 + 1] AS product, DATE '2026-07-01' + (i * {DAYS} // {people})::INT AS as_of,
            (i // 20) % 2 = 1 AS orders
        FROM range({people}) r (i)
    """
    with open_ledger(load_settings(workspace)) as ledger, ledger.transaction():
        ledger.execute(f"""
            INSERT INTO decision BY NAME SELECT decision_id, 'run' AS run_id, as_of, person_key, 'nordtal' AS brand, product,
                'marketing' AS message_type, CASE WHEN is_held THEN 0.05 ELSE 0.95 END AS propensity, 0.5 AS score,
                CASE WHEN is_held THEN 'HOLDOUT' END AS reason, as_of::TIMESTAMP AS valid_until, 'email' AS channel FROM ({rows})
        """)
        ledger.execute(f"""
            INSERT INTO claim BY NAME SELECT sha256('m' || i) AS message_id, decision_id, 'first' AS lane, 1 AS attempt,
                'b' AS batch_id, as_of, person_key, 'nordtal' AS brand, product, 'marketing' AS message_type, 'email' AS channel,
                sha256('a' || i) AS address_key, as_of::TIMESTAMP AS claimed_at FROM ({rows}) WHERE NOT is_held
        """)
        ledger.execute(f"""
            INSERT INTO delivery BY NAME SELECT sha256('m' || i) AS message_id, 'b' AS batch_id, decision_id, 'c' AS creative_id,
                as_of::TIMESTAMP AS valid_until FROM ({rows}) WHERE NOT is_held
        """)
        ledger.execute(f"""
            INSERT INTO batch BY NAME SELECT 'b' AS batch_id, 'run' AS run_id, 'ses' AS target, 'nordtal' AS brand,
                'email' AS channel, 'message' AS kind, DATE '2026-07-01' AS as_of, 1 AS number, 'sent' AS state,
                {people} AS row_count, {LATEST} AS valid_until, {LATEST} AS claimed_at
        """)
        ledger.execute(f"""
            INSERT INTO outcome BY NAME SELECT 'e' || i AS event_id, as_of + INTERVAL 3 DAY AS happened_at, 'ordered' AS outcome,
                20.0 AS value, person_key, 'range' AS source, {LATEST} AS received_at FROM ({rows}) WHERE orders
        """)


def measured(people: int) -> str:
    """A line for one size. Ends the benchmark where the readout is not what was put in."""
    with tempfile.TemporaryDirectory(prefix="justenough-readouts-") as folder:
        workspace = Path(folder) / "shop"
        start_workspace(workspace, None)
        made(workspace, people)
        command = [sys.executable, "-c", PEAK, "readout", *PRODUCTS, "--workspace", str(workspace), "--json"]
        environment = os.environ | {"JUSTENOUGH_NOW": NOW, "PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        seconds, megabytes = time.perf_counter() - began, int(done.stderr.split()[-1])
        wrong = differences(json.loads(done.stdout), people)
        if wrong:
            raise SystemExit("\n".join(wrong))
        orders, size = people // 2, (workspace / ".justenough" / "ledger.duckdb").stat().st_size // 2**20
        return f"{people:>12,}{orders:>12,}{size:>12,}{seconds:>10.1f}{megabytes:>10,}"


def differences(told: dict[str, Any], people: int) -> list[str]:
    """What the readout does not tell as it was put in."""
    found = []
    for product in told["products"]:
        arms = {arm["name"]: arm for arm in product["arms"]}
        for name, share in (("held out", 1 / HELD_OUT), ("treated", 1 - 1 / HELD_OUT)):
            arm = arms[name]
            expected = round(people / len(PRODUCTS) * share)
            metric = "ordered_again" if product["product"] in ("care_guide", "running_low") else "ordered"
            rate, value = (arm["rates"][each] for each in (metric, f"value_of_{metric}"))
            if (arm["people"], arm["waiting"], round(rate, 9), round(value, 6)) != (expected, 0, 0.5, 10.0):
                said = f"{arm['people']:,} people at {rate}, worth {value}"
                found.append(f"{product['product']}, {name}: {said}, not {expected:,} at 0.5, worth 10")
        if arms["treated"]["reached_share"] != 1.0:
            found.append(f"{product['product']}: {arms['treated']['reached_share']} reached, not 1.0")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--deliveries", type=int, nargs="+", default=SIZES, help="decisions, of which 19 in 20 are delivered"
    )
    asked = parser.parse_args()
    print(f"{'decisions':>12}{'outcomes':>12}{'ledger MB':>12}{'seconds':>10}{'peak MB':>10}")
    for people in asked.deliveries:
        if people % 160:
            parser.error(f"{people} is not divisible by 160, so that the arms could not be told beforehand")
        print(measured(people), flush=True)


if __name__ == "__main__":
    main()
