"""The one door to Dask: worker processes, on this machine or on many, that plan and word the parts of a run under Prefect.

An extra, which nobody has to install. What goes to the workers and comes back is paths, names and counts; rows lie in the plan's
folder, which all of them see.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from socket import gethostname
from typing import TYPE_CHECKING, Any

from flows.durable import write_bytes
from flows.errors import SettingError
from flows.line.sharing import left_apart
from flows.plan import plan_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect_dask import DaskTaskRunner

    from flows.settings import Settings

PARTS_FILE = "parts.json"
"""In a plan's folder: who has worked on each part."""
_SETTING = "pyproject.toml: tool.justenough"


@dataclass(frozen=True)
class Worked:
    """What somebody has made of a part of a run.

    Attributes:
        part: which.
        apart: the name under which it waits to be taken into the plan.
        worker: the machine, and the process.
        seconds: that it took.
        found: what is told of it: counts.
    """

    part: int
    apart: str
    worker: str
    seconds: float
    found: Any


def worked(step: str, part: int, work: Callable[[str], Any]) -> Worked:
    """Work on a part under a name that nobody else has, who may be at the same part."""
    worker = f"{gethostname()}-{os.getpid()}"
    apart = f"{attempt(step, part)}{worker}-{secrets.token_hex(4)}"
    began = time.monotonic()
    found = work(apart)
    return Worked(part, apart, worker, round(time.monotonic() - began, 3), found)


def noted(settings: Settings, run_id: str, steps: dict[str, list[Worked]]) -> list[str]:
    """Write down who has worked on each part, in the plan's folder; returns what was begun more than once, in words."""
    folder = plan_folder(settings, run_id)
    left = left_apart(settings, run_id)
    found, told = [], []
    for step, done in steps.items():
        for each in sorted(done, key=lambda made: made.part):
            attempts = 1 + sum(name.startswith(attempt(step, each.part)) for name in left)
            if attempts > 1:
                told.append(f"{step} {each.part} was begun {attempts} times: who had it before was lost, or failed")
            about = {"worker": each.worker, "seconds": each.seconds, "attempts": attempts}
            found.append({"step": step, "part": each.part, **about})
    write_bytes(folder / PARTS_FILE, json.dumps(found, indent=1).encode())
    return told


def attempt(step: str, part: int) -> str:
    """What the names begin with under which somebody works on a part."""
    return f"{step}-{part:04}-"


@dataclass(frozen=True)
class Cluster:
    """Worker processes, each for one part at a time.

    Attributes:
        runner: gives them Prefect's tasks.
        workers: how many there are.
        is_spread: whether some of them see nothing of the run's folders, and others offer `HOME`, who do.
    """

    runner: DaskTaskRunner
    workers: int
    is_spread: bool = False

    def once(self, step: Any, given: dict[str, Any]) -> Any:  # noqa: ANN401
        """What comes of a step that only one can do, who sees the run's folders. Raises as `result`."""
        with _annotated(resources={HOME: 1} if self.is_spread else {}):
            future = self.runner.submit(step, given)
        return result(future)

    @contextmanager
    def tidied(self, leave: Callable[..., None], *given: Any) -> Iterator[None]:  # noqa: ANN401
        """While some work on copies: at the end every worker leaves its machine tidy; one that is gone by then does not."""
        try:
            yield
        finally:
            if self.is_spread:
                self.runner.client.run(leave, *given, on_error="ignore")


HOME = "home"
"""What a worker offers (`dask worker --resources home=1`) on the machine of the flow's process, and others see nothing of it."""


def _annotated(**about: Any) -> Any:  # noqa: ANN401
    from dask import annotate

    return annotate(**about)


