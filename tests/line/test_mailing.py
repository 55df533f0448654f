"""A mail to oneself is what would be sent, called a test; it reaches nobody who gets nothing any more, and nothing is claimed."""

from __future__ import annotations

import email
import email.policy
import json
import re
import socket
import ssl
import stat
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from flows import cli, line
from flows.errors import TransportError, UsageError
from flows.line.mailing import CALLED
from flows.transports.smtp import hand_over
from tests.tiny import MORNING, clock, make

pytestmark = pytest.mark.slow
TO = "crm@x.example.com"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("mailing") / "workspace", brands=["north"])
    tiny.run()
    return tiny


def mailed(tiny, *, product="care", to=TO, customer=None, **asked):
    with clock(MORNING):
        mail = line.mail_to(tiny.load(), product, to, line.Asked(**asked), customer)
    return mail, email.message_from_bytes(mail.content, policy=email.policy.default)


def body(found, kind):
    return found.get_body((kind,)).get_content().replace("\r\n", "\n")


def linkless(text):
    return re.sub(r"https://north\.example\.com/unsubscribe/\S+?(?=[\"\s]|$)", "LINK", text).strip()


def test_a_test_is_whole_in_the_words_of_the_examples_and_its_subject_says_so(delivered):
    mail, found = mailed(delivered)
    expected = line.preview(delivered.load(), "care", line.Asked(("email",))).messages[-1]
    assert (mail.sender, mail.to) == ("hello@north.example.com", TO)
    assert (found["To"], found["From"], found["Reply-To"]) == (
        "crm@x.example.com", "North <hello@north.example.com>", "help@north.example.com",
    )  # fmt: skip
    assert found["Subject"] == CALLED + expected.parts["subject"].text == "[Test] Looking after your tent"
    assert linkless(body(found, "plain")) == linkless(expected.parts["text"].text)
    assert linkless(body(found, "html").replace("<head></head>", "")) == linkless(expected.parts["html"].text)
    assert "Hello Ann" in body(found, "html")
    assert mail.content.count(b"\r\n") == mail.content.count(b"\n")


def test_a_customers_test_says_what_was_delivered_to_them_and_its_links_are_nobodys(delivered):
    ledger = {name for (name,) in delivered.history("SELECT message_id FROM delivery")}
    [batch] = [batch for batch in delivered.batches() if batch.target == "email_file"]
    row = next(row for row in batch.rows if row["customer_id"] == "c03")
    assert {row["s1"], row["s2"]} == {"stove", "Cid"}
    _, found = mailed(delivered, customer="c03")
    assert found["Subject"] == "[Test] Looking after your stove"
    assert "Hello Cid" in body(found, "html")
    [link] = re.findall(r"unsubscribe/(\w+)", found["List-Unsubscribe"])
    assert link not in ledger
    assert link in body(found, "plain")
    assert found["Message-ID"].strip("<>").split("@")[0] not in ledger
    assert not {"c03", "pair@"} & set(re.findall(r"c03|pair@", found.as_string().lower()))


def test_nothing_is_claimed_nor_counted_by_a_test(delivered, tmp_path):
    tiny = delivered.copy(tmp_path / "tiny")
    before, files = tiny.everything(), set(tiny.outbox.rglob("*"))
    mailed(tiny)
    mailed(tiny, product="late", customer="c07")
    assert tiny.everything() == before
    assert set(tiny.outbox.rglob("*")) == files


def test_variant_locale_and_brand_are_those_that_are_asked_for(tmp_path):
    tiny = make(tmp_path / "tiny")
    tiny.speak("de")
    tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {a: 50%, b: 50%}}\nbecause:")
    for locale in ("", ".de"):
        words = (tiny.folder / f"templates/care/email{locale}.j2").read_text("utf-8")
        (tiny.folder / f"templates/care/email.b{locale}.j2").write_text(words.replace("Looking", "Seeing"), "utf-8")
    (tiny.folder / "templates/care/email.b.de.j2").write_text(words.replace("Looking after", "Pflege für"), "utf-8")
    _, first = mailed(tiny)
    _, second = mailed(tiny, variants=("b",), locales=("de-AT",), brand="south")
    assert first["Subject"] == "[Test] Looking after your tent"
    assert (second["Subject"], second["From"]) == ("[Test] Pflege für your tent", "South <hello@south.example.com>")
    assert "Anleitung lesen" in body(second, "html")


def test_who_is_suppressed_or_has_said_stop_gets_none(delivered, tmp_path, capsys):
    tiny = delivered.copy(tmp_path / "tiny")
    tiny.warehouse(
        f"INSERT INTO suppressed VALUES ('email', 'crm@x.example.com', 'north', 'bounced', '{MORNING:%F %T}')"
    )
    with pytest.raises(UsageError, match="on a suppression list, or has said stop"):
        mailed(tiny)
    other = "qa@x.example.com"
    assert mailed(tiny, to=other)
    at = ["--workspace", str(tiny.folder)]
    with clock(MORNING + timedelta(minutes=1)):
        assert cli.main(["opt-out", "--address", other, "--channel", "email", *at]) == 0
        assert cli.main(["send-test", "care", "--to", other, *at]) == 2
    assert other not in capsys.readouterr().err
    assert not (tiny.state / "pages").exists()


