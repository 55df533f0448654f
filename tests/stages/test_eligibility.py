from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.channels import CHANNELS
from flows.clock import Moment
from flows.product import Product
from flows.stages.eligibility import Bars, eligible, rechecked, standing
from tests.stages.making import (
    MOMENT,
    NOW,
    TARGETS,
    TODAY,
    bars,
    candidates,
    channels,
    history,
    people,
    product,
)

AGO = [NOW - timedelta(days=days) for days in range(10)]
LATER = NOW + timedelta(days=1)
ADS = {"nordtal": {"email": "email_file", "ads": "ads_audiences"}}
SERVICE = {"message_type": "service", "topic": "orders"}


def reasons(found: Bars, of: Product | None = None, past: pl.DataFrame | None = None) -> dict[str, str | None]:
    """Customer -> reason, for one candidate per person."""
    of = of or product()
    rows = candidates(*found.people.select("customer_id", "brand").to_dicts(), of=of)
    got = eligible(rows, found, history() if past is None else past, of, channels(of), TARGETS, MOMENT)
    return dict(got.select("customer_id", "reason").iter_rows())


def reason(found: Bars, of: Product | None = None, past: pl.DataFrame | None = None) -> str | None:
    return reasons(found, of, past)["c1"]


# Addresses.


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (("email", "c1@example.com", "nordtal"), "SUPPRESSED"),
        (("email", "c1@example.com", "*"), "SUPPRESSED"),
        (("*", "c1@example.com", "*"), "SUPPRESSED"),
        (("*", "c1@example.com", "nordtal"), "SUPPRESSED"),
        (("email", "c1@example.com", "seewind"), None),
        (("sms", "c1@example.com", "*"), None),
        (("email", "c2@example.com", "*"), None),
    ],
)
def test_an_address_is_suppressed_for_a_brand_or_all_on_a_channel_or_all(entry, expected):
    by_mail = product(channels={"first_of": ["email"]})
    assert reason(bars(people("c1"), suppressed=[entry]), by_mail) == expected


def test_a_suppression_bars_whoever_has_the_address():
    who = people("c1", {"customer_id": "c2", "email_match": "c1@example.com"}, "c3")
    found = bars(who, suppressed=[("email", "c1@example.com", "*"), ("email", "c1@example.com", "nordtal")])
    by_mail = product(channels={"first_of": ["email"]})
    assert reasons(found, by_mail) == {"c1": "SUPPRESSED", "c2": "SUPPRESSED", "c3": None}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (("sms", "+49c1", "*"), None),
        (("ads", "+49c1", "nordtal"), None),
        (("*", "+49c1", "*"), None),
        (("email", "+49c1", "*"), "+49c1"),
        (("sms", "+49c1", "seewind"), "+49c1"),
        (("sms", "+49c2", "*"), "+49c1"),
    ],
)
def test_an_ad_platform_knows_people_by_their_number_too_unless_it_is_suppressed_for_texts_or_ads(entry, expected):
    found = bars(people("c1"), suppressed=[entry])
    got = standing(candidates({}), found, product(), [CHANNELS["email"], CHANNELS["ads"]], ADS, NOW)
    assert got.select("ads_reason", "ads_address", "ads_phone").row(0) == (None, "c1@example.com", expected)
    assert "email_phone" not in got.columns


def test_an_address_that_cannot_be_one_and_none_at_all_are_told_apart():
    none = {"email": None, "email_match": None}
    who = people(
        {"customer_id": "c1", **none, "email_fault": "syntax"},
        {"customer_id": "c2", **none, "email_fault": "absent"},
        "c3",
    )
    by_mail = product(channels={"first_of": ["email"]})
    assert reasons(bars(who), by_mail) == {"c1": "BAD_ADDRESS", "c2": "UNREACHABLE", "c3": None}


def test_an_app_without_a_token_cannot_be_reached():
    who = people({"customer_id": "c1", "push_token": None}, "c2")
    assert reasons(bars(who), product(channels={"first_of": ["push"]})) == {"c1": "UNREACHABLE", "c2": None}


