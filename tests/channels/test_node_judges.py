"""Judges written in JavaScript: mailparser, Ghost's reader of members, Twilio's count of segments, Meta's second SDK, and
a second libphonenumber.

They come from the npm registry once for this file, so Node with npm has to be there. Each is tried on a good payload and on five
with one thing wrong; those that it takes all the same stand in `UNSEEN`, each with the test of ours that sees it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import phonenumbers
import polars as pl
import pytest

from flows.addresses.rules import read_phone
from flows.channels import target
from flows.sms_length import measure
from flows.words import clean
from tests.channels.ads import DIRTY, golden, hexed, known
from tests.channels.dirty import NAMES, batch, meant, people
from tests.channels.readers import table
from tests.channels.test_ads_judges import cells, wrong_rows
from tests.channels.test_email_vendors import changed, first
from tests.channels.test_mime import Read

pytestmark = [pytest.mark.slow, pytest.mark.oracle, pytest.mark.timeout(900)]  # the packages come over a network first

PACKAGES = {
    "@tryghost/members-csv": "2.0.7",
    "facebook-nodejs-business-sdk": "24.0.1",
    "libphonenumber-js": "1.13.16",
    "mailparser": "3.7.2",
    "sms-segments-calculator": "1.3.0",
}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """What each judge answers: (judge, what it is given) in a list -> `{"said": …}` or `{"refused": …}` of each."""
    assert shutil.which("npm"), "these judges need Node with npm: https://nodejs.org"
    folder = tmp_path_factory.mktemp("node")
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(["npm", "install", "--prefix", folder, *quiet, *wanted], check=True, cwd=folder)

    def asked(questions):
        done = subprocess.run(
            ["node", HERE / "node_judges.cjs"],
            input=json.dumps(questions),
            env={**os.environ, "NODE_PATH": str(folder / "node_modules")},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return asked


UNSEEN = {
    "mail": {
        "bare line feeds": "test_every_line_ends_well_and_is_short_enough_for_any_relay",
        "no sender": "test_a_file_that_is_changed_for_the_worse_is_seen",
    },
    "ghost": {
        "another separator": "test_a_file_that_is_changed_for_the_worse_is_seen",
        "a label that tells something": "test_a_file_that_is_changed_for_the_worse_is_seen",
        "a member twice": "test_a_file_that_is_changed_for_the_worse_is_seen",
        "whoever left comes back": "test_a_file_that_is_changed_for_the_worse_is_seen",
    },
    "meta": {
        "in capitals": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "the digest of nothing": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
    },
}


def unseen(judge, good, wrong, takes):
    """The kinds of wrong payloads that a judge takes; it has to take the good one."""
    assert takes(good)
    assert len(wrong) == 5
    return judge, {kind for kind, payload in wrong.items() if takes(payload)}


def test_each_test_that_sees_what_a_judge_does_not_is_there():
    ours = "".join(
        (HERE / name).read_text("utf-8") for name in ("test_mime.py", "test_ads.py", "test_email_vendors.py")
    )
    named = {test for kinds in UNSEEN.values() for test in kinds.values()}
    assert {test for test in named if f"def {test}(" not in ours} == set()


# A mail program.


def in_ascii(address):
    """Mail programs show the letters of a domain; it is sent in ASCII."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def mails(raws):
    return [["mail", base64.b64encode(raw).decode()] for raw in raws]


