"""What a state target holds: identifiers as published, kept until their removal is published."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from flows.durable import write_bytes
from flows.errors import StateError

if TYPE_CHECKING:
    from flows.settings import Settings


def read_members(settings: Settings, target: str, brand: str, batch_id: str | None, schema: pl.Schema) -> pl.DataFrame:
    """The members as of a published batch; none before the first.

    Raises:
        StateError: the file is gone, so nobody could be removed any more.
    """
    if batch_id is None:
        return schema.to_frame()
    path = settings.folder("membership", target, brand, f"{batch_id}.parquet")
    if not path.exists():
        hint = "restore it from your backup: without it nobody can be removed downstream"
        raise StateError(path.name, "the membership of this batch is missing from the state folder", hint)
    members = pl.read_parquet(path)
    # An earlier version of the program may have kept less.
    missing = [pl.lit(None).alias(name) for name in schema if name not in members.columns]
    return members.with_columns(missing).select(schema.names()).cast(dict(schema))  # type: ignore[arg-type]


def write_members(settings: Settings, target: str, brand: str, batch_id: str, members: pl.DataFrame) -> None:
    """Keep the members as they will be once the batch is published; it counts only from then on."""
    content = io.BytesIO()
    members.write_parquet(content)
    write_bytes(settings.folder("membership", target, brand, f"{batch_id}.parquet"), content.getvalue())


def forget_older(settings: Settings, target: str, brand: str, *batch_ids: str) -> None:
    """Drop the members of all other batches: their removals have been published."""
    for path in settings.folder("membership", target, brand).glob("*.parquet"):
        if path.stem not in batch_ids:
            path.unlink()
