"""Ten thousand events within moments, many of them told twice, by the commands as they are: few runs, and nobody twice.

The numbers are those of `catalogue.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT
from tests.line.happened import Happened, event
from tests.tiny import crowd, day, make

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CUSTOMERS, EVENTS, FILES, SECONDS, ON = 1500, 10_000, 100, 20, 31
"""On that day everybody may be told again, and is due. Each is named by six or seven events, in files that overlap."""


@pytest.fixture
def flooded(tmp_path: Path) -> Happened:
    tiny = make(
        tmp_path / "tiny", people=crowd(CUSTOMERS), late=[("p00000", "north", "o1", "tent", 4)], brands=["north"]
    )
    tiny.run()
    (tiny.state / "inbox/events").mkdir(parents=True)
    return Happened(tiny)


def respond(happened: Happened) -> dict:
    own = {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": day(ON).isoformat()}
    words = ("-m", "flows.cli", "respond", "--json", "--workspace", str(happened.tiny.folder))
    done = subprocess.run([sys.executable, *words], env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return json.loads(done.stdout)


@pytest.mark.bad_input(116)
def test_ten_thousand_events_are_a_few_runs_and_nobody_gets_anything_twice(flooded):
    each = EVENTS // FILES

    def come() -> None:
        for number in range(FILES):
            first = number * each - each // 10 * (number > 0)  # a tenth of the file before, told once more
            rows = [
                event(f"e{n}", f"p{n % CUSTOMERS:05}", happened_at="2026-12-23T08:00:00Z")
                for n in range(first, (number + 1) * each)
            ]
            flooded.put(rows, f".{number:03}.csv").rename(flooded.tiny.state / f"inbox/events/{number:03}.csv")
            time.sleep(SECONDS / FILES)

    coming, answers = threading.Thread(target=come), []
    coming.start()
    while coming.is_alive() or flooded.inbox():
        if any((flooded.tiny.state / "inbox/events").glob("[!.]*.csv")):
            answers.append(respond(flooded))
        time.sleep(0.05)
    runs = flooded.tiny.history("SELECT count(*) FROM run WHERE goes_by IS NOT NULL")
    assert runs[0][0] <= len(answers) <= FILES // 4
    assert sum(answer["taken"] for answer in answers) == EVENTS
    assert sum(answer["repeated"] for answer in answers) == (FILES - 1) * (each // 10)
    assert flooded.tiny.history("SELECT count(*), count(DISTINCT event_id) FROM event") == [(EVENTS, EVENTS)]
    told = Counter(
        row["customer_id"]
        for batch in flooded.tiny.batches()
        if batch.manifest["as_of"] == "2026-12-23" and batch.target == "email_file"
        for row in batch.rows
    )
    assert (len(told), set(told.values())) == (CUSTOMERS, {1})
    claims = flooded.tiny.history("SELECT count(*), count(DISTINCT person_key) FROM claim WHERE as_of = '2026-12-23'")
    assert claims == [(CUSTOMERS, CUSTOMERS)]
