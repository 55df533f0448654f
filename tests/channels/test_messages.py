"""Text and push messages in the formats of platforms: their own columns, within their limits, over values that are nasty."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from flows.channels import CHANNELS, Target, target
from flows.channels.apns import ApnsOptions
from flows.channels.sfmc_mobileconnect import MobileConnectOptions
from flows.errors import TemplateError
from flows.stages.delivery import Payload, shaped, write_batch
from tests.channels.test_targets import creative, worded
from tests.stages.making import MOMENT

if TYPE_CHECKING:
    from pathlib import Path

NASTY = [
    "O'Brien & Søn",
    'the "best", they say',
    "two\r\nlines",
    "=1+1",
    "+49 151",
    "@home",
    "00123",
    "a;b\tc|d",
    "שלום 💚 e\u0301",
    "%%=v(@x)=%% {{ x }} ${y}",
    " blank ",
    "\u202e right to left",
    "nul\x00 and bell\x07",
]
"""Texts that come apart in careless hands: quotes, separators, line breaks, formulas, zeros, other people's languages."""


def deliveries(to: Target, texts: list[str] = NASTY) -> pl.DataFrame:
    """A delivery for each text, which stands in the slot of its words."""
    rows = pl.concat([worded(to).head(1)] * len(texts)).with_columns(number=pl.int_range(len(texts)))
    return rows.with_columns(
        customer_id=pl.format("c-{}", pl.col("number").cast(pl.String).str.zfill(6)),
        message_id=pl.format("m{}", "number"),
        address=pl.format("+4915100{}", pl.col("number").cast(pl.String).str.zfill(6)),
        s1=pl.Series(texts),
    ).drop("number")


def files(to: Target, rows: pl.DataFrame, folder: Path) -> list[Path]:
    parts = {part.name: "{{{s1}}}" for part in CHANNELS[to.channel].parts}
    words = {"k1": {**creative(to), "parts": parts}}
    write_batch(
        folder / "b", [Payload("recipients", "append", shaped(rows, words, to, MOMENT.starts_at))], words, to, {}
    )
    return sorted((folder / "b").glob("recipients-*"))


def lines(to: Target, rows: pl.DataFrame, folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files(to, rows, folder) for line in file.read_text("utf-8").splitlines()]


def read_as_text(file: Path) -> list[dict[str, str]]:
    """A CSV file as three readers have it, each cell a text."""
    content = file.read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert pl.read_csv(content.encode(), infer_schema=False).fill_null("").to_dicts() == rows
    found = duckdb.execute(
        "FROM read_csv(?, all_varchar = true, header = true, quote = '\"', escape = '\"')", [str(file)]
    )
    names = [column[0] for column in found.description]
    assert [dict(zip(names, (cell or "" for cell in row), strict=True)) for row in found.fetchall()] == rows
    return rows


# Salesforce Marketing Cloud, MobileConnect.


def test_mobileconnect_gets_its_own_headers_and_numbers_without_their_plus(tmp_path):
    to = target("sfmc_mobileconnect")
    (file,) = files(to, deliveries(to), tmp_path)
    found = read_as_text(file)
    assert list(found[0]) == ["_MobileNumber", "_Locale", "_ContactKey", "JE_MessageId", "JE_Body", "JE_ValidUntil",
                              "JE_NotBefore", "JE_NotAfter"]  # fmt: skip
    assert found[3] == {
        "_MobileNumber": "4915100000003",
        "_Locale": "DE",
        "_ContactKey": "c000003",
        "JE_MessageId": "m3",
        "JE_Body": "=1+1",
        "JE_ValidUntil": "2026-11-23T12:00:00Z",
        "JE_NotBefore": "2026-11-22T08:00:00Z",
        "JE_NotAfter": "2026-11-22T20:00:00Z",
    }
    assert [row["JE_Body"] for row in found] == NASTY


def test_mobileconnect_can_name_contacts_by_their_number(tmp_path):
    to = target("sfmc_mobileconnect").given({"contact_key": "number"}, "here")
    assert to.options is MobileConnectOptions
    (file,) = files(to, deliveries(to), tmp_path)
    assert {row["_ContactKey"] == row["_MobileNumber"] for row in read_as_text(file)} == {True}


def test_mobileconnect_knows_a_country_by_the_language_where_the_customer_has_none(tmp_path):
    to = target("sfmc_mobileconnect")
    rows = deliveries(to, ["a", "b", "c"]).with_columns(
        country=pl.Series(["at", None, None]), locale=pl.Series(["de-DE", "fr-CH", "fr"])
    )
    (file,) = files(to, rows, tmp_path)
    assert [row["_Locale"] for row in read_as_text(file)] == ["AT", "CH", ""]


def test_a_mobileconnect_file_of_more_than_twenty_megabytes_is_two(tmp_path):
    to = target("sfmc_mobileconnect")
    found = files(to, deliveries(to, ["x" * 1_000_000] * 20), tmp_path)
    assert [file.stat().st_size <= 20 * 10**6 for file in found] == [True, True]


# Twilio.


def test_twilio_gets_a_form_for_each_message(tmp_path):
    to = target("twilio")
    found = lines(to, deliveries(to), tmp_path)
    assert found[2] == {
        "To": "+4915100000002",
        "From": "sms_sender of it",
        "Body": "two\r\nlines",
        "ValidityPeriod": 36_000,
        "message_id": "m2",
    }
    assert [line["Body"] for line in found] == NASTY


