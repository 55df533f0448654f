"""Deciding for some customers: the stages from segment to decision. It writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    from collections.abc import Mapping

    import polars as pl

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
    """

    bars: Bars
    candidates: Mapping[str, pl.DataFrame]
    decisions: pl.DataFrame


@dataclass(frozen=True)
class Past:
    """What the ledger remembers of people.

    Attributes:
        history: `schemas.HISTORY`: what they had, for `once_every`.
        heard: `ledger.pressure.HEARD`: how much they had lately, for the caps.
    """

    history: pl.DataFrame
    heard: pl.DataFrame


def decide(source: Source, scope: Scope, past: Past, key: Key, others: pl.DataFrame | None = None) -> Decided:
    """Decide over all live products.

    Args:
        source: the warehouse, the workspace and the moment.
        scope: the customers.
        past: what the ledger remembers.
        key: for identifiers.
        others: addresses that are looked at beside those of people: see `read_bars`.

    Raises:
        DataError, StatementError: a query of the workspace does not yield what it should.
    """
    workspace, moment = source.workspace, source.moment
    settings = workspace.settings
    bars = read_bars(source, scope, key, others)
    live = workspace.live(moment.as_of)
    rows = {name: read_segment_rows(source, scope, name) for name in sorted({p.segment for p in live})}
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
    return Decided(bars, frames, decisions)
