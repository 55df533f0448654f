"""worded, ledger -> claimed: the right to send each message once; for what holds, the difference to what was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.caps import windows, zone_or
from flows.ledger.claims import CLAIM
from flows.schemas import INSTANT, KEYS, frame_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from flows.clock import Moment
    from flows.keys import Key
    from flows.product import Product
    from flows.settings import Settings

MEMBERS = pl.Schema(
    {
        **frame_schema(
            *KEYS,
            "message_type",
            "person_key",
            "message_id",
            "decision_id",
            "valid_until",
            "channel",
            "address",
            "address_match",
            "phone",
            "shown",
        ),
        "payload_sha256": pl.String(),
        "identity": pl.String(),
        "audience": pl.String(),
        "since_batch": pl.String(),
    }
)
"""What a state target holds: beside the delivery a digest of what was published of it, the identifiers as published (JSON; what
to take away later), the audience it belongs to, if it is one (`identity` names that first), and the `batch_id` that told of it
first; null where an earlier version of the program did."""


def claimable(
    worded: pl.DataFrame,
    products: Mapping[str, Product],
    settings: Settings,
    key: Key,
    moment: Moment,
    at: datetime,
) -> pl.DataFrame:
    """What the ledger has to know of each message to give the right to it.

    Args:
        worded: deliveries of one target and brand, with `message_id`; `attempt` where they correct others.
        products: by name: how often the same help may come, and about what.
        settings: give the caps, and the time zone of people without one.
        key: for `address_key`.
        moment: of the run.
        at: UTC instant of the claim, or a little before it: where the windows of the caps end.

    Returns:
        The columns of `ledger.claims.CLAIM`, `repeats_after` (date: a claim of the same help after it bars the message),
        `per_subject` and `windows` (of the caps, where the person lives).
    """
    named = {name: product.once_every for name, product in products.items()}
    every = pl.col("product").replace_strict(
        {name: rule.every for name, rule in named.items()}, return_dtype=pl.Duration
    )
    per = pl.col("product").replace_strict({name: rule.per for name, rule in named.items()}, return_dtype=pl.String)
    as_of = pl.lit(moment.as_of, dtype=pl.Date)
    worded = worded.with_columns(zone_or(settings.timezone))
    worded = worded.join(
        windows(settings.caps, worded["time_zone"], at), on="time_zone", how="left", maintain_order="left"
    )
    return worded.with_columns(
        attempt="attempt" if "attempt" in worded.columns else pl.lit(1),
        as_of=as_of,
        address_key=key.of(pl.col("brand"), pl.col("channel"), pl.col("address_match")),
        repeats_after=(as_of.cast(pl.Datetime("us")) - every).cast(pl.Date),
        per_subject=per == "subject",
    ).select(*CLAIM, "repeats_after", "per_subject", "windows")


@dataclass(frozen=True)
class Difference:
    """What a state target has to be told.

    Attributes:
        additions: `message_id` of wanted rows that are new, or whose payload has changed.
        removals: the published `MEMBERS` that hold no longer, with those of their identifiers that no other member keeps there.
        members: `MEMBERS` as they are once both have been loaded.
        unchanged: how many of the wanted are there already.
    """

    additions: pl.DataFrame
    removals: pl.DataFrame
    members: pl.DataFrame
    unchanged: int


@dataclass(frozen=True)
class Reach:
    """What a run looks at: everything else that a state target holds stays as it is.

    Attributes:
        products: their names.
        customers: their ids; none means everybody.
        forgotten: `person_key` of people who asked to be forgotten: every run takes them away.
    """

    products: Collection[str]
    customers: Collection[str] = ()
    forgotten: Collection[str] = ()

    def holds(self) -> pl.Expr:
        """Whether a member is looked at."""
        mine = pl.col("product").is_in(list(self.products))
        if self.customers:
            mine &= pl.col("customer_id").is_in(list(self.customers))
        return mine | pl.col("person_key").is_in(list(self.forgotten))


def reconciled(
    published: pl.DataFrame, wanted: pl.DataFrame, barred: pl.DataFrame, reach: Reach, now: datetime
) -> Difference:
    """Compare what a state target holds with what it should hold, as far as a run reaches.

    Source: CONTRACTS, State targets: wanted is, per person, brand and product (for service also subject), the latest decision
    that is still valid and that nothing bars. `once_every` does not apply.

    Args:
        published: `MEMBERS` of the target and brand, as of the last published batch.
        wanted: `MEMBERS` of this run's decisions.
        barred: `message_id` of published rows that consent, an exclusion, a suppression, a holdout or the end of the need bars.
        reach: the products and people that the run looks at.
        now: UTC instant; what is valid until then or earlier goes.
    """
    mine = published.filter(reach.holds())
    newer = wanted.select(_place()).unique()
    kept = (
        mine.with_columns(_place())
        .join(newer, on="place", how="anti")
        .drop("place")
        .filter(pl.col("valid_until") > pl.lit(now, dtype=INSTANT))
        .join(barred, on="message_id", how="anti")
    )
    others = published.join(mine, on="message_id", how="anti")
    members = pl.concat([others, kept, wanted]).sort(*KEYS)
    additions = wanted.join(published, on=["message_id", "payload_sha256"], how="anti").select("message_id")
    gone = mine.join(members, on=["message_id", "identity"], how="anti", nulls_equal=True)
    removals = less(gone, held_under(members))
    return Difference(additions, removals, members, members.height - others.height - additions.height)


def without(
    members: pl.DataFrame, published: pl.DataFrame, barred: pl.Series, others: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`MEMBERS` as they are once some additions have been left out.

    What the platform holds under the identifiers of these stays noted, or nobody would ever take it away.

    Args:
        members: `MEMBERS` as they would be.
        published: `MEMBERS` as they are.
        barred: `message_id` of the additions that are left out.
        others: `held_under` of all of these, where `members` and `published` are of some customers alone.
    """
    is_barred = pl.col("message_id").is_in(barred.implode())
    left, out = members.filter(~is_barred), members.filter(is_barred)
    met = held_under(published).join(held_under(out) if others is None else others, on=_IDENTIFIER, how="semi")
    held = published.join(met, on="message_id", how="semi").join(left, on="message_id", how="anti")
    return pl.concat([left, held]).sort(*KEYS)


