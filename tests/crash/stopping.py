"""The writer of opt-outs: a process of its own that never waits for a run, and keeps a log of its own.

The log is one JSON object a line, synced before and after each notice: `customer_id`, `about` (person; or address, which bars
messages alone), `what` (began, returned) and `at`, in seconds since 1970.
"""

from __future__ import annotations

import json
import os
import random
import select
import time
from typing import TYPE_CHECKING

from flows.line import tell
from tests.crash import shop

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings


def write_stops(settings: Settings, log: Path, orders: int, answers: int, seed: int) -> None:
    """Have people say stop until the orders end: each line is `{"people": [first, end], "pause": seconds}` or `{"who": numbers}`.

    With `people` some of them, half at most, say stop in a random order and at random intervals. With `who` just these do, at
    once, and a line comes back when it is done.
    """
    chance = random.Random(seed)
    waiting: list[int] = []
    pause, rest = None, b""
    with log.open("ab", buffering=0) as file:
        while True:
            timeout = chance.uniform(0, 2 * pause) if pause and waiting else None
            ready, _, _ = select.select([orders], [], [], timeout)
            if not ready:
                _stop(settings, file, waiting.pop(), chance.random() < 0.5)
                continue
            heard = os.read(orders, 65536)
            if not heard:
                return
            *lines, rest = (rest + heard).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if "who" in order:
                    for number in order["who"]:
                        _stop(settings, file, number, by_address=False)
                    os.write(answers, b"said\n")
                else:
                    waiting = list(range(*order["people"]))
                    chance.shuffle(waiting)
                    waiting, pause = waiting[: len(waiting) // 2], order["pause"]


def _stop(settings: Settings, log: object, number: int, by_address: bool) -> None:
    said = {"address": shop.address(number)} if by_address else {"customer_id": shop.name(number)}
    about = {"customer_id": shop.name(number), "about": "address" if by_address else "person"}
    _note(log, {**about, "what": "began"})
    tell(settings, said)
    _note(log, {**about, "what": "returned"})


def _note(log: object, event: dict[str, str]) -> None:
    line = json.dumps({**event, "at": time.time()})
    log.write(f"{line}\n".encode())
    os.fsync(log.fileno())
