"""eligible, ledger -> paced: a channel by which a person has had as many messages as the caps allow is closed.

Marketing alone is counted and capped, per person and brand, each message that is sent by each channel. What holds, on the web and
in ads, is neither. A candidate is CAPPED where the caps have closed the last of the channels that could carry it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.caps import windows, zone_or
from flows.channels import CHANNELS
from flows.facts import listed
from flows.firsts import first_open
from flows.schemas import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.caps import Cap
    from flows.product import Product
    from flows.settings import Settings


def burdened(people: pl.DataFrame, heard: pl.DataFrame, settings: Settings, at: datetime) -> pl.DataFrame:
    """How much people have heard, cap by cap.

    Args:
        people: `customer_id, brand, person_key, time_zone`.
        heard: `ledger.pressure.HEARD`.
        settings: give the caps, and the time zone of people without one.
        at: UTC instant at which the windows end; what lies ahead of it counts as well, so that a clock that is set back loosens
            nothing.

    Returns:
        `person_key, brand`, for whoever has heard anything; for each cap by its place in the settings `_had_<place>`, how many
        messages count, and `_until_<place>`, the local time at which there is room again (null where there is).
    """
    known = people.select("person_key", "brand", zone_or(settings.timezone))
    rows = heard.join(known, on=["person_key", "brand"])
    rows = rows.join(windows(settings.caps, rows["time_zone"], at), on="time_zone")
    counts = []
    for place, cap in enumerate(settings.caps):
        since = pl.col("windows").list.get(place).struct.field("since")
        counting = pl.col("at").filter(pl.col("channel").is_in(_counted(cap)) & (pl.col("at") >= since))
        # With the `most`-th last message out of the window one fewer than `most` is left.
        last = counting.sort(descending=True).get(cap.most - 1, null_on_oob=True)
        counts += [counting.len().alias(f"_had_{place}"), last.alias(f"_until_{place}")]
    found = rows.group_by("person_key", "brand", "time_zone").agg(counts)
    zones = [
        _told(rows, zone, settings.caps) for (zone,), rows in found.partition_by("time_zone", as_dict=True).items()
    ]
    return pl.concat([_told(found.clear(), settings.timezone, settings.caps), *zones]).drop("time_zone")


def paced(eligible: pl.DataFrame, burdens: pl.DataFrame, product: Product, caps: Sequence[Cap]) -> pl.DataFrame:
    """The candidates of one product, with the channels that the caps close, and CAPPED where none is left.

    Args:
        eligible: as `eligibility.eligible` yields it.
        burdens: as `burdened` yields them.
        product: gives the channels: what goes along (`also`) comes after the one of `first_of`, and has to have room beside it.
        caps: of the workspace.

    Returns:
        `eligible`, with CAPPED in `<channel>_reason`, and in `reason` where nothing else bars; the detail says by which cap, and
        until when. `closed` has the reason of each channel that is not open, and its detail.
    """
    rows = eligible if product.message_type == "service" else _capped(eligible, burdens, product, caps)
    return rows.with_columns(closed=_closed(product.channels.all))


def _capped(eligible: pl.DataFrame, burdens: pl.DataFrame, product: Product, caps: Sequence[Cap]) -> pl.DataFrame:
    rows = eligible.join(burdens, on=["person_key", "brand"], how="left", maintain_order="left")
    firsts, along = product.channels.first_of, product.channels.also
    for channel in firsts:
        rows = _closing(rows, channel, caps, [])
    before = [first_open(rows, {channel: pl.col(f"{channel}_reason").is_null() for channel in firsts})]
    for channel in along:
        rows = _closing(rows, channel, caps, before)
        before.append(pl.when(pl.col(f"{channel}_reason").is_null()).then(pl.lit(channel)))
    carriers = firsts or along
    is_closed = pl.all_horizontal(pl.col(f"{channel}_reason").is_not_null() for channel in carriers)
    is_capped = pl.col("reason").is_null() & is_closed
    soonest = pl.min_horizontal(
        pl.when(pl.col(f"{channel}_reason") == "CAPPED").then(f"{channel}_detail") for channel in carriers
    )
    return rows.with_columns(
        reason=pl.when(is_capped).then(pl.lit("CAPPED")).otherwise("reason"),
        detail=pl.when(is_capped).then(soonest).otherwise("detail"),
    ).select(eligible.columns)


def _closed(channels: Sequence[str]) -> pl.Expr:
    each = [
        pl.when(pl.col(f"{way}_reason").is_not_null()).then(
            pl.struct(channel=pl.lit(way), reason=f"{way}_reason", detail=f"{way}_detail")
        )
        for way in channels
    ]
    return listed(each, COLUMNS["closed"].type)


def _told(rows: pl.DataFrame, zone: str, caps: Sequence[Cap]) -> pl.DataFrame:
    """`_until_<place>` of people of one time zone, from the message that has to be over to when it is, as is told there."""
    ends = []
    for place, cap in enumerate(caps):
        last = pl.col(f"_until_{place}").dt.replace_time_zone("UTC")
        here = last.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        if cap.unit == "day":
            end = here.dt.truncate("1d") + cap.window
        else:
            end = (last + cap.window).dt.convert_time_zone(zone).dt.replace_time_zone(None)
        ends.append(end.dt.strftime("%Y-%m-%d %H:%M").alias(f"_until_{place}"))
    return rows.with_columns(ends)


def _closing(rows: pl.DataFrame, channel: str, caps: Sequence[Cap], before: Sequence[pl.Expr]) -> pl.DataFrame:
    """A channel CAPPED where it is open and a cap has no room left, after the channels that go `before`."""
    full = [_full(place, cap, before) for place, cap in enumerate(caps) if channel in _counted(cap)]
    why = pl.max_horizontal(pl.lit(None, pl.String), *full)  # of several the one that lasts longest
    reason, detail = f"{channel}_reason", f"{channel}_detail"
    is_full = pl.col(reason).is_null() & why.is_not_null()
    return rows.with_columns(
        pl.when(is_full).then(pl.lit("CAPPED")).otherwise(reason).alias(reason),
        pl.when(is_full).then(why).otherwise(detail).alias(detail),
    )


def _full(place: int, cap: Cap, before: Sequence[pl.Expr]) -> pl.Expr:
    """What a cap says where it has no room left: until when, or that what goes before takes the last of it."""
    spent = pl.sum_horizontal(pl.lit(0), *(way.is_in(_counted(cap)).fill_null(value=False) for way in before))
    told = pl.coalesce(
        pl.format("until {}: {}", f"_until_{place}", pl.lit(str(cap))), pl.lit(f"beside what goes first: {cap}")
    )
    is_full = pl.col(f"_had_{place}").fill_null(0) + spent >= cap.most
    return pl.when(is_full).then(told)


def _counted(cap: Cap) -> list[str]:
    """The channels of which a cap counts the messages."""
    return [name for name, channel in CHANNELS.items() if channel.sends and cap.covers(name)]
