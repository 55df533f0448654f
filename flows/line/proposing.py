"""All that waits for a person to accept it: what looks at products have kept, and what is learned now of helps and relevance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.learning.choices import read_choices, told_so_far
from flows.ledger.proposals import OPEN, open_proposals
from flows.ledger.store import open_ledger
from flows.line.calibrating import calibrate, learned_weights
from flows.line.choosing import learned_choice
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from flows.settings import Settings

WAITING = pl.Schema({**OPEN, "accept": pl.String()})
"""`accept` is the command that accepts it. What was learned is of no product alone, and found by the look itself: `product` and
`made_at` are null."""


def proposed(settings: Settings) -> pl.DataFrame:
    """`WAITING`: by product, and then what was learned and is not in use, where the setting `next_best` has it learned.

    Raises:
        StateError: the history cannot be read.
        JustEnoughError: the workspace is not sound, as `load_workspace` says; where something is learned.
    """
    with open_ledger(settings, read_only=True) as ledger:
        kept = open_proposals(ledger).with_columns(accept=pl.format("justenough accept {}", "id"))
    if settings.next_best is None:
        return kept
    workspace = load_workspace(settings.workspace)
    so_far = told_so_far(workspace)
    looks = (learned_choice(read_choices(workspace, so_far)), learned_weights(calibrate(workspace, so_far)))
    rows = [
        {**vars(found), "accept": f"{found.where} --accept {found.id}"}
        for found in looks
        if found is not None and not found.is_in_use(settings)
    ]
    learned = pl.DataFrame([{**dict.fromkeys(WAITING), **row} for row in rows], schema=dict(WAITING))
    return pl.concat([kept, learned])