def test_on_a_channel_for_which_the_brand_has_no_target_nobody_is_reached():
    who = people("c1", brand="seewind")
    assert reason(bars(who), product(channels={"first_of": ["sms"]})) == "UNREACHABLE"
    assert reason(bars(who), product(channels={"first_of": ["sms", "email"]})) is None


def test_who_is_in_a_segment_but_not_among_the_customers_is_unreachable():
    found = bars(people("c2"), {"customer_id": "c1"})
    of = product()
    got = eligible(candidates({}, of=of), found, history(), of, channels(of), TARGETS, MOMENT)
    names = ["reason", "person_key", "email_address", "country"]
    assert got.select(names).row(0) == ("UNREACHABLE", None, None, None)


# Exclusions.


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, "EXCLUDED"),
        ({"brand": "nordtal"}, "EXCLUDED"),
        ({"brand": "seewind"}, None),
        ({"product": "care_guide"}, "EXCLUDED"),
        ({"product": "other"}, None),
        ({"message_type": "marketing"}, "EXCLUDED"),
        ({"message_type": "service"}, None),
        ({"until": LATER}, "EXCLUDED"),
        ({"until": NOW}, None),
        ({"until": AGO[1]}, None),
        ({"channel": "email"}, None),
        ({"customer_id": "c2"}, None),
        ({"brand": "*", "product": "*", "channel": "*", "message_type": "*"}, "EXCLUDED"),
        ({"brand": "*", "product": "other"}, None),
        ({"channel": "fax"}, "EXCLUDED"),
    ],
)
def test_an_exclusion_bars_whom_and_what_it_names(entry, expected):
    assert reason(bars(people("c1"), excluded=[{"customer_id": "c1"} | entry])) == expected


def test_an_exclusion_is_told_with_every_file_that_names_the_person_for_the_brand():
    named = [
        ("c1", None, "staff"),
        ("c1", "nordtal", "complaint"),
        ("c1", "nordtal", "staff"),
        ("c1", "seewind", "legal"),
    ]
    named += [("c2", "seewind", "legal"), ("c3", "nordtal", "complaint"), ("gone", None, "staff")]
    rows = [{"customer_id": who, "brand": brand, "detail": file} for who, brand, file in named]
    found = bars(people("c1", "c2", "c3", "gone"), excluded=rows, erased=["gone"])
    asked = candidates(*({"customer_id": who} for who in ("c1", "c2", "c3", "gone")))
    got = standing(asked, found, product(), channels(product()), TARGETS, NOW)
    assert got.select("reason", "detail").rows() == [
        ("EXCLUDED", "complaint, staff"), (None, None), ("EXCLUDED", "complaint"), ("ERASED", None)
    ]  # fmt: skip


def test_an_exclusion_from_one_channel_is_told_with_its_file():
    of = product()
    found = bars(people("c1"), excluded=[{"customer_id": "c1", "channel": "web", "detail": "no_cookies"}])
    got = eligible(candidates({}, of=of), found, history(), of, channels(of), TARGETS, MOMENT)
    names = ["reason", "detail", "web_reason", "web_detail", "email_detail"]
    assert got.select(names).row(0) == (None, None, "EXCLUDED", "no_cookies", None)


def test_an_exclusion_from_one_channel_leaves_the_others_open():
    found = bars(people("c1"), excluded=[{"customer_id": "c1", "channel": "email", "brand": "nordtal"}])
    got = standing(candidates({}), found, product(), channels(product()), TARGETS, NOW)
    names = ["reason", "email_reason", "sms_reason", "web_reason"]
    assert got.select(names).row(0) == (None, "EXCLUDED", None, None)
    assert reason(found, product(channels={"first_of": ["email"]})) == "EXCLUDED"


# Which reason is told.


