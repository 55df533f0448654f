"""scored, ledger -> decided: one help for each customer and brand, over all products; service apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows import reasons
from flows.draws import of_everybody
from flows.experiment import USUAL
from flows.keys import Key, draw, drawn
from flows.schemas import DECISIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.clock import Moment
    from flows.product import Product
    from flows.settings import Settings

NARROW = (
    "customer_id",
    "brand",
    "product",
    "subject_id",
    "message_type",
    "person_key",
    "subject_key",
    "score",
    "terms",
    "closed",
    "came_by",
    "valid_until",
    "reason",
    "detail",
)


_LISTS = ("terms", "closed")
"""What nothing is decided by, and takes most of the time to be sorted: it is brought back in the end."""


def decided(
    scored: Sequence[pl.DataFrame],
    history: pl.DataFrame,
    products: Sequence[Product],
    settings: Settings,
    key: Key,
    moment: Moment,
) -> pl.DataFrame:
    """Every candidate with its final reason; null where its help was decided on.

    Args:
        scored: one frame per live product, with at least the columns of `NARROW`.
        history: `schemas.HISTORY`; a service claim of the same day silences marketing.
        products: the live products.
        settings: gives the global holdout and the workspace's name.
        key: for `decision_id`.
        moment: of the run.

    Returns:
        `schemas.DECISIONS`. HOLDOUT stands on the winner of a person who is held out: it is logged, and nothing is sent. Where
        that is since another system treats them as it always has, `USUAL` stands in the place of the variant.
    """
    whole = pl.concat([frame.select(NARROW) for frame in scored])
    lists, everyone = whole.select(_LISTS), whole.drop(_LISTS).with_row_index("_row")
    service = _best(everyone.filter(pl.col("message_type") == "service"), ["customer_id", "brand", "subject_id"])
    marketing = _silenced(everyone.filter(pl.col("message_type") == "marketing"), service, history, moment)
    marketing = _best(marketing, ["customer_id", "brand"])
    rows = _identified(_drawn(pl.concat([service, marketing]), products, settings), settings, key, moment)
    return pl.concat([rows, lists[rows["_row"]]], how="horizontal").select(DECISIONS.names())


def units(decisions: pl.DataFrame) -> pl.DataFrame:
    """What became of each unit: `message_type, reason` (null: decided), one row per unit of the base.

    The unit of marketing is person and brand, of service person, brand and subject (CONTRACTS, Waterfalls).
    """
    subject = pl.when(pl.col("message_type") == "service").then("subject_id")
    return (
        decisions.with_columns(unit_subject=subject, place=reasons.rank(pl.col("reason")))
        .group_by("message_type", "customer_id", "brand", "unit_subject")
        .agg(is_decided=pl.col("reason").is_null().any(), place=pl.col("place").max())
        .select("message_type", reason=pl.when(~pl.col("is_decided")).then(reasons.named(pl.col("place"))))
    )


def _best(candidates: pl.DataFrame, unit: list[str]) -> pl.DataFrame:
    """The best candidate of each unit stays without a reason; the others that had none are OUTRANKED."""
    ordered = candidates.sort("score", "product", "subject_id", descending=[True, False, False])
    free = pl.col("reason").is_null()
    is_best = free & (free.cast(pl.UInt32).cum_sum().over(unit) == 1)
    return ordered.with_columns(reason=pl.when(free & ~is_best).then(pl.lit("OUTRANKED")).otherwise("reason"))


def _silenced(marketing: pl.DataFrame, service: pl.DataFrame, history: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    key = ["person_key", "brand"]
    earlier = history.filter(pl.col("message_type") == "service", pl.col("as_of") == moment.as_of).select(key)
    now = service.filter(pl.col("reason").is_null()).select(key)
    spoken = pl.concat([earlier, now]).unique().with_columns(is_spoken=pl.lit(True))  # noqa: FBT003
    joined = marketing.join(spoken, on=key, how="left", maintain_order="left")
    silenced = pl.when(pl.col("is_spoken")).then(pl.lit("SILENCED_BY_SERVICE"))
    return joined.with_columns(reason=reasons.first_of(pl.col("reason"), silenced)).drop("is_spoken")


def _drawn(decisions: pl.DataFrame, products: Sequence[Product], settings: Settings) -> pl.DataFrame:
    """Holdouts and variants, with the probability of what was drawn: marketing only; service is never held out.

    Each draw has a salt of its own: one that served both the holdout and the variants would skew the variants.
    """
    is_won = pl.col("reason").is_null()
    person = pl.when(is_won).then("customer_id")  # nothing is drawn for anybody else: they are not held out
    shares = {
        p.name: (1 - settings.global_holdout) * (1 - p.test.holdout) for p in products if p.message_type == "marketing"
    }
    of_all = of_everybody(settings)
    is_treated = draw(of_all.salt(f"{settings.name}/global_holdout"), person) >= of_all.holdout
    variant, share = pl.lit(None, dtype=pl.String), pl.lit(1.0)
    usual, usual_share = pl.lit(value=False), pl.lit(0.0)
    for product in products:
        mine = pl.col("product") == product.name
        if product.message_type == "marketing" and product.test.holdout:
            salt = product.test.salt(f"{settings.name}/{product.name}/holdout")
            kept = draw(salt, pl.when(mine).then(person)) >= product.test.holdout
            is_treated = is_treated & (~mine | kept)
        if product.message_type == "marketing" and product.test.usual:
            salt = product.test.salt(f"{settings.name}/{product.name}/usual")
            usual = usual | (mine & (draw(salt, pl.when(mine).then(person)) < product.test.usual))
            usual_share = pl.when(mine).then(pl.lit(product.test.usual)).otherwise(usual_share)
        if product.test.variants:
            u = draw(product.test.salt(f"{settings.name}/{product.name}/variants"), pl.when(mine).then(person))
            mine_variant, mine_share = drawn(product.test.variants, u)
            variant, share = (
                pl.when(mine).then(mine_variant).otherwise(variant),
                pl.when(mine).then(mine_share).otherwise(share),
            )
    is_held = (pl.col("message_type") == "marketing") & ~is_treated
    is_usual = is_won & ~is_held & usual
    reached = pl.col("product").replace_strict(shares, default=1.0, return_dtype=pl.Float64)
    return decisions.with_columns(
        reason=pl.when(is_held | is_usual).then(pl.lit("HOLDOUT")).otherwise("reason"),
        variant=pl.when(is_usual).then(pl.lit(USUAL)).when(is_won & ~is_held).then(variant),
        drawn_level=pl.lit(None, DECISIONS["drawn_level"]),  # of those whose facts are known to be enough: see `arm`
        propensity=pl.when(is_held)
        .then(1 - reached)
        .when(is_usual)
        .then(reached * usual_share)
        .when(is_won)
        .then(reached * (1 - usual_share) * share),
    )


def _identified(decisions: pl.DataFrame, settings: Settings, key: Key, moment: Moment) -> pl.DataFrame:
    subject = pl.col("subject_id")
    is_won = pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT")
    identity = key.of(
        settings.name,
        pl.col("brand"),
        pl.col("product"),
        subject,
        pl.col("person_key"),
        str(moment.as_of),
        only=is_won,
    )
    return decisions.with_columns(decision_id=identity).sort("customer_id", "brand", "product", "subject_id")