def test_outside_production_a_test_goes_to_seeds_alone_and_says_where_it_is_from(
    delivered, tmp_path, monkeypatch, capsys
):
    tiny = delivered.copy(tmp_path / "tiny")
    tiny.edit("pyproject.toml", "[tool.justenough]\n", '[tool.justenough]\nseeds = {email = ["qa@x.example.com"]}\n')
    monkeypatch.setenv("JUSTENOUGH_ENVIRONMENT", "staging")
    with pytest.raises(UsageError, match="this is no seed address, and staging delivers to these alone"):
        mailed(tiny)
    assert mailed(tiny, to="QA@x.example.com")[1]["Subject"] == "[Test] [staging] Looking after your tent"
    with clock(MORNING):
        assert cli.main(["preview", "care", "--json", "--workspace", str(tiny.folder)]) == 0
    page = Path(json.loads(capsys.readouterr().out)["page"])
    assert "<h1>tiny [staging]: care" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"to": "crm"}, "--to: no mail can be sent to this"),
        ({"product": "car"}, "PRODUCT: 'car' is no product of this workspace"),
        ({"customer": "c06"}, r"--customer: plan .* has no mail of care to this customer"),  # by SMS
        ({"customer": "c01", "locales": ("de",)}, "a customer has a language and a variant already"),
        ({"brand": "south"}, "--brand: 'south' is no brand of care"),
    ],
)
def test_what_cannot_be_mailed_is_told(delivered, asked, complaint):
    with pytest.raises(UsageError, match=complaint):
        mailed(delivered, **asked)


def test_the_command_writes_a_private_file(delivered, tmp_path, capsys):
    tiny = delivered.copy(tmp_path / "tiny")
    with clock(MORNING):
        assert cli.main(["send-test", "care", "--to", TO, "--json", "--workspace", str(tiny.folder)]) == 0
    file = tiny.state / "pages/care-test.eml"
    assert json.loads(capsys.readouterr().out) == {"file": str(file)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"From: ")


class Kept:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.envelopes: list[tuple[str, list[str], bytes, bool]] = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's names
        if address.startswith("nobody"):
            return f"550 there is no {address} here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802
        is_encrypted = session.ssl is not None
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content, is_encrypted))
        return "250 OK"


@contextmanager
def server(context=None):
    from aiosmtpd.controller import Controller

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = Kept()
    found = Controller(kept, hostname="127.0.0.1", port=port, decode_data=False, tls_context=context)
    found.start()
    try:
        yield f"localhost:{port}", kept
    finally:
        found.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost that nobody has signed, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, MORNING - timedelta(9), MORNING + timedelta(9999))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    file = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    held = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(held + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


def test_a_mail_server_gets_the_bytes_that_a_file_would_have(delivered):
    mail, _ = mailed(delivered)
    with server() as (where, kept):
        hand_over(where, mail.sender, mail.to, mail.content)
    assert kept.envelopes == [("hello@north.example.com", [TO], mail.content, False)]


def test_the_command_hands_a_test_to_a_server_and_writes_no_file(delivered, tmp_path, capsys):
    tiny = delivered.copy(tmp_path / "tiny")
    with server() as (where, kept), clock(MORNING):
        assert cli.main(["send-test", "care", "--to", TO, "--smtp", where, "--workspace", str(tiny.folder)]) == 0
    assert f"Handed to {where}." in capsys.readouterr().out
    [(_, to, content, _)] = kept.envelopes
    assert (to, b"\r\nSubject: [Test] Looking after your tent\r\n" in content) == ([TO], True)
    assert not (tiny.state / "pages").exists()


def test_where_a_server_offers_it_the_way_is_encrypted_and_an_impostor_gets_nothing(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(context) as (where, kept):
        with pytest.raises(TransportError, match="no mail could be handed over"):
            hand_over(where, "a@x.example.com", TO, b"Subject: x\r\n\r\nx\r\n")
        assert kept.envelopes == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        hand_over(where, "a@x.example.com", TO, b"Subject: x\r\n\r\nx\r\n")
    assert [encrypted for *_, encrypted in kept.envelopes] == [True]


def test_who_refuses_or_does_not_answer_is_told_without_the_address():
    with server() as (where, _), pytest.raises(TransportError) as refused:
        hand_over(where, "a@x.example.com", "nobody@x.example.com", b"Subject: x\r\n\r\nx\r\n")
    assert str(refused.value) == f"{where}: the server refuses the recipient (550)\nhint: look at its log"
    with pytest.raises(TransportError, match="no mail could be handed over"):
        hand_over(where, "a@x.example.com", TO, b"")  # it is gone
    for wrong in ("localhost", "localhost:smtp", ":25", "localhost:0"):
        with pytest.raises(UsageError, match="is no server"):
            hand_over(wrong, "a@x.example.com", TO, b"")