def test_a_mail_program_reads_what_was_meant_and_finds_the_way_to_unsubscribe(ask, tmp_path):
    raws = [file.read_bytes() for file in sorted(batch("eml", tmp_path).glob("*.eml"))]
    wanted = meant("eml")
    rows = {row["message_id"]: row for row in people(target("eml")).iter_rows(named=True)}
    seen = 0
    for answer in ask(mails(raws)):
        read = answer["said"]
        message_id = read["id"].strip("<>").partition("@")[0]
        row, own = rows[message_id], wanted[message_id]
        (sender,) = read["from"]
        assert (sender["name"], sender["address"]) == ("Nordtal Grüße, Freiburg", "hello@mail.nordtal.example.com")
        assert ([in_ascii(to) for to in read["to"]], read["date"]) == ([row["address"]], "2026-11-22T00:00:00.000Z")
        assert (read["subject"], read["text"].rstrip("\n")) == (own["subject"], own["text"].rstrip("\n"))
        assert Read(read["html"]).found == Read(own["html"]).found
        leave = row["unsubscribe_url"]
        assert read.get("leave") == leave
        assert read.get("post") == (None if leave is None else "List-Unsubscribe=One-Click")
        seen += 1
    assert seen == len(NAMES)


def test_what_a_mail_program_does_not_see_is_seen_by_us(ask, tmp_path):
    good = first(batch("eml", tmp_path))
    (told,) = ask(mails([good]))
    wrong = {
        "an encoded way to unsubscribe": good.replace(b": <https:", b": =?utf-8?q?=3Chttps:", 1),
        "no one click": good.replace(b"List-Unsubscribe-Post", b"X-Post", 1),
        "a boundary that is never met": good.replace(b'boundary="', b'boundary="x', 1),
        "bare line feeds": good.replace(b"\r\n", b"\n"),
        "no sender": good.replace(b"From: ", b"X-From: ", 1),
    }

    def takes(raw):
        (answer,) = ask(mails([raw]))
        own = {**told["said"], "from": None}
        return {**answer["said"], "from": None} == own

    assert unseen("mail", good, wrong, takes) == ("mail", set(UNSEEN["mail"]))


# Ghost.


def test_ghost_reads_each_member_with_the_label_of_their_post(ask, tmp_path):
    folder = batch("ghost", tmp_path)
    for file in sorted(folder.glob("recipients*")):
        (answer,) = ask([["ghost", str(file)]])
        members = [(row["email"], [label["name"] for label in row["labels"]]) for row in answer["said"]]
        assert all(set(row) == {"email", "labels"} for row in answer["said"])
        assert members == [(row["email"], [row["labels"]]) for row in table(folder)]
    assert sorted(email for email, _ in members) == sorted(people(target("ghost"))["address"])


def test_what_ghosts_reader_does_not_see_is_seen_by_us(ask, tmp_path):
    good = first(batch("ghost", tmp_path))
    wrong = {
        "a header of another case": changed(good, header="Email"),
        "another separator": good.replace(b",", b";"),
        "a label that tells something": changed(good, labels="diabetes"),
        "a member twice": good + good.split(b"\n")[-2] + b"\n",
        "whoever left comes back": good.replace(b"labels", b"labels,subscribed_to_emails", 1)
        .replace(b"\n", b",true\n")
        .replace(b"emails,true", b"emails", 1),
    }

    def takes(content):
        (tmp_path / "members.csv").write_bytes(content)
        (answer,) = ask([["ghost", str(tmp_path / "members.csv")]])
        members = answer["said"]
        return members != [] and all(row.get("email") and row["labels"] for row in members)

    assert unseen("ghost", good, wrong, takes) == ("ghost", set(UNSEEN["ghost"]))


# Text messages.

BODIES = [
    "a" * 160,
    "a" * 161,
    "a" * 306,
    "a" * 307,
    "é" * 160,
    "ê" * 70,
    "ê" * 71,
    "ê" * 135,
    "€" * 80,
    "€" * 81,
    "a" * 152 + "€" + "a" * 152,
    "a" * 153 + "€" + "a" * 151,
    "a" * 66 + "😀" + "a" * 66,
    "a" * 67 + "😀" + "a" * 65,
    "ê" + "[" * 134,
    "two\nlines\rand\fmore",
    "a`b",
    "tab\t",
    "a\xa0b",
    "it’s",
    *(name * 7 for name in pl.select(clean(pl.lit(pl.Series(NAMES)))).to_series() if name),
]


