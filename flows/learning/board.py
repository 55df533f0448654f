"""All products together, month by month: what they changed against who is held out of everything, what that took, what waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import exp
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import midnight, moment
from flows.learning import cells
from flows.learning.cells import HELD_OUT, TREATED
from flows.learning.contrasts import FEWEST_EVENTS, OFF, Code, contrast
from flows.learning.effects import FEWEST_TOLD
from flows.learning.sequential import shares_evidence
from flows.learning.successes import ABSENCE, Metric
from flows.learning.waiting import Waiting, waiting
from flows.ledger.months import DAYS, MONTHS, WANTED, by_month, contacts, decision_days, unsubscribed
from flows.ledger.store import open_ledger
from flows.ledger.tally import outcomes_told, told_until, values_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from flows.learning.contrasts import Contrast, Interval
    from flows.ledger.store import Ledger
    from flows.product import Product
    from flows.settings import Settings
    from flows.workspace import Workspace

VALUE_OF_ALL = "value"
MOST_MONTHS = 12
"""As many months that are over are told apart; and for as many like its first one the whole is planned."""
MOST_WAITING = 3


@dataclass(frozen=True)
class Effect:
    """What happened, or was paid, because of all products together.

    Attributes:
        metric: the outcome; or `value`, of all of them.
        refused: why there is no answer; then the rest is None, `people` apart.
        people: who were not held out, whether a message reached them or not.
        more: how many more times it happened, or how much more was paid, by all of these than without; `interval` is where that
            lies at 95 %: of a month for one look, since a month that is over stays as it is; of the whole at every look.
        without: what it would have been without.
    """

    metric: str
    refused: Code | None = None
    people: int | None = None
    more: float | None = None
    interval: Interval | None = None
    without: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        ends = self.interval
        return ends is not None and ends.low is not None and ends.high is not None and not ends.low <= 0 <= ends.high


@dataclass(frozen=True)
class Month:
    """A month of marketing.

    Attributes:
        month: its first day.
        messages: channel -> how many left.
        cost: what these cost; None where no channel's cost is set.
        reached: people who got one; None: fewer than are told of.
        unsubscribed: people who said no in it; None: fewer than are told of.
        effects: by metric.
    """

    month: date
    messages: Mapping[str, int]
    cost: float | None
    reached: int | None
    unsubscribed: int | None
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Board:
    """What a team's marketing comes to.

    Attributes:
        as_of: the day of the look.
        told_until: when outcomes came in last: of what happened since nothing is known.
        since: the first day that counts; None: there is none.
        until: the first day that does not count any more for `whole`; None as before.
        held_out: people whom the global holdout held, of all whom something was decided for; None: fewer than are told of.
        shares_p: how well their share goes with the one that was meant, at every look.
        months: the last of them, the latest first; the first of these is not over yet.
        whole: what was changed since `since`.
        unpriced: channels by which messages left whose cost is not set.
        waiting: the most urgent decisions.
        waiting_more: how many others wait.
    """

    as_of: date
    told_until: datetime | None
    since: date | None = None
    until: date | None = None
    held_out: int | None = None
    shares_p: float | None = None
    months: tuple[Month, ...] = ()
    whole: tuple[Effect, ...] = ()
    unpriced: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    waiting_more: int = 0


@dataclass(frozen=True)
class _Counted:
    """What `by_month` counts, of the metrics that are asked -> whether they are told."""

    entered: pl.DataFrame
    amounts: pl.DataFrame
    asked: Mapping[str, bool]
    shares_p: float


def read_board(workspace: Workspace) -> Board:
    """What all products of a workspace have changed together, month by month.

    A person counts from the first decision of marketing on, whatever comes of it, for good: who was held out of everything then
    against all others. So nobody is chosen by what a message has changed, and what happens in a month counts in that month alone.

    Raises:
        StateError: the ledger cannot be read.
    """
    settings = workspace.settings
    now = moment(None, settings.zone)
    with open_ledger(settings, read_only=True) as ledger:
        told = told_until(ledger)
        open_ones = waiting(workspace, ledger, now.as_of)
        board = Board(
            now.as_of,
            told,
            waiting=tuple(open_ones[:MOST_WAITING]),
            waiting_more=len(open_ones[MOST_WAITING:]),
        )
        days = decision_days(ledger)
        sent, reached = contacts(ledger)
        first = min([each for each in (days.min(), sent["month"].min()) if each is not None], default=None)
        if first is None:
            return board
        every = _months(first, now.as_of)  # type: ignore[arg-type]
        left = unsubscribed(ledger, _begun(every, settings))
        known_until = min(now.present, told.replace(tzinfo=now.present.tzinfo)) if told else now.present
        over = [month for month in every if midnight(_next(month), settings.zone) <= known_until]
        counted = _counted(ledger, workspace, days, over) if over and len(days) else None
    months = [
        Month(
            month,
            dict(sent.filter(month=month).select("channel", "messages").iter_rows()),
            _cost(sent.filter(month=month), settings),
            _people(reached.filter(month=month)),
            _people(left.filter(month=month)),
            tuple(_effects(counted, month, is_over=month in over)),
        )
        for month in reversed(every[-MOST_MONTHS - 1 :])
    ]
    board = replace(
        board, months=tuple(months), unpriced=tuple(sorted({*sent["channel"].unique()} - settings.costs.keys()))
    )
    if counted is None:
        return board
    return replace(
        board,
        since=days[0],
        until=_next(over[-1]),
        held_out=_people(counted.entered.filter("is_held_out")),
        shares_p=counted.shares_p,
        whole=tuple(_effects(counted, None, is_over=True)),
    )


def _counted(ledger: Ledger, workspace: Workspace, days: pl.Series, over: Sequence[date]) -> _Counted:
    settings = workspace.settings
    outcomes, values = frozenset(outcomes_told(ledger)), frozenset(values_told(ledger))
    products = [each for each in workspace.products.values() if each.message_type == "marketing"]
    wanted, asked = _wanted(products, outcomes, values)
    bounds = {each.success.largest_value for each in products if not each.success.business.startswith(ABSENCE)}
    starts = pl.DataFrame([(day, _at(day, settings)) for day in days], DAYS, orient="row")
    until = _next(over[-1])
    entered, amounts = by_month(
        ledger,
        starts,
        _begun(over, settings),
        _at(until, settings),
        wanted,
        None if None in bounds else max((each for each in bounds if each), default=None),
    )
    # While nobody was held out, everybody who came is in one arm alone.
    entered, amounts = (
        each.filter(pl.col("global_holdout").is_between(0, 1, closed="none")) for each in (entered, amounts)
    )
    entered = entered.filter(pl.col("month") < until)
    return _Counted(entered, amounts, asked, _shares_p(entered))


def _wanted(
    products: Sequence[Product], outcomes: AbstractSet[str], values: AbstractSet[str]
) -> tuple[pl.DataFrame, dict[str, bool]]:
    """`WANTED` for the business successes of some products, and each metric -> whether it was ever told.

    Of a success that has several names the first counts that was told, so that nothing is counted twice.
    """
    rows: list[tuple[str, str, bool]] = []
    asked: dict[str, bool] = {}
    for name in dict.fromkeys(each.success.business for each in products):
        if name.startswith(ABSENCE):
            continue
        names = Metric(name, "business").outcomes
        counts, pays = ([each for each in names if each in told][:1] for told in (outcomes, values))
        rows += [(each, each, False) for each in counts] + [(each, VALUE_OF_ALL, True) for each in pays]
        asked[(counts or [names[-1]])[0]] = bool(counts)
        asked[VALUE_OF_ALL] = asked.get(VALUE_OF_ALL, False) or bool(pays)
    in_order = sorted(asked, key=lambda name: name == VALUE_OF_ALL)
    return pl.DataFrame(rows, WANTED, orient="row").unique(maintain_order=True), {
        name: asked[name] for name in in_order
    }


def _effects(counted: _Counted | None, month: date | None, *, is_over: bool) -> Iterator[Effect]:
    """What was changed in a month, or, where it is None, in all of them."""
    if counted is None:
        return
    there = counted.entered if month is None else counted.entered.filter(pl.col("month") <= month)
    held, treated = (
        there.filter(pl.col("is_held_out") == is_held)
        .group_by("is_held_out", "global_holdout")
        .agg(pl.col("people").sum())
        for is_held in (True, False)
    )
    first = counted.entered.filter(pl.col("month") == pl.col("month").min())
    for metric, is_told in counted.asked.items():
        code = _refused(counted, is_told=is_told, is_over=is_over, is_held=held.height > 0)
        if code is not None:
            yield Effect(metric, code, _people(treated))
            continue
        mine = counted.amounts.filter(pl.col("metric") == metric, pl.col("month").eq_missing(month))
        control, arm = (cells.moments(_cells(people_in, mine)) for people_in in (held, treated))
        planned = control.count + arm.count if month else MOST_MONTHS * _sum(first)
        found = contrast(metric, TREATED, control, arm, planned)
        hits = [_sum(mine.filter(pl.col("is_held_out") == is_held)) for is_held in (True, False)]
        if found.refused == "TOO_RARE" and min(hits) >= FEWEST_EVENTS:
            found = replace(found, refused="TOO_UNEVEN")
        yield _times(found, treated, found.interval if month else found.always)


def _refused(counted: _Counted, *, is_told: bool, is_over: bool, is_held: bool) -> Code | None:
    if not is_told:
        return "NOT_TOLD"
    if not is_held:
        return "NO_HOLDOUT"
    return "NOT_OVER" if not is_over else "SHARES_OFF" if counted.shares_p < OFF else None


def _cells(people: pl.DataFrame, amounts: pl.DataFrame) -> pl.DataFrame:
    """What `cells.moments` takes, of an arm: each share that was meant weighs by its inverse."""
    joined = people.join(
        amounts.select("is_held_out", "global_holdout", *cells.AMOUNTS, hits="people"),
        on=["is_held_out", "global_holdout"],
        how="left",
    ).with_columns(pl.col("hits", *cells.AMOUNTS).fill_null(0))
    share = pl.when("is_held_out").then("global_holdout").otherwise(1 - pl.col("global_holdout"))
    return joined.with_columns(weight=1 / share)


def _times(found: Contrast, treated: pl.DataFrame, span: Interval | None) -> Effect:
    """A difference per person, as it is for all of them."""
    if found.refused is not None or found.difference is None or found.control_mean is None or span is None:
        return Effect(found.metric, found.refused, _people(treated))
    people = _sum(treated)
    ends = replace(
        span,
        low=None if span.low is None else span.low * people,
        high=None if span.high is None else span.high * people,
    )
    return Effect(found.metric, None, people, found.difference * people, ends, found.control_mean * people)


def _shares_p(entered: pl.DataFrame) -> float:
    """How much speaks for a global holdout of the size that was meant, at every look."""
    against = 0.0
    for (share,), people in entered.partition_by("global_holdout", as_dict=True).items():
        units = {
            name: _sum(people.filter(pl.col("is_held_out") == is_held))
            for name, is_held in ((HELD_OUT, True), (TREATED, False))
        }
        against += shares_evidence(units, {HELD_OUT: share, TREATED: 1 - share})
    return min(1.0, exp(-min(against, 700.0)))


def _cost(sent: pl.DataFrame, settings: Settings) -> float | None:
    if not settings.costs:
        return None
    counts = sent.select("channel", "messages").iter_rows()
    return float(sum(settings.costs.get(channel, 0.0) * count for channel, count in counts))


def _people(counts: pl.DataFrame) -> int | None:
    """How many people there are in some counts, where that may be told."""
    count = _sum(counts)
    return count if count == 0 or count >= FEWEST_TOLD else None


def _sum(counts: pl.DataFrame) -> int:
    return int(counts["people"].sum())


def _months(first: date, last: date) -> list[date]:
    """The first day of each month from one day to another."""
    months = [first.replace(day=1)]
    while _next(months[-1]) <= last:
        months.append(_next(months[-1]))
    return months


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _begun(months: Sequence[date], settings: Settings) -> pl.DataFrame:
    return pl.DataFrame([(month, _at(month, settings)) for month in months], MONTHS, orient="row")


def _at(day: date, settings: Settings) -> datetime:
    return midnight(day, settings.zone).replace(tzinfo=None)
