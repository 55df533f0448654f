"""What an ad platform holds: audiences of a least size, from which whoever leaves is taken away, and nobody else."""

from __future__ import annotations

import hashlib

import pytest

from flows.ledger.inbox import Notice
from tests.line.test_opt_outs import say
from tests.tiny import PEOPLE, crowd, day, make

# Of the people of `tests.tiny` with a need, these can be in an audience: c02 and c03 share an address, and so do c04 and c05;
# c06 has none, c10's is none, c11's is suppressed. With the others they are 102 people, at 100 addresses.
CARE = ["ann@x.example.com", "pair@x.example.com", "tie@x.example.com", "mia@x.example.com"]
OTHERS = [email for _, _, email, *_ in crowd(96)]


@pytest.fixture
def tiny(tmp_path):
    tiny = make(tmp_path / "tiny", people=[*PEOPLE, *crowd(96)], brands=["north"])
    tiny.advertise(least=100)
    return tiny


def hashed(*addresses):
    return sorted(hashlib.sha256(address.encode()).hexdigest() for address in addresses)


def audiences(tiny):
    """Audience -> hashes, as a platform holds them that has loaded every file in order."""
    held = {}
    for batch in tiny.batches():
        if batch.target == "ads_audiences":
            for row in batch.rows:
                members = held.setdefault(row["audience"], set())
                (members.discard if row["_mode"] == "remove" else members.add)(row["email_sha256"])
    return {name: sorted(members) for name, members in held.items() if members}


def ads(outcome):
    (published,) = [p for p in outcome.delivered.published if p.target == "ads_audiences"]
    return published


@pytest.mark.slow
def test_whoever_can_be_helped_and_agreed_is_in_the_audience_by_the_hash_of_their_address(tiny):
    outcome = tiny.run()
    (members,) = audiences(tiny).values()
    assert members == hashed(*CARE, *OTHERS)
    (batch,) = [batch for batch in tiny.batches() if batch.target == "ads_audiences"]
    assert {(row["headline"], row["description"], row["label"]) for row in batch.rows} == {
        ("Care", "It lasts longer.", "Read the guide")
    }
    assert batch.manifest["kind"] == "state"
    assert ads(outcome).dropped == {}
    assert tiny.history("SELECT count(*) FROM claim WHERE channel = 'ads'") == [(0,)]


def test_an_audience_of_too_few_is_not_handed_over_and_the_plan_says_why(tiny):
    tiny.edit("pyproject.toml", "smallest_audience = 100", "smallest_audience = 101")
    plan = tiny.plan()
    assert plan.deliveries["marketing"].reasons["AUDIENCE_TOO_SMALL"] == 100
    assert "ads_audiences" not in {count.target for count in plan.counts}
    outcome = tiny.run()
    assert (ads(outcome).folder, audiences(tiny)) == (None, {})
    assert tiny.batches() != []


@pytest.mark.slow
def test_an_audience_that_falls_below_its_least_size_after_the_plan_is_not_handed_over(tiny):
    tiny.set(tolerated_share=1)
    plan = tiny.plan()
    tiny.says("c13")
    done = tiny.deliver(plan.order.run_id)
    (published,) = [p for p in done.published if p.target == "ads_audiences"]
    assert (published.folder, published.dropped) == (None, {"NO_CONSENT": 1, "AUDIENCE_TOO_SMALL": 99})


@pytest.mark.slow
def test_who_leaves_is_taken_away_and_the_others_stay_though_they_have_become_few(tiny):
    tiny.run()
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07', 'p00000')")  # of these one is in it
    tiny.says("c13")
    outcome = tiny.run(at=day(1))
    assert (ads(outcome).removed, ads(outcome).unchanged) == (2, 98)
    (members,) = audiences(tiny).values()
    assert members == hashed(*CARE[:3], *OTHERS[1:])


@pytest.mark.slow
def test_what_is_judged_is_the_audience_that_results_not_what_is_added(tiny):
    tiny.run()
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.warehouse("INSERT INTO people VALUES ('c20', 'north', 'DE', 'en', 'new@x.example.com', NULL, 'New')")
    tiny.warehouse("INSERT INTO needs VALUES ('c20', 'north', 'tent', 4, TIMESTAMP '2026-01-01')")
    tiny.says("c20", "yes")
    outcome = tiny.run(at=day(1))
    assert (ads(outcome).rows, ads(outcome).removed) == (1, 0)
    (members,) = audiences(tiny).values()
    assert members == hashed(*CARE, *OTHERS, "new@x.example.com")


@pytest.mark.slow
def test_an_address_that_somebody_else_still_brings_is_not_taken_away(tiny):
    tiny.run()  # of c04 and c05, who share an address, c04 is in
    tiny.run(at=day(1))  # and now c05 as well
    tiny.says("c04")
    outcome = tiny.run(at=day(2))
    assert ads(outcome).removed == 0
    (members,) = audiences(tiny).values()
    assert members == hashed(*CARE, *OTHERS, "gus@x.example.com")  # c07 had a late order on the first day


@pytest.mark.slow
def test_a_run_for_another_product_or_for_a_few_customers_takes_nobody_else_away(tiny):
    tiny.run()
    tiny.says("c13")
    tiny.says("c01")
    tiny.run(at=day(1), products=("late",))
    assert list(audiences(tiny).values()) == [hashed(*CARE, *OTHERS)]
    tiny.run(at=day(1), customers=("c01",))
    assert list(audiences(tiny).values()) == [hashed(*CARE[1:], *OTHERS)]
    tiny.run(at=day(1))
    assert list(audiences(tiny).values()) == [hashed(*CARE[1:3], *OTHERS)]


@pytest.mark.slow
def test_a_number_that_is_suppressed_while_a_batch_is_made_leaves_it_with_its_owner(tiny, while_staged):
    """It goes along with the address, so it is looked at wherever an address is: also at the seal."""
    numbered = "+4915112345601"
    tiny.edit("pyproject.toml", 'ads = "ads_audiences"', 'ads = "meta_custom_audience"')
    while_staged("meta_custom_audience", lambda: say(tiny, Notice(address=f"00{numbered[1:]}", channel="sms")))
    outcome = tiny.run()
    (published,) = [p for p in outcome.delivered.published if p.target == "meta_custom_audience"]
    assert (published.rows, published.dropped) == (99, {"SUPPRESSED": 1})
    (batch,) = [batch for batch in tiny.batches() if batch.target == "meta_custom_audience"]
    payload = b"".join(batch.payload.values()).decode()
    assert hashed(numbered[1:])[0] not in payload
    assert hashed("ann@x.example.com")[0] not in payload
    assert hashed("mia@x.example.com")[0] in payload


def test_a_service_message_is_shown_by_ads_only_to_who_agreed_to_them(tiny):
    """The platform learns who is meant: that needs a yes, though the message itself does not."""
    (tiny.folder / "templates/late/ads.j2").write_text(
        "{% block headline %}Late{% endblock %}{% block description %}See when.{% endblock %}", "utf-8"
    )
    tiny.edit("templates/late/product.yaml", "also: [web]", "also: [web, ads]")
    tiny.warehouse("DELETE FROM consents WHERE customer_id = 'c08'")
    plan = tiny.plan()
    assert plan.deliveries["service"].reasons["NO_CONSENT"] == 2
    assert plan.deliveries["service"].reasons["CROWD_TOO_SMALL"] == 1  # who agreed is alone
    assert {(count.product, count.target): count.rows for count in plan.counts}["late", "email_file"] == 3
