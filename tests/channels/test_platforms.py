"""What leaves for a platform, judged by the platform's own software: botocore's validator, firebase-admin's encoder."""

from __future__ import annotations

import email
import hashlib
import json
from datetime import timedelta
from email.policy import default as email_policy
from functools import cache
from typing import Any

import botocore.session
import chevron
import polars as pl
import pytest
from botocore.validate import ParamValidator
from firebase_admin import messaging
from firebase_admin._messaging_encoder import MessageEncoder

from flows.channels import CHANNELS, target
from flows.channels.fcm import MOST_BYTES
from flows.channels.ses import MOST_RECIPIENTS
from flows.errors import TemplateError
from flows.stages.delivery import Payload, shaped, write_batch
from flows.words import ESCAPES, restore
from tests.channels.test_targets import worded
from tests.stages.making import MOMENT

pytestmark = pytest.mark.oracle

PARTS = {
    "k1": {
        "subject": "For {{{s1}}}: 100 % {care}",
        "preheader": "",
        "html": '<p title="{{{s2}}}">{{{s2}}} {{{lbrace}}}{{{lbrace}}}s1}} <a href="{{{unsubscribe_url}}}">leave</a></p>',
        "text": "{{{s1}}} \\{{{backslash}}}{{{s1}}}",
    },
    "k2": {"subject": "Grüße", "preheader": "", "html": "<p>ß</p>", "text": "ß"},
}


def creatives() -> dict[str, dict[str, Any]]:
    who = {
        "sender_name": "Nordtal Grüße, Freiburg",
        "sender_email": "hello@mail.nordtal.example.com",
        "reply_to": "help@nordtal.example.com",
        "sms_sender": "70700",
        "action_label": "Read",
        "action_url": "https://www.nordtal.example.com/care?a=1&b=2",
    }
    slots = {"k1": ["s1", "s2", "unsubscribe_url"], "k2": []}
    return {name: {"creative_id": name, **who, "slots": slots[name], "parts": parts} for name, parts in PARTS.items()}


def people(to: str, count: int) -> pl.DataFrame:
    """Many deliveries of one target: two thirds of creative k1, which is marketing, the others of a service message."""
    base = worded(target(to))
    rows = pl.concat([base.head(1)] * count).with_columns(number=pl.int_range(count))
    is_service = pl.col("number") % 3 == 2
    address = {"ses": "a{}@example.com", "fcm": "token{}"}[to]
    numbered = [f"{number:04}" for number in range(count)]
    return rows.with_columns(
        customer_id=pl.Series([f"c{number}" for number in numbered]),
        message_id=pl.Series([hashlib.sha256(number.encode()).hexdigest() for number in numbered]),
        address=pl.Series([address.format(number) for number in numbered]),
        creative_id=pl.when(is_service).then(pl.lit("k2")).otherwise(pl.lit("k1")),
        s1=pl.when(~is_service).then(pl.format("O'Brien & Søn <{}>", "number")),
        s2=pl.when(~is_service).then(pl.format("O&#39;Brien &amp; &lt;{}&gt;", "number")),
        unsubscribe_url=pl.when(~is_service).then(pl.format("https://x.example.com/leave/{}", "number")),
    ).drop("number")


def written(to: str, rows: pl.DataFrame, made: dict[str, dict[str, Any]], folder: Any) -> list[list[dict[str, Any]]]:
    """The lines of each file of a batch."""
    content = shaped(rows, made, target(to), MOMENT.starts_at)
    write_batch(folder / "batch", [Payload("recipients", "append", content)], made, target(to), {})
    files = sorted((folder / "batch").glob("recipients-*"))
    return [[json.loads(line) for line in file.read_text("utf-8").splitlines()] for file in files]


@cache
def send_bulk_email() -> Any:
    session = botocore.session.get_session()
    return session.get_service_model("sesv2").operation_model("SendBulkEmail").input_shape


