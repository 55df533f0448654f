"""Deciding for some customers: the stages from segment to decision. It writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.keys import load_keys, recognised
from flows.line.sources import read_bars, read_segment_rows
from flows.schemas import DECISIONS
from flows.stages.decision import decided
from flows.stages.eligibility import eligible
from flows.stages.language import spoken
from flows.stages.pressure import burdened, paced
from flows.stages.relevance import scored
from flows.stages.segment import candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from flows.keys import Key
    from flows.line.sources import Source
    from flows.stages.eligibility import Bars
    from flows.warehouse.scope import Scope


@dataclass(frozen=True)
class Decided:
    """What was decided for some customers.

    Attributes:
        bars: who they are, and what bars speaking to them.
        candidates: live product -> the rows of its segment, scored.
        decisions: `schemas.DECISIONS`.
        due: `customer_id, segment, next_due_on` of every row of a segment, those that are scheduled for a later day, too.
    """

    bars: Bars
    candidates: Mapping[str, pl.DataFrame]
    decisions: pl.DataFrame
    due: pl.DataFrame


@dataclass(frozen=True)
class Few:
    """That some segments are read for a few customers alone (see `line.rolling`), and bars for nobody whom no query names.

    Attributes:
        segments: these.
        scope: the customers.
        named: whom audiences name; None where all of them have to be known.
    """

    segments: Collection[str]
    scope: Scope
    named: Sequence[str] | None

    def spoken_of(self, due: pl.DataFrame, scope: Scope, as_of: date) -> Scope:
        """Whom bars are read for: those among `scope` whom a row of `Decided.due` names today, or an audience does."""
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
    """

    history: pl.DataFrame
    heard: pl.DataFrame


def decide(source: Source, scope: Scope, past: Past, key: Key, few: Few | None = None) -> Decided:
    """Decide over all live products.

    Args:
        source: the warehouse, the workspace and the moment.
        scope: the customers.
        past: what the ledger remembers.
        key: for identifiers.
        few: of whom alone some segments are read; None reads all of them over the scope.

    Raises:
        DataError, StatementError: a query of the workspace does not yield what it should.
    """
    workspace, moment = source.workspace, source.moment
    settings = workspace.settings
    live = workspace.live(moment.as_of)
    rows = {
        name: read_segment_rows(source, few.scope if few and name in few.segments else scope, name)
        for name in sorted({product.segment for product in live})
    }
    due = _due(rows)
    bars = read_bars(source, few.spoken_of(due, scope, moment.as_of) if few else scope, key)
    burdens = burdened(bars.people, past.heard, settings, moment.present)
    frames: dict[str, pl.DataFrame] = {}
    keys = load_keys(settings.key_file)
    history = recognised(past.history, "person_key", bars.people["customer_id"], keys)
    for each in rows.values():
        history = recognised(history, "subject_key", each["subject_id"], keys)
    for product in live:
        about = candidates(rows[product.segment], product, moment, key)
        open_ones = eligible(about, bars, history, product, workspace.channels(product), settings.targets, moment)
        likely = scored(paced(open_ones, burdens, product, settings.caps), product, moment)
        frames[product.name] = spoken(likely, product, workspace.words[product.name], settings.locale, moment.as_of)
    decisions = decided(list(frames.values()), history, live, settings, key, moment) if live else DECISIONS.to_frame()
    return Decided(bars, frames, decisions, due)


def _due(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    kinds = {"customer_id": pl.String, "segment": pl.String, "next_due_on": pl.Date}
    each = [frame.select("customer_id", pl.lit(name).alias("segment"), "next_due_on") for name, frame in rows.items()]
    return pl.concat([pl.DataFrame(schema=kinds), *each])