def test_twilio_drops_a_message_when_there_is_no_time_left_to_send_it(tmp_path):
    to = target("twilio")
    soon = deliveries(to, ["a"]).with_columns(not_after=pl.lit(MOMENT.starts_at + timedelta(hours=10)))
    assert lines(to, soon, tmp_path)[0]["ValidityPeriod"] == 7200


def test_twilio_is_not_given_a_text_longer_than_it_takes(tmp_path):
    to = target("twilio")
    assert len(lines(to, deliveries(to, ["ü" * 1600]), tmp_path)) == 1
    with pytest.raises(TemplateError) as caught:
        lines(to, deliveries(to, ["ü" * 1601]), tmp_path / "more")
    assert "twilio takes 1600" in caught.value.what
    assert "ü" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.oracle
def test_what_twilios_own_client_would_send_is_the_line(tmp_path):
    from twilio.http import HttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    class Kept(HttpClient):
        def __init__(self):
            self.forms = []

        def request(self, method, url, params=None, data=None, **_):
            self.forms.append(data)
            return Response(201, json.dumps({"sid": "SM1"}))

    to = target("twilio")
    kept, found = Kept(), lines(to, deliveries(to), tmp_path)
    client = Client("AC" + "0" * 32, "secret", http_client=kept)
    for line in found:
        client.messages.create(
            to=line["To"], from_=line["From"], body=line["Body"], validity_period=line["ValidityPeriod"]
        )
    assert kept.forms == [{key: value for key, value in line.items() if key != "message_id"} for line in found]


# OneSignal.


def test_onesignal_gets_headers_in_lower_case_no_mark_and_nothing_that_cannot_be_printed(tmp_path):
    to = target("onesignal")
    (file,) = files(to, deliveries(to), tmp_path)
    assert not file.read_bytes().startswith(b"\xef\xbb\xbf")
    found = read_as_text(file)
    assert list(found[0]) == ["subscription_id", "je_title", "je_body", "je_url", "je_message_id", "je_valid_until",
                              "je_not_before", "je_not_after"]  # fmt: skip
    bodies = [row["je_body"] for row in found]
    assert all(letter.isprintable() for body in bodies for letter in body)
    assert bodies[:3] == ["O'Brien & Søn", 'the "best", they say', "two lines"]
    assert bodies[8:] == ["שלום 💚 e\u0301", NASTY[9], "blank", "right to left", "nul and bell"]


def test_a_onesignal_file_of_more_than_it_takes_is_two(tmp_path):
    to = replace(target("onesignal"), most_bytes=1000)
    assert target("onesignal").most_bytes == 150 * 10**6
    found = files(to, deliveries(to, ["x" * 100] * 9), tmp_path)
    assert all(file.stat().st_size <= 1000 for file in found)
    assert sum(len(read_as_text(file)) for file in found) == 9


# Apple.


def test_apns_gets_the_device_the_headers_and_the_payload(tmp_path):
    to = target("apns").given({"topic": "com.example.app"}, "here")
    assert to.options is ApnsOptions
    found = lines(to, deliveries(to), tmp_path)
    until = deliveries(to)["valid_until"][0]
    assert found[0] == {
        "device_token": "+4915100000000",
        "headers": {
            "apns-push-type": "alert",
            "apns-expiration": str(int(until.timestamp())),
            "apns-topic": "com.example.app",
        },
        "payload": {
            "aps": {"alert": {"title": NASTY[0], "body": NASTY[0]}},
            "message_id": "m0",
            "url": "action_url of it",
            "label": "action_label of it",
        },
    }
    assert [line["payload"]["aps"]["alert"]["body"] for line in found] == NASTY
    assert "apns-topic" not in lines(target("apns"), deliveries(to), tmp_path / "none")[0]["headers"]


def test_apns_is_not_given_more_bytes_than_it_takes(tmp_path):
    to = target("apns")
    with pytest.raises(TemplateError) as caught:
        lines(to, deliveries(to, ["ü" * 1100]), tmp_path)
    assert "apns takes 4096" in caught.value.what
    assert "ü" not in str(caught.value)
    assert len(lines(to, deliveries(to, ["ü" * 900]), tmp_path / "less")) == 1


# People who call.


def test_a_call_sheet_tells_whom_to_call_in_which_language_and_what_to_say(tmp_path):
    to = target("call_sheet")
    (file,) = files(to, deliveries(to), tmp_path)
    found = read_as_text(file)
    assert found[0] == {
        "message_id": "m0",
        "customer_id": "c-000000",
        "phone": "+4915100000000",
        "country": "DE",
        "locale": "de-DE",
        "time_zone": "Europe/Berlin",
        "headline": NASTY[0],
        "body": NASTY[0],
        "url": "action_url of it",
        "valid_until": "2026-11-23T12:00:00Z",
        "not_before": "2026-11-22T08:00:00Z",
        "not_after": "2026-11-22T20:00:00Z",
    }


def test_a_spreadsheet_runs_no_text_of_a_call_sheet_and_every_number_can_be_dialled(tmp_path):
    to = target("call_sheet")
    (file,) = files(to, deliveries(to), tmp_path)
    found = read_as_text(file)
    assert [row["body"] for row in found[3:6]] == ["'=1+1", "'+49 151", "'@home"]
    assert all(
        not row[name].startswith(("=", "+", "-", "@", "\t", "\r")) for row in found for name in ("headline", "body")
    )
    assert all(row["phone"].startswith("+49") for row in found)
    (plain,) = files(to.given({"guards_formulas": False}, "here"), deliveries(to), tmp_path / "plain")
    assert [row["body"] for row in read_as_text(plain)] == NASTY
