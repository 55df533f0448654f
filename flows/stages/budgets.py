"""routed, ledger -> offered, priced: by which of its open channels a message goes, so that budgets go to those worth the most.

Marketing alone is budgeted. What is decided stays: a message goes by another open channel of `first_of`, or it falls away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flows.prices import WORTH, Queue, Solved, solve
from flows.schemas import frame_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.product import Product
    from flows.settings import Settings

MESSAGE = ("decision_id", "lane")
OFFERED = pl.Schema({**frame_schema(*MESSAGE, "brand"), "ways": pl.String(), "worth": pl.Int64()})
"""Messages that budgets concern: the channels that each may go by, in the order of `first_of` and with commas between, and what
it is worth (see `prices.WORTH`)."""
PRICED = pl.Schema({**frame_schema(*MESSAGE, "brand", "channel"), "picked": pl.String()})
"""Those messages with the channel that they go by, null for none, beside the one that `first_of` had picked."""

VALUED = ("message_id", "brand", "channel", "message_type", "score", "decision_id")
"""What decides which messages a day has room for."""

_ALL = "~"
"""Behind every decision's id, in the order of texts."""
_NOBODY = (2 * WORTH, _ALL)
"""Before everybody in every queue."""


def offered(
    lanes: pl.DataFrame, product: Product, settings: Settings, targets: Collection[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The deliveries of a product that are wanted, and between which channels each has a choice.

    Nobody has one whose first open channel is not wanted, or cannot be after all: there is no other way out of that.

    Args:
        lanes: as `routing.routed` and `timing.timed` yield them.
        product: service messages are not budgeted.
        settings: give the budgets.
        targets: those that are wanted.

    Returns:
        Of `lanes` one for each lane of a decision, and the others that it may go by instead; and `OFFERED`.
    """
    budgeted = [f"{brand}/{way}" for brand in product.brands for way in settings.budgets_of(brand)]
    if product.message_type == "service" or not budgeted:
        return lanes.filter(pl.col("target").is_in(list(targets))), OFFERED.to_frame()
    lanes = lanes.with_columns(_is_picked=pl.struct(MESSAGE).is_first_distinct())
    wanted = lanes.filter(pl.col("target").is_in(list(targets)))
    is_open = pl.col("reason").is_null()
    choosing = wanted.filter(pl.col("_is_picked"), is_open).select(MESSAGE)
    others = wanted.filter(~pl.col("_is_picked"), is_open).join(choosing, on=MESSAGE, how="semi", maintain_order="left")
    rows = pl.concat([wanted.filter("_is_picked"), others]).drop("_is_picked")
    ways = rows.filter(is_open).group_by(MESSAGE, maintain_order=True)
    whole = ways.agg(
        pl.col("brand").first(),
        ways=pl.col("channel").str.join(","),
        worth=(pl.col("score").first() * WORTH).round().cast(pl.Int64).clip(1),
        first=pl.col("channel").first(),
    )
    is_budgeted = pl.concat_str("brand", "first", separator="/").is_in(budgeted)
    return rows, whole.filter(is_budgeted).select(OFFERED.names())


@dataclass(frozen=True)
class Priced:
    """What the budgets of a brand come to: see `prices.Solved`.

    Attributes:
        brand: its name.
        solved: prices and gap.
        ways: for each queue its channels, as in `OFFERED`.
        lasts: for each queue and each of its channels the last one that goes by it or an earlier one: worth, and decision.
    """

    brand: str
    solved: Solved
    ways: tuple[str, ...]
    lasts: tuple[tuple[tuple[int, str], ...], ...]

    def on(self, offers: pl.DataFrame) -> pl.DataFrame:
        """`PRICED`: where some messages of the brand go."""
        rows = offers.filter(pl.col("brand") == self.brand).join(self._cuts(), on="ways")
        worth, decision = pl.col("worth"), pl.col("decision_id")
        goes = [
            pl.when(
                (worth > pl.col(f"worth_{place}"))
                | ((worth == pl.col(f"worth_{place}")) & (decision <= pl.col(f"last_{place}")))
            ).then(f"way_{place}")
            for place in range(self._longest)
        ]
        return rows.select(*MESSAGE, "brand", channel=pl.coalesce(goes), picked="way_0")

    def _cuts(self) -> pl.DataFrame:
        """`ways`, and of each of its channels by place: `way`, and the `worth` and decision of the `last` one; or nulls."""
        places = {"way": pl.String(), "worth": pl.Int64(), "last": pl.String()}
        schema = {f"{name}_{place}": kind for place in range(self._longest) for name, kind in places.items()}
        rows = []
        for ways, lasts in zip(self.ways, self.lasts, strict=True):
            known = [each for name, last in zip(ways.split(","), lasts, strict=True) for each in (name, *last)]
            rows.append((ways, *known, *[None] * (len(schema) - len(known))))
        return pl.DataFrame(rows, {"ways": pl.String(), **schema}, orient="row")

    @property
    def _longest(self) -> int:
        return max((len(lasts) for lasts in self.lasts), default=1)


def priced(offers: pl.LazyFrame, brand: str, room: Mapping[str, int], least: Mapping[str, float]) -> Priced:
    """Solve the budgets of a brand over all parts.

    Args:
        offers: `OFFERED` of everybody, in any order.
        brand: its name.
        room: channel -> how many messages it can still take.
        least: channel -> the price that it has already.
    """
    mine = offers.filter(pl.col("brand") == brand)
    counted = mine.group_by("ways", "worth").agg(people=pl.len().cast(pl.Int64)).collect(engine="streaming")
    ranked = counted.sort("ways", "worth", descending=[False, True]).partition_by("ways", as_dict=True)
    queues = {
        ways: Queue(tuple(ways.split(",")), rows["worth"].to_numpy(), rows["people"].to_numpy())
        for (ways,), rows in ranked.items()
    }
    solved = solve(list(queues.values()), room, least)
    lasts = tuple(
        tuple(_last(mine.filter(pl.col("ways") == ways), queue, cut) for cut in cuts)
        for (ways, queue), cuts in zip(queues.items(), solved.cuts, strict=True)
    )
    return Priced(brand, solved, tuple(queues), lasts)


def allotted(routed: pl.DataFrame, places: pl.DataFrame, prices: Mapping[tuple[str, str], float]) -> pl.DataFrame:
    """The deliveries of one product, each lane once: by the channel that it goes by, or OVER_BUDGET.

    Args:
        routed: as `offered` yields them, with what has come of them, and `detail`.
        places: `PRICED`.
        prices: brand and channel -> its price.

    Returns:
        `routed` in its order, where `detail` says the price of what is OVER_BUDGET.
    """
    chosen = places.select(*MESSAGE, _picked="picked", _goes="channel")
    rows = routed.join(chosen, on=MESSAGE, how="left", maintain_order="left")
    is_over = pl.col("_picked").is_not_null() & pl.col("_goes").is_null()
    named = pl.coalesce("_goes", "_picked", "channel")
    price = pl.concat_str("brand", "channel", separator="/").replace_strict(
        {f"{brand}/{channel}": f"{price:.4f}" for (brand, channel), price in prices.items()},
        default=None,
        return_dtype=pl.String,
    )
    told = pl.format("worth {}, not above the price of {}, {}", pl.col("score").round(4), "channel", price)
    return (
        rows.filter(pl.col("channel") == named)
        .with_columns(
            reason=pl.when(is_over).then(pl.lit("OVER_BUDGET")).otherwise("reason"),
            detail=pl.when(is_over).then(told).otherwise("detail"),
        )
        .drop("_picked", "_goes")
    )


def overspent(leaving: pl.DataFrame, room: Mapping[tuple[str, str], int]) -> pl.DataFrame:
    """What a day has no room for any more: the messages that are worth the least.

    Args:
        leaving: messages, with the columns of `VALUED`.
        room: brand and channel -> how many more may be claimed today, where there is a budget.

    Returns:
        `message_id, reason`: OVER_BUDGET.
    """
    left = pl.DataFrame(
        [(brand, channel, max(rows, 0)) for (brand, channel), rows in room.items()],
        {**frame_schema("brand", "channel"), "_left": pl.Int64()},
        orient="row",
    )
    mine = leaving.filter(pl.col("message_type") == "marketing").join(left, on=["brand", "channel"])
    ranked = mine.sort("score", "decision_id", descending=[True, False])
    over = ranked.filter(pl.int_range(pl.len()).over("brand", "channel") >= pl.col("_left"))
    return over.select("message_id", reason=pl.lit("OVER_BUDGET"))


def tallied(places: pl.DataFrame) -> pl.DataFrame:
    """`PRICED` in numbers.

    Returns:
        `brand, channel`, and how many go by it (`planned`); and of those who had been picked for it how many go by another
        (`moved`), or by none (`fallen`).
    """
    goes, picked = pl.col("channel"), pl.col("picked")
    by_way = places.drop_nulls("channel").group_by("brand", "channel").agg(planned=pl.len())
    by_pick = places.group_by("brand", channel=picked).agg(moved=(goes != picked).sum(), fallen=goes.is_null().sum())
    return by_way.join(by_pick, on=["brand", "channel"], how="full", coalesce=True).fill_null(0)


def _last(mine: pl.LazyFrame, queue: Queue, cut: int) -> tuple[int, str]:
    """The last of a queue before a cut: of those that are worth the same, the first by their decisions' keys go."""
    if cut == 0:
        return _NOBODY
    heads = np.cumsum(queue.people)
    place = int(np.searchsorted(heads, cut))
    worth, behind = int(queue.worth[place]), int(heads[place]) - cut
    if not behind:
        return worth, _ALL
    return worth, _ranked(mine.filter(pl.col("worth") == worth), int(queue.people[place]) - behind)


def _ranked(same: pl.LazyFrame, rank: int) -> str:
    """The decision at a rank, the first being 1. Millions may be worth the same, so only those are held that begin alike."""
    begins = (
        same.group_by(begin=_BEGIN).len().sort("begin").with_columns(before=pl.col("len").cum_sum() - pl.col("len"))
    )
    begin, _, before = begins.filter(pl.col("before") < rank).last().collect(engine="streaming").row(0)
    ids = same.filter(begin == _BEGIN).select(pl.col("decision_id").sort()).collect(engine="streaming").to_series()
    return str(ids[rank - before - 1])


_BEGIN = pl.col("decision_id").str.head(3)
