"""candidates, ledger -> eligible: with the first thing that stands in the way, in all and per channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import polars as pl

from flows import reasons
from flows.channels import BY_PHONE, CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from flows.channels import Channel
    from flows.clock import Moment
    from flows.product import Product

_NEITHER = "neither"


class Purpose(Protocol):
    """What people are spoken to, or handed over, for: a product, or an audience."""

    @property
    def name(self) -> str:
        """By which exclusions mean it."""

    @property
    def topic(self) -> str:
        """What a person can leave without leaving everything; '*' is everything."""

    @property
    def message_type(self) -> str:
        """Marketing or service."""


@dataclass(frozen=True)
class Bars:
    """Everything that may stand in the way of speaking to people, as of the true present.

    Attributes:
        people: `schemas.CUSTOMERS` with normalised addresses: for `email` and `phone` also `…_fault` (null where good,
            `absent` where there is none) and `…_match`; and `person_key`.
        consent: `customer_id, brand, channel, topic, state` (yes, no or neither) and `event_id`: the latest per scope, see
            `latest_consent`.
        suppressed: `channel, address_match, brand`, where '*' is any.
        exclusions: `schemas.EXCLUSIONS`, null where all are meant.
        erased: `person_key` of people who asked to be forgotten.
    """

    people: pl.DataFrame
    consent: pl.DataFrame
    suppressed: pl.DataFrame
    exclusions: pl.DataFrame
    erased: pl.DataFrame

    def said(self, channel: str, topic: str) -> list[pl.DataFrame]:
        """`customer_id, brand, state, event_id` of what was said in each scope that matches a channel and a topic."""
        scopes = {(c, t) for c in (channel, "*") for t in (topic.lower(), "*")}
        return [self._scopes[scope] for scope in sorted(scopes & self._scopes.keys())]

    @cached_property
    def _scopes(self) -> dict[tuple[object, ...], pl.DataFrame]:
        """Channel and topic -> what was said of them: looked at for every product and channel."""
        return self.consent.partition_by("channel", "topic", as_dict=True, include_key=False)


def latest_consent(events: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """The latest state per person, brand, channel and topic; ties between states are a no.

    A snooze counts as a no until it ends, and then as if it had never been; a yes that has run out, or is pending, is neither
    yes nor no; any other state is a no, and a no on a channel that nobody knows, or without a topic, is one on all of them
    (CONTRACTS: unknowns are no). Where it is not known when something was said, a no counts as said just now, and anything else
    as never said.

    Args:
        events: `schemas.CONSENT`; capitals and blanks around state, channel and topic do not matter.
        present: UTC instant.

    Returns:
        `customer_id, brand, channel, topic, state`: yes, no or neither; and `event_id`, of one event that says so.
    """
    scope = ["customer_id", "brand", "channel", "topic"]
    over = pl.col("until").is_not_null() & (pl.col("until") <= present)
    events = events.with_columns(
        pl.col(name).str.strip_chars().str.to_lowercase() for name in ("state", "channel", "topic")
    )
    state = (
        pl.when((pl.col("state") == "yes") & ~over)
        .then(pl.lit("yes"))
        .when(pl.col("state").is_in(["yes", "pending"]))
        .then(pl.lit(_NEITHER))
        .otherwise(pl.lit("no"))
    )
    is_known = pl.col("channel").is_in([*CHANNELS, "*"])
    channel = pl.when((state == "no") & ~is_known.fill_null(value=False)).then(pl.lit("*")).otherwise("channel")
    is_on_nothing = pl.col("topic").fill_null("") == ""
    topic = pl.when((state == "no") & is_on_nothing).then(pl.lit("*")).otherwise("topic")
    is_over_snooze = pl.col("state").eq_missing("snooze") & over
    # A no that is ahead of the clock, which may have been set back, counts from now on; a yes has not been said yet.
    soonest = pl.min_horizontal(pl.col("happened_at").fill_null(present), pl.lit(present))
    happened_at = pl.when(state == "no").then(soonest).otherwise("happened_at")
    said = (
        events.filter(~is_over_snooze)
        .with_columns(state=state, happened_at=happened_at, channel=channel, topic=topic)
        .filter(pl.col("happened_at") <= present)
    )
    # Most scopes have one event, and a digest tells which: two scopes of one digest are looked at as if they had several.
    is_alone = said.select(pl.struct(scope).hash().is_unique()).to_series()
    among_others = said.filter(~is_alone)
    latest = (
        among_others.filter(pl.col("happened_at") == pl.col("happened_at").max().over(scope))
        .group_by(scope)
        .agg(
            state=pl.when(pl.col("state").n_unique() > 1).then(pl.lit("no")).otherwise(pl.col("state").first()),
            event_id=pl.col("event_id").min(),
        )
    )
    return pl.concat([said.filter(is_alone).select(latest.columns), latest])


def standing(
    rows: pl.DataFrame,
    bars: Bars,
    product: Purpose,
    channels: Sequence[Channel],
    targets: Mapping[str, Mapping[str, str]],
    present: datetime,
) -> pl.DataFrame:
    """What bars a product's message to each row's person, in all and per channel.

    Args:
        rows: `customer_id, brand` and anything else.
        bars: as of the true present.
        product: gives the topic and whether it is marketing.
        channels: the channels to look at.
        targets: brand -> channel -> target; on a channel without a target nobody can be reached.
        present: UTC instant: exclusions that have run out by then bar nobody.

    Returns:
        `rows` in their order with `person_key, country, locale, time_zone`; `reason` (ERASED, EXCLUDED or null) and `detail`
        (the files that exclude the person); and for each channel `<channel>_reason` (EXCLUDED, SUPPRESSED, NO_CONSENT,
        BAD_ADDRESS, UNREACHABLE or null), `<channel>_detail`, `<channel>_address`, `<channel>_match` and `<channel>_event` (the
        yes that is relied on; null where none is needed); for one whose platforms know people by their telephones as well
        `<channel>_phone`, null where it is suppressed there, or for text messages or calls.
    """
    key = ["customer_id", "brand"]
    contacts = bars.people.select(
        *key,
        "person_key",
        "country",
        "locale",
        "time_zone",
        *(column for c in channels for column in _contact(c, bars.people)),
    )
    known = rows.join(contacts, on=key, how="left", maintain_order="left")
    exclusions = _exclusions(bars.exclusions, product, present)
    everywhere = exclusions.filter(pl.col("channel").is_null())
    known = known.with_columns(
        _excluding(known, everywhere).alias("detail"),
        is_erased=pl.col("person_key").is_in(bars.erased["person_key"].implode()).fill_null(value=False),
    )
    for channel in channels:
        known = _channel_standing(known, bars, product, channel, exclusions, targets)
    is_excluded = pl.col("detail").is_not_null()
    in_all = pl.when("is_erased").then(pl.lit("ERASED")).when(is_excluded).then(pl.lit("EXCLUDED"))
    return known.with_columns(reason=in_all, detail=pl.when(~pl.col("is_erased")).then("detail")).drop("is_erased")


def eligible(
    candidates: pl.DataFrame,
    bars: Bars,
    history: pl.DataFrame,
    product: Product,
    channels: Sequence[Channel],
    targets: Mapping[str, Mapping[str, str]],
    moment: Moment,
) -> pl.DataFrame:
    """Candidates of one product with the first reason against each.

    Args:
        candidates: of one product, as `segment.candidates` yields them.
        bars: as of the true present.
        history: `schemas.HISTORY`: claims, and held-out wins, of the past.
        product: the product.
        channels: the channels of the product.
        targets: as `standing` takes them.
        moment: of the run.

    Returns:
        What `standing` yields, with `reason` completed: where no channel of `first_of` is open (none of `also`, for a product
        without `first_of`) the reason of the channel that got furthest; then STALE_CONTEXT and REPEATED.
    """
    known = standing(candidates, bars, product, channels, targets, moment.present)
    carriers = [c for c in channels if c.name in (product.channels.first_of or product.channels.also)]
    is_closed = pl.all_horizontal(pl.col(f"{c.name}_reason").is_not_null() for c in carriers)
    closed = pl.when(is_closed).then(reasons.furthest(*(pl.col(f"{c.name}_reason") for c in carriers)))
    stale = pl.when(pl.col("valid_until") <= moment.now).then(pl.lit("STALE_CONTEXT"))
    repeated = pl.when(_is_repeated(known, history, product, moment)).then(pl.lit("REPEATED"))
    return known.with_columns(reason=pl.coalesce("reason", closed, stale, repeated))


def rechecked(
    deliveries: pl.DataFrame,
    bars: Bars,
    products: Mapping[str, Purpose],
    channels: Mapping[str, Channel],
    targets: Mapping[str, Mapping[str, str]],
    present: datetime,
) -> pl.DataFrame:
    """The last look before a claim: what bars each planned delivery now, at the address it was planned for.

    Args:
        deliveries: `customer_id, brand, product, channel, address, address_match, phone, person_key` and anything else.
        bars: as of the true present; of its `people` only who they are is looked at, since the addresses are those of the plan.
        products: by name.
        channels: by name.
        targets: as `standing` takes them.
        present: UTC instant.

    Returns:
        `deliveries`, sorted by customer, with `reason`: ERASED, EXCLUDED, SUPPRESSED, NO_CONSENT, UNREACHABLE (no customer of the
        brand any more), STALE_CONTEXT or null; and `consent_event`.
    """
    nothing = pl.lit(None, dtype=pl.String)
    done = [deliveries.clear().with_columns(reason=nothing, consent_event=nothing)]
    key = ["customer_id", "brand"]
    known = bars.people.select(*key, _is_known=pl.lit(True))  # noqa: FBT003
    deliveries = deliveries.join(known, on=key, how="left", maintain_order="left")
    for (product, channel), those in deliveries.partition_by("product", "channel", as_dict=True).items():
        way, rows = channels[channel], those.drop("_is_known")
        people = those.unique(key).select(
            "brand",
            "person_key",
            pl.when(pl.col("_is_known").is_null()).then(pl.lit("absent")).alias(f"{way.address}_fault"),
            **dict.fromkeys(("country", "locale", "time_zone", "phone"), nothing)
            | {"customer_id": "customer_id", way.address: "address", f"{way.address}_match": "address_match"},
        )
        own = rows.select("customer_id", "brand").with_row_index("place")
        now = standing(own, replace(bars, people=people), products[product], [way], targets, present)
        stale = pl.when(pl.col("valid_until") <= present).then(pl.lit("STALE_CONTEXT"))
        barred = now.select(pl.coalesce("reason", f"{channel}_reason")).to_series()
        if way.also_by_phone:  # a number that is suppressed by now takes the whole delivery with it, as it was planned
            is_listed = _is_suppressed(rows, bars.suppressed, [channel, *BY_PHONE], "phone")
            barred = pl.select(pl.coalesce(barred, pl.when(is_listed).then(pl.lit("SUPPRESSED")))).to_series()
        done.append(
            rows.with_columns(reason=barred, consent_event=now[f"{channel}_event"]).with_columns(
                reason=pl.coalesce("reason", stale)
            )
        )
    return pl.concat(done).sort("customer_id", "brand", "product", "message_id")


def _contact(channel: Channel, people: pl.DataFrame) -> list[pl.Expr]:
    """`<channel>_address`, `_match` and `_fault` from the column that holds the channel's addresses, and maybe `_phone`."""
    address = pl.col(channel.address)
    fault = f"{channel.address}_fault"
    match = f"{channel.address}_match"
    absent = pl.when(address.is_null()).then(pl.lit("absent"))
    return [
        *([pl.col("phone").alias(f"{channel.name}_phone")] if channel.also_by_phone else []),
        address.alias(f"{channel.name}_address"),
        (pl.col(match) if match in people.columns else address).alias(f"{channel.name}_match"),
        (pl.col(fault) if fault in people.columns else absent).alias(f"{channel.name}_fault"),
    ]


