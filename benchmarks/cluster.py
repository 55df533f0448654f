"""The workers of a Dask cluster against one process's threads: the same run of Prefect's flow, the same bytes.

    .venv/bin/python benchmarks/cluster.py [--customers 1000000] [--workers 2] [--parts 8] [--figures FILE] [--measured FILE]

It needs the extra `dask`. It builds the workspace and the warehouse of `against.py`, and starts a Prefect server, a scheduler and
workers of one thread, each a process of its own. Then the flow runs once on threads, once on the cluster, and once more on the
cluster with a worker killed in the middle of a part. All cut the customers into the same parts.

Before anything is printed each run has to balance (rows in the files = manifest = ledger = claims = receipts), and its files have
to be those of the threads, byte for byte. Printed are the seconds of a whole run; those that parts took, by process; by how much
the process of the flow has grown from its start (its peak, without the workers); and what passed the scheduler's sockets, in and
out, counted in its process. With `--customers` of a million and more it fails where less than nine tenths of the part-seconds lie
in two worker processes, the flow's process grows by 300 MB or more, or 10 MB or more pass the scheduler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.against import KEPT, NOW, SETTINGS, Bench, delivered, too_few  # noqa: E402
from benchmarks.estimate import Measured  # noqa: E402
from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.outputs import Outputs, line_outputs, unbalanced  # noqa: E402
from tests.end_to_end.dask_processes import DaskProcesses, kill_who_works  # noqa: E402

MOST_GROWN_MB, MOST_PASSED_MB, LEAST_SHARE = 300.0, 10.0, 0.9
HOLD_FROM = 1_000_000
SCRIPT = ROOT / "tests" / "end_to_end" / "on_a_cluster.py"
PATIENCE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Run:
    """One run of the flow.

    Attributes:
        name: what it ran on.
        told: what its process told.
        parts: what the plan's folder tells of who has worked on what.
        passed_mb: what passed the scheduler.
        killed: the part whose worker was killed.
        outputs: what it delivered.
        digests: file in the outbox -> SHA-256.
    """

    name: str
    told: dict[str, Any]
    parts: list[dict[str, Any]]
    passed_mb: float
    killed: int | None
    outputs: Outputs
    digests: dict[str, str]

    @property
    def by_worker(self) -> Counter[str]:
        """Process -> seconds of parts."""
        found: Counter[str] = Counter()
        for part in self.parts:
            found[part["worker"]] += part["seconds"]
        return found

    @property
    def share_of_two(self) -> float:
        """Of the seconds of all parts, those in the two processes that have most of them."""
        seconds = self.by_worker
        return sum(each for _, each in seconds.most_common(2)) / seconds.total() if len(seconds) > 1 else 0.0

    @property
    def again(self) -> list[str]:
        """What was begun more than once."""
        return [f"{each['step']} {each['part']}" for each in self.parts if each["attempts"] > 1]


class Cluster:
    """A workspace, a Prefect server, and a cluster that its runs may use."""

    def __init__(self, folder: Path, customers: int, workers: int, parts: int) -> None:
        self.bench = Bench(folder / "bench", ROOT / "benchmarks")
        self.bench.workspace.parent.mkdir()
        self.rows = self.bench.prepare(customers)
        self._passed = folder / "passed"
        environment = {"JUSTENOUGH_NOW": NOW, "JUSTENOUGH_PARTS": str(parts), "PASSING": str(self._passed)}
        self.processes = DaskProcesses(folder, environment)
        self.processes.start_all(folder, workers, "--preload", str(ROOT / "benchmarks" / "passing.py"))

    def run(self, name: str, *, on_workers: bool, kill: bool = False) -> Run:
        """One run from a state in which nothing has been delivered."""
        workspace = self.bench.workspace
        state = workspace / ".justenough"
        for left in [entry for entry in state.iterdir() if entry.name not in KEPT]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.rmtree(workspace / "outbox", ignore_errors=True)
        settings = {"JUSTENOUGH_RUNNER": "threads"}
        if on_workers:
            settings = {"JUSTENOUGH_RUNNER": "dask", "JUSTENOUGH_DASK_ADDRESS": self.processes.address}
        before = self._passed_mb()
        self.processes.start(name, str(SCRIPT), str(workspace), cwd=ROOT, **settings)
        killed = kill_who_works(state, "plan", PATIENCE_SECONDS) if kill else None
        said = self.processes.finish(name, PATIENCE_SECONDS)
        told = json.loads(said.rpartition("FOUND ")[2].splitlines()[0])
        parts = json.loads((state / "plans" / told["run_id"] / "parts.json").read_text("utf-8"))
        passed = self._passed_mb() - before
        return Run(name, told, parts, passed, killed, line_outputs(workspace), _digests(workspace / "outbox"))

    def _passed_mb(self) -> float:
        return int(self._passed.read_text("ascii") or 0) / 1e6 if self._passed.exists() else 0.0


def _digests(outbox: Path) -> dict[str, str]:
    """The payload files; manifests hold times and run ids."""
    files = [path for path in outbox.glob("*/*/*") if path.is_file() and path.name != "manifest.json"]
    return {str(file.relative_to(outbox)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def wrong(runs: list[Run], customers: int) -> list[str]:
    """What forbids to print any of it."""
    first, found = runs[0], []
    for run in runs:
        found += [f"{run.name}: {complaint}" for complaint in unbalanced(run.outputs) + too_few(run.outputs, customers)]
        differing = {
            name
            for name in first.digests.keys() | run.digests.keys()
            if first.digests.get(name) != run.digests.get(name)
        }
        found += [f"{run.name}: {name} is not what the threads have written" for name in sorted(differing)]
        if run.killed is not None and f"plan {run.killed}" not in run.again:
            found.append(f"{run.name}: part {run.killed} lost its worker, and nobody was seen to do it again")
    return found


def beyond(runs: list[Run], customers: int) -> list[str]:
    """Where a run on workers does not keep to what is promised, of so many customers."""
    found = []
    for run in runs[1:] if customers >= HOLD_FROM else []:
        if run.share_of_two <= LEAST_SHARE:
            found.append(f"{run.name}: {run.share_of_two:.0%} of the part-seconds lie in two worker processes")
        if run.told["grown_mb"] >= MOST_GROWN_MB:
            found.append(f"{run.name}: the process of the flow has grown by {run.told['grown_mb']:.0f} MB")
        if run.passed_mb >= MOST_PASSED_MB:
            found.append(f"{run.name}: {run.passed_mb:.1f} MB have passed the scheduler")
    return found


def table(runs: list[Run]) -> str:
    """A line for each run, and one for each process that has worked on parts."""
    lines = [f"{'':<24}{'seconds':>9}{'parts s':>9}{'in two':>9}{'grown MB':>10}{'passed MB':>11}  begun again"]
    for run in runs:
        seconds, parts = run.told["seconds"], run.by_worker.total()
        cells = (
            f"{seconds:>9.1f}{parts:>9.1f}{run.share_of_two:>9.0%}{run.told['grown_mb']:>10.0f}{run.passed_mb:>11.2f}"
        )
        lines.append(f"{run.name:<24}{cells}  {', '.join(run.again) or '-'}")
    for run in runs:
        lines += [
            f"  {run.name}, {worker}: {seconds:.1f} s of parts" for worker, seconds in run.by_worker.most_common()
        ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument(
        "--measured", type=Path, help="run on workers alone, and write what estimate.py needs into this file"
    )
    add_option(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="justenough-cluster-") as folder:
        bench = Cluster(Path(folder), asked.customers, asked.workers, asked.parts)
        try:
            if asked.measured:
                runs = [bench.run("dask", on_workers=True)]
            else:
                runs = [
                    bench.run("threads", on_workers=False),
                    bench.run("dask", on_workers=True),
                    bench.run("dask, a worker killed", on_workers=True, kill=True),
                ]
        finally:
            bench.processes.stop()
        complaints = wrong(runs, asked.customers)
        written = [bench.bench.workspace / "outbox", bench.bench.workspace / ".justenough" / "plans"]
        megabytes = sum(file.stat().st_size for place in written for file in place.rglob("*") if file.is_file()) / 1e6
    if complaints:
        print("\n".join(complaints), file=sys.stderr)
        return 1
    print(
        f"{told_machine()}\n{asked.customers:,} customers, {bench.rows:,} rows, {asked.parts} parts, {asked.workers} workers\n"
    )
    same = "" if asked.measured else "; every file of the workers is that of the threads, byte for byte"
    print(f"{table(runs)}\n\n{delivered(runs[0].outputs)}{same}\n\n{SETTINGS}")
    if asked.measured:
        told = runs[0].told["seconds"], round(runs[0].by_worker.total(), 1), round(megabytes)
        run = Measured(told_machine(), asked.customers, asked.parts, asked.workers, *told)
        asked.measured.write_text(json.dumps(asdict(run), indent=1) + "\n", "utf-8")
    base = runs[0].told["seconds"]
    write(asked.figures, [Figure(f"{run.name} / threads", run.told["seconds"] / base) for run in runs[1:]])
    complaints = beyond(runs, asked.customers)
    print("\n".join(complaints), file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    sys.exit(main())
