"""Who would be told more than their platform takes gets nothing by it, and costs nobody else their message."""

from __future__ import annotations

import pytest

from flows import line
from flows.pages.explanation import candidate
from tests.tiny import CARED_FOR, MORNING, clock, make


@pytest.fixture
def tiny(tmp_path):
    """Braze takes 254 characters of a value; Ann's apostrophes are 300 in HTML."""
    tiny = make(tmp_path / "w", brands=["north"])
    tiny.edit("pyproject.toml", 'email = "email_file"', 'email = "braze"')
    tiny.warehouse("UPDATE people SET first_name = repeat('''', 60) WHERE customer_id = 'c01'")
    return tiny


def test_a_message_that_is_too_long_is_left_out_and_counted_and_the_others_leave(tiny):
    outcome = tiny.run(products=("care",))
    counts = outcome.plan.deliveries["marketing"]
    assert counts.is_balanced
    assert counts.reasons["UNREACHABLE"] == 1
    (mails,) = [seen for seen in tiny.batches() if seen.target == "braze"]
    by_mail = {customer for customer, brand in CARED_FOR if brand == "north"} - {"c06"}
    assert {row["external_id"] for row in mails.rows if "external_id" in row} == by_mail - {"c01"}
    assert tiny.history("SELECT count(*) FROM claim JOIN batch USING (batch_id) WHERE target = 'braze'") == [
        (len(by_mail) - 1,)
    ]
    (web,) = [seen for seen in tiny.batches() if seen.target == "web_profiles"]
    assert "c01" in {row["customer_id"] for row in web.rows}


def test_it_is_explained_with_the_platform_that_would_not_take_it(tiny):
    tiny.plan(products=("care",))
    with clock(MORNING):
        found = line.explain(tiny.load(), "c01")
    (told,) = [row for row in found.candidates if row["product"] == "care"]
    assert "  Not by email: the message is longer than braze takes (UNREACHABLE)." in candidate(found, told)
