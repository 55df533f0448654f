"""Whether what a product tries would find a difference that matters in time: the power check, before there is any answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, isfinite
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.clock import midnight, moment
from flows.learning.contrasts import FEWEST_EVENTS, FEWEST_UNITS
from flows.learning.effects import EXPECTED_WEEKS, WEEK, people_needed
from flows.learning.successes import Metric, metrics
from flows.ledger.paces import ASKED, DAYS, paced
from flows.ledger.store import open_ledger
from flows.ledger.tally import outcomes_told, told_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from flows.clock import Moment
    from flows.product import Product
    from flows.settings import Settings
    from flows.workspace import Workspace

PAYS_WITHIN = timedelta(days=90)
"""What finds a difference that matters by then pays: after a quarter of a year products, and their people, are others."""
HOLDOUTS = (0.02, 0.05, 0.1)
"""The holdouts of a product that are thought of. Who is held out is not helped: more than one in ten is too dear."""
ASSUMED_RATE = 0.1
"""How often a success happens where the history does not tell: to one in ten."""
_SUCCESSES = ("helped", "business")
_MOST_A_WEEK = 10**9

Role = Literal["helped", "business"]


@dataclass(frozen=True)
class Trial:
    """Two arms that are held against each other.

    Attributes:
        what: as people call it: `holdout of 5 %`, `variant list`, `detail level 2`.
        control_share: the share of the control among the people of both arms.
        compared_share: the share of all people of the product who are in either arm.
    """

    what: str
    control_share: float
    compared_share: float = 1.0


@dataclass(frozen=True)
class Pace:
    """What the history tells of a product, of `PAYS_WITHIN`.

    Attributes:
        people_a_day: for whom something is decided, each person counted once; None: it has not been at it for a week.
        rates: success -> the share of people to whom it happens, whether it shows by an outcome or by none; a success of which
            too little is known is not in it.
    """

    people_a_day: float | None = None
    rates: Mapping[Role, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """How long a trial takes.

    Attributes:
        what: the trial.
        days: success -> days until a difference that matters is found four times in five, looked at every day, with the time of
            the last person counted; None: nobody has as many people. Without people in the history it is empty.
        people_a_week: from how many people a week on it would pay, in two figures; None: with no number of people.
        pays: whether it finds one within `PAYS_WITHIN`, in either success; None: the history does not tell of people.
    """

    what: str
    days: Mapping[Role, int | None]
    people_a_week: int | None
    pays: bool | None


@dataclass(frozen=True)
class Power:
    """Whether what a product tries pays, and what would.

    Attributes:
        product: which.
        people_a_week: by the history; None: it does not tell.
        rates: success -> how often it happens, by the history.
        assumed: successes of which the history does not tell: they are taken to happen to one in ten.
        tried: what is set: the people held out, by the setting and by the product; business as usual; variants against the
            first; detail levels against the highest, as if of everybody all were known.
        is_automatic: whether the holdout is found by itself: what would pay begins with the next run.
        would_pay: what is not set, and would pay: the smallest holdout of the product's own, and two variants of a half each.
    """

    product: str
    people_a_week: int | None
    rates: Mapping[Role, float]
    assumed: tuple[Role, ...]
    tried: tuple[Found, ...]
    would_pay: tuple[Found, ...]
    is_automatic: bool = False


def powers(workspace: Workspace) -> tuple[Power, ...]:
    """What the power check says of each product that people can be held out of, by the history where there is one.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    marketing = [product for product in workspace.products.values() if product.message_type == "marketing"]
    products, settings = [workspace.as_drawn(product) for product in marketing], workspace.settings_drawn
    known = paces(products, settings) if products and settings.ledger.exists() else {}
    return tuple(power(product, settings, known.get(product.name, Pace())) for product in products)


def power(product: Product, settings: Settings, pace: Pace) -> Power:
    """What the power check says of a product."""
    asked = _asked(product, settings, pace)
    tried = tuple(asked.found(trial) for trial in trials(product, settings))
    return Power(
        product=product.name,
        people_a_week=None if pace.people_a_day is None else round(7 * pace.people_a_day),
        rates=pace.rates,
        assumed=tuple(role for role in asked.rates if role not in pace.rates),
        tried=tried,
        would_pay=tuple(_would_pay(product, settings, asked)) if pace.people_a_day is not None else (),
        is_automatic=product.test.is_automatic,
    )


def trials(product: Product, settings: Settings) -> Iterator[Trial]:
    """What is set for a product, each against its control."""
    held = held_share(settings.global_holdout, product.test.holdout)
    usual, treated = product.test.usual, (1 - held) * (1 - product.test.usual)
    if held and treated:
        yield Trial(f"holdout of {100 * held:.3g} %", held / (held + treated), held + treated)
    if usual and treated:
        yield Trial(f"business as usual of {100 * usual:.3g} %", usual, 1 - held)
    arms = [(f"variant {name}", share) for name, share in product.test.variants.items()]
    levels = [(f"detail level {level}", share) for level, share in sorted(product.test.levels.items(), reverse=True)]
    for (_, control), *others in (each for each in (arms, levels) if each):
        for what, share in others:
            if control and share:
                yield Trial(what, control / (control + share), treated * (control + share))


def held_share(of_all: float, of_product: float) -> float:
    """The share of people who are held out of a product, by the setting or by the product: two draws of their own."""
    return 1 - (1 - of_all) * (1 - of_product)


