"""What a state target holds: identifiers as published, kept until their removal is published."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from flows.durable import write_bytes
from flows.errors import StateError
from flows.growing import write_pieces
from flows.tokens import ID_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.settings import Settings


def scan_members(settings: Settings, target: str, brand: str, batch_id: str | None, schema: pl.Schema) -> pl.LazyFrame:
    """The members as of a published batch; none before the first. Nothing is read yet: there may be more than can be held.

    Raises:
        StateError: the file is gone, so nobody could be removed any more.
    """
    if batch_id is None:
        return schema.to_frame().lazy()
    path = settings.folder("membership", target, brand, f"{batch_id}.parquet")
    if not path.exists():
        hint = "restore it from your backup: without it nobody can be removed downstream"
        raise StateError(path.name, "the membership of this batch is missing from the state folder", hint)
    members = pl.scan_parquet(path)
    known = members.collect_schema()
    # An earlier version of the program may have kept less, and longer keys. What is cast is read whole before it is looked at.
    columns = [
        pl.col(name)
        if known.get(name) == kind
        else (pl.col(name) if name in known else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    ]
    keyed = [pl.col(name).str.head(ID_DIGITS) for name in ("message_id", "decision_id", "person_key") if name in schema]
    return members.select(columns).with_columns(keyed)


def write_members(
    settings: Settings, target: str, brand: str, batch_id: str, members: pl.DataFrame | Iterable[pl.DataFrame]
) -> None:
    """Keep the members as they will be once the batch is published; it counts only from then on. They may come in pieces."""
    path = settings.folder("membership", target, brand, f"{batch_id}.parquet")
    if isinstance(members, pl.DataFrame):
        content = io.BytesIO()
        members.write_parquet(content)
        write_bytes(path, content.getvalue())
    else:
        write_pieces(path, members)


def forget_older(settings: Settings, target: str, brand: str, *batch_ids: str) -> None:
    """Drop the members of all other batches: their removals have been published."""
    for path in settings.folder("membership", target, brand).glob("*.parquet"):
        if path.stem not in batch_ids:
            path.unlink()
