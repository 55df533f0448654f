"""What a run costs per step: seconds, share of the whole, peak memory, and the ratio to DuckDB's bare aggregation.

    .venv/bin/python benchmarks/line.py [--customers 20000] [--parts 1]

The floor is one GROUP BY over the order lines per customer in the same warehouse: what no line can be faster than.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows import line  # noqa: E402
from flows.sample import build_sample  # noqa: E402
from flows.warehouse.connection import connect  # noqa: E402
from flows.workspace import load_workspace  # noqa: E402

FLOOR = """
SELECT o.customer_id, count(*) AS lines, max(o.ordered_at) AS last_ordered_at
FROM orders o JOIN order_lines l USING (order_id) GROUP BY o.customer_id
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--parts", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace_folder = Path(folder) / "workspace"
        shutil.copytree(ROOT / "sql", workspace_folder / "sql")
        shutil.copytree(ROOT / "templates", workspace_folder / "templates")
        shutil.copy(ROOT / "pyproject.toml", workspace_folder)
        measure(workspace_folder, asked.customers, asked.parts)


def measure(folder: Path, customers: int, parts: int) -> None:
    """Run the line step by step in a fresh workspace, and print a table."""
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}

    @contextmanager
    def step(name: str):  # noqa: ANN202
        began = time.perf_counter()
        yield
        seconds[name] = seconds.get(name, 0) + time.perf_counter() - began
        peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with step("load workspace"):
        workspace = load_workspace(folder)
    as_of = datetime.now(UTC).astimezone(workspace.settings.zone).date()
    path = workspace.settings.folder("sample", f"{as_of}.duckdb")
    with step("(build sample)"):
        build_sample(path, folder / "sql", as_of=as_of, customers=customers)
    with step("(floor)"), connect(path, read_only=True) as connection:
        connection.sql(FLOOR).pl()
    with step("prepare"):
        line.prepare(workspace)
    with step("begin"):
        run_id = line.begin(workspace, line.Request(as_of, parts=parts)).run_id
    with step("plan parts"):
        counts = [line.plan_part(workspace, run_id, part) for part in range(parts)]
    with step("settle"):
        plan = line.settle(workspace, run_id, counts)
    with step("start"):
        line.start(workspace, run_id, expected=plan.people_count, allow_past=False)
    with step("publish"):
        published = [line.publish(workspace, run_id, *pair) for pair in line.pairs(workspace, run_id)]
    with step("finish"):
        line.finish(workspace, run_id)
    own = {name: spent for name, spent in seconds.items() if not name.startswith("(")}
    whole = sum(own.values())
    sys.stdout.write(f"{customers:,} customers, {parts} parts, {sum(batch.rows for batch in published):,} rows published\n")
    sys.stdout.write(f"{'step':<16}{'seconds':>9}{'share':>8}{'x floor':>9}{'peak MB':>9}\n")
    for name, spent in [*seconds.items(), ("whole run", whole)]:
        share = f"{spent / whole:.0%}" if name in own else ""
        peak = f"{peaks[name]:.0f}" if name in peaks else f"{max(peaks.values()):.0f}"
        sys.stdout.write(f"{name:<16}{spent:>9.2f}{share:>8}{spent / seconds['(floor)']:>9.1f}{peak:>9}\n")


if __name__ == "__main__":
    main()
