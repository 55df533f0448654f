"""What the ledger is asked for each message; and what a state target has to be told."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.caps import WINDOWS
from flows.clock import Moment
from flows.keys import Key
from flows.product import OnceEvery
from flows.schemas import INSTANT
from flows.stages.claims import MEMBERS, Reach, claimable, in_small_audiences, reconciled, since, without
from tests.stages.making import settings

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOMENT = Moment(NOW.date(), NOW, NOW, NOW.replace(hour=0))
KEY = Key("id", "0123456789abcdef" * 4)
ALL = {"care", "late"}


def member(customer, product="care", message=None, **changes):
    row = {
        "customer_id": customer,
        "brand": "north",
        "product": product,
        "subject_id": None,
        "message_type": "service" if product == "late" else "marketing",
        "person_key": customer,
        "message_id": message or f"{product}-{customer}",
        "decision_id": "d",
        "valid_until": NOW + timedelta(days=1),
        "channel": "web",
        "address": customer,
        "address_match": customer,
        "payload_sha256": "same",
        "audience": None,
    }
    return {**row, "identity": row["message_id"]} | changes


def members(*rows):
    return pl.DataFrame(list(rows), MEMBERS)


def told(published, wanted, *, barred=(), products=ALL, customers=(), now=NOW):
    """The message ids that are added, removed and held afterwards, and how many are unchanged."""
    barred = pl.DataFrame({"message_id": list(barred)}, {"message_id": pl.String})
    found = reconciled(members(*published), members(*wanted), barred, Reach(products, customers), now)
    ids = [sorted(frame["message_id"]) for frame in (found.additions, found.removals, found.members)]
    return (*ids, found.unchanged)


def test_what_is_new_is_added():
    assert told([], [member("c1")]) == (["care-c1"], [], ["care-c1"], 0)


def test_what_is_there_as_it_should_be_is_not_told_again():
    assert told([member("c1")], [member("c1")]) == ([], [], ["care-c1"], 1)


def test_what_says_something_else_now_is_told_again_in_its_place():
    assert told([member("c1")], [member("c1", payload_sha256="other")]) == (["care-c1"], [], ["care-c1"], 0)


def test_what_was_not_decided_again_stays_while_it_is_true():
    assert told([member("c1")], []) == ([], [], ["care-c1"], 1)


@pytest.mark.parametrize(("seconds", "gone"), [(-1, ["care-c1"]), (0, ["care-c1"]), (1, [])])
def test_what_is_true_no_longer_is_removed(seconds, gone):
    found = told([member("c1", valid_until=NOW + timedelta(seconds=seconds))], [])
    assert found[1] == gone


def test_what_is_barred_is_removed():
    assert told([member("c1"), member("c2")], [], barred=["care-c1"]) == ([], ["care-c1"], ["care-c2"], 1)


def test_a_newer_decision_takes_the_place_of_the_older():
    found = told([member("c1", message="old"), member("c2")], [member("c1", message="new")])
    assert found == (["new"], ["old"], ["care-c2", "new"], 1)


def test_a_help_about_another_order_takes_nobodys_place():
    published = [member("c1", "late", "o1", subject_id="o1")]
    wanted = [member("c1", "late", "o2", subject_id="o2")]
    assert told(published, wanted) == (["o2"], [], ["o1", "o2"], 1)


def test_a_marketing_help_about_another_subject_takes_the_place_of_the_older():
    published = [member("c1", message="old", subject_id="o1")]
    assert told(published, [member("c1", message="new", subject_id="o2")]) == (["new"], ["old"], ["new"], 0)


def test_another_brand_or_product_takes_nobodys_place():
    published = [member("c1", message="north")]
    wanted = [member("c1", message="south", brand="south"), member("c1", "late", "late", subject_id="o1")]
    assert told(published, wanted) == (["late", "south"], [], ["late", "north", "south"], 1)


def test_a_product_that_is_not_looked_at_stays_as_it_is():
    old = NOW - timedelta(days=1)
    published = [member("c1", valid_until=old), member("c2", "late", valid_until=old, subject_id="o1")]
    found = told(published, [], products={"late"}, barred=["care-c1"])
    assert found == ([], ["late-c2"], ["care-c1"], 0)


def test_a_person_who_is_not_looked_at_stays_as_they_are():
    old = NOW - timedelta(days=1)
    published = [member("c1", valid_until=old), member("c2", valid_until=old), member("c3")]
    found = told(published, [member("c2", message="new")], customers=("c2",), barred=["care-c3"])
    assert found == (["new"], ["care-c2"], ["care-c1", "care-c3", "new"], 0)


def test_identifiers_that_somebody_else_keeps_there_are_not_taken_away():
    published = [member("c1", identity="a-1 pair"), member("c2", identity="a-1 pair"), member("c3", identity="a-1 own")]
    assert told(published, [], barred=["care-c1", "care-c3"]) == ([], ["care-c3"], ["care-c2"], 1)
    assert told(published, [], barred=["care-c1", "care-c2"])[1] == ["care-c1"]  # once for both


@pytest.mark.parametrize(
    ("published", "held"),
    [
        ([], ["care-c2"]),
        ([{"message": "old"}], ["care-c2", "old"]),  # its own addition would have taken the place of this
        ([{"message": "care-c1"}], ["care-c1", "care-c2"]),  # as would its own, with other words
        ([{"customer": "c9", "message": "theirs", "identity": "c1 north"}], ["care-c2", "theirs"]),
        ([{"customer": "c3", "message": "another"}], ["care-c2"]),
    ],
)
def test_what_the_platform_holds_of_those_left_out_stays_noted(published, held):
    def row(customer="c1", message=None, identity=None):
        return member(customer, message=message, identity=identity or f"{customer} north")

    before = members(*(row(**{"customer": "c1", **change}) for change in published))
    found = without(members(row("c1"), row("c2")), before, pl.Series(["care-c1"]))
    assert sorted(found["message_id"]) == held


# Audiences.


def audience(name, *customers, **changes):
    return [member(customer, audience=name, **changes) for customer in customers]


def too_few(after, before=(), least=3):
    return sorted(in_small_audiences(members(*after), members(*before), least)["message_id"])


def test_an_audience_is_as_large_as_it_will_be_not_as_what_is_added():
    there = audience("a-1", "c1", "c2")
    assert too_few([*there, *audience("a-1", "c3")], there) == []
    assert too_few(audience("a-1", "c1", "c3"), there[:1]) == ["care-c3"]
    assert too_few([*audience("a-1", "c1", "c2", "c3"), *audience("a-2", "c4", "c5")]) == ["care-c4", "care-c5"]


def test_two_customers_with_one_address_are_one_person_of_an_audience():
    shared = audience("a-1", "c1", "c2", address_match="pair@x.example.com")
    assert too_few([*shared, *audience("a-1", "c3")]) == ["care-c1", "care-c2", "care-c3"]


def test_what_is_no_audience_is_never_too_small():
    assert too_few([member("c1")]) == []


def test_who_is_in_an_audience_already_stays_though_it_has_become_small():
    there = audience("a-1", "c1")
    assert too_few([*there, *audience("a-1", "c2")], there) == ["care-c2"]


def found_by(customer, email, phone=None, *, audience="a-1", **changes):
    """A member of an audience, under an e-mail address and maybe a telephone number."""
    identity = json.dumps({"audience": audience, "Email": email, "Phone": phone}, separators=(",", ":"))
    return member(customer, audience=audience, identity=identity, phone=phone, **changes)


def taken_away(published, wanted, barred=()):
    barred = pl.DataFrame({"message_id": list(barred)}, {"message_id": pl.String})
    found = reconciled(members(*published), members(*wanted), barred, Reach(ALL), NOW)
    return [tuple(json.loads(identity).values()) for identity in found.removals["identity"]]


@pytest.mark.parametrize(
    ("published", "wanted", "gone"),
    [
        ([found_by("c1", "e", "p")], [], [("a-1", "e", "p")]),
        ([found_by("c1", "e", "p"), found_by("c2", "e", "q")], [found_by("c2", "e", "q")], [("a-1", "p")]),
        ([found_by("c1", "e", "p"), found_by("c2", "f", "p")], [found_by("c2", "f", "p")], [("a-1", "e")]),
        ([found_by("c1", "e", "p"), found_by("c2", "e", "p")], [found_by("c2", "e", "p")], []),
        ([found_by("c1", "e"), found_by("c2", "p", "e")], [found_by("c2", "p", "e")], [("a-1", "e")]),
        ([found_by("c1", "e"), found_by("c2", "e", audience="a-2")], [found_by("c2", "e", audience="a-2")], [("a-1", "e")]),
        ([found_by("c1", "e", "p")], [found_by("c1", "e", "q", message="new")], [("a-1", "p")]),
        ([found_by("c1", "e", "p")], [found_by("c1", "e", payload_sha256="other")], [("a-1", "p")]),
    ],
    ids=["both", "not the address", "not the number", "neither", "by its column", "by its audience", "new number", "no number"],
)  # fmt: skip
def test_whoever_leaves_an_audience_is_taken_away_by_what_nobody_else_in_it_has(published, wanted, gone):
    barred = {row["message_id"] for row in published} - {row["message_id"] for row in wanted}
    assert taken_away(published, wanted, barred) == gone


def test_what_an_audience_holds_by_a_single_identifier_of_those_left_out_stays_noted():
    before = members(found_by("c1", "e", "p", message="old"))
    after = members(found_by("c1", "e", "q"))
    assert without(after, before, pl.Series(["care-c1"]))["message_id"].to_list() == ["old"]


PERSON = st.tuples(st.sampled_from("abc"), st.sampled_from(["p", "q", "r", None]), st.sampled_from(["a-1", "a-2"]))
DAY = st.tuples(
    st.dictionaries(st.sampled_from(["c1", "c2", "c3", "c4"]), PERSON),  # who is wanted, and how
    st.sets(st.sampled_from(["c1", "c2", "c3", "c4"])),  # who has left
    st.sets(st.sampled_from(["c1", "c2", "c3", "c4"])),  # whom the seal leaves out
)


@pytest.mark.property
@given(st.lists(DAY, max_size=6))
@settings_of(max_examples=60, deadline=None)
def test_after_each_day_a_platform_holds_what_is_noted_for_it(days):
    """The platform is a set of identifiers, changed by nothing but what it is told: what goes first, then what comes.

    Once the seal has left somebody out, what is noted may be more than what is there; then that is taken away in vain.
    """
    platform, published, is_cut = set(), members(), False
    for number, (people, left, out) in enumerate(days):
        wanted = members(*(
            found_by(customer, email, phone, audience=audience, message=f"{customer}-{number}")
            for customer, (email, phone, audience) in people.items()
        ))  # fmt: skip
        barred = published.filter(pl.col("customer_id").is_in(list(left))).select("message_id")
        found = reconciled(published, wanted, barred, Reach(ALL), NOW)
        sealed_out = pl.Series([f"{customer}-{number}" for customer in sorted(out)], dtype=pl.String)
        added = wanted.join(found.additions, on="message_id", how="semi")
        platform -= held_by(found.removals)
        platform |= held_by(added.filter(~pl.col("message_id").is_in(sealed_out.implode())))
        noted = without(found.members, published, sealed_out)
        is_cut |= bool(set(people) & out)
        assert platform <= held_by(noted)
        assert is_cut or platform == held_by(noted)
        published = noted
    everybody = published.select("message_id")
    assert platform <= held_by(reconciled(published, members(), everybody, Reach(ALL), NOW).removals)


def held_by(rows):
    told = [json.loads(identity) for identity in rows["identity"]]
    return {
        (row["audience"], name, row[name]) for row in told for name in ("Email", "Phone") if row.get(name) is not None
    }


def test_members_are_sorted_by_customer():
    found = reconciled(
        members(member("c3"), member("c1")),
        members(member("c2")),
        pl.DataFrame({"message_id": []}, {"message_id": pl.String}),
        Reach(ALL),
        NOW,
    )
    assert_frame_equal(found.members, members(member("c1"), member("c2"), member("c3")))
    assert_frame_equal(found.removals, MEMBERS.to_frame())


def test_a_message_is_claimed_with_what_bars_the_next_one():
    products = {
        "care": SimpleNamespace(once_every=OnceEvery(every=timedelta(days=30), per="person")),
        "late": SimpleNamespace(once_every=OnceEvery(every=timedelta(days=4), per="subject")),
    }
    rows = pl.DataFrame(
        {
            "message_id": ["m1", "m2"],
            "decision_id": ["d1", "d2"],
            "lane": ["first", "web"],
            "person_key": ["p", "p"],
            "brand": ["north", "south"],
            "product": ["care", "late"],
            "subject_key": [None, "o1"],
            "message_type": ["marketing", "service"],
            "channel": ["email", "sms"],
            "address_match": ["ann@x.example.com", "+49151"],
            "valid_until": pl.Series([NOW, NOW], dtype=INSTANT),
            "time_zone": ["Asia/Tokyo", None],
        }
    )
    capped = settings(caps=["1 in 1 day", "2 push or sms in 6 hours"], timezone="Europe/Berlin")
    found = claimable(rows, products, capped, KEY, MOMENT, NOW)
    hours = {"cap": 1, "most": 2, "channels": ["push", "sms"], "since": _utc(2026, 11, 22, 3, 0, 0, 1)}
    days = {"cap": 0, "most": 1, "channels": []}
    starts = [_utc(2026, 11, 21, 15), _utc(2026, 11, 21, 23)]  # midnight in Tokyo and in Berlin
    expected = rows.drop("address_match", "valid_until", "time_zone").with_columns(
        attempt=pl.lit(1),
        as_of=pl.lit(date(2026, 11, 22)),
        address_key=pl.Series(
            [
                pl.select(KEY.of("north", "email", "ann@x.example.com")).item(),
                pl.select(KEY.of("south", "sms", "+49151")).item(),
            ]
        ),
        repeats_after=pl.Series([date(2026, 10, 23), date(2026, 11, 18)]),
        per_subject=pl.Series([False, True]),
        windows=pl.Series([[days | {"since": start}, hours] for start in starts], dtype=WINDOWS["windows"]),
    )
    assert_frame_equal(found, expected, check_column_order=False)
    assert not [
        value for row in found.drop("windows").rows() for value in row if value in {"ann@x.example.com", "+49151"}
    ]


def _utc(*parts):
    """An instant as the ledger has it."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


def test_who_is_held_already_is_so_since_an_earlier_batch_and_everybody_else_since_this_one():
    held = members(member("c1", since_batch="b1"), member("c2"), member("c3", since_batch="b1"))
    wanted = members(member("c1", payload_sha256="other"), member("c2"), member("c4"))
    expected = wanted.with_columns(since_batch=pl.Series(["b1", None, "b2"], dtype=pl.String))
    assert_frame_equal(since(wanted, held, "b2"), expected)
