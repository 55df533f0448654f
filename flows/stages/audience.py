"""warehouse, eligible -> left_out: whom ad campaigns that run anyway leave out, as far as a platform may be told of them.

Nothing is said to anybody, so there are no words, and nothing is claimed. A row holds as long as runs say so: it has no
`valid_until`, and who is not wanted any more is taken away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import sha256
from flows.audience import CHANNEL
from flows.facts import check_audience
from flows.schemas import KEYS, frame_schema

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.audience import Audience
    from flows.channels import Target
    from flows.keys import Key
    from flows.settings import Settings

LEFT_OUT = frame_schema(
    *KEYS,
    "message_type",
    "person_key",
    "message_id",
    "decision_id",
    "valid_until",
    "country",
    "target",
    "channel",
    "address",
    "address_match",
    "phone",
    "shown",
    "reason",
)
"""Whom an audience names; `product` is its key, and of what belongs to a message there is only an id, to be told apart by."""


def left_out(
    standing: pl.DataFrame, audience: Audience, targeted: Collection[str], settings: Settings, key: Key
) -> pl.DataFrame:
    """Whom one audience names, with the first reason why a platform is not told of them.

    Args:
        standing: `customer_id, brand` of each once, and what bars them in ads, as `eligibility.standing` yields it.
        audience: names them.
        targeted: the dimensions by which it chooses them.
        settings: give each brand's target.
        key: for `message_id`, which is the same from day to day.

    Returns:
        `LEFT_OUT`: `reason` is null where they may be handed over; else there is no address. Who asked to be forgotten stands
        there under the key alone.

    Raises:
        GuardError: the audience would have more than three dimensions in common.
    """
    check_audience(f"sql/audiences/{audience.name}", targeted)
    ways = {brand: ways[CHANNEL] for brand, ways in settings.targets.items() if CHANNEL in ways}
    reason = pl.coalesce("reason", f"{CHANNEL}_reason")
    known = {"address": "address", "address_match": "match", "phone": "phone"}
    rows = standing.with_columns(
        customer_id=pl.when(pl.col("reason") == "ERASED").then("person_key").otherwise("customer_id"),
        product=pl.lit(audience.key),
        message_id=key.of(settings.name, pl.col("brand"), audience.key, pl.col("person_key")),
        target=pl.col("brand").replace_strict(ways, default=None, return_dtype=pl.String),
        channel=pl.lit(CHANNEL),
        reason=reason,
        **{name: pl.when(reason.is_null()).then(f"{CHANNEL}_{column}") for name, column in known.items()},
    )
    nothing = [pl.lit(None, kind).alias(name) for name, kind in LEFT_OUT.items() if name not in rows.columns]
    return rows.with_columns(nothing).select(LEFT_OUT.names())


def once_per_address(rows: pl.DataFrame) -> pl.DataFrame:
    """`LEFT_OUT` of everybody, sorted: of those who share an address the lowest customer_id stands for it in each audience."""
    rows = rows.sort(*KEYS)
    same = ["brand", "product", "address_match"]
    is_second = pl.col("reason").is_null() & (pl.int_range(pl.len()).over(*same, "reason") > 0)
    return rows.with_columns(reason=pl.when(is_second).then(pl.lit("DUPLICATE_ADDRESS")).otherwise("reason"))


def told(rows: pl.DataFrame, target: Target, workspace: str) -> pl.DataFrame:
    """Whom a platform is told of, as the rows of a target's files: `message_id` and the target's `identity`.

    The name of the audience is made as a creative's is, of the audience's instead: it tells nothing, and stays when the query
    is mended.

    Args:
        rows: `LEFT_OUT` of one target.
        target: of the platform.
        workspace: its name.
    """
    about = pl.concat_str(pl.lit(workspace), "brand", "product", separator="\x1f")
    unsaid = dict.fromkeys(("headline", "description", "action_label", "action_url"), pl.lit(""))
    worded = rows.sort(target.order).with_columns(creative_id=sha256(about), **unsaid)
    return target.rows(worded).select("message_id", *target.identity)