@contextmanager
def cluster(settings: Settings) -> Iterator[Cluster]:
    """The workers of the cluster that the settings name; where they name none, of one on this machine, while it is used.

    A task whose worker is lost is given to another one; Dask does so three times.

    Raises:
        SettingError: Dask is not installed, nobody answers at the address, or there are no workers that take one part each.
    """
    runner_class, config = _installed()
    is_spread = settings.store is not None
    if is_spread and settings.dask_address is None:
        what = "parts travel by `store`, and all workers would be on this machine"
        raise SettingError(f"{_SETTING}.dask_address", what, "set the address of a scheduler, or take `store` out")
    count = settings.dask_workers or os.cpu_count() or 1
    options: dict[str, Any] = {"address": settings.dask_address, "client_kwargs": {"timeout": _PATIENCE_SECONDS}}
    if settings.dask_address is None:
        options = {"cluster_kwargs": {"n_workers": count, **_LOCAL}}
    local = {
        # Polars reads it when it is imported, so it has to be there before a worker's process is.
        "distributed.nanny.pre-spawn-environ.POLARS_MAX_THREADS": max((os.cpu_count() or 1) // count, 1),
        "distributed.worker.daemon": False,
    }
    with config.set(local), runner_class(**options) as runner:
        yield Cluster(runner, _fit(runner, settings), is_spread)


_PATIENCE_SECONDS = 30
_LOCAL = {"threads_per_worker": 1, "processes": True, "memory_limit": 0, "dashboard_address": None}
"""The memory of a part is bounded by the setting `memory`; a second opinion would end workers that do what they may."""


def result(future: Any) -> Any:  # noqa: ANN401
    """What came of a task, of any runner's.

    Raises:
        SettingError: each worker that it was given to ended.
        JustEnoughError: what the task raised.
    """
    try:
        return future.result()
    except Exception as problem:
        if type(problem).__name__ != "KilledWorker":
            raise
        what = "each of the workers that a part was given to ended, four in all"
        hint = (
            "see what ended them; where it was their memory, set `memory` to less than a worker has, or `parts` to more"
        )
        raise SettingError(f"{_SETTING}.memory", what, hint) from None


def _installed() -> tuple[type[DaskTaskRunner], Any]:
    try:
        from dask import config
        from prefect_dask import DaskTaskRunner
    except ImportError:
        hint = "pip install 'justenough[dask]', or set runner = \"threads\""
        raise SettingError(f"{_SETTING}.runner", "'dask' needs prefect-dask and distributed", hint) from None
    return DaskTaskRunner, config


def _fit(runner: DaskTaskRunner, settings: Settings) -> int:
    """How many workers there are; all can do what is asked of them."""
    where, address = f"{_SETTING}.dask_address", settings.dask_address
    try:
        threads: dict[str, int] = runner.client.nthreads()
        are_daemons: dict[str, bool] = runner.client.run(is_daemon)
    except OSError:
        hint = "start it with: dask scheduler; then workers with: dask worker ADDRESS --nthreads 1"
        raise SettingError(where, f"no scheduler answers at {address}", hint) from None
    except ModuleNotFoundError as missing:
        what = f"the workers at {address} have no '{missing.name}'"
        raise SettingError(where, what, "install there what is installed here") from None
    if not threads:
        hint = "start some with: dask worker ADDRESS --nthreads 1"
        raise SettingError(where, f"the cluster at {address} has no workers", hint)
    if max(threads.values()) > 1:
        what = f"a worker takes {max(threads.values())} parts at a time, and the setting `memory` is for one"
        raise SettingError(where, what, "start workers with --nthreads 1, and more of them with --nworkers")
    if any(are_daemons.values()):
        hint = "start workers with DASK_DISTRIBUTED__WORKER__DAEMON=False in their environment"
        raise SettingError(
            where, "its workers may start no process, and so read nothing that others have written", hint
        )
    if settings.store is not None and not any(runner.client.run(is_home).values()):
        hint = f"start one on the machine of this process with: dask worker ADDRESS --nthreads 1 --resources {HOME}=1"
        raise SettingError(
            where, f"no worker offers '{HOME}', and only one that sees this run can bring it together", hint
        )
    return len(threads)


def is_daemon() -> bool:
    """Whether this process may start no other by `multiprocessing`, as `contained` does."""
    return multiprocessing.current_process().daemon


def is_home(dask_worker: Any) -> bool:  # noqa: ANN401
    """Whether a worker says that it is where the flow's process is; Dask gives it itself."""
    return HOME in dask_worker.state.total_resources
