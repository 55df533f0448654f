"""The readout under Prefect: its form asks for no identity, and it comes every morning."""

from __future__ import annotations

import yaml
from prefect.utilities.callables import parameter_schema

from flows.readout import readout
from tests.house.tree import ROOT


def test_the_form_asks_for_nothing_but_the_folder():
    schema = parameter_schema(readout)
    assert set(schema.properties) == {"workspace"}
    assert schema.required == []
    assert schema.properties["workspace"]["description"]
    assert readout.persist_result is False


def test_it_comes_every_morning_after_the_main_job():
    listed = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    crons = {each["entrypoint"]: each["schedules"][0].get("cron") for each in listed if "schedules" in each}
    assert crons["flows.readout.readout"] == "0 7 * * *"