def since(members: pl.DataFrame, published: pl.DataFrame, batch_id: str) -> pl.DataFrame:
    """`MEMBERS` with the batch since which each is held: this one, but for those that were there before it.

    Args:
        members: `MEMBERS` as they will be.
        published: `MEMBERS` as they are.
        batch_id: what makes the one of the other.
    """
    known = published.select("message_id", "since_batch", was_held=True)
    rows = members.drop("since_batch").join(known, on="message_id", how="left", maintain_order="left")
    told = pl.when("was_held").then("since_batch").otherwise(pl.lit(batch_id))
    return rows.with_columns(since_batch=told).select(MEMBERS.names())


def in_small_audiences(
    members: pl.DataFrame | Sequence[pl.DataFrame], published: pl.DataFrame | Sequence[pl.DataFrame], least: int
) -> pl.DataFrame:
    """`message_id` of new members whose audience would have fewer than `least` people, by their addresses.

    The audience that results is judged, never what is added to it. What is in it already stays: the platform shows nothing
    to an audience that has become too small, and taking it all out because one person left would tell who that was.

    Args:
        members: `MEMBERS` as they would be; or in pieces, each of some customers.
        published: `MEMBERS` as they are, in the same pieces.
        least: the platform's minimum, or the workspace's.
    """
    after, before = ([rows] if isinstance(rows, pl.DataFrame) else rows for rows in (members, published))
    small = _small_audiences(after, least)
    if small.is_empty():  # mostly, and pieces are read anew
        return pl.DataFrame(schema={"message_id": pl.String})
    inside = (rows.join(small, on="audience", how="semi") for rows in after)
    new = [rows.join(there, on="message_id", how="anti") for rows, there in zip(inside, before, strict=True)]
    return pl.concat(rows.select("message_id") for rows in new)


