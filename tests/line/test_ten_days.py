"""Ten days of an ad platform: replaying only the files that it was given, it holds each day just who should be in an audience.

The platform is a set of identifiers per audience; a file adds all of its own, or takes them away. Who should be in it is said
beside each day, by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json

import pytest

from flows import line
from flows.errors import JustEnoughError
from tests.tiny import PEOPLE, clock, day, make

TARGET = "google_customer_match"
BY_PHONE = 20
"""So many of the crowd have a telephone number, too."""


def person(number):
    phone = f"+49151123457{number:02}" if number < BY_PHONE else None
    return (f"p{number:05}", "north", f"p{number:05}@x.example.com", phone, f"Person {number}", "tent", 3.0)


CROWD = [person(number) for number in range(98)]
OWN = [
    ("c01", "ann@x.example.com", "+4915112345601"),
    ("c03", "pair@x.example.com", None),
    ("c04", "tie@x.example.com", None),
]
OWN += [("c13", "mia@x.example.com", None)]


def hexed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def replayed(tiny):
    """What the platform holds once it has loaded every file in the order of the manifests."""
    held = {}
    folders = [path for path in (tiny.outbox / TARGET).iterdir() if (path / "manifest.json").exists()]
    manifests = [(json.loads((path / "manifest.json").read_bytes()), path) for path in folders]
    for manifest, folder in sorted(
        manifests, key=lambda pair: (pair[0]["as_of"], int(pair[1].name.rpartition("-")[2]))
    ):
        for file in manifest["files"]:
            if file["name"] == "audiences.ndjson":
                continue
            members = held.setdefault(file["audience"], set())
            for row in csv.DictReader(io.StringIO((folder / file["name"]).read_text("utf-8"))):
                told = {(name, value) for name, value in row.items() if value}
                members.difference_update(told) if file["mode"] == "remove" else members.update(told)
    return {name: members for name, members in held.items() if members}


class Wanted:
    """Who should be in the audience, and by what."""

    def __init__(self):
        known = [*OWN, *((customer, email, phone) for customer, _, email, phone, *_ in CROWD)]
        self.people = {customer: {("Email", email), ("Phone", phone)} for customer, email, phone in known}

    def leave(self, *customers):
        for customer in customers:
            self.people.pop(customer, None)

    def join(self, number, *, phone=True):
        customer, _, email, number, *_ = person(number)
        self.people[customer] = {("Email", email), ("Phone", number if phone else None)}

    def identifiers(self):
        return {(name, hexed(value)) for pairs in self.people.values() for name, value in pairs if value}


@pytest.fixture
def tiny(tmp_path):
    tiny = make(tmp_path / "tiny", people=[*PEOPLE, *CROWD], brands=["north"])
    tiny.advertise(least=5)
    tiny.edit("pyproject.toml", 'ads = "ads_audiences"', f'ads = "{TARGET}"')
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 2 days")
    tiny.edit("templates/care/product.yaml", "valid_for: 5 days", "valid_for: 20 days")
    tiny.set(caps=[], tolerated_share=1)
    return tiny


def needs(tiny, number, *, at=0):
    tiny.warehouse(f"INSERT INTO needs VALUES ('p{number:05}', 'north', 'tent', 3, TIMESTAMP '{day(at):%F %T}')")


def is_held_out(customer, share):
    return int(hashlib.sha256(f"tiny/global_holdout:{customer}".encode()).hexdigest()[:13], 16) / 2**52 < share


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_days_of_files_leave_at_the_platform_who_should_be_there(tiny):
    wanted, done = Wanted(), []

    def check(number, **request):
        tiny.run(at=day(number), **request)
        (members,) = replayed(tiny).values()
        assert members == wanted.identifiers(), f"day {number}"
        done.append(number)

    check(0)

    # One leaves the segment, one opts out; c07, whose late order has silenced the care guide, hears of it a day later, and so
    # do c02 and c05, at addresses that others had the right to on the first day.
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'p00000'")
    tiny.says("p00001", at=day(1))
    wanted.leave("p00000", "p00001")
    late = {"c02": "pair@x.example.com", "c05": "tie@x.example.com", "c07": "gus@x.example.com"}
    wanted.people |= {customer: {("Email", email)} for customer, email in late.items()}
    check(1)

    # The first returns; a number is suppressed, and the person is decided for again on this day, without it.
    needs(tiny, 0)
    tiny.warehouse("INSERT INTO suppressed VALUES ('sms', '0151 12345702', '*', 'stop', TIMESTAMP '2026-11-24')")
    wanted.join(0)
    wanted.join(2, phone=False)
    check(2)

    # The second agrees again; a number is suppressed between two decisions, which takes its owner away for the time being.
    tiny.says("p00001", "yes", at=day(3))
    tiny.warehouse("INSERT INTO suppressed VALUES ('sms', '+4915112345703', 'north', 'stop', TIMESTAMP '2026-11-25')")
    wanted.join(1)
    wanted.leave("p00003")
    check(3)

    # One is erased; the one of yesterday is back, without the number.
    with clock(day(4)):
        line.forget(tiny.load().settings, ["p00004"])
    wanted.leave("p00004")
    wanted.join(3, phone=False)
    check(4)

    # A batch that cannot be written: nothing changes, and nothing is lost by it.
    tiny.says("p00005", at=day(5))
    place, aside = tiny.outbox / TARGET, tiny.outbox / "aside"
    place.rename(aside)
    place.write_bytes(b"")
    before = wanted.identifiers()
    with pytest.raises(JustEnoughError):
        tiny.run(at=day(5))
    place.unlink()
    aside.rename(place)
    assert set().union(*replayed(tiny).values()) == before
    wanted.leave("p00005")
    check(5)

    # A run for another product, and one for a few customers, take nobody else away.
    tiny.says("p00006", at=day(6))
    tiny.says("p00007", at=day(6))
    check(6, products=("late",))
    wanted.leave("p00007")
    check(6, customers=("p00007",))

    # Some are held out from now on, so the audience falls below what the platform serves: who is in it stays.
    share = 0.08
    tiny.edit("pyproject.toml", "global_holdout = 0\n", f"global_holdout = {share}\n")
    out = [customer for customer in wanted.people if is_held_out(customer, share)]
    assert 3 <= len(out) <= 20
    wanted.leave("p00006", *out)
    check(7)
    assert len(wanted.people) < 100

    # Into such an audience nobody comes,
    comers = [number for number in range(200, 240) if not is_held_out(person(number)[0], share)]
    for number in comers[:2]:
        join(tiny, number)
    check(8)

    # until enough do; those two have had the care guide by e-mail, and are decided for again a day later.
    for number in comers[2:30]:
        join(tiny, number)
        wanted.join(number)
    check(9)
    for number in comers[:2]:
        wanted.join(number)
    check(10)
    assert done == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10]


def join(tiny, number):
    customer, brand, email, phone, name, *_ = person(number)
    tiny.warehouse(
        f"INSERT INTO people VALUES ('{customer}', '{brand}', 'DE', 'en', '{email}', {phone or 'NULL'}, '{name}')"
    )
    needs(tiny, number)
    tiny.says(customer, "yes")
