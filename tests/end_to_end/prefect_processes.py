"""A Prefect server and a worker as processes of their own, with their own home, on a free port of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
PATIENCE_SECONDS = 600.0
"""For what takes seconds: a machine may be many times slower than another, and no promise is about that."""


class Processes:
    """What was started, where it writes to, and how to ask the server."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.home, self.logs, port = folder / "home", folder / "logs", free_port()
        self.logs.mkdir()
        self.url = f"http://127.0.0.1:{port}/api"
        self.port = str(port)
        self.environment = {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
            "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "NO_COLOR": "1",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, cwd: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start Python with these arguments in a process group of its own; what it says goes to a log of that name."""
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=cwd,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started[name] = process
        return process

    def finish(self, name: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Wait for a process to end well; what it said."""
        code = self._started[name].wait(seconds)
        assert code == 0, f"{name} ended with {code}\n{self.said()}"
        return self.log(name)

    def prefect(self, name: str, *arguments: str, cwd: Path) -> str:
        """One command of Prefect's own command line, to its end."""
        self.start(name, "-m", "prefect", *arguments, cwd=cwd)
        return self.finish(name)

    def ask(self, path: str, body: object = None) -> Any:
        """The server's answer to a GET, or to a POST where there is a body. While its database is locked it says 503."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data, {"Content-Type": "application/json"})
        for attempt in range(40):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    content = answer.read()
                return json.loads(content) if content else None
            except urllib.error.HTTPError as problem:
                if problem.code != 503 or attempt == 39:
                    raise AssertionError(f"{path}: {problem.code} {problem.read().decode()}\n{self.said()}") from None
                time.sleep(0.5)
        return None

    def until(self, what: str, found: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """The first thing found that is true; with what the processes said where there is none in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if thing := found():
                    return thing
            time.sleep(0.3)
        raise AssertionError(f"no {what} within {seconds:.0f} s\n{self.said()}")

    def run_in(self, run_id: str, *states: str) -> dict[str, Any]:
        """A flow run as soon as it is in one of these states, or in its last."""

        def look() -> dict[str, Any] | None:
            run = self.ask(f"flow_runs/{run_id}")
            return run if run["state"]["type"] in {*states, *FINAL} else None

        found: dict[str, Any] = self.until(f"end of run {run_id}", look)
        return found

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """While nothing of what was started goes on, so that its files can be read as they are."""
        running = [process for process in self._started.values() if process.poll() is None]
        for process in running:
            os.killpg(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in running:
                os.killpg(process.pid, signal.SIGCONT)

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.logs / f"{name}.log").read_text("utf-8", errors="replace")

    def said(self) -> str:
        """The last of what each process said."""
        tails = [f"---- {file.stem}\n" + file.read_text("utf-8", "replace")[-6000:] for file in self.logs.iterdir()]
        return "\n".join(sorted(tails))

    def pid(self, name: str) -> int:
        """Of a process that was started."""
        return self._started[name].pid

    def stop(self, *names: str) -> None:
        """End these, or all: politely, then by force, children included."""
        chosen = [self._started[name] for name in names or reversed(list(self._started))]
        for process in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in chosen:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if not names:
            self._stop_the_orphans()

    def _stop_the_orphans(self) -> None:
        """A run of the worker has a process group of its own; it is known by our home in its environment."""
        mark = f"PREFECT_HOME={self.home}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
