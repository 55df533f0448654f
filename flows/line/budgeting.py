"""The budgets of channels: solved where totals meet, over all parts, and looked at once more before a claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.clock import midnight
from flows.counts import Price
from flows.ledger.pressure import claimed_since
from flows.ledger.store import open_ledger
from flows.line.frozen import prices_of
from flows.line.planning import COUNTED_FOLDER, OFFERED_FOLDER, ROUTED_FOLDER, save
from flows.stages.budgets import Priced, allotted, overspent, priced, tallied
from flows.stages.crowd import recounted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from flows.ledger.store import Ledger
    from flows.plan import Order
    from flows.settings import Settings

Place = tuple[str, str]
"""A brand and a channel."""


def keep_budgets(settings: Settings, folder: Path, order: Order) -> tuple[Price, ...]:
    """Have each message of a plan that budgets concern go by one channel or none, and return the prices.

    It comes before crowds are counted, so that whoever is counted is shown something. Harmless when repeated, under the
    same lock.

    Args:
        settings: give the budgets.
        folder: of the plan, with what its parts have written.
        order: of the run; one for a few customers pays what the last whole run has come to at the least.
    """
    files = sorted((folder / OFFERED_FOLDER).glob("*.parquet"))
    if not files:
        return ()
    with open_ledger(settings) as ledger:
        spent = _spent_today(ledger, settings, order.present)
    least = {} if order.is_whole else prices_of(settings, order.goes_by)
    offers = pl.concat([pl.scan_parquet(file) for file in files])
    solved = [
        priced(
            offers,
            brand,
            _room(settings, brand, spent),
            {name: price for (of, name), price in least.items() if of == brand},
        )
        for brand in offers.select(pl.col("brand").unique().sort()).collect()["brand"]
    ]
    went = pl.concat([_allot(folder, file.name, solved) for file in files]).group_by("brand", "channel").sum()
    return tuple(each for brand in solved for each in _told(settings, brand, spent, went))


def over_today(ledger: Ledger, settings: Settings, leaving: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """`message_id, reason` of messages for which a day has no room any more: other plans may have been delivered since."""
    spent = _spent_today(ledger, settings, at)
    return overspent(
        leaving, {(brand, name): settings.budgets_of(brand)[name].most - used for (brand, name), used in spent.items()}
    )


def budgeted_by_day(settings: Settings) -> bool:
    """Whether anything has a budget of a day."""
    return any(budget.per == "day" for brand in settings.brands for budget in settings.budgets_of(brand).values())


def _spent_today(ledger: Ledger, settings: Settings, at: datetime) -> dict[Place, int]:
    """Of each budget of a day, how many messages have been claimed on the day of an instant, or lie ahead of it."""
    claimed = claimed_since(ledger, midnight(at.astimezone(settings.zone).date(), settings.zone))
    return {
        (brand, name): claimed.get((brand, name), 0)
        for brand in settings.brands
        for name, budget in settings.budgets_of(brand).items()
        if budget.per == "day"
    }


def _room(settings: Settings, brand: str, spent: Mapping[Place, int]) -> dict[str, int]:
    budgets = sorted(settings.budgets_of(brand).items())
    return {name: max(budget.most - spent.get((brand, name), 0), 0) for name, budget in budgets}


def _allot(folder: Path, name: str, solved: Sequence[Priced]) -> pl.DataFrame:
    """Give the messages of one part and product their channels, and count them: see `stages.budgets.tallied`."""
    offers = pl.read_parquet(folder / OFFERED_FOLDER / name)
    places = pl.concat([each.on(offers) for each in solved])
    prices = {(each.brand, channel): price for each in solved for channel, price in each.solved.prices.items()}
    routed = allotted(pl.read_parquet(folder / ROUTED_FOLDER / name), places, prices)
    counted = recounted(pl.read_parquet(folder / COUNTED_FOLDER / name), routed)
    _replace(routed, folder / ROUTED_FOLDER / name)
    _replace(counted, folder / COUNTED_FOLDER / name)
    return tallied(places)


def _told(settings: Settings, of: Priced, spent: Mapping[Place, int], went: pl.DataFrame) -> list[Price]:
    """The prices of one brand, with what they have come to."""
    rows = {row.pop("channel"): row for row in went.filter(pl.col("brand") == of.brand).drop("brand").to_dicts()}
    return [
        Price(
            brand=of.brand,
            channel=name,
            budget=str(settings.budgets_of(of.brand)[name]),
            spent=spent.get((of.brand, name), 0),
            price=price,
            gap=of.solved.gap,
            **rows.get(name, {"planned": 0, "moved": 0, "fallen": 0}),
        )
        for name, price in of.solved.prices.items()
    ]


def _replace(rows: pl.DataFrame, path: Path) -> None:
    """In one step, so that a settling that is killed can be repeated."""
    passing = path.with_suffix(".new")
    save(rows, passing)
    passing.replace(path)