def limits(shape: Any, value: Any, path: str = "") -> list[str]:
    """What botocore knows of a shape and does not check: lengths and patterns of texts."""
    if shape.type_name == "structure":
        return [fault for name, part in value.items() for fault in limits(shape.members[name], part, f"{path}.{name}")]
    if shape.type_name == "list":
        return [fault for part in value for fault in limits(shape.member, part, path)]
    longest = shape.metadata.get("max")
    return [path] if longest is not None and isinstance(value, str) and len(value) > longest else []


# Amazon SES.


def test_each_line_is_a_call_that_botocore_takes(tmp_path):
    rows = people("ses", 200)
    (lines,) = written("ses", rows, creatives(), tmp_path)
    for line in lines:
        assert ParamValidator().validate(line, send_bulk_email()).generate_report() == ""
        assert limits(send_bulk_email(), line) == []
        assert 1 <= len(line["BulkEmailEntries"]) <= MOST_RECIPIENTS == 50
        assert line["FromEmailAddress"].isascii()
        parsed = email.message_from_string(f"From: {line['FromEmailAddress']}\n\n", policy=email_policy)["From"]
        (sender,) = parsed.addresses
        assert (sender.display_name, sender.addr_spec) == ("Nordtal Grüße, Freiburg", "hello@mail.nordtal.example.com")


def test_a_misspelt_key_would_be_seen():
    assert "Unknown parameter" in ParamValidator().validate({"Form": "x"}, send_bulk_email()).generate_report()


def test_everybody_is_in_one_call_with_their_own_creative_by_creative_and_customer(tmp_path):
    rows = people("ses", 200)
    (lines,) = written("ses", rows, creatives(), tmp_path)
    subjects = [line["DefaultContent"]["Template"]["TemplateContent"]["Subject"] for line in lines]
    sizes = [len(line["BulkEmailEntries"]) for line in lines]
    first, other = "For {{s1}}: 100 % {care}", "Grüße"
    assert list(zip(subjects, sizes, strict=True)) == [(first, 50), (first, 50), (first, 34), (other, 50), (other, 16)]
    tagged = [entry["ReplacementTags"][0]["Value"] for line in lines for entry in line["BulkEmailEntries"]]
    assert tagged == rows.sort("creative_id", "customer_id")["message_id"].to_list()
    sent = [entry["Destination"]["ToAddresses"] for line in lines for entry in line["BulkEmailEntries"]]
    assert sent == [[address] for address in rows.sort("creative_id", "customer_id")["address"]]


def test_what_a_reader_of_double_braces_makes_of_it_is_the_message_in_full(tmp_path):
    """chevron escapes HTML in `{{s1}}`, and SES does not: it reads the same template with `{{&s1}}`."""
    rows = people("ses", 9)
    slots = {row["message_id"]: row for row in rows.iter_rows(named=True)}
    (lines,) = written("ses", rows, creatives(), tmp_path)
    seen = 0
    for line in lines:
        content = line["DefaultContent"]["Template"]["TemplateContent"]
        for entry in line["BulkEmailEntries"]:
            own = slots[entry["ReplacementTags"][0]["Value"]]
            data = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
            parts = PARTS[own["creative_id"]]
            for name, part in (("Subject", "subject"), ("Html", "html"), ("Text", "text")):
                read = chevron.render(content[name].replace("{{", "{{&"), data)
                assert read == restore(parts[part], own)
                seen += 1
            assert set(data) - set(ESCAPES) == set(creatives()[own["creative_id"]]["slots"])
    assert seen == 27


