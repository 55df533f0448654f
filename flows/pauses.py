"""Products that say nothing until a person has looked: a kind of stop, which has a product's status be `paused`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flows import stops
from flows.clock import present
from flows.durable import write_bytes
from flows.errors import UsageError, nearest

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.stops import Stop

_ENDED = "resumed"


@dataclass(frozen=True)
class Pause:
    """A product that is paused.

    Attributes:
        product: its name.
        since: UTC instant.
        why: what a person should look at; nothing of a customer.
    """

    product: str
    since: datetime
    why: str


def paused(settings: Settings) -> dict[str, Pause]:
    """The products that are paused, by name. Raises StateError where a file is not as it was written."""
    return {stop.name: _pause(stop) for stop in stops.stopped(settings, "product")}


def pause(settings: Settings, product: str, why: str, at: datetime) -> Pause:
    """Have a product say nothing from now on; one that is paused already keeps its reason.

    What is being delivered is sealed no more, and no plan that was made before is delivered.
    """
    return _pause(stops.stop(settings, "product", product, why, at))


def resume(settings: Settings, product: str) -> Pause:
    """End a pause, and return it. It is noted when: what was seen before no longer pauses the product by itself.

    Raises:
        UsageError: the product is not paused.
    """
    known = paused(settings)
    if product not in known:
        raise UsageError("justenough resume", f"'{product}' is not paused", nearest(product, known))
    write_bytes(settings.folder(_ENDED, f"{product}.json"), json.dumps({"at": present().isoformat()}).encode())
    return _pause(stops.go(settings, "product", product))


def resumed(settings: Settings, product: str) -> datetime | None:
    """When a person let a product speak again last; None: nobody ever did, or what was noted cannot be read."""
    try:
        return datetime.fromisoformat(json.loads(settings.folder(_ENDED, f"{product}.json").read_bytes())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pause(stop: Stop) -> Pause:
    return Pause(stop.name, stop.since, stop.why)
