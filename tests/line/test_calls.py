"""A help that people bring by telephone is decided, agreed to, and capped like every other message."""

from __future__ import annotations

import pytest

from flows.errors import SettingError
from tests.tiny import make


@pytest.fixture
def tiny(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    words = "{% block headline %}Care{% endblock %}{% block body %}Ask how the {{ item or 'kit' }} does.{% endblock %}"
    (tiny.folder / "templates/care/call.j2").write_text(words, "utf-8")
    tiny.edit("templates/care/product.yaml", "also: [web]", "also: [web, call]")
    tiny.edit("pyproject.toml", 'web = "web_profiles"', 'web = "web_profiles"\ncall = "call_sheet"')
    return tiny


def calls(tiny):
    return [row for batch in tiny.batches() if batch.target == "call_sheet" for row in batch.rows]


def test_whoever_agreed_to_be_called_is_on_the_sheet_once_and_nobody_else(tiny):
    tiny.says("c01", "yes", channel="call")
    tiny.says("c02", "no", channel="call")
    tiny.run()
    found = calls(tiny)
    assert [row["customer_id"] for row in found if row["customer_id"] in {"c01", "c02"}] == ["c01"]
    assert {row["headline"] for row in found} == {"Care"}
    assert tiny.history("SELECT count(*) FROM claim WHERE channel = 'call'") == [(len(found),)]
    tiny.run()
    assert calls(tiny) == found


def test_a_target_that_nobody_has_judged_is_switched_on_by_name(tiny):
    tiny.edit("pyproject.toml", 'sms = "sms_file"', 'sms = "sfmc_mobileconnect"')
    with pytest.raises(SettingError, match=r"targets.north.sms: nobody but ourselves.*\n.*add 'sfmc_mobileconnect'"):
        tiny.load()
    tiny.edit("pyproject.toml", 'name = "tiny"', 'name = "tiny"\nunverified = ["sfmc_mobileconnect"]')
    assert tiny.load().target("sfmc_mobileconnect").unverified