def test_of_several_reasons_the_first_in_the_precedence_is_told():
    nothing = {"email": None, "email_match": "c1@example.com", "email_fault": "syntax"}
    who = people({"customer_id": "c1", **nothing})
    by_mail = product(channels={"first_of": ["email"]})
    no = {"state": "no"}
    suppressed = [("email", "c1@example.com", "*")]
    excluded = [{"customer_id": "c1"}]
    past = history({})
    assert reason(bars(who, no, suppressed=suppressed, excluded=excluded, erased=["c1"]), by_mail, past) == "ERASED"
    assert reason(bars(who, no, suppressed=suppressed, excluded=excluded), by_mail, past) == "EXCLUDED"
    assert reason(bars(who, no, suppressed=suppressed), by_mail, past) == "SUPPRESSED"
    assert reason(bars(who, no), by_mail, past) == "NO_CONSENT"
    assert reason(bars(who), by_mail, past) == "BAD_ADDRESS"
    assert reason(bars(people("c1")), by_mail, past) == "REPEATED"


def test_with_every_channel_closed_the_reason_of_the_one_that_got_furthest_is_told():
    who = people({"customer_id": "c1", "phone": None, "phone_match": None, "phone_fault": "absent"})
    found = bars(who, {}, {"channel": "email", "state": "no"})
    assert reason(found) == "UNREACHABLE"
    assert reason(found, product(channels={"first_of": ["email"], "also": ["web"]})) == "NO_CONSENT"


def test_every_channel_that_is_closed_is_named_with_its_reason():
    of = product()
    found = bars(people("c1", "c2"), {}, {"channel": "email", "state": "no"}, {"customer_id": "c2"})
    rows = candidates({}, {"customer_id": "c2"}, of=of)
    got = eligible(rows, found, history(), of, channels(of), TARGETS, MOMENT)
    assert got.select("email_reason", "sms_reason", "web_reason").rows() == [("NO_CONSENT", None, None), (None,) * 3]


def test_one_open_channel_is_enough_and_those_that_go_along_do_not_count():
    found = bars(people("c1"), {"channel": "sms"})
    assert reason(found) is None
    assert reason(found, product(channels={"first_of": ["email"], "also": ["sms"]})) == "NO_CONSENT"


def test_a_product_that_only_goes_along_needs_one_of_those_channels():
    also = product(channels={"also": ["web", "push"]})
    assert reason(bars(people("c1")), also) is None
    assert reason(bars(people("c1"), {"channel": "push"}), also) is None
    assert reason(bars(people("c1"), {"channel": "email"}), also) == "NO_CONSENT"


def test_an_occasion_that_is_over_is_told_before_a_repetition():
    of = product()
    ends = [NOW, NOW + timedelta(microseconds=1), AGO[1]]
    rows = candidates(*({"customer_id": f"c{n}", "valid_until": end} for n, end in enumerate(ends)), of=of)
    found = bars(people("c0", "c1", "c2"))
    got = eligible(rows, found, history({"customer": "c2"}), of, channels(of), TARGETS, MOMENT)
    assert got["reason"].to_list() == ["STALE_CONTEXT", None, "STALE_CONTEXT"]


def test_rows_keep_their_order_and_their_columns():
    of = product()
    rows = candidates(*({"customer_id": f"c{n}", "item": f"i{n}"} for n in (3, 1, 2)), of=of)
    got = eligible(rows, bars(people("c1", "c2", "c3")), history(), of, channels(of), TARGETS, MOMENT)
    assert_frame_equal(got.select(rows.columns), rows)
    contacts = [
        f"{c}_{what}" for c in ("email", "sms", "web") for what in ("address", "match", "reason", "detail", "event")
    ]
    assert set(got.columns) == {
        *rows.columns,
        "reason",
        "detail",
        "person_key",
        "country",
        "locale",
        "time_zone",
        *contacts,
    }
    assert got["sms_address"].to_list() == ["+49c3", "+49c1", "+49c2"]
    assert got["web_match"].to_list() == ["c3", "c1", "c2"]


def test_nobody_is_eligible_where_there_are_no_candidates():
    of = product()
    got = eligible(candidates({}, of=of).clear(), bars(people("c1")), history(), of, channels(of), TARGETS, MOMENT)
    assert got.is_empty()


