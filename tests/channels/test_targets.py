"""One contract for every target of the registry: a new file in flows/channels/ is tested by being there."""

from __future__ import annotations

import base64
import hashlib
import importlib
import re
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.channels import CHANNELS, Options, Target, target, targets
from flows.errors import BalanceError, SettingError
from flows.line.reconciling import identifiers, members_of
from flows.stages.delivery import HOURS, shaped
from tests.stages.making import MOMENT, SOON

NAMES = sorted(targets())
OPTIONAL = {"variant", "unsubscribe_url", "round"}
"""What a file may leave empty: without a test there is no variant, a service message has nothing to
unsubscribe from, and what is first to its address is in no later round."""
ADDRESS = {
    "email": "a{}@example.com",
    "sms": "+49151000000{}",
    "push": "token{}",
    "web": "c{}",
    "ads": "a{}@example.com",
    "call": "+49151000000{}",
}
PEOPLE = (3, 1, 2)


def creative(to: Target) -> dict:
    parts = {part.name: f"{part.name} of {{{{{{s1}}}}}}" for part in CHANNELS[to.channel].parts}
    who = ("sender_name", "sender_email", "reply_to", "sms_sender", "action_label", "action_url")
    return {"creative_id": "k1", "slots": ["s1"], **{name: f"{name} of it" for name in who}, "parts": parts}


def worded(to: Target) -> pl.DataFrame:
    """Deliveries of three people as they come to a target, with everything that the line knows of them."""
    rows = [
        {
            "customer_id": f"c{n}",
            "brand": "nordtal",
            "product": "care_guide",
            "subject_id": "o1",
            "message_type": "marketing",
            "person_key": "secret person key",
            "subject_key": "secret subject key",
            "decision_id": f"d{n}",
            "score": 0.5,
            "variant": None,
            "valid_until": SOON + timedelta(hours=n),
            "not_before": MOMENT.starts_at + timedelta(hours=8),
            "not_after": MOMENT.starts_at + timedelta(hours=20),
            "level": 1,
            "facts": ["name"],
            "country": "DE",
            "locale": "de-DE",
            "time_zone": "Europe/Berlin",
            "lane": "first",
            "channel": to.channel,
            "target": to.name,
            "address": ADDRESS[to.channel].format(n),
            "address_match": f"secret match {n}",
            "phone": f"+49151000000{n}" if to.channel == "ads" else None,
            "reason": None,
            "message_id": f"m{n}",
            "creative_id": "k1",
            "unsubscribe_url": f"https://x.example.com/m{n}",
            "s1": f"<i>{n}</i>",
            "shown": "secret digest of what is shown",
        }
        for n in PEOPLE
    ]
    return pl.DataFrame(rows, schema_overrides={"variant": pl.String, "reason": pl.String, "phone": pl.String})


def content(to: Target, rows: pl.DataFrame | None = None) -> pl.DataFrame:
    return shaped(worded(to) if rows is None else rows, {"k1": creative(to)}, to, MOMENT.starts_at)


@pytest.fixture(params=NAMES)
def to(request) -> Target:
    return target(request.param)


def test_a_target_is_of_a_known_channel_kind_and_format_and_named_like_its_file(to):
    assert to.channel in CHANNELS
    assert to.kind in {"message", "state"}
    assert to.file_format in {"csv", "ndjson", "parquet", "eml"}
    assert to.most_rows > 0
    assert importlib.import_module(f"flows.channels.{to.name}").TARGET is to


def test_what_holds_can_be_taken_away_and_what_is_sent_cannot(to):
    assert bool(to.identity) == (to.kind == "state")
    assert (to.kind == "state") == (to.channel in {"web", "ads"})
    assert (to.kind == "message") == CHANNELS[to.channel].sends
    assert set(to.identity) <= set(content(to).columns)
    assert to.audience in {None, *to.identity[:1]}


def test_each_delivery_is_one_row_in_the_order_of_the_customers(to):
    assert content(to)["message_id"].to_list() == ["m1", "m2", "m3"]


def test_no_row_lacks_what_a_platform_needs(to):
    found = content(to)
    assert [name for name in found.columns if name not in OPTIONAL and found[name].null_count()] == []


def test_the_address_is_in_the_row_that_it_belongs_to(to):
    values = [" ".join(map(str, row)) for row in content(to).rows()]
    for number, text in zip((1, 2, 3), values, strict=True):
        address = ADDRESS[to.channel].format(number)
        digest = hashlib.sha256(address.encode())
        shown = (digest.hexdigest(), base64.b64encode(digest.digest()).decode()) if to.channel == "ads" else (address,)
        assert any(form in text for form in shown)


def test_a_target_that_does_not_merge_has_every_part_with_its_slots_filled(to):
    written = content(to).write_ndjson()
    if to.merge is not None:
        assert "s1" in content(to).columns
        return
    for part in CHANNELS[to.channel].parts:
        assert f"{part.name} of <i>1</i>" in written
    assert "{{{" not in written


def test_no_key_and_no_form_for_comparing_leaves_the_house(to):
    assert "secret" not in content(to).write_ndjson()


def test_every_row_says_until_when_it_is_true(to):
    ends = [f"2026-11-23T{9 + n:02}:00:00Z" for n in (1, 2, 3)]
    name = "valid_to" if "valid_to" in content(to).columns else "valid_until"
    assert content(to)[name].to_list() == ends


