"""What ad platforms compare: their own vectors, their own packages, and what must never be hashed."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import phonenumbers
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from flows.addresses.matching import RULES, country, email_digest, name_digest, phone_digest, postcode, sha256
from flows.addresses.rules import read_email, read_phone

KNOWN = RULES | {
    "tiktok without plus": replace(RULES["tiktok"], plus=False),
    "tiktok without tags": replace(RULES["tiktok"], drops_tags=True),
}


def column(function, *arguments, of):
    """The values of an expression over a column of texts."""
    frame = pl.DataFrame({"text": of}, {"text": pl.String})
    return frame.select(function(*arguments, pl.col("text"))).to_series().to_list()


def hexes(*texts):
    return [None if text is None else hashlib.sha256(text.encode()).hexdigest() for text in texts]


def based(*texts):
    return [
        None if text is None else base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts
    ]


# The vendors' own vectors: what they print beside their rules, computed again here.


@pytest.mark.parametrize(
    ("platform", "written", "text", "vector"),
    [
        (
            "snapchat",
            " Person@Example.com",
            "person@example.com",
            "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
        ),
        ("uid2", "USER@example.com", "user@example.com", "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="),
        (
            "uid2",
            "Jane.Saoirse+UID2@gmail.com",
            "janesaoirse@gmail.com",
            "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8=",
        ),
        (
            "tiktok",
            "JaneDoe@Gmail.com",
            "janedoe@gmail.com",
            "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",
        ),
    ],
)
def test_an_email_address_has_the_digest_that_the_platform_prints(platform, written, text, vector):
    assert vector in {*hexes(text), *based(text)}
    assert column(email_digest, RULES[platform], of=[written]) == [vector]


@pytest.mark.parametrize(
    ("platform", "number", "text", "vector"),
    [
        (
            "snapchat",
            "+448444124653",
            "448444124653",
            "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383",
        ),
        (
            "meta",
            "+448444124653",
            "448444124653",
            "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383",
        ),
        ("uid2", "+12345678901", "+12345678901", "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="),
        (
            "tiktok without plus",
            "+37493828222",
            "37493828222",
            "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4",
        ),
    ],
)
def test_a_number_has_the_digest_that_the_platform_prints(platform, number, text, vector):
    assert vector in {*hexes(text), *based(text)}
    assert column(phone_digest, KNOWN[platform], of=[number]) == [vector]


# Each platform's own rules.

WRITTEN = [" A.B+c@Gmail.COM ", "a.b+c@googlemail.com", "A.B+c@Example.com", "+tag@gmail.com"]
PLAIN = ["a.b+c@gmail.com", "a.b+c@googlemail.com", "a.b+c@example.com", "+tag@gmail.com"]


@pytest.mark.parametrize(
    ("platforms", "expected"),
    [
        (("linkedin", "meta", "microsoft", "pinterest", "snapchat", "tiktok", "x"), hexes(*PLAIN)),
        (("google",), hexes("ab@gmail.com", "ab@googlemail.com", *PLAIN[2:])),
        (("tiktok without tags",), hexes("a.b@gmail.com", "a.b@googlemail.com", "a.b@example.com", PLAIN[3])),
        (("uid2",), based("ab@gmail.com", *PLAIN[1:])),
    ],
)
def test_dots_and_tags_count_for_nothing_where_the_platform_says_so(platforms, expected):
    found = {platform: column(email_digest, KNOWN[platform], of=WRITTEN) for platform in platforms}
    assert found == dict.fromkeys(platforms, expected)


def test_a_number_keeps_its_plus_where_the_platform_says_so():
    numbers = ["+447911123456", "+2905123"]  # Saint Helena's are so short that one platform refuses them
    found = {
        platform: column(phone_digest, KNOWN[platform], of=numbers)
        for platform in ("google", "tiktok", "meta", "snapchat", "tiktok without plus", "uid2")
    }
    plain, plus = hexes("447911123456", "2905123"), hexes("+447911123456", "+2905123")
    assert found == {
        "google": plus,
        "tiktok": plus,
        "meta": plain,
        "snapchat": plain,
        "tiktok without plus": plain,
        "uid2": based("+447911123456", None),
    }


@pytest.mark.parametrize("written", ["07911123456", "447911123456", "00447911123456", "+44 7911", "+", "x", "+1" * 9])
def test_what_is_no_number_with_its_country_is_not_hashed(written):
    assert [column(phone_digest, RULES[platform], of=[written]) for platform in RULES] == [[None]] * len(RULES)


def test_names_postcodes_and_countries_are_as_the_platform_compares_them():
    assert column(name_digest, of=["  O'Brien-Müller "]) == hexes("o'brien-müller")
    codes = [" 94035-1234", "WC2H 8LG", "01067"]
    assert column(postcode, "google", of=codes) == ["94035-1234", "WC2H 8LG", "01067"]
    assert column(postcode, "meta", of=codes) == hexes("94035", "wc2h8lg", "01067")
    assert (column(country, "google", of=[" de"]), column(country, "meta", of=["DE "])) == (["DE"], hexes("de"))


@pytest.mark.parametrize("blank", [None, "", " ", "\t\xa0\u200b\ufeff", "\x85\u2028"])
def test_nothing_is_never_hashed(blank):
    found = [
        *(
            column(hashing, RULES[platform], of=[blank])
            for hashing in (email_digest, phone_digest)
            for platform in RULES
        ),
        column(name_digest, of=[blank]),
        *(column(way, platform, of=[blank]) for way in (postcode, country) for platform in ("google", "meta")),
        column(sha256, of=[blank and ""]),
    ]
    assert found == [[None]] * len(found)


def test_of_nobody_there_are_no_digests_and_a_column_of_text():
    frame = pl.DataFrame(schema={"text": pl.String})
    for platform in RULES:
        for hashing in (email_digest, phone_digest):
            assert_series_equal(
                frame.select(hashing(RULES[platform], pl.col("text")).alias("text"))["text"], frame["text"]
            )


# The vendors' own packages over whatever our reading of addresses lets through.

NASTY = [
    "a.b@gmail.com", "a..b@gmail.com", ".a@gmail.com", "A.B.@gmail.com", "a+b+c@gmail.com", "+@gmail.com", "+a.b@gmail.com",
    "a@sub.gmail.com", "a@gmail.com.example.com", "a@GMAIL.COM", "a@gmail.co", "x@xgmail.com", "A@GoogleMail.com",
    "o'brien@example.com", "a_b-c@example.com", "a=b@example.com", "ann@BÜCHER.example", "ann@straße.de", "ann@xn--bcher-kva.de",
    " ann@example.com ", "\ufeffann@example.org", "\u202aann@example.com\u202c", "ann\n@example.com", '"a b"@x.com', "İ@x.com",
    "josé@example.com", "a@b@c.com", "a@localhost", "", " ", "=a@gmail.com", "a%b@gmail.com", "#a@gmail.com", "a{}@gmail.com",
]  # fmt: skip


def readable(written):
    return [address for address in (read_email(text)[0] for text in written) if address is not None]


LOCAL = st.text("abYZ019._+-'=", min_size=1, max_size=12)
DOMAIN = st.sampled_from(
    ["gmail.com", "GMail.com", "googlemail.com", "GOOGLEMAIL.COM", "example.com", "gmail.com.example.com", "BÜCHER.de"]
)
SPACES = st.sampled_from(["", " ", "\t", "\xa0", "\u200b", "\n"])
ADDRESSES = st.lists(st.builds("{1}{0[0]}@{0[1]}{2}".format, st.tuples(LOCAL, DOMAIN), SPACES, SPACES), max_size=30)


def by_google(address):
    from google.ads.datamanager_util import Encoding, Formatter

    try:
        return Formatter().process_email_address(address, Encoding.HEX)
    except ValueError:
        return None


def by_meta(address):
    from facebook_business.adobjects.serverside.normalize import Normalize

    return Normalize.normalize_field("em", address)


def by_uid2(address):
    from uid2_client import input_util

    normal = input_util.normalize_email_string(address)
    return input_util.get_base64_encoded_hash(normal) if normal else None


JUDGES = {"google": by_google, "meta": by_meta, "uid2": by_uid2}


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.parametrize("platform", JUDGES)
def test_the_vendors_package_makes_the_same_digest_of_every_address_that_it_takes(platform):
    @given(ADDRESSES)
    def compare(written):
        addresses = readable(written)
        theirs = [JUDGES[platform](address) for address in addresses]
        ours = column(email_digest, RULES[platform], of=addresses)
        assert [mine for mine, their in zip(ours, theirs, strict=True) if their] == [their for their in theirs if their]
        assert {address[0] for address, their in zip(addresses, theirs, strict=True) if their is None} <= {"+"}

    assert len(readable(NASTY)) >= 20
    compare()
    compare.hypothesis.inner_test(NASTY)


@pytest.mark.slow
@pytest.mark.oracle
def test_numbers_of_every_country_are_as_the_vendors_packages_want_them_and_hashed_alike():
    """E.164 first: given the number as it is dialled at home, Google's package puts a plus before it and says nothing."""
    from facebook_business.adobjects.serverside.normalize import Normalize
    from google.ads.datamanager_util import Encoding, Formatter
    from uid2_client import input_util

    kind = phonenumbers.PhoneNumberType.MOBILE
    examples = [
        (region, phonenumbers.example_number_for_type(region, kind)) for region in phonenumbers.SUPPORTED_REGIONS
    ]
    dialled = [
        (region, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL), number)
        for region, number in examples
        if number is not None
    ]
    read = [(read_phone(text, region)[0], number) for region, text, number in dialled]
    numbers = [number for number, _ in read if number is not None]
    assert numbers == [
        phonenumbers.format_number(meant, phonenumbers.PhoneNumberFormat.E164) for number, meant in read if number
    ]
    assert len(numbers) > 200
    assert all(re.fullmatch(r"\+[1-9][0-9]{6,14}", number) for number in numbers)
    google = [Formatter().process_phone_number(number, Encoding.HEX) for number in numbers]
    meta = [Normalize.normalize_field("ph", number) for number in numbers]
    taken = [input_util.is_phone_number_normalized(number) for number in numbers]
    uid2 = [
        input_util.normalize_and_hash_phone(number) if is_taken else None
        for number, is_taken in zip(numbers, taken, strict=True)
    ]
    assert column(phone_digest, RULES["google"], of=numbers) == google
    assert column(phone_digest, RULES["meta"], of=numbers) == meta
    assert column(phone_digest, RULES["uid2"], of=numbers) == uid2
    assert taken.count(False) > 0
    at_home = [Formatter().process_phone_number(text, Encoding.HEX) for _, text, _ in dialled]
    assert not set(at_home) & set(google)


