"""Messages as the ledger is asked for the right to them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.caps import WINDOWS
from flows.ledger.claims import CLAIM, Batch, Header, claim

if TYPE_CHECKING:
    from flows.ledger.store import Ledger

TODAY = date(2026, 11, 22)
END = datetime(2026, 11, 27, tzinfo=UTC)
ONE = {
    "message_id": "m1",
    "decision_id": "d1",
    "lane": "first",
    "attempt": 1,
    "as_of": TODAY,
    "person_key": "ann",
    "brand": "north",
    "product": "care",
    "subject_key": None,
    "message_type": "marketing",
    "channel": "email",
    "address_key": "ann@",
    "repeats_after": date(2026, 10, 23),
    "per_subject": False,
    "windows": [],
}


def messages(*changes: dict[str, Any]) -> pl.DataFrame:
    """One message per dictionary of what differs from `ONE`."""
    rows = [ONE | change for change in changes or ({},)]
    kinds = {"subject_key": pl.String, "windows": WINDOWS["windows"]}
    return pl.DataFrame(rows, schema_overrides=kinds).head(len(changes))


def header(target: str = "email_file", kind: str = "message", as_of: date = TODAY) -> Header:
    return Header("run", target, "north", "email", kind, as_of)


def claimed(ledger: Ledger, *changes: dict[str, Any], **about: Any) -> Batch:
    """A batch with these claims, committed."""
    with ledger.transaction():
        return claim(ledger, header(**about), [messages(*changes).select(*CLAIM)], END)