def smallest_holdouts(workspace: Workspace, products: Sequence[Product]) -> dict[str, float]:
    """The smallest holdout of its own with which a test of a product pays, by name; 0: none does, or none is needed for it.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    settings = workspace.settings_drawn
    known = paces(products, settings) if products and settings.ledger.exists() else {}
    return {
        product.name: _smallest_holdout(settings, _asked(product, settings, known.get(product.name, Pace())))
        for product in products
    }


def paces(products: Sequence[Product], settings: Settings) -> dict[str, Pace]:
    """What the history tells of products, by name.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    now = moment(None, settings.zone)
    asked = [(product, metric) for product in products for metric in metrics(product) if metric.role in _SUCCESSES]
    rows = [
        (product.name, metric.name, outcome, product.success.within)
        for product, metric in asked
        for outcome in metric.outcomes
    ]
    with open_ledger(settings, read_only=True) as ledger:
        told, names = told_until(ledger), frozenset(outcomes_told(ledger))
        until = min(now.present.replace(tzinfo=None), told) if told else now.present.replace(tzinfo=None)
        people, happened = paced(ledger, _days(now, settings), pl.DataFrame(rows, ASKED, orient="row"), until)
    first = {product: (day, count) for product, day, count in people.rows()}
    often = {(product, metric): (count, hits) for product, metric, count, hits in happened.rows()}
    found = {}
    for product in products:
        mine = [metric for of, metric in asked if of is product and not names.isdisjoint(metric.outcomes)]
        rates = {
            metric.role: rate for metric in mine if (rate := _rate(metric, often.get((product.name, metric.name))))
        }
        found[product.name] = Pace(_people_a_day(first.get(product.name), now), rates)  # type: ignore[arg-type]
    return found


@dataclass(frozen=True)
class _Asked:
    """What trials of a product are weighed by."""

    rates: Mapping[Role, float]
    people_a_day: float | None
    within: timedelta
    smallest_effect: float

    def found(self, trial: Trial) -> Found:
        a_week = min((self._people_a_week(trial, rate) for rate in self.rates.values()), default=_MOST_A_WEEK)
        enough = None if a_week >= _MOST_A_WEEK else _in_two_figures(a_week)
        if self.people_a_day is None:
            return Found(trial.what, {}, enough, None)
        days = {role: self._days(trial, rate, self.people_a_day) for role, rate in self.rates.items()}
        return Found(trial.what, days, enough, any(map(_in_time, days.values())))

    def _days(self, trial: Trial, rate: float, people_a_day: float) -> int | None:
        """Until as many have come as are needed, and the time of the last of them is over."""
        compared = people_a_day * trial.compared_share
        if not compared or not 0 < rate < 1:
            return None
        planned = max(EXPECTED_WEEKS * (WEEK / timedelta(days=1)) * compared, 2 * FEWEST_UNITS)
        needed = people_needed(rate, trial.control_share, self.smallest_effect, planned)
        days = max(needed, 2 * FEWEST_UNITS) / compared + self.within / timedelta(days=1)
        return ceil(days) if isfinite(days) and days < _MOST_A_WEEK else None

    def _people_a_week(self, trial: Trial, rate: float) -> int:
        """The fewest people a week with whom it pays."""
        low, high = 0, _MOST_A_WEEK
        while high - low > max(1, low // 200):
            middle = (low + high) // 2
            low, high = (low, middle) if _in_time(self._days(trial, rate, middle / 7)) else (middle, high)
        return high


def _asked(product: Product, settings: Settings, pace: Pace) -> _Asked:
    roles: list[Role] = [metric.role for metric in metrics(product) if metric.role in _SUCCESSES]  # type: ignore[misc]
    rates = {role: pace.rates.get(role, ASSUMED_RATE) for role in roles}
    return _Asked(rates, pace.people_a_day, product.success.within, settings.smallest_effect)


def _would_pay(product: Product, settings: Settings, asked: _Asked) -> Iterator[Found]:
    test = product.test
    smallest = 0.0 if test.holdout else _smallest_holdout(settings, asked)
    if smallest:
        yield asked.found(_holdout(settings, smallest))
    if len(test.variants) < 2:
        halves = asked.found(Trial("variants: two of 50%", 0.5, 1 - held_share(settings.global_holdout, test.holdout)))
        yield from [halves] if halves.pays else []


def _smallest_holdout(settings: Settings, asked: _Asked) -> float:
    if settings.global_holdout and asked.found(_holdout(settings, 0)).pays:
        return 0.0
    return next((share for share in HOLDOUTS if asked.found(_holdout(settings, share)).pays), 0.0)


def _in_time(days: int | None) -> bool:
    return days is not None and timedelta(days=days) <= PAYS_WITHIN


def _in_two_figures(count: int) -> int:
    """A count, rounded up: it is made of assumptions."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return -(-count // unit) * unit


def _holdout(settings: Settings, share: float) -> Trial:
    """A holdout of the product's own, beside the one of all."""
    return Trial(f"holdout: {share:.0%}", held_share(settings.global_holdout, share))


def _rate(metric: Metric, often: tuple[int, int] | None) -> float | None:
    """How often a success happens; None where too little is known of it: a normal interval would not hold."""
    count, hits = often or (0, 0)
    if count < FEWEST_UNITS or min(hits, count - hits) < FEWEST_EVENTS:
        return None
    return 1 - hits / count if metric.is_absence else hits / count


def _people_a_day(of: tuple[date, int] | None, now: Moment) -> float | None:
    if of is None:
        return None
    first, people = of
    days = (now.as_of - first).days + 1
    return people / days if days >= WEEK.days else None


def _days(now: Moment, settings: Settings) -> pl.DataFrame:
    """The last days of `PAYS_WITHIN`, with when they begin."""
    days = [now.as_of - timedelta(days=ago) for ago in range(PAYS_WITHIN.days)]
    rows = [(day, midnight(day, settings.zone).replace(tzinfo=None)) for day in days]
    return pl.DataFrame(rows, DAYS, orient="row")
