"""Work on what others have written, in a child process with limits on memory and time: what it eats, it eats alone.

A signal that no code can put off ends a job that takes too long, in the middle of C code, too (`7**40000000` is one
instruction; Python's own handlers wait for its end). The child is a fork, which costs milliseconds where a new interpreter
costs half a second. A fork of a process with threads can only go wrong by standing still, on a lock held by a thread that it
has not got, or by crashing; whatever ends so is asked again of a fresh interpreter before anything is said of the job.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flows.errors import JustEnoughError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """What one job may take.

    Attributes:
        cpu_seconds: of the processor. Not of the clock, so that a busy machine refuses nobody.
        memory_bytes: beyond what the child has when it starts.
        quiet_seconds: of the clock, without an answer: then it stands still.
    """

    cpu_seconds: float = 1
    memory_bytes: int = 256 * 2**20
    quiet_seconds: float = 5


LIMITS = Limits()
LANES = 2
"""Children at a time: as many as the smallest machine has cores."""
_SILENCE: Any = object()


def contained(
    work: Callable[[Job], Answer],
    jobs: Sequence[Job],
    refused: Callable[[Job, str], JustEnoughError],
    limits: Limits = LIMITS,
) -> list[Answer]:
    """What `work` makes of each job, in their order.

    Args:
        work: a function of a module; it logs nothing and starts no thread.
        jobs: values that can be pickled, as the answers.
        refused: the error for a job that broke a limit, from the job and what it did.
        limits: of each job.

    Raises:
        JustEnoughError: the first that `work` raises, or `refused`.
        RuntimeError: `work` failed in another way.
    """
    answers: list[Answer] = []
    for method in ("fork", "spawn") if sys.platform == "linux" else ("spawn",):
        left = jobs[len(answers) :]
        with ExitStack() as children:
            lanes = [_Child(work, left[lane::LANES], refused, limits, method) for lane in range(min(LANES, len(left)))]
            heard = [children.enter_context(child.answers()) for child in lanes]
            for answer in itertools.chain.from_iterable(itertools.zip_longest(*heard, fillvalue=_SILENCE)):
                if answer is _SILENCE:
                    break
                answers.append(answer)
        if len(answers) == len(jobs):
            return answers
    raise refused(jobs[len(answers)], "does not come to an end, or ends the program that tries it")


@dataclass
class _Child(Generic[Job, Answer]):
    work: Callable[[Job], Answer]
    jobs: Sequence[Job]
    refused: Callable[[Job, str], JustEnoughError]
    limits: Limits
    method: str

    @contextmanager
    def answers(self) -> Iterator[Iterator[Answer]]:
        """The child at work: its answers, those that come before it stands still or crashes."""
        context = multiprocessing.get_context(self.method)
        ours, theirs = context.Pipe(duplex=False)
        child: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_worked, args=(self.work, self.jobs, theirs, self.limits, self.method), daemon=True
        )
        child.start()
        theirs.close()
        try:
            yield self._heard(ours, child)
        finally:
            child.kill()
            child.join()
            ours.close()

    def _heard(self, pipe: Connection, child: BaseProcess) -> Iterator[Answer]:
        quiet = self.limits.quiet_seconds * (1 if self.method == "fork" else 6)  # it has to import everything anew
        for job in self.jobs:
            try:
                if not pipe.poll(quiet):
                    return
                kind, answer = pipe.recv()
            except (EOFError, OSError):
                child.join()
                if child.exitcode == -signal.SIGPROF:
                    raise self.refused(job, f"takes longer than {self.limits.cpu_seconds:g} s") from None
                return
            if kind == "memory":
                raise self.refused(job, f"takes more than {self.limits.memory_bytes // 2**20} MB")
            if kind == "error":
                raise answer
            if kind == "fault":
                raise RuntimeError(answer)
            yield answer


def _worked(work: Callable[[Job], Answer], jobs: Sequence[Job], pipe: Connection, limits: Limits, method: str) -> None:
    """The child: every job in turn, each answer sent as soon as it is there."""
    if method == "fork":
        _forget_the_parent(pipe.fileno())
    _limit_memory(limits.memory_bytes)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for job in jobs:
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
        answer = _answer(work, job)
        try:
            pipe.send(answer)
        except OSError:  # nobody listens any more
            return
        if answer[0] != "answer":
            return


def _answer(work: Callable[[Job], Answer], job: Job) -> tuple[str, Any]:
    try:
        return "answer", work(job)
    except JustEnoughError as error:
        return "error", error
    except MemoryError:
        return "memory", None
    except Exception:  # noqa: BLE001 - our fault, told where it can be seen
        return "fault", traceback.format_exc()


def _forget_the_parent(pipe: int) -> None:
    """Nothing of the parent's is kept open, locks of files among them, nor cleaned up as if it were the child's own."""
    gc.disable()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, pipe)
    os.closerange(pipe + 1, most)


def _limit_memory(allowed: int) -> None:
    """At most so much more than there is now; on Linux, which tells how much that is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = Path("/proc/self/statm")
    if pages.exists():
        most = int(pages.read_text("ascii").split()[0]) * resource.getpagesize() + allowed
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
