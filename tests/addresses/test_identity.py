import polars as pl
from polars.testing import assert_frame_equal

from flows.addresses import normalised_customers, suppression_keys

CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["c1", "c2", "c3", "c4"],
        "email": ["Ann.B@Example.com ", None, "ann@BÜCHER.de", "two@@example.com"],
        "brand": ["n", "n", "n", "n"],
        "phone": ["070-123 45 67", "070-123 45 67", None, "4.67E+10"],
        "country": ["SE", None, "SE", "SE"],
    }
)


def barred(column: str, channel: str, *addresses: str, customers: pl.DataFrame = CUSTOMERS) -> list[str]:
    people = normalised_customers(customers, None)
    keys = suppression_keys(pl.DataFrame({"channel": channel, "address": addresses}), people, None)
    return people.filter(pl.col(column).is_in(keys["address_match"].to_list()))["customer_id"].to_list()


def test_customers_keep_their_order_and_columns_and_get_addresses_or_faults():
    expected = CUSTOMERS.with_columns(
        email=pl.Series(["Ann.B@example.com", None, "ann@xn--bcher-kva.de", None]),
        phone=pl.Series(["+46701234567", None, None, None]),
        email_fault=pl.Series([None, "absent", None, "syntax"]),
        phone_fault=pl.Series([None, "no_region", "absent", "spreadsheet_damage"]),
        email_match=pl.Series(["ann.b@example.com", None, "ann@xn--bcher-kva.de", None]),
        phone_match=pl.Series(["+46701234567", None, None, None]),
    )
    assert_frame_equal(normalised_customers(CUSTOMERS, None), expected)


def test_no_customers_have_the_same_columns(tmp_path):
    none = normalised_customers(CUSTOMERS.clear(), tmp_path)
    assert none.schema == normalised_customers(CUSTOMERS, tmp_path).schema


def test_columns_without_any_value_are_columns_of_text():
    nobody = pl.DataFrame({"email": [None], "phone": [None], "country": [None]})
    read = normalised_customers(nobody, None)
    assert read.row(0) == (None, None, None, "absent", "absent", None, None)


def test_a_suppressed_email_address_bars_however_it_is_written():
    for written in ["ANN.B@EXAMPLE.COM", " ann.b@example.com\n", "Ann <ann.b@example.com>", "mailto:Ann.B@example.com"]:
        assert barred("email_match", "email", written) == ["c1"]
        assert barred("email_match", "*", written) == ["c1"]
    assert barred("email_match", "email", "x@example.com; Ann.B@Example.com") == ["c1"]
    assert barred("email_match", "email", "ann@bücher.de") == ["c3"]
    assert barred("email_match", "email", "ann@xn--bcher-kva.de") == ["c3"]


def test_a_suppressed_number_bars_however_it_is_written():
    for written in ["+46 70 123 45 67", "46701234567", "0046701234567", "+46 (0)70-123 45 67", "46701234567.0"]:
        assert barred("phone_match", "sms", written) == ["c1"]
    for written in ["0701234567", "070-123 45 67", "701234567", "701234567.0"]:
        assert barred("phone_match", "sms", written) == ["c1"]


def test_a_number_that_could_be_foreign_bars_the_one_at_home_too():
    german = pl.DataFrame({"customer_id": ["d"], "email": [None], "phone": ["0151 23456789"], "country": ["DE"]})
    assert barred("phone_match", "sms", "15123456789", customers=german) == ["d"]


def test_a_suppressed_address_bars_nobody_else():
    assert barred("email_match", "email", "b@example.com", "example.com", "@", "") == []
    assert barred("phone_match", "sms", "0", "+", "4.67E+10", "12345", "n/a", "+49701234567") == []
    assert barred("phone_match", "sms", "+49701234567") == []


def test_suppressions_keep_their_order_and_columns_and_those_without_anything_to_compare_fall_out():
    rows = pl.DataFrame(
        {
            "channel": ["push", "email", "sms", "email"],
            "address": ["Token@1 ", None, "none", "a@example.com; b@example.com"],
            "reason": ["gone", "bounce", "stop", "complaint"],
        }
    )
    expected = rows[[0, 3, 3, 3]].with_columns(
        address_match=pl.Series(["Token@1", "a@example.com", "a@example.com; b@example.com", "b@example.com"])
    )
    assert_frame_equal(suppression_keys(rows, normalised_customers(CUSTOMERS, None), None), expected)


def test_a_suppressed_number_of_nobody_here_keeps_its_form():
    rows = pl.DataFrame({"channel": ["sms", "sms", "sms"], "address": ["+49 151 23456789", "+1555", "0709999999"]})
    keys = suppression_keys(rows, normalised_customers(CUSTOMERS.clear(), None), None)
    assert keys["address_match"].to_list() == ["+4915123456789", "+1555"]
