"""What `justenough assess` costs against a plan of the same day: seconds, CPU seconds, and their ratio.

    .venv/bin/python benchmarks/assessing.py [--customers 20000 1000000] [--rounds 1] [--figures FILE]

Both are run as commands, each in a process of its own, in turn, on one sample warehouse; the first plan, which reads each new
address once, is not counted. CPU seconds are of all cores and of all processes, and hold on a busy machine, too. The assessment
has to count as many people as the plan decided for, else nothing is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402

COMMANDS = ("plan", "assess")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": datetime.now(UTC).isoformat()}
"""Of one instant for all: from second to second rows of a segment become too old."""


def ran(command: str, folder: Path, *more: str) -> tuple[dict[str, Any], float, float]:
    """A command in a process of its own: what it answers, its seconds, and those of the CPU."""
    call = [sys.executable, "-m", "flows.cli", command, "--workspace", str(folder), *more]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(call, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), took, cpu


def measure(customers: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Command -> the fewest seconds, and CPU seconds, that it took."""
    with tempfile.TemporaryDirectory(prefix="justenough-benchmark-") as parent:
        folder = Path(parent) / "sample"
        init = [sys.executable, "-m", "flows.cli", "init", str(folder)]
        subprocess.run(init, env=ENVIRONMENT, check=True, capture_output=True)
        ran("sample", folder, "--json", "--customers", str(customers))
        ran("plan", folder, "--json")
        found: dict[str, list[tuple[dict[str, Any], float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name in COMMANDS:
                found[name].append(ran(name, folder, "--json"))
    planned, assessed = (found[name][0][0] for name in COMMANDS)
    base, won = planned["people"]["marketing"]["base"], planned["people"]["marketing"]["passed"]
    held_out = planned["people"]["marketing"]["reasons"].get("HOLDOUT", 0)
    if (assessed["reachable"], assessed["served"]) != (base, won + held_out):
        what = f"the plan has {base} people of marketing, {won} decided, {held_out} held out; assess says"
        raise SystemExit(f"{what} {assessed['reachable']} and {assessed['served']}")
    return {name: (min(each[1] for each in runs), min(each[2] for each in runs)) for name, runs in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    add_option(parser)
    asked = parser.parse_args()
    figures = []
    sys.stdout.write(
        f"{'customers':>12}{'plan s':>10}{'assess s':>10}{'ratio':>8}{'plan cpu':>10}{'assess cpu':>12}{'ratio':>8}\n"
    )
    for customers in asked.customers:
        found = measure(customers, asked.rounds)
        (plan, plan_cpu), (assess, assess_cpu) = found["plan"], found["assess"]
        ratios = assess / plan, assess_cpu / plan_cpu
        sys.stdout.write(
            f"{customers:>12,}{plan:>10.1f}{assess:>10.1f}{ratios[0]:>8.2f}{plan_cpu:>10.1f}{assess_cpu:>12.1f}{ratios[1]:>8.2f}\n"
        )
        figures.append(Figure(f"{customers:,}: assess / plan", ratios[0]))
        figures.append(Figure(f"{customers:,}: assess / plan, of the CPU", ratios[1]))
    sys.stdout.write(f"({told_machine()}; settings: the sample's)\n")
    write(asked.figures, figures)


if __name__ == "__main__":
    main()
