"""Vendors' packages as judges of e-mail files, and what they let pass: each such mutation is seen by a judge of ours."""

from __future__ import annotations

import csv
import io
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.channels import readers
from tests.channels.dirty import batch
from tests.channels.judges import faults, table

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.oracle, pytest.mark.slow]


def first(folder) -> bytes:
    return min(folder.glob("recipients*")).read_bytes()


# SendGrid: what its own package makes of the same message.


def rebuilt(line: dict[str, Any]) -> dict[str, Any]:
    from sendgrid.helpers import mail as sg

    mail = sg.Mail(sg.From(**line["from"]), subject=sg.Subject(line["subject"]))
    mail.reply_to = sg.ReplyTo(line["reply_to"]["email"])
    for content in line["content"]:
        mail.add_content(sg.Content(content["type"], content["value"]))
    for person in line["personalizations"]:
        made = sg.Personalization()
        for to in person["to"]:
            made.add_to(sg.To(**to))
        for name, value in person.get("substitutions", {}).items():
            made.add_substitution(sg.Substitution(name, value))
        for name, value in person.get("headers", {}).items():
            made.add_header(sg.Header(name, value))
        for name, value in person["custom_args"].items():
            made.add_custom_arg(sg.CustomArg(name, value))
        mail.add_personalization(made)
    mail.tracking_settings = sg.TrackingSettings(subscription_tracking=sg.SubscriptionTracking(enable=False))
    return mail.get()


def taken(line: dict[str, Any]) -> bool:
    """Whether the package makes the same request of it; it has the recipients the other way round."""
    try:
        made = rebuilt(line)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    made["personalizations"].sort(key=lambda person: person["custom_args"]["message_id"])
    line = {**line, "personalizations": sorted(line["personalizations"], key=lambda person: str(person["custom_args"]))}
    return json.loads(json.dumps(made)) == line


SENDGRID: list[tuple[str, Callable[[Any], object], bool]] = [
    ("an unknown key", lambda line: line.update(form="x"), True),
    ("a recipient without address", lambda line: line["personalizations"][0]["to"][0].pop("email"), True),
    (
        "an unknown kind of tracking",
        lambda line: line["tracking_settings"].update(subscription_tracking={"on": 0}),
        True,
    ),
    ("a number for a text", lambda line: _any(line["personalizations"][0]["substitutions"], 7), True),
    ("an address twice", lambda line: line["personalizations"].append(line["personalizations"][0]), False),
    ("too many recipients", lambda line: line["personalizations"].extend(_others(line, 1_000)), False),
    ("too much to fill in", lambda line: _any(line["personalizations"][0]["substitutions"], "x" * 12_000), False),
]


def _any(substitutions: dict[str, Any], value: object) -> None:
    substitutions[min(substitutions)] = value


def _others(line: dict[str, Any], count: int) -> list[dict[str, Any]]:
    person = line["personalizations"][0]
    return [
        {**person, "to": [{"email": f"o{n}@example.com"}], "custom_args": {"message_id": f"o{n:04}"}}
        for n in range(count)
    ]


def test_the_package_of_sendgrid_would_send_the_same_requests(tmp_path):
    for file in batch("sendgrid", tmp_path).glob("recipients*"):
        for line in map(json.loads, file.read_text("utf-8").splitlines()):
            assert taken(line)


@pytest.mark.parametrize(("what", "mutate", "caught"), SENDGRID, ids=[case[0] for case in SENDGRID])
def test_what_the_package_of_sendgrid_lets_pass_is_seen_by_us(what, mutate, caught, tmp_path):
    line = json.loads(first(batch("sendgrid", tmp_path)))
    wrong = deepcopy(line)
    mutate(wrong)
    assert taken(line)
    assert taken(wrong) is not caught
    assert caught or faults("sendgrid", json.dumps(wrong).encode())


# Klaviyo: each row as the profile that its package would create.


