"""Everything in Prefect for a small team: a server, the deployments with their forms, what looks after runs, and a worker.

It speaks to Prefect by its command line and by HTTP, as anybody could, and imports nothing of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from flows import processes
from flows.automations import HEARTBEAT_SECONDS, PREFIX, lost_runs, notifications
from flows.durable import private_folder
from flows.errors import JustEnoughError, UsageError
from flows.ledger.lock import file_lock
from flows.server import Server
from flows.settings import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.workspace import Workspace

PORT = 4200
_LAST_PORT = 65_535
POOL = "local-process"
TAG = "justenough"
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Served:
    """What was started, and what is there.

    Attributes:
        workspace: its name.
        page: the address of Prefect's pages.
        server: whose server that is.
        deployments: flow/deployment -> when it runs.
        automations: what the server looks after by itself.
        notify: by which notification block people are told; None: nobody is.
        worker: its process.
        logs: the folder with what server and worker say.
    """

    workspace: str
    page: str
    server: str
    deployments: Mapping[str, str]
    automations: Sequence[str]
    notify: str | None
    worker: int
    logs: Path


class _AskedToEndError(Exception):
    """Somebody has asked us to end before all was there."""


@dataclass
class Serving:
    """What is started for a workspace.

    Attributes:
        workspace: whose deployments.
        server: where they go.
        is_ours: whether that server is started, and ended, here; else it is there already.
        lost_after: after how many seconds without a sign of life a run has crashed.
    """

    workspace: Workspace
    server: Server
    is_ours: bool
    lost_after: int
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)
    _is_asked: Event = field(default_factory=Event, init=False)

    @classmethod
    def of(cls, workspace: Workspace, port: int | None, lost_after: int) -> Serving:
        """With the server that `PREFECT_API_URL` names; with one of its own where a port is given, or nothing is named.

        Raises:
            UsageError: what is named is no server, or no port; or the seconds are fewer than runs give a sign of life in.
        """
        if lost_after <= HEARTBEAT_SECONDS:
            hint = f"a run gives a sign of life every {HEARTBEAT_SECONDS} seconds: give it more, such as 90"
            raise UsageError("--lost-after", f"{lost_after} seconds are too few", hint)
        if port is not None and not 1 <= port <= _LAST_PORT:
            raise UsageError("--port", f"there is no port {port}", f"name one from 1 to {_LAST_PORT}, such as {PORT}")
        named = Server.configured() if port is None else None
        password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")
        own = Server(f"http://127.0.0.1:{port or PORT}/api", password)
        return cls(workspace, named or own, named is None, lost_after)

    def serve(self, tell: Callable[[Served], None]) -> None:
        """Start all of it, say where it is, and go on until somebody ends it; then end all of it.

        Raises:
            LockedError: the workspace is served already.
            UsageError: something else answers at the port; or the server has another workspace's deployments.
            JustEnoughError: server or worker ended by itself, or the deployments were refused.
        """
        with file_lock(private_folder(self._home) / "serve.lock", f"justenough serve at {self.server.page}", 0):
            processes.end(processes.started_for(self._home))  # what one left behind that was killed
            if self.is_ours:
                _refuse_taken(self._port)
            for ends in (signal.SIGINT, signal.SIGTERM):
                signal.signal(ends, lambda *_: self._is_asked.set())
            try:
                with suppress(_AskedToEndError):
                    tell(self._started())
                    while not self._is_asked.wait(0.5):
                        self._refuse_ended()
            finally:
                self._end()

    def _started(self) -> Served:
        if self.is_ours:
            self._start("server", "server", "start", "--port", str(self._port))
        self._await()
        self._refuse_others()
        self._end_lost()
        if self._asked(f"work_pools/{POOL}") is None:
            self._do("work-pool", "create", POOL, "--type", "process")
        self._do("deploy", "--all", "--prefect-file", str(_deployments(self.workspace)))
        deployments = self._offer_names()
        notify, wanted = self.workspace.settings.notify, [lost_runs(self.lost_after)]
        block = notify and self._block(notify)
        looked_after = self._look_after([*wanted, *(notifications(block) if block else [])])
        self._start("worker", "worker", "start", "--pool", POOL, "--name", f"justenough {self.workspace.settings.name}")
        own = f"started here, process {self._running['server'].pid}" if self.is_ours else "the one of PREFECT_API_URL"
        told_by = None if notify is None else notify if block else f"no notification block is called '{notify}' yet"
        return Served(
            self.workspace.settings.name,
            self.server.page,
            own,
            deployments,
            looked_after,
            told_by,
            self._running["worker"].pid,
            self._home / "logs",
        )

    @property
    def _port(self) -> int:
        return int(self.server.page.rpartition(":")[2])

    @property
    def _home(self) -> Path:
        return self.workspace.settings.folder("prefect")

    @property
    def _environment(self) -> dict[str, str]:
        """Settings of ours that were given, too, so that runs have them."""
        found = {
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # a run a minute would be kept for ever
            **os.environ,
            "PREFECT_HOME": str(self._home),
            "PREFECT_API_URL": self.server.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
            "JUSTENOUGH_HOME": str(self.workspace.settings.workspace),
        }
        if self.server.password:
            found["PREFECT_API_AUTH_STRING"] = self.server.password
        return found

    def _start(self, name: str, *arguments: str) -> None:
        """Start a command of Prefect's, under that name."""
        workspace, given = self.workspace.settings.workspace, ["-m", "prefect", "--no-prompt", *arguments]
        self._running[name] = processes.start(self._home, name, given, workspace, self._environment)

    def _do(self, *arguments: str) -> None:
        """A command of Prefect's, to its end. Raises JustEnoughError where it fails."""
        name = arguments[0]
        self._start(name, *arguments)
        process = self._running[name]
        while process.poll() is None:
            self._pause(0.1)
        del self._running[name]
        if process.returncode:
            what = f"`prefect {' '.join(arguments[:2])}` ended with {process.returncode}"
            raise JustEnoughError(self._home / "logs" / f"{name}.log", what, "the end of that file says why")

    def _pause(self, seconds: float) -> None:
        if self._is_asked.wait(seconds):
            raise _AskedToEndError

    def _await(self) -> None:
        """Wait for the server. Raises as `_refuse_ended`."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            with suppress(OSError):
                self.server.ask("health")
                return
            self._refuse_ended()
            self._pause(0.3)
        raise JustEnoughError(
            self.server.page, "the server does not answer", "look whether it runs; or unset PREFECT_API_URL"
        )

    def _refuse_ended(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                what = f"the {name} ended by itself, with {process.returncode}"
                raise JustEnoughError(self._home / "logs" / f"{name}.log", what, "the end of that file says why")

    def _asked(self, path: str, body: object = None, method: str | None = None) -> Any:  # noqa: ANN401
        """The server's answer; None where there is no such thing. Raises JustEnoughError where it refuses, or is away."""
        try:
            return self.server.ask(path, body, method=method)
        except HTTPError as problem:
            if problem.code == 404:
                return None
            what = f"Prefect's server answers {problem.code} to {path}"
            raise JustEnoughError(self.server.page, what, "its log may say why") from None
        except OSError as problem:
            what = f"Prefect's server does not answer ({problem})"
            raise JustEnoughError(self.server.page, what, "look whether it runs") from None

    def _ours(self) -> list[dict[str, Any]]:
        chosen = {"deployments": {"tags": {"all_": [TAG]}}}
        found: list[dict[str, Any]] = self._asked("deployments/filter", chosen)
        return found

    def _refuse_others(self) -> None:
        """Deployments are known by their names alone: those of another workspace would be taken over. Raises UsageError."""
        if self.is_ours:
            return  # it keeps what it knows in the workspace, which may have moved
        for deployment in self._ours():
            for step in deployment["pull_steps"] or []:
                for folder in (about["directory"] for about in step.values() if "directory" in about):
                    if Path(folder) != self.workspace.settings.workspace:
                        hint = "give each workspace a server: unset PREFECT_API_URL, and name a --port"
                        raise UsageError(
                            self.server.page, f"it has the deployments of another workspace, {folder}", hint
                        )

    def _end_lost(self) -> None:
        """Have runs be Crashed that were going on when this ended last: they ended with it, and others would not be started."""
        chosen = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}}
        if self.is_ours:  # on another one they may be going on elsewhere: the automation sees whether they are heard of
            crashed = {
                "type": "CRASHED",
                "message": "it ended with `justenough serve`; the next run finishes or undoes it",
            }
            for run in self._asked("flow_runs/filter", chosen):
                self._asked(f"flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})

    def _offer_names(self) -> dict[str, str]:
        """Have the forms offer the workspace's products and targets, and the server refuse others; when each deployment runs."""
        settings, found = self.workspace.settings, {}
        used = sorted({name for ways in settings.targets.values() for name in ways.values()})
        choices = {"products": sorted(self.workspace.products), "targets": used}
        flows = {flow["id"]: flow["name"] for flow in self._asked("flows/filter", {})}
        for deployment in self._ours():
            schema = deployment["parameter_openapi_schema"]
            if (offered := with_choices(schema, choices)) != schema:
                self._asked(f"deployments/{deployment['id']}", {"parameter_openapi_schema": offered}, "PATCH")
            found[f"{flows[deployment['flow_id']]}/{deployment['name']}"] = _when(deployment)
        return dict(sorted(found.items()))

    def _block(self, name: str) -> str | None:
        """The id of a notification block; None where there is none of that name."""
        chosen = {
            "block_documents": {"name": {"any_": [name]}},
            "block_schemas": {"block_capabilities": {"all_": ["notify"]}},
        }
        found = self._asked("block_documents/filter", chosen)
        return found[0]["id"] if found else None

    def _look_after(self, wanted: Sequence[dict[str, Any]]) -> list[str]:
        """Make automations, or bring those of before up to them, off where they were switched off; take away the others."""
        every = self._asked("automations/filter", {})
        known = {each["name"]: each for each in every if each["name"].startswith(PREFIX)}
        for automation in wanted:
            if before := known.pop(automation["name"], None):
                kept = {**automation, "enabled": before["enabled"]}
                if not holds(before, kept):  # to write it anew forgets of which runs was heard last
                    self._asked(f"automations/{before['id']}", kept, "PUT")
            else:
                self._asked("automations/", automation)
        for left in known.values():
            self._asked(f"automations/{left['id']}", method="DELETE")
        return [automation["name"].removeprefix(PREFIX) for automation in wanted]

    def _end(self) -> None:
        """End the runs first, while worker and server can hear of it; then the worker, then the server."""
        for name in ("worker", *(other for other in self._running if other not in ("worker", "server")), "server"):
            process = self._running.pop(name, None)
            if process is not None:
                if name == "worker":
                    processes.end([pid for pid in processes.started_for(self._home, name) if pid != process.pid])
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(processes.GRACE_SECONDS)
                processes.tell([process.pid, *processes.started_for(self._home, name)], signal.SIGKILL)
                process.wait()


def with_choices(schema: dict[str, Any], choices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A form's schema in which lists of names, by their parameters, are chosen from what there is."""
    properties = {
        name: {**about, "items": {**about["items"], "enum": list(choices[name])}}
        if name in choices and "items" in about
        else about
        for name, about in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}


def holds(found: Any, wanted: Any) -> bool:  # noqa: ANN401
    """Whether what a server has is what was wanted, whatever it has added, and in whatever order."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(holds(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(any(holds(one, each) for one in found) for each in wanted)
    return bool(found == wanted)


def _when(deployment: dict[str, Any]) -> str:
    """When a deployment runs, in words."""
    said = []
    for each in deployment["schedules"]:
        when = each["schedule"]
        told = f"{when['cron']} ({when['timezone']})" if "cron" in when else f"every {when.get('interval', 0):.0f} s"
        said.append(told if each["active"] and not deployment["paused"] else f"{told}, paused")
    return "; ".join(said) or "by hand"


def _deployments(workspace: Workspace) -> Path:
    """The workspace's own prefect.yaml, or the one that comes with the program."""
    own = workspace.settings.workspace / "prefect.yaml"
    return own if own.is_file() else shipped("prefect.yaml")


def _refuse_taken(port: int) -> None:
    """Raises UsageError where the port is not free."""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind(("127.0.0.1", port))
        except OSError as error:
            hint = f"end what has it, or name another one: justenough serve --port {port + 1}"
            raise UsageError("--port", f"port {port} is taken ({error.strerror})", hint) from None
