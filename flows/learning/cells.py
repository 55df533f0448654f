"""Counts of people who are alike -> the moments of an arm, weighted by how likely its draw was."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flows.experiment import USUAL as _USUAL
from flows.learning.contrasts import Interval
from flows.learning.moments import Moments
from flows.learning.sequential import shares_evidence
from flows.ledger.tally import CELL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from flows.learning.contrasts import Code, Contrast
    from flows.learning.successes import Metric

HELD_OUT, TREATED = "held out", "treated"
"""The arms of the holdout: who got nothing, and everybody else, whatever the variant."""
AMOUNTS = ("total", "spread", "cubes", "fourths")
"""Of those of a cell who have an amount: their sum, that of the squares of how far each is from their mean, that of the third
and of the fourth powers."""
USUAL = "business as usual"
"""The arm of those who get nothing of ours, since another system treats them as it always has."""
_LEVEL = "level "


def level_arm(level: int) -> str:
    """The name of the arm of a detail level."""
    return f"{_LEVEL}{level}"


def level_of(arm: str) -> int | None:
    """The detail level that an arm is of; None: it is of none."""
    number = arm.removeprefix(_LEVEL)
    return int(number) if number != arm and number.isdecimal() else None


@dataclass(frozen=True)
class Design:
    """How people are drawn.

    Attributes:
        held_out: the probability of being held out, of all products or of this one.
        variants: name -> its share of those who are not; empty: all get the same words.
        levels: detail level -> its share of those who are in the test of these; empty: there is none.
        usual: the share, of those who are not held out, whom another system treats.
        daily: day -> the shares of the variants on it, where these followed what came of them; on all others they are `variants`.
    """

    held_out: float
    variants: Mapping[str, float]
    levels: Mapping[int, float] = field(default_factory=dict)
    usual: float = 0.0
    daily: Mapping[date, Mapping[str, float]] = field(default_factory=dict)

    @property
    def treated(self) -> float:
        """The probability of being treated by us."""
        return (1 - self.held_out) * (1 - self.usual)

    def propensity(self) -> pl.Expr:
        """The probability of a row of `DRAWN`, as it is set; null for a draw that is not in it."""
        treated = self.treated
        drawn = treated * self._share_of_variant()
        plain = pl.when(pl.col("variant").is_null()).then(pl.lit(treated))
        held = pl.lit(self.held_out if self.held_out else None, dtype=pl.Float64)
        usual = pl.lit((1 - self.held_out) * self.usual if self.usual else None, dtype=pl.Float64)
        return (
            pl.when(is_usual())
            .then(usual)
            .when("is_held_out")
            .then(held)
            .otherwise((drawn if self.variants else plain) * self.level_share())
        )

    def level_share(self) -> pl.Expr:
        """The probability of the detail level of a row of `DRAWN`: 1 for who is not in the test of these."""
        level = pl.col("drawn_level")
        share = level.replace_strict(dict(self.levels), default=None, return_dtype=pl.Float64) if self.levels else None
        return pl.when(level.is_null()).then(pl.lit(1.0)).otherwise(share)

    def variant_share(self) -> pl.Expr:
        """The probability of the variant of a row of `DRAWN`: 1 where there are none."""
        return self._share_of_variant().fill_null(1.0)

    def arms_on(self, day: date) -> dict[str, float]:
        """The arms of the holdout and of the variants, and how likely each is on a day."""
        held = {HELD_OUT: self.held_out} if self.held_out else {}
        usual = {USUAL: (1 - self.held_out) * self.usual} if self.usual else {}
        variants = self.daily.get(day, self.variants) or {TREATED: 1.0}
        return held | usual | {name: self.treated * share for name, share in variants.items()}

    def _share_of_variant(self) -> pl.Expr:
        """The share of the variant of a row of `DRAWN` on its day; null for one that is not in the design."""
        plain = pl.col("variant").replace_strict(dict(self.variants), default=None, return_dtype=pl.Float64)
        if not self.daily:
            return plain
        shares = {f"{day}/{name}": share for day, shares in self.daily.items() for name, share in shares.items()}
        on_day = pl.format("{}/{}", "as_of", "variant").replace_strict(shares, default=None, return_dtype=pl.Float64)
        return pl.when(pl.col("as_of").is_in(list(self.daily))).then(on_day).otherwise(plain)

    @property
    def level_pairs(self) -> list[tuple[str, str]]:
        """Control and arm of the comparisons of detail levels: each lower one against the highest, from the highest down."""
        highest, *lower = sorted(self.levels, reverse=True) or [0]
        return [(level_arm(highest), level_arm(level)) for level in lower]


def is_usual() -> pl.Expr:
    """Whether another system treats the people of a cell."""
    return pl.col("is_held_out") & (pl.col("variant") == _USUAL).fill_null(value=False)


def weighed(people: pl.DataFrame, design: Design) -> pl.DataFrame:
    """`CELL` and `people`, with probabilities.

    `arm_propensity` is whatever the level, `level_propensity` whatever the variant, `treated_propensity` of not being held out on
    that day.

    Args:
        people: `CELL` and `people`, of draws that are in the design.
        design: what is set, for days on which nobody was held out.
    """
    held, usual = (pl.col("propensity").filter(who).first() for who in (~is_usual(), is_usual()))
    rest = design.usual
    untreated = [held + usual, held + (1 - held) * rest, *([1 - usual / rest * (1 - rest)] if rest else [])]
    of_day = people.filter("is_held_out").group_by("as_of").agg(pl.coalesce(untreated).alias("held"))
    joined = people.join(of_day, on="as_of", how="left", maintain_order="left")
    return joined.with_columns(
        arm_propensity=pl.col("propensity") / design.level_share(),
        level_propensity=pl.col("propensity") / design.variant_share(),
        treated_propensity=1 - pl.col("held").fill_null(1 - design.treated),
    ).drop("held")


def of_arm(cells: pl.DataFrame, arm: str) -> pl.DataFrame:
    """The cells of an arm with `weight`: by the inverse of the probability of its draw, so that each day counts for all of it."""
    if arm == TREATED:
        return cells.filter(~pl.col("is_held_out")).with_columns(weight=1 / pl.col("treated_propensity"))
    level = level_of(arm)
    if level is not None:
        return cells.filter(pl.col("drawn_level") == level).with_columns(weight=1 / pl.col("level_propensity"))
    is_held = pl.col("is_held_out") & ~is_usual()
    is_mine = {HELD_OUT: is_held, USUAL: is_usual()}.get(arm, ~pl.col("is_held_out") & (pl.col("variant") == arm))
    return cells.filter(is_mine).with_columns(weight=1 / pl.col("arm_propensity"))


def happened_to(cells: pl.DataFrame, happened: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    """Cells with `hits`: of how many of their people a metric is true, or how many have an amount; and `AMOUNTS` of these.

    Args:
        cells: `CELL` and `people`.
        happened: as `ledger.tally.tallied` makes it.
        metric: which; one that is true or not is an amount of 1.
    """
    of_metric = happened.filter(pl.col("metric") == metric.name).select(*CELL, *AMOUNTS, hits="people")
    joined = cells.join(of_metric, on=list(CELL), how="left", nulls_equal=True, maintain_order="left")
    joined = joined.with_columns(pl.col("hits", *AMOUNTS).fill_null(0))
    if metric.is_amount:
        return joined
    hits = pl.col("people") - pl.col("hits") if metric.is_absence else pl.col("hits")
    return joined.with_columns(hits=hits, spread=0.0, **dict.fromkeys(("total", "cubes", "fourths"), hits))


def moments(cells: pl.DataFrame) -> Moments:
    """Of an arm: the mean weighted by `weight`, and the variance that makes its standard error right.

    Of what is true or not, as many have `happened` as it is true of, or is not. Of amounts it is how many people make up the
    variance: all who have one, where all have as much, and 1 where one has nearly all.

    Args:
        cells: `people, hits, weight` and `AMOUNTS`.

    Source: the Hájek estimator and its linearised variance; Särndal, Swensson and Wretman, Model assisted survey sampling (1992),
    5.7. With equal weights both are those of the sample. How many make up a sum of squares: the inverse of Herfindahl's index.
    """
    people, hits, weight, total, spread, cubes, fourths = (
        cells[name].cast(pl.Float64).to_numpy() for name in ("people", "hits", "weight", *AMOUNTS)
    )
    count, whole = int(people.sum()), float((people * weight).sum())
    if count < 2:
        return Moments(count, 0.0, 0.0)
    mean, often = float((total * weight).sum()) / whole, int(hits.sum())
    some = np.maximum(hits, 1)
    apart = spread + (total - hits * mean) ** 2 / some + (people - hits) * mean**2
    squares = float((weight**2 * apart).sum())
    variance = count / (count - 1) * count * squares / whole**2
    if not spread.any() and (total == hits).all():
        return Moments(count, mean, variance, happened=min(often, count - often))
    own = spread + total**2 / some
    far = fourths - 4 * mean * cubes + 6 * mean**2 * own - 4 * mean**3 * total + people * mean**4
    fourth = float((weight**4 * far).sum())
    return Moments(count, mean, variance, happened=int(min(often, squares**2 / fourth)) if fourth > 0 else 0)


def reached_share(cells: pl.DataFrame) -> float:
    """The share of people who were reached, weighted."""
    people = cells["people"] * cells["weight"]
    return float(people.filter(cells["is_reached"]).sum()) / (float(people.sum()) or 1.0)


def of_the_reached(found: Contrast, control_mean: float, share: float) -> Contrast:
    """What a contrast of all who were decided for says of those who were reached, where it does nothing to the others.

    Nobody is left out for what became of the message: who has bought is called back, and would be missing in one arm alone.

    Args:
        found: of everybody whom a message would have gone to.
        control_mean: of those in the control who would have been reached.
        share: of them, how many were.

    Source: Bloom, Accounting for no-shows in experimental evaluation designs (1984): the difference, and what it is sure by,
    divided by the share of those who were reached; Angrist, Imbens and Rubin (1996) for what it means.
    """
    if found.refused is not None or found.difference is None or found.control_mean is None:
        return found
    ratio = found.control_mean / (control_mean * share) if control_mean > 0 else None
    return replace(
        found,
        control_mean=control_mean,
        arm_mean=control_mean + found.difference / share,
        difference=found.difference / share,
        error=_scaled(found.error, 1 / share),
        interval=_times(found.interval, 1 / share),
        always=_times(found.always, 1 / share),
        lift=_scaled(found.lift, ratio),
        lift_interval=_times(found.lift_interval, ratio),
        lift_always=_times(found.lift_always, ratio),
        detectable=_scaled(found.detectable, 1 / share),
        detectable_always=_scaled(found.detectable_always, 1 / share),
    )


def shares_p(people: pl.DataFrame, design: Design) -> float:
    """How much speaks for arms of the sizes that were meant: a p-value that holds at every look.

    Args:
        people: as `weighed` makes it. Days that were drawn otherwise than others are weighed by themselves.
        design: what is set, for arms of which a day has nobody.
    """
    arm = (
        pl.when(is_usual())
        .then(pl.lit(USUAL))
        .when("is_held_out")
        .then(pl.lit(HELD_OUT))
        .otherwise(pl.col("variant").fill_null(TREATED))
    )
    return _shares_p(people.with_columns(arm=arm, drawn_by="arm_propensity"), design.arms_on)


def level_shares_p(people: pl.DataFrame, design: Design) -> float:
    """As `shares_p`, of the detail levels of those who are in the test of them."""
    meant = {level_arm(level): (1 - design.held_out) * share for level, share in design.levels.items()}
    mine = people.filter(pl.col("drawn_level").is_not_null())
    return _shares_p(
        mine.with_columns(arm=_LEVEL + pl.col("drawn_level").cast(pl.String), drawn_by="level_propensity"),
        lambda _: meant,
    )


def _shares_p(people: pl.DataFrame, meant_on: Callable[[date], Mapping[str, float]]) -> float:
    """See `shares_p`; `meant_on` a day: arm -> its probability as it is set."""
    daily = people.group_by("as_of", "arm").agg(pl.col("people").sum(), pl.col("drawn_by").max()).sort("as_of")
    drawn: dict[tuple[float, ...], dict[str, int]] = {}
    for (on,), day in daily.group_by("as_of", maintain_order=True):
        meant = meant_on(on)
        if len(meant) < 2:
            continue
        logged = dict(zip(day["arm"], day["drawn_by"], strict=True))
        shares = [logged.get(arm, meant[arm]) for arm in meant]
        units = drawn.setdefault(tuple(round(share / sum(shares), 9) for share in shares), dict.fromkeys(meant, 0))
        for name, count in zip(day["arm"], day["people"], strict=True):
            units[name] += count
    against = sum(shares_evidence(units, dict(zip(units, shares, strict=True))) for shares, units in drawn.items())
    return min(1.0, exp(-min(against, 700.0)))


def unlike(control: pl.DataFrame, treated: pl.DataFrame, below: float) -> Code | None:
    """REACHED_UNLIKE where the shares that were reached in two variants differ by more than chance."""
    from scipy.stats import chi2_contingency

    table = [
        [int(cells.filter(pl.col("is_reached") == is_reached)["people"].sum()) for is_reached in (True, False)]
        for cells in (control, treated)
    ]
    if not all(sum(column) for column in zip(*table, strict=True)):
        return None
    return "REACHED_UNLIKE" if chi2_contingency(table).pvalue < below else None


def _times(interval: Interval | None, ratio: float | None) -> Interval | None:
    if interval is None or ratio is None:
        return None
    return Interval(_scaled(interval.low, ratio), _scaled(interval.high, ratio))


def _scaled(value: float | None, ratio: float | None) -> float | None:
    return None if value is None or ratio is None else value * ratio
