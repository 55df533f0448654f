"""Deciding for some customers: the stages from segment to decision. It writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.keys import load_keys, recognised
from flows.line.segments import segments_ahead
from flows.line.sources import ask, bars_of
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
        others: addresses that are looked at beside those of people: see `bars_of`.

    Raises:
        DataError, StatementError: a query of the workspace does not yield what it should.
    """
    workspace, moment = source.workspace, source.moment
    settings = workspace.settings
    live, answers = workspace.live(moment.as_of), ask(source, scope)
    with segments_ahead(source, scope, sorted({product.segment for product in live})) as segments:
        bars = bars_of(source, answers, key, others)
        del answers  # events by the million
        burdens = burdened(bars.people, past.heard, settings, moment.present)
        keys = load_keys(settings.key_file)
        history = recognised(past.history, "person_key", bars.people["customer_id"], keys)
        found: dict[str, pl.DataFrame] = {}
        for name, rows in segments:
            had = recognised(history, "subject_key", rows["subject_id"], keys)
            for product in (one for one in live if one.segment == name):
                about = candidates(rows, product, moment, key)
                open_ones = eligible(about, bars, had, product, workspace.channels(product), settings.targets, moment)
                likely = scored(paced(open_ones, burdens, product, settings.caps), product, moment)
                words = workspace.words[product.name]
                found[product.name] = spoken(likely, product, words, settings.locale, moment.as_of)
    frames = {product.name: found[product.name] for product in live}
    decisions = decided(list(frames.values()), history, live, settings, key, moment) if live else DECISIONS.to_frame()
    return Decided(bars, frames, decisions)