def test_marketing_can_be_left_with_one_click_and_service_has_no_such_header(tmp_path):
    (lines,) = written("ses", people("ses", 3), creatives(), tmp_path)
    headers = [entry["ReplacementHeaders"] for line in lines for entry in line["BulkEmailEntries"]]
    assert headers == [
        [
            {"Name": "List-Unsubscribe", "Value": f"<https://x.example.com/leave/{number}>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ]
        for number in (0, 1)
    ] + [[]]


def test_the_largest_message_of_many_slots_stays_within_the_limit_of_ses(tmp_path):
    longest = "&#39;" * 320
    rows = people("ses", 1).with_columns(s1=pl.lit(longest), s2=pl.lit(longest))
    (lines,) = written("ses", rows, creatives(), tmp_path)
    assert limits(send_bulk_email(), lines[0]) == []


# Firebase Cloud Messaging.


def pushed() -> dict[str, dict[str, Any]]:
    made = creatives()
    for name, creative in made.items():
        creative["slots"] = creative["slots"][:1]
        creative["parts"] = {"title": f"Title {name}", "body": "Hello {{{s1}}}" if name == "k1" else "Hello"}
    return made


def as_message(body: dict[str, Any]) -> messaging.Message:
    """The SDK's own object of what a line says; it knows no other keys."""
    assert set(body) == {"token", "notification", "data", "android", "apns", "webpush"}
    return messaging.Message(
        token=body["token"],
        notification=messaging.Notification(**body["notification"]),
        data=body["data"],
        android=messaging.AndroidConfig(ttl=int(body["android"]["ttl"].removesuffix("s"))),
        apns=messaging.APNSConfig(**body["apns"]),
        webpush=messaging.WebpushConfig(
            headers=body["webpush"]["headers"],
            fcm_options=messaging.WebpushFCMOptions(**body["webpush"]["fcm_options"]),
        ),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_line_is_the_request_body_that_firebase_admin_would_send(tmp_path):
    rows = people("fcm", 9)
    (lines,) = written("fcm", rows, pushed(), tmp_path)
    assert [line["message"]["token"] for line in lines] == [f"token{number:04}" for number in range(9)]
    for line, row in zip(lines, rows.iter_rows(named=True), strict=True):
        assert set(line) == {"message"}
        assert MessageEncoder().default(as_message(line["message"])) == line["message"]
        assert line["message"]["data"]["message_id"] == row["message_id"]
        own = row["s1"] or ""
        assert line["message"]["notification"]["body"] == f"Hello {own}".strip()
        assert "customer_id" not in json.dumps(line)


def test_a_push_message_is_dropped_when_it_is_no_longer_true(tmp_path):
    until = MOMENT.starts_at + timedelta(days=2, hours=3)
    rows = people("fcm", 1).with_columns(valid_until=pl.lit(until))
    (lines,) = written("fcm", rows, pushed(), tmp_path)
    message = lines[0]["message"]
    seconds = 51 * 3600
    assert message["android"] == {"ttl": f"{seconds}s"}
    assert message["webpush"]["headers"] == {"TTL": f"{seconds}"}
    assert message["apns"] == {"headers": {"apns-expiration": f"{int(until.timestamp())}"}}
    later = people("fcm", 1).with_columns(valid_until=pl.lit(MOMENT.starts_at + timedelta(days=90)))
    (lines,) = written("fcm", later, pushed(), tmp_path / "later")
    assert lines[0]["message"]["android"] == {"ttl": f"{28 * 86_400}s"}


def test_a_push_message_that_fcm_would_refuse_is_told_before_anything_is_staged(tmp_path):
    rows = people("fcm", 1).with_columns(s1=pl.lit("ü" * (MOST_BYTES // 2)))
    with pytest.raises(TemplateError) as caught:
        written("fcm", rows, pushed(), tmp_path)
    assert "fcm takes 4096" in caught.value.what
    assert "ü" not in str(caught.value)


# Audiences.


def test_an_address_is_hashed_as_every_platform_does_it():
    """Source of the value: Snap's documentation, and Meta's and Google's own software agree."""
    rows = worded(target("ads_audiences")).with_columns(address=pl.lit("Person@Example.com"))
    parts = {part.name: "x" for part in CHANNELS["ads"].parts}
    made = {"k1": {**creatives()["k1"], "slots": [], "parts": parts}}
    found = shaped(rows, made, target("ads_audiences"), MOMENT.starts_at)
    assert found["email_sha256"].unique().to_list() == [
        "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"
    ]
