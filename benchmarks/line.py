"""What a run costs per stage and size: seconds, peak memory, and the ratio to DuckDB's bare aggregation, in one table.

    .venv/bin/python benchmarks/line.py [--customers 20000 1000000] [--parts 1] [--figures FILE]

Each size runs in a process of its own, on a sample warehouse built by another. A function that `flows/line/` imports counts for
the stage or the room it comes from, less what it calls of others; what is left of the run is "the rest": the plan's files,
waterfalls, joins between the stages. CPU seconds and memory are of the process and of those that it starts: SQL runs in one, new
addresses are read in others. CPU seconds are of all cores, and hold on a busy machine, too. The floor is one GROUP BY over the
order lines per customer in the same warehouse: what no line can be faster than. Below stands what each promise costs, as a share
of the CPU: that nobody is shown too much (guard), that nothing is sent twice or lost (protocol), and that it can be told
afterwards what was shown to whom, and why (receipts). Before any of it is printed rows, claims, keys and receipts of each message
target have to be one number.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.outputs import target_table, written  # noqa: E402
from benchmarks.processes import children, cpu_of, resident_mb  # noqa: E402
from flows import line  # noqa: E402
from flows.clock import moment  # noqa: E402
from flows.ledger.store import Ledger  # noqa: E402
from flows.line import batches  # noqa: E402
from flows.line.sources import database  # noqa: E402
from flows.stages import ORDER  # noqa: E402
from flows.starting import start_workspace  # noqa: E402
from flows.warehouse.connection import connect  # noqa: E402
from flows.workspace import load_workspace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FLOOR = """
SELECT o.customer_id, count(*) AS lines, max(o.ordered_at) AS last_ordered_at
FROM orders o JOIN order_lines l USING (order_id) GROUP BY o.customer_id
"""
STAGES = [stage for stage in ORDER if stage != "next_best"]
"""Those of the sample: a choice among helps is not learned there."""
ROOMS = {
    "flows.warehouse": "reading from DuckDB",
    "flows.addresses": "addresses",
    "flows.ledger": "ledger and publishing",
    **{f"flows.stages.{stage}": stage for stage in STAGES},
}
RECEIPTS, REST, WHOLE = "receipts", "the rest", "the whole run"
STEPS = ["reading from DuckDB", "addresses", *STAGES, "ledger and publishing", RECEIPTS, REST, WHOLE]
PROMISES = {
    "guard": ("guard", "exposure", "crowd"),
    "protocol": ("claims", "ledger and publishing"),
    "receipts": (RECEIPTS,),
}
RECORDS = ("delivery", "exposure", "product_version", "receipt", "source")
"""Tables of the ledger that hold what was shown to whom."""
SAMPLED_EVERY_SECONDS = 0.005


class Meter:
    """Seconds and peak memory of steps within steps: each instant belongs to the innermost one."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self.cpu = dict.fromkeys(STEPS, 0.0)
        self.peaks = dict.fromkeys(STEPS, 0.0)
        self._open = [REST]
        self._since = time.perf_counter(), cpu_seconds()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens within for `name`."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the memory from a thread of its own while this is open, and the whole."""
        ended = threading.Event()
        watching = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        watching.start()
        self._since = time.perf_counter(), cpu_seconds()
        try:
            yield
        finally:
            self._turn()
            ended.set()
            watching.join()
        self.seconds[WHOLE], self.cpu[WHOLE] = sum(self.seconds.values()), sum(self.cpu.values())
        self.peaks[WHOLE] = max(self.peaks.values())

    def _turn(self) -> None:
        now = time.perf_counter(), cpu_seconds()
        self.seconds[self._open[-1]] += now[0] - self._since[0]
        self.cpu[self._open[-1]] += now[1] - self._since[1]
        self._note()
        self._since = now

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(SAMPLED_EVERY_SECONDS):
            self._note()

    def _note(self) -> None:
        name = self._open[-1]
        self.peaks[name] = max(self.peaks[name], resident_mb(["self", *children()]))


