"""What the line makes of candidates from the guard on, whatever was checked before: all that each message says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.keys import load_key
from flows.stages.crowd import HELD, crowded, lowered, merged, shown
from flows.stages.guard import guarded
from flows.stages.message import worded
from flows.stages.routing import routed
from tests.stages.making import MOMENT, said

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.product import Product
    from flows.workspace import Workspace

BLOCKS = {
    "email": ("subject", "preheader", "html", "text"),
    "sms": ("body",),
    "web": ("headline", "body"),
    "ads": ("headline", "description"),
}


def with_ways(rows: pl.DataFrame) -> pl.DataFrame:
    """Candidates with an address in every channel."""
    open_ones = {
        f"{way}_{part}": pl.lit(None if part == "reason" else way, pl.String)
        for way in BLOCKS
        for part in ("reason", "address", "match", "phone", "event")
    }
    return rows.with_columns(country=pl.lit("DE"), locale=pl.lit("en"), time_zone=pl.lit("UTC"), **open_ones)


def decisions(rows: pl.DataFrame) -> pl.DataFrame:
    """That something is to be said to each of some candidates."""
    about = {"person_key": "customer_id", "decision_id": "customer_id"}
    return rows.select(
        "customer_id", "brand", "subject_id", "product", "message_type", "subject_key", "valid_until", **about,
        score=pl.lit(0.5), variant=pl.lit(None, pl.String), reason=pl.lit(None, pl.String),
    )  # fmt: skip


def leaving(
    workspace: Workspace, of: Product, rows: pl.DataFrame, *, targeted: Collection[str] = (), floor: int = 0
) -> pl.DataFrame:
    """`customer_id, channel, level, facts` and `text`, all that a message says: its words, and what stands in its slots.

    Args:
        workspace: gives words, fields, catalogue and key.
        of: the product.
        rows: candidates `with_ways`.
        targeted: the dimensions that decide who is in the segment.
        floor: how many have to share what is shown.
    """
    fields, key = workspace.fields(of), load_key(workspace.settings.key_file)
    facts = guarded(decisions(rows), rows, of, fields, workspace.catalogue, said().clear(), MOMENT)
    lanes = routed(facts, of, workspace.settings, fields, targeted)
    told, counts = shown(lanes, of, workspace.words[of.name], fields, key)
    floors = dict.fromkeys((*BLOCKS, "push"), floor)
    done = lowered(told, crowded(merged([counts]), HELD.to_frame(), floors, []), of, fields)
    made = worded(done, of, workspace, key)
    slots = [name for name in made.rows.columns if name.startswith("s") and name[1:2].isdigit()]
    words = {name: " ".join(creative["parts"].values()) for name, creative in made.creatives.items()}
    said_to_all = pl.col("creative_id").replace_strict(words)
    text = pl.concat_str(said_to_all, *(pl.col(name).fill_null("") for name in slots), separator=" ")
    return made.rows.select("customer_id", "channel", "level", "facts", text=text)
