"""`justenough serve` as a process of its own, and how to look at what it has started."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.prefect_processes import Processes

if TYPE_CHECKING:
    import subprocess

    from tests.tiny import Tiny


class Serving(Processes):
    """A workspace that is served, with a server of its own unless one was started beforehand."""

    def serve(self, tiny: Tiny, name: str, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `justenough serve`, and wait until it says that all is there."""
        process = self.begin(tiny, name, *more, **environment)
        self.until(f"{name} that serves", lambda: "Next: " in self.log(name) or process.poll() is not None)
        assert process.poll() is None, self.said()
        return process

    def begin(self, tiny: Tiny, name: str, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `justenough serve`."""
        command = ("-m", "flows.cli", "serve", "--workspace", str(tiny.folder), *more)
        return self.start(name, *command, cwd=tiny.folder, **environment)

    def deployment(self, name: str = "personalise/manual") -> dict[str, Any]:
        """As the server tells it."""
        found: dict[str, Any] = self.ask(f"deployments/name/{name}")
        return found

    def asked(self, deployment: str = "personalise/manual", **parameters: object) -> str:
        """A run by the form; its id."""
        asked = {"parameters": {"workspace": ".", **parameters}}
        run: dict[str, str] = self.ask(f"deployments/{self.deployment(deployment)['id']}/create_flow_run", asked)
        return run["id"]

    def done(self, deployment: str = "personalise/manual", **parameters: object) -> tuple[str, str]:
        """A run by the form, to its end: the type of its state, and what it says."""
        state = self.run_in(self.asked(deployment, **parameters))["state"]
        return state["type"], state["message"] or ""

    def said(self) -> str:
        """The last of what each process said, what server and worker said included."""
        logs = sorted(self.logs.parent.glob("*/.justenough/prefect/logs/*.log"))
        tails = [f"---- {file.name}\n{file.read_text('utf-8', 'replace')[-4000:]}" for file in logs]
        return "\n".join([super().said(), *tails])


def served(tiny: Tiny, name: str = "") -> dict[int, str]:
    """The processes that were started for a workspace, or for its worker or server: id and command."""
    mark = f"SERVED_BY_JUSTENOUGH={tiny.state}/prefect {name}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(entry.startswith(mark) for entry in (process / "environ").read_bytes().split(b"\0")):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def kill(*processes: int) -> None:
    """All of them at once."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
