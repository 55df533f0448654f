"""Where a telephone number is."""

from __future__ import annotations

import phonenumbers
import polars as pl
import pytest
from phonenumbers.timezone import time_zones_for_geographical_number, time_zones_for_number

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


def test_an_area_code_names_its_time_zones_and_a_mobile_number_those_of_its_country():
    told = zones(
        "+12125550123", "+16055550123", "+5511912345678", "+4915112345678", "+34612345678", "+99912345", "", None
    )
    assert told == ["America/New_York", "America/Denver|America/North_Dakota/Center", "America/Sao_Paulo", "Europe/Berlin",
                    "Atlantic/Canary|Europe/Madrid", None, None, None]  # fmt: skip


@pytest.mark.oracle
def test_libphonenumber_reads_the_same_zones_of_a_mobile_number_of_every_country():
    mobile = {
        region: phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    }
    del mobile["FM"]  # its table names one of its zones for islands in three
    numbers = [number for number in mobile.values() if number is not None]
    # It takes mobiles of the Caribbean for such of all North America, though their area codes name an island each.
    expected = [
        (time_zones_for_geographical_number if number.country_code == 1 else time_zones_for_number)(number)
        for number in numbers
    ]
    written = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers]
    assert len(written) > 200
    assert zones(*written) == [APART.join(zone for zone in each if zone in known_zones()) or None for each in expected]
