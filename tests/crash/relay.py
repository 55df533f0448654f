"""Runs that are born by forking, take orders once they hold the lock, and die by SIGKILL with their whole process group.

A run is the real one: `line.run` on a workspace, in a session of its own. Nothing of it starts Python anew, so that a kill
costs what the run itself costs. Whoever forks must not have used a thread pool: whatever needs DuckDB or Polars goes through
`in_child`.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import select
import signal
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows import line
from flows.line import running
from flows.line.request import Request
from flows.workspace import load_workspace
from tests.crash import broken, driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_DIE_WITH_THE_PARENT = 1  # PR_SET_PDEATHSIG
PATIENCE_SECONDS = 240
"""After that a run that says nothing is taken for dead."""


@dataclass(frozen=True)
class Order:
    """What a run does once it holds the lock.

    Attributes:
        now: the instant that its clock shows, in ISO 8601.
        point: where it stops and says so; None runs to the end.
        target: within whose batch; `*` in any, None anywhere.
        boot: the id of the machine's start that it sees; None is the true one.
    """

    now: str
    point: str | None = None
    target: str | None = None
    boot: str | None = None


@dataclass
class Run:
    """A run in a process of its own."""

    pid: int
    orders: int
    answers: int
    log: Path
    _rest: bytes = field(default=b"", repr=False)

    @classmethod
    def start(cls, workspace: Path, off: tuple[str, ...] = ()) -> Run:
        """Fork a run; it says `locked` when it holds the lock, and does nothing before it has its orders.

        Args:
            workspace: where.
            off: the rules of the protocol (see `broken`) that do not hold in it.
        """
        (theirs, orders), (answers, ours) = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            os.close(orders)
            os.close(answers)
            _live(workspace, theirs, ours, off)
        os.close(theirs)
        os.close(ours)
        return cls(pid, orders, answers, workspace / f"run-{pid}.log")

    def order(self, order: Order) -> None:
        os.write(self.orders, f"{json.dumps(vars(order))}\n".encode())

    def go_on(self) -> None:
        """After a point."""
        os.write(self.orders, b"on\n")

    def heard(self, seconds: float = PATIENCE_SECONDS) -> str:
        """The next thing that it says: `locked`, `there`, or `ended`, when it is gone."""
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.answers], [], [], seconds)
            if not ready:
                os.kill(self.pid, signal.SIGABRT)  # its last words are where it stands
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"run {self.pid} says nothing:\n{self.said()}")
            found = os.read(self.answers, 4096)
            if not found:
                return "ended"
            self._rest += found
        word, self._rest = self._rest.split(b"\n", 1)
        return word.decode()

    def kill(self) -> int:
        """SIGKILL to the whole process group; how it ended, as `Popen.returncode` says it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.orders)
        os.close(self.answers)
        return os.waitstatus_to_exitcode(status)

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns, in a process of its own; it must be JSON."""
    return Child(work).answer()


class Child:
    """Some work in a process of its own, its answer to be asked for later."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._answers, theirs = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            die_with_the_parent()
            _end_with(lambda: os.write(theirs, json.dumps(work()).encode()))
        os.close(theirs)

    def answer(self) -> Any:
        with os.fdopen(self._answers, "rb") as answers:
            told = answers.read()
        _, status = os.waitpid(self._pid, 0)
        assert status == 0
        return json.loads(told)


def die_with_the_parent() -> None:
    """So that nothing is left over when a test is interrupted."""
    ctypes.CDLL(None).prctl(_DIE_WITH_THE_PARENT, signal.SIGKILL)


def _live(workspace: Path, orders: int, answers: int, off: tuple[str, ...]) -> None:
    die_with_the_parent()
    os.setsid()
    log = os.open(workspace / f"run-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable()

    def say(word: str) -> None:
        os.write(answers, f"{word}\n".encode())

    def stop() -> None:
        say("there")
        os.read(orders, 64)

    def obey(order: Order) -> None:
        os.environ["JUSTENOUGH_NOW"] = order.now
        if order.point:
            driver.reach(order.point, stop, order.target)
        broken.switch_off(off, order.boot)

    held = running.run_lock

    @contextmanager
    def run_lock(*given: Any) -> Iterator[None]:
        with suppress_lock() if broken.RUN_LOCK in off else held(*given):
            say("locked")
            obey(Order(**json.loads(os.read(orders, 4096))))
            yield

    running.run_lock = run_lock
    _end_with(lambda: line.run(load_workspace(workspace), Request()))


@contextmanager
def suppress_lock() -> Iterator[None]:
    """No lock at all."""
    yield


def _end_with(work: Callable[[], Any]) -> None:
    """Work, and leave at once, without what the parent would do at its end."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        os._exit(code)
