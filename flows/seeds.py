"""Seed addresses: where the workspace's own people get a copy of each kind of message, to see it as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import normalised_customers
from flows.channels import CHANNELS
from flows.errors import SettingError, nearest

if TYPE_CHECKING:
    from flows.settings import Settings


def seed_addresses(settings: Settings, channel: str) -> pl.DataFrame:
    """The seed addresses of a channel, as customers' are written: `address, address_match`, each once.

    Raises:
        SettingError: one cannot be sent to.
    """
    way = CHANNELS[channel]
    given = pl.DataFrame({way.address: settings.seeds.get(channel, ())}, schema={way.address: pl.String})
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
