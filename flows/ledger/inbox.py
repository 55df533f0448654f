"""The inbox of notices: what people say between runs, and what platforms tell of addresses.

A writer needs neither the ledger nor the run's lock, so it never waits: it adds one file, whole and synced, or none. Every seal
drains the inbox first (`ledger.consent.drain`); what was in it by then holds for the batch.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.clock import present
from flows.durable import private_folder, sync_folder, write_bytes
from flows.errors import DataError
from flows.incoming import DoubledKeyError, each_once
from flows.ledger.states import Said
from flows.schemas import COLUMNS
from flows.tokens import ID_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.settings import Settings

NOTICES = pl.Schema(
    {
        "event_id": pl.String(),
        "customer_id": pl.String(),
        "address": pl.String(),
        "message_id": pl.String(),
        **{name: COLUMNS[name].type for name in ("brand", "channel", "topic", "state", "happened_at", "until")},
        "source": pl.String(),
        "wording": pl.String(),
    }
)
"""A notice as a row; `event_id` is its file, when that was written, and its line: a name may come again with other notices."""


class Notice(BaseModel):
    """One thing that a person, or a platform of an address, has said.

    Attributes:
        customer_id, address, message_id: whom it is about; one of them.
        brand, channel, topic: what it is about; '*' is all.
        state: no; yes; pending (a second confirmation is asked for); snooze (a no until `until`); and of an address bounced (for
            good) or complained.
        happened_at, until: with their zone; without the former it counts from when it was received.
        source, wording: where it was said and which words were agreed to; a yes needs both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer_id: str | None = Field(default=None, min_length=1)
    address: str | None = Field(default=None, min_length=1)
    message_id: str | None = Field(default=None, min_length=1)
    brand: str = "*"
    channel: str = "*"
    topic: str = "*"
    state: Said = "no"
    happened_at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    source: str | None = None
    wording: str | None = None

    @model_validator(mode="after")
    def _is_about_one(self) -> Notice:
        about = [name for name in ("customer_id", "address", "message_id") if getattr(self, name) is not None]
        if len(about) != 1:
            raise ValueError("it names one of customer_id, address and message_id")
        if self.state in ("bounced", "complained") and self.customer_id is not None:
            raise ValueError(f"'{self.state}' is said of an address or a message_id")
        if self.state in ("yes", "pending", "snooze") and self.address is not None:
            raise ValueError(f"'{self.state}' is said by a customer_id or a message_id")
        if (
            self.address
            and self.channel != "push"
            and not any(letter == "@" or letter.isdigit() for letter in self.address)
        ):
            raise ValueError("an address has an @ or digits")
        if self.state == "yes" and not (self.source and self.wording):
            raise ValueError("a yes names its source and its wording")
        if self.state == "snooze" and self.until is None:
            raise ValueError("a snooze says until when")
        return self


def write(settings: Settings, notices: Iterable[Notice]) -> int:
    """Add notices to the inbox, all or none; when it returns they survive a power cut. Returns how many.

    Raises:
        OutboxError: the inbox cannot be written to.
    """
    lines = [notice.model_dump_json(exclude_none=True) for notice in notices]
    if lines:
        name = f"{present():%Y%m%dT%H%M%S}-{secrets.token_hex(8)}.ndjson"
        write_bytes(_folder(settings) / name, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def parse(content: bytes, where: str) -> list[Notice]:
    """The notices of an NDJSON file.

    Raises:
        DataError: naming the first line that is none, and never what stands in it.
    """
    found = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        hint = "mend the line, or move the file away: what it says would be lost otherwise"
        try:
            found.append(Notice.model_validate_json(line))
            json.loads(line, object_pairs_hook=each_once)
        except ValidationError as problems:
            raise DataError(f"{where}:{number}", f"this is no notice: {spoken(problems)}", hint) from None
        except DoubledKeyError:
            raise DataError(f"{where}:{number}", "this is no notice: a key stands twice", hint) from None
    return found


def spoken(problems: ValidationError) -> str:
    """What is wrong with a notice first, without the value that is."""
    first = problems.errors(include_input=False, include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return ": ".join([*map(str, first["loc"][:1] if first["type"] != "extra_forbidden" else ()), first["msg"]])


def waiting(settings: Settings) -> list[Path]:
    """The files of the inbox, the oldest first. Those that are empty, or whose names begin with a dot, are still being written.

    Raises:
        DataError: something there is no plain file.
    """
    found = sorted(path for path in _folder(settings).glob("*.ndjson") if not path.name.startswith("."))
    for path in found:
        if path.is_symlink() or not path.is_file():  # a pipe would be waited for
            raise DataError(f"inbox/opt-outs/{path.name}", "this is not a plain file", "move it away")
    return [path for path in found if path.stat().st_size > 0]


def read(files: Iterable[Path]) -> pl.DataFrame:
    """`NOTICES` of some files of the inbox. Raises as `parse`."""
    rows = [
        {"event_id": f"{path.stem}-{path.stat().st_mtime_ns}-{number}", **_row(notice)}
        for path in files
        for number, notice in enumerate(parse(path.read_bytes(), f"inbox/opt-outs/{path.name}"), start=1)
    ]
    return pl.DataFrame(rows, schema=NOTICES).with_columns(pl.col("message_id").str.head(ID_DIGITS))


def remove(files: Iterable[Path]) -> None:
    """Drop files that the ledger has taken over, and with them the identities in them."""
    for path in files:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _row(notice: Notice) -> dict[str, Any]:
    instants = {name: value.astimezone(UTC) for name, value in notice if isinstance(value, datetime)}
    return {**notice.model_dump(), **instants}


def _folder(settings: Settings) -> Path:
    return private_folder(settings.folder("inbox", "opt-outs"))
