"""Whom campaigns leave out: what of them goes into a plan, and what a platform is told."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.audience import Audience
from flows.channels import CHANNELS, target
from flows.errors import GuardError
from flows.stages.audience import LEFT_OUT, left_out, once_per_address, told
from flows.stages.eligibility import standing
from tests.stages.making import KEY, NOW, TARGETS, bars, people, settings

AUDIENCE = Audience(name="buyers", why="They have it.", because=["last_order"])
WAYS = {brand: {**ways, "ads": "google_customer_match"} for brand, ways in TARGETS.items()}


def named(*customers, targeted=("last_order",), **given):
    who = people(*customers)
    rows = who.select("customer_id", "brand")
    known = standing(rows, bars(who, **given), AUDIENCE, [CHANNELS["ads"]], WAYS, NOW)
    return left_out(known, AUDIENCE, targeted, settings(targets=WAYS), KEY)


def test_who_may_be_told_has_an_address_and_an_id_that_is_the_same_on_every_day():
    person = KEY.of(pl.lit("c1"))
    whose = KEY.of("w", pl.lit("nordtal"), "exclude:buyers", person)
    expected = pl.DataFrame(
        {
            "customer_id": "c1",
            "brand": "nordtal",
            "product": "exclude:buyers",
            "person_key": pl.select(person).item(),
            "message_id": pl.select(whose).item(),
            "country": "DE",
            "target": "google_customer_match",
            "channel": "ads",
            "address": "c1@example.com",
            "address_match": "c1@example.com",
            "phone": "+49c1",
        }
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in LEFT_OUT.items() if name not in expected.columns]
    assert_frame_equal(named("c1"), expected.with_columns(missing).select(LEFT_OUT.names()))


def test_of_who_may_not_be_told_no_address_is_kept_and_of_who_was_forgotten_no_name():
    nowhere = {"customer_id": "c3", "email": None, "email_match": None, "email_fault": "absent"}
    found = named("c1", "c2", nowhere, erased=["c2"], suppressed=[("ads", "c1@example.com", "*")])
    key = pl.select(KEY.of(pl.lit("c2"))).item()
    reasons = found.select("customer_id", "reason", "address", "address_match", "phone").rows()
    assert reasons == [
        ("c1", "SUPPRESSED", None, None, None),
        (key, "ERASED", None, None, None),
        ("c3", "UNREACHABLE", None, None, None),
    ]


def test_four_dimensions_in_common_are_never_handed_over():
    with pytest.raises(GuardError) as caught:
        named("c1", targeted=["age", "home", "last_order", "name"])
    assert (caught.value.where, caught.value.what) == (
        "sql/audiences/buyers",
        "an audience would have 4 dimensions in common: age, home, last_order, name",
    )


def test_an_address_is_told_once_for_the_lowest_customer_who_may_be_told_of_it():
    one = {"email": "pair@example.com", "email_match": "pair@example.com"}
    rows = named(*({"customer_id": name, **one} for name in ("c3", "c1", "c2")), excluded=[{"customer_id": "c1"}])
    found = once_per_address(pl.concat([rows, rows.with_columns(product=pl.lit("exclude:others"))]))
    mine = found.filter(product="exclude:buyers").select("customer_id", "reason").rows()
    assert mine == [("c1", "EXCLUDED"), ("c2", None), ("c3", "DUPLICATE_ADDRESS")]
    assert found["reason"].value_counts().sort("reason").rows() == [
        (None, 2),
        ("DUPLICATE_ADDRESS", 2),
        ("EXCLUDED", 2),
    ]


def test_a_platform_is_told_identifiers_under_a_name_made_of_workspace_brand_and_audience():
    to = target("google_customer_match")
    rows = named("c2", "c1")
    about = hashlib.sha256(b"w\x1fnordtal\x1fexclude:buyers").hexdigest()
    name = hashlib.sha256(f"{about}\x1f\x1f".encode()).hexdigest()[:12]
    digests = [hashlib.sha256(f"{who}@example.com".encode()).hexdigest() for who in ("c1", "c2")]
    expected = pl.DataFrame(
        {"message_id": rows.sort("customer_id")["message_id"], "audience": f"a-{name}", "Email": digests}
    ).with_columns(Phone=pl.lit(None, pl.String))
    assert_frame_equal(told(rows, to, "w"), expected)
