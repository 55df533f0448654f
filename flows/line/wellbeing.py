"""How a workspace is: whether each of its jobs was well when it was last done, kept beside it, and told where that changes.

Of the main job every run counts, by schedule, by hand and by the command line, unless it only plans; of the others those under
Prefect. Prefect's server is told of a change, so that an automation can tell people: once, however many bad runs follow.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from polars.exceptions import PanicException

from flows.clock import present
from flows.durable import write_bytes
from flows.errors import JustEnoughError, LockedError, OutboxError, PlanError, UsageError, WaitingError
from flows.server import Server
from flows.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from flows.ledger.publishing import Recovered
    from flows.line.request import Delivered, Outcome
    from flows.settings import Settings

Level = Literal["ok", "warn", "critical"]
FOLDER = "health"
"""In the state folder, with a file for each job."""
MAIN = "personalise"
EVENTS = {
    "ok": "justenough.health.recovered",
    "warn": "justenough.health.warn",
    "critical": "justenough.health.critical",
}
"""What Prefect's server is told where a workspace is now at this level, and was not before."""
_LONGEST = 1_000


@dataclass(frozen=True)
class Wellbeing:
    """How a job of a workspace is.

    Attributes:
        level: ok; warn: something waits for a person, or for the other end; critical: it failed last.
        why: what waits, or failed.
        since: when it came to this level, UTC as ISO 8601.
        is_told: whether Prefect's server knows.
    """

    level: Level = "ok"
    why: str = ""
    since: str = ""
    is_told: bool = True


def wellbeing(settings: Settings, job: str = MAIN) -> Wellbeing:
    """How a job was left; well, where it was never done or nobody can read it any more."""
    with suppress(OSError, ValueError, TypeError):
        return Wellbeing(**json.loads(_file(settings, job).read_text("utf-8")))
    return Wellbeing()


@contextmanager
def watched(
    workspace: Path, say: Callable[[str], object], job: str = MAIN, *, is_asked: bool = False
) -> Iterator[Callable[[Sequence[str]], None]]:
    """Keep how a run ends, and have Prefect's server told where that is another level than before.

    A call that was wrong, and a run that another one kept from starting, say nothing of the workspace.

    Args:
        workspace: its folder.
        say: takes a sentence for people, where the server could not be told.
        job: what is done: the name of its flow.
        is_asked: whether somebody asked for just this plan, and is answered where it is refused.

    Yields:
        A function that takes what waits at the end of the run, each in words; nothing is well.

    Raises:
        SettingError: there is no such workspace.
    """
    settings, waits = load_settings(workspace), list[str]()

    def end(level: Level, why: str) -> None:
        _end(settings, job, level, why, say)

    try:
        yield waits.extend
    except LockedError:
        raise
    except WaitingError as problem:
        end("warn", problem.what)
        raise
    except JustEnoughError as problem:
        is_answered = (job == MAIN and isinstance(problem, UsageError)) or (is_asked and isinstance(problem, PlanError))
        if not is_answered:
            end("critical", f"{problem.where}: {problem.what}")
        raise
    except (Exception, PanicException) as problem:
        end("critical", type(problem).__name__)  # its words may quote a customer
        raise
    end("warn" if waits else "ok", "; ".join(dict.fromkeys(waits)))


def left_of(outcome: Outcome) -> list[str]:
    """What is left after a run, as `waiting_for`."""
    if outcome.waits:
        return [outcome.waits.why]
    return waiting_for(outcome.recovered, *outcome.resumed, outcome.delivered)


def waiting_for(recovered: Sequence[Recovered], *delivered: Delivered | None) -> list[str]:
    """What is left for a person, or for the other end, after a run: each in words; none where all is done."""
    found = [f"{each.batch_id}: {each.reason}" for each in recovered if each.state in ("waiting", "hold")]
    for done in delivered:
        if done is not None:
            found += done.stopped or (["a batch waits for a person, or for the other end"] if done.is_waiting else [])
            order = done.plan.order
            found += [f"{name} is left out: its review date has passed" for name in order.overdue]
            found += [f"{name} is paused: {why}" for name, why in order.paused.items()]
            found += [f"words of {name} are not signed" for name in order.unsigned]
            found += [f"{what} is stopped" for what in order.stopped if what.startswith("country")]
    return found


def _end(settings: Settings, job: str, level: Level, why: str, say: Callable[[str], object]) -> None:
    """Keep it and have it told; whatever hinders that changes nothing of how the run ended."""
    before = wellbeing(settings, job)
    if level == before.level:
        now = replace(before, why=why[:_LONGEST])
    else:
        now = Wellbeing(level, why[:_LONGEST], present().isoformat(), is_told=False)
    try:
        if now != before:
            _keep(settings, job, now)
        if _tell(settings, job, now, say):
            _keep(settings, job, replace(now, is_told=True))
    except OutboxError as problem:
        say(f"how this run ended could not be kept: {problem.what}")


def _keep(settings: Settings, job: str, now: Wellbeing) -> None:
    write_bytes(_file(settings, job), json.dumps(asdict(now), ensure_ascii=False).encode())


def _file(settings: Settings, job: str) -> Path:
    return settings.folder(FOLDER, f"{job}.json")


def _tell(settings: Settings, job: str, now: Wellbeing, say: Callable[[str], object]) -> bool:
    """Tell the server, if there is one and it does not know; whether it was told."""
    if now.is_told:
        return False
    try:
        server = Server.configured()
    except UsageError as problem:
        say(f"{problem.where}: {problem.what}")
        return False
    if server is None:
        return False
    try:
        server.ask("events", [_event(settings, job, now)], seconds=10)
    except OSError:
        what = f"{job} of {settings.name} is {now.level}"
        say(f"Prefect's server at {server.page} does not answer: a later run tells it that {what}")
        return False
    return True


def _event(settings: Settings, job: str, now: Wellbeing) -> dict[str, Any]:
    about = {"prefect.resource.id": f"justenough.workspace.{settings.name}", "prefect.resource.name": settings.name}
    return {
        "event": EVENTS[now.level],
        "id": str(uuid.uuid4()),
        "occurred": datetime.now(UTC).isoformat(),  # the server's clock, whatever JUSTENOUGH_NOW says
        "resource": about,
        "payload": {
            "workspace": settings.name,
            "job": job,
            "level": EVENTS[now.level].rpartition(".")[2],
            "why": now.why or "all is well again",
            "since": now.since,
        },
    }
