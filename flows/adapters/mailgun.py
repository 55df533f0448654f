"""Mailgun: bodies of its webhooks (`event-data`), or pages of its Events API (`items`).

Our message_id comes back in the Message-ID, which the target `eml` makes of it, or as the user variable `message_id`. A permanent
failure is a hard bounce only where its reason says so: Mailgun gives up for other reasons, too. An event's id is unique within a
day, so the time is part of it here.
Source: documentation.mailgun.com/docs/mailgun/user-manual, events/event-types, events/event-structure, webhooks/webhook-payloads.
"""

from __future__ import annotations

from typing import Any

from flows.adapters import Adapter, at, ours, rows_of

_TELLS: dict[str, tuple[str, ...]] = {
    "accepted": ("loaded",),
    "delivered": ("sent",),
    "rejected": ("failed",),
    "clicked": ("clicked",),
    "complained": ("complained",),
    "unsubscribed": ("unsubscribed",),
}
_GONE = ("bounce", "suppress-bounce")
"""Reasons of a permanent failure that say that there is no such address."""


def _rows(event: dict[str, Any]) -> list[dict[str, str | None]]:
    if "items" in event:
        return [row for each in event["items"] for row in _rows(each)]
    event = event.get("event-data", event)
    outcomes = _TELLS.get(event["event"], ())
    if event["event"] == "failed" and event["severity"] == "permanent":
        outcomes = ("failed", "hard_bounce") if event.get("reason") in _GONE else ("failed",)
    told = (event.get("user-variables") or {}).get("message_id")
    headers = (event.get("message") or {}).get("headers") or {}
    return rows_of(
        f"{event['id']} {event['timestamp']}",
        at(event["timestamp"]),
        *outcomes,
        message_id=ours(told) or ours(headers.get("message-id")),
        channel="email",
    )


ADAPTER = Adapter("mailgun", _rows, unverified=("reason",))
