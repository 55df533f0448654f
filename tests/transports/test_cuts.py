"""Connections that break anywhere: whoever looks at the other end never sees half a batch, nor anything twice."""

from __future__ import annotations

import re
import time

import pytest

from tests.transports.servers import emptied, proxy
from tests.transports.shops import MAIL, later, sent, states, watched, ways

BATCH = f"{MAIL}-2026-11-22-1"


def length(waiting, end, folder, way):
    """How many bytes go one way while a batch is carried over connections that hold."""
    log = folder / f"log-{way}"
    with proxy(end.port, log) as port:
        through(waiting.copy(folder / "measured"), end, port)
        time.sleep(0.5)
        return int(re.findall(rf"(\d+) {way}", log.read_text())[-1])


def through(tiny, end, port, **more):
    """Carry what waits, through a proxy."""
    if hasattr(end, "know"):
        end.know(port)
    ways(tiny, **{MAIL: end.settings(port=port, patience_seconds=5, **more)})
    return later(tiny)[BATCH]


def carried_anyway(waiting, end, folder, way, offset):
    """A connection is cut, and what a reader sees who leaves files alone."""
    tiny = waiting.copy(folder / f"tiny-{offset}")
    with proxy(end.port, folder / f"log-{offset}", way, offset) as port, watched(end) as watcher:
        state, _ = through(tiny, end, port, keeps_files=True)
        if state == "waiting":  # for the next run, where no connection came about
            assert later(tiny)[BATCH][0] == "carried", offset
    assert watcher.torn == [], offset
    assert end.list() == sent(tiny), offset
    assert states(tiny) == {BATCH: "carried"}


def test_a_batch_is_carried_over_a_connection_that_is_cut(waiting, sftp_end, tmp_path):
    carried_anyway(waiting, sftp_end, tmp_path, "up", 4500)


def test_a_batch_is_carried_though_an_answer_is_lost(waiting, s3_end, tmp_path):
    carried_anyway(waiting, s3_end, tmp_path, "down", 900)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("way", ["up", "down"])
def test_wherever_a_connection_is_cut_no_manifest_is_seen_without_its_files(waiting, end, tmp_path, way):
    total = length(waiting, emptied(end), tmp_path, way)
    for place in range(20):
        carried_anyway(waiting, emptied(end), tmp_path, way, total * (2 * place + 1) // 40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("way", ["up", "down", "deaf"])
def test_wherever_a_connection_fails_nothing_is_seen_twice_by_who_takes_files_away(waiting, end, tmp_path, way):
    total = length(waiting, emptied(end), tmp_path, "down" if way == "down" else "up")
    became = []
    for place in range(10):
        offset, there = total * (2 * place + 1) // 20, emptied(end)
        tiny = waiting.copy(tmp_path / f"tiny-{offset}")
        with proxy(end.port, tmp_path / f"log-{offset}", way, offset) as port, watched(there, greedy=True) as watcher:
            through(tiny, there, port)
            later(tiny)
        files = sent(tiny)
        assert {name: len(contents) for name, contents in watcher.seen.items() if len(contents) > 1} == {}, offset
        assert all(contents == [files[name]] for name, contents in watcher.seen.items()), offset
        assert watcher.torn == [], offset
        became.append(states(tiny)[BATCH])
        if became[-1] == "carried":
            assert watcher.seen.keys() == files.keys(), offset
    assert set(became) <= {"carried", "hold"}
    assert "carried" in became