def _small_audiences(members: Iterable[pl.DataFrame], least: int) -> pl.DataFrame:
    """`audience` of those that have fewer than `least` people. Of one that has as many nobody is remembered any more."""
    large = pl.Series([], dtype=pl.String)
    people = pl.DataFrame(schema={"audience": pl.String, "address_match": pl.String})
    for rows in members:
        is_open = pl.col("audience").is_not_null() & ~pl.col("audience").is_in(large.implode())
        people = pl.concat([people, rows.filter(is_open).select(people.columns)]).unique()
        is_large = pl.len().over("audience") >= least
        large.extend(people.filter(is_large)["audience"].unique())
        people = people.filter(~is_large)
    return people.select("audience").unique()


_IDENTIFIER = ["within", "identifier"]


def held_under(members: pl.DataFrame) -> pl.DataFrame:
    """`message_id, within, identifier` of all that members are held under.

    In an audience each column of `identity` is enough to be found by, so each is an identifier, within the audience, which stands
    first; there are only digests and names in it. Elsewhere a row is held as a whole.
    """
    pairs = pl.col("identity").str.extract_all(r'"[^"]+":"[^"]*"')
    is_audience = pl.col("audience").is_not_null()
    each = members.filter(is_audience).select("message_id", within=pairs.list.first(), identifier=pairs.list.slice(1))
    whole = members.filter(~is_audience).select("message_id", within=pl.lit(""), identifier="identity")
    return pl.concat([each.explode("identifier"), whole]).drop_nulls()


def less(gone: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Those of some `MEMBERS` that have an identifier which is not among `held_under` ones, with just these in `identity`.

    They are sorted, and what would be told twice is there once.
    """
    left = held_under(gone).join(held, on=_IDENTIFIER, how="anti", maintain_order="left")
    rows = left.group_by("message_id", "within", maintain_order=True).agg(pl.col("identifier").str.join(","))
    several = pl.concat_str(pl.lit("{"), "within", pl.lit(","), "identifier", pl.lit("}"))
    named = rows.select("message_id", identity=pl.when(within="").then("identifier").otherwise(several))
    found = gone.drop("identity").join(named, on="message_id", maintain_order="left").select(gone.columns)
    return found.unique("identity", maintain_order=True).sort(*KEYS)


def held_elsewhere(gone: Iterable[pl.DataFrame], members: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`within, identifier` under which both are held: what is gone from some customers, and what others are members by.

    Only numbers are held of all that is gone, and texts of what may be among it.

    Args:
        gone: `MEMBERS` of all customers, in pieces.
        members: as they will be, in pieces.
    """
    asked = pl.concat([_numbered(rows).select("number") for rows in gone]).unique()
    found = [_numbered(rows).join(asked, on="number", how="semi").select(_IDENTIFIER) for rows in members]
    return pl.concat(found).unique()


def told_before(gone: Sequence[pl.DataFrame]) -> pl.Series:
    """`message_id` of what is gone in one of several pieces, and taken away by the same `identity` in one before it."""
    number = pl.col("identity").hash()
    twice = pl.concat([rows.select(number=number) for rows in gone]).filter(pl.col("number").is_duplicated()).unique()
    few = [rows.filter(number.is_in(twice["number"].implode())).select("message_id", "identity") for rows in gone]
    return pl.concat(few).filter(~pl.col("identity").is_first_distinct())["message_id"]


def _numbered(members: pl.DataFrame) -> pl.DataFrame:
    """`held_under` of members, with a `number` that is the same for the same identifier, and mostly another for another."""
    return held_under(members).with_columns(number=pl.struct(_IDENTIFIER).hash())


def _place() -> pl.Expr:
    """What a newer decision takes the place of."""
    subject = pl.when(pl.col("message_type") == "service").then("subject_id")
    return pl.struct("customer_id", "brand", "product", subject_id=subject).alias("place")