# Nothing twice.


def days_ago(days: int) -> dict:
    return {"as_of": TODAY - timedelta(days=days)}


def test_the_same_help_comes_again_once_the_time_is_over_and_not_a_day_before():
    for days, expected in [(1, "REPEATED"), (59, "REPEATED"), (60, None), (61, None)]:
        assert reason(bars(people("c1")), past=history(days_ago(days))) == expected


def test_hours_count_in_whole_days():
    often = product(once_every={"every": "36 hours"})
    for days, expected in [(1, "REPEATED"), (2, None)]:
        assert reason(bars(people("c1")), often, history(days_ago(days))) == expected


@pytest.mark.parametrize("other", [{"customer": "c2"}, {"brand": "seewind"}, {"product": "other"}])
def test_what_another_person_brand_or_product_had_is_no_repetition(other):
    assert reason(bars(people("c1")), past=history(other)) is None


def test_per_subject_another_order_may_have_its_help_and_per_person_not():
    past = history({"subject": "o1"} | days_ago(3))
    for per, expected in [("subject", ["REPEATED", None]), ("person", ["REPEATED", "REPEATED"])]:
        of = product(once_every={"every": "60 days", "per": per})
        rows = candidates({"subject_id": "o1"}, {"subject_id": "o2"}, of=of)
        got = eligible(rows, bars(people("c1")), past, of, channels(of), TARGETS, MOMENT)
        assert got["reason"].to_list() == expected


def test_per_subject_a_help_about_the_person_has_the_person_as_its_subject():
    of = product(once_every={"every": "60 days", "per": "subject"})
    assert reason(bars(people("c1")), of, history(days_ago(3))) == "REPEATED"
    assert reason(bars(people("c1")), of, history({"subject": "o1"} | days_ago(3))) is None


def test_there_is_one_marketing_decision_a_day_for_a_person_and_brand():
    today = {"as_of": TODAY, "product": "other"}
    assert reason(bars(people("c1")), past=history(today)) == "REPEATED"
    assert reason(bars(people("c1")), past=history(today | {"message_type": "service"})) is None
    assert reason(bars(people("c1", brand="seewind")), past=history(today)) is None
    assert reason(bars(people("c1")), product(**SERVICE), history(today)) is None


# The last look before a claim.


def deliveries(*rows: dict) -> pl.DataFrame:
    """Planned messages by e-mail to a@example.com, not c1's address any more; the web knows people by their id."""
    made = candidates(*({"valid_until": LATER, "product": "care_guide", "channel": "email"} | row for row in rows))
    planned = pl.Series("product", [row.get("product", "care_guide") for row in rows])
    keys = people(*made["customer_id"].unique().to_list()).select("customer_id", "person_key")
    address = pl.when(pl.col("channel") == "web").then("customer_id").otherwise(pl.lit("a@example.com"))
    return made.join(keys, on="customer_id", how="left", maintain_order="left").with_columns(
        planned, address=address, address_match=address, message_id=pl.format("m{}", pl.int_range(pl.len()))
    )


def checked(rows: pl.DataFrame, found: Bars, *products: Product, present=NOW) -> list[str | None]:
    by_name = {p.name: p for p in products or (product(),)}
    return rechecked(rows, found, by_name, CHANNELS, TARGETS, present)["reason"].to_list()


