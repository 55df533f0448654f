"""Where a telephone number is."""

from __future__ import annotations

import phonenumbers
import polars as pl
import pytest
from phonenumbers.timezone import time_zones_for_geographical_number
from phonenumbers.tzdata import TIMEZONE_DATA

from flows.addresses.places import APART, number_zones
from flows.caps import known_zones


def zones(*numbers: str | None) -> list[str | None]:
    return (
        pl.Series("phone", numbers, dtype=pl.String)
        .to_frame()
        .select(number_zones(pl.col("phone")))
        .to_series()
        .to_list()
    )


def test_an_area_code_names_its_time_zones_and_a_country_all_of_its_own():
    told = zones("+12125550123", "+18505550123", "+4915112345678", "+79161234567", "+99912345", "", None)
    assert told[:3] == ["America/New_York", "America/Chicago|America/New_York", "Europe/Berlin|Europe/Busingen"]
    assert told[3] is not None and "Europe/Moscow" in told[3]
    assert told[4:] == [None, None, None]


@pytest.mark.oracle
def test_libphonenumber_reads_the_same_zones_of_every_prefix_it_knows():
    numbers = [phonenumbers.parse(f"+{prefix}{'5550123456'[: 12 - len(prefix)]}") for prefix in sorted(TIMEZONE_DATA)]
    written = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers]
    expected = [
        APART.join(zone for zone in time_zones_for_geographical_number(number) if zone in known_zones()) or None
        for number in numbers
    ]
    assert zones(*written) == expected
