"""routed, products -> timed: when each message may be sent, so that nothing leaves in hours that are quiet where a person is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from flows.addresses.places import APART, number_zones
from flows.caps import zone_or
from flows.channels import CHANNELS
from flows.hours import STANDARD, opening
from flows.schemas import INSTANT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flows.hours import Quiet
    from flows.product import Product
    from flows.settings import Settings

_KIND = ("product", "brand", "channel", "_home", "_number")
_OPENINGS = pl.Schema(
    {**dict.fromkeys((*_KIND, "_waits"), pl.String()), "_opens": INSTANT, "_closes": INSTANT, "_is_shut": pl.Boolean()}
)


def timed(
    routed: pl.DataFrame, products: Mapping[str, Product], settings: Settings, at: datetime, starts_at: datetime
) -> pl.DataFrame:
    """Deliveries with the instants between which each may be sent.

    They are those of the first opening between quiet hours that ends after `at`, and no other than the day's start and
    `valid_until` where no hours are quiet: so the minute of a run changes nothing in its files. Quiet is what is quiet where the
    person lives, or where the number is.

    Args:
        routed: `schemas.ROUTED`, or what has come of it, with `detail` or without.
        products: by name.
        settings: give the quiet hours of each brand and channel, and the time zone of people without one.
        at: UTC instant at which the messages are handed over, or planned.
        starts_at: UTC instant at which the run's day starts.

    Returns:
        `routed` in its order with `not_before` and `not_after` (null where nothing is sent); `reason` is completed by
        STALE_CONTEXT for what would have to wait and may not, or not so long, and `detail` by until when, where the person is.
    """
    home = zone_or(settings.timezone).alias("_home")
    is_number = pl.col("channel").is_in([name for name, way in CHANNELS.items() if way.address == "phone"])
    rows = routed.with_columns(home, _number=pl.when(is_number).then(number_zones(pl.col("address"))))
    kinds = rows.select(_KIND).unique()
    found = [_opening(products[kind[0]], settings, kind, at) for kind in kinds.iter_rows()]
    rows = rows.join(pl.DataFrame(found, _OPENINGS), on=_KIND, how="left", nulls_equal=True, maintain_order="left")
    is_sent = pl.col("channel").is_in([name for name, way in CHANNELS.items() if way.sends])
    starts = pl.lit(starts_at, dtype=INSTANT)
    is_over = is_sent & (pl.col("_is_shut") | (pl.col("_opens") >= pl.col("valid_until")))
    told = pl.col("detail") if "detail" in rows.columns else pl.lit(None, pl.String)
    return rows.with_columns(
        not_before=pl.when(is_sent).then(pl.max_horizontal("_opens", starts)),
        not_after=pl.when(is_sent).then(pl.min_horizontal("_closes", "valid_until")),
        reason=pl.coalesce("reason", pl.when(is_over).then(pl.lit("STALE_CONTEXT"))),
        detail=pl.when(is_over & pl.col("reason").is_null()).then("_waits").otherwise(told),
    ).drop("_home", "_number", "_opens", "_closes", "_is_shut", "_waits")


def quiet_hours(product: Product, brand: str, channel: str, settings: Settings) -> Quiet | None:
    """The hours at which a product's messages of a brand are not sent by a channel.

    They are the product's own; else for marketing those of the brand, of all brands, or the standard ones.
    """
    if channel in product.quiet_hours or product.message_type == "service":
        return product.quiet_hours.get(channel)
    for ways in (settings.quiet_hours.get(brand, {}), settings.quiet_hours.get("default", {})):
        if channel in ways:
            return ways[channel]
    return STANDARD.get(channel)


def strange_zones(routed: pl.DataFrame, settings: Settings) -> int:
    """Of how many people a message goes by the setting `timezone`, because nobody knows theirs by its name."""
    is_strange = pl.col("time_zone").is_not_null() & (pl.col("time_zone") != zone_or(settings.timezone))
    return routed.filter(is_strange).select("customer_id", "brand").n_unique()


def _opening(
    product: Product, settings: Settings, kind: tuple[str, str, str, str, str | None], at: datetime
) -> dict[str, object]:
    """A row of `_OPENINGS`: when one kind of messages may go out, whether none may, and what one says that may not wait."""
    _, brand, channel, home, number = kind
    row: dict[str, object] = dict(zip(_KIND, kind, strict=True))
    quiet = quiet_hours(product, brand, channel, settings)
    if quiet is None:
        return row | {"_is_shut": False}
    zones = number.split(APART) if number else []
    # A number that can be in the zone of its owner is there.
    found = opening(quiet, [home] if home in zones else [home, *zones], at)
    if found is None:
        return row | {"_is_shut": True, "_waits": "it is always quiet where they are, or where their number is"}
    opens, closes = found
    there = f"{opens.astimezone(ZoneInfo(home)):%Y-%m-%d %H:%M} ({home})"
    is_shut = quiet.then == "drop" and opens > at
    waits = f"it would have to wait until {there}" + (", and may not" if is_shut else ", and is over by then")
    return row | {"_opens": opens, "_closes": closes, "_is_shut": is_shut, "_waits": waits}
