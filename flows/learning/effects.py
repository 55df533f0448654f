"""An experiment's counts -> its arms and contrasts: against who was held out, variant against variant, level against level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil, isfinite, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.learning import cells
from flows.learning.cells import HELD_OUT, TREATED, USUAL, Design
from flows.learning.contrasts import ALPHA, FEWEST_EVENTS, FEWEST_UNITS, OFF, POWER, Code, Contrast, contrast
from flows.learning.sequential import units_needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date

    from flows.learning.moments import Moments
    from flows.learning.successes import Metric, Role

Basis = Literal["intention", "exposure"]
"""Of everybody who was decided for, whatever became of the message; or per person who was reached, of those with a channel."""
WEEK, LATELY = timedelta(days=7), timedelta(days=28)
EXPECTED_WEEKS = 4
"""For as many weeks like its first one an experiment is planned: there the interval for every look is the narrowest."""
FEWEST_TOLD = 10
"""Counts of fewer people than that are not told."""


@dataclass(frozen=True)
class Counted:
    """An experiment, counted.

    Attributes:
        design: how people are drawn.
        since: its first day.
        today: the day of the look.
        people: all of them, as `cells.weighed` makes it.
        over: of these, those whose time is over.
        happened: as `ledger.tally.tallied` makes it.
        until: the last day of decisions whose time is over; None: there is none.
    """

    design: Design
    since: date
    today: date
    people: pl.DataFrame
    over: pl.DataFrame
    happened: pl.DataFrame
    until: date | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Control and arm of each comparison: variants against the first one of product.yaml, levels against the highest."""
        first, *others = self.design.variants or [TREATED]
        against_first = [(first, other) for other in others]
        of_usual = [(USUAL, TREATED), *[(HELD_OUT, USUAL)] * bool(self.design.held_out)] if self.design.usual else []
        return [(HELD_OUT, TREATED)] * bool(self.design.held_out) + of_usual + against_first + self.design.level_pairs

    @property
    def arms(self) -> list[str]:
        """Their names, the controls first."""
        variants = list(self.design.variants) if len(self.design.variants) > 1 else []
        return (
            [HELD_OUT] * bool(self.design.held_out)
            + [USUAL] * bool(self.design.usual)
            + [
                TREATED,
                *variants,
                *map(cells.level_arm, sorted(self.design.levels)),
            ]
        )

    def began(self, arm: str) -> date:
        """The first day on which people could come to be in an arm: a test of detail levels begins no experiment anew."""
        first = (
            None
            if cells.level_of(arm) is None
            else self.people.filter(pl.col("drawn_level").is_not_null())["as_of"].min()
        )
        return first or self.since  # type: ignore[return-value]


@dataclass(frozen=True)
class Arm:
    """Who is in an arm.

    Attributes:
        people: whose time is over; None: fewer than are told of, or they could be worked out from others.
        waiting: whose time is not over yet; None as before.
        reached_share: of those whom a message would go to, how many got one, in whole per cent; None for who is held out.
        rates: metric -> of what share of `people` it is true, or how much it is per person; None where that would tell of a few.
    """

    name: str
    people: int | None
    waiting: int | None
    reached_share: float | None
    rates: dict[str, float | None]


@dataclass(frozen=True)
class Compared:
    """A contrast with what it is about.

    Attributes:
        role: why the metric is asked.
        basis: of whom.
        control: the arm that the other is held against.
        contrast: what was found.
        days_needed: until a difference that matters would be found four times in five, as fast as people come now; 0: by now it
            would have been; None: never, or nobody can tell.
    """

    role: Role
    basis: Basis
    control: str
    contrast: Contrast
    days_needed: int | None = None


def arms(counted: Counted, asked: Sequence[Metric]) -> list[Arm]:
    """Who is in each arm, and of what share of them each metric is true."""
    found = []
    for name in counted.arms:
        over, everybody = cells.of_arm(counted.over, name), cells.of_arm(counted.people, name)
        people = int(over["people"].sum())
        open_ones = over.filter("has_channel")
        share = None if name in (HELD_OUT, USUAL) or _few(open_ones) else round(cells.reached_share(open_ones), 2)
        rates = {
            metric.name: _rate(cells.moments(cells.happened_to(over, counted.happened, metric))) for metric in asked
        }
        waiting = int(everybody["people"].sum()) - people
        found.append(Arm(name, _tellable(people), _tellable(waiting), share, rates))
    return _without_remainders(found)


