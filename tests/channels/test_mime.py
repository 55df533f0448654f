"""Whole e-mails, read by Python's strict parser, signed by dkimpy and taken by a mail server."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import smtplib
import socket
from datetime import UTC, datetime
from email.header import decode_header, make_header
from html.parser import HTMLParser

import polars as pl
import pytest

from flows.channels.mime import inlined, message

pytestmark = pytest.mark.oracle

STRICT = email.policy.strict.clone(linesep="\r\n")

SUBJECTS = [
    "Looking after your tent",
    "Für Ann: 100 % {Pflege} & “mehr”",
    "=?utf-8?b?aGk=?= is no subject",
    "家族👨‍👩‍👧‍👦 " * 30,
    "שלום \u2067abc\u2069",
    "é" * 70,  # combining marks: e and an accent each
    "a" * 500,
    "x\r\nBcc: everybody@example.com",
    " at both ends ",
    'say "hi" \\ back',
    ",;:<>@()[]",
    "=1+1",
    "0049",
    "🇩🇪",
]


def rows(**columns: object) -> pl.DataFrame:
    """One row a subject; `columns` stand in place of what every row has."""
    n = len(SUBJECTS)
    base = {
        "sender_name": ["Nordtal Grüße, Freiburg"] * n,
        "sender_email": ["hello@mail.Nordtal.example.com"] * n,
        "reply_to": ["help@nordtal.example.com"] * n,
        "address": [f"a{number}@example.com" for number in range(n)],
        "subject": SUBJECTS,
        "text": [f"{subject}\nfirst\r\nsecond\n.\nFrom the start\n" for subject in SUBJECTS],
        "html": [f"<p>{subject}</p>\n" for subject in SUBJECTS],
        "message_id": [f"{number:064x}" for number in range(n)],
        "valid_from": [datetime(2026, 11, 22, tzinfo=UTC)] * n,
        "unsubscribe_url": [f"https://x.example.com/leave/{'0' * 80}{number}" for number in range(n)],
    }
    return pl.DataFrame({name: columns.get(name, values) for name, values in base.items()})


def written(frame: pl.DataFrame) -> list[bytes]:
    return [text.encode("ascii") for text in frame.select(message())["literal"]]


def seen(text: str) -> str:
    """What of a text its reader sees in a header: no controls, on one line."""
    return re.sub(r"[\x00-\x1f]+", " ", text)


def test_a_strict_parser_reads_each_message_without_a_complaint():
    frame = rows()
    for raw, row in zip(written(frame), frame.iter_rows(named=True), strict=True):
        read = email.message_from_bytes(raw, policy=STRICT)
        assert [defect for part in read.walk() for defect in part.defects] == []
        assert [(name, value.defects) for name, value in read.items() if value.defects] == []
        assert read["Subject"] == seen(row["subject"])
        (sender,) = read["From"].addresses
        assert (sender.display_name, sender.addr_spec) == ("Nordtal Grüße, Freiburg", "hello@mail.Nordtal.example.com")
        assert [address.addr_spec for address in read["To"].addresses] == [row["address"]]
        assert [address.addr_spec for address in read["Reply-To"].addresses] == ["help@nordtal.example.com"]
        assert read["Date"].datetime == row["valid_from"]
        assert read["Message-ID"] == f"<{row['message_id']}@mail.nordtal.example.com>"
        assert set(read.keys()) == {
            *("From", "Reply-To", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"),
            *("List-Unsubscribe", "List-Unsubscribe-Post"),
        }
        text, html = read.iter_parts()
        assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
        assert text.get_payload(decode=True).decode() == re.sub("\r\n|\r|\n", "\r\n", row["text"])
        assert html.get_payload(decode=True).decode() == re.sub("\r\n|\r|\n", "\r\n", row["html"])


def test_every_line_ends_well_and_is_short_enough_for_any_relay():
    for raw in written(rows()):
        assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
        lines = raw.split(b"\r\n")
        assert max(map(len, lines)) <= 998
        whole = (b"List-Unsubscribe:", b"Message-ID:")
        assert max(len(line) for line in lines if not line.startswith(whole)) <= 78
        assert not any(line.endswith(b" ") for line in lines)


def test_the_way_to_unsubscribe_stands_on_one_line_as_it_is():
    for number, raw in enumerate(written(rows())):
        assert f"\r\nList-Unsubscribe: <https://x.example.com/leave/{'0' * 80}{number}>\r\n".encode() in raw
        assert raw.count(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1


def test_a_service_message_has_no_way_to_unsubscribe():
    without = rows(unsubscribe_url=pl.Series([None] * len(SUBJECTS), dtype=pl.String))
    for raw in written(without):
        assert b"List-Unsubscribe" not in raw
        assert email.message_from_bytes(raw, policy=STRICT).get_content_type() == "multipart/alternative"


def test_a_short_plain_subject_is_readable_as_it_is_sent():
    first = written(rows())[0]
    assert b"\r\nSubject: Looking after your tent\r\n" in first


@pytest.mark.parametrize(
    "name", ['Ann "the tent" O\\Brien', "Nordtal", "a, b <c>", "東京", "Bücher & Boote vom Bodensee AG"]
)
def test_a_sender_is_called_by_their_name(name):
    raw = written(rows(sender_name=[name] * len(SUBJECTS)))[0]
    (sender,) = email.message_from_bytes(raw, policy=STRICT)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "hello@mail.Nordtal.example.com")


def test_a_sender_of_a_very_long_name_is_called_by_it_too():
    """By the older reader of headers: the newer one, of Python 3.11, puts spaces between the words of a name."""
    raw = written(rows(sender_name=["Grüße" * 30] * len(SUBJECTS)))[0]
    head = email.message_from_bytes(raw)["From"]
    assert str(make_header(decode_header(head))) == "Grüße" * 30 + " <hello@mail.Nordtal.example.com>"


def test_the_same_row_makes_the_same_bytes():
    assert written(rows()) == written(rows())
    assert len(set(written(rows()))) == len(SUBJECTS)


@pytest.mark.slow
def test_a_message_is_signed_and_verified_as_it_is():
    import dkim
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    secret = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = secret.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    signed = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]
    for raw in written(rows()):
        signature = dkim.sign(raw, b"s1", b"mail.nordtal.example.com", pem, include_headers=signed)
        assert b"list-unsubscribe-post" in signature.replace(b"\r\n ", b"").lower()
        assert dkim.verify(signature + raw, dnsfunc=lambda *_, **__: record)
        assert not dkim.verify(signature + raw.replace(b"leave", b"stay"), dnsfunc=lambda *_, **__: record)


@pytest.mark.slow
def test_a_mail_server_gets_the_bytes_that_were_written():
    from aiosmtpd.controller import Controller

    class Kept:
        def __init__(self) -> None:
            self.messages: list[bytes] = []

        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
            self.messages.append(envelope.original_content)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = Kept()
    server = Controller(kept, hostname="127.0.0.1", port=port, decode_data=False)
    server.start()
    try:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for raw in written(rows()):
                client.sendmail("hello@mail.nordtal.example.com", ["a@example.com"], raw)
    finally:
        server.stop()
    assert kept.messages == written(rows())


# Style sheets.


class Read(HTMLParser):
    """Texts, and tags with their attributes but `style`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.styles: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.styles += [value for name, value in attrs if name == "style"]
        self.found.append((tag, sorted(pair for pair in attrs if pair[0] != "style")))

    def handle_data(self, data):
        self.found += [data.strip()] if data.strip() else []

    def handle_comment(self, data):
        self.found.append(("comment", data))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><!--[if mso]><style>p { x: y }</style><![endif]--><style>
p { margin: 0 } .b { color: red }
@media (max-width: 480px) { p { margin: 1px !important } }
</style><title>{{{s1}}}</title></head>
<body><p title="{{{s2}}}">{{{s2}}} &amp; &lt;b&gt; <a class="b" href="{{{unsubscribe_url}}}">go</a></p></body></html>
"""


def test_styles_are_put_to_their_elements_and_nothing_else_changes():
    before, after = Read(PAGE), Read(inlined(PAGE))
    assert after.found == before.found
    assert (before.styles, after.styles) == ([], ["margin: 0;", "color: red;"])
