"""What each platform would say of a file of e-mails: its faults. By the platform's own software where that runs here.

SES by botocore, whole mails by Python's strict parser; the others are the rules of their documentation, as the docstrings of
the targets cite them. Vendors' packages, which check less than one thinks, are asked in `test_email_vendors`.
"""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import re
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ADDRESS = re.compile(r"[^\s<>,;@\"]+@[A-Za-z0-9.-]+")
BRAZE_IDENTIFIERS = {"external_id", "braze_id", "user_alias_name", "phone"}
BRAZE_GUESSES = re.compile(r"|true|false|[-+]?[\d.]+(e[-+]?\d+)?|\d{4}-\d\d-\d\d", re.IGNORECASE)
GHOST_HEADERS = {
    *("id", "email", "name", "note", "subscribed_to_emails", "complimentary_plan", "stripe_customer_id"),
    *("created_at", "deleted_at", "labels", "tiers"),
}
SENDGRID_KEYS = {"personalizations", "from", "reply_to", "subject", "content", "tracking_settings"}


def table(content: bytes, separator: str = ",") -> tuple[list[str], list[list[str]]]:
    text = content.decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    if len(rows) < 2 or text.startswith("\ufeff") or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("no table with a header")
    return rows[0], rows[1:]


def column(content: bytes, name: str) -> list[str]:
    header, rows = table(content)
    return [row[header.index(name)] for row in rows]