def test_every_row_of_a_message_says_when_it_may_be_sent_or_is_in_a_file_that_does(to):
    found, begins, ends = content(to), "2026-11-22T08:00:00Z", "2026-11-22T20:00:00Z"
    if to.kind == "state":
        assert not {"not_before", "hours"} & set(found.columns)
    elif "not_before" in found.columns:
        assert found.select("not_before", "not_after").unique().rows() == [(begins, ends)]
    else:
        assert found["hours"].unique().to_list() == [f"{begins}/{ends}"]


def test_the_columns_are_the_same_for_nobody(to):
    nobody, somebody = content(to, worded(to).clear()), content(to).drop(HOURS, strict=False)  # no file has that one
    assert (nobody.height, nobody.columns) == (0, somebody.columns)


def test_a_csv_file_holds_plain_values_only(to):
    nested = [name for name, kind in content(to).schema.items() if kind.is_nested()]
    assert to.file_format != "csv" or not nested


def test_what_is_taken_away_is_named_as_it_was_published(to):
    if to.kind == "message":
        return
    members = members_of(worded(to), content(to), to)
    assert_frame_equal(identifiers(members.sort("customer_id"), to), content(to).select(to.identity))
    assert sum(content(to).select(to.identity).null_count().row(0)) == 0


def test_whoever_is_told_the_same_is_in_one_audience_and_nobody_else(to):
    if to.audience is None:
        return
    same = worded(to).with_columns(s1=pl.Series(["a", "a", "b"]))
    names = content(to, same).sort("message_id")[to.audience].to_list()
    assert (names[0] == names[1], names[0] == names[2]) == (False, True)  # m1: a, m2: b, m3: a
    assert all(re.fullmatch(r"a-[0-9a-f]{12}", name) for name in names)


# The ways themselves.


def test_the_parts_of_each_channel_are_those_of_the_contract():
    assert {name: tuple(part.name for part in way.parts) for name, way in CHANNELS.items()} == {
        "email": ("subject", "preheader", "html", "text"),
        "sms": ("body",),
        "push": ("title", "body"),
        "web": ("headline", "body"),
        "ads": ("headline", "description"),
        "call": ("headline", "body"),
    }
    assert [(name, part.name) for name, way in CHANNELS.items() for part in way.parts if part.is_html] == [
        ("email", "html")
    ]


def test_what_may_not_break_its_line_is_a_plain_part_of_the_channel():
    for way in CHANNELS.values():
        assert set(way.one_line) <= {part.name for part in way.parts if not part.is_html}


def test_an_unknown_target_gets_the_nearest_name():
    with pytest.raises(SettingError) as caught:
        target("email_fil", "pyproject.toml: x")
    assert (caught.value.where, caught.value.hint) == ("pyproject.toml: x", "did you mean 'email_file'?")


def test_a_target_that_leaves_out_a_slot_of_a_creative_is_our_mistake(to):
    if to.merge is None:
        return
    more = {"k1": {**creative(to), "slots": ["s1", "s2"]}}
    with pytest.raises(BalanceError) as caught:
        shaped(worded(to), more, to, MOMENT.starts_at)
    assert caught.value.where == f"flows/channels/{to.name}.py"
    assert caught.value.what == "the slot 's2' of a creative has no column in the recipients' file"


# What single targets have of their own.


def test_a_short_message_is_counted_in_segments():
    to = target("sms_file")
    text = {"k1": {**creative(to), "parts": {"body": "{{{s1}}}"}}}
    rows = worded(to).with_columns(s1=pl.Series(["a" * 160, "a" * 161, "ł"]))
    found = shaped(rows, text, to, MOMENT.starts_at).select(
        "customer_id", "to", "sender", "body", "encoding", "segments"
    )
    assert found.rows() == [
        ("c1", "+491510000001", "sms_sender of it", "a" * 161, "GSM-7", 2),
        ("c2", "+491510000002", "sms_sender of it", "ł", "UCS-2", 1),
        ("c3", "+491510000003", "sms_sender of it", "a" * 160, "GSM-7", 1),
    ]


def test_a_web_profile_holds_the_words_and_where_they_lead():
    found = content(target("web_profiles"))
    assert found.columns == [
        "customer_id",
        "product",
        "message_id",
        "decision_id",
        "variant",
        "valid_from",
        "valid_to",
        "payload",
    ]
    assert found["valid_from"].unique().to_list() == ["2026-11-22T00:00:00Z"]
    assert found["payload"][0] == {
        "headline": "headline of <i>1</i>",
        "body": "body of <i>1</i>",
        "label": "action_label of it",
        "url": "action_url of it",
    }


class Phones(Options):
    """What a made-up platform may be told."""

    plus: bool = True


def phones(options: Phones) -> Target:
    return replace(target("sms_file"), name="phones", most_rows=1 + options.plus, options=Phones, made=phones)


def test_a_target_is_made_with_what_the_workspace_sets_of_it():
    assert phones(Phones()).given({}, "here").most_rows == 2
    assert phones(Phones()).given({"plus": False}, "here").most_rows == 1


@pytest.mark.parametrize(
    ("table", "said"), [({"plas": False}, "plas"), ({"plus": "perhaps"}, "plus")], ids=["unknown", "of another kind"]
)
def test_what_is_set_of_a_target_and_makes_no_sense_is_refused_with_its_place(table, said):
    with pytest.raises(SettingError, match=f"here.*{said}"):
        phones(Phones()).given(table, "here")


def test_a_target_without_options_takes_none():
    with pytest.raises(SettingError, match=r"here.*plus"):
        target("sms_file").given({"plus": True}, "here")