def compared(
    counted: Counted, asked: Sequence[Metric], told: AbstractSet[str], smallest_effect: float
) -> Iterator[Compared]:
    """Every contrast of an experiment, answered or refused.

    Args:
        counted: the experiment.
        asked: the metrics.
        told: the names of all outcomes that have ever come in.
        smallest_effect: the share of a rate, or of what it lacks to all where that is less, which is a difference that matters.
    """
    off = {
        False: cells.shares_p(counted.people, counted.design),
        True: cells.level_shares_p(counted.people, counted.design),
    }
    for control, arm in counted.pairs:
        is_off = off[cells.level_of(arm) is not None] < OFF
        is_early = counted.today < counted.began(arm) + WEEK
        for basis in _bases(control, arm):
            for metric in asked:
                is_told = metric.role == "guardrail" or not told.isdisjoint(metric.outcomes)
                code: Code | None = None if is_told else "NOT_TOLD"
                code = code or ("TOO_EARLY" if is_early else "SHARES_OFF" if is_off else None)
                pair = _Pair(counted, metric, basis, control, arm)
                found = Contrast(metric.name, arm, code) if code else pair.contrast()
                days = pair.days_needed(smallest_effect) if is_told and not is_off else None
                yield Compared(metric.role, basis, control, found, days)


def _bases(control: str, arm: str) -> tuple[Basis, ...]:
    """Of whom two arms are compared: what another system does reaches others than our messages do."""
    return ("intention",) if USUAL in (control, arm) else ("intention", "exposure")