def _channel_standing(
    known: pl.DataFrame,
    bars: Bars,
    product: Purpose,
    channel: Channel,
    exclusions: pl.DataFrame,
    targets: Mapping[str, Mapping[str, str]],
) -> pl.DataFrame:
    name = channel.name
    excluding = _excluding(known, exclusions.filter(pl.col("channel") == name))
    suppressed = _is_suppressed(known, bars.suppressed, [name], f"{name}_match")
    said = _said(known, bars.said(name, product.topic))
    # A service message needs no yes, unless somebody else learns who it is about; a no on its topic, or on everything, stops it
    # all the same.
    needs_yes = product.message_type == "marketing" or channel.needs_yes
    is_barred = said["has_no"] | ~said["has_yes"] if needs_yes else said["has_no"]
    fault = pl.col(f"{name}_fault")
    is_served = pl.col("brand").is_in([brand for brand, ways in targets.items() if name in ways])
    reason = (
        pl.when(excluding.is_not_null())
        .then(pl.lit("EXCLUDED"))
        .when(suppressed)
        .then(pl.lit("SUPPRESSED"))
        .when(is_barred)
        .then(pl.lit("NO_CONSENT"))
        .when(~is_served | pl.col("person_key").is_null() | (fault == "absent"))
        .then(pl.lit("UNREACHABLE"))
        .when(fault.is_not_null())
        .then(pl.lit("BAD_ADDRESS"))
    )
    event = said["yes_event"] if needs_yes else pl.lit(None, dtype=pl.String)
    if channel.also_by_phone:
        is_open = ~_is_suppressed(known, bars.suppressed, [name, *BY_PHONE], f"{name}_phone")
        known = known.with_columns(pl.when(is_open).then(f"{name}_phone").alias(f"{name}_phone"))
    standing_of = [reason.alias(f"{name}_reason"), excluding.alias(f"{name}_detail"), event.alias(f"{name}_event")]
    return known.with_columns(standing_of).drop(f"{name}_fault")