def test_twilio_counts_the_segments_as_we_do(ask):
    """But for towers of accents, which no name has by then: Twilio does not cut between a letter and its marks."""
    ours = measure(pl.Series(BODIES)).select("encoding", "segments").rows()
    theirs = [tuple(answer["said"]) for answer in ask([["sms", body] for body in BODIES])]
    differ = {body: (mine, other) for body, mine, other in zip(BODIES, ours, theirs, strict=True) if mine != other}
    assert differ == {}


def test_a_wrong_count_of_a_text_message_is_seen_by_twilios(ask, tmp_path):
    good = {"body": "ê" * 71, "encoding": "UCS-2", "segments": "2"}
    wrong = {
        "one segment less": good | {"segments": "1"},
        "another encoding": good | {"encoding": "GSM-7"},
        "a body of another length": good | {"body": "ê" * 135},
        "a letter that costs more": good | {"body": "é" * 71},
        "no body": good | {"body": ""},
    }

    def takes(row):
        (answer,) = ask([["sms", row["body"]]])
        return answer["said"] == [row["encoding"], int(row["segments"])]

    assert unseen("sms", good, wrong, takes) == ("sms", set())


# Meta.


def test_metas_second_implementation_hashes_addresses_as_the_file_has_them(ask, tmp_path):
    questions, rows = [], known().rows()
    for _, phone, address in rows:
        questions += [["meta", ["em", address]], ["meta", ["ph", phone or ""]]]
    said = [answer["said"] or "" for answer in ask(questions)]
    wanted = {(said[at], said[at + 1]) for at in range(0, len(said), 2)}
    found = {(row["email"], row["phone"]) for row in cells(golden(tmp_path, "meta_custom_audience"))}
    assert found == wanted


def test_what_metas_second_implementation_does_not_see_is_seen_by_us(ask, tmp_path):
    """What is a digest already it leaves as it is, and hashes anything else: so a row is taken that it gives back unchanged."""
    good = next(row for row in cells(golden(tmp_path, "meta_custom_audience")) if all(row.values()))
    fields = {"email": "em", "phone": "ph"}

    def takes(row):
        if set(row) != set(fields):
            return False
        answers = ask([["meta", [fields[name], value]] for name, value in row.items()])
        return [answer.get("said") for answer in answers] == [value.lower() for value in row.values()]

    assert unseen("meta", good, wrong_rows(good), takes) == ("meta", set(UNSEEN["meta"]))
    assert hexed("") in wrong_rows(good)["the digest of nothing"].values()


# Telephone numbers.


def test_numbers_are_read_as_the_other_implementation_of_libphonenumber_does(ask):
    """But for a prefix of another country's, which ours knows, and a landline, which gets no text messages."""
    noted = [(phone, country) for _, phone, country in DIRTY if phone]
    ours = [read_phone(*each)[0] for each in noted]
    theirs = [answer["said"] for answer in ask([["phone", each] for each in noted])]
    differ = {each: (mine, other) for each, mine, other in zip(noted, ours, theirs, strict=True) if mine != other}
    assert differ == {
        ("0044 7911 123457", "US"): ("+447911123457", None),
        ("08-123 456 78", "SE"): (None, "+46812345678"),
    }


def test_a_mobile_number_of_each_country_is_read_alike_as_people_there_write_it(ask):
    mobile, noted = phonenumbers.PhoneNumberType.MOBILE, []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, mobile)
        if example is not None:
            noted.append((phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL), region))
    ours = [read_phone(*each)[0] for each in noted]
    theirs = [answer["said"] for answer in ask([["phone", each] for each in noted])]
    differ = {each: (mine, other) for each, mine, other in zip(noted, ours, theirs, strict=True) if mine != other}
    assert len(noted) > 200
    assert differ == {}
