"""The door to Dask, as far as it goes without Dask: settings, what is missing, and what workers are called."""

from __future__ import annotations

import os
import pickle
import sys
from socket import gethostname

import pytest

from flows.cluster import Worked, attempt, cluster, result, worked
from flows.errors import DataError, SettingError
from flows.settings import load_settings
from tests.tiny import make


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


class KilledWorker(Exception):  # noqa: N818  (Dask calls its own so)
    """What Dask raises when the last of the workers that had a task has ended."""


class Ended:
    """A task that has failed."""

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def result(self) -> None:
        raise self.problem


def test_threads_are_the_default_and_a_cluster_is_a_setting(tiny, monkeypatch):
    settings = load_settings(tiny.folder)
    assert (settings.runner, settings.dask_address, settings.dask_workers) == ("threads", None, None)
    tiny.set(runner="dask", dask_workers=4)
    monkeypatch.setenv("JUSTENOUGH_DASK_ADDRESS", "tls://scheduler.internal:8786")
    settings = load_settings(tiny.folder)
    assert (settings.runner, settings.dask_address, settings.dask_workers) == (
        "dask",
        "tls://scheduler.internal:8786",
        4,
    )


@pytest.mark.parametrize("address", ["10.0.0.5:8786", "http://10.0.0.5:8786", "tcp://10.0.0.5", "tcp://a b:8786"])
def test_an_address_of_no_scheduler_is_refused(tiny, address):
    tiny.set(dask_address=address)
    with pytest.raises(SettingError, match="dask_address: this is no address of a scheduler") as caught:
        load_settings(tiny.folder)
    assert caught.value.hint == "write it as in tcp://10.0.0.5:8786"


def test_where_dask_is_not_installed_the_next_step_is_told(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(SettingError) as caught, cluster(load_settings(tiny.folder)):
        pass
    assert caught.value.where == "pyproject.toml: tool.justenough.runner"
    assert caught.value.what == "'dask' needs prefect-dask and distributed"
    assert caught.value.hint == "pip install 'justenough[dask]', or set runner = \"threads\""


def test_who_planned_and_delivers_does_not_decide_what_is_said(tiny):
    before = tiny.load().inputs_digest
    tiny.set(runner="dask", dask_address="tcp://10.0.0.5:8786", dask_workers=2)
    assert tiny.load().inputs_digest == before


def test_two_who_work_on_the_same_part_have_names_of_their_own_that_tell_process_and_part():
    first, second = (worked("plan", 7, lambda apart: {"people": len(apart)}) for _ in range(2))
    assert first.apart != second.apart
    here = f"{gethostname()}-{os.getpid()}"
    for each in (first, second):
        assert each.apart.startswith(f"plan-0007-{here}-")
        assert each.apart.startswith(attempt("plan", 7))
        assert (each.part, each.worker, each.found) == (7, here, {"people": len(each.apart)})
    assert pickle.loads(pickle.dumps(first)) == first


def test_names_of_one_part_are_not_those_of_another():
    assert not "plan-0012-host-1-ab".startswith(attempt("plan", 1))
    assert not "word-0001-host-1-ab".startswith(attempt("plan", 1))


def test_a_part_whose_workers_all_ended_says_what_to_do():
    with pytest.raises(SettingError, match="each of the workers that a part was given to ended") as caught:
        result(Ended(KilledWorker("plan_part-0815", "anna@example.com")))
    assert "anna" not in str(caught.value)
    assert "`memory`" in caught.value.hint


def test_another_error_of_a_task_goes_through():
    with pytest.raises(DataError, match="cannot be cast"):
        result(Ended(DataError("sql/customers.sql", "a value cannot be cast", "use TRY_CAST")))


def test_what_is_told_of_a_part_has_nothing_of_a_person():
    assert list(Worked.__dataclass_fields__) == ["part", "apart", "worker", "seconds", "found"]
