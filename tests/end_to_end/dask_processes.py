"""A Dask scheduler and workers as processes of their own beside a Prefect server, as they would be on machines of their own.

Workers can be killed at what they are doing: the plan's folder tells who has begun what.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

from tests.end_to_end.prefect_processes import PATIENCE_SECONDS, Processes, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORKER = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", "POLARS_MAX_THREADS": "1"}
"""What a worker's environment holds, README says why."""
_BEGUN = re.compile(r"(plan|word)-(\d{4})-.+-(\d+)-[0-9a-f]{8}")


class DaskProcesses(Processes):
    """A Prefect server, a scheduler and workers.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder, environment)
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"

    def start_all(self, folder: Path, workers: int, *scheduler: str) -> None:
        """Start everything from a folder, and wait until it is there; `scheduler` are options of Dask's command."""
        self.start("server", "-m", "prefect", "server", "start", "--port", self.port, cwd=folder)
        place = ("--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard")
        self.start("scheduler", "-m", "distributed.cli.dask_scheduler", *place, *scheduler, cwd=folder)
        self.until("server", lambda: self.ask("health"))
        for number in range(workers):
            self.start_worker(f"worker_{number}", folder)

    def start_worker(self, name: str, folder: Path, *options: str, **environment: str) -> None:
        """Start one worker, which takes one part at a time; with more options of Dask's command, and more in its environment."""
        own = ("--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--memory-limit", "0")
        where = ("--local-directory", str(folder / f"{name}-dask"))
        command = ("-m", "distributed.cli.dask_worker", self.address, *own, *where, *options)
        process = self.start(name, *command, cwd=folder, **WORKER, **environment)

        def is_there() -> bool:
            assert process.poll() is None, self.said()  # whoever has ended is not waited for
            return "Registered to" in self.log(name)

        self.until(f"{name} at the scheduler", is_there)


def kill_who_works(state: Path, step: str, seconds: float = PATIENCE_SECONDS, apart: str = "plans/*/apart/*") -> int:
    """Kill the first worker that is seen at a part, in the middle of it, and return the number of the part."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in state.glob(apart):
            begun = _BEGUN.fullmatch(path.name)
            if begun and begun[1] == step:
                os.kill(int(begun[3]), signal.SIGKILL)
                return int(begun[2])
        time.sleep(0.02)
    raise AssertionError(f"nobody was seen to {step} a part within {seconds:.0f} s")


def kill_who_delivers(state: Path, seconds: float = PATIENCE_SECONDS) -> None:
    """Kill the worker that holds the lock and has staged something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(state.glob("staging/*/*")) and (holder := re.search(r"process (\d+)", (state / "lock").read_text())):
            os.kill(int(holder[1]), signal.SIGKILL)
            return
        time.sleep(0.005)
    raise AssertionError(f"nobody was seen to deliver within {seconds:.0f} s")