class _Pair:
    """Two arms of an experiment in one metric."""

    def __init__(self, counted: Counted, metric: Metric, basis: Basis, control: str, arm: str) -> None:
        self.counted, self.metric, self.basis, self.names = counted, metric, basis, (control, arm)
        self.began = counted.began(arm)
        self.control, self.arm = (
            cells.happened_to(cells.of_arm(self._in(counted.over), name), counted.happened, metric)
            for name in self.names
        )
        self.of_control, self.of_arm = cells.moments(self.control), cells.moments(self.arm)

    def contrast(self) -> Contrast:
        """The contrast, or why there is none."""
        metric, arm = self.metric.name, self.names[1]
        found = contrast(metric, arm, self.of_control, self.of_arm, self.planned)
        if found.refused == "TOO_RARE" and self.metric.is_amount and min(self._hits) >= FEWEST_EVENTS:
            return Contrast(metric, arm, "TOO_UNEVEN")
        if self.basis == "intention" or found.refused is not None:
            return found
        code = self._unreachable()
        return (
            Contrast(metric, arm, code)
            if code
            else cells.of_the_reached(found, self._reached_mean(), self.reached_share)
        )

    @property
    def planned(self) -> int:
        """For how many people the experiment is planned. It is known after a week, and looks change nothing in it."""
        first_week = pl.col("as_of") < self.began + WEEK
        return max(EXPECTED_WEEKS * self._people(first_week), 2 * FEWEST_UNITS)

    @property
    def is_sent_to_both(self) -> bool:
        """Whether messages go to both arms."""
        return self.names[0] not in (HELD_OUT, USUAL)

    @property
    def reached_share(self) -> float:
        """Of those whom a message would go to, the share that one reached."""
        return cells.reached_share(pl.concat([self.control, self.arm]) if self.is_sent_to_both else self.arm)

    def days_needed(self, smallest_effect: float) -> int | None:
        """See `Compared`."""
        whole = self.of_control.count + self.of_arm.count
        share = 1.0 if self.basis == "intention" else self.reached_share
        if min(self.of_control.count, self.of_arm.count) == 0 or not share:
            return None
        mean, variance = (
            (getattr(self.of_control, name) * self.of_control.count + getattr(self.of_arm, name) * self.of_arm.count)
            / whole
            for name in ("mean", "variance")
        )
        control_share = self.of_control.count / whole
        if self.metric.is_amount:
            if min(self.of_control.happened, self.of_arm.happened) < FEWEST_EVENTS or mean <= 0:
                return None
            needed = _needed(variance, smallest_effect * share * mean, control_share, self.planned)
        elif whole * min(mean, 1 - mean) < FEWEST_EVENTS:
            return None
        else:
            needed = people_needed(mean, control_share, smallest_effect * share, self.planned)
        if needed <= whole:
            return 0
        days = min(LATELY, self.counted.today - self.began + timedelta(days=1)).days
        lately = self._people(pl.col("as_of") > self.counted.today - timedelta(days=days))
        return ceil((needed - whole) / lately * days) if lately and isfinite(needed) else None

    def _unreachable(self) -> Code | None:
        """Why nothing can be said of those who were reached."""
        told = [self.control, self.arm] if self.is_sent_to_both else [self.arm]
        if any(int(each.filter("is_reached")["people"].sum()) < FEWEST_UNITS for each in told):
            return "NOT_REACHED"
        return cells.unlike(self.control, self.arm, OFF) if self.is_sent_to_both else None

    def _reached_mean(self) -> float:
        """The mean in the control of those who were reached, or would have been.

        Of those who are held out nobody sees who these are; of the others it is seen what comes of who was not reached.
        """
        if self.is_sent_to_both:
            return cells.moments(self.control.filter("is_reached")).mean
        amounts = (pl.when("is_reached").then(0).otherwise(name).alias(name) for name in ("hits", *cells.AMOUNTS))
        missed = self.arm.with_columns(amounts)
        return (self.of_control.mean - cells.moments(missed).mean) / self.reached_share

    @property
    def _hits(self) -> list[int]:
        return [int(each["hits"].sum()) for each in (self.control, self.arm)]

    def _people(self, when: pl.Expr) -> int:
        people = self._in(self.counted.people).filter(when)
        return sum(int(cells.of_arm(people, name)["people"].sum()) for name in self.names)

    def _in(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame if self.basis == "intention" else frame.filter("has_channel")


def people_needed(rate: float, control_share: float, smallest_effect: float, planned: float) -> float:
    """How many people in both arms find a difference that matters four times in five, where one looks every day.

    So one can tell whether a holdout, or a second variant, pays before there is any.

    Args:
        rate: how often it happens, 0 to 1.
        control_share: the share of people who are in the control.
        smallest_effect: the share of the rate, or of what it lacks to all where that is less, that matters.
        planned: see `sequential.widening`.

    Returns:
        The people; infinity where nobody has as many.
    """
    return _needed(rate * (1 - rate), smallest_effect * min(rate, 1 - rate), control_share, planned)


def _needed(variance: float, matters: float, control_share: float, planned: float) -> float:
    """See `people_needed`; of any metric, by its variance in either arm and the difference that matters."""
    spread = sqrt(variance / control_share + variance / (1 - control_share))
    return units_needed(spread, matters, NormalDist().inv_cdf(POWER), ALPHA, planned)


def _rate(of: Moments) -> float | None:
    return None if of.count < FEWEST_UNITS or of.happened < FEWEST_EVENTS else of.mean


def _few(of: pl.DataFrame) -> bool:
    return int(of["people"].sum()) < FEWEST_UNITS


def _tellable(count: int) -> int | None:
    return count if count == 0 or count >= FEWEST_TOLD else None


def _without_remainders(found: list[Arm]) -> list[Arm]:
    """Without sums that would tell of the few of whom something else is not told."""
    people, waiting = ({*_hidden({arm.name: getattr(arm, of) for arm in found})} for of in ("people", "waiting"))
    return [
        replace(
            arm, people=None if arm.name in people else arm.people, waiting=None if arm.name in waiting else arm.waiting
        )
        for arm in found
    ]


def _hidden(told: Mapping[str, int | None]) -> Iterator[str]:
    """The sum of the variants where one of them is not told; levels where they would tell it, or one another.

    Who is in no test of levels is told nowhere, but is what levels leave of the sum.
    """
    levels = [name for name in told if cells.level_of(name) is not None]
    variants = [name for name in told if name not in (HELD_OUT, USUAL, TREATED, *levels)]
    treated = None if any(told[name] is None for name in variants) else told[TREATED]
    if treated is None:
        yield TREATED
    rest = None if treated is None else _tellable(treated - sum(told[name] or 0 for name in levels))
    if rest is None or any(told[name] is None for name in levels):
        yield from levels
