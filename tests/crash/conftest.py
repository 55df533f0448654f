"""A tiny workspace on the morning of its second day, and what that day brings when nobody is killed."""

from __future__ import annotations

import pytest

from tests.tiny import day, make, payloads


@pytest.fixture(scope="session")
def second_day(tmp_path_factory):
    """One brand after its first day, with what the second brings."""
    tiny = make(tmp_path_factory.mktemp("crash") / "tiny", brands=["north"])
    tiny.run()
    tiny.warehouse(
        """
        INSERT INTO people VALUES
            ('c21', 'north', 'DE', 'en', 'une@x.example.com', NULL, 'Une'),
            ('c22', 'north', 'DE', 'en', NULL, '+4915112345622', 'Val'),
            ('c23', 'north', 'DE', 'en', 'une@x.example.com', NULL, 'Wim');
        INSERT INTO needs SELECT customer_id, 'north', 'rope', 4, '2026-11-01' FROM people WHERE customer_id > 'c20';
        INSERT INTO consents SELECT 'y', customer_id, 'north', '*', '*', 'yes', '2026-11-01' FROM people
            WHERE customer_id > 'c20';
        INSERT INTO late_orders VALUES ('c06', 'north', 'o61', 'rope', 4);
        """
    )
    tiny.says("c01")
    return tiny


@pytest.fixture(scope="session")
def unkilled(second_day, tmp_path_factory):
    """What a run that is left alone publishes on the second day."""
    tiny = second_day.copy(tmp_path_factory.mktemp("unkilled") / "tiny")
    tiny.run(at=day(1))
    found = payloads(tiny.batches())
    assert {target for target, *_, when, _ in found if when == "2026-11-23"} == {
        "email_file",
        "sms_file",
        "web_profiles",
    }
    return found
