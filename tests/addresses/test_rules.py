import pytest

from flows.addresses.rules import FAULTS, read_email, read_phone

LONGEST = f"{'a' * 59}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("A.B@X.com ", "A.B@x.com"),
        ("\u202aann@example.com\u202c\n", "ann@example.com"),
        ("\ufeffann@example.org", "ann@example.org"),
        ("ann+shop@example.net", "ann+shop@example.net"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("info@example.com", "info@example.com"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.de", "ann@xn--strae-oqa.de"),
        ("ann@xn--bcher-kva.de", "ann@xn--bcher-kva.de"),
    ],
)
def test_an_email_address_keeps_its_case_before_the_at_and_has_its_domain_in_ascii(written, address):
    assert read_email(written) == (address, None)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", "blank"),
        (" \t\xa0\u200b", "blank"),
        ("ann.example.com", "syntax"),
        ("ann@b@example.com", "syntax"),
        ("İ@x.com", "non_ascii_local"),
        ("josé@example.com", "non_ascii_local"),
        ("a@b.com,c@d.com", "several"),
        ("a@b.com; c@d.com", "several"),
        ("a@b.com\nc@d.com", "several"),
        ('"a b"@x.com', "syntax"),
        ("Ann <ann@example.com>", "syntax"),
        (f"a{LONGEST}", "syntax"),
        ("a" * 65 + "@example.com", "syntax"),
        ("=cmd@x.com", "spreadsheet_damage"),
        ("#REF!", "spreadsheet_damage"),
        ("ann\n@example.com", "syntax"),
        ("ann\r\nBcc: x@example.com", "syntax"),
        ("ann\x00@example.com", "syntax"),
        ("a..b@example.com", "syntax"),
        ("ann@localhost", "syntax"),
        ("ann@shop.invalid", "syntax"),
        ("ann@shop.test", "syntax"),
        ("ann@[127.0.0.1]", "syntax"),
        ("ann@-x.com", "syntax"),
    ],
)
def test_what_is_wrong_with_an_email_address_is_one_of_a_closed_list(written, fault):
    assert read_email(written) == (None, fault)
    assert fault in FAULTS


def test_an_email_address_has_254_characters_at_most():
    assert len(LONGEST) == 254
    assert read_email(LONGEST) == (LONGEST, None)


@pytest.mark.parametrize(
    ("written", "region", "address"),
    [
        ("+46 70-123 45 67", None, "+46701234567"),
        ("+46 (0)70 123 45 67", None, "+46701234567"),
        ("\u202a+46\xa070\u2011123\xa045\xa067\u202c", None, "+46701234567"),
        ("＋46 70 123 45 67", None, "+46701234567"),
        ("'+46701234567", None, "+46701234567"),
        ("0701234567", "SE", "+46701234567"),
        ("0701234567", " se", "+46701234567"),
        ("701234567", "SE", "+46701234567"),
        ("46701234567", None, "+46701234567"),
        ("46701234567", "SE", "+46701234567"),
        ("46701234567", "US", "+46701234567"),
        ("46701234567.0", "SE", "+46701234567"),
        ("0044 7911 123456", None, "+447911123456"),
        ("0044 7911 123456", "US", "+447911123456"),
        ("011 44 7911 123456", "US", "+447911123456"),
        ("07911 123456", "UK", "+447911123456"),
        ("0170/1234567", "DE", "+491701234567"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("15123456789", "DE", "+4915123456789"),
        ("٠٧٠١٢٣٤٥٦٧", "SE", "+46701234567"),
        ("+39 347 123 4567", None, "+393471234567"),
    ],
)
def test_a_mobile_number_becomes_e164_as_its_owner_would_dial_it(written, region, address):
    assert read_phone(written, region) == (address, None)


@pytest.mark.parametrize(
    ("written", "region", "fault"),
    [
        (" ", "SE", "blank"),
        ("'", "SE", "blank"),
        ("0701234567", None, "no_region"),
        ("0701234567", "XX", "no_region"),
        ("12345", None, "no_region"),
        ("4.67E+10", "SE", "spreadsheet_damage"),
        ("4,67012E+10", "SE", "spreadsheet_damage"),
        ("5e10", "SE", "spreadsheet_damage"),
        ("########", "SE", "spreadsheet_damage"),
        ("=46701234567", "SE", "spreadsheet_damage"),
        ("+1555", None, "invalid_number"),
        ("+0701234567", "SE", "invalid_number"),
        ("00", "SE", "invalid_number"),
        ("070", "SE", "invalid_number"),
        ("--", "SE", "invalid_number"),
        ("0701234567890123456789", "SE", "invalid_number"),
        ("+46 8 123 456 78", None, "not_mobile"),
        ("08-123 456 78", "SE", "not_mobile"),
        ("+46 900 123 45 67", None, "not_mobile"),
        ("+1 900 555 0132", None, "not_mobile"),
        ("0701234567, 0707654321", "SE", "several"),
        ("0701234567\n0707654321", "SE", "several"),
        ("+46701234567 ext 5", None, "syntax"),
        ("++46701234567", None, "syntax"),
        ("call Ann on 0701234567", "SE", "syntax"),
    ],
)
def test_what_is_wrong_with_a_number_is_one_of_a_closed_list(written, region, fault):
    assert read_phone(written, region) == (None, fault)
    assert fault in FAULTS


def test_a_landline_without_its_zero_is_not_read_as_a_stranger_abroad():
    assert read_phone("46701234567", "DE") == (None, "not_mobile")
