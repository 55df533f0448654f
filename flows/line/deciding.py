"""Deciding for some customers: the stages from segment to decision. It writes nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.firsts import CAME_BY
from flows.keys import load_keys, recognised
from flows.line.ahead import Ahead
from flows.line.segments import (
    live_segments,
    read_contexts,
    read_segment_rows,
    read_segments_of_few,
    segments_ahead,
)
from flows.line.sources import ask, bars_of
from flows.schemas import DECISIONS, frame_schema
from flows.stages.decision import NARROW, decided
from flows.stages.eligibility import eligible
from flows.stages.language import spoken
from flows.stages.next_best import UNIT, Chooser, chosen, narrowed
from flows.stages.pressure import burdened, paced
from flows.stages.relevance import scored
from flows.stages.segment import candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from flows.clock import Moment
    from flows.keys import Key
    from flows.line.sources import Answers, Heard, Source
    from flows.product import Product
    from flows.stages.eligibility import Bars
    from flows.warehouse.scope import Scope
    from flows.workspace import Workspace


ENTRIES = frame_schema("customer_id", CAME_BY)
DUE = pl.Schema({"customer_id": pl.String, "segment": pl.String, "next_due_on": pl.Date})


@dataclass(frozen=True)
class Decided:
    """What was decided for some customers.

    Attributes:
        bars: who they are, and what bars speaking to them.
        candidates: live product -> the rows of its segment, scored.
        decisions: `schemas.DECISIONS`.
        due: `DUE`: of every row of a segment, those that are scheduled for a later day, too.
        weighing: what the candidates were weighed by.
        choices: `next_best.CHOICES`; None where helps are chosen by relevance alone.
    """

    bars: Bars
    candidates: Mapping[str, pl.DataFrame]
    decisions: pl.DataFrame
    due: pl.DataFrame
    weighing: Weighing
    choices: pl.DataFrame | None = None


@dataclass(frozen=True)
class Few:
    """That some segments are read for a few customers alone (see `line.rolling`), and bars for nobody whom no query names.

    Attributes:
        segments: these.
        scope: the customers.
        named: whom audiences name, and who has or may get something still; None where all of them have to be known.
    """

    segments: Collection[str]
    scope: Scope
    named: Sequence[str] | None

    def spoken_of(self, due: pl.DataFrame, scope: Scope, as_of: date) -> Scope:
        """Whom bars are read for: those among `scope` whom a row of `Decided.due` names today, and who are `named`."""
        if self.named is None:
            return scope
        today = due.filter(pl.col("next_due_on").is_null() | (pl.col("next_due_on") <= as_of))
        return replace(scope, customers=tuple(sorted({*today["customer_id"], *self.named})))


@dataclass(frozen=True)
class Past:
    """What the ledger remembers of people.

    Attributes:
        history: `schemas.HISTORY`: what they had, for `once_every`.
        heard: `ledger.pressure.HEARD`: how much they had lately, for the caps.
        said: what they have told us; None looks when it is asked for.
        entries: `ENTRIES`: by which channel people came in, whom an answer is for; None where nothing tells.
    """

    history: pl.DataFrame
    heard: pl.DataFrame
    said: Heard | None = None
    entries: pl.DataFrame | None = None

    def came(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Candidates with `came_by`."""
        if self.entries is None:
            return rows.with_columns(pl.lit(None, pl.String).alias(CAME_BY))
        return rows.join(self.entries, on="customer_id", how="left", maintain_order="left")


@dataclass(frozen=True)
class Weighing:
    """What it goes by whether a help is open to somebody, and how relevant it is to them.

    Attributes:
        workspace: gives words, settings and who has to sign what.
        moment: of the run.
        bars: who the people are, and what bars speaking to them.
        past: what the ledger remembers, under the key that is in use.
        burdens: how much people have heard: `stages.pressure.burdened`.
        keys: as `load_keys` yields them.
    """

    workspace: Workspace
    moment: Moment
    bars: Bars
    past: Past
    burdens: pl.DataFrame
    keys: Sequence[Key]

    def of(self, about: pl.DataFrame, product: Product) -> pl.DataFrame:
        """Candidates of one product, as `stages.segment.candidates` yields them, scored, with the first reason against each."""
        workspace, moment = self.workspace, self.moment
        settings, channels = workspace.settings, workspace.channels(product)
        had = recognised(self.past.history, "subject_key", about["subject_id"], self.keys)
        open_ones = eligible(about, self.bars, had, product, channels, settings.targets, moment)
        open_ones = self.past.came(open_ones)
        likely = scored(paced(open_ones, self.burdens, product, settings.caps), product, moment)
        words, silent = workspace.words[product.name], workspace.unsigned.get(product.name, ())
        return spoken(likely, product, words, settings.locale, moment.as_of, silent)


