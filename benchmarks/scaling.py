"""How a run grows with its customers: seconds, peak memory and bytes, beside DuckDB alone with the same queries.

    .venv/bin/python benchmarks/scaling.py [--customers 10000 100000 1000000 10000000] [--figures FILE]

Each size has a sample warehouse of its own, with some twenty events a customer, and the workspace of `against.py`. Its addresses
are read once before, by a plan of which nothing stays but that; what this first sight takes stands apart. Then the floor (DuckDB
alone with the frozen queries) and the whole of `justenough run` are measured once each, as processes of their own. Peak memory is
that of the run with the processes that it starts. Before a size is printed the run has to balance: rows in the files = manifest =
ledger = claims = receipts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.against import SETTINGS, Bench, Measured, delivered, too_few  # noqa: E402
from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.outputs import Outputs, line_outputs, unbalanced  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Size:
    """One number of customers.

    Attributes:
        rows: of the warehouse.
        first: seconds of making the warehouse, and of a plan that sees every address for the first time.
        floor, line: what was measured.
        written: bytes of the files that were delivered.
        kept: bytes of the plan.
        outputs: what was delivered.
    """

    customers: int
    rows: int
    first: float
    floor: Measured
    line: Measured
    written: int
    kept: int
    outputs: Outputs


def measured(customers: int) -> Size:
    """Build, run and count one size. Ends the benchmark where the run does not balance."""
    with tempfile.TemporaryDirectory(prefix="justenough-scaling-") as folder:
        bench = Bench(Path(folder), ROOT / "benchmarks")
        began = time.perf_counter()
        rows = bench.prepare(customers)
        first = time.perf_counter() - began
        seen, outputs = bench.measured(("floor", "line")), line_outputs(bench.workspace)
        wrong = unbalanced(outputs) + too_few(outputs, customers)
        if wrong:
            raise SystemExit("\n".join([f"{customers:,} customers:", *wrong]))
        written, kept = _bytes(bench.workspace / "outbox"), _bytes(bench.workspace / ".justenough" / "plans")
        return Size(customers, rows, first, seen["floor"], seen["line"], written, kept, outputs)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


HEAD = ("customers", "rows", "first s", "floor s", "run s", "cpu s", "x floor", "peak MB", "files MB", "plan MB")


def row(size: Size) -> str:
    """A line of the table."""
    seconds = (size.first, size.floor.seconds, size.line.seconds, size.line.cpu)
    cells = [f"{size.customers:,}", f"{size.rows:,}", *(f"{each:.1f}" for each in seconds)]
    cells += [f"{size.line.seconds / size.floor.seconds:.2f}", f"{size.line.peak_mb:.0f}"]
    return _line((*cells, f"{size.written / 1e6:.0f}", f"{size.kept / 1e6:.0f}"))


def _line(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:>11}{cells[1]:>13}" + "".join(f"{cell:>9}" for cell in cells[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=SIZES)
    add_option(parser)
    asked = parser.parse_args()
    print(f"{told_machine()}\n{_line(HEAD)}")
    figures, told = list[Figure](), list[str]()
    for customers in asked.customers:
        size = measured(customers)
        print(row(size), flush=True)
        figures.append(Figure(f"{customers:,}: run / floor", size.line.seconds / size.floor.seconds))
        figures.append(Figure(f"{customers:,}: peak MB", size.line.peak_mb))
        told.append(f"of {customers:,} customers:\n{delivered(size.outputs)}")
        floor = {"floor": json.loads(size.floor.printed)["digest"]}
    print("\n".join(["", *told, "", SETTINGS, f"digests: floor {floor['floor']}"]))
    write(asked.figures, figures, floor)


if __name__ == "__main__":
    main()