def test_what_was_planned_and_is_still_free_stays_as_it_was():
    rows = deliveries({"customer_id": "c2"}, {"customer_id": "c1"}, {"customer_id": "c1", "channel": "web"})
    found = bars(people("c1", "c2"))
    expected = rows.with_columns(reason=pl.lit(None, pl.String), consent_event=pl.lit("e"))
    expected = expected.sort("customer_id", "brand", "product", "message_id")
    assert_frame_equal(rechecked(rows, found, {"care_guide": product()}, CHANNELS, TARGETS, NOW), expected)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"erased": ["c1"]}, "ERASED"),
        ({"excluded": [{"customer_id": "c1"}]}, "EXCLUDED"),
        ({"excluded": [{"customer_id": "c1", "channel": "email"}]}, "EXCLUDED"),
        ({"excluded": [{"customer_id": "c1", "channel": "sms"}]}, None),
        ({"suppressed": [("email", "a@example.com", "*")]}, "SUPPRESSED"),
        ({"suppressed": [("email", "c1@example.com", "*")]}, None),
    ],
)
def test_what_bars_a_planned_message_by_now_is_told_at_the_address_it_was_planned_for(now, expected):
    assert checked(deliveries({}), bars(people("c1"), **now)) == [expected]


def test_who_is_no_customer_of_the_brand_any_more_gets_nothing_on_any_channel():
    rows = deliveries({}, {"channel": "web"}, {"customer_id": "c2"})
    left = replace(bars(people("c1", "c2")), people=people("c2"))  # what c1 said is still there
    assert checked(rows, left) == ["UNREACHABLE", "UNREACHABLE", None]


def test_an_opt_out_since_the_plan_stops_the_message_on_its_channel_only():
    rows = deliveries({}, {"channel": "sms"}, {"channel": "web"})
    found = bars(people("c1"), {}, {"state": "no", "channel": "email", "happened_at": NOW})
    assert checked(rows, found) == ["NO_CONSENT", None, None]


@pytest.mark.parametrize(("listed", "expected"), [("+49151", "SUPPRESSED"), ("+49c1", None)])
def test_a_number_that_is_suppressed_by_now_takes_the_members_of_an_audience_with_it_who_are_known_by_it(
    listed, expected
):
    planned = deliveries({"channel": "ads"}, {"channel": "ads", "customer_id": "c2"})
    rows = planned.with_columns(phone=pl.when(customer_id="c1").then(pl.lit("+49151")))
    found = bars(people("c1", "c2"), suppressed=[("sms", listed, "*")])
    now = rechecked(rows, found, {"care_guide": product()}, CHANNELS, ADS, NOW)
    assert now.select("customer_id", "reason").rows() == [("c1", expected), ("c2", None)]


def test_service_and_marketing_are_each_looked_at_by_their_own_rules():
    service = product("late", **SERVICE)
    rows = deliveries({}, {"product": "late", "subject_id": "o1"}, {"product": "late", "subject_id": "o2"})
    assert checked(rows, bars(people("c1"), {"customer_id": "c9"}), product(), service) == ["NO_CONSENT", None, None]


def test_a_message_that_has_lost_its_occasion_by_now_falls_away():
    rows = deliveries({"valid_until": NOW}, {"channel": "sms", "valid_until": LATER})
    assert checked(rows, bars(people("c1"))) == ["STALE_CONTEXT", None]
    assert checked(rows, bars(people("c1"), {"state": "no"})) == ["NO_CONSENT", "NO_CONSENT"]


def test_the_same_address_at_two_brands_is_looked_at_for_each():
    rows = deliveries({}, {"brand": "seewind"})
    both = bars(people("c1"), {}, {"brand": "seewind"}, suppressed=[("email", "a@example.com", "seewind")])
    assert checked(rows, both) == [None, "SUPPRESSED"]


def test_nothing_planned_is_nothing_to_look_at():
    none = deliveries({}).clear()
    got = rechecked(none, bars(people("c1")), {"care_guide": product()}, CHANNELS, TARGETS, NOW)
    nothing = pl.lit(None, pl.String)
    assert_frame_equal(got, none.with_columns(reason=nothing, consent_event=nothing))


def test_the_present_counts_for_exclusions_even_in_a_run_about_the_past():
    past = Moment(TODAY - timedelta(days=5), AGO[5], NOW, AGO[5])
    of = product()
    found = bars(people("c1"), excluded=[{"customer_id": "c1", "until": AGO[2]}])
    got = eligible(candidates({}, of=of), found, history(), of, channels(of), TARGETS, past)
    assert got["reason"].item() is None
