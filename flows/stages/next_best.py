"""spoken, warehouse -> chosen: which of several open helps is given, by what was learned, or by lot, with its probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.experiment import USUAL
from flows.keys import draw
from flows.ledger.choices import CONTEXTS, NOTED, SIGNALS
from flows.next_best import NOTHING, OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from flows.next_best import Effect, Learned, NextBest

UNIT = ("customer_id", "brand")
_IN = "in "
"""Before the names of contexts, which may be called as anything but a column of the line."""
CHOICES = pl.Schema(
    {
        **dict.fromkeys((*UNIT, "product"), pl.String()),
        "contexts": CONTEXTS,
        "worth": pl.Float64(),
        "by_rules": pl.Boolean(),
        "is_best": pl.Boolean(),
        "is_chosen": pl.Boolean(),
        "is_drawn": pl.Boolean(),
        "chance": pl.Float64(),
        "share": pl.Float64(),
    }
)
"""An open help of a person and brand: `worth` is its effect by what was learned, less the price of a contact, null where nothing
is known of it; `by_rules` and `is_best` whether it is the first by relevance, or by what counts; `is_chosen` whether it is
given, `is_drawn` whether by lot; `chance` how likely it was, and `share` how likely it was that any was."""


@dataclass(frozen=True)
class Chooser:
    """By what helps are chosen.

    Attributes:
        setting: how much is tried, and what a contact costs.
        learned: what was accepted; None: helps are chosen by relevance.
        contexts: `customer_id, brand` and the contexts, as texts.
        workspace: its name, part of the salts.
        as_of: the day, part of them, too: another day another lot.
    """

    setting: NextBest
    learned: Learned | None
    contexts: pl.DataFrame
    workspace: str
    as_of: date


def chosen(candidates: pl.DataFrame, by: Chooser) -> pl.DataFrame:
    """`CHOICES` of the marketing candidates that nothing is in the way of.

    Args:
        candidates: `customer_id, brand, product, score, reason` of marketing.
        by: what they are chosen by.

    Who has a help of which nothing was learned is given the most relevant one: two scales are never compared.
    """
    names = [name for name in by.contexts.columns if name not in UNIT]
    contexts = by.contexts.select(*UNIT, *(pl.col(name).alias(f"{_IN}{name}") for name in names))
    open_ones = candidates.filter(pl.col("reason").is_null()).group_by(*UNIT, "product").agg(pl.col("score").max())
    rows = open_ones.join(contexts, on=UNIT, how="left").sort(*UNIT, "product")
    told = [pl.struct(name=pl.lit(name), value=pl.col(f"{_IN}{name}")) for name in names]
    rows = rows.with_columns(contexts=pl.concat_list(told) if told else pl.lit([], CONTEXTS))
    rows = _valued(rows, by)
    count, place = pl.len().over(UNIT), pl.int_range(pl.len()).over(UNIT)
    knows_all = pl.col("worth").is_not_null().all().over(UNIT)
    is_silent = (knows_all & (pl.col("worth").max().over(UNIT) <= 0)).fill_null(value=False)
    by_rules = place.sort_by("score", "product", descending=[True, False]).first().over(UNIT) == place
    by_worth = place.sort_by("worth", "score", "product", descending=[True, True, False]).first().over(UNIT) == place
    identity, salt = pl.concat_str(*UNIT, separator="\x1f"), f"{by.workspace}/next_best"
    share = by.setting.explore
    is_drawn = draw(f"{salt}/explore/{by.as_of}", identity) < share
    lot = (draw(f"{salt}/help/{by.as_of}", identity) * count).floor().cast(pl.Int64)
    is_best = pl.when(knows_all).then(by_worth).otherwise(by_rules) & ~is_silent
    return rows.with_columns(
        by_rules=by_rules,
        is_best=is_best,
        is_drawn=is_drawn,
        is_chosen=pl.when(is_drawn).then(lot == place).otherwise(is_best),
        chance=share / count + pl.when(is_best).then(1 - share).otherwise(0.0),
        share=pl.when(is_silent).then(share).otherwise(1.0),
    ).select(CHOICES.names())


def narrowed(candidates: pl.DataFrame, choices: pl.DataFrame) -> pl.DataFrame:
    """The candidates of a product, of which those for whom another help was chosen are open no more; service is left alone.

    The others are OUTRANKED; where no help is worth a contact, and none was drawn, all of them are BELOW_THRESHOLD.
    """
    told = choices.select(*UNIT, "product", "is_chosen", is_told=pl.col("is_chosen").any().over(UNIT))
    rows = candidates.join(told, on=[*UNIT, "product"], how="left", maintain_order="left")
    why = pl.when("is_told").then(pl.lit("OUTRANKED")).otherwise(pl.lit("BELOW_THRESHOLD"))
    is_left = pl.col("reason").is_null() & ~pl.col("is_chosen")
    return rows.with_columns(reason=pl.when(is_left).then(why).otherwise("reason")).drop("is_chosen", "is_told")


def noted(
    choices: pl.DataFrame,
    decisions: pl.DataFrame,
    treated: Mapping[str, tuple[float, float]],
    sizes: Mapping[str, Mapping[str, float]],
) -> pl.DataFrame:
    """`NOTED` of the decisions of marketing that are acted on; not of whom another system treats as it always has.

    Args:
        choices: `CHOICES`.
        decisions: `schemas.DECISIONS` that are delivered, and the held-out wins.
        treated: product -> the probability of being given it once it is chosen, and that of being held out.
        sizes: product -> signal -> its weight in the relevance.
    """
    given, held = ({name: pair[place] for name, pair in treated.items()} for place in (0, 1))
    chance = {
        name: pl.col("chance") * pl.col("product").replace_strict(of, default=None, return_dtype=pl.Float64)
        for name, of in (("given", given), ("held", held))
    }
    is_delivered = pl.col("given").is_not_null()  # by this run, which may be for some products alone
    units = (
        choices.with_columns(**chance)
        .sort(*UNIT, "product")
        .group_by(UNIT, maintain_order=True)
        .agg(
            among=pl.col("product").filter(is_delivered),
            chances=pl.col("given").filter(is_delivered),
            nothing=pl.col("held").sum(),
            share=pl.col("share").first(),
            by_rules=pl.col("product").filter("by_rules").first(),
            contexts=pl.col("contexts").first(),
        )
    )
    whole = pl.col("chances").list.sum() + pl.col("nothing")
    units = units.with_columns(chances=pl.col("chances") / whole, nothing=pl.col("nothing") / whole)
    is_usual = (pl.col("variant") == USUAL).fill_null(value=False)
    wins = decisions.filter((pl.col("message_type") == "marketing") & ~is_usual)
    wins = wins.select("decision_id", "person_key", *UNIT, "product", "terms", is_given=pl.col("reason").is_null())
    known = wins.join(_signals(wins, sizes), on="decision_id", how="left")
    known = known.with_columns(pl.col("signals").fill_null(pl.lit([], SIGNALS)))
    return known.join(units, on=UNIT, how="inner").select(NOTED.names())


def _signals(wins: pl.DataFrame, sizes: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """`decision_id, signals`: how strong each signal was, by its term and its weight; of a weight of 0 nobody can tell."""
    told = [(product, name, size) for product, of in sizes.items() for name, size in of.items() if size]
    weights = pl.DataFrame(told, {"product": pl.String, "name": pl.String, "size": pl.Float64}, orient="row")
    terms = wins.select("decision_id", "product", "terms").explode("terms").drop_nulls("terms").unnest("terms")
    known = terms.join(weights, on=["product", "name"]).sort("decision_id", "name")
    signal = pl.struct("name", strength=pl.col("log_odds") / pl.col("size"))
    return known.group_by("decision_id", maintain_order=True).agg(signals=signal)


def _valued(rows: pl.DataFrame, by: Chooser) -> pl.DataFrame:
    """Open helps with `worth`."""
    effects = by.learned.effects if by.learned else {}
    known = [
        rows.filter(pl.col("product") == name).pipe(_worth, effect, by.setting.price)
        for name, effect in effects.items()
    ]
    others = rows.filter(~pl.col("product").is_in(list(effects))).with_columns(worth=pl.lit(None, pl.Float64))
    return pl.concat([others, *known]).sort(*UNIT, "product")


def _worth(rows: pl.DataFrame, effect: Effect, price: float) -> pl.DataFrame:
    """Open helps of one product with `worth`: its effect in their cell, shrunk as it is, less the price of a contact."""
    on = [f"{_IN}{name}" for name in effect.contexts]
    if not on or not effect.cells:
        return rows.with_columns(worth=pl.lit(effect.for_all - price))
    told = [
        {**{f"{_IN}{name}": value for name, value in cell.when.items()}, "more": cell.more} for cell in effect.cells
    ]
    cells = pl.DataFrame(told, {**dict.fromkeys(on, pl.String), "more": pl.Float64})
    known = {name: cells[name].unique() for name in on}
    placed = rows.select(
        pl.when(pl.col(name).is_null())
        .then(pl.lit(NOTHING))
        .when(pl.col(name).is_in(known[name].implode()))
        .then(name)
        .otherwise(pl.lit(OTHERS))
        .alias(name)
        for name in on
    )
    more = placed.join(cells, on=on, how="left", maintain_order="left")["more"].fill_null(effect.for_all)
    return rows.with_columns(worth=more - price)
