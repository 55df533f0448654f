"""A campaign of kills: `python -m tests.crash.campaign FOLDER --people N --kills N --seed N`; prints what came of it as JSON.

Two runs are alive at any time: one holds the lock, the other waits for it. The one is killed, at a named point or after a
random time; the other then finds what it has left. A third process writes stops into the inbox all the while, and the judge
polls the outbox. When a day is delivered, the next day begins, with new people.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import shop
from tests.crash.driver import LATE, OF_A_MESSAGE, OF_A_STATE, PLANNING, RECOVERING
from tests.crash.relay import PATIENCE_SECONDS, Child, Order, Run, die_with_the_parent, in_child
from tests.crash.stopping import write_stops
from tests.crash.what_is_left import STATES, left_behind
from tests.tiny import Tiny, day

JUDGE = Path(__file__).with_name("judge.py")
BEGAN = time.monotonic()
Named = tuple[str, str | None]
"""A point, and within whose batch."""
BEFORE_THE_END: Named = (LATE[0], None)
NAMED: list[Named] = [
    *((point, None) for point in (*PLANNING, *LATE, *RECOVERING)),
    *((point, "*") for point in dict.fromkeys((*OF_A_MESSAGE, *OF_A_STATE))),
]


class Stopper:
    """The writer of opt-outs, from outside."""

    def __init__(self, tiny: Tiny, log: Path, seed: int) -> None:
        log.touch()
        settings = tiny.load().settings
        (theirs, self._orders), (self._answers, ours) = os.pipe(), os.pipe()
        self._pid = os.fork()
        if not self._pid:
            die_with_the_parent()
            os.close(self._orders)
            write_stops(settings, log, theirs, ours, seed)
            os._exit(0)
        os.close(theirs)
        os.close(ours)

    def keep_stopping(self, first: int, end: int, pause: float) -> None:
        self._order(people=[first, end], pause=pause)

    def stop(self, *numbers: int) -> None:
        """These say stop now; returns when that is in the inbox."""
        self._order(who=numbers)
        os.read(self._answers, 64)

    def end(self) -> None:
        os.close(self._orders)
        os.waitpid(self._pid, 0)

    def _order(self, **order: Any) -> None:
        os.write(self._orders, f"{json.dumps(order)}\n".encode())


class Judge:
    """The judge, from outside."""

    def __init__(self, tiny: Tiny, log: Path, reference: Tiny) -> None:
        places = [tiny.outbox, log, reference.outbox, tiny.folder.with_name("taken")]
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(JUDGE), *map(str, places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def be(self, word: str) -> None:
        """Greedy or patient."""
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def verdict(self) -> dict[str, Any]:
        out, _ = self._process.communicate("end\n", timeout=600)
        return json.loads(out)


@dataclass
class Campaign:
    """Two workspaces of the same people, one of which is left alone; the judge; the writer."""

    tiny: Tiny
    reference: Tiny
    judge: Judge
    stopper: Stopper
    off: tuple[str, ...] = ()
    today: int = -1
    people: int = 0
    _alone: Child | None = None

    @classmethod
    def open(cls, folder: Path, seed: int = 0, off: tuple[str, ...] = ()) -> Campaign:
        tiny = Tiny(folder / "shop")
        in_child(lambda: shop.open_shop(tiny.folder).folder.name)
        reference = tiny.copy(folder / "reference")
        log = folder / "stops.ndjson"
        stopper = Stopper(tiny, log, seed)
        tiny.outbox.mkdir(mode=0o700)
        return cls(tiny, reference, Judge(tiny, log, reference), stopper, off)

    @property
    def now(self) -> str:
        return day(self.today).isoformat()

    def next_day(self, count: int) -> None:
        """New people come; the workspace that is left alone delivers its day meanwhile."""
        self.wait_for_the_reference()
        self.today += 1
        in_child(lambda: shop.new_people(self.tiny, self.people, count))
        shutil.copy(self.tiny.folder / "warehouse.duckdb", self.reference.folder / "warehouse.duckdb")
        self._alone = Child(lambda: self.reference.run(at=day(self.today)).delivered.plan.people_count)
        self.people += count

    def start(self, *off: str) -> Run:
        return Run.start(self.tiny.folder, (*self.off, *off))

    def left_behind(self) -> dict[str, Any]:
        return in_child(lambda: left_behind(self.tiny, f"{day(self.today):%F}"))

    def close(self) -> dict[str, Any]:
        self.wait_for_the_reference()
        self.stopper.end()
        return self.judge.verdict()

    def wait_for_the_reference(self) -> None:
        if self._alone is not None:
            self._alone.answer()
            self._alone = None


RARE = 6


@dataclass
class Killer:
    """Chooses how the next run dies: named points and random times in turn, so that every state has its share.

    Attributes:
        ahead: so many named kills more than random ones, where they lead to what was left least often.
        states: how often a kill has left what.
        leads_to: named point -> what it has left last.
        used: how often each was chosen.
        horizon: seconds within which a random kill comes: about as long as a run takes to be in the middle of a batch.
    """

    chance: random.Random
    ahead: int
    states: Counter[str] = field(default_factory=Counter)
    leads_to: dict[Named, str] = field(default_factory=dict)
    used: Counter[Named | None] = field(default_factory=Counter)
    horizon: float = 1.0

    @property
    def kills(self) -> dict[str, int]:
        return {"named": self.used.total() - self.used[None], "random": self.used[None]}

    def choose(self, left: dict[str, Any]) -> Named | None:
        """A named point that a run can reach from where the last one died, or None: at random."""
        if left["state"] == "all published" and self.states["all published"] < 2 * self.states["run ended"] + 3:
            return BEFORE_THE_END  # a day comes to it once: it is left several times, before it is over
        near = [named for named in NAMED if _is_near(named, left)]
        # On a slow machine random kills hit the long states alone: named ones get ahead where they lead to the rarest one.
        fewest, further = min(self.states[state] for state in STATES), self.kills["named"] - self.kills["random"]
        rarest = [named for named in near if fewest == self.states[self.leads_to.get(named, "")] < RARE]
        if rarest and fewest and further <= self.ahead:
            near = rarest
        elif not near or further > 0:
            return None
        return min(
            near, key=lambda named: (self.states[self.leads_to.get(named, "")], self.used[named], self.chance.random())
        )

    def moment(self, left: dict[str, Any]) -> float:
        """A random number of seconds after which a run dies that finds this."""
        return self.chance.uniform(0, self.horizon * (2 if left["state"] == "planning" else 1))

    def note(self, chosen: Named | None, state: str) -> None:
        self.states[state] += 1
        self.used[chosen] += 1
        if chosen:
            self.leads_to[chosen] = state


def _is_near(named: Named, left: dict[str, Any]) -> bool:
    """Whether a run that finds this reaches the point before it publishes much else."""
    point, within = named
    if point in RECOVERING[:3]:
        return bool(left["is_open"])
    if point in RECOVERING[3:5]:
        return bool(left["is_staged"])
    if point in PLANNING:
        return left["state"] == "planning"
    if point in LATE:
        return len(left["published"]) >= shop.WAYS - 1
    if within is None:
        return True
    if len(left["published"]) == shop.WAYS:
        return False
    messages_left = sum(target != "web_profiles" for target in left["published"]) < 4
    return point in (OF_A_MESSAGE if messages_left else OF_A_STATE)


def killed_often(folder: Path, *, people: int, kills: int, seed: int) -> dict[str, Any]:
    """The campaign."""
    campaign = Campaign.open(folder, seed)
    killer = Killer(random.Random(seed), ahead=kills // 6)
    runs = deque([campaign.start(), campaign.start()])
    while killer.used.total() < kills:
        campaign.next_day(people)
        campaign.judge.be("greedy" if campaign.today % 2 else "patient")
        campaign.stopper.keep_stopping(campaign.people - people, campaign.people, 0.1)
        left = campaign.left_behind()
        while left["state"] != "run ended":
            run = _first(runs)
            runs.append(campaign.start())
            if killer.used.total() == kills:
                _let_live(run, campaign.now)
                break
            chosen = killer.choose(left)
            if not _killed(run, campaign.now, chosen, killer, left):
                break
            left = campaign.left_behind()
            killer.note(chosen, left["state"])
            _tell(killer, chosen, left["state"])
    while runs:  # two that find nothing to do any more
        _let_live(_first(runs), campaign.now)
    return {**campaign.close(), "kills": killer.kills, "states": dict(killer.states), "days": campaign.today + 1}


def _tell(killer: Killer, chosen: Named | None, state: str) -> None:
    how = f"at {chosen[0]}" if chosen else "at random"
    print(f"{time.monotonic() - BEGAN:7.1f} s {killer.used.total():5} {how}: {state}", file=sys.stderr, flush=True)  # noqa: T201


def _first(runs: deque[Run]) -> Run:
    """The run that has got the lock; it leaves the queue."""
    ready, _, _ = select.select([run.answers for run in runs], [], [], PATIENCE_SECONDS)
    for run in [run for run in runs if run.answers in ready]:
        if run.heard() != "locked":
            raise AssertionError(f"a run ended before it had its orders:\n{run.said()}")
        runs.remove(run)
        return run
    raise TimeoutError("no run has got the lock")


def _killed(run: Run, now: str, chosen: Named | None, killer: Killer, left: dict[str, Any]) -> bool:
    """Kill a run; False where it came to its end before."""
    began = time.monotonic()
    run.order(Order(now, *(chosen or ())))
    if chosen is None:
        time.sleep(killer.moment(left))
    elif run.heard() == "ended":
        return _ended(run, run.wait())
    elif chosen[1]:
        killer.horizon += 0.2 * (time.monotonic() - began - killer.horizon)
    status = run.kill()
    return status == -signal.SIGKILL or _ended(run, status)


def _let_live(run: Run, now: str) -> None:
    run.order(Order(now))
    assert run.heard() == "ended"
    _ended(run, run.wait())


def _ended(run: Run, status: int) -> bool:
    """False: nobody killed it. Then it must have ended well."""
    if status:
        raise AssertionError(f"a run that nobody killed failed:\n{run.said()}")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("people", "kills", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args()
    told = killed_often(given.folder, people=given.people, kills=given.kills, seed=given.seed)
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
