"""Seed addresses: where the workspace's own people get a copy of each kind of message, to see it as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import normalised_customers
from flows.channels import CHANNELS
from flows.errors import SettingError, nearest
from flows.keys import draw

if TYPE_CHECKING:
    from flows.settings import Settings

SEED_LANE = "seed"
"""The lane of a copy: no message has it."""


def seed_addresses(settings: Settings, channel: str) -> pl.DataFrame:
    """The seed addresses of a channel, as customers' are written: `address, address_match`, each once.

    Raises:
        SettingError: one cannot be sent to.
    """
    if not settings.seeds.get(channel):
        return pl.DataFrame(schema={"address": pl.String, "address_match": pl.String})
    way = CHANNELS[channel]
    given = pl.DataFrame({way.address: settings.seeds[channel]}, schema={way.address: pl.String})
    absent = [pl.lit(None, pl.String).alias(name) for name in ("email", "phone") if name != way.address]
    read = normalised_customers(given.with_columns(*absent, country=pl.lit(settings.default_region, pl.String)), None)
    match = f"{way.address}_match" if way.address != "push_token" else way.address
    found = read.select(address=way.address, address_match=match).with_columns(
        pl.all().str.strip_chars().replace("", None)
    )
    if found["address_match"].null_count() or not found["address_match"].is_unique().all():
        where = f"pyproject.toml: tool.justenough.seeds.{channel}"
        raise SettingError(
            where, "an address of it cannot be sent to, or stands twice", "write each as it is, and once"
        )
    return found


def check_seeds(settings: Settings) -> None:
    """Refuse seeds of what sends nothing, and addresses that cannot be sent to. Raises SettingError."""
    sending = [name for name, channel in CHANNELS.items() if channel.sends]
    for name in settings.seeds:
        if name not in sending:
            where = f"pyproject.toml: tool.justenough.seeds.{name}"
            raise SettingError(where, f"nothing is sent by '{name}'", nearest(name, sending))
        seed_addresses(settings, name)


def to_seeds(rows: pl.DataFrame, seeds: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Rows about people as they are delivered: outside production by addresses of seeds, and ids that nobody has.

    Which seed a row goes to hangs on its message alone. Copies for seeds stay as they are.

    Args:
        rows: with `message_id`, and of `customer_id, address, address_match, phone, lane` what they have.
        seeds: `address, address_match`; none leave the rows without an address.
        settings: name the environment, with which ids begin: a platform that knew a customer by the id would find the customer.
    """
    if settings.is_production:
        return rows
    given = seeds.select("address", "address_match").with_row_index("_seed")
    turned = rows.select(
        "message_id",
        _seed=(draw(SEED_LANE, pl.col("message_id")) * seeds.height).cast(pl.UInt32),
        customer_id=pl.lit(f"{settings.environment}-") + pl.col("message_id").str.head(12),
        phone=pl.lit(None, pl.String),
    ).join(given, on="_seed", how="left", maintain_order="left")
    is_copy = pl.col("lane") == SEED_LANE if "lane" in rows.columns else pl.lit(False)  # noqa: FBT003
    names = [name for name in ("customer_id", "address", "address_match", "phone") if name in rows.columns]
    return rows.with_columns(pl.when(is_copy).then(name).otherwise(turned[name]).alias(name) for name in names)
