"""SendGrid: the Event Webhook, a list of events a line.

Our message_id travels in `custom_args` (target `sendgrid`), which come back beside the event's own entries. `dropped` and
`blocked` have reached nobody, and may be tried again; a `bounce` of type `bounce` is one for good.
Source: twilio.com/docs/sendgrid/for-developers/tracking-events/event.
"""

from __future__ import annotations

from typing import Any

from flows.adapters import Adapter, at, ours, rows_of

_TELLS: dict[str, tuple[str, ...]] = {
    "processed": ("loaded",),
    "delivered": ("sent",),
    "dropped": ("failed",),
    "click": ("clicked",),
    "spamreport": ("complained",),
    "unsubscribe": ("unsubscribed",),
    "group_unsubscribe": ("unsubscribed",),
}


def _rows(event: dict[str, Any]) -> list[dict[str, str | None]]:
    outcomes = _TELLS.get(event["event"], ())
    if event["event"] == "bounce":
        outcomes = ("failed", "soft_bounce" if event.get("type") == "blocked" else "hard_bounce")
    return rows_of(
        event["sg_event_id"],
        at(event["timestamp"]),
        *outcomes,
        message_id=ours(event.get("message_id")),
        channel="email",
    )


ADAPTER = Adapter("sendgrid", _rows)
