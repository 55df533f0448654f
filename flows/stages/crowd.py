"""routed, products -> counted, crowded: how many people are shown the same facts, and fewer facts where they are too few.

Two people are shown the same where the words name fields with the same values, names aside. Where they are fewer than the
channel asks for, the last dimension in the product's order goes, and they are counted again with everybody who is shown just
what is left. Each part counts for itself, by a keyed digest; counts add up, because a customer is in one part only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.facts import at_level
from flows.product import MOST_DIMENSIONS
from flows.schemas import frame_schema
from flows.wording import placed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from flows.keys import Key
    from flows.product import Product
    from flows.settings import Settings
    from flows.wording import WordsKey
    from flows.words import Words

NAME = "name"
"""The dimension that is left aside: it is everybody's own, and says nothing of them but itself."""

CLASS = ("product", "brand", "channel", "shown")
COUNTED = pl.Schema(
    {
        **frame_schema(*CLASS, "level"),
        "ladder": pl.List(pl.String()),
        "people": pl.UInt32(),
        "deliveries": pl.UInt32(),
    }
)
"""Those who are shown the same: `level` is the lowest at which it is shown; `ladder` has for each of the levels 0..3 what
would be shown there, null where that is what the level below shows."""

HELD = pl.Schema({**frame_schema(*CLASS), "people": pl.UInt32()})
"""Who is shown something already and goes on to be."""

_LEVELS = range(MOST_DIMENSIONS + 1)
_DIGITS = 16


def floors(settings: Settings) -> dict[str, int]:
    """Channel -> how many people have to be shown the same; for ads as many at least as an audience has to have."""
    least = {name: settings.crowd.get(name, channel.crowd) for name, channel in CHANNELS.items()}
    audiences = {name for name, channel in CHANNELS.items() if channel.needs_yes}
    return {
        name: max(count, settings.smallest_audience) if name in audiences else count for name, count in least.items()
    }


