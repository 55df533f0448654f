"""How long one waits for a command: for help, for a check, and for a run on the sample once everything is set up.

    .venv/bin/python benchmarks/starting.py [--customers 20000] [--times 5] [--figures FILE]

Each is a process of its own, from its start to its end, its modules compiled; the least of several counts. A run finds the
warehouse made and the addresses read, and nothing delivered. Beside the seconds stands what is allowed,
and CPU seconds (of the process and of those children that ended before it) as multiples of what importing the libraries alone
takes: that ratio holds on a busy machine, too, where seconds do not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from flows.starting import start_workspace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARIES = "the libraries"
ALLOWED = {LIBRARIES: None, "--help": 0.3, "check": 2.0, "run": 5.0}
"""Seconds that each may take; `run` is of 20,000 customers."""
IMPORTS = "import duckdb, jinja2, polars, pydantic, sqlglot"
KEPT = ("sample", "addresses", "key")
"""Of the state folder, between two runs: the warehouse, the addresses that were read, and the key."""


@dataclass(frozen=True)
class Took:
    """The seconds of one process."""

    seconds: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    add_option(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="justenough-starting-") as folder:
        bench = Bench(Path(folder))
        bench.prepare(asked.customers)
        took = {name: bench.least(name, asked.times) for name in ALLOWED}
    ratios = {name: one.cpu / took[LIBRARIES].cpu for name, one in took.items()}
    print(f"{told_machine()}; {asked.customers:,} customers, the least of {asked.times}\n")
    print(f"{'':<16}{'seconds':>9}{'allowed':>9}{'cpu':>9}{'x libraries':>13}")
    for name, one in took.items():
        allowed = "" if ALLOWED[name] is None else f"{ALLOWED[name]:.1f}"
        print(f"{name:<16}{one.seconds:>9.2f}{allowed:>9}{one.cpu:>9.2f}{ratios[name]:>13.2f}")
    write(asked.figures, [Figure(f"{name} / libraries", ratios[name]) for name in ALLOWED if name != LIBRARIES])


class Bench:
    """A workspace whose commands are measured."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "sample"
        self.environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def prepare(self, customers: int) -> None:
        """Make the workspace and its warehouse, and read its addresses; what is imported is compiled by then."""
        start_workspace(self.workspace)
        for words in (("sample", "--customers", str(customers)), ("plan",), ("check",)):
            self._took(self._command(*words))

    def least(self, name: str, times: int) -> Took:
        """The shortest of several, each from a state in which nothing has been delivered."""
        command = ["-c", IMPORTS] if name == LIBRARIES else self._command(name)
        seen = []
        for _ in range(times):
            self._forget()
            seen.append(self._took(command))
        return Took(min(one.seconds for one in seen), min(one.cpu for one in seen))

    def _forget(self) -> None:
        for left in [entry for entry in (self.workspace / ".justenough").iterdir() if entry.name not in KEPT]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.rmtree(self.workspace / "outbox", ignore_errors=True)

    def _command(self, *words: str) -> list[str]:
        return ["-m", "flows.cli", *words, *([] if "--help" in words else ["--workspace", str(self.workspace)])]

    def _took(self, words: Sequence[str]) -> Took:
        began = time.perf_counter()
        with tempfile.TemporaryFile("w+") as told:
            process = subprocess.Popen(
                [sys.executable, *words], env=self.environment, stdout=subprocess.DEVNULL, stderr=told
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                told.seek(0)
                raise SystemExit(f"{' '.join(words)} ended with {process.returncode}:\n{told.read()}")
        return Took(time.perf_counter() - began, used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
