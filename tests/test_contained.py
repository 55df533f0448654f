"""Work of others in a child: what it eats it eats alone, what stands still is asked again, and nothing is said wrongly of it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flows.contained import Limits, contained
from flows.errors import TemplateError

LOCK = threading.Lock()


def work(job: str) -> str | int:
    if job == "a number without end":
        return len(str(7**40_000_000))
    if job == "a loop without end":
        while True:
            pass
    if job == "a gigabyte":
        return len("a" * 10**9)
    if job == "a crash":
        ctypes.string_at(0)
    if job == "a mistake of its author":
        raise TemplateError("t.j2:3", "what", "hint")
    if job == "a mistake of ours":
        raise ZeroDivisionError
    if job == "a lock":
        with LOCK:
            return "in a fresh interpreter"
    if job.startswith("print into "):
        os.write(1, b"said")
        Path(job.removeprefix("print into ")).write_text("done", "utf-8")
    return job.upper()


def refused(job: str, what: str) -> TemplateError:
    return TemplateError(job, what, "hint")


def test_answers_come_in_the_order_of_the_jobs():
    assert contained(work, ["a", "b", "c"], refused) == ["A", "B", "C"]
    assert contained(work, [], refused) == []


@pytest.mark.parametrize("job", ["a number without end", "a loop without end"])
def test_a_job_that_takes_too_long_is_ended_in_the_middle_and_named(job):
    started = time.process_time()
    with pytest.raises(TemplateError) as caught:
        contained(work, ["a", job, "c"], refused, Limits(cpu_seconds=0.3))
    assert (caught.value.where, caught.value.what) == (job, "takes longer than 0.3 s")
    assert time.process_time() - started < 0.3


def test_a_job_that_takes_too_much_memory_is_named():
    with pytest.raises(TemplateError) as caught:
        contained(work, ["a", "a gigabyte"], refused, Limits(memory_bytes=100 * 2**20))
    assert (caught.value.where, caught.value.what) == ("a gigabyte", "takes more than 100 MB")


def test_the_time_of_a_job_is_its_own_and_not_that_of_all():
    assert len(contained(worked_for_a_while, list(range(8)), refused, Limits(cpu_seconds=0.3))) == 8


def worked_for_a_while(job: int) -> int:
    started = time.process_time()
    while time.process_time() - started < 0.1:
        pass
    return job


def test_a_job_that_ends_the_program_is_named_only_after_a_fresh_interpreter_has_tried_it_too():
    with pytest.raises(TemplateError) as caught:
        contained(work, ["a", "a crash"], refused)
    assert caught.value.where == "a crash"


def test_a_fork_that_waits_for_a_lock_of_its_parent_is_asked_again_of_a_fresh_interpreter():
    with LOCK:
        asked = contained(work, ["a", "a lock", "c"], refused, Limits(quiet_seconds=0.5))
    assert asked == ["A", "in a fresh interpreter", "C"]


def test_what_a_job_raises_is_raised_here():
    with pytest.raises(TemplateError, match=r"t\.j2:3: what"):
        contained(work, ["a mistake of its author"], refused)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        contained(work, ["a mistake of ours"], refused)


def test_a_child_prints_nothing_and_holds_no_lock_of_its_parent(tmp_path, capfd):
    file = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    reader, writer = os.pipe()
    waiting = threading.Thread(target=contained, args=(held_open, [str(reader)], refused))
    waiting.start()
    time.sleep(0.3)
    os.close(file)
    again = os.open(tmp_path / "lock", os.O_RDWR)
    assert locked(again, seconds=1.5)  # before the child ends by itself
    os.close(writer)
    waiting.join()
    os.close(reader)
    os.close(again)
    contained(work, [f"print into {tmp_path / 'printed'}"], refused)
    assert (tmp_path / "printed").read_text("utf-8") == "done"
    assert capfd.readouterr().out == ""


def locked(file: int, seconds: float) -> bool:
    """Whether a lock can be had; a child that begins late on a busy machine is waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def held_open(_: str) -> str:
    time.sleep(2)
    return "done"
