"""Braze: Currents, as the HTTP connector posts it (`events`), or exports of its tables with the type as `event_type`.

Currents know people, not our messages: `external_user_id` is the customer_id under which the target `braze` imports them. To get
the message back, too, put `{% message_extras :key message_id :value {{custom_attribute.${message_id}}} %}` into the campaign.
Without it nothing is told of messages themselves, and what people did is told of the customer. That somebody opened a push is a
click. A soft bounce is tried again, so the message has not failed by it. Currents in cloud storage are Avro: make JSON of them.
Source: braze.com/docs, user_guide/data/distribution/braze_currents/event_glossary/message_engagement_events (id, time,
external_user_id); liquid/advanced_filters/message_extras.
"""

from __future__ import annotations

import re
from typing import Any

from flows.adapters import Adapter, at, inner, ours, rows_of

_TELLS: dict[str, tuple[str, ...]] = {
    "Send": ("loaded",),
    "Delivery": ("sent",),
    "Abort": ("failed",),
    "Bounce": ("failed", "hard_bounce"),
    "SoftBounce": ("soft_bounce",),
    "Rejection": ("failed",),
    "DeliveryFailure": ("failed",),
    "MarkAsSpam": ("complained",),
    "Unsubscribe": ("unsubscribed",),
    "Click": ("clicked",),
    "ShortLinkClick": ("clicked",),
}
_CHANNELS = {"email": "email", "sms": "sms", "pushnotification": "push"}


def _rows(event: dict[str, Any]) -> list[dict[str, str | None]]:
    if "events" in event:
        return [row for each in event["events"] for row in _rows(each)]
    kind = re.fullmatch(r"users\.messages\.(\w+)\.(\w+)", event["event_type"])
    if kind is None or kind[1] not in _CHANNELS:
        return []
    flat = event | (event.get("user") or {}) | (event.get("properties") or {})
    is_opened_push = kind[1] == "pushnotification" and kind[2] == "Open"
    outcomes = ("clicked",) if is_opened_push else _TELLS.get(kind[2], ())
    extras = flat.get("message_extras") or {}
    extras = inner(extras) if isinstance(extras, str) else extras
    return rows_of(
        event["id"],
        at(event["time"]),
        *outcomes,
        message_id=ours(extras.get("message_id")),
        customer_id=flat.get("external_user_id") or None,
        channel=_CHANNELS[kind[1]],
    )


ADAPTER = Adapter("braze", _rows, unverified=("events", "event_type", "user", "properties", "message_extras"))
