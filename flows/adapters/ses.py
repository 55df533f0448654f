"""Amazon SES: event publishing, as Firehose writes it or SNS hands it on.

Our message_id travels as the tag `message_id` (ReplacementTags of the target `ses`), which comes back with every event of a
configuration set; feedback notifications of an identity have no tags, and tell nothing that we could place.
Source: docs.aws.amazon.com/ses/latest/dg, event-publishing-retrieving-sns-contents and -examples, -firehose-contents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.adapters import Adapter, inner, ours, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_TELLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Send": ("send", ("loaded",)),
    "Delivery": ("delivery", ("sent",)),
    "Reject": ("reject", ("failed",)),
    "Rendering Failure": ("failure", ("failed",)),
    "Complaint": ("complaint", ("complained",)),
    "Click": ("click", ("clicked",)),
}
"""Type of event -> the object that says more of it, and what it tells."""


def _rows(event: dict[str, Any]) -> list[dict[str, str | None]]:
    if event.get("Type") == "Notification":
        event = inner(event["Message"])
    kind = event.get("eventType") or event["notificationType"]
    mail = event["mail"]
    key, outcomes = _TELLS.get(kind, (kind.lower(), ()))
    more = event.get(key) or {}
    if kind == "Bounce":
        outcomes = ("failed", "hard_bounce" if more["bounceType"] == "Permanent" else "soft_bounce")
    if kind == "Subscription" and _leaves(more.get("newTopicPreferences") or {}):
        outcomes = ("unsubscribed",)
    happened_at = more.get("timestamp") or mail["timestamp"]
    event_id = " ".join(filter(None, (mail["messageId"], kind, happened_at, more.get("link"))))
    tags = (mail.get("tags") or {}).get("message_id") or [None]
    return rows_of(event_id, happened_at, *outcomes, message_id=ours(tags[0]), channel="email")


def _leaves(preferences: Mapping[str, Any]) -> bool:
    """Whether somebody has left a topic, or all of them."""
    topics = preferences.get("topicSubscriptionStatus") or ()
    return bool(preferences.get("unsubscribeAll")) or any(each["subscriptionStatus"] == "OptOut" for each in topics)


ADAPTER = Adapter("ses", _rows, unverified=("newTopicPreferences", "unsubscribeAll", "topicSubscriptionStatus"))