TEXTS = st.lists(st.text("aZéÜßΣİ9 .-'()\t", max_size=12), max_size=30)


@pytest.mark.slow
@pytest.mark.oracle
@given(TEXTS)
def test_names_and_postcodes_are_hashed_as_the_vendors_packages_do(texts):
    from facebook_business.adobjects.serverside.normalize import Normalize
    from google.ads.datamanager_util import Encoding, Formatter

    written = [text for text in texts if text.strip()]
    assert column(name_digest, of=written) == [Formatter().process_given_name(text, Encoding.HEX) for text in written]
    assert column(name_digest, of=written) == [Normalize.normalize_field("fn", text) for text in written]
    assert column(postcode, "google", of=written) == [Formatter().process_postal_code(text) for text in written]
    meta = [Normalize.normalize_field("zp", text) for text in written]
    assert column(postcode, "meta", of=written) == [None if zipped in hexes("") else zipped for zipped in meta]


@pytest.mark.slow
@pytest.mark.oracle
def test_countries_are_as_the_vendors_packages_want_them():
    from facebook_business.adobjects.serverside.normalize import Normalize
    from google.ads.datamanager_util import Formatter

    codes = ["de", "GB ", " fr", "Us"]
    assert column(country, "google", of=codes) == [Formatter().process_region_code(code) for code in codes]
    assert column(country, "meta", of=codes) == [Normalize.normalize_field("country", code) for code in codes]
