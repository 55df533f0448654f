"""A tiny workspace after its first day, and files that tell what became of its messages."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from flows import line
from tests.tiny import clock, day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.line.learning import Learned
    from tests.tiny import Tiny

NAMES = ("event_id", "happened_at", "outcome", "customer_id", "message_id", "value", "channel")
TABLES = ("outcome", "scan", "arrival", "acknowledgement", "consent_event", "suppression")
NUMBERS = count()


def at(clock_time: str) -> str:
    """An instant of the first day."""
    return f"2026-11-22T{clock_time}Z"


def row(event_id: str, outcome: str, customer: str = "", message: str = "", **more: str) -> dict[str, str]:
    """A row of our own form, by default of the first day at ten."""
    return {
        "event_id": event_id,
        "happened_at": at("10:00:00"),
        "outcome": outcome,
        "customer_id": customer,
        "message_id": message,
        "value": "",
        "channel": "",
        **more,
    }


def as_csv(rows: Iterable[dict[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def as_ndjson(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps({name: value for name, value in each.items() if value != ''})}\n" for each in rows)


@dataclass(frozen=True)
class Told:
    """A workspace that is told of what became of its messages."""

    tiny: Tiny

    @property
    def ids(self) -> dict[str, str]:
        """Customer -> the message that went by e-mail on the first day."""
        return {row["customer_id"]: row["message_id"] for batch in self.mails() for row in batch.rows}

    def mails(self) -> list[Any]:
        return [b for b in self.tiny.batches() if b.target == "email_file" and b.manifest["as_of"] == "2026-11-22"]

    def file(self, content: str | bytes | list[dict[str, str]], name: str | None = None) -> Path:
        path = self.tiny.folder / (name or f"told-{next(NUMBERS)}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = as_csv(content) if isinstance(content, list) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def learn(self, *files: Path, adapter: str | None = None, on: int = 1) -> Learned:
        with clock(day(on)):
            return line.learn(self.tiny.load(), line.hear(self.tiny.load().settings, files, adapter))

    def rows(self, *rows: dict[str, str], on: int = 1) -> Learned:
        """Learn a file of these rows."""
        return self.learn(self.file(list(rows)), on=on)

    def waiting(self, on: int = 1) -> Learned:
        with clock(day(on)):
            return line.learn(self.tiny.load(), line.hear_waiting(self.tiny.load().settings))

    def outcomes(self, table: str = "outcome") -> list[tuple[Any, ...]]:
        """What is in the table, without ids of events and when it came."""
        columns = "outcome, person_key, message_id, value, channel, happened_at::VARCHAR, source"
        return sorted(self.tiny.history(f"SELECT {columns} FROM {table}"), key=repr)

    def person(self, customer: str) -> str:
        """The key of somebody who got a mail."""
        [(key,)] = self.tiny.history(f"SELECT person_key FROM claim WHERE message_id = '{self.ids[customer]}'")
        return key

    def inbox(self) -> list[str]:
        folder = self.tiny.state / "inbox/outcomes"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