def profile(row: dict[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in row.items() if name not in {"Email", "External ID"}}
    about = {"email": row.get("Email"), "external_id": row.get("External ID"), "properties": others}
    return {"data": {"type": "profile", "attributes": about}}


def created(query: dict[str, Any]) -> bool:
    from openapi_client.models import ProfileCreateQuery
    from pydantic import ValidationError

    try:
        return ProfileCreateQuery.model_validate(query) is not None
    except ValidationError:
        return False


KLAVIYO: list[tuple[str, Callable[[Any], object], bool]] = [
    ("another kind of object", lambda query: query["data"].update(type="person"), True),
    ("no attributes", lambda query: query["data"].pop("attributes"), True),
    ("an address that is a list", lambda query: query["data"]["attributes"].update(email=["a@example.com"]), True),
    ("properties that are a text", lambda query: query["data"]["attributes"].update(properties="s1"), True),
    ("no address at all", lambda query: query["data"]["attributes"].update(email="nobody"), False),
    ("an unknown key", lambda query: query["data"]["attributes"].update(e_mail="a@example.com"), False),
]


def test_the_package_of_klaviyo_takes_each_row_as_a_profile(tmp_path):
    rows = readers.table(batch("klaviyo", tmp_path))
    assert [row for row in rows if not created(profile(row))] == []


@pytest.mark.parametrize(("what", "mutate", "caught"), KLAVIYO, ids=[case[0] for case in KLAVIYO])
def test_the_package_of_klaviyo_sees_wrong_kinds_and_no_more(what, mutate, caught, tmp_path):
    query = profile(readers.table(batch("klaviyo", tmp_path))[0])
    mutate(query)
    assert created(query) is not caught


# Amazon SES: botocore's validator knows keys and kinds, and no more.


def known(request: dict[str, Any]) -> bool:
    session = botocore.session.get_session().get_service_model("sesv2")
    shape = session.operation_model("SendBulkEmail").input_shape
    return not ParamValidator().validate(request, shape).generate_report()


def _data(request: dict[str, Any], data: object) -> None:
    content = request["BulkEmailEntries"][0]["ReplacementEmailContent"]["ReplacementTemplate"]
    content["ReplacementTemplateData"] = data


SES: list[tuple[str, Callable[[Any], object], bool]] = [
    ("an unknown key", lambda request: request.update(Form="x"), True),
    ("no content", lambda request: request.pop("DefaultContent"), True),
    ("data that is an object", lambda request: _data(request, {"s1": "Ann"}), True),
    ("data that is no JSON", lambda request: _data(request, "{'s1': 1}"), False),
    ("data that is too long", lambda request: _data(request, json.dumps({"s1": "x" * 262_144})), False),
    (
        "too many recipients",
        lambda request: request["BulkEmailEntries"].extend(request["BulkEmailEntries"] * 50),
        False,
    ),
    ("no address", lambda request: request["BulkEmailEntries"][0]["Destination"].update(ToAddresses=["Ann"]), False),
]


@pytest.mark.parametrize(("what", "mutate", "caught"), SES, ids=[case[0] for case in SES])
def test_what_botocore_lets_pass_is_seen_by_us(what, mutate, caught, tmp_path):
    request = json.loads(first(batch("ses", tmp_path)).splitlines()[0])
    assert known(request)
    mutate(request)
    assert known(request) is not caught
    assert faults("ses", json.dumps(request).encode())


# Files that are changed a little, by the judges of ours to which the packages' gaps fall.


def changed(content: bytes, header: str | None = None, **cells: str) -> bytes:
    """A CSV file with another first header, or other values in its first row."""
    names, rows = table(content)
    rows[0] = [cells.get(name, cell) for name, cell in zip(names, rows[0], strict=True)]
    names = [header or names[0], *names[1:]]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return text.getvalue().encode()


CHANGES: list[tuple[str, str, Callable[[bytes], bytes]]] = [
    ("klaviyo", "no address", lambda file: changed(file, Email="nobody")),
    ("klaviyo", "an address twice", lambda file: file + file.split(b"\n")[-2].upper() + b"\n"),
    ("klaviyo", "another first header", lambda file: changed(file, header="e_mail")),
    ("klaviyo", "a mark of byte order", lambda file: b"\xef\xbb\xbf" + file),
    ("klaviyo", "a short row", lambda file: file + b"x@example.com\n"),
    ("braze", "a header of another case", lambda file: changed(file, header="External_ID")),
    ("braze", "a user twice", lambda file: file + file.split(b"\n")[-2] + b"\n"),
    ("braze", "an octal number", lambda file: changed(file, s1="0130")),
    ("braze", "a blank value", lambda file: changed(file, s1="")),
    ("braze", "two kinds of line end", lambda file: file.replace(b"\n", b"\r\n", 1)),
    ("braze", "a value too long", lambda file: changed(file, s1="~" + "x" * 255)),
    ("sfmc", "a value too long", lambda file: changed(file, s1="x" * 4_001)),
    ("sfmc", "another field", lambda file: changed(file, header="subscriber key")),
    ("sfmc", "no address", lambda file: changed(file, EmailAddress="")),
    ("sfmc", "a short row", lambda file: file + b"x\n"),
    ("sfmc", "another encoding", lambda file: file.decode().encode("utf-16")),
    ("mailchimp", "a value too long", lambda file: changed(file, S1="ü" * 128)),
    ("mailchimp", "a tag too long", lambda file: file.replace(b"LEAVE_URL", b"UNSUBSCRIBE_URL", 1)),
    ("mailchimp", "a blank value", lambda file: changed(file, S1="")),
    ("mailchimp", "a tag for a name", lambda file: changed(file, S1="*|EMAIL|*")),
    ("mailchimp", "a letter beyond ASCII before the @", lambda file: changed(file, **{"Email Address": "ü@x.example"})),
    ("mautic", "a header of another case", lambda file: changed(file, header="Email")),
    ("mautic", "a zero", lambda file: changed(file, s1="0")),
    ("mautic", "a token for a name", lambda file: changed(file, s1="{contactfield=email}")),
    ("mautic", "a time of another form", lambda file: changed(file, valid_until="2026-11-23T12:00:00Z")),
    ("mautic", "an address twice", lambda file: file + file.split(b"\n")[-2] + b"\n"),
    ("ghost", "a label that tells something", lambda file: changed(file, labels="diabetes")),
    ("ghost", "a header of another case", lambda file: changed(file, header="Email")),
    ("ghost", "a member twice", lambda file: file + file.split(b"\n")[-2] + b"\n"),
    ("ghost", "whoever left comes back", lambda file: file.replace(b"labels", b"subscribed_to_emails", 1)),
    ("ghost", "another separator", lambda file: file.replace(b",", b";")),
    ("eml", "a folded way to unsubscribe", lambda file: file.replace(b"/leave", b"\r\n /leave", 1)),
    ("eml", "an encoded way to unsubscribe", lambda file: file.replace(b": <https:", b": =?utf-8?q?=3Chttps:", 1)),
    ("eml", "no sender", lambda file: file.replace(b"From: ", b"X-From: ", 1)),
    ("eml", "a boundary that is never met", lambda file: file.replace(b'boundary="', b'boundary="x', 1)),
    ("eml", "bare line feeds", lambda file: file.replace(b"\r\n", b"\n")),
    ("eml", "a date that is none", lambda file: file.replace(b"Date: Sun, 22 Nov", b"Date: Sun, 99 Nov", 1)),
]


@pytest.mark.parametrize(("to", "what", "change"), CHANGES, ids=[f"{case[0]}: {case[1]}" for case in CHANGES])
def test_a_file_that_is_changed_for_the_worse_is_seen(to, what, change, tmp_path):
    good = first(batch(to, tmp_path))
    assert faults(to, good) == []
    assert faults(to, change(good))
