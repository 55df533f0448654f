"""A tiny workspace after its first day, and files that tell what its customers did then."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from flows import line
from tests.tiny import clock, day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.line.responding import Answered
    from tests.tiny import Tiny

NAMES = ("event_id", "happened_at", "event", "customer_id", "channel")
NUMBERS = count()


def event(event_id: str, customer: str, channel: str = "", **more: str) -> dict[str, str]:
    """A basket that was left an hour before the second day's run."""
    usual = {"event_id": event_id, "happened_at": "2026-11-23T08:00:00Z", "event": "basket_left"}
    return {**usual, "customer_id": customer, "channel": channel, **more}


def as_csv(rows: Iterable[dict[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


@dataclass(frozen=True)
class Happened:
    """A workspace that is told what its customers did."""

    tiny: Tiny

    def file(self, rows: Iterable[dict[str, str]] | str, name: str | None = None) -> Path:
        path = self.tiny.folder / (name or f"events-{next(NUMBERS)}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows if isinstance(rows, str) else as_csv(rows), "utf-8")
        return path

    def respond(self, *rows: dict[str, str], on: int = 1) -> Answered:
        """Answer a file of these events."""
        path = self.file(rows)
        with clock(day(on)):
            return line.respond(self.tiny.load(), [path])

    def put(self, rows: Iterable[dict[str, str]] | str, name: str, *, is_old: bool = True) -> Path:
        """Put a file into the inbox, written an hour ago."""
        path = self.file(rows, f".justenough/inbox/events/{name}")
        if is_old:
            long_ago = path.stat().st_mtime - 3600
            os.utime(path, (long_ago, long_ago))
        return path

    def waiting(self, on: int = 1) -> Answered:
        with clock(day(on)):
            return line.respond_waiting(self.tiny.load())

    def inbox(self) -> list[str]:
        folder = self.tiny.state / "inbox/events"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def events(self) -> list[tuple[Any, ...]]:
        return self.tiny.history("SELECT event, channel, happened_at::VARCHAR FROM event ORDER BY ALL")

    def sent(self, as_of: str = "2026-11-23") -> dict[str, set[str]]:
        """Target -> whom a day's batches of messages name."""
        found: dict[str, set[str]] = {}
        for batch in self.tiny.batches():
            if batch.manifest["as_of"] == as_of and batch.manifest["kind"] == "message":
                found.setdefault(batch.target, set()).update(row["customer_id"] for row in batch.rows)
        return found


def as_ndjson(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps({name: value for name, value in row.items() if value != ''})}\n" for row in rows)