def shown(
    routed: pl.DataFrame,
    product: Product,
    words: Mapping[WordsKey, Words],
    fields: Mapping[str, Collection[str]],
    key: Key,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What each delivery of a product shows, and how many people of a part are shown the same.

    Args:
        routed: of this product, with its fields.
        product: gives the dimensions in the order in which they earn their place.
        words: the product's.
        fields: field -> its dimensions; none where it says nothing about the person.
        key: for the digests, so that nobody without it can tell values from them.

    Returns:
        `routed` with `shown`, null where there are no words; and the `COUNTED` of the deliveries without a reason. A customer
        with several deliveries is counted with the first alone, so no sum of classes counts anybody twice.
    """
    place_of = {dimension: place for place, dimension in enumerate(product.dimensions[:MOST_DIMENSIONS], start=1)}
    level_of = {
        name: max(place_of[dimension] for dimension in of)
        for name, of in sorted(fields.items())
        if set(of) - {NAME} and set(of) <= place_of.keys()
    }
    known, places = placed(routed, words)
    said = [
        pl.when(pl.col("words").is_in([n for n, file in enumerate(known) if name in words[file].fields])).then(name)
        for name in level_of
    ]
    rows = routed.with_columns(places).with_columns(said)
    rows = rows.with_columns(shown=pl.when(pl.col("words").is_not_null()).then(_digest(level_of, key)))
    return routed.with_columns(rows["shown"]), _counted(rows, level_of, key)


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The `COUNTED` of all parts together."""
    everybody = pl.concat([COUNTED.to_frame(), *parts])
    of_a_class = pl.col("level", "ladder").first(), pl.col("people", "deliveries").sum()
    return everybody.group_by(CLASS).agg(of_a_class).sort(CLASS)


def recounted(counted: pl.DataFrame, routed: pl.DataFrame) -> pl.DataFrame:
    """The `COUNTED` of a part's marketing deliveries of one product, of those that are left.

    Args:
        counted: as `shown` yields it.
        routed: the deliveries that are left, each customer once in a channel.
    """
    left = routed.filter(pl.col("reason").is_null(), pl.col("shown").is_not_null()).group_by(CLASS)
    now = left.agg(people=pl.len(), deliveries=pl.len()).cast({"people": pl.UInt32, "deliveries": pl.UInt32})
    return counted.drop("people", "deliveries").join(now, on=CLASS).select(COUNTED.names())


def crowded(
    counted: pl.DataFrame, held: pl.DataFrame, floors: Mapping[str, int], told: Collection[str]
) -> pl.DataFrame:
    """How much each class may be shown, so that as many people are shown the same as the channel asks for.

    Args:
        counted: `COUNTED` of everybody.
        held: `HELD`, none of them in `counted`.
        floors: channel -> how many people there have to be; 0 is any number.
        told: the channels where somebody else learns who is meant, so that too few are too few without any facts as well.

    Returns:
        `counted` with `keeps` (Int8: the level that is left; null where all is), `kept` (what is shown then), `crowd` (how many
        people are shown that) and `reason` (CROWD_TOO_SMALL, or null).
    """
    floor = pl.col("channel").replace_strict(floors, return_dtype=pl.UInt32)
    rows = _sized(counted.with_columns(at="level", keeps=pl.lit(None, pl.Int8)), held)
    for level in reversed(_LEVELS[1:]):
        is_too_small = (pl.col("at") == level) & (pl.col("crowd") < floor)
        below = pl.max_horizontal(_step(n).is_not_null().cast(pl.Int8) * n for n in _LEVELS[:level])
        rows = rows.with_columns(
            at=pl.when(is_too_small).then(below).otherwise("at"),
            keeps=pl.when(is_too_small).then(pl.lit(level - 1, pl.Int8)).otherwise("keeps"),
        )
        rows = _sized(rows, held)
    is_barred = pl.col("channel").is_in(list(told)) & (pl.col("crowd") < floor)
    return rows.with_columns(reason=pl.when(is_barred).then(pl.lit("CROWD_TOO_SMALL"))).drop("at")


def lowered(
    routed: pl.DataFrame, classes: pl.DataFrame, product: Product, fields: Mapping[str, Collection[str]]
) -> pl.DataFrame:
    """The deliveries of one product with the facts that enough people share, or CROWD_TOO_SMALL.

    Args:
        routed: as `shown` yields it.
        classes: as `crowded` yields it.
        product: gives the dimensions in their order.
        fields: field -> its dimensions.
    """
    is_changed = pl.col("keeps").is_not_null() | pl.col("reason").is_not_null()
    changes = classes.filter(is_changed).select(*CLASS, _keeps="keeps", _kept="kept", _barred="reason")
    rows = routed.join(changes, on=CLASS, how="left", maintain_order="left")
    rows = at_level(rows, pl.col("_keeps"), product.dimensions, fields)
    rows = rows.with_columns(shown=pl.coalesce("_kept", "shown"), reason=pl.coalesce("reason", "_barred"))
    return rows.drop("_keeps", "_kept", "_barred")


def _counted(rows: pl.DataFrame, level_of: Mapping[str, int], key: Key) -> pl.DataFrame:
    is_first = pl.struct("customer_id", "brand", "channel").is_first_distinct()
    wanted = rows.filter(pl.col("shown").is_not_null(), pl.col("reason").is_null()).with_columns(_is_first=is_first)
    classes = wanted.group_by(CLASS).agg(
        *(pl.col(name).first() for name in level_of), _people=pl.col("_is_first").sum(), _deliveries=pl.len()
    )
    is_step = [
        pl.any_horizontal(
            pl.lit(level == 0), *(pl.col(name).is_not_null() for name, of in level_of.items() if of == level)
        )
        for level in _LEVELS
    ]
    steps = [pl.when(is_step[level]).then(_digest(level_of, key, level)) for level in _LEVELS]
    highest = pl.max_horizontal(is_step[level].cast(pl.Int8) * level for level in _LEVELS)
    named = classes.select(
        *CLASS, level=highest, ladder=pl.concat_arr(steps).arr.to_list(), people="_people", deliveries="_deliveries"
    )
    return named.cast(dict(COUNTED))  # type: ignore[arg-type]


def _digest(level_of: Mapping[str, int], key: Key, level: int = MOST_DIMENSIONS) -> pl.Expr:
    """The values that are shown at a level, under the key: a field above it counts as empty."""
    said = [pl.when(of <= level).then(name).alias(name) for name, of in level_of.items()]
    text = pl.struct(said).struct.json_encode() if said else pl.lit("{}")
    return key.of(text).str.slice(0, _DIGITS)


def _sized(classes: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """`classes` with `kept`, what they are shown, and `crowd`, how many people are shown that."""
    same = ("product", "brand", "channel", "kept")
    now = classes.with_columns(kept=pl.col("ladder").list.get(pl.col("at"))).drop("crowd", "already", strict=False)
    already = held.rename({"shown": "kept", "people": "already"}).group_by(same).agg(pl.col("already").sum())
    sized = now.join(already, on=same, how="left", maintain_order="left")
    return sized.with_columns(crowd=pl.col("people").sum().over(same) + pl.col("already").fill_null(0)).drop("already")


def _step(level: int) -> pl.Expr:
    return pl.col("ladder").list.get(level)