def decide(
    source: Source,
    scope: Scope,
    past: Past,
    key: Key,
    others: pl.LazyFrame | None = None,
    few: Few | Ahead | None = None,
) -> Decided:
    """Decide over all live products.

    Args:
        source: the warehouse, the workspace and the moment.
        scope: the customers.
        past: what the ledger remembers.
        key: for identifiers.
        others: addresses that are looked at beside those of people: see `bars_of`.
        few: of whom alone some segments are read, or who has asked ahead; None reads all of them over the scope, now.

    Raises:
        DataError, StatementError: a query of the workspace does not yield what it should.
    """
    workspace, moment = source.workspace, source.moment
    settings = workspace.settings
    live = workspace.live(moment.as_of)
    with _read(source, scope, live_segments(workspace, moment.as_of), few) as (answers, segments):
        bars = bars_of(source, answers, key, others, past.said)
        del answers  # events by the million
        keys = load_keys(settings.key_file)
        history = recognised(past.history, "person_key", bars.people["customer_id"], keys)
        burdens = burdened(bars.people, past.heard, settings, moment.present)
        weighing = Weighing(workspace, moment, bars, replace(past, history=history), burdens, keys)
        found, due = dict[str, pl.DataFrame](), [DUE.to_frame()]
        for name, rows in segments:
            due.append(_due(name, rows))
            for product in (one for one in live if one.segment == name):
                about = candidates(rows, product, moment, key)
                if about.is_empty():  # of nobody every stage makes nothing, column by column
                    found[product.name] = frame_schema(*NARROW).to_frame()
                    continue
                found[product.name] = weighing.of(about, product)
    frames, made, choices = best_of(source, scope, found, history, key)
    return Decided(bars, frames, made, pl.concat(due), weighing, choices)


def best_of(
    source: Source, scope: Scope, found: Mapping[str, pl.DataFrame], history: pl.DataFrame, key: Key
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame, pl.DataFrame | None]:
    """The best help for each customer, over all live products.

    Args:
        source: the warehouse, the workspace and the moment.
        scope: the customers.
        found: live product -> its candidates, as `Weighing.of` yields them.
        history: `schemas.HISTORY`, under the key that is in use.
        key: for identifiers.

    Returns:
        The candidates once more, narrowed where a setting chooses among helps; the decisions; and the choices: see `Decided`.
    """
    workspace, moment = source.workspace, source.moment
    live = workspace.live(moment.as_of)
    frames = {product.name: found[product.name] for product in live}
    drawn, settings = [workspace.as_drawn(product) for product in live], workspace.settings_drawn
    choices = _chosen(source, scope, [frames[product.name] for product in live if product.message_type == "marketing"])
    if choices is not None:
        frames = {name: narrowed(frame, choices) for name, frame in frames.items()}
    made = decided(list(frames.values()), history, drawn, settings, key, moment) if live else DECISIONS.to_frame()
    return frames, made, choices


def _chosen(source: Source, scope: Scope, marketing: Sequence[pl.DataFrame]) -> pl.DataFrame | None:
    """`next_best.CHOICES` of marketing's candidates; None where the setting `next_best` is not there."""
    workspace = source.workspace
    setting = workspace.settings.next_best
    if setting is None or not marketing:
        return None
    columns = (*UNIT, "product", "score", "reason")
    candidates = pl.concat(frame.select(columns) for frame in marketing)
    people = candidates.filter(pl.col("reason").is_null())["customer_id"]
    contexts = read_contexts(source, source.about(people, scope), setting)
    chooser = Chooser(setting, workspace.learned, contexts, workspace.settings.name, source.moment.as_of)
    return chosen(candidates, chooser)


@contextmanager
def _read(
    source: Source, scope: Scope, names: Sequence[str], few: Few | Ahead | None
) -> Iterator[tuple[Answers, Iterable[tuple[str, pl.DataFrame]]]]:
    """What the warehouse tells of people, and the rows of segments, one ahead of who works on them.

    Of a few people the segments are read first: they tell of whom else there is nothing to be known.
    """
    if isinstance(few, Ahead) and (asked := few.of(source, scope, names)) is not None:
        yield asked
    elif few is None or isinstance(few, Ahead):
        told = [ask(source, scope)]
        with segments_ahead(source, scope, names) as rows:
            yield told.pop(), rows
    else:
        of_few = read_segments_of_few(source, few.scope, sorted(few.segments))
        found = [(name, of_few[name] if name in of_few else read_segment_rows(source, scope, name)) for name in names]
        due = pl.concat([DUE.to_frame(), *(_due(name, rows) for name, rows in found)])
        yield ask(source, few.spoken_of(due, scope, source.moment.as_of)), found


def _due(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("customer_id", pl.lit(name).alias("segment"), "next_due_on")