def cpu_seconds() -> float:
    """What this process and its children have used."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + cpu_of(children())


def attach(meter: Meter) -> None:
    """Wrap every function of a stage or a room where a module of the line has imported it."""
    modules = [importlib.import_module(f"flows.line.{found.name}") for found in pkgutil.iter_modules(line.__path__)]
    for module in (line, *modules):
        for name, value in list(vars(module).items()):
            origin = getattr(value, "__module__", "") or ""
            room = next((room for prefix, room in ROOMS.items() if f"{origin}.".startswith(f"{prefix}.")), None)
            if room is not None and inspect.isfunction(value):
                setattr(module, name, metered(value, room, meter))
    for value in list(vars(batches).values()):
        if inspect.isclass(value) and "_records" in vars(value):
            setattr(value, "_records", metered(vars(value)["_records"], RECEIPTS, meter))  # noqa: B010
    append, counted = Ledger.append, metered(Ledger.append, RECEIPTS, meter)
    Ledger.append = lambda ledger, table, frame: (counted if table in RECORDS else append)(ledger, table, frame)  # type: ignore[assignment, method-assign]


def metered(function: Callable[..., Any], room: str, meter: Meter) -> Callable[..., Any]:
    """The function, counted for its room; of a context manager entering and leaving are."""

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        with meter.step(room):
            found = function(*arguments, **named)
        return around(found) if hasattr(found, "__enter__") and hasattr(found, "gen") else found

    @contextmanager
    def around(manager: Any) -> Iterator[Any]:
        with meter.step(room):
            inner = manager.__enter__()
        try:
            yield inner
        except BaseException:
            with meter.step(room):
                if not manager.__exit__(*sys.exc_info()):
                    raise
        else:
            with meter.step(room):
                manager.__exit__(None, None, None)

    return counted


def measure(folder: Path, parts: int) -> dict[str, Any]:
    """One run in a workspace whose sample is built: seconds and peak MB by step, the floor, and what was published."""
    workspace = load_workspace(folder)
    meter = Meter()
    attach(meter)
    with meter.running():
        done = line.run(workspace, line.Request(parts=parts))
    path = database(workspace.settings, moment(None, workspace.settings.zone).as_of)
    began = time.perf_counter()
    with connect(path, read_only=True) as connection:
        connection.sql(FLOOR).pl()
    floor = time.perf_counter() - began
    rows = sum(batch.rows for batch in done.delivered.published) if done.delivered else 0
    _, targets, wrong = written(folder)
    if wrong:
        raise SystemExit("\n".join(wrong))
    measured = {"seconds": meter.seconds, "cpu": meter.cpu, "peaks": meter.peaks, "floor": floor, "rows": rows}
    return {**measured, "targets": targets}


def measured_apart(customers: int, parts: int) -> dict[str, Any]:
    """Build a sample in one process, run the line on it in another."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory(prefix="justenough-benchmark-") as folder:
        start_workspace(Path(folder) / "sample")
        workspace = ["--workspace", f"{folder}/sample"]
        began = time.perf_counter()
        build = ["-m", "flows.cli", "sample", *workspace, "--customers", str(customers)]
        subprocess.run([sys.executable, *build], env=environment, check=True, capture_output=True)
        built = time.perf_counter() - began
        one = [__file__, "--parts", str(parts), *workspace]
        done = subprocess.run([sys.executable, *one], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return {**json.loads(done.stdout), "built": built}


def table(found: dict[int, dict[str, Any]]) -> str:
    """A line per step, and for each number of customers seconds, CPU seconds, multiples of the floor, and peak MB."""
    lines = [f"{'':<24}" + "".join(f"{f'{customers:,} customers':>40}" for customers in found)]
    lines.append(f"{'step':<24}" + f"{'seconds':>12}{'cpu':>10}{'x floor':>9}{'peak MB':>9}" * len(found))
    for step in STEPS:
        cells = [
            (one["seconds"][step], one["cpu"][step], one["seconds"][step] / one["floor"], one["peaks"][step])
            for one in found.values()
        ]
        lines.append(f"{step:<24}" + "".join(f"{s:>12.2f}{cpu:>10.2f}{x:>9.1f}{mb:>9.0f}" for s, cpu, x, mb in cells))
    for name, key in (("(floor)", "floor"), ("(building the sample)", "built")):
        lines.append(f"{name:<24}" + "".join(f"{one[key]:>12.2f}{'':>28}" for one in found.values()))
    lines += [
        f"{f'({promise})':<24}" + "".join(f"{share(one, promise):>12.1%}{'':>28}" for one in found.values())
        for promise in PROMISES
    ]
    lines.append(f"{'(rows published)':<24}" + "".join(f"{one['rows']:>12,}{'':>28}" for one in found.values()))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def share(one: dict[str, Any], promise: str) -> float:
    """Of the CPU, what a promise takes."""
    return float(sum(one["cpu"][step] for step in PROMISES[promise]) / one["cpu"][WHOLE])


def figures(found: dict[int, dict[str, Any]]) -> list[Figure]:
    """What is recorded: the whole against the floor, and what promises cost."""
    recorded = []
    for customers, one in found.items():
        recorded.append(Figure(f"{customers:,}: run / floor", one["seconds"][WHOLE] / one["floor"]))
        recorded += [Figure(f"{customers:,}: share of {promise}", share(one, promise)) for promise in PROMISES]
    return recorded


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--workspace", type=Path, help=argparse.SUPPRESS)  # what a process of its own measures
    add_option(parser)
    asked = parser.parse_args()
    if asked.workspace:
        sys.stdout.write(json.dumps(measure(asked.workspace, asked.parts)))
        return
    found = {customers: measured_apart(customers, asked.parts) for customers in asked.customers}
    told = [f"\nof {customers:,} customers:\n{target_table(one['targets'])}\n" for customers, one in found.items()]
    sys.stdout.write(f"{table(found)}({told_machine()}; settings: the sample's)\n{''.join(told)}")
    write(asked.figures, figures(found))


if __name__ == "__main__":
    main()
