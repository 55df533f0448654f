"""What runs when: each product's days, how many messages are to be expected, and which products want the same people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment
from flows.days import Span
from flows.errors import UsageError
from flows.learning.effects import FEWEST_TOLD
from flows.ledger.portfolio import volumes_since
from flows.ledger.store import open_ledger
from flows.line.planned import last_whole, scan_decisions
from flows.plan import plan_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.product import Product
    from flows.workspace import Workspace

LATELY = timedelta(days=28)
MOST_DAYS = 731


@dataclass(frozen=True)
class Entry:
    """When a product speaks.

    Attributes:
        product, message_type: which.
        runs: its days, each stretch of them by its ends.
        messages: channel -> how many a day there were lately, while it ran; none where it has not run yet.
        review_by: the last day on which it speaks before somebody has looked at it again.
        problem: what a person should look at; None: nothing.
    """

    product: str
    message_type: str
    runs: tuple[Span, ...]
    messages: Mapping[str, float]
    review_by: date
    problem: str | None


@dataclass(frozen=True)
class Clash:
    """Two products that want the same people, by the last run over everybody: one of them is given.

    Attributes:
        first, second: their names, the one that wins more often first.
        brand: for whom.
        people: whom both want.
        wins: of how many of these the first is given.
        runs: the days on which both run.
    """

    first: str
    second: str
    brand: str
    people: int
    wins: int
    runs: tuple[Span, ...]


@dataclass(frozen=True)
class Calendar:
    """What runs when.

    Attributes:
        as_of, until: the first and the last day that is looked at.
        entries: of live products, by name.
        blackouts: the days on which nothing of marketing runs.
        clashes: the most people first; None: there is no run over everybody to tell by.
        volumes: day (as ISO 8601 has it) -> channel -> the messages to be expected, of products that have run.
    """

    as_of: date
    until: date
    entries: tuple[Entry, ...]
    blackouts: tuple[Span, ...]
    clashes: tuple[Clash, ...] | None
    volumes: Mapping[str, Mapping[str, float]]


def calendar(workspace: Workspace, days: int = 90) -> Calendar:
    """What runs on the next days.

    Args:
        workspace: its products.
        days: how many, today among them.

    Raises:
        UsageError: so many days are not looked at.
        LockedError, StateError: the history cannot be read.
    """
    if not 1 <= days <= MOST_DAYS:
        raise UsageError("--days", f"{days} days are not looked at", f"ask for 1 to {MOST_DAYS}")
    today = moment(None, workspace.settings.zone).as_of
    until = today + timedelta(days=days - 1)
    with open_ledger(workspace.settings) as ledger:
        lately = volumes_since(ledger, today - LATELY)
    speaking = {day: {product.name for product in workspace.live(day)} for day in Span(today, until).days()}
    entries = tuple(
        _entry(product, speaking, lately)
        for name, product in sorted(workspace.products.items())
        if product.status == "live"
    )
    expected = {entry.product: entry.messages for entry in entries}
    volumes = {
        day.isoformat(): _summed(expected[name] for name in names if name in expected)
        for day, names in speaking.items()
    }
    blackouts = tuple(each for each in workspace.settings.blackouts if each.last >= today and each.first <= until)
    return Calendar(today, until, entries, blackouts, _clashes(workspace, entries), volumes)


def _entry(product: Product, speaking: Mapping[date, set[str]], lately: pl.DataFrame) -> Entry:
    runs = stretches(day for day, names in speaking.items() if product.name in names)
    mine = lately.filter(product=product.name)
    messages = {
        channel: count / days for channel, count, days in mine.select("channel", "messages", "days").iter_rows()
    }
    return Entry(
        product.name, product.message_type, runs, messages, product.review_by, _problem(product, runs, speaking)
    )


def stretches(days: Iterator[date]) -> tuple[Span, ...]:
    """Days in order -> each stretch of them without a gap."""
    numbered = groupby(enumerate(days), key=lambda each: each[1].toordinal() - each[0])
    found = ([day for _, day in group] for _, group in numbered)
    return tuple(Span(each[0], each[-1]) for each in found)


def _problem(product: Product, runs: tuple[Span, ...], speaking: Mapping[date, set[str]]) -> str | None:
    first, last = min(speaking), max(speaking)
    ends = product.when.ends
    if ends is not None and ends < first:
        return f"it ended on {ends}: retire it, or set another day"
    if product.when.starts is not None and product.when.starts > last:
        return f"it starts on {product.when.starts}"
    if product.review_by < first:
        return f"its review date has passed, {product.review_by}, so it says nothing until somebody has looked at it"
    if not runs:
        return "there is no day on which it may speak: all are among not_on, or blackouts"
    if product.review_by < min(ends or last, last):
        return f"it says nothing after {product.review_by}, its review date, until somebody has looked at it"
    return None


def _summed(volumes: Iterator[Mapping[str, float]]) -> dict[str, float]:
    total = Counter[str]()
    for each in volumes:
        total.update(each)
    return dict(sorted(total.items()))


def _clashes(workspace: Workspace, entries: tuple[Entry, ...]) -> tuple[Clash, ...] | None:
    """By the decisions of the last run over everybody: who was outranked by whom."""
    run_id = last_whole(workspace.settings)
    folder = None if run_id is None else plan_folder(workspace.settings, run_id)
    if folder is None or not (folder / "decisions").is_dir():
        return None
    unit, is_won = ["customer_id", "brand"], pl.col("reason").is_null() | pl.col("reason").is_in(["HOLDOUT", "EXPOSED"])
    decisions = scan_decisions(folder).filter(message_type="marketing").select(*unit, "product", "reason").collect()
    winners = decisions.filter(is_won).select(*unit, won="product")
    lost = decisions.filter(pl.col("reason") == "OUTRANKED").select(*unit, lost="product").unique()
    pairs = lost.join(winners, on=unit).filter(pl.col("lost") != pl.col("won")).group_by("brand", "won", "lost").len()
    counts = {(brand, won, lost): people for brand, won, lost, people in pairs.iter_rows()}
    runs = {entry.product: entry.runs for entry in entries}
    found = []
    for (brand, won, loser), mine in counts.items():
        theirs = counts.get((brand, loser, won), 0)
        is_first = mine > theirs or (mine == theirs and won < loser)
        if is_first and mine + theirs >= FEWEST_TOLD and won in runs and loser in runs:
            both = _both(runs[won], runs[loser])
            found += [Clash(won, loser, brand, mine + theirs, mine, both)] if both else []
    return tuple(sorted(found, key=lambda each: (-each.people, each.first, each.second, each.brand)))


def _both(some: tuple[Span, ...], others: tuple[Span, ...]) -> tuple[Span, ...]:
    """The days that are among both."""
    held = {day for each in others for day in each.days()}
    return stretches(day for each in some for day in each.days() if day in held)
