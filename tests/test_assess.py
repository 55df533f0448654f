"""The form of assess under Prefect."""

from __future__ import annotations

import yaml
from prefect.utilities.callables import parameter_schema

from flows.assess import assess
from tests.house.tree import ROOT


def test_the_form_of_the_flow_is_described_and_nothing_must_be_filled_in():
    schema = parameter_schema(assess)
    assert schema.required == []
    assert [name for name, field in schema.properties.items() if not field.get("description")] == []
    assert assess.persist_result is False


def test_it_is_deployed_once_a_week():
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    (mine,) = [each for each in deployments if each["entrypoint"] == "flows.assess.assess"]
    assert (mine["name"], mine["schedules"][0]["cron"]) == ("weekly-capability", "30 7 * * 1")
