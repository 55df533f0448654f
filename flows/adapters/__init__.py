"""What platforms tell of messages, and the registry of adapters: one file each in this folder, found by itself.

An adapter makes rows of a platform's events, in the columns of our own files. It runs where those are read: in a child that has
no ledger and no key. `loaded`, `sent` and `failed` tell what became of a message; every other word is an outcome. That a message
was opened is not among them: programs fetch pictures for people, or keep them from being fetched, so it tells nothing of anybody.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flows.errors import UsageError, nearest
from flows.incoming import Shape, each_once
from flows.tokens import MESSAGE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

STATES = ("loaded", "sent", "failed")
"""What a file tells of a message itself, in the column `outcome`."""
CLICKS = ("clicked", "visited")
"""The outcomes that a scanner of links makes, too."""
STOPS = {"unsubscribed": "no", "complained": "complained", "hard_bounce": "bounced"}
"""The outcomes after which somebody gets nothing any more -> what that is among notices."""

FILE = Shape(
    columns={
        name: (name,)
        for name in ("event_id", "happened_at", "outcome", "customer_id", "message_id", "value", "channel")
    },
    required=("event_id", "happened_at", "outcome"),
    patterns={
        "event_id": r"\S.{0,2047}",
        "happened_at": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)",
        "outcome": "[a-z][a-z_]{0,39}",  # without digits: in a column that was mixed up stand ids
        "customer_id": ".{1,255}",
        "message_id": MESSAGE_ID,
        "value": r"[+-]?\d{1,15}(\.\d{1,17})?([eE][+-]?\d{1,2})?",
        "channel": "[a-z][a-z_]{0,19}",
    },
    may_be_parquet=True,
    hint="write event_id, happened_at (2026-11-22T09:00:00Z), outcome, customer_id or message_id; see docs/reference/outcomes.md",
)
"""What tells of outcomes in our own words: CSV, NDJSON or Parquet."""


@dataclass(frozen=True)
class Adapter:
    """How a platform tells of messages.

    Attributes:
        name: as it is asked for, and as a folder of the inbox is called.
        rows: from an event to rows in the columns of `FILE`; none where it is about nothing of ours, or tells nothing.
        unverified: names of the platform's that no documentation of its own, as far as we have read it, vouches for.
    """

    name: str
    rows: Callable[[dict[str, Any]], Iterable[Mapping[str, str | None]]]
    unverified: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """Of its files: JSON, an event or a list of events a line."""
        hint = f"give the events as {self.name} writes them, one object or list a line"
        return replace(FILE, unfold=self.rows, may_be_parquet=False, hint=hint)


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter of this folder by name: each file with an `ADAPTER`."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.ADAPTER.name: module.ADAPTER for module in modules if hasattr(module, "ADAPTER")}


def shape_of(name: str | None, where: str = "--as") -> Shape:
    """The shape of the files of that adapter; without a name that of our own.

    Raises:
        UsageError: there is none of that name.
    """
    if name is None:
        return FILE
    if name not in adapters():
        raise UsageError(where, f"there is no adapter '{name}'", nearest(name, adapters()))
    return adapters()[name].shape


def rows_of(event_id: str, happened_at: str, *outcomes: str, **about: str | None) -> list[dict[str, str | None]]:
    """Rows of one event: one for each of its outcomes; none where it is about no message and no customer of ours.

    Args:
        event_id: the same whenever the event is told.
        happened_at: with its zone.
        outcomes: what it tells.
        about: `message_id`, `customer_id`, `channel`.
    """
    if not (about.get("message_id") or about.get("customer_id")):
        return []
    blank = dict.fromkeys(FILE.columns)
    told = [outcome for outcome in outcomes if outcome not in STATES or about.get("message_id")]
    return [{**blank, "event_id": event_id, "happened_at": happened_at, "outcome": each, **about} for each in told]


def at(seconds: str) -> str:
    """An instant that is given as seconds since 1970, which may have a fraction. Raises ValueError, OverflowError."""
    whole, _, fraction = seconds.partition(".")
    microseconds = int(f"{fraction:0<6}"[:6])
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(whole), microseconds=microseconds)).isoformat()


def inner(text: str) -> dict[str, Any]:
    """A JSON object that stands in a text, its numbers as texts. Raises ValueError, TypeError."""
    found = json.loads(text, object_pairs_hook=each_once, parse_int=str, parse_float=str)
    if not isinstance(found, dict):
        raise TypeError(text)
    return found


def ours(text: object) -> str | None:
    """A message_id of ours, alone or before the @ of a Message-ID; None where it is another."""
    found = re.fullmatch(f"<?({MESSAGE_ID})(@[^@]*)?", text) if isinstance(text, str) else None
    return found[1] if found else None