def braze(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if len(set(header) & BRAZE_IDENTIFIERS) != 1:
        yield "not one identifier"
        return
    if b"\r" in content:
        yield "two kinds of line end"
    if len(set(column(content, "external_id"))) != len(rows):
        yield "a user twice"
    if len(set(map(str.lower, header))) != len(header) or header != [name.strip() for name in header]:
        yield "a header that is read as another attribute"
    slots = [at for at, name in enumerate(header) if re.fullmatch(r"s\d+(_html)?", name)]
    if any(BRAZE_GUESSES.fullmatch(row[at]) for row in rows for at in slots if row[header.index("creative")] == "c-k1"):
        yield "a value whose type is guessed, or that does not replace the old one"
    if any(len(cell) > 255 for row in rows for cell in row):
        yield "a value that is cut"


def klaviyo(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if header[0] not in {"Email", "Email Address", "Phone Number"}:
        yield "the first header is no identifier"
        return
    addresses = [row[0].lower() for row in rows]
    if len(set(addresses)) != len(rows):
        yield "an address twice"
    if not all(map(ADDRESS.fullmatch, addresses)):
        yield "no address"
    if len(content) > 50_000_000:
        yield "too large"


def sfmc(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if not {"SubscriberKey", "EmailAddress"} <= set(header):
        yield "fields that do not match by name"
        return
    if any(len(cell) > 4_000 for row in rows for cell in row):
        yield "a row that is rejected"
    if not all(map(ADDRESS.fullmatch, column(content, "EmailAddress"))):
        yield "no address"


def customerio(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if not {"id", "email"} <= set(header) or len(header) > 100:
        yield "no identifier, or too many columns"
        return
    if len(set(column(content, "id"))) != len(rows):
        yield "a person twice"
    if len(content) > 100_000_000:
        yield "too large"


def brevo(content: bytes) -> Iterator[str]:
    header, rows = table(content, ";")
    if header[0] != "EMAIL" or any(name != name.upper() for name in header):
        yield "attributes that are not there"
        return
    if len({row[0].lower() for row in rows}) != len(rows) or not all(ADDRESS.fullmatch(row[0]) for row in rows):
        yield "no address, or one twice"
    if len(content) > 10_000_000:
        yield "too large"


def mailchimp(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if header[0] != "Email Address" or any(not re.fullmatch(r"[A-Z0-9_]{1,10}", name) for name in header[1:]):
        yield "a header that is no tag"
        return
    if len({row[0].lower() for row in rows}) != len(rows) or not all(ADDRESS.fullmatch(row[0]) for row in rows):
        yield "no address, or one twice"
    if not all(row[0].split("@")[0].isascii() for row in rows):
        yield "letters beyond ASCII before the @"
    if any(len(cell.encode()) > 255 for row in rows for cell in row):
        yield "a value that is cut"
    if any("*|" in cell for row in rows for cell in row):
        yield "a value that is taken for a tag"
    slots = [at for at, name in enumerate(header) if re.fullmatch(r"S\d+(_HTML)?", name)]
    if any(row[at] == "" for row in rows for at in slots if row[header.index("CREATIVE")] == "c-k1"):
        yield "a blank that does not replace the old value"


def mautic(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if "email" not in header or any(not re.fullmatch(r"[a-z0-9_]{1,25}", name) for name in header):
        yield "a header that is no alias of a field"
        return
    if len({row[header.index("email")].lower() for row in rows}) != len(rows) or len(rows) > 1_000:
        yield "an address twice, or too many rows"
    if not all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time) for time in column(content, "valid_until")):
        yield "a time that is not read"
    slots = [at for at, name in enumerate(header) if re.fullmatch(r"s\d+(_html)?", name)]
    if any(row[at] in {"", "0"} for row in rows for at in slots if row[header.index("creative")] == "c-k1"):
        yield "a blank that does not replace the old value"
    if any(re.search(r"\{[A-Za-z_]+(=[^{}]*)?\}", cell) for row in rows for cell in row):
        yield "a value that is taken for a token"


def listmonk(content: bytes) -> Iterator[str]:
    header, _ = table(content)
    if "email" not in header or not set(header) <= {"email", "name", "attributes"}:
        yield "headers that are not read"
        return
    for address, attributes in zip(column(content, "email"), column(content, "attributes"), strict=True):
        if not ADDRESS.fullmatch(address):
            yield "no address"
        if not isinstance(json.loads(attributes), dict):
            yield "attributes that are dropped"


def ghost(content: bytes) -> Iterator[str]:
    header, rows = table(content)
    if "email" not in header or not set(header) <= GHOST_HEADERS:
        yield "headers that are not read"
        return
    if len({address.lower() for address in column(content, "email")}) != len(rows):
        yield "a member twice"
    if "subscribed_to_emails" in header:
        yield "whoever left is made to come back"
    if not all(re.fullmatch(r"je-[0-9a-f]{12}", label) for label in column(content, "labels")):
        yield "a label that tells something"


def sendgrid(content: bytes) -> Iterator[str]:
    for request in map(json.loads, content.decode("utf-8").splitlines()):
        if set(request) != SENDGRID_KEYS:
            yield "unknown or missing keys"
            return
        yield from _personalizations(request["personalizations"])
        if [part["type"] for part in request["content"]] != ["text/plain", "text/html"]:
            yield "contents that are not plain text and then HTML"
        if not (request["subject"] and all(part["value"] for part in request["content"])):
            yield "an empty subject or content"


def _personalizations(people: list[dict[str, Any]]) -> Iterator[str]:
    if not 1 <= len(people) <= 1_000:
        yield "too many recipients"
    addresses = [to["email"].lower() for person in people for to in person["to"]]
    if len(set(addresses)) != len(addresses):
        yield "an address twice"
    if not all(map(ADDRESS.fullmatch, addresses)):
        yield "no address"
    for person in people:
        said = person.get("substitutions", {})
        if not all(isinstance(value, str) for value in said.values()):
            yield "a substitution that is no text"
        if len(json.dumps(said, ensure_ascii=False).encode()) > 11_000:
            yield "substitutions that are too large"


_SES = botocore.session.get_session().get_service_model("sesv2").operation_model("SendBulkEmail").input_shape


def ses(content: bytes) -> Iterator[str]:
    for request in map(json.loads, content.decode("utf-8").splitlines()):
        if report := ParamValidator().validate(request, _SES).generate_report():
            yield report
            return
        entries = request["BulkEmailEntries"]
        if not 1 <= len(entries) <= 50:
            yield "too many recipients, which botocore does not count"
        data = [entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"] for entry in entries]
        if any(len(text) > 262_144 or not isinstance(json.loads(text), dict) for text in data):
            yield "data that is too long or no JSON, which botocore does not read"
        if not all(ADDRESS.fullmatch(to) for entry in entries for to in entry["Destination"]["ToAddresses"]):
            yield "no address"


def eml(content: bytes) -> Iterator[str]:
    read = email.message_from_bytes(content, policy=email.policy.strict)
    if missing := {"From", "To", "Subject", "Date", "Message-ID"} - set(read.keys()):
        yield f"without {missing}"
        return
    yield from (str(defect) for value in read.values() for defect in value.defects)
    yield from (str(defect) for part in read.walk() for defect in part.defects)
    if any(len(line) > 998 for line in content.split(b"\r\n")) or content.count(b"\n") != content.count(b"\r\n"):
        yield "lines that a relay has to change"
    link = next((line for line in content.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")), None)
    if link is not None and not re.fullmatch(rb"List-Unsubscribe: <https://[!-~]+>", link):
        yield "a link to unsubscribe that no mail program reads"
    if (link is None) != ("List-Unsubscribe-Post" not in read):
        yield "half a way to unsubscribe"
    if [part.get_content_type() for part in read.iter_parts()] != ["text/plain", "text/html"]:
        yield "parts that are not plain text and then HTML"


JUDGES: Mapping[str, Callable[[bytes], Iterator[str]]] = {
    "braze": braze,
    "brevo": brevo,
    "customerio": customerio,
    "eml": eml,
    "ghost": ghost,
    "klaviyo": klaviyo,
    "listmonk": listmonk,
    "mailchimp": mailchimp,
    "mautic": mautic,
    "sendgrid": sendgrid,
    "ses": ses,
    "sfmc": sfmc,
}


def faults(name: str, content: bytes) -> list[str]:
    """What is wrong with a file for a platform; what its judge cannot even read is wrong, too."""
    try:
        return list(JUDGES[name](content))
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, email.errors.MessageError) as error:
        return [f"cannot be read: {type(error).__name__}"]