def _said(known: pl.DataFrame, scopes: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """For each row whether its person has said no, and yes, in any of some scopes, and the first of the events that say yes.

    Each scope has a row for a person and brand at most, so scopes stand side by side, and nothing has to be grouped. A no of
    which nobody noted the brand is one to all of them; a yes without a brand is none.
    """
    key = ["customer_id", "brand"]
    states, events = ([f"{name}{place}" for place in range(len(scopes))] for name in ("state", "event"))
    rows = known.select(key)
    for scope, state, event in zip(scopes, states, events, strict=True):
        told = scope.select(*key, pl.col("state").alias(state), pl.col("event_id").alias(event))
        rows = rows.join(told, on=key, how="left", maintain_order="left")
    is_to_all = pl.col("brand").is_null() | (pl.col("brand") == "*")
    to_all = [scope.filter(is_to_all, pl.col("state") == "no")["customer_id"] for scope in scopes]
    is_no = [pl.col("customer_id").is_in(people.implode()) for people in to_all if len(people)]
    is_no += [pl.col(state).eq_missing("no") for state in states]
    nobody, nothing = pl.lit(False), pl.lit(None, pl.String)  # noqa: FBT003
    return rows.select(
        "customer_id",
        has_no=pl.any_horizontal(nobody, *is_no),
        has_yes=pl.any_horizontal(nobody, *(pl.col(state).eq_missing("yes") for state in states)),
        yes_event=pl.min_horizontal(
            nothing, *(pl.when(pl.col(state) == "yes").then(event) for state, event in zip(states, events, strict=True))
        ),
    )


def _is_suppressed(known: pl.DataFrame, suppressed: pl.DataFrame, channels: Sequence[str], match: str) -> pl.Series:
    lists = suppressed
    if not lists.is_empty():  # of few people mostly
        lists = lists.filter(pl.col("channel").is_in([*channels, "*"])).select("address_match", "brand").unique()
    if lists.is_empty():
        return pl.repeat(False, known.height, dtype=pl.Boolean, eager=True)  # noqa: FBT003
    every_brand = lists.filter(pl.col("brand") == "*")["address_match"].implode()
    of_brand = lists.filter(pl.col("brand") != "*").with_columns(is_listed=pl.lit(True))  # noqa: FBT003
    joined = known.join(
        of_brand, left_on=[match, "brand"], right_on=["address_match", "brand"], how="left", maintain_order="left"
    )
    listed = joined["is_listed"].fill_null(value=False)
    return listed | known.select(pl.col(match).is_in(every_brand).fill_null(value=False)).to_series()


def _exclusions(exclusions: pl.DataFrame, product: Purpose, present: datetime) -> pl.DataFrame:
    """Those in force that mean this product; '*' means all, as does a channel that nobody knows."""
    if exclusions.is_empty():
        return exclusions
    stars = [pl.when(pl.col(name) != "*").then(name).alias(name) for name in ("brand", "product", "message_type")]
    exclusions = exclusions.with_columns(*stars, channel=pl.when(pl.col("channel").is_in([*CHANNELS])).then("channel"))

    def meant(column: str, value: str) -> pl.Expr:
        return pl.col(column).is_null() | (pl.col(column) == value)

    in_force = pl.col("until").is_null() | (pl.col("until") > present)
    return exclusions.filter(in_force, meant("product", product.name), meant("message_type", product.message_type))


def _excluding(known: pl.DataFrame, exclusions: pl.DataFrame) -> pl.Series:
    """The files that exclude each row's person, for the row's brand or for all; null where none does."""
    if exclusions.is_empty():
        return pl.repeat(None, known.height, dtype=pl.String, eager=True)
    for_all = pl.col("brand").is_null()
    spread = exclusions.filter(for_all).drop("brand").join(known.select("brand").unique(), how="cross")
    rows = pl.concat([exclusions.filter(~for_all), spread], how="diagonal")
    files = rows.group_by("customer_id", "brand").agg(_files=pl.col("detail").unique().sort().str.join(", "))
    return known.join(files, on=["customer_id", "brand"], how="left", maintain_order="left")["_files"]


def _is_repeated(known: pl.DataFrame, history: pl.DataFrame, product: Product, moment: Moment) -> pl.Series:
    """Had within `once_every`; or, for marketing, a decision of any product on the same day."""
    key = ["person_key", "brand"]
    same = history.filter(
        pl.col("product") == product.name,
        pl.lit(moment.as_of, dtype=pl.Date) - pl.col("as_of") < product.once_every.every,
    )
    if product.once_every.per == "subject":
        key.append("subject_key")
    is_had = _occurs(known, same, key)
    if product.message_type == "service":
        return is_had
    today = history.filter(pl.col("message_type") == "marketing", pl.col("as_of") == moment.as_of)
    return is_had | _occurs(known, today, ["person_key", "brand"])


def _occurs(known: pl.DataFrame, past: pl.DataFrame, key: list[str]) -> pl.Series:
    marks = past.select(key).unique().with_columns(is_past=pl.lit(True))  # noqa: FBT003
    joined = known.join(marks, on=key, how="left", maintain_order="left", nulls_equal=True)
    return joined["is_past"].fill_null(value=False)
