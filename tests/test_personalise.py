"""The flow's form, its deployments, and the border that no customer's data crosses."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

import polars as pl
import pytest
import yaml
from prefect import Flow
from prefect.states import Failed
from prefect.utilities.callables import parameter_schema

from flows.channels import targets
from flows.errors import DataError, JustEnoughError, LockedError
from flows.ledger import inbox
from flows.personalise import (
    _may_pass,
    deliver,
    meet,
    personalise,
    plan_part,
    prepare,
    publish,
    settle,
    without_data,
    word_part,
)

ROOT = Path(__file__).resolve().parent.parent
CANARY = "anna.berg@example.com"


# ---- the form


def test_every_field_of_the_form_is_described():
    properties = parameter_schema(personalise).properties
    assert [name for name, field in properties.items() if not field.get("description")] == []


def test_what_to_do_is_a_dropdown_and_targets_are_the_registered_ones():
    properties = parameter_schema(personalise).properties
    assert properties["what"]["enum"] == ["plan and deliver", "plan only", "deliver a plan"]
    assert properties["what"]["default"] == "plan and deliver"
    assert properties["targets"]["items"]["enum"] == sorted(targets())
    assert properties["allow_past"]["type"] == "boolean"
    assert {"format": "date", "type": "string"} in properties["as_of"]["anyOf"]
    assert {"type": "integer", "minimum": 1, "maximum": 4096} in properties["parts"]["anyOf"]


def test_nothing_in_the_form_must_be_filled_in():
    assert parameter_schema(personalise).required == []


# ---- the tasks


def test_planning_is_tried_again_and_publishing_is_not():
    assert (plan_part.retries, settle.retries, publish.retries) == (2, 2, 0)


def test_what_workers_plan_and_word_is_tried_again_and_what_they_deliver_is_not():
    assert [task.retries for task in (meet, word_part, prepare, deliver)] == [2, 2, 0, 0]


def test_no_task_of_a_worker_keeps_its_result():
    tasks = (meet, word_part, prepare, deliver)
    assert [task.persist_result for task in tasks] == [False] * 4
    assert [task.log_prints for task in tasks] == [False] * 4


def test_no_task_keeps_its_result():
    assert [task.persist_result for task in (plan_part, settle, publish)] == [False] * 3
    assert personalise.persist_result is False
    assert [task.log_prints for task in (plan_part, settle, publish)] == [False] * 3


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        (LockedError("ledger.duckdb", "process 7 has it open", "wait"), True),
        (JustEnoughError("part 3", "OSError at flows/durable.py:60", "report it"), True),
        (DataError("sql/customers.sql", "the column 'email' is missing", "mend it"), False),
    ],
)
def test_what_a_person_must_mend_is_not_tried_again(problem, again):
    assert _may_pass(plan_part, None, Failed(data=problem)) is again  # type: ignore[arg-type]


# ---- what Prefect is told of an error


def test_the_words_of_an_unknown_error_stay_here_and_its_place_is_told(tmp_path):
    missing = [tmp_path / f"{CANARY}.ndjson"]
    with pytest.raises(FileNotFoundError, match=CANARY):
        inbox.read(missing)
    place = r"part 3: FileNotFoundError at flows/ledger/inbox\.py:\d+"
    with pytest.raises(JustEnoughError, match=place) as caught, without_data("part 3"):
        inbox.read(missing)
    assert CANARY not in _told(caught.value)


def test_what_polars_panics_at_is_told_as_every_error_is():
    with (
        pytest.raises(JustEnoughError, match=r"part 3: PanicException at flows/personalise\.py:\d+"),
        without_data("part 3"),
    ):
        pl.Series([2**31 - 1]).cast(pl.Date).dt.strftime("%Y")


def test_our_own_error_goes_through_without_what_led_to_it():
    with pytest.raises(DataError, match="cannot be cast") as caught, without_data("part 3"):
        _refuse_what_quotes_a_customer()
    assert CANARY not in _told(caught.value)


# ---- prefect.yaml


def test_each_deployment_names_the_flow_by_its_module():
    for deployment in _deployments().values():
        module, _, name = deployment["entrypoint"].rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), name), Flow)


def test_one_deployment_runs_every_night_and_one_only_by_hand():
    nightly, manual = _deployments()["nightly"], _deployments()["manual"]
    assert nightly["schedules"] == [{"cron": "30 4 * * *", "timezone": "Europe/Berlin", "slug": "nightly"}]
    assert "schedules" not in manual
    for deployment in (nightly, manual):
        assert deployment["description"]
        assert deployment["work_pool"] == {"name": "local-process"}
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        assert set(deployment["parameters"]) <= set(parameter_schema(personalise).properties)


def test_the_folder_of_a_deployment_is_said_at_the_deploy():
    step = _prefect_yaml()["pull"][0]["prefect.deployments.steps.set_working_directory"]
    assert step == {"directory": "{{ $JUSTENOUGH_HOME }}"}


def _refuse_what_quotes_a_customer() -> None:
    try:
        int(CANARY)
    except ValueError as problem:
        raise DataError("sql/customers.sql", "a value cannot be cast to INTEGER", "use TRY_CAST") from problem


def _told(problem: BaseException) -> str:
    return "".join(traceback.format_exception(problem))


def _prefect_yaml() -> dict:
    return yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))


def _deployments() -> dict[str, dict]:
    return {deployment["name"]: deployment for deployment in _prefect_yaml()["deployments"]}
